//! `punchcard import orders`: files of orders, with rubbish in them, sent twice, and killed half-way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use host_tests::process::{kill, punchcard, started};
use host_tests::{masked, open_store, pack};
use jiff::civil::Date;
use punchcard::clock::{Clock, Entropy};
use punchcard::domain::{Actor, Code, Currency, IdSource, Label, Member, StaffId, ZoneName};
use punchcard::ledger::House;
use punchcard::pack::{Packs, Trust};
use punchcard::store::layout::{self, Side};
use punchcard::store::{JOURNAL_DIR, StoreError};
use punchcard::usecase::{
    CreateMerchant, EnablePack, Figure, Host, NewStore, create_merchant, enable_pack, house_total, list_merchants,
    read_assets, read_figures, upload_pack,
};
use punchcard::vault::Vault;
use tempfile::TempDir;

/// What is in a data directory after an import.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    orders: i64,
    total_minor: i64,
    members: i64,
    points_issued: i64,
    /// What each customer can spend.
    points: BTreeMap<String, u64>,
}

/// A data directory with a merchant who takes dollars and gives a point for each.
fn shop() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    with_host(dir.path(), |host| {
        let (code, label) = (|text| Code::new(text).unwrap(), |text| Label::new(text).unwrap());
        let new = CreateMerchant {
            name: label("Records"),
            currency: Currency::new("USD").unwrap(),
            time_zone: ZoneName::new("America/New_York").unwrap(),
            locale: label("en"),
            stores: vec![NewStore { code: code("online"), name: label("Online") }],
        };
        let id = IdSource::new(host.clock.now(), host.entropy.bits()).merchant();
        let created = host.operate(id, |tx, act| create_merchant(tx, act, &new)).unwrap();
        let actor = Actor::owner(id, StaffId::from_bytes([0; 16]));
        let (revision, loaded) = upload_pack(host, &actor, pack("points")).unwrap();
        let enable = EnablePack {
            pack: revision.pack,
            revision: revision.id,
            stores: created.stores.iter().map(|store| store.id).collect(),
            grants: loaded.manifest.grants_asked(),
            settings: serde_json::json!({}),
            store_settings: std::collections::BTreeMap::new(),
            follow_from: None,
        };
        host.act(&actor, |tx, act| enable_pack(tx, act, &enable)).unwrap();
    });
    dir
}

/// Opens a data directory in this process, for a moment.
fn with_host<T>(dir: &Path, look: impl FnOnce(&Host) -> T) -> T {
    let clock = Clock::standing_at("1999-01-01T00:00:00Z".parse().unwrap());
    let host = Host::new(open_store(dir), Packs::new().unwrap(), clock, Entropy::seeded(1), Vault::seeded(1));
    let host = host.trusting(Trust::development());
    let seen = look(&host);
    host.store.close().unwrap();
    seen
}

fn found(dir: &TempDir) -> Found {
    with_host(dir.path(), |host| {
        let merchant = host.look(list_merchants).unwrap().pop().unwrap().id;
        let points = Code::new("points").unwrap();
        host.look(|tx| {
            let figures = read_figures(tx, merchant, (Date::constant(1990, 1, 1), Date::constant(2100, 1, 1)), None)?;
            let mut members = Vec::new();
            tx.each::<Member>(&layout::members(merchant), |_, member| members.push(member))?;
            let mut held = BTreeMap::new();
            for member in members {
                let assets = read_assets(tx, merchant, host.clock.now(), member.id).unwrap();
                let of_points = assets.iter().find(|asset| asset.unit.code == points);
                let available = of_points.map_or(0, |asset| asset.available);
                held.insert(member.reference.unwrap().to_string(), available);
            }
            Ok::<_, StoreError>(Found {
                orders: figures.total(Figure::Orders),
                total_minor: figures.total(Figure::RevenueMinor),
                members: figures.total(Figure::MembersNew),
                points_issued: house_total(tx, merchant, House::Issued, Side::Debits, &points)?,
                points: held,
            })
        })
        .unwrap()
    })
}

/// What a file leads to, by arithmetic of its own.
fn expected(cdnow: &str) -> Found {
    let mut found = Found { orders: 0, total_minor: 0, members: 0, points_issued: 0, points: BTreeMap::new() };
    for line in cdnow.lines().filter(|line| !line.trim().is_empty()) {
        let fields: Vec<_> = line.split_whitespace().collect();
        let cents: i64 = fields[3].replace('.', "").parse().unwrap();
        found.orders += 1;
        found.total_minor += cents;
        found.points_issued += cents / 100;
        *found.points.entry(fields[0].to_owned()).or_default() += u64::try_from(cents / 100).unwrap();
    }
    found.members = i64::try_from(found.points.len()).unwrap();
    found
}

