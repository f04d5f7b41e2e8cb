//! `punchcard pack build`, `check`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Failure;
use crate::describe::describe;
use crate::pack::{LoadedPack, Packs, componentize};

#[derive(Subcommand)]
pub(super) enum Pack {
    /// Make a component of a core module that was built for wasm32-unknown-unknown, and check it
    Build(Build),
    /// Check a component with the very steps that the host takes when it is uploaded
    Check(Check),
}

#[derive(Args)]
pub(super) struct Build {
    /// The core module
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    /// Where the component goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Args)]
pub(super) struct Check {
    /// The component
    file: PathBuf,
}

impl Pack {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Build(build) => build.run(),
            Self::Check(check) => {
                let bytes = read(&check.file)?;
                tell(&check.file, &bytes, &load(&check.file, &bytes)?);
                Ok(())
            }
        }
    }
}

impl Build {
    fn run(self) -> Result<(), Failure> {
        let component = componentize(&read(&self.module)?)
            .map_err(|error| format!("{} can not be made a component: {error}", self.module.display()))?;
        let pack = load(&self.module, &component)?;
        std::fs::write(&self.out, &component)
            .map_err(|error| format!("{} can not be written: {error}", self.out.display()))?;
        tell(&self.out, &component, &pack);
        Ok(())
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| format!("{} can not be read: {error}", file.display()))
}

fn load(file: &Path, component: &[u8]) -> Result<LoadedPack, Failure> {
    let packs = Packs::new().map_err(|error| describe(&error))?;
    packs.load(component).map_err(|error| format!("{} is refused ({}): {error}", file.display(), error.code()))
}

fn tell(file: &Path, component: &[u8], pack: &LoadedPack) {
    let manifest = &pack.manifest;
    println!(
        "{}: {} {}, {} bytes, imports nothing but the contract; {} units, {} commands, {} grants asked for",
        file.display(),
        manifest.id,
        manifest.version,
        component.len(),
        manifest.units.len(),
        manifest.commands.len(),
        manifest.grants.len(),
    );
}
