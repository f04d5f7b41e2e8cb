//! The durable engine: a journal in front, sled behind.
//!
//! Every commit is on disk in the journal before it is acknowledged or seen. It is seen in memory first and in sled a
//! little later: sled holds the state that the journal builds, in one tree, and is never relied on for more than it had
//! brought to disk at the last checkpoint. At start, the journal's records after the checkpoint are applied again. A
//! state that is lost or unusable is built anew, as long as the journal reaches back to the first record.
//!
//! A read looks at what is in memory first, then at sled, and then whether what it has seen was written after its
//! transaction began. Two rules make that right. What sled may not have yet is in memory, and so is what was written
//! after the beginning of any open transaction; and it is put there before anybody can begin after it.

mod applier;
mod committer;
mod directory;
mod escape;
mod open;
mod recent;
mod shared;
mod state;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

use self::applier::Applier;
use self::committer::{Committer, Request};
use self::recent::{Reads, Recent};
use self::shared::{Began, Shared};
use self::state::{Mark, Writes};
use super::error::StoreError;
use super::journal::{Disk, SystemDisk};
use super::key::{Direction, Key, KeyRange, Value};
use super::merge::{Overlay, scan_through};
use super::{Changes, Committed, Engine, View};

pub use self::directory::{FORMAT_FILE, JOURNAL_DIR};

/// How the engine is opened.
#[derive(Clone)]
pub struct SledOptions {
    /// Memory for sled's page cache, in bytes.
    pub cache_bytes: u64,
    /// A journal segment that has grown to this size is followed by a new one, in bytes.
    pub segment_bytes_max: u64,
    /// How long to wait for a lock that another process holds.
    pub lock_patience: Duration,
    /// Through what the journal is written.
    pub disk: Arc<dyn Disk>,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 256 * 1024 * 1024,
            segment_bytes_max: 64 * 1024 * 1024,
            lock_patience: Duration::from_secs(2),
            disk: Arc::new(SystemDisk),
        }
    }
}

impl fmt::Debug for SledOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledOptions")
            .field("cache_bytes", &self.cache_bytes)
            .field("segment_bytes_max", &self.segment_bytes_max)
            .field("lock_patience", &self.lock_patience)
            .finish_non_exhaustive()
    }
}

/// The durable engine on a data directory. Dropping it closes it.
pub struct SledEngine {
    dir: PathBuf,
    shared: Arc<Shared>,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    committer: JoinHandle<()>,
    applier: JoinHandle<Mark>,
}

impl fmt::Debug for SledEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledEngine").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl SledEngine {
    /// Opens the data directory `dir`, and makes it if it is new. When this returns, everything that was ever
    /// acknowledged is there.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it open; [`StoreError::JournalCorrupt`] when acknowledged writes
    /// would be missing; [`StoreError::Unsuitable`] when it is not a directory of this version; [`StoreError::Corrupt`]
    /// or [`StoreError::Engine`] when the state is unusable and the journal does not reach back far enough to build it.
    pub fn open(dir: &Path, options: &SledOptions) -> Result<Self, StoreError> {
        let open::Opened { lock, state, journal, mark } = open::open(dir, options)?;
        let shared = Arc::new(Shared::new(state, journal.tip().number, lock));
        let (committed, applied) = sync_channel(1);
        let applier = Applier { shared: Arc::clone(&shared), committed: applied, mark };
        let applier = spawn("store-applier", move || applier.run())?;
        let committer = Committer { shared: Arc::clone(&shared), journal, committed };
        let committer = spawn("store-committer", move || committer.run())?;
        Ok(Self { dir: dir.to_owned(), shared, threads: Mutex::new(Some(Threads { committer, applier })) })
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

fn spawn<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>, StoreError> {
    thread::Builder::new().name(name.into()).spawn(run).map_err(StoreError::io(format!("start thread {name}")))
}

/// An error with its causes, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl Engine for SledEngine {
    fn begin(&self) -> Result<Box<dyn View>, StoreError> {
        Ok(Box::new(SledView { began: Began::now(&self.shared), reads: Reads::default() }))
    }

    fn health(&self) -> Result<(), StoreError> {
        self.shared.health()
    }

    fn close(&self) -> Result<(), StoreError> {
        let Some(threads) = self.threads.lock().take() else { return Ok(()) };
        self.shared.queue.close();
        let committer = threads.committer.join();
        // The applier ends after the committer, when it has applied everything.
        let (Ok(()), Ok(mark)) = (committer, threads.applier.join()) else {
            return Err(StoreError::Unavailable { reason: "a thread of the store has panicked".into() });
        };
        if self.shared.has_failed() {
            return Ok(());
        }
        // The second flush is for the mark that says what the first one has done.
        self.shared.state.flush()?;
        self.shared.state.apply(Writes::new(), Mark { checkpoint: mark.applied.number, ..mark })?;
        self.shared.state.flush()
    }
}

