//! The host: building its binary, and telling other programs where the built things are.

use std::path::PathBuf;
use std::process::Command;

use crate::{Result, run, workspace};

/// Builds the host's binary and gives its path.
///
/// Built as part of the whole workspace, though only the binary is wanted: so its dependencies get the features that
/// tests and benches need as well, and nothing large is compiled twice.
pub(crate) fn build() -> Result<PathBuf> {
    build_program("punchcard")?;
    Ok(binary())
}

/// Builds a program of the workspace, like the host, and gives the command that runs it.
pub(crate) fn build_program(name: &str) -> Result<Command> {
    run::run(workspace::cargo().args(["build", "--release", "--workspace", "--bin", name]))?;
    Ok(Command::new(built(name)))
}

/// Where the host's binary is once it is built.
pub(crate) fn binary() -> PathBuf {
    built("punchcard")
}

/// Where a program of the workspace is once it is built.
fn built(name: &str) -> PathBuf {
    workspace::target_dir().join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Where the built packs are.
pub(crate) fn packs() -> PathBuf {
    workspace::target_dir().join("packs/components")
}

/// Where the built test guests are.
pub(crate) fn guests() -> PathBuf {
    workspace::target_dir().join("packs/guests")
}

/// Tells tests and benches where the built things are, by absolute paths.
pub(crate) fn tell(command: &mut Command) -> &mut Command {
    command.env("PUNCHCARD_BIN", binary()).env("PUNCHCARD_PACKS", packs()).env("PUNCHCARD_GUESTS", guests())
}
