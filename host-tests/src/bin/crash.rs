//! Kills the binary under load, again and again; see `host_tests::crash`. `cargo xtask crash` builds what it needs.
#![expect(clippy::print_stdout, reason = "what this program has to say goes to standard output")]

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use host_tests::crash::{Plan, run};
use punchcard::clock::Entropy;

/// Kill the binary under load at random moments, and prove that nothing acknowledged is lost and nothing done twice
#[derive(Parser)]
struct Options {
    /// How often it is killed under load
    #[arg(long, default_value_t = 200)]
    cycles: u32,
    /// How many clients make the load
    #[arg(long, default_value_t = 32)]
    clients: usize,
    /// What everything random follows from; a new one if absent
    #[arg(long)]
    seed: Option<u64>,
    /// Begin no new cycle after so many seconds
    #[arg(long, value_name = "MAX")]
    seconds: Option<f64>,
}

fn main() -> ExitCode {
    let Options { cycles, clients, seed, seconds } = Options::parse();
    // A short one, to be typed again.
    let seed = seed.unwrap_or_else(|| Entropy::System.bits() % 1_000_000);
    let plan = Plan { cycles, clients, seed, time_max: seconds.map(Duration::from_secs_f64) };
    eprintln!("seed {seed}");
    let report = run(plan, |so_far| {
        if so_far.cycles.is_multiple_of(10) {
            eprintln!("{} cycles, {} requests acknowledged", so_far.cycles, so_far.acknowledged);
        }
    });
    println!("{report}");
    if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
