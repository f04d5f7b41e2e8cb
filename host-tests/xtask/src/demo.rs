//! `demo`: builds everything and becomes `punchcard demo`.

use std::ffi::OsString;
use std::process::Command;

use crate::toolchain::Via;
use crate::{Result, args, host, packs, run};

const HELP: &str = "\
Build everything, run a trading day and serve the console.

Usage: cargo xtask demo [ARGS..]

Opens an embedded store, sets up a bakery, a school and an alliance with their packs, members and orders, lets a day go by,
says what happened in plain words, then serves the console and prints its address and a sign-in. Ctrl-C ends it.

All arguments go to `punchcard demo`, whose exit code is this command's:

  --once         stop after the summary
  --data DIR     keep the data here
  --listen ADDR  serve here
  --lang zh|en   say it in this language
  --orders FILE  bring in these orders instead of made-up ones
  --json FILE    write the figures of the summary here as well
";

pub(crate) fn main(args: Vec<OsString>) -> Result {
    if args::asks_for_help(&args) {
        run::print_help(HELP);
        return Ok(());
    }
    packs::build(Via::Auto)?;
    run::replace_by(command().args(args))
}

/// `punchcard demo` with the built packs.
pub(crate) fn command() -> Command {
    let mut command = Command::new(host::binary());
    command.args(["demo", "--packs"]).arg(host::packs());
    command
}
