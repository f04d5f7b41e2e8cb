//! What recording costs: durable settled orders a second with the points pack inline, recorded as by default, with files and
//! the thread that writes them, against the same without recordings, at 1 and at 64 clients.
//!
//! Both run in turn, several times, each first as often as second; the median of the ratios of neighbours counts, as a
//! machine's speed drifts.
#![expect(clippy::print_stdout, reason = "a benchmark's figures go to standard output")]

mod support;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use punchcard::domain::Reference;
use punchcard::store::{DurableEngine, DurableOptions, Store};
use punchcard::usecase::{Recorder, RecordingTerms, Recordings, SettleOrder, settle_order};
use support::{Figures, Flags, Measured, Shop, basket, drive, median};

const ROUNDS: usize = 8;
const MEMBERS: usize = 1_000;
const CLIENTS: [usize; 2] = [1, 64];

fn main() -> ExitCode {
    let flags = Flags::parse();
    let lasting = Duration::from_secs_f64(flags.seconds);
    let mut figures = Figures::new(flags);
    let dir = tempfile::tempdir().expect("a temporary folder");

    println!("preparing");
    let default = RecordingTerms::default();
    let off = open(&dir.path().join("off"), RecordingTerms { window: 0, ..default });
    let on = open(&dir.path().join("on"), default);
    let recorder = Recorder::start(on.host.clone()).expect("there is a thread");

    for clients in CLIENTS {
        let measure = |shop: &Shop| drive(clients, lasting, |client, number| settle(shop, client, number));
        let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let (recorded, plain) = if round % 2 == 0 {
                let recorded = measure(&on);
                (recorded, measure(&off))
            } else {
                let plain = measure(&off);
                (measure(&on), plain)
            };
            ratios.push(recorded.per_second / plain.per_second);
            with.push(recorded);
            without.push(plain);
        }
        for (name, rounds) in [("recorded", &with), ("not recorded", &without)] {
            let measured = Measured::median(rounds);
            figures.tell(&format!("{name}, {clients} clients"), measured.per_second, "a second");
            figures.tell(&format!("{name}, {clients} clients, p99"), measured.p99_us, "us");
        }
        figures.at_least(&format!("ratio of recorded to not, {clients} clients"), median(ratios), 0.95);
    }
    recorder.stop();
    figures.finish()
}

/// A shop on a store of its own, whose orders are recorded like this.
fn open(dir: &Path, terms: RecordingTerms) -> Shop {
    let engine = DurableEngine::open(dir, &DurableOptions::default()).expect("the store opens");
    let shop = Shop::open(Store::new(Arc::new(engine)), MEMBERS);
    shop.enable_points(true);
    let host = shop.host.clone().recording_into(Recordings::in_dir(terms, dir.join("recordings")));
    Shop { host, ..shop }
}

fn settle(shop: &Shop, client: usize, number: u64) {
    // Every client has members of its own, as every till has customers of its own.
    let member = (client + usize::try_from(number).unwrap_or(0) * CLIENTS[1]) % MEMBERS;
    let order = SettleOrder {
        reference: Reference::new(format!("order-{number}")).expect("a reference"),
        store: shop.store.id,
        member: Some(shop.members[member].id),
        served_by: None,
        ordered_at: None,
        currency: None,
        lines: basket(3),
        due_minor: None,
        coupons: Vec::new(),
        payments: Vec::new(),
    };
    let settled = shop.host.operate(shop.merchant.id, |tx, act| settle_order(tx, act, &order));
    settled.expect("the order is settled");
}
