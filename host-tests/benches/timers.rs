//! A million timers that wait, against a few: how long the background's worker looks when nothing is due, how long it takes a
//! pack to set one more, and how long a tick takes that finds one due and fires it. Both stores are durable and have the same
//! merchants, each with the echo pack, which notes what fires.
//!
//! They are measured in turn, several times, each first as often as second; the median of the ratios of neighbours counts, as
//! a machine's speed drifts.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark's figures go to standard output")]

mod support;

use std::cell::Cell;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use host_tests::guest;
use jiff::{SignedDuration, Timestamp};
use punchcard::clock::{Clock, Entropy};
use punchcard::domain::Code;
use punchcard::pack::{Packs, Timer, TimerKind, Trust, put_timer};
use punchcard::pack_calls::run_pack_calls;
use punchcard::store::{DurableEngine, DurableOptions, Store, StoreError};
use punchcard::usecase::pack_calls::{Round, fire_timers};
use punchcard::usecase::{CommandError, Host, RunCommand, run_command};
use punchcard::vault::Vault;
use serde_json::json;
use support::{Figures, Flags, Shop, code, label, median, scattered};
use tokio::runtime::Runtime;

const ROUNDS: usize = 5;
/// A pack may have 100,000 timers at each of them: half of that leaves room to set more.
const MERCHANTS: u64 = 20;
const FEW: u64 = 200;
/// Timers put in one transaction.
const TOGETHER: u64 = 2_000;
const PACK: &str = "echo";
/// Those that wait are due within a year from tomorrow on; the clock moves by seconds.
const WAIT_MIN: SignedDuration = SignedDuration::from_hours(24);
const WAIT_MORE_MS: u64 = 365 * 24 * 3_600_000;

/// The flags of this bench.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    flags: Flags,
    /// Timers of the large store, at all merchants together
    #[arg(long, default_value_t = 1_000_000)]
    timers: u64,
}

/// What is measured, and how many times as long it may take with many timers.
const MEASURED: [(&str, f64); 4] = [
    ("looking at one pack, nothing due", 1.5),
    ("looking at all packs, nothing due", 1.5),
    ("setting one more, by the pack", 1.5),
    ("firing one that is due", 1.5),
];

fn main() -> ExitCode {
    let Options { flags, timers } = Options::parse();
    let lasting = Duration::from_secs_f64(flags.seconds);
    let mut figures = Figures::new(flags);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let runtime = Runtime::new().expect("the runtime starts");
    let packs = Packs::new().expect("the runtime of packs starts");
    println!("preparing");
    let began = Instant::now();
    let many = Place::open(&dir.path().join("many"), &packs, timers);
    figures.tell(&format!("putting {timers} timers"), began.elapsed().as_secs_f64(), "s");
    let few = Place::open(&dir.path().join("few"), &packs, FEW);
    for place in [&few, &many] {
        // Timers of the calendar are set at the first look, and what was put comes to rest.
        place.look_at_all(&runtime);
        place.measure(&runtime, lasting);
    }

    let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            of_few.push(few.measure(&runtime, lasting));
            of_many.push(many.measure(&runtime, lasting));
        } else {
            of_many.push(many.measure(&runtime, lasting));
            of_few.push(few.measure(&runtime, lasting));
        }
    }
    for (index, (name, ratio_max)) in MEASURED.into_iter().enumerate() {
        for (count, rounds) in [(FEW, &of_few), (timers, &of_many)] {
            let took = median(rounds.iter().map(|round| round[index]).collect());
            figures.tell(&format!("{name}, {count} timers"), took, "us");
        }
        let ratios = of_many.iter().zip(&of_few).map(|(many, few)| many[index] / few[index]);
        figures.at_most(&format!("ratio of {name}"), median(ratios.collect()), ratio_max, "");
    }
    figures.finish()
}

/// A store with so many timers that wait.
struct Place {
    host: Host,
    shops: Vec<Shop>,
    pack: Code,
    /// How many were set beyond those: each has a name of its own and is due a millisecond after the one before.
    set: Cell<u64>,
}

