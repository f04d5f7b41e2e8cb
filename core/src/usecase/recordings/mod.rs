//! Recordings of the calls of packs: those that failed, and of the others the last ones of each pack and merchant.
//!
//! They are in memory, and where there is a folder they go from there into files, one for each, sealed: what was kept there
//! is found again after a start. Nothing waits for that, and a call that can not be kept is not. They are neither in the
//! store nor in its snapshots.
//!
//! **Personal data.** A call may have been given or answered what is personal. A file is sealed by the merchant's key and the
//! keys of all members whom the call names, one within the other, so that erasing one of them makes it unreadable, wherever
//! a copy of it is. What is in memory of an erased member is dropped when the erasure is acknowledged.

mod files;
mod keep;
mod read;
mod rehearse;
mod rings;
mod sealed;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};

use self::files::Files;
use self::rings::{Kept, Rings};
pub use keep::{Recorder, keep_recordings};
pub use read::{RecordingsError, list_recordings, read_recording, recordings_of_pack};
pub use rehearse::{RehearsalError, RehearsalReport, rehearse_pack};

use crate::domain::{Code, MemberId, MerchantId, RecordingId, RevisionId};
use crate::pack::Recording;
use crate::usecase::health::CallNote;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingTerms {
    /// How many calls that went well, of each pack at each merchant; nothing at all is recorded for none.
    pub window: usize,
    /// How many calls that failed, of each pack at each merchant.
    pub failed: usize,
    /// For how long.
    pub age_max: SignedDuration,
    /// How much is in memory, in bytes, of all packs and merchants.
    pub bytes_max: usize,
}

impl Default for RecordingTerms {
    fn default() -> Self {
        Self { window: 256, failed: 200, age_max: SignedDuration::from_hours(30 * 24), bytes_max: 64 << 20 }
    }
}

/// What can be told of a recording without opening it. Nothing in it is personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingSummary {
    /// Its id, which sorts by when.
    pub id: RecordingId,
    /// For whom the call ran.
    pub merchant: MerchantId,
    /// The pack.
    pub pack: Code,
    /// Which revision was called.
    pub revision: RevisionId,
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// Which function was called, such as `checkout.settled`.
    pub export: String,
    /// The stable name of a failure or refusal; none for a call that returned.
    pub code: Option<String>,
    /// Whether it went wrong; what a pack refuses by its rules did not.
    pub has_failed: bool,
    /// Units of fuel that it used.
    pub fuel: u64,
    /// How often it called the host.
    pub host_calls: u64,
    /// Whether it was too long, so that it can not be played.
    pub is_cut: bool,
}

/// The recordings of all merchants.
pub struct Recordings {
    terms: RecordingTerms,
    rings: Mutex<Rings>,
    files: Option<Files>,
    /// Whether there is something to be written.
    has_work: Mutex<bool>,
    work: Condvar,
    /// So that ids of one millisecond differ, and sort.
    count: AtomicU64,
    /// One rehearsal at a time: each takes a core.
    rehearsing: Mutex<()>,
}

/// What follows from a transaction once it is committed.
#[derive(Default)]
pub(super) struct Afterwards {
    /// The calls of packs that were made in it.
    pub(super) recorded: Vec<Recording>,
    /// The members who were erased in it.
    pub(super) erased: Vec<MemberId>,
    /// The packs that were removed in it.
    pub(super) removed: Vec<Code>,
    /// How those calls went: of a transaction that is run again only the last time counts.
    pub(super) calls: Vec<CallNote>,
    /// The packs that were tried in it after a rest, and when.
    pub(super) tries: Vec<(MerchantId, Code, Timestamp)>,
}

impl Recordings {
    /// Recordings in memory, which begin anew with each start.
    pub fn in_memory(terms: RecordingTerms) -> Self {
        Self {
            terms,
            rings: Mutex::default(),
            files: None,
            has_work: Mutex::default(),
            work: Condvar::new(),
            count: AtomicU64::default(),
            rehearsing: Mutex::default(),
        }
    }

