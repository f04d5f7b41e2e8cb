//! Recordings of calls: files as they are taken out, and the folder in which the host keeps them sealed.

use std::fs;
use std::path::{Path, PathBuf};

use punchcard::domain::{Code, IdSource};
use punchcard::pack::{LoadedPack, Packs, Recording, Rehearsal, Way};
use punchcard::usecase::{RecordingTerms, Recordings, keep_recordings, recordings_of_pack};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::copy;
use crate::fuzz_packs::{below, mutated};
use crate::{World, pack};

/// The packs whose calls are recorded.
const PACKS: [&str; 2] = ["points", "bakery"];

/// How many bytes of a file stand before the recording, and of its digest at the end.
const HEAD_BYTES: usize = b"punchcard recording\n".len() + 1;
const DIGEST_BYTES: usize = 32;

/// Calls that were recorded.
pub(super) struct Recorded {
    world: World,
    /// The packs that were called, and the calls as files.
    calls: Vec<(LoadedPack, Vec<Vec<u8>>)>,
    /// Where they are sealed.
    kept: PathBuf,
}

impl Recorded {
    /// Has packs called, and their calls kept in a folder.
    pub(super) fn make(folder: &Path) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| format!("calls can not be recorded: {error}");
        let world = World::new();
        world.records_into(kept_in(folder));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| told(&error))?;
        runtime.block_on(have_calls(&world));
        let host = world.running().host;
        keep_recordings(&host, false);
        let packs = Packs::new().map_err(|error| told(&error))?;
        let calls = PACKS.map(|name| {
            let loaded = packs.load(pack(name)).map_err(|error| told(&error))?;
            let recordings = recordings_of_pack(&host, &loaded.manifest.id).map_err(|error| told(&error))?;
            if recordings.is_empty() {
                return Err(told(&format!("there are none of {name}")));
            }
            Ok((loaded, recordings.iter().map(|(_, recording)| recording.to_file()).collect()))
        });
        let calls = calls.into_iter().collect::<Result<Vec<_>, String>>()?;
        Ok(Self { world, calls, kept: folder.to_owned() })
    }

    /// Reads a file that was taken out, and plays it when it can be read.
    pub(super) fn read(&self, random: &mut IdSource, scratch: &Path) -> Result<bool, String> {
        let (pack, files) = &self.calls[below(random, self.calls.len())];
        let file = &files[below(random, files.len())];
        let bytes = if random.bits().is_multiple_of(4) { mutated(random, file) } else { resealed(random, file) };
        let place = scratch.join("recording-of-last");
        fs::write(&place, &bytes).map_err(|error| format!("{}: {error}", place.display()))?;
        let Ok(recording) = Recording::from_file(&bytes) else { return Ok(true) };
        let _ = (recording.input(), recording.host_calls(), recording.ending());
        let mut rehearsal = Rehearsal::default();
        let is_rehearsed = rehearsal.add(pack, "last".to_owned(), &recording).is_ok();
        rehearsal.told();
        match pack.play(&recording, Way::Exact) {
            Ok(played) => Ok(!is_rehearsed || !played.departs_in(&recording).is_empty()),
            Err(_) => Ok(true),
        }
    }

    /// Has the host read a folder in which one sealed recording is not what was written.
    pub(super) fn open(&self, random: &mut IdSource, scratch: &Path) -> Result<bool, String> {
        let folder = scratch.join("recordings-of-last");
        let _ = fs::remove_dir_all(&folder);
        copy(&self.kept, &folder)?;
        let mut files = files_in(&folder);
        files.sort();
        let file = &files[below(random, files.len())];
        let told = |error: std::io::Error| format!("{}: {error}", file.display());
        let whole = fs::read(file).map_err(told)?;
        let broken = mutated(random, &whole);
        fs::write(file, &broken).map_err(told)?;
        let host = self.world.running().host.recording_into(kept_in(&folder));
        let found: usize = PACKS
            .iter()
            .map(|name| {
                let name = Code::new(*name).expect("a pack's name is a code");
                recordings_of_pack(&host, &name).map(|found| found.len()).map_err(|error| error.to_string())
            })
            .sum::<Result<usize, String>>()?;
        match files.len() - found {
            0 if broken == whole => Ok(false),
            0 => Err("a sealed recording opens that is not what was written".to_owned()),
            _ => Ok(true),
        }
    }
}

fn kept_in(folder: &Path) -> Recordings {
    Recordings::in_dir(RecordingTerms::default(), folder.to_owned())
}

/// Has both packs called in several ways.
async fn have_calls(world: &World) {
    let shop = &world.shop;
    shop.enable(pack("points")).settings(json!({ "points": 1, "per_amount": 100 })).send().await.ok();
    let settings = json!({ "slots": [{ "start": "10:00", "end": "11:00", "capacity": 5 }], "lead_hours": 24,
        "horizon_days": 7, "deposit_percent": 30, "products": [{ "sku": "cake", "price_minor": 26800 }] });
    shop.enable(pack("bakery")).settings(settings).send().await.ok();
    let alice = shop.member("alice").enrol().await;
    alice.load(50_000).await.created();
    let order = alice.order("till-1").settle().await.created();
    alice.redeem(3).await.ok();
    shop.refund(&order).await.ok();
    for (date, reference) in [("2026-03-21", "r1"), ("2026-04-30", "r2")] {
        let wish = json!({ "member": alice.id, "date": date, "slot": "10:00", "reference": reference,
            "lines": [{ "sku": "cake", "quantity": 1 }] });
        shop.command("bakery", "place", wish).send().await;
    }
}

/// A recording with a few things wrong, under a digest that fits.
fn resealed(random: &mut IdSource, file: &[u8]) -> Vec<u8> {
    let body = mutated(random, &file[HEAD_BYTES..file.len() - DIGEST_BYTES]);
    let mut bytes = [&file[..HEAD_BYTES], &body].concat();
    bytes.extend(Sha256::digest(&bytes));
    bytes
}

/// The files below a folder.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(found) = fs::read_dir(folder) else { return Vec::new() };
    let found = found.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    found.flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}
