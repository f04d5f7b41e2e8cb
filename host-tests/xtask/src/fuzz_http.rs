//! `fuzz-http`: builds everything and lets Schemathesis ask a live server what its own description allows and forbids.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::toolchain::Via;
use crate::{Result, args, host, packs, run, workspace};

const HELP: &str = "\
Build everything, and let Schemathesis ask a live server what its own description allows and forbids.

Usage: cargo xtask fuzz-http [--max-examples N] [--seed S]

It serves a new data directory with a merchant, reads /openapi.json, and makes up requests that fit it and that do not;
ids of replies go into further requests. No reply may be a 5xx or be other than described, wrong requests have to be
refused, and afterwards the books have to balance. When something does not hold, the exit code is 1.

  --max-examples N  how many requests are made up for each operation and phase; 100 if absent
  --seed S          what everything random follows from; a new one if absent

Schemathesis is installed once, with pip, into target/xtask/schemathesis; that needs Python 3.10 or newer.
";

/// The version whose checks and options are used here.
const VERSION: &str = "4.32.5";
/// How long pip may take to get it.
const INSTALL_LIMIT: Duration = Duration::from_secs(300);

pub(crate) fn main(args: Vec<OsString>) -> Result {
    if args::asks_for_help(&args) {
        run::print_help(HELP);
        return Ok(());
    }
    packs::build(Via::Auto)?;
    let program = program(true)?;
    run::replace_by(command(&program)?.args(args))
}

/// Runs it for about a minute, against what is built already.
pub(crate) fn short(program: &Path) -> Result {
    run::run(command(program)?.args(["--max-examples", "20", "--seed", "1"]))
}

fn command(program: &Path) -> Result<Command> {
    let mut command = host::build_program("fuzz-http")?;
    host::tell(&mut command).arg("--program").arg(program);
    Ok(command)
}

/// Schemathesis in an environment of its own, installed if it has to be and may be.
///
/// # Errors
/// Why it cannot be had here.
pub(crate) fn program(install: bool) -> Result<PathBuf> {
    let environment = workspace::target_dir().join("xtask/schemathesis");
    let folder = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let program = folder.join(format!("schemathesis{}", std::env::consts::EXE_SUFFIX));
    let is_there = || run::answer(Command::new(&program).arg("--version")).is_some_and(|told| told.contains(VERSION));
    if is_there() {
        return Ok(program);
    }
    if !install {
        return Err(format!("Schemathesis {VERSION} is not installed"));
    }
    let python =
        ["python3", "python"].into_iter().find(|name| run::answer(Command::new(name).arg("--version")).is_some());
    let python = python.ok_or("there is no Python, which Schemathesis needs")?;
    run::run_within(Command::new(python).args(["-m", "venv", "--clear"]).arg(&environment), INSTALL_LIMIT)
        .map_err(|error| format!("Python can make no environment here (Debian has it in python3-venv): {error}"))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"];
    let mut command = Command::new(folder.join("python"));
    run::run_within(command.args(pip).arg(format!("schemathesis=={VERSION}")), INSTALL_LIMIT)
        .map_err(|error| format!("pip cannot get Schemathesis here: {error}"))?;
    if is_there() { Ok(program) } else { Err(format!("{} does not run after pip has installed it", program.display())) }
}
