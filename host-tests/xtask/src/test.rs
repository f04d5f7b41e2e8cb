//! `test`: builds everything and runs all tests of the workspace.

use std::ffi::OsString;

use crate::args::Takes;
use crate::run::{Stopwatch, spoken};
use crate::toolchain::Via;
use crate::{Result, machine, packs, run, verifiers, workspace};

const HELP: &str = "\
Build everything and run all tests: of the host, the SDK, the packs, the specs against real packs, and of xtask.

Usage: cargo xtask test [FILTER..] [-- ARGS..]

  FILTER  run only tests whose name contains one of these
  ARGS    for the test programs, such as `--nocapture`

One spec looks at the binary's system calls; where strace is missing, it is installed with apt-get if that is possible.
Another asks the official verifiers of Standard Webhooks and CloudEvents, which are installed into an environment of
their own below target, where there is a Python. What can not be had is said, and its spec is skipped.

Tests find what was built by PUNCHCARD_BIN, PUNCHCARD_PACKS and PUNCHCARD_GUESTS, which this command sets.
";

pub(crate) fn main(args: Vec<OsString>) -> Result {
    let takes = Takes { command: "test", via: false, switches: &[], words: true, rest: true };
    let given = takes.read(args)?;
    if given.help {
        run::print_help(HELP);
        return Ok(());
    }
    let watch = Stopwatch::start();
    packs::build(Via::Auto)?;
    machine::provide_strace();
    verifiers::provide_or_say();
    let outcome = test(&given.words, &given.rest);
    run::say(&format!(
        "test: {} in {}",
        if outcome.is_ok() { "all passed" } else { "failed" },
        spoken(watch.elapsed())
    ));
    outcome
}

/// Runs the tests against what is built already.
pub(crate) fn test(filters: &[String], rest: &[OsString]) -> Result {
    let mut command = workspace::cargo();
    command.args(["test", "--release", "--workspace"]);
    if !filters.is_empty() || !rest.is_empty() {
        command.arg("--").args(filters).args(rest);
    }
    run::run(verifiers::tell(&mut command))
}
