//! Durable settled orders a second, through the use case with the points pack inline, at 1 and at 64 clients, against
//! - `native`: the same transactions without a pack: the same postings, decided by the bench's own code;
//! - `orders only`: the use case with no pack enabled, which writes about half as many keys;
//! - `bare sled`: a sled batch with `fdatasync` of as many keys and bytes, in groups.
//!
//! All variants run in turn, several times, and the medians count: a machine's speed drifts.
#![expect(clippy::print_stdout, reason = "a benchmark's figures go to standard output")]

mod support;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use jiff::SignedDuration;
use punchcard::domain::Reference;
use punchcard::ledger::{Cause, House, LedgerError, Move, NewPosting};
use punchcard::store::{DurableEngine, DurableOptions, Store, Tx};
use punchcard::usecase::{Act, SettleError, SettleOrder, settle_order};
use support::{Bare, Figures, Flags, Measured, Shop, basket, drive};

const ROUNDS: usize = 3;
const MEMBERS: usize = 1_000;
const CLIENTS: [usize; 2] = [1, 64];

fn main() -> ExitCode {
    let flags = Flags::parse();
    let lasting = Duration::from_secs_f64(flags.seconds);
    let mut figures = Figures::new(flags);
    let dir = tempfile::tempdir().expect("a temporary folder");

    println!("preparing");
    let with_pack = Orders::open(&dir.path().join("with-pack"), Earning::ByPack);
    let native = Orders::open(&dir.path().join("native"), Earning::ByNativeCode);
    let orders_only = Orders::open(&dir.path().join("orders-only"), Earning::None);
    let (keys, bytes) = with_pack.weight();
    let bare = Bare::open(&dir.path().join("bare"), keys, bytes, MEMBERS);
    figures.tell("keys of a settled order with the points pack", keys as f64, "keys");
    figures.tell("bytes of a settled order with the points pack", bytes as f64, "bytes");
    figures.tell("keys of the same by native code", native.weight().0 as f64, "keys");
    figures.tell("keys of a settled order only", orders_only.weight().0 as f64, "keys");

    for clients in CLIENTS {
        let mut results: [Vec<Measured>; 4] = Default::default();
        for _ in 0..ROUNDS {
            results[0].push(drive(clients, lasting, |client, number| with_pack.settle(client, number)));
            results[1].push(drive(clients, lasting, |client, number| native.settle(client, number)));
            results[2].push(drive(clients, lasting, |client, number| orders_only.settle(client, number)));
            results[3].push(drive(clients, lasting, |_, number| bare.write(number)));
        }
        let [points, native, orders_only, bare] = results.map(|rounds| Measured::median(&rounds));
        for (name, measured) in
            [("points inline", &points), ("native", &native), ("orders only", &orders_only), ("bare sled", &bare)]
        {
            figures.tell(&format!("{name}, {clients} clients"), measured.per_second, "a second");
            figures.tell(&format!("{name}, {clients} clients, median"), measured.p50_us, "us");
            figures.tell(&format!("{name}, {clients} clients, p99"), measured.p99_us, "us");
        }
        let ratio = |to: &Measured| points.per_second / to.per_second;
        figures.tell(&format!("ratio to orders only, {clients} clients"), ratio(&orders_only), "");
        let (to_native, to_bare) =
            (format!("ratio to native, {clients} clients"), format!("ratio to bare sled, {clients} clients"));
        if clients == 64 {
            figures.at_least(&to_native, ratio(&native), 0.6);
            figures.at_least(&to_bare, ratio(&bare), 0.3);
        } else {
            figures.tell(&to_native, ratio(&native), "");
            figures.tell(&to_bare, ratio(&bare), "");
        }
    }
    figures.tell("retries after conflicts, points inline", with_pack.shop.host.store.retries() as f64, "in all");
    figures.finish()
}

/// What an order of the bench earns.
#[derive(Clone, Copy)]
enum Earning {
    ByPack,
    ByNativeCode,
    None,
}

/// Orders through the use case.
struct Orders {
    shop: Shop,
    earning: Earning,
}

impl Orders {
    fn open(dir: &Path, earning: Earning) -> Self {
        let engine = DurableEngine::open(dir, &DurableOptions::default()).expect("the store opens");
        let shop = Shop::open(Store::new(Arc::new(engine)), MEMBERS);
        match earning {
            Earning::ByPack => shop.enable_points(true),
            // The unit is declared, but no pack takes part.
            Earning::ByNativeCode => shop.enable_points(false),
            Earning::None => {}
        }
        Self { shop, earning }
    }

    fn order(&self, client: usize, number: u64) -> SettleOrder {
        // Every client has members of its own, as every till has customers of its own.
        let member = (client + usize::try_from(number).unwrap_or(0) * CLIENTS[1]) % MEMBERS;
        SettleOrder {
            reference: Reference::new(format!("order-{number}")).expect("a reference"),
            store: self.shop.store.id,
            member: Some(self.shop.members[member].id),
            served_by: None,
            ordered_at: None,
            currency: None,
            lines: basket(3),
            due_minor: None,
            coupons: Vec::new(),
            payments: Vec::new(),
        }
    }

    fn settle(&self, client: usize, number: u64) {
        let order = self.order(client, number);
        self.operate(|tx, act| self.act(tx, act, &order));
    }

    fn act(&self, tx: &mut Tx, act: &mut Act<'_>, order: &SettleOrder) -> Result<(), SettleError> {
        let settled = settle_order(tx, act, order)?.order;
        if let (Earning::ByNativeCode, Some(member)) = (self.earning, settled.member) {
            let expires_at = act.now.checked_add(SignedDuration::from_hours(365 * 24)).ok();
            let (unit, amount) = (support::code("points"), settled.total_minor / 100);
            let grant = Move::Grant { member, unit, amount, expires_at, from: House::Issued };
            let id = act.ids.posting();
            let cause = Cause::Order(settled.id);
            let new = NewPosting { id, cause, pack: None, reason: None, moves: vec![grant] };
            match act.book(tx)?.post(&new) {
                Ok(_) => {}
                Err(LedgerError::Store(error)) => return Err(error.into()),
                Err(error) => panic!("the points are not granted: {error}"),
            }
        }
        Ok(())
    }

    fn operate<T>(&self, run: impl FnMut(&mut Tx, &mut Act<'_>) -> Result<T, SettleError>) -> T {
        self.shop.host.operate(self.shop.merchant.id, run).expect("the order is settled")
    }

    /// Keys and bytes that one order writes.
    fn weight(&self) -> (usize, usize) {
        let mut order = self.order(0, 0);
        order.reference = Reference::new("weighed").expect("a reference");
        self.operate(|tx, act| {
            self.act(tx, act, &order)?;
            Ok((tx.writes_len(), tx.changes().bytes()))
        })
    }
}