/// Orders of many customers, with several of one customer on one day and some of nothing.
fn cdnow(orders: u32) -> String {
    let mut text = String::new();
    for number in 0..orders {
        let (customer, day, cents) = (number * 7 % (orders / 3 + 1), number % 28 + 1, number * 37 % 5000);
        let cents = if number % 11 == 0 { 0 } else { cents };
        let _ =
            writeln!(text, " {customer:05} 199701{day:02} {:2} {:4}.{:02}", number % 5 + 1, cents / 100, cents % 100);
    }
    // One customer, one day, three orders.
    text + " 99999 19970131  1   11.77\n 99999 19970131  2    0.00\n 99999 19970131  1   11.77\n"
}

fn file(dir: &TempDir, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn import<'a>(data: &'a TempDir, format: &'a str, file: &'a str) -> [&'a str; 7] {
    ["import", "orders", "--data", data.path().to_str().unwrap(), "--format", format, file]
}

fn verified(data: &TempDir) -> String {
    let told = punchcard(&["verify", "--deep", "--data", data.path().to_str().unwrap()]).ok();
    assert!(told.ends_with("the books balance\n"), "{told}");
    // The journal differs by how many writes happened to share a record, and ids by chance.
    let of_merchants: Vec<_> = told.lines().filter(|line| line.starts_with("merchant")).collect();
    masked(&of_merchants.join("\n"))
}

/// The bytes that are in a data directory's journal.
fn journal_bytes(data: &Path) -> u64 {
    let segments = std::fs::read_dir(data.join(JOURNAL_DIR)).unwrap();
    segments.filter_map(|segment| segment.ok()?.metadata().ok()).map(|file| file.len()).sum()
}

#[test]
fn a_file_of_orders_comes_in_and_a_second_run_changes_nothing() {
    let (data, files) = (shop(), tempfile::tempdir().unwrap());
    let text = cdnow(300);
    let file = file(&files, "orders.txt", &text);
    let told = punchcard(&import(&data, "cdnow", &file)).ok();
    assert!(told.starts_with("303 orders recorded, 0 were there before; 102 members enrolled; "), "{told}");
    assert_eq!(found(&data), expected(&text));
    let (before, balance) = (journal_bytes(data.path()), verified(&data));

    let told = punchcard(&import(&data, "cdnow", &file)).ok();
    assert!(told.starts_with("0 orders recorded, 303 were there before; 0 members enrolled; "), "{told}");
    assert_eq!((journal_bytes(data.path()), verified(&data)), (before, balance));
}

#[test]
fn lines_of_rubbish_are_named_and_the_others_come_in() {
    let (data, files) = (shop(), tempfile::tempdir().unwrap());
    let before = journal_bytes(data.path());
    let right = cdnow(20);
    let text = right.clone()
        + "rubbish\n 00001 19970230  1   11.77\n 00001 19970101  1  -11.77\n\n 00001 19970101  1   11.775\n";
    let rubbish = file(&files, "orders.txt", text);
    let told = punchcard(&[&import(&data, "cdnow", &rubbish)[..], &["--dry-run"]].concat()).failed();
    assert!(told.contains("4 rows were refused"), "{told}");
    assert_eq!(journal_bytes(data.path()), before);
    let ran = punchcard(&import(&data, "cdnow", &rubbish));
    assert!(ran.stdout.starts_with("23 orders recorded, 0 were there before; "), "{ran:?}");
    assert_eq!(ran.failed(), told);
    assert_eq!(found(&data), expected(&right));
    for fault in [
        "line 24: 1 fields, expected 4",
        "line 25: `19970230` is not a date",
        "line 26: amount: `-11.77` is negative",
        "line 28: amount: `11.775` has more than the 2 decimal digits of USD",
    ] {
        assert!(told.contains(fault), "no {fault:?} in {told}");
    }
    let csv = "reference,customer,ordered_at,sku,category,quantity,amount\na-1,7,yesterday,bun,,1,5.00\na-2,7,2026-01-02T03:04:05Z,bun,,none,5.00\n";
    let told = punchcard(&import(&data, "csv", &file(&files, "orders.csv", csv))).failed();
    assert!(told.contains("line 2: ordered_at: `yesterday`") && told.contains("line 3: quantity: `none`"), "{told}");
    let told = punchcard(&import(&data, "csv", &file(&files, "bytes.csv", [0xff; 300]))).failed();
    assert!(told.contains("not text in UTF-8"), "{told}");
    let told = punchcard(&import(&data, "csv", "/no/such/file.csv")).failed();
    assert!(told.contains("/no/such/file.csv can not be read"), "{told}");
    assert_eq!(found(&data), expected(&right));
}

