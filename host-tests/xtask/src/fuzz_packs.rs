//! `fuzz-packs`: builds everything and loads components that nobody meant.

use std::ffi::OsString;
use std::process::Command;

use crate::toolchain::Via;
use crate::{Result, args, host, packs, run, workspace};

const HELP: &str = "\
Build everything, and load components that nobody meant, as uploads of vendors are loaded.

Usage: cargo xtask fuzz-packs [--seconds N] [--seed S]

Real packs with bits flipped, parts cut out, doubled or exchanged, manifests of real packs with something wrong, and components
made up by wasm-smith: none may stop the host, and memory returns to where it was. When something does not hold, the exit code
is 1, and the component is left in target/xtask/fuzz-packs-last.wasm.

  --seconds N  for how long; 60 if absent
  --seed S     what everything random follows from; 1 if absent
";

pub(crate) fn main(args: Vec<OsString>) -> Result {
    if args::asks_for_help(&args) {
        run::print_help(HELP);
        return Ok(());
    }
    packs::build(Via::Auto)?;
    run::replace_by(command()?.args(args))
}

/// Runs it for half a minute, against what is built already.
pub(crate) fn short() -> Result {
    run::run(command()?.args(["--seconds", "30"]))
}

fn command() -> Result<Command> {
    let mut command = host::build_program("fuzz-packs")?;
    let folder = workspace::target_dir().join("xtask");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    host::tell(&mut command).arg("--last").arg(folder.join("fuzz-packs-last.wasm"));
    Ok(command)
}
