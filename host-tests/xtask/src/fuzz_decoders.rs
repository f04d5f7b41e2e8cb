//! `fuzz-decoders`: builds everything and reads bytes that nobody wrote.

use std::ffi::OsString;
use std::process::Command;

use crate::toolchain::Via;
use crate::{Result, args, host, packs, run, workspace};

const HELP: &str = "\
Build everything, and read bytes that nobody wrote, wherever the host reads its own.

Usage: cargo xtask fuzz-decoders [--seconds N] [--seed S]

Records of the store, journals, snapshots and key files, as the demonstration leaves them, signatures of components,
recordings of calls, and rows of files that are brought in, with bits flipped, parts cut out, doubled or exchanged: whatever
reads them says what is wrong, and never panics. When something does not hold, the exit code is 1, and what was read is left
in target/xtask/fuzz-decoders.

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
    let mut command = host::build_program("fuzz-decoders")?;
    let folder = workspace::target_dir().join("xtask/fuzz-decoders");
    let unusable = |error: std::io::Error| format!("{} cannot be used: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(unusable)?;
    }
    std::fs::create_dir_all(&folder).map_err(unusable)?;
    let data = folder.join("data");
    let punchcard = host::binary();
    let mut demo = Command::new(&punchcard);
    run::run(demo.args(["demo", "--once", "--packs"]).arg(host::packs()).arg("--data").arg(&data))?;
    run::run(Command::new(&punchcard).args(["snapshot", "--data"]).arg(&data))?;
    host::tell(&mut command).arg("--data").arg(data).arg("--scratch").arg(folder.join("last"));
    Ok(command)
}
