//! What a till of one merchant waits while ten packs of another merchant do harm: settled orders with the points pack inline,
//! durable, at a rate that leaves room, alone and beside the other merchant's orders, each of which asks all ten.
#![expect(clippy::print_stdout, reason = "a benchmark's figures go to standard output")]

mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use host_tests::{guest, reworded};
use punchcard::domain::{PackOutcome, PackResult, Reference};
use punchcard::store::{DurableEngine, DurableOptions, Store};
use punchcard::usecase::{SettleError, SettleOrder, settle_order};
use serde_json::json;
use support::{Figures, Flags, Measured, Shop, basket, drive_at};

const ROUNDS: usize = 3;
const MEMBERS: usize = 500;
/// How many tills the quiet merchant has, and how many orders a second they take together.
const TILLS: usize = 16;
const ORDERS_A_SECOND: f64 = 200.0;
/// How many orders a second the noisy merchant takes, each with ten packs.
const NOISE_A_SECOND: f64 = 20.0;
const NOISY_TILLS: usize = 4;

/// What the ten packs do.
const HARM: [&str; 10] = [
    "loop",
    "eat-memory",
    "recurse",
    "flood",
    "trap-after-write",
    "many-findings",
    "fill-storage",
    "long-text",
    "log-flood",
    "unreachable",
];

fn main() -> ExitCode {
    let flags = Flags::parse();
    let lasting = Duration::from_secs_f64(flags.seconds);
    let mut figures = Figures::new(flags);
    let dir = tempfile::tempdir().expect("a temporary folder");
    println!("preparing");
    let engine = DurableEngine::open(dir.path(), &DurableOptions::default()).expect("the folder can be opened");
    let quiet = Shop::open(Store::new(Arc::new(engine)), MEMBERS);
    quiet.enable_points(true);
    let noisy = Shop::at(quiet.host.clone(), 10);
    for (number, harm) in HARM.iter().enumerate() {
        // A pack of a name and a unit of its own.
        let texts = [("hostile", &*format!("hostil{number}")), ("scars", &*format!("scar{number}"))];
        noisy.enable(reworded(guest("hostile"), &texts), json!({ "behaviour": harm }), true);
    }
    let quietly = |client: usize, number: u64| {
        settle(&quiet, client, number);
    };
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let mut harmed = 0;
    for _ in 0..ROUNDS {
        alone.push(drive_at(ORDERS_A_SECOND, TILLS, lasting, quietly));
        let over = AtomicBool::new(false);
        let (measured, noise) = std::thread::scope(|scope| {
            let noise = scope.spawn(|| {
                let harmed = AtomicU64::new(0);
                drive_at(NOISE_A_SECOND, NOISY_TILLS, lasting * 2, |client, number| {
                    if !over.load(Ordering::Relaxed) {
                        harmed.fetch_add(settle(&noisy, client, number), Ordering::Relaxed);
                    }
                });
                harmed.into_inner()
            });
            let measured = drive_at(ORDERS_A_SECOND, TILLS, lasting, quietly);
            over.store(true, Ordering::Relaxed);
            (measured, noise.join().expect("the noise does not panic"))
        });
        beside.push(measured);
        harmed += noise;
    }
    let (alone, beside) = (Measured::median(&alone), Measured::median(&beside));
    figures.tell("calls that did harm, a round", harmed as f64 / ROUNDS as f64, "calls");
    figures.tell("alone, median", alone.p50_us, "us");
    figures.tell("alone, p99", alone.p99_us, "us");
    figures.tell("beside ten packs that do harm, median", beside.p50_us, "us");
    figures.tell("beside ten packs that do harm, p99", beside.p99_us, "us");
    figures.at_most("ratio of the p99", beside.p99_us / alone.p99_us, 2.0, "");
    figures.finish()
}

/// Settles an order, and says how many packs did harm in it.
fn settle(shop: &Shop, client: usize, number: u64) -> u64 {
    let member = &shop.members[(client + usize::try_from(number).unwrap_or(0)) % shop.members.len()];
    let order = SettleOrder {
        reference: Reference::new(format!("order-{number}")).expect("a reference"),
        store: shop.store.id,
        member: Some(member.id),
        ordered_at: None,
        currency: None,
        lines: basket(3),
        coupons: Vec::new(),
        payments: Vec::new(),
    };
    let settled = shop.host.operate(shop.merchant.id, |tx, act| settle_order(tx, act, &order));
    let settled = settled.unwrap_or_else(|error: SettleError| panic!("an order is not settled: {error}"));
    let did_harm = |outcome: &&PackOutcome| match &outcome.result {
        PackResult::Failed { code, .. } => code != "resting",
        PackResult::Done { .. } => false,
    };
    settled.order.outcomes.iter().filter(did_harm).count() as u64
}
