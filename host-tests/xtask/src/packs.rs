//! `packs`: compiles every pack and test guest to wasm and makes components of them.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::args::Takes;
use crate::toolchain::{Toolchain, Via};
use crate::workspace::{WasmCrate, crates_in};
use crate::{Result, host, machine, run, setup, workspace};

const HELP: &str = "\
Build every pack (plugins/*) and every test guest (host-tests/guests/*), and turn them into components.

Usage: cargo xtask packs [--via auto|rustup|apt|rust-src]

One cargo call compiles them all; the host's `punchcard pack build` makes each a component and refuses one that imports
anything but the contract. They are left in target/packs/components and target/packs/guests, NAME.wasm each, where NAME
is the package's name without `pack-` or `guest-`.

  --via WAY  compile by this way only, this time; see `cargo xtask setup --help`
";

pub(crate) fn main(args: Vec<OsString>) -> Result {
    let takes = Takes { command: "packs", via: true, switches: &[], words: false, rest: false };
    let given = takes.read(args)?;
    if given.help {
        run::print_help(HELP);
        return Ok(());
    }
    build(given.via)
}

/// Builds all packs and guests, and the host's binary on the way.
pub(crate) fn build(via: Via) -> Result {
    build_into(via, "packs")
}

/// Like [`build`], below this folder of the target folder.
pub(crate) fn build_into(via: Via, folder: &str) -> Result {
    let target_dir = workspace::target_dir().join(folder);
    let toolchain = setup::set_up(via, &target_dir)?;
    let packs = crates_in(&workspace::root(), "plugins")?;
    let guests = crates_in(&workspace::root(), "host-tests/guests")?;
    compile(&toolchain, &target_dir, packs.iter().chain(&guests))?;
    let punchcard = host::build()?;
    encode(&punchcard, &target_dir, &packs, "components")?;
    encode(&punchcard, &target_dir, &guests, "guests")
}

fn compile<'a>(toolchain: &Toolchain, target_dir: &Path, crates: impl Iterator<Item = &'a WasmCrate>) -> Result {
    let mut command = machine::build(toolchain, target_dir, &workspace::root());
    for one in crates {
        command.args(["-p", &one.package]);
    }
    run::run(&mut command)
}

/// Makes `OUT/NAME.wasm` of each crate's module, and removes components whose crate is gone.
fn encode(punchcard: &Path, target_dir: &Path, crates: &[WasmCrate], out: &str) -> Result {
    let out = target_dir.join(out);
    let unusable = |error: std::io::Error| format!("could not use {}: {error}", out.display());
    std::fs::create_dir_all(&out).map_err(unusable)?;
    let wanted: Vec<_> = crates.iter().map(|one| format!("{}.wasm", one.component())).collect();
    for entry in std::fs::read_dir(&out).map_err(unusable)? {
        let entry = entry.map_err(unusable)?;
        if !wanted.iter().any(|name| entry.file_name() == **name) && entry.path().is_file() {
            std::fs::remove_file(entry.path()).map_err(unusable)?;
        }
    }
    for (one, name) in crates.iter().zip(&wanted) {
        let module = machine::module_dir(target_dir).join(one.module());
        if !module.is_file() {
            return Err(format!(
                "{} made no {}: its Cargo.toml needs [lib] crate-type = [\"cdylib\"]",
                one.folder,
                one.module()
            ));
        }
        let mut command = Command::new(punchcard);
        command.args(["pack", "build", "--module"]).arg(&module).arg("--out").arg(out.join(name));
        run::run(&mut command).map_err(|error| format!("{} did not become a component: {error}", one.folder))?;
    }
    Ok(())
}
