//! Reads bytes that nobody wrote. `cargo xtask fuzz-decoders` builds what it needs.
#![expect(clippy::print_stdout, reason = "what came of it goes to standard output")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use host_tests::fuzz_decoders::{FuzzDecoders, Read, run};

/// Read bytes that nobody wrote.
#[derive(Parser)]
struct Line {
    /// For how long, in seconds
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// What everything random follows from
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// A data directory with a snapshot, whose files are taken; it is not changed
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A folder to work in; what was read last stays there when something does not hold
    #[arg(long, value_name = "DIR")]
    scratch: PathBuf,
}

fn main() -> ExitCode {
    let Line { seconds, seed, data, scratch } = Line::parse();
    let plan = FuzzDecoders { lasting: Duration::from_secs(seconds), seed, data, scratch: scratch.clone() };
    match run(&plan) {
        Ok(tally) => {
            // It was needed only in case that something went wrong.
            let _ = std::fs::remove_dir_all(scratch);
            for (name, Read { tried, refused }) in tally {
                println!("{name}: {tried} read, in {refused} of them something was told as wrong");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
