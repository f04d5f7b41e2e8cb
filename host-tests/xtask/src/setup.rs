//! `setup`: makes sure that packs can be compiled, and remembers how.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::args::Takes;
use crate::machine::ThisMachine;
use crate::toolchain::{Toolchain, Via, choose};
use crate::{Result, run, workspace};

const HELP: &str = "\
Make sure that packs can be compiled on this machine, for wasm32-unknown-unknown.

Usage: cargo xtask setup [--via auto|rustup|apt|rust-src]

Packs are WebAssembly, so a compiler with that target is needed. There are three ways to one:

  rustup    the active compiler's own target; added with `rustup target add` when it is missing
  apt       Debian's packages rustc-web, cargo-web and rust-web-src, beside rustup's compilers; needs root or `sudo -n`
  rust-src  the active compiler builds the standard library from its own source, which rustup or your system installs

`auto`, the default, keeps what was chosen before if it still works, else tries them in this order. A way counts only
when it has compiled a small crate. The choice is kept in target/xtask/wasm-toolchain; every command that builds packs
verifies it, so a stale one repairs itself. Asks nothing on the terminal.
";

pub(crate) fn main(args: Vec<OsString>) -> Result {
    let takes = Takes { command: "setup", via: true, switches: &[], words: false, rest: false };
    let given = takes.read(args)?;
    if given.help {
        run::print_help(HELP);
        return Ok(());
    }
    let toolchain = set_up(given.via, &workspace::target_dir().join("packs"))?;
    keep(&toolchain)
}

/// A toolchain that compiles into `target_dir`. What was found without being told how is remembered.
pub(crate) fn set_up(via: Via, target_dir: &Path) -> Result<Toolchain> {
    let kept = std::fs::read_to_string(kept_in()).ok().and_then(|text| Toolchain::from_text(&text));
    let toolchain = choose(&mut ThisMachine { target_dir: target_dir.to_owned() }, via, kept)?;
    if via == Via::Auto {
        keep(&toolchain)?;
    }
    Ok(toolchain)
}

fn kept_in() -> PathBuf {
    workspace::target_dir().join("xtask/wasm-toolchain")
}

fn keep(toolchain: &Toolchain) -> Result {
    let path = kept_in();
    let dir = path.parent().unwrap_or(&path);
    std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&path, toolchain.to_text()))
        .map_err(|error| format!("could not write {}: {error}", path.display()))
}
