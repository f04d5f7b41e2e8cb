//! All orders of one member, against orders of many, at 64 clients: durable, through the use case with the points pack
//! inline. Every order of the hot member changes the same account, so what is measured is how the store treats those
//! who compete: how much gets through, and whether somebody starves.
#![expect(clippy::print_stdout, reason = "a benchmark's figures go to standard output")]

mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use punchcard::domain::Reference;
use punchcard::store::{DurableEngine, DurableOptions, Store, StoreError};
use punchcard::usecase::{SettleError, SettleOrder, settle_order};
use support::{Figures, Flags, Measured, Shop, basket, drive, scattered};

const ROUNDS: usize = 3;
const MEMBERS: usize = 10_000;
const CLIENTS: usize = 64;

fn main() -> ExitCode {
    let flags = Flags::parse();
    let lasting = Duration::from_secs_f64(flags.seconds);
    let mut figures = Figures::new(flags);
    let dir = tempfile::tempdir().expect("a temporary folder");
    println!("preparing");
    let engine = DurableEngine::open(dir.path(), &DurableOptions::default()).expect("the store opens");
    let orders = Orders { shop: Shop::open(Store::new(Arc::new(engine)), MEMBERS), busy: AtomicU64::new(0) };
    orders.shop.enable_points(true);

    let (mut uniform, mut hot) = (Vec::new(), Vec::new());
    let mut retries = 0;
    let end = MEMBERS as u64;
    for _ in 0..ROUNDS {
        uniform.push(drive(CLIENTS, lasting, |_, number| orders.settle(scattered(number, end), number)));
        let before = orders.shop.host.store.retries();
        hot.push(drive(CLIENTS, lasting, |_, number| orders.settle(0, number)));
        retries += orders.shop.host.store.retries() - before;
    }
    let (uniform, hot) = (Measured::median(&uniform), Measured::median(&hot));
    for (name, measured) in [("uniform", &uniform), ("one member", &hot)] {
        figures.tell(name, measured.per_second, "a second");
        figures.tell(&format!("{name}, median"), measured.p50_us, "us");
        figures.tell(&format!("{name}, p99"), measured.p99_us, "us");
        figures.tell(&format!("{name}, slowest"), measured.max_us, "us");
    }
    figures.tell("uniform, slowest client against the median client", uniform.slowest_share, "");
    figures.tell("retries after conflicts, one member", retries as f64, "in all");
    figures.at_least("ratio of one member to uniform", hot.per_second / uniform.per_second, 0.5);
    figures.at_least("one member, slowest client against the median client", hot.slowest_share, 0.2);
    figures.at_most("orders that were given up as busy", orders.busy.load(Ordering::Relaxed) as f64, 0.0, "");
    figures.finish()
}

struct Orders {
    shop: Shop,
    /// How many were not settled because others always came between.
    busy: AtomicU64,
}

impl Orders {
    fn settle(&self, member: u64, number: u64) {
        let order = SettleOrder {
            reference: Reference::new(format!("order-{number}")).expect("a reference"),
            store: self.shop.store.id,
            member: Some(self.shop.members[usize::try_from(member).expect("an index")].id),
            served_by: None,
            ordered_at: None,
            currency: None,
            lines: basket(3),
            due_minor: None,
            coupons: Vec::new(),
            payments: Vec::new(),
        };
        match self.shop.host.operate(self.shop.merchant.id, |tx, act| settle_order(tx, act, &order)) {
            Ok(_) => {}
            Err(SettleError::Store(StoreError::Busy { .. })) => {
                self.busy.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => panic!("the order is not settled: {error}"),
        }
    }
}
