//! `punchcard pack build`, `check`, `keygen`, `sign`, `logs`, `replay`, `rehearse`

mod logs;
mod rehearse;
mod replay;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Failure;
use super::config::Vendors;
use crate::clock::Entropy;
use crate::describe::describe;
use crate::domain::Code;
use crate::pack::{LoadError, LoadedPack, Packs, SigningKey, Trust, claimed_key, componentize, sign};

#[derive(Subcommand)]
pub(super) enum Pack {
    /// Make a component of a core module that was built for wasm32-unknown-unknown, and check it
    Build(Build),
    /// Check a component with the very steps that the host takes when it is uploaded, and tell who has signed it
    Check(Check),
    /// Make a vendor's key: a file with the secret one, which signs, and a line with the public one, which is printed and
    /// which operators add to `packs.vendors` of their configuration
    Keygen(Keygen),
    /// Sign a component that was built, so that hosts take it that trust the vendor's key
    Sign(Sign),
    /// Print what a pack has logged last at a merchant of a server: the merchant's key is taken from the environment variable
    /// PUNCHCARD_API_KEY
    Logs(logs::Logs),
    /// Make a recorded call again, with each question to the host and its recorded answer, and tell whether it did the very
    /// same
    Replay(replay::Replay),
    /// Make recorded calls again with another revision of their pack, and tell what would differ: effects, outcomes, fuel
    Rehearse(rehearse::Rehearse),
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
    /// The vendors who are trusted, as in `packs.vendors`: refuse what a host with these would refuse. Separated by commas
    #[arg(long, value_name = "KEYS")]
    vendors: Option<Vendors>,
}

#[derive(Args)]
pub(super) struct Keygen {
    /// The vendor's name: lower-case letters, digits and hyphens
    #[arg(long, value_name = "NAME", value_parser = |text: &str| Code::new(text))]
    vendor: Code,
    /// Where the secret key goes: a new file that only its owner can read
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Args)]
pub(super) struct Sign {
    /// The vendor's secret key, as `keygen` made it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The component, as `build` made it
    #[arg(long, value_name = "FILE")]
    component: PathBuf,
    /// Where the signed component goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Pack {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Build(build) => build.run(),
            Self::Check(check) => check.run(),
            Self::Keygen(keygen) => keygen.run(),
            Self::Sign(sign) => sign.run(),
            Self::Logs(logs) => logs.run(),
            Self::Replay(replay) => replay.run(),
            Self::Rehearse(rehearse) => rehearse.run(),
        }
    }
}

impl Check {
    fn run(self) -> Result<(), Failure> {
        let bytes = read(&self.file)?;
        let signer = match self.vendors {
            Some(Vendors(known)) => {
                let signed = Trust::new(known).judge(&bytes).map_err(|error| refused(&self.file, &error))?;
                signed.map(|by| format!("signed by {} with the key {}", by.vendor, by.key))
            }
            None => {
                let key = claimed_key(&bytes).map_err(|error| refused(&self.file, &error))?;
                key.map(|key| format!("signed by the key {key} (is it? --vendors tells)"))
            }
        };
        tell(&self.file, &bytes, &load(&self.file, &bytes)?);
        println!("{}", signer.as_deref().unwrap_or("signed by nobody"));
        Ok(())
    }
}

impl Keygen {
    fn run(self) -> Result<(), Failure> {
        let key = SigningKey::new(self.vendor, &Entropy::System);
        key.write(&self.out).map_err(|error| describe(&error))?;
        println!(
            "The secret key is in {}: keep it, and a copy of it, where nobody else gets at it. Operators who are to take your \
             packs add the public one to `packs.vendors`:",
            self.out.display()
        );
        println!("{}", key.vendor_key());
        Ok(())
    }
}

impl Sign {
    fn run(self) -> Result<(), Failure> {
        let key = SigningKey::read(&self.key).map_err(|error| describe(&error))?;
        let component = read(&self.component)?;
        let pack = load(&self.component, &component)?;
        let name = self.component.display();
        let own = key.vendor_key();
        let signed = match claimed_key(&component).map_err(|error| refused(&self.component, &error))? {
            None => sign(&component, &key).map_err(|error| refused(&self.component, &error))?,
            Some(id) if id == own.key.id() => component,
            Some(id) => {
                return Err(format!(
                    "{name} is signed already, by the key {id}; yours is {}: sign what `punchcard pack build` made",
                    own.key.id()
                ));
            }
        };
        Trust::new(vec![own.clone()]).judge(&signed).map_err(|error| refused(&self.component, &error))?;
        std::fs::write(&self.out, &signed)
            .map_err(|error| format!("{} can not be written: {error}", self.out.display()))?;
        tell(&self.out, &signed, &pack);
        println!("signed by {} with the key {}", own.vendor, own.key.id());
        Ok(())
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
    packs.load(component).map_err(|error| refused(file, &error))
}

fn refused(file: &Path, error: &LoadError) -> Failure {
    format!("{} is refused ({}): {error}", file.display(), error.code())
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
