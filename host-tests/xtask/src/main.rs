//! The project's own commands: `cargo xtask setup | packs | demo | test | bench | crash | simulate | fuzz-http |
//! fuzz-packs | fuzz-decoders | ci`.
//!
//! Guarantees: needs Rust and nothing else to start, compiles in seconds, asks nothing on the terminal, and says in
//! one line each what it does. A failure ends in one `error:` line that says what was wrong and what would be right,
//! with exit code 1. Knows how things are built and run, and nothing about what they do.

mod args;
mod bench;
mod ci;
mod crash;
mod demo;
mod fuzz_decoders;
mod fuzz_http;
mod fuzz_packs;
mod host;
mod machine;
mod packs;
mod peers;
mod run;
mod setup;
mod simulate;
mod test;
mod toolchain;
mod verifiers;
mod workspace;

use std::process::ExitCode;

/// What a command gives back: nothing, or the text of its `error:` line.
pub(crate) type Result<T = ()> = std::result::Result<T, String>;

const HELP: &str = "\
The project's own commands.

Usage: cargo xtask COMMAND [ARGS..]

  setup     Make sure that packs can be compiled on this machine
  packs     Build every pack and every test guest, and turn them into components
  demo      Build everything, run a trading day and serve the console
  test      Build everything and run all tests
  bench     Build everything and run one benchmark
  crash     Build everything, and kill the binary under load again and again
  simulate  Run random use cases on a disk that fails, against a simple model
  fuzz-http Ask a live server what its own description allows and forbids
  fuzz-packs
            Load components that nobody meant
  fuzz-decoders
            Read bytes that nobody wrote, wherever the host reads its own
  ci        What the continuous integration runs, step by step

On a fresh machine with Rust and nothing else, start with `cargo xtask demo` or `cargo xtask test`: both build what they
need. `cargo xtask COMMAND --help` explains one command.
";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let Some(command) = args.next() else {
        run::print_help(HELP);
        return ExitCode::FAILURE;
    };
    let args: Vec<_> = args.collect();
    let outcome = match command.to_string_lossy().as_ref() {
        "setup" => setup::main(args),
        "packs" => packs::main(args),
        "demo" => demo::main(args),
        "test" => test::main(args),
        "bench" => bench::main(args),
        "crash" => crash::main(args),
        "simulate" => simulate::main(args),
        "fuzz-http" => fuzz_http::main(args),
        "fuzz-packs" => fuzz_packs::main(args),
        "fuzz-decoders" => fuzz_decoders::main(args),
        "ci" => ci::main(args),
        "help" | "--help" | "-h" => {
            run::print_help(HELP);
            Ok(())
        }
        other => Err(format!(
            "there is no command `{other}`; there are setup, packs, demo, test, bench, crash, simulate, fuzz-http, fuzz-packs, fuzz-decoders and ci"
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            run::say(&format!("error: {message}"));
            ExitCode::FAILURE
        }
    }
}