impl Place {
    fn open(dir: &Path, packs: &Packs, timers: u64) -> Self {
        let engine = DurableEngine::open(dir, &DurableOptions::default()).expect("the folder can be opened");
        let begin: Timestamp = "2026-03-18T00:00:00Z".parse().expect("an instant");
        let (store, clock) = (Store::new(Arc::new(engine)), Clock::standing_at(begin));
        let host = Host::new(store, packs.clone(), clock, Entropy::System, Vault::seeded(1));
        let host = host.trusting(Trust::development());
        let shops: Vec<_> = (0..MERCHANTS).map(|_| Shop::at(host.clone(), 0)).collect();
        let place = Self { host, shops, pack: code(PACK), set: Cell::new(0) };
        for shop in &place.shops {
            shop.enable(guest(PACK), json!({}), true);
            place.fill(shop, begin, timers / MERCHANTS);
        }
        place
    }

    /// Puts timers at a merchant, due in no order.
    fn fill(&self, shop: &Shop, begin: Timestamp, timers: u64) {
        for from in (0..timers).step_by(usize::try_from(TOGETHER).expect("a count")) {
            let put = self.host.operate(shop.merchant.id, |tx, _| {
                (from..timers.min(from + TOGETHER)).try_for_each(|number| {
                    let wait = WAIT_MIN + SignedDuration::from_millis(scattered(number, WAIT_MORE_MS).cast_signed());
                    let at = begin.checked_add(wait).expect("an instant");
                    let timer = Timer {
                        kind: TimerKind::Own,
                        name: label(&format!("waiting-{number}")),
                        due: at,
                        at,
                        payload: "set".to_owned(),
                        store: None,
                        attempts: 0,
                        rule: String::new(),
                        depth: 0,
                    };
                    put_timer(tx, shop.merchant.id, &self.pack, &timer)
                })
            });
            put.unwrap_or_else(|error: StoreError| panic!("timers are not put: {error}"));
        }
    }

    /// What each of [`MEASURED`] takes, in microseconds: the median of as many as there is time for, and of as many that fire
    /// as were set.
    fn measure(&self, runtime: &Runtime, lasting: Duration) -> [f64; MEASURED.len()] {
        let begin = self.host.clock.now();
        let look_at_one = turns(lasting, usize::MAX, |turn| {
            let round = self.look(self.shop(turn));
            assert!(round.is_idle() && round.due_at.is_some(), "nothing is due, but all wait: {round:?}");
        });
        let look_at_all = turns(lasting, usize::MAX, |_| self.look_at_all(runtime));
        let at =
            |turn: u64| begin.checked_add(SignedDuration::from_millis(turn.cast_signed() + 1)).expect("an instant");
        let set = turns(lasting, usize::MAX, |turn| self.set(self.shop(turn), at(turn)));
        let fire = turns(Duration::MAX, set.len(), |turn| {
            self.host.clock.set(at(turn));
            let round = self.look(self.shop(turn));
            assert_eq!((round.done, round.failed, round.is_unfinished), (1, 0, false), "one is due, and fires");
        });
        [look_at_one, look_at_all, set, fire].map(median)
    }

    /// The merchants in turn.
    fn shop(&self, turn: u64) -> &Shop {
        &self.shops[usize::try_from(turn % MERCHANTS).expect("an index")]
    }

    /// What the worker does about the timers of one pack.
    fn look(&self, shop: &Shop) -> Round {
        let round = self.host.operate(shop.merchant.id, |tx, act| fire_timers(tx, act, &self.pack));
        round.unwrap_or_else(|error: StoreError| panic!("the timers are not looked at: {error}"))
    }

    /// What the worker does about all packs, their events included.
    fn look_at_all(&self, runtime: &Runtime) {
        let round = runtime.block_on(run_pack_calls(&self.host)).expect("the store can be read");
        assert!(round.is_idle(), "nothing is due: {round:?}");
    }

    fn set(&self, shop: &Shop, at: Timestamp) {
        let number = self.set.replace(self.set.get() + 1);
        let input = json!({ "name": format!("more-{number}"), "at": at.as_millisecond() });
        let run = RunCommand { pack: self.pack.clone(), command: code("set-timer"), store: None, input };
        let done = self.host.operate(shop.merchant.id, |tx, act| run_command(tx, act, &run));
        done.unwrap_or_else(|error: CommandError| panic!("a timer is not set: {error}"));
    }
}

/// What turns take in microseconds, one after the other, for so long and at most so many.
fn turns(lasting: Duration, most: usize, mut act: impl FnMut(u64)) -> Vec<f64> {
    let began = Instant::now();
    let mut took = Vec::new();
    while took.len() < most && began.elapsed() < lasting {
        let turn = Instant::now();
        act(took.len() as u64);
        took.push(turn.elapsed().as_secs_f64() * 1e6);
    }
    took
}
