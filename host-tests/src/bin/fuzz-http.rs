//! Asks a live server what its own description allows and forbids. `cargo xtask fuzz-http` gets what it needs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use host_tests::fuzz_http::{FuzzPlan, run};

/// Ask a live server what its own description allows and forbids.
#[derive(Parser)]
struct Line {
    /// The program `schemathesis`
    #[arg(long, value_name = "FILE", default_value = "schemathesis")]
    program: PathBuf,
    /// How many requests are made up for each operation and phase
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_examples: u32,
    /// What everything random follows from; something new, if not given
    #[arg(long, value_name = "S")]
    seed: Option<u32>,
}

fn main() -> ExitCode {
    let Line { program, max_examples, seed } = Line::parse();
    // It is started in another folder.
    let program = program.canonicalize().unwrap_or(program);
    match run(&FuzzPlan { program: &program, examples_max: max_examples, seed }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
