//! What the processes of `bench scale` do. Each part runs in one of its own, so that its memory and its end are its
//! own; it says on standard output how far it has come.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use jiff::SignedDuration;
use punchcard::clock::{Clock, Entropy};
use punchcard::domain::{MemberId, MerchantId, Reference, StoreId};
use punchcard::ledger::{Cause, House, Move, NewPosting};
use punchcard::pack::Packs;
use punchcard::store::journal::verify_journal;
use punchcard::store::{DurableEngine, DurableOptions, JOURNAL_DIR, Store, Tx};
use punchcard::usecase::{
    Act, EnrolMember, Host, LoadStoredValue, SettleOrder, enrol_member, list_merchants, list_stores, load_stored_value,
    settle_order, verify,
};

use crate::support::{Shop, basket, code, drive, scattered};
use punchcard::vault::Vault;

/// What a process is started for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Part {
    /// Make the data directory.
    Build,
    /// Open it and settle orders as told on standard input, `CLIENTS SECONDS` a line, until there are no more lines.
    Serve,
    /// Check everything in it.
    Verify,
}

/// A data directory of so many members, and what the bench keeps beside it.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) members: u64,
    pub(crate) cache_bytes: u64,
}

/// One thread prepares while another waits for the disk.
const BUILDERS: u64 = 4;
/// Members made in one transaction.
const TOGETHER: u64 = 500;

impl Place {
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The ids of all members, one after another. It is there when the directory is built as a whole.
    pub(crate) fn ids(&self) -> PathBuf {
        self.dir.join("members")
    }

    fn open(&self) -> Store {
        let options = DurableOptions { cache_bytes: self.cache_bytes, ..DurableOptions::default() };
        let engine = DurableEngine::open(&self.data(), &options).expect("the data directory can be opened");
        Store::new(Arc::new(engine))
    }

    pub(crate) fn run(&self, part: Part) {
        match part {
            Part::Build => self.build(),
            Part::Serve => self.serve(),
            Part::Verify => self.verify(),
        }
    }

    /// Makes the members, each with a lot of stored value and one of points.
    fn build(&self) {
        let shop = Shop::open(self.open(), 0);
        shop.enable_points(true);
        let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let ids = Mutex::new(Vec::new());
        let began = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..BUILDERS {
                scope.spawn(|| {
                    loop {
                        let from = next.fetch_add(TOGETHER, Ordering::Relaxed);
                        let numbers = from..self.members.min(from + TOGETHER);
                        if numbers.is_empty() {
                            break;
                        }
                        let made = shop.host.operate(shop.merchant.id, |tx, act| {
                            numbers.clone().map(|number| join(tx, act, shop.store.id, number)).collect()
                        });
                        let made: Result<Vec<MemberId>, Box<dyn Error>> = made;
                        ids.lock().expect("no builder panics").extend(made.expect("members are made"));
                        let before = done.fetch_add(TOGETHER, Ordering::Relaxed);
                        if (before + TOGETHER) % (self.members / 10).max(TOGETHER) < TOGETHER {
                            eprintln!("{} members after {:.0} s", before + TOGETHER, began.elapsed().as_secs_f64());
                        }
                    }
                });
            }
        });
        shop.host.store.close().expect("the store closes");
        let ids: Vec<u8> = ids.into_inner().expect("no builder panics").iter().flat_map(|id| *id.as_bytes()).collect();
        std::fs::write(self.ids(), ids).expect("the ids can be kept");
    }

    fn serve(&self) {
        let till = Till::open(self);
        println!("opened");
        till.settle(0);
        println!("settled");
        for line in std::io::stdin().lines() {
            let line = line.expect("the bench can be heard");
            let (clients, seconds) = line.split_once(' ').expect("clients and seconds");
            let clients = clients.parse().expect("a number of clients");
            let lasting = Duration::from_secs_f64(seconds.parse().expect("a number of seconds"));
            let measured = drive(clients, lasting, |_, number| till.settle(number + 1));
            println!("{}", measured.to_line());
        }
        till.host.store.close().expect("the store closes");
    }

    /// As `punchcard verify` does.
    fn verify(&self) {
        let store = self.open();
        println!("opened");
        let journal = verify_journal(&self.data().join(JOURNAL_DIR)).expect("the journal is whole");
        println!("the journal's chain of {} records", journal.tip.number);
        let verified = verify(&store, Some(&Vault::seeded(1)), || {}).expect("the store can be read");
        assert!(verified.is_sound(), "{:?}", verified.findings());
        for report in verified.merchants {
            println!("{} members and {} lots", report.members, report.audit.lots);
        }
        // The bench looks at this process before it lets it end.
        let heard = std::io::stdin().lines().count();
        assert_eq!(heard, 0, "nothing is to be told to this part");
        store.close().expect("the store closes");
    }
}

/// Makes somebody a member who has paid money in and was given points.
fn join(tx: &mut Tx, act: &mut Act<'_>, store: StoreId, number: u64) -> Result<MemberId, Box<dyn Error>> {
    let reference = Some(Reference::new(format!("card-{number}"))?);
    let new = EnrolMember { reference, home_store: Some(store), ..EnrolMember::default() };
    let member = enrol_member(tx, act, &new)?.member;
    let paid = LoadStoredValue { member, amount_minor: 10_000 + number % 7, bonus_minor: 0, store: None, reason: None };
    load_stored_value(tx, act, &paid)?;
    let (id, unit) = (act.ids.posting(), code("points"));
    let expires_at = Some(act.now.checked_add(SignedDuration::from_hours(365 * 24))?);
    let grant = Move::Grant { member, unit: unit.clone(), amount: 100 + number % 7, expires_at, from: House::Issued };
    act.book(tx)?.post(&NewPosting { id, cause: Cause::Pack, pack: Some(unit), reason: None, moves: vec![grant] })?;
    Ok(member)
}

/// Settles orders of members who are chosen at random, on a directory that is built.
struct Till {
    host: Host,
    merchant: MerchantId,
    store: StoreId,
    members: Vec<MemberId>,
    /// No other till has it: orders of a directory that is used again have other references.
    run: u64,
}

impl Till {
    fn open(place: &Place) -> Self {
        let packs = Packs::new().expect("the runtime starts");
        let host = Host::new(place.open(), packs, Clock::System, Entropy::System, Vault::seeded(1));
        let merchant = host.look(list_merchants).expect("the store can be read").remove(0).id;
        let store = host.look(|tx| list_stores(tx, merchant)).expect("the store can be read").remove(0).id;
        let run = host.entropy.bits();
        Self { host, merchant, store, members: ids(&place.ids()), run }
    }

    fn settle(&self, number: u64) {
        let member = scattered(number.wrapping_add(self.run), self.members.len() as u64);
        let order = SettleOrder {
            reference: Reference::new(format!("order-{:x}-{number}", self.run)).expect("a reference"),
            store: self.store,
            member: Some(self.members[usize::try_from(member).expect("an index")]),
            served_by: None,
            ordered_at: None,
            currency: None,
            lines: basket(3),
            due_minor: None,
            coupons: Vec::new(),
            payments: Vec::new(),
        };
        let settled = self.host.operate(self.merchant, |tx, act| settle_order(tx, act, &order));
        settled.expect("the order is settled");
    }
}

fn ids(file: &Path) -> Vec<MemberId> {
    let bytes = std::fs::read(file).expect("the directory is built");
    let (ids, _) = bytes.as_chunks();
    ids.iter().map(|id| MemberId::from_bytes(*id)).collect()
}
