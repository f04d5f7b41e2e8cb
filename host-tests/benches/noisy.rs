//! What a till of one merchant waits while ten packs of another merchant do harm: settled orders with the points pack inline,
//! durable, at a rate that leaves room, alone and beside the other merchant's orders, each of which asks all ten: far more
//! often than they can answer. Those that go over their limits rest after a while; those that keep just below them never do.
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
use punchcard::usecase::{Quotas, SettleError, SettleOrder, settle_order};
use serde_json::json;
use support::{Figures, Flags, Measured, Shop, basket, drive_at, drive_while};

const ROUNDS: usize = 3;
const MEMBERS: usize = 500;
/// How many tills the quiet merchant has, and how many orders a second they take together.
const TILLS: usize = 16;
const ORDERS_A_SECOND: f64 = 200.0;
/// The noisy merchant's tills, and how long the first of them rests after an order; each further one a little longer, so that
/// they do not come all at once. So many orders, about fifty a second, are little for the host, but ten times as many calls are
/// more than its packs can be given.
const NOISY_TILLS: usize = 32;
const NOISY_REST: Duration = Duration::from_millis(400);
const NOISY_REST_MORE: Duration = Duration::from_millis(13);
/// So many of its packs' calls are to go well in a second, or this measures nothing: a pack that rests does no harm.
const CALLS_A_SECOND_MIN: f64 = 10.0;

/// What the ten packs do.
const HARM: [&str; 10] =
    ["burn", "burn", "burn", "write-much", "read-much", "loop", "eat-memory", "flood", "trap-after-write", "log-flood"];

fn main() -> ExitCode {
    let flags = Flags::parse();
    let lasting = Duration::from_secs_f64(flags.seconds);
    let mut figures = Figures::new(flags);
    let dir = tempfile::tempdir().expect("a temporary folder");
    println!("preparing");
    let engine = DurableEngine::open(dir.path(), &DurableOptions::default()).expect("the folder can be opened");
    let quiet = Shop::open(Store::new(Arc::new(engine)), MEMBERS);
    quiet.enable_points(true);
    let quotas = &quiet.host.programme.quotas;
    quotas.set_fuel_a_second(Quotas::FUEL_A_SECOND);
    quotas.set_written_a_second(Quotas::WRITTEN_A_SECOND);
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
    let (mut noise_orders, mut calls) = (0.0, 0);
    for _ in 0..ROUNDS {
        alone.push(drive_at(ORDERS_A_SECOND, TILLS, lasting, quietly));
        let over = AtomicBool::new(false);
        let (measured, noise) = std::thread::scope(|scope| {
            let noise = scope.spawn(|| {
                let calls = AtomicU64::new(0);
                let load = drive_while(
                    NOISY_TILLS,
                    || !over.load(Ordering::Relaxed),
                    |client, number| {
                        calls.fetch_add(settle(&noisy, client, number), Ordering::Relaxed);
                        std::thread::sleep(NOISY_REST + NOISY_REST_MORE * u32::try_from(client).unwrap_or(0));
                    },
                );
                (load.per_second, calls.into_inner())
            });
            let measured = drive_at(ORDERS_A_SECOND, TILLS, lasting, quietly);
            over.store(true, Ordering::Relaxed);
            (measured, noise.join().expect("the noise does not panic"))
        });
        beside.push(measured);
        noise_orders += noise.0 / ROUNDS as f64;
        calls += noise.1;
    }
    let (alone, beside) = (Measured::median(&alone), Measured::median(&beside));
    figures.tell("orders of the noisy merchant", noise_orders, "a second");
    let calls = calls as f64 / ROUNDS as f64 / lasting.as_secs_f64();
    figures.at_least("calls of its packs that do not rest, a second", calls, CALLS_A_SECOND_MIN);
    figures.tell("alone, median", alone.p50_us, "us");
    figures.tell("alone, p99", alone.p99_us, "us");
    figures.tell("beside ten packs that do harm, median", beside.p50_us, "us");
    figures.tell("beside ten packs that do harm, p99", beside.p99_us, "us");
    figures.at_most("ratio of the p99", beside.p99_us / alone.p99_us, 2.0, "");
    figures.finish()
}

/// Settles an order, and says how many packs did in it what nobody stops.
fn settle(shop: &Shop, client: usize, number: u64) -> u64 {
    let member = &shop.members[(client + usize::try_from(number).unwrap_or(0)) % shop.members.len()];
    let order = SettleOrder {
        reference: Reference::new(format!("order-{number}")).expect("a reference"),
        store: shop.store.id,
        member: Some(member.id),
        served_by: None,
        ordered_at: None,
        currency: None,
        lines: basket(3),
        due_minor: None,
        coupons: Vec::new(),
        payments: Vec::new(),
    };
    let settled = shop.host.operate(shop.merchant.id, |tx, act| settle_order(tx, act, &order));
    let settled = settled.unwrap_or_else(|error: SettleError| panic!("an order is not settled: {error}"));
    let went_well = |outcome: &&PackOutcome| matches!(outcome.result, PackResult::Done { .. });
    settled.order.outcomes.iter().filter(went_well).count() as u64
}