#[test]
fn orders_of_several_lines_come_in_as_csv() {
    let (data, files) = (shop(), tempfile::tempdir().unwrap());
    let csv = "sku,amount,quantity,reference,customer,ordered_at,category,note\n\
        bun,5.00,2,a-1,7,2026-01-02T03:04:05Z,pastry,x\n\
        tea,3.20,1,a-1,7,2026-01-02T03:04:05Z,,\n\
        bun,2.50,1,a-2,,2026-01-02T03:04:06Z,,\n\
        \"rye, sliced\",0.99,1,a-3,8,2026-01-02T03:04:07Z,,\n";
    // The file's own year counts, not the clock of this machine.
    let told = punchcard(&import(&data, "csv", &file(&files, "orders.csv", csv))).ok();
    assert!(told.starts_with("3 orders recorded, 0 were there before; 2 members enrolled; 11.69 USD in all"), "{told}");
    let found = found(&data);
    assert_eq!((found.orders, found.total_minor), (3, 1169));
    assert_eq!(found.points, BTreeMap::from([("7".to_owned(), 8), ("8".to_owned(), 0)]));
    verified(&data);
}

#[test]
fn an_order_that_is_another_one_than_before_is_refused_and_named() {
    let (data, files) = (shop(), tempfile::tempdir().unwrap());
    let header = "reference,customer,ordered_at,sku,category,quantity,amount\n";
    let first = format!("{header}a-1,7,2026-01-02T03:04:05Z,bun,,1,5.00\n");
    punchcard(&import(&data, "csv", &file(&files, "first.csv", first))).ok();
    let second = format!("{header}a-1,7,2026-01-02T03:04:05Z,bun,,1,6.00\n");
    let told = punchcard(&import(&data, "csv", &file(&files, "second.csv", second))).failed();
    assert!(told.contains("line 2: the reference `a-1` is that of"), "{told}");
    assert_eq!(found(&data).total_minor, 500);
}

#[test]
fn an_order_of_before_1970_is_refused_and_named() {
    let (data, files) = (shop(), tempfile::tempdir().unwrap());
    let csv = "reference,customer,ordered_at,sku,category,quantity,amount\na-1,7,0001-01-01T00:00:00Z,bun,,1,5.00\n";
    let told = punchcard(&import(&data, "csv", &file(&files, "orders.csv", csv))).failed();
    let expected = "line 2: the order's time, 0001-01-01T00:00:00Z, is before 1970-01-01T00:00:00Z";
    assert!(told.contains(expected), "{told}");
    assert_eq!(found(&data).orders, 0);
}

#[test]
fn an_import_that_is_killed_half_way_ends_the_same_when_it_is_run_again() {
    let files = tempfile::tempdir().unwrap();
    let text = cdnow(6000);
    let file = file(&files, "orders.txt", &text);

    let whole = shop();
    let empty = journal_bytes(whole.path());
    punchcard(&import(&whole, "cdnow", &file)).ok();
    let full = journal_bytes(whole.path());

    let killed = shop();
    let mut seen = BTreeSet::new();
    for part in [1, 3, 5] {
        // Ids and groups differ from run to run, but not how much is written for an order.
        let enough = empty + (full - empty) * part / 10;
        let mut child = started(&import(&killed, "cdnow", &file));
        while journal_bytes(killed.path()) < enough && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        kill(&mut child);
        seen.insert(found(&killed).orders);
        verified(&killed);
    }
    assert!(seen.len() == 3 && seen.iter().all(|orders| (1..6003).contains(orders)), "the kills came at {seen:?}");

    punchcard(&import(&killed, "cdnow", &file)).ok();
    assert_eq!(found(&killed), expected(&text));
    assert_eq!(found(&killed), found(&whole));
    assert_eq!(verified(&killed), verified(&whole));
}
