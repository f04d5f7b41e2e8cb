//! What an operator does with a store besides serving from it: proving that the state is what the journal says, making it
//! small again, and seeing how large it is.

use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;

use super::directory::{JOURNAL_DIR, STATE_DIR};
use super::open::rebuild;
use super::{SledEngine, SledOptions};
use crate::store::error::StoreError;
use crate::store::key::{Direction, Key, KeyRange, Value};
use crate::store::snapshot::{self, Contents, SNAPSHOT_DIR, SnapshotPlan};
use crate::store::{Engine as _, journal};

/// How large a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Files of the state, in bytes.
    pub state_bytes: u64,
    /// Files of the journal, in bytes.
    pub journal_bytes: u64,
    /// Files of the snapshots, in bytes.
    pub snapshot_bytes: u64,
    /// Keys and values, in bytes: what the newest snapshot holds, and all that came after it. At most so much.
    pub logical_bytes: u64,
}

/// Below this size nobody minds how much of it is air.
const SMALL_BYTES: u64 = 256 * 1024 * 1024;
/// The state takes a few times what is in it: copies of nodes wait to be overwritten.
const BLOAT_MAX: u64 = 6;

impl Usage {
    /// Looks at the files in a data directory.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn of(dir: &Path) -> Result<Self, StoreError> {
        let newest = snapshot::list_snapshots(dir)?.pop();
        let (mut logical_bytes, mut since) = (0, 0);
        if let Some(newest) = newest {
            logical_bytes = snapshot::read_summary(&newest.path)?.logical_bytes;
            since = newest.number;
        }
        let segments = journal::list(&dir.join(JOURNAL_DIR))?;
        let first_since = segments.partition_point(|segment| segment.first <= since + 1).saturating_sub(1);
        for segment in &segments[first_since..] {
            logical_bytes += fs::metadata(&segment.path).map_or(0, |about| about.len());
        }
        Ok(Self {
            state_bytes: size(&dir.join(STATE_DIR)),
            journal_bytes: size(&dir.join(JOURNAL_DIR)),
            snapshot_bytes: size(&dir.join(SNAPSHOT_DIR)),
            logical_bytes,
        })
    }

    /// Whether the state takes so much more than what is in it that it is worth to compact it.
    pub fn is_bloated(&self) -> bool {
        self.state_bytes > SMALL_BYTES && self.state_bytes > self.logical_bytes.saturating_mul(BLOAT_MAX)
    }
}

/// Size of all files in a directory, in bytes. Files that go meanwhile do not count.
fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let about = entry.metadata().ok()?;
            Some(if about.is_dir() { size(&entry.path()) } else { about.len() })
        })
        .sum()
}

/// What a comparison of state and journal has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateReport {
    /// The record up to which they were compared.
    pub number: u64,
    /// How many keys there are.
    pub keys: u64,
    /// What differs, the first hundred; nothing when the state is what the journal says.
    pub findings: Vec<String>,
}

/// More findings than this are not listed.
const FINDINGS_MAX: usize = 100;

impl SledEngine {
    /// Compares every key of the state with what the newest snapshot and the journal after it say. For an engine that
    /// nobody writes to. `progress` hears of every record and key.
    ///
    /// # Errors
    /// When snapshot, journal or state cannot be read, or somebody makes a snapshot just now.
    pub fn verify_state(&self, mut progress: impl FnMut()) -> Result<StateReport, StoreError> {
        let shared = &self.shared;
        shared.caught_up.wait_while(|| shared.failure().is_none() && shared.recent.read().pending_bytes() > 0);
        let aside = self.dir().join(SNAPSHOT_DIR);
        let _lock = snapshot::lock(&aside)?;
        let mut contents = Contents::gather(self.dir(), &aside, SnapshotPlan::default(), &mut progress)?;
        let mut report = StateReport { number: contents.begins.tip.number, ..StateReport::default() };
        let mut state = Pages { engine: self, rest: KeyRange::prefix(&[]), page: Vec::new().into_iter() };
        let (mut told, mut found) = (contents.next()?, state.next()?);
        loop {
            let finding = match (&told, &found) {
                (None, None) => break,
                (Some((key, value)), Some((other, held))) if key == other => {
                    let differs = value != held;
                    let finding =
                        differs.then(|| format!("key {} has another value than in the journal", HEXLOWER.encode(key)));
                    (told, found) = (contents.next()?, state.next()?);
                    report.keys += 1;
                    progress();
                    finding
                }
                (Some((key, _)), other) if other.as_ref().is_none_or(|(other, _)| key < other) => {
                    let finding = format!("key {} is in the journal, but not in the state", HEXLOWER.encode(key));
                    told = contents.next()?;
                    Some(finding)
                }
                (_, Some((key, _))) => {
                    let finding = format!("key {} is in the state, but not in the journal", HEXLOWER.encode(key));
                    found = state.next()?;
                    Some(finding)
                }
                (Some(_), None) => unreachable!("what the state does not have is told above"),
            };
            report.findings.extend(finding.filter(|_| report.findings.len() < FINDINGS_MAX));
        }
        snapshot::clear(&aside)?;
        Ok(report)
    }
}

/// All keys of the state, page by page.
struct Pages<'a> {
    engine: &'a SledEngine,
    rest: KeyRange,
    page: std::vec::IntoIter<(Key, Value)>,
}

impl Pages<'_> {
    fn next(&mut self) -> Result<Option<(Key, Value)>, StoreError> {
        const PAGE: usize = 1000;
        if self.page.len() == 0 {
            let page = self.engine.shared.state.scan(&self.rest, Direction::Forward, PAGE)?;
            if let Some((last, _)) = page.last() {
                self.rest = self.rest.after(last);
            }
            self.page = page.into_iter();
        }
        Ok(self.page.next())
    }
}

/// Builds the state of a data directory anew, without the air that has gathered in it. Returns its size before and
/// after, in bytes. Nobody else may have the directory open. After a crash the next start has the old state or the new
/// one, or builds it again.
///
/// # Errors
/// As [`SledEngine::open`] and [`snapshot::take`].
pub fn compact(dir: &Path, options: &SledOptions, progress: impl FnMut()) -> Result<(u64, u64), StoreError> {
    let engine = SledEngine::open(dir, options)?;
    let before = Usage::of(dir)?.state_bytes;
    engine.close()?;
    drop(engine);
    let _lock = super::directory::claim(dir, options.lock_patience)?;
    snapshot::take(dir, SnapshotPlan::default(), progress)?;
    rebuild(dir, options)?;
    Ok((before, Usage::of(dir)?.state_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_bloated_when_it_is_large_and_mostly_air() {
        let usage = |state_bytes, logical_bytes| Usage { state_bytes, logical_bytes, ..Usage::default() };
        assert!(!usage(SMALL_BYTES, 1).is_bloated(), "nobody minds so little");
        assert!(usage(SMALL_BYTES + 1, 1).is_bloated());
        assert!(!usage(SMALL_BYTES * 6, SMALL_BYTES).is_bloated());
        assert!(usage(SMALL_BYTES * 6 + 1, SMALL_BYTES).is_bloated());
        assert!(!usage(u64::MAX, u64::MAX).is_bloated());
    }
}
