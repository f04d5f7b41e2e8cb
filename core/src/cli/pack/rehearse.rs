//! `punchcard pack rehearse`

use std::fs;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};

use super::replay::recording;
use super::{load, read};
use crate::cli::Failure;
use crate::cli::data::{self, Keys};
use crate::clock::Clock;
use crate::describe::describe;
use crate::domain::Code;
use crate::pack::{Recording, Rehearsal};
use crate::usecase::{RecordingTerms, recordings_of_pack};

#[derive(Args)]
#[command(group(ArgGroup::new("calls").required(true).args(["data", "recordings"])))]
pub(in crate::cli) struct Rehearse {
    /// The candidate: a component of the pack whose calls were recorded
    component: PathBuf,
    /// The data directory whose recordings of the pack are taken, of all merchants. It may not be served meanwhile
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    keys: Keys,
    /// A recording, or a folder of them, as `GET /v1/packs/PACK/recordings/RECORDING` gives them; may be given again
    #[arg(long, value_name = "FILE")]
    recordings: Vec<PathBuf>,
    /// Write the report into a file as well, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail when effects or outcomes differ, the candidate asks for what was not recorded, or no call could be compared
    #[arg(long)]
    fail_on_differences: bool,
}

impl Rehearse {
    pub(super) fn run(self) -> Result<(), Failure> {
        let candidate = load(&self.component, &read(&self.component)?)?;
        let calls = match &self.data {
            Some(dir) => kept(dir, &self.keys, &candidate.manifest.id)?,
            None => given(&self.recordings)?,
        };
        let mut rehearsal = Rehearsal::default();
        for (name, recorded) in &calls {
            rehearsal
                .add(&candidate, name.clone(), recorded)
                .map_err(|error| format!("{name} can not be played: {}", describe(&error)))?;
        }
        if let Some(file) = &self.json {
            let report = format!("{:#}\n", rehearsal.told());
            fs::write(file, report).map_err(|error| format!("{} can not be written: {error}", file.display()))?;
        }
        tell(&rehearsal, calls.len());
        if self.fail_on_differences && rehearsal.differs() {
            return Err(format!("{} of {} recorded calls differ", rehearsal.calls.len(), calls.len()));
        }
        if self.fail_on_differences && rehearsal.played == 0 {
            let why = match calls.len() {
                0 => "there are no recorded calls of the pack there".to_owned(),
                skipped => format!("all {skipped} recorded calls were skipped"),
            };
            return Err(format!("nothing was compared, so nobody knows whether anything differs: {why}"));
        }
        Ok(())
    }
}

/// The recordings of a pack in a data directory.
fn kept(dir: &Path, keys: &Keys, pack: &Code) -> Result<Vec<(String, Recording)>, Failure> {
    let store = data::open_existing(dir)?;
    let host = data::host(dir, store, keys, Clock::System)?;
    let terms = RecordingTerms { window: usize::MAX, failed: usize::MAX, ..RecordingTerms::default() };
    let host = host.recording_into(data::recordings(dir, terms));
    let found = recordings_of_pack(&host, pack).map_err(|error| describe(&error));
    host.store.close().map_err(|error| describe(&error))?;
    Ok(found?.into_iter().map(|(id, recording)| (id.to_string(), recording)).collect())
}

/// The recordings in files and folders.
fn given(places: &[PathBuf]) -> Result<Vec<(String, Recording)>, Failure> {
    let mut files = Vec::new();
    for place in places {
        let unreadable = |error: std::io::Error| format!("{} can not be read: {error}", place.display());
        if !place.is_dir() {
            files.push(place.clone());
            continue;
        }
        for entry in fs::read_dir(place).map_err(unreadable)? {
            files.push(entry.map_err(unreadable)?.path());
        }
    }
    files.sort();
    files.into_iter().map(|file| Ok((file.display().to_string(), recording(&file)?))).collect()
}

fn tell(rehearsal: &Rehearsal, recordings: usize) {
    for call in &rehearsal.calls {
        println!("{} {}", call.recording, call.export);
        if let Some((old, new)) = &call.differences.outcome {
            println!("  outcome: {old} before, {new} now");
        }
        call.differences.lost.iter().for_each(|effect| println!("  - {effect}"));
        call.differences.gained.iter().for_each(|effect| println!("  + {effect}"));
        if call.differences.is_reordered {
            println!("  the same effects in another order");
        }
        if let Some(diverged) = &call.diverged {
            println!("  diverged: host call {} asks for what was not recorded: {}", diverged.number, diverged.asked);
        }
    }
    for (name, why) in &rehearsal.skipped {
        println!("{name} was skipped: {why}");
    }
    let (old, new) = rehearsal.fuel();
    println!("{:<8} {:>14} {:>14} {:>8}", "fuel", "before", "now", "change");
    let rows = [("median", old.median, new.median), ("p99", old.p99, new.p99), ("worst", old.worst, new.worst)];
    for (name, old, new) in rows {
        println!("{name:<8} {old:>14} {new:>14} {:>8}", change(old, new));
    }
    let (differ, skipped) = (rehearsal.calls.len(), rehearsal.skipped.len());
    println!("{recordings} recorded calls: {} played, {skipped} skipped, {differ} differ", rehearsal.played);
}

/// By how many hundredths a number has changed.
fn change(old: u64, new: u64) -> String {
    let (old, new) = (i128::from(old), i128::from(new));
    if old == 0 { String::new() } else { format!("{:+}%", (new - old) * 100 / old) }
}
