//! The benchmark `hook`: a crate in a workspace of its own, so that nothing else compiles the engines that it measures
//! packs against.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::toolchain::Via;
use crate::{Result, host, machine, run, setup, workspace};

/// What compares with packs, as cargo calls it.
const GUEST: &str = "extism-guest";

/// Compiles plugin and benchmark, and runs it. Packs are built already.
pub(crate) fn bench(args: Vec<OsString>) -> Result {
    let guest = build_guest()?;
    let mut command = cargo("run");
    command.args(["--release", "--bin", "hook", "--target-dir"]).arg(workspace::target_dir()).arg("--").args(args);
    run::run(host::tell(command.env("PUNCHCARD_EXTISM_GUEST", guest)))
}

/// Compiles the plugin of Extism as packs are compiled, and gives its path.
fn build_guest() -> Result<PathBuf> {
    let target_dir = workspace::target_dir().join("packs");
    let toolchain = setup::set_up(Via::Auto, &target_dir)?;
    run::run(machine::build(&toolchain, &target_dir, &folder()).args(["-p", GUEST]))?;
    Ok(machine::module_dir(&target_dir).join("extism_guest.wasm"))
}

/// A command of cargo about the crates of the peers.
pub(crate) fn cargo(name: &str) -> Command {
    let mut command = workspace::cargo();
    command.arg(name).arg("--manifest-path").arg(folder().join("Cargo.toml"));
    command
}

fn folder() -> PathBuf {
    workspace::root().join("host-tests/peers")
}
