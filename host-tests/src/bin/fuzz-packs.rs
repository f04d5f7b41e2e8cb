//! Loads components that nobody meant. `cargo xtask fuzz-packs` builds what it needs.
#![expect(clippy::print_stdout, reason = "what came of it goes to standard output")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use host_tests::fuzz_packs::{FuzzPacks, Fuzzed, run};

/// Load components that nobody meant.
#[derive(Parser)]
struct Line {
    /// For how long, in seconds
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// What everything random follows from
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Where the component lies that is being loaded, in case the process ends with it
    #[arg(long, value_name = "FILE", default_value = "fuzz-packs-last.wasm")]
    last: PathBuf,
}

fn main() -> ExitCode {
    let Line { seconds, seed, last } = Line::parse();
    match run(&FuzzPacks { lasting: Duration::from_secs(seconds), seed, last: last.clone() }) {
        Ok(Fuzzed { tried, packs, kept, .. }) => {
            // It was needed only in case that something went wrong.
            let _ = std::fs::remove_file(last);
            println!(
                "{tried} components, {packs} of them packs all the same; {} MB more memory at the end",
                kept >> 20
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
