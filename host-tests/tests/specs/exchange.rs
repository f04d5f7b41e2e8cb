//! Many records at once: files of members and orders come in, and all that a merchant has goes out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use host_tests::premises::{Call, Premises};
use host_tests::process::{Ran, Server, punchcard};
use host_tests::{Shop, World, masked};
use jiff::civil::Date;
use punchcard::domain::Role;
use punchcard::store::JOURNAL_DIR;
use serde_json::{Value, json};
use tempfile::TempDir;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn file(dir: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn import(premises: &Premises, kind: &str, format: &str, file: &Path, more: &[&str]) -> Ran {
    let mut args = vec!["import", kind, "--data", text(premises.path()), "--format", format];
    args.extend(more);
    args.push(text(file));
    punchcard(&args)
}

fn export(premises: &Premises, kind: &str, format: &str) -> String {
    punchcard(&["export", kind, "--data", text(premises.path()), "--format", format]).ok()
}

/// The documents of an export.
fn documents(told: &str) -> Vec<Value> {
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The rows of an exported table, by the names of its columns.
fn table(told: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(told.as_bytes());
    reader.deserialize().map(|row| row.unwrap()).collect()
}

/// What is exported of members, without what is each merchant's own: ids, and when somebody joined.
fn who(premises: &Premises) -> Vec<Value> {
    let mut members = documents(&export(premises, "members", "ndjson"));
    for member in &mut members {
        for own in ["id", "version", "home_store", "referrer", "enrolled_at", "tags"] {
            let value = member[own].take();
            if own == "tags" {
                member[own] = value.as_array().unwrap().iter().map(|tag| tag["tag"].clone()).collect();
            }
        }
    }
    members.sort_by_key(|member| member["reference"].to_string() + &member["external_ids"].to_string());
    members
}

fn journal_bytes(data: &Path) -> u64 {
    let segments = std::fs::read_dir(data.join(JOURNAL_DIR)).unwrap();
    segments.filter_map(|segment| segment.ok()?.metadata().ok()).map(|file| file.len()).sum()
}

fn ask(premises: &Premises, server: &Server, method: &'static str, path: &str, body: &Value) -> Value {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let key = format!("spec-{}", ASKED.fetch_add(1, Ordering::Relaxed));
    premises.ask(server, &Call { method, ..Call::post(path, key, body) })
}

/// Declares attributes of every kind.
fn with_attributes(premises: &Premises) {
    let server = Server::start(premises.path());
    for (code, body) in [
        ("size", json!({ "label": "Size", "kind": "choice", "choices": ["S", "M"] })),
        ("visits", json!({ "label": "Visits", "kind": "number" })),
        ("vegan", json!({ "label": "Vegan", "kind": "flag" })),
        ("allergy", json!({ "label": "Allergy", "kind": "text", "personal": true })),
    ] {
        ask(premises, &server, "PUT", &format!("/v1/attributes/{code}"), &body);
    }
    server.stop();
}

/// A merchant with members who have all that a member may have.
fn furnished() -> Premises {
    let premises = Premises::new();
    with_attributes(&premises);
    let server = Server::start(premises.path());
    let fang = ask(
        &premises,
        &server,
        "POST",
        "/v1/members",
        &json!({
            "reference": "card;1", "cards": ["=1+1", "card\\2"],
            "external_ids": [{ "system": "wechat", "id": "o:X;1" }],
            "personal": {
                "name": "=HYPERLINK(\"http://evil\")", "phones": ["+8613800138000", "+8613800138001"],
                "emails": ["fang@example.com"], "birthday": "--02-29", "address": "1, \"Main\" Street\nShanghai"
            },
            "attributes": { "size": "M", "visits": -3, "vegan": true, "allergy": "nuts, all" },
            "tags": ["vip", "early"], "home_store": premises.store(), "channel": "till"
        }),
    );
    let body = json!({ "external_ids": [{ "system": "alipay", "id": "2" }], "referrer": fang["id"],
        "personal": { "name": "'王芳" } });
    ask(&premises, &server, "POST", "/v1/members", &body);
    ask(&premises, &server, "POST", "/v1/members", &json!({ "reference": "plain" }));
    for (reference, member) in [("till-1", Some(&fang["id"])), ("till-2", None)] {
        let lines = json!([{ "sku": "bun", "category": "bread", "brand": "B", "quantity": 2, "amount_minor": 1_250 },
            { "sku": "-tea", "quantity": 1, "amount_minor": 300 }]);
        let body = json!({ "reference": reference, "store": premises.store(), "member": member,
            "ordered_at": "2026-01-02T03:04:05Z", "lines": lines });
        ask(&premises, &server, "POST", "/v1/orders", &body);
    }
    server.stop();
    premises
}

#[test]
fn an_order_that_was_paid_stays_as_it_is_when_a_row_of_it_comes_in() {
    let (premises, files) = (Premises::new(), tempfile::tempdir().unwrap());
    let server = Server::start(premises.path());
    let body = json!({ "reference": "till-1", "store": premises.store(), "ordered_at": "2026-01-02T03:04:05Z",
        "lines": [{ "sku": "bun", "quantity": 1, "amount_minor": 500 }],
        "payments": [{ "method": "other", "name": "cash", "amount_minor": 500 }] });
    ask(&premises, &server, "POST", "/v1/orders", &body);
    server.stop();
    let before = export(&premises, "orders", "ndjson");
    assert!(before.contains("cash"), "{before}");
    for format in ["csv", "ndjson"] {
        let given = file(&files, &format!("orders.{format}"), export(&premises, "orders", format));
        let told = import(&premises, "orders", format, &given, &[]).ok();
        assert!(told.starts_with("0 orders recorded, 1 were there before; "), "{told}");
    }
    assert_eq!(export(&premises, "orders", "ndjson"), before);
}

#[test]
fn an_order_that_had_a_coupon_is_known_when_what_was_exported_of_it_comes_in() {
    let (premises, files) = (Premises::new(), tempfile::tempdir().unwrap());
    let server = Server::start(premises.path());
    let fang = ask(&premises, &server, "POST", "/v1/members", &json!({ "reference": "fang" }));
    let coupon = json!({ "title": "1 off", "benefit": { "amount": { "off_minor": 100 } }, "validity": { "days": 7 } });
    ask(&premises, &server, "PUT", "/v1/coupons/one", &coupon);
    let coupons = format!("/v1/members/{}/coupons", fang["id"].as_str().unwrap());
    ask(&premises, &server, "POST", &coupons, &json!({ "coupon": "one" }));
    let body = json!({ "reference": "till-1", "store": premises.store(), "member": fang["id"],
        "ordered_at": "2026-01-02T03:04:05Z", "lines": [{ "sku": "bun", "quantity": 1, "amount_minor": 500 }],
        "coupons": [{ "type": "one" }] });
    assert_eq!(ask(&premises, &server, "POST", "/v1/orders", &body)["total_minor"], 400);
    server.stop();
    let before = export(&premises, "orders", "ndjson");
    for format in ["csv", "ndjson"] {
        let given = file(&files, &format!("orders.{format}"), export(&premises, "orders", format));
        let told = import(&premises, "orders", format, &given, &[]).ok();
        assert!(told.starts_with("0 orders recorded, 1 were there before; "), "{told}");
    }
    assert_eq!(export(&premises, "orders", "ndjson"), before);
}

#[test]
fn what_one_merchant_takes_out_another_takes_in_and_has_the_same() {
    let (from, files) = (furnished(), tempfile::tempdir().unwrap());
    let orders = |premises: &Premises| {
        let mut orders = documents(&export(premises, "orders", "ndjson"));
        for order in &mut orders {
            for own in ["id", "member", "store", "by"] {
                order[own].take();
            }
        }
        orders.sort_by_key(|order| order["reference"].to_string());
        orders
    };
    for format in ["csv", "ndjson"] {
        let to = Premises::new();
        with_attributes(&to);
        let members = file(&files, format, export(&from, "members", format));
        let told = import(&to, "members", format, &members, &[]).ok();
        assert_eq!(told, "3 members are new, 0 are updated, 0 stay as they are\n", "{format}");
        assert_eq!(who(&to), who(&from), "{format}");
        let given = file(&files, &format!("orders.{format}"), export(&from, "orders", format));
        let told = import(&to, "orders", format, &given, &[]).ok();
        assert!(
            told.starts_with("2 orders recorded, 0 were there before; 0 members enrolled; 31.00 CNY in all"),
            "{told}"
        );
        assert_eq!(orders(&to), orders(&from), "{format}");
        assert!(to.verify().ok().ends_with("the books balance\n"));
    }
}

#[test]
fn a_second_run_changes_nothing_and_an_update_only_what_rows_say() {
    let (from, to, files) = (furnished(), Premises::new(), tempfile::tempdir().unwrap());
    with_attributes(&to);
    let members = file(&files, "members", export(&from, "members", "csv"));
    import(&to, "members", "csv", &members, &[]).ok();
    let (before, bytes) = (who(&to), journal_bytes(to.path()));
    for more in [&[][..], &["--update"]] {
        let told = import(&to, "members", "csv", &members, more).ok();
        assert_eq!(told, "0 members are new, 0 are updated, 3 stay as they are\n", "{more:?}");
    }
    assert_eq!((who(&to), journal_bytes(to.path())), (before.clone(), bytes));

    let rows = "external_ids,name,phones,tags,attributes.size\nwechat:other,nobody,,,\nwechat:o:X\\;1,Fang,,late,S\n";
    let update = file(&files, "update.csv", rows);
    let told = import(&to, "members", "csv", &update, &["--update"]).ok();
    assert_eq!(told, "1 members are new, 1 are updated, 0 stay as they are\n");
    let after = who(&to);
    let fang = after.iter().find(|member| member["reference"] == "card;1").unwrap();
    assert_eq!((&fang["personal"]["name"], &fang["attributes"]["size"]), (&json!("Fang"), &json!("S")));
    assert_eq!(fang["tags"], json!(["early", "late", "vip"]));
    assert_eq!(fang["personal"]["phones"], json!(["+8613800138000", "+8613800138001"]), "an empty cell says nothing");
    let null =
        file(&files, "null.ndjson", "{\"reference\":\"card;1\",\"personal\":{\"phones\":null,\"birthday\":null}}\n");
    import(&to, "members", "ndjson", &null, &["--update"]).ok();
    let after = who(&to);
    let fang = after.iter().find(|member| member["reference"] == "card;1").unwrap();
    assert_eq!((&fang["personal"]["phones"], &fang["personal"]["birthday"]), (&json!([]), &Value::Null));
    assert!(to.verify().ok().ends_with("the books balance\n"));
}

#[test]
fn a_dry_run_tells_what_would_happen_and_changes_nothing() {
    let (to, files) = (Premises::new(), tempfile::tempdir().unwrap());
    let members = file(&files, "members.csv", "reference,phones\n1,+8613800138000\n2,13800138000\n");
    let orders = file(
        &files,
        "orders.csv",
        "reference,customer,ordered_at,sku,quantity,amount\na,1,2026-01-02T03:04:05Z,bun,1,5.00\n",
    );
    let bytes = journal_bytes(to.path());
    let ran = import(&to, "members", "csv", &members, &["--dry-run"]);
    assert_eq!(ran.stdout, "nothing was changed: 1 members would be new, 0 would be updated, 0 stay as they are\n");
    assert!(ran.failed().contains("1 row was refused"));
    let told = import(&to, "orders", "csv", &orders, &["--dry-run"]).ok();
    assert_eq!(
        told,
        "nothing was changed: 1 orders would be recorded, 1 of them for customers who are no members yet; 0 are there \
         already; 5.00 CNY in all\n"
    );
    assert_eq!(journal_bytes(to.path()), bytes);
    assert_eq!((export(&to, "members", "ndjson"), export(&to, "orders", "ndjson")), (String::new(), String::new()));
    assert_eq!(export(&to, "usage", "csv"), "day,merchant,vendor,pack,calls,fuel\r\n", "no packs, no usage");
}

#[test]
fn rows_that_are_refused_go_aside_with_the_reason_and_come_in_when_they_are_mended() {
    let (to, files) = (Premises::new(), tempfile::tempdir().unwrap());
    let rows = "Number,Full name,phones,tags,birthday,referred_by\n\
        1,Wang Fang,+8613800138000,vip,1990-02-28,\n\
        2,Li Lei,13800138001,,,\n\
        3,Han Meimei,+8613800138000,,,\n\
        4,Zhao,,Wang Fang,,\n\
        5,Qian,,,,9\n\
        6,Sun,,,,1\n\
        ,Li,,,,\n\
        8,short\n";
    let members = file(&files, "members.csv", rows);
    let map = ["--map", "reference=Number", "--map", "name=Full name"];
    // Rows about different members come in side by side: whose the phone is has to be known before.
    let first: String = rows.lines().take(2).map(|line| format!("{line}\n")).collect();
    import(&to, "members", "csv", &file(&files, "first.csv", first), &map).ok();
    let told = import(&to, "members", "csv", &members, &map).failed();
    assert!(
        told.contains("6 rows were refused\n  line 3: phones: number 1 of 1: a phone number has the form of E.164"),
        "{told}"
    );
    for personal in ["13800138001", "Wang", "Li"] {
        assert!(!told.contains(personal), "a terminal may end in a log: {told}");
    }

    let errors = files.path().join("errors.csv");
    std::fs::write(&errors, "old").unwrap();
    std::fs::set_permissions(&errors, PermissionsExt::from_mode(0o644)).unwrap();
    let ran = import(&to, "members", "csv", &members, &[&map[..], &["--errors", text(&errors)]].concat());
    assert_eq!(ran.stdout, "0 members are new, 0 are updated, 2 stay as they are\n");
    assert!(ran.failed().ends_with("has them with the reasons\n"));
    assert_eq!(std::fs::metadata(&errors).unwrap().permissions().mode() & 0o777, 0o600);
    let refused = std::fs::read_to_string(&errors).unwrap();
    let reasons: Vec<_> = table(&refused)
        .into_iter()
        .map(|row| format!("{} {}: {}", row["Number"], row["error_line"], masked(&row["error"])))
        .collect();
    assert_eq!(
        reasons,
        [
            "2 3: phones: number 1 of 1: a phone number has the form of E.164: a plus sign, the country code and the number, 8 to 15 digits in all, such as +8613800138000",
            "3 4: phone number 1 of those given is that of mem_…",
            "4 5: tags: number 1 of 1: expected 1 to 48 of a-z, 0-9 and single hyphens between them",
            "5 6: referred_by: there is no member with this reference or card",
            " 8: the row has no reference, card or external id, so a second run would not know the member again",
            "8 9: 2 cells, but the header has 6",
        ]
    );
    let mended = refused.replace("13800138001", "+8613800138001").replace("Wang Fang,,,5", "vip,,,5");
    std::fs::write(&members, mended).unwrap();
    let ran = import(&to, "members", "csv", &members, &map);
    assert_eq!(ran.stdout, "3 members are new, 0 are updated, 0 stay as they are\n", "{ran:?}");
    let same = import(&to, "members", "csv", &errors, &[&map[..], &["--errors", text(&errors)]].concat()).failed();
    assert!(same.contains("is the file that is brought in"), "{same}");
}

#[test]
fn documents_that_are_refused_keep_what_they_say() {
    let (to, files) = (Premises::new(), tempfile::tempdir().unwrap());
    let rows = b"{\"reference\":\"1\",\"shoe\":7}\n[1]\n{\"reference\":\n\xff\n{\"reference\":\"1\",\"tags\":\"vip\"}\n{\"personal\":{\"name\":\"Wang\"}}\n";
    let (members, errors) = (file(&files, "members.ndjson", rows), files.path().join("errors.ndjson"));
    let ran = import(&to, "members", "ndjson", &members, &["--errors", text(&errors)]);
    assert_eq!(ran.stdout, "1 members are new, 0 are updated, 0 stay as they are\n");
    let refused = documents(&std::fs::read_to_string(&errors).unwrap());
    let lines: Vec<_> = refused.iter().map(|row| row["error_line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6]);
    assert_eq!(refused[0], json!({ "error_row": "[1]", "error_line": 2, "error": "not a JSON object" }));
    assert_eq!(
        refused[3],
        json!({ "reference": "1", "tags": "vip", "error_line": 5, "error": "tags: expected a list" })
    );
    assert_eq!(refused[4]["personal"], json!({ "name": "Wang" }));
    std::fs::write(&members, "{\"reference\":\"1\"}\n").unwrap();
    import(&to, "members", "ndjson", &members, &["--errors", text(&errors)]).ok();
    assert!(!errors.exists(), "a file of errors that has none goes");
}

#[test]
fn whatever_is_in_a_table_is_a_row_or_refused_as_one() {
    let (to, files) = (Premises::new(), tempfile::tempdir().unwrap());
    let mut rows = b"\xef\xbb\xbf\"reference\",\"name\",\"address\"\r\n".to_vec();
    rows.extend(b"1,\"Wang \"\"Fang\"\"\",\"a\nb\"\r\n\r\n");
    rows.extend(b"2,nul\0,\r\n3,\xff\xfe,\r\n");
    rows.extend(b"4,'=cmd|' /C calc'!A0,\r\n5,=1+1,\r\n6,'quoted',\r\n");
    rows.extend([b"7,\"".as_slice(), &vec![b'x'; 3 << 20], b"\",\r\n"].concat());
    rows.extend(b"8,a\rb,\r\n9,mid\"dle,\r\n10,last,");
    rows.extend("\n11,never,\"closed\r\n12,lost,\r\n".bytes());
    let (members, errors) = (file(&files, "members.csv", rows), files.path().join("errors.csv"));
    let ran = import(&to, "members", "csv", &members, &["--errors", text(&errors)]);
    assert_eq!(ran.stdout, "6 members are new, 0 are updated, 0 stay as they are\n", "{ran:?}");
    let names: BTreeMap<_, _> = who(&to)
        .into_iter()
        .map(|member| (member["reference"].as_str().unwrap().to_owned(), member["personal"]["name"].clone()))
        .collect();
    let expected = [
        ("1", "Wang \"Fang\""),
        ("10", "last"),
        ("4", "=cmd|' /C calc'!A0"),
        ("5", "=1+1"),
        ("6", "'quoted'"),
        ("9", "mid\"dle"),
    ];
    let expected = expected.map(|(reference, name)| (reference.to_owned(), json!(name)));
    assert_eq!(names, BTreeMap::from(expected));
    let refused = std::fs::read(&errors).unwrap();
    assert!(refused.len() < 10_000, "of a row that is too long only the beginning is kept");
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(refused.as_slice());
    let reasons: Vec<_> = reader
        .byte_records()
        .map(|row| row.unwrap())
        .map(|row| {
            let text = |back: usize| String::from_utf8_lossy(&row[row.len() - back]).into_owned();
            format!("{} {}", text(2), text(1).chars().take(60).collect::<String>())
        })
        .collect();
    assert_eq!(
        reasons,
        [
            "5 name: a label is 1 to 128 bytes without control characters o",
            "6 not text in UTF-8",
            "10 the row has more than 1048576 bytes, or a quotation mark in ",
            "11 a carriage return stands in a cell without quotation marks",
            "14 the row has more than 1048576 bytes, or a quotation mark in ",
        ]
    );
    // What begins like a formula goes out with a quote before it.
    let told = export(&to, "members", "csv");
    let names: Vec<_> = table(&told).into_iter().map(|row| row["name"].clone()).collect();
    assert!(names.contains(&"'=1+1".to_owned()) && names.contains(&"''quoted'".to_owned()), "{names:?}");
}

#[test]
fn a_column_that_is_not_there_is_named_with_those_that_are() {
    let (to, files) = (Premises::new(), tempfile::tempdir().unwrap());
    let members = file(&files, "members.csv", "number,name,name\n1,a,b\n");
    for (map, expected) in [
        ("reference=nummer", "the header has no column `nummer`; it has `number`, `name`, `name`"),
        ("shoe=number", "--map: there is no field `shoe`; there are reference, cards, external_ids, name"),
        ("reference", "expected FIELD=COLUMN"),
        ("reference=number", "the header has the column `name` twice"),
        ("channel=number", "the header has the column `name` twice"),
    ] {
        let told = import(&to, "members", "csv", &members, &["--map", map]).failed();
        assert!(told.contains(expected), "{told}");
    }
    let orders = file(&files, "orders.csv", "number,ordered_at\n");
    let told = import(&to, "orders", "csv", &orders, &[]).failed();
    assert!(told.contains("the header has no column `reference`") && told.contains("--map reference=COLUMN"), "{told}");
    let data = file(&files, "data.csv", "13800138000,Wang\n13800138001,Li\n");
    let told = import(&to, "members", "csv", &data, &[]).failed();
    assert!(told.contains("the first row names no field; a header is needed") && !told.contains("Wang"), "{told}");
    let told = import(&to, "members", "csv", &file(&files, "nobody.csv", "name\nWang\n"), &[]).failed();
    assert!(told.contains("none of the columns reference, cards, external_ids; it has `name`"), "{told}");
    let told = import(&to, "members", "csv", &file(&files, "empty.csv", ""), &[]).failed();
    assert!(told.contains("there is no header in it"), "{told}");
}

async fn taken(shop: &Shop, query: &str) -> (String, String) {
    let reply = shop.get(&format!("/v1/exports/{query}")).send().await;
    assert!(reply.status.is_success(), "{reply}");
    let kind = reply.header("content-type").unwrap().to_owned();
    let named = reply.header("content-disposition").unwrap();
    (format!("{kind} {named}"), String::from_utf8(reply.body).unwrap())
}

#[tokio::test]
async fn everything_of_a_merchant_is_taken_out_and_nothing_of_another() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").with("personal", json!({ "name": "@Alice" })).enrol().await;
    alice.load(50_000).await.created();
    alice.order("till-1").settle().await.created();
    // More than a page has. Each export is a change itself, of which the next one tells.
    for number in 0..401 {
        shop.order(&format!("more-{number}")).settle().await.created();
    }
    for (kind, records, rows) in
        [("members", 1, 1), ("orders", 402, 402), ("statements", 1, 1), ("events", 404, 404), ("changes", 14, 15)]
    {
        let (told, body) = taken(shop, kind).await;
        assert_eq!(told, format!("application/x-ndjson attachment; filename=\"{kind}.ndjson\""));
        assert_eq!(documents(&body).len(), records, "{kind}");
        let (told, body) = taken(shop, &format!("{kind}?format=csv")).await;
        assert_eq!(told, format!("text/csv; charset=utf-8; header=present attachment; filename=\"{kind}.csv\""));
        assert_eq!(table(&body).len(), rows, "{kind}: {body}");
        assert!(!taken(&world.rival, kind).await.1.contains("alice"));
    }
    let orders = documents(&taken(shop, "orders").await.1);
    let references: std::collections::BTreeSet<_> = orders.iter().map(|order| order["reference"].to_string()).collect();
    assert_eq!(references.len(), 402, "each order once");
    let first = orders.iter().find(|order| order["reference"] == "till-1").unwrap();
    assert_eq!((&first["customer"], &first["store_code"]), (&json!("alice"), &json!("main")));
    assert_eq!(table(&taken(shop, "members?format=csv").await.1)[0]["name"], "'@Alice");
    let booked = &documents(&taken(shop, "statements").await.1)[0];
    assert_eq!(
        (&booked["cause"], &booked["member"], &booked["credit"]),
        (&json!("load"), &json!(alice.id), &json!(50_000))
    );
    assert_eq!(shop.get("/v1/exports/secrets").send().await.problem().name(), "404 no-such-thing");
    assert_eq!(shop.get("/v1/exports/members?format=xls").send().await.problem().name(), "400 wrong-query");
    for role in [Role::Clerk, Role::Manager, Role::Auditor, Role::Integration] {
        assert_eq!(shop.as_role(role).get("/v1/exports/members").send().await.problem().name(), "403 forbidden");
    }
}

#[tokio::test]
async fn all_that_is_known_of_a_member_is_told_to_the_owner() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").with("personal", json!({ "name": "Alice Liddell" })).enrol().await;
    let path = |what: &str| format!("/v1/members/{}/{what}", alice.id);
    alice.load(50_000).await.created();
    alice.order("till-1").settle().await.created();
    for given in [true, false] {
        shop.put(&path("consents/news"), json!({ "given": given })).send().await.ok();
    }
    shop.put(&path("tier"), json!({ "tier": "gold" })).send().await.ok();
    shop.post(&path("notes"), json!({ "text": "likes tea" })).send().await.created();
    shop.member("bob").enrol().await.order("of-bob").settle().await.created();
    let reply = shop.get(&path("export")).send().await;
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(
        reply.header("content-disposition"),
        Some(format!("attachment; filename=\"{}.ndjson\"", alice.id).as_str())
    );
    let told = documents(&String::from_utf8(reply.body).unwrap());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for part in &told {
        let kind = part["kind"].as_str().unwrap();
        assert!(part[kind].is_object(), "{part}");
        *counts.entry(kind).or_default() += 1;
    }
    let expected = [
        ("asset", 1),
        ("change", 6),
        ("consent", 2),
        ("member", 1),
        ("note", 1),
        ("order", 1),
        ("posting", 1),
        ("tier", 1),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
    assert_eq!(told[0]["member"]["personal"]["name"], "Alice Liddell");
    assert!(told.iter().any(|part| part["note"]["text"] == "likes tea"));
    assert_eq!(world.rival.get(&path("export")).send().await.problem().name(), "404 unknown-member");
    for role in [Role::Clerk, Role::Manager, Role::Auditor, Role::Integration] {
        assert_eq!(shop.as_role(role).get(&path("export")).send().await.problem().name(), "403 forbidden");
    }
}

/// What a script that knows nothing of the host adds up of a file, by month; none where there is no Python.
fn added_up(orders: &Path) -> Option<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifiers/figures.py");
    let ran = ["python3", "python"].iter().find_map(|name| Command::new(name).arg(script).arg(orders).output().ok());
    let Some(ran) = ran else {
        // Past the test's own output, which is shown only when it fails.
        std::io::stderr()
            .write_all(b"skipped: there is no Python to add up orders by another way than the host's\n")
            .unwrap();
        return None;
    };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(serde_json::from_slice(&ran.stdout).unwrap())
}

fn figures_are(orders: &Path, count: usize) {
    let Some(expected) = added_up(orders) else { return };
    let to = Premises::new();
    let told = import(&to, "orders", "cdnow", orders, &[]).ok();
    let begin = format!("{count} orders recorded, 0 were there before; {} members enrolled; ", expected["customers"]);
    assert!(told.starts_with(&begin), "{told}");
    let server = Server::start(to.path());
    let months = expected["months"].as_object().unwrap();
    assert!(months.len() > 1);
    for (month, expected) in months {
        let first: Date = format!("{month}-01").parse().unwrap();
        let path = format!("/v1/figures?from={first}&to={}", first.last_of_month());
        let total = to.ask(&server, &Call::get(path))["total"].clone();
        for (figure, expected) in expected.as_object().unwrap() {
            // What is 0 is left out.
            assert_eq!(total[figure].as_i64().unwrap_or(0), expected.as_i64().unwrap(), "{figure} of {month}");
        }
    }
    server.stop();
    assert!(to.verify().ok().ends_with("the books balance\n"));
}

#[test]
fn the_figures_of_what_came_in_are_those_of_the_file_month_by_month() {
    let files = tempfile::tempdir().unwrap();
    // As in the file of real orders, those of a customer come in the order in which they were made.
    let mut rows: Vec<_> =
        (0..900).map(|number| (number * 7 % 113, number % 12 + 1, number % 28 + 1, number * 37 % 9000)).collect();
    rows.sort_unstable();
    let mut content = String::new();
    for (customer, month, day, cents) in &rows {
        let _ = writeln!(content, " {customer:05} 1997{month:02}{day:02} 1 {:4}.{:02}", cents / 100, cents % 100);
    }
    figures_are(&file(&files, "orders.txt", &content), rows.len());
}

/// Real orders, where they are: 69,659 of 23,570 people.
#[test]
fn the_figures_of_real_orders_are_those_of_the_file_month_by_month() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/cdnow/CDNOW_master.txt");
    let Ok(content) = std::fs::read_to_string(&path) else {
        std::io::stderr().write_all(b"skipped: the file of real orders is not here\n").unwrap();
        return;
    };
    figures_are(&path, content.lines().filter(|line| !line.trim().is_empty()).count());
}
