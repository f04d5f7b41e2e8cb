//! `simulate`: runs the simulated shop of the host's own tests for as long as one likes.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::hash::BuildHasher as _;

use crate::{Result, args, run, workspace};

const HELP: &str = "\
Simulate a shop on a disk that fails: random use cases of many tills against a simple model, with crashes in between.

Usage: cargo xtask simulate [--steps N] [--seed S]

  --steps N  how many steps; 1000000 if absent (the tests make 4000)
  --seed S   what everything follows from; a new one if absent

After 10000 steps the shop closes, and another one opens with the next seed. A run that finds something ends with exit
code 1 and names the shop's seed and the step; the same seed finds it again.
";

/// A seed that is another one each time, and short enough to be typed.
fn new_seed() -> u64 {
    RandomState::new().hash_one(0) % 1_000_000
}

pub(crate) fn main(args: Vec<OsString>) -> Result {
    if args::asks_for_help(&args) {
        run::print_help(HELP);
        return Ok(());
    }
    let (mut steps, mut seed) = ("1000000".to_owned(), new_seed().to_string());
    let mut args = args.into_iter();
    while let Some(flag) = args.next() {
        let name = flag.to_string_lossy().into_owned();
        let value = args.next().map(|value| value.to_string_lossy().into_owned());
        let value = value.filter(|value| value.parse::<u64>().is_ok());
        match (name.as_str(), value) {
            ("--steps", Some(value)) => steps = value,
            ("--seed", Some(value)) => seed = value,
            _ => return Err(format!("`{name}` is not what simulate knows: --steps N and --seed S, each a number")),
        }
    }
    run::say(&format!("simulate: {steps} steps from seed {seed}"));
    let mut command = workspace::cargo();
    // Of the whole workspace, though only one is wanted: see `host::build`.
    command.args(["test", "--release", "--workspace", "--lib", "--", "--nocapture", "usecase::tests::simulation"]);
    run::run(command.env("PUNCHCARD_SIMULATION_STEPS", steps).env("PUNCHCARD_SIMULATION_SEED", seed))
}
