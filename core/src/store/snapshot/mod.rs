//! Snapshots: all that the store held at one record of the journal, in one file.
//!
//! A snapshot is made of the snapshot before it and the journal since, never of sled: what is wrong with the state does
//! not get into the backup, writes go on meanwhile and are not slowed down, and it need not be the serving process that
//! makes it. It has its last name only when it was written, synced, and read back whole.
//!
//! Snapshots and the journal after the oldest of them are the backup, and what a lost state is built from. The files lie
//! in `snapshots/` of a data directory, named by the number of the record that they end with.

mod file;
mod make;
mod merge;

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub(super) use file::SnapshotReader;
pub use file::SnapshotSummary;
pub(super) use make::{Contents, clear, lock};
pub use make::{SnapshotPlan, Until, restore, take};

use super::error::StoreError;
use super::journal::{Disk, Tip};

/// The directory of the snapshots.
pub(super) const SNAPSHOT_DIR: &str = "snapshots";
const ENDING: &str = "snapshot";

/// A snapshot that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// Where it lies.
    pub path: PathBuf,
    /// The record that it ends with.
    pub number: u64,
}

/// The snapshots in the data directory `dir`, oldest first.
///
/// # Errors
/// When the directory cannot be read.
pub fn list_snapshots(dir: &Path) -> Result<Vec<SnapshotFile>, StoreError> {
    let dir = dir.join(SNAPSHOT_DIR);
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io(format!("list {}", dir.display()))(error)),
    };
    let mut snapshots = Vec::new();
    for entry in entries {
        let path = entry.map_err(StoreError::io(format!("list {}", dir.display())))?.path();
        let digits = path.file_stem().filter(|_| path.extension().is_some_and(|ending| ending == ENDING));
        if let Some(number) = digits.and_then(|digits| digits.to_str()?.parse().ok()) {
            snapshots.push(SnapshotFile { path, number });
        }
    }
    snapshots.sort_by_key(|snapshot| snapshot.number);
    Ok(snapshots)
}

/// Reads a snapshot whole and checks every checksum in it.
///
/// # Errors
/// [`StoreError::SnapshotCorrupt`] with what is wrong.
pub fn verify_snapshot(path: &Path) -> Result<SnapshotSummary, StoreError> {
    let mut reader = SnapshotReader::open(path)?;
    while reader.next()?.is_some() {}
    Ok(reader.summary())
}

/// What the header of a snapshot says of it. Reads no more than that.
///
/// # Errors
/// [`StoreError::SnapshotCorrupt`] when the header is damaged.
pub fn read_summary(path: &Path) -> Result<SnapshotSummary, StoreError> {
    Ok(SnapshotReader::open(path)?.summary())
}

/// Removes all snapshots but the newest `kept`. Returns the record from which on the journal is needed: the one that
/// the oldest kept snapshot ends with, if there are as many.
pub(super) fn remove_old(disk: &dyn Disk, dir: &Path, kept: usize) -> Result<Option<u64>, StoreError> {
    let mut snapshots = list_snapshots(dir)?;
    let kept = kept.max(1);
    if snapshots.len() < kept {
        return Ok(None);
    }
    let newest = snapshots.split_off(snapshots.len() - kept);
    for old in snapshots {
        disk.remove(&old.path).map_err(StoreError::io(format!("remove {}", old.path.display())))?;
    }
    Ok(newest.first().map(|oldest| oldest.number))
}

/// What a snapshot's file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begins {
    pub(super) tip: Tip,
    /// When the record was written with which it ends.
    pub(super) dated_at: Timestamp,
}