    /// Recordings that go into files of a folder, from where they are found again. The folder is made when it is needed.
    pub fn in_dir(terms: RecordingTerms, dir: PathBuf) -> Self {
        Self { files: Some(Files::new(dir)), ..Self::in_memory(terms) }
    }

    /// Whether calls are recorded at all.
    pub(super) fn is_on(&self) -> bool {
        self.terms.window > 0
    }

    /// Keeps what a transaction has led to.
    pub(super) fn note(&self, merchant: MerchantId, Afterwards { recorded, erased, removed, .. }: Afterwards) {
        removed.iter().for_each(|pack| self.drop_pack(merchant, pack));
        if !erased.is_empty() {
            let erased: BTreeSet<_> = erased.into_iter().collect();
            self.rings.lock().forget(merchant, &erased);
            self.wake();
        }
        if recorded.is_empty() {
            return;
        }
        let mut has_failed = false;
        for recording in recorded {
            has_failed |= recording.has_failed();
            let kept = Kept::new(self.summary(&recording), recording);
            self.rings.lock().add(kept, &self.terms, self.files.is_some());
        }
        if has_failed {
            self.wake();
        }
    }

    /// Drops all that is kept of a pack, with its files.
    fn drop_pack(&self, merchant: MerchantId, pack: &Code) {
        self.load(merchant, pack);
        let unwanted = {
            let mut rings = self.rings.lock();
            rings.drop_pack(merchant, pack);
            rings.take_unwanted()
        };
        if let Some(files) = &self.files {
            unwanted.iter().for_each(|path| files.remove(path));
        }
    }

    fn summary(&self, recording: &Recording) -> RecordingSummary {
        RecordingSummary {
            id: self.new_id(recording),
            merchant: recording.merchant,
            pack: recording.pack.clone(),
            revision: recording.revision(),
            at: recording.at,
            export: recording.export.clone(),
            code: recording.outcome.code().map(str::to_owned),
            has_failed: recording.has_failed(),
            fuel: recording.fuel,
            host_calls: recording.host_calls,
            is_cut: recording.is_cut,
        }
    }

    /// A UUID of version 7 with a counter behind the instant (RFC 9562, 5.7 and 6.2), and then what follows from the call:
    /// taking it from the ids of the call would give the call others.
    fn new_id(&self, recording: &Recording) -> RecordingId {
        let millis = u64::try_from(recording.at.as_millisecond()).unwrap_or_default();
        let count = self.count.fetch_add(1, Ordering::Relaxed) & 0xfff;
        let high = (millis << 16) | 0x7000 | count;
        let low = (recording.digest() >> 2) | (1 << 63);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&high.to_be_bytes());
        id[8..].copy_from_slice(&low.to_be_bytes());
        RecordingId::from_bytes(id)
    }

    fn wake(&self) {
        *self.has_work.lock() = true;
        self.work.notify_one();
    }

    /// Waits until there is something to be written, or so long.
    fn wait(&self, patience: Duration) {
        let mut has_work = self.has_work.lock();
        if !*has_work {
            self.work.wait_for(&mut has_work, patience);
        }
        *has_work = false;
    }

    /// Sees to it that what is in files is among what is known of a pack at a merchant.
    fn load(&self, merchant: MerchantId, pack: &Code) {
        let Some(files) = &self.files else { return };
        if self.rings.lock().is_loaded(merchant, pack) {
            return;
        }
        let found = files.list(merchant, pack);
        self.rings.lock().load(merchant, pack, found, &self.terms);
    }
}

/// Counts recordings that were not kept.
fn lost(why: &'static str, count: usize) {
    counter!("punchcard_recordings_lost_total", "why" => why).increment(u64::try_from(count).unwrap_or(u64::MAX));
}
