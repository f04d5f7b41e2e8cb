//! The `punchcard` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    punchcard::cli::main()
}