impl Drop for SledEngine {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(error = describe(&error), "the store was not closed cleanly; the journal has everything");
        }
    }
}

struct SledView {
    began: Began,
    reads: Reads,
}

impl SledView {
    /// Fails if what was just read may be newer than the beginning.
    fn check(&self, written: impl FnOnce(&Recent, u64) -> bool) -> Result<(), StoreError> {
        let Began { shared, version } = &self.began;
        if shared.visible() != *version && written(&shared.recent.read(), *version) {
            return Err(StoreError::Conflict);
        }
        Ok(())
    }
}

impl View for SledView {
    fn get(&mut self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let value = self.peek(key)?;
        self.check(|recent, since| recent.key_written(key, since))?;
        self.reads.keys.push(key.to_vec());
        Ok(value)
    }

    fn scan(&mut self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        if range.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let shared = &self.began.shared;
        // First what is in memory, then sled: an entry leaves memory only after sled has it.
        let (recent, enough) = shared.recent.read().scan(range, direction, limit);
        let near = match direction {
            Direction::Forward if enough => recent.keys().next_back().map(|last| range.up_to(last)),
            Direction::Backward if enough => recent.keys().next().map(|last| range.down_to(last)),
            _ => None,
        };
        let below = |part: &KeyRange, wanted| shared.state.scan(part, direction, wanted);
        let found = scan_through(&recent, below, near.as_ref().unwrap_or(range), direction, limit)?;
        let last = found.last().map(|(key, _)| key.as_slice());
        if let Some(covered) = range.covered(direction, limit, found.len(), last) {
            self.check(|recent, since| recent.range_written(&covered, since))?;
            self.reads.ranges.push(covered);
        }
        Ok(found)
    }

    fn peek(&mut self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        Ok(self.began.shared.newest(key)?.map(|value| value.to_vec()))
    }

    fn commit(self: Box<Self>, changes: Changes) -> Result<Committed, StoreError> {
        if changes.is_empty() {
            // Every read was compared with the beginning when it was made.
            return Ok(Committed { version: self.began.version, sequences: Vec::new() });
        }
        let shared = Arc::clone(&self.began.shared);
        shared.health()?;
        changes.check_size()?;
        let (reply, answer) = sync_channel(1);
        let Self { began, reads } = *self;
        shared.queue.put(Request { began, reads, changes, reply });
        answer.recv().unwrap_or_else(|_| {
            shared.health()?;
            Err(StoreError::Unavailable { reason: "the committer has stopped".into() })
        })
    }
}

impl Overlay for Writes {
    fn touches(&self, range: &KeyRange) -> bool {
        recent::in_range(self, range).next().is_some()
    }

    fn lay_over(&self, range: &KeyRange, entries: &mut BTreeMap<Key, Value>) -> Result<(), StoreError> {
        for (key, value) in recent::in_range(self, range) {
            match value {
                Some(value) => entries.insert(key.to_vec(), value.to_vec()),
                None => entries.remove(key.as_ref()),
            };
        }
        Ok(())
    }
}
