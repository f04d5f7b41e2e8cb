//! `crash`: builds everything and runs the trial by `kill -9` of host-tests.

use std::ffi::OsString;

use crate::toolchain::Via;
use crate::{Result, args, host, packs, run};

const HELP: &str = "\
Build everything, and kill the binary under load at random moments, again and again.

Usage: cargo xtask crash [--cycles N] [--clients M] [--seed S] [--seconds MAX]

Each time it is started again, sometimes killed while it starts, sometimes without its state, and everything that was
acknowledged has to be there, and to have happened once; in between and at the end the books have to balance. What comes
of it is printed with the seed. When anything is lost, done twice or broken, the exit code is 1 and the data is kept.

  --cycles N     how often it is killed under load; 200 if absent
  --clients M    how many clients make the load; 32 if absent
  --seed S       what everything random follows from; a new one if absent
  --seconds MAX  begin no new cycle after so many seconds
";

pub(crate) fn main(args: Vec<OsString>) -> Result {
    if args::asks_for_help(&args) {
        run::print_help(HELP);
        return Ok(());
    }
    packs::build(Via::Auto)?;
    let mut command = host::build_program("crash")?;
    run::replace_by(host::tell(command.args(args)))
}
