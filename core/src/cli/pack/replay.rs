//! `punchcard pack replay`

use std::path::{Path, PathBuf};

use clap::Args;

use super::{load, read};
use crate::cli::Failure;
use crate::describe::describe;
use crate::pack::{Recording, Way};

#[derive(Args)]
pub(in crate::cli) struct Replay {
    /// The recording: a file of `GET /v1/packs/PACK/recordings/RECORDING`. What it prints may be personal
    recording: PathBuf,
    /// The component. Fuel is compared when it is the one that was recorded
    component: PathBuf,
}

impl Replay {
    pub(super) fn run(self) -> Result<(), Failure> {
        let recorded = recording(&self.recording)?;
        let pack = load(&self.component, &read(&self.component)?)?;
        let played = pack
            .play(&recorded, Way::Exact)
            .map_err(|error| format!("{} can not be replayed: {}", self.recording.display(), describe(&error)))?;
        let is_same = played.recording.component == recorded.component;
        let Recording { pack, version, export, at, merchant, .. } = &recorded;
        println!("{export} of {pack} {version}, called at {at} for {merchant}");
        println!("component {}{}", recorded.component_hex(), if is_same { "" } else { ", but another one is played" });
        println!("given {}", recorded.input());
        for (number, call) in played.recording.host_calls().iter().enumerate() {
            println!("{:>5}  {call} -> {}", number + 1, call.answer);
        }
        println!("ended {}", played.recording.ending());
        println!("fuel {}, {} host calls", played.recording.fuel, played.recording.host_calls);
        let differences = played.departs_in(&recorded);
        if differences.is_empty() {
            println!("it did the very same{}", if is_same { "" } else { ", fuel apart" });
            return Ok(());
        }
        differences.iter().for_each(|difference| println!("differs: {difference}"));
        Err(format!("{} did not do what was recorded", self.component.display()))
    }
}

/// A recording in a file.
pub(super) fn recording(file: &Path) -> Result<Recording, Failure> {
    Recording::from_file(&read(file)?).map_err(|error| format!("{}: {error}", file.display()))
}
