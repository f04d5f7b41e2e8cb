//! The same hook as native code, as a pack, and in other engines that run what somebody else has written.
//!
//! The hook is the points pack's: points for a basket by weekday, tag and category, in integers. Every contender reads
//! twenty lines and returns a decision, and before anything is timed all have to decide the same of several baskets.
//! - `fresh` is a state of its own for each call, as a pack has it: made, given the hook and the merchant's settings, asked
//!   once and dropped. What an engine can keep of the hook between states (bytecode, a parsed or compiled hook) is kept.
//! - `warm` is one state that is asked again and again, and has the settings already.
//!
//! A pack has all its limits on, and its peers have those that they know: see `src/engine/`.
//! The contenders take turns in many rounds, and a ratio is taken within each round: a machine's speed drifts.
#![expect(clippy::print_stdout, reason = "a benchmark's figures go to standard output")]

mod basket;
mod engine;
mod examples;
mod five;
mod overhead;
mod pack;
mod rounds;
mod rules;
// The benches of the host have the same flags, figures and shops.
#[path = "../../benches/support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use basket::{Basket, Decision};
use clap::Parser;
use pack::PackCalls;
use punchcard::store::StoreError;
use rounds::{Contender, Rounds, Turn};
use support::{Figures, Flags};

/// In so many rounds each measurement is made.
const ROUNDS: u32 = 20;

const PACK: &str = "pack, fresh";

/// Something that decides of a basket, by its number.
struct Hook<'a> {
    name: &'static str,
    decide: Box<dyn FnMut(usize) -> Decision + 'a>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let turn = Turn::Lasting(Duration::from_secs_f64(flags.seconds) / ROUNDS);
    let mut figures = Figures::new(flags);
    let baskets = examples::baskets();
    let calls = PackCalls::open(&baskets);
    println!("instances of packs come from a pool: {}", calls.is_pooled());
    engine::LIMITS.iter().for_each(|limits| println!("{limits}"));

    let (peers, host) = calls
        .in_transaction(|tx| {
            let tx = RefCell::new(tx);
            let mut hooks = vec![native(&baskets)];
            hooks.extend(engine::hooks(&baskets));
            hooks.push(Hook { name: PACK, decide: Box::new(|number| calls.decide(&mut tx.borrow_mut(), number)) });
            agree(&mut hooks, &baskets);
            let peers = Rounds::measure(ROUNDS, turn, hooks.into_iter().map(Contender::from).collect());
            let host = Rounds::measure(ROUNDS, turn, overhead::contenders(&calls, &tx, &baskets));
            Ok::<_, StoreError>((peers, host))
        })
        .expect("nothing is written");

    peers.tell(&mut figures);
    for (name, peer, aim) in [
        ("a fresh pack call to a fresh mlua call", "mlua, fresh", Some(0.5)),
        ("a fresh pack call to one in mlua without libraries", "mlua without libraries, fresh", None),
        ("a fresh pack call to a fresh rquickjs call", "rquickjs, fresh", Some(0.2)),
        ("a fresh pack call to one in a little context", "rquickjs, little context, fresh", None),
        ("a fresh pack call to a fresh rhai call", "rhai, fresh", None),
        ("a fresh pack call to a fresh extism call", "extism, fresh", None),
        ("a fresh pack call to a warm mlua call", "mlua, warm", None),
        ("a fresh pack call to a warm rquickjs call", "rquickjs, warm", None),
        ("a fresh pack call to a warm rhai call", "rhai, warm", None),
        ("a fresh pack call to a warm extism call", "extism, warm", None),
    ] {
        peers.compare(&[PACK, peer], |of| of[0] / of[1]).tell(&mut figures, name, "", aim);
    }
    overhead::tell(&host, &mut figures);
    five::measure(ROUNDS, &mut figures);
    figures.finish()
}

/// The hook as native code.
fn native(baskets: &[Basket]) -> Hook<'_> {
    let settings = examples::settings();
    Hook { name: "native", decide: Box::new(move |number| rules::decide(&settings, &baskets[number])) }
}

/// All decide the same of every basket.
fn agree(hooks: &mut [Hook<'_>], baskets: &[Basket]) {
    for number in 0..baskets.len() {
        let expected = rules::decide(&examples::settings(), &baskets[number]);
        for hook in &mut *hooks {
            assert_eq!((hook.decide)(number), expected, "{} at basket {number}", hook.name);
        }
    }
    println!("{} contenders decide the same of {} baskets", hooks.len(), baskets.len());
}

impl<'a> From<Hook<'a>> for Contender<'a> {
    /// Asks of the first basket.
    fn from(Hook { name, mut decide }: Hook<'a>) -> Self {
        Self::new(name, move || drop(black_box(decide(black_box(0)))))
    }
}
