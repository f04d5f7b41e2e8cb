//! The durable engine: a journal in front, sled behind.
//!
//! Every commit is on disk in the journal before it is acknowledged or seen; sled holds the state that the journal
//! builds, in one tree, and is never relied on for more than it had brought to disk at the last checkpoint. At start,
//! the journal's records after the checkpoint are applied again. A state that is lost or unusable is built anew, as
//! long as the journal reaches back to the first record.
//!
//! Reads take no part in that: they look at sled's newest state, and every one is compared with what was written since
//! its transaction began.

mod committer;
mod conflicts;
mod directory;
mod escape;
mod open;
mod shared;
mod state;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

use self::committer::{Committer, Request, describe};
use self::conflicts::Reads;
use self::shared::{Began, Shared};
use self::state::{Mark, Writes};
use super::error::StoreError;
use super::journal::{Disk, SystemDisk, Tip};
use super::key::{Direction, Key, KeyRange, Value};
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
    committer: JoinHandle<Tip>,
    flusher: JoinHandle<()>,
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
        let open::Opened { lock, state, journal, checkpoint } = open::open(dir, options)?;
        let shared = Arc::new(Shared::new(state, journal.tip().number, checkpoint, lock));
        let (flush, flush_asked) = sync_channel(1);
        let committer = Committer { shared: Arc::clone(&shared), journal, flush };
        let committer = spawn("store-committer", move || committer.run())?;
        let flushed = Arc::clone(&shared);
        let flusher = spawn("store-flusher", move || flush_when_asked(&flushed, &flush_asked))?;
        Ok(Self { dir: dir.to_owned(), shared, threads: Mutex::new(Some(Threads { committer, flusher })) })
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

fn spawn<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>, StoreError> {
    thread::Builder::new().name(name.into()).spawn(run).map_err(StoreError::io(format!("start thread {name}")))
}

/// Brings the state to disk now and then, so that the next start has little to apply again.
fn flush_when_asked(shared: &Shared, asked: &Receiver<()>) {
    while asked.recv().is_ok() {
        let version = shared.visible.load(Ordering::SeqCst);
        match shared.state.flush() {
            Ok(()) => shared.checkpoint.store(version, Ordering::SeqCst),
            // The journal has everything; only the next start takes longer.
            Err(error) => tracing::error!(error = describe(&error), "the state could not be brought to disk"),
        }
    }
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
        let tip = threads.committer.join();
        let flushed = threads.flusher.join();
        let (Ok(tip), Ok(())) = (tip, flushed) else {
            return Err(StoreError::Unavailable { reason: "a thread of the store has panicked".into() });
        };
        if self.shared.has_failed() {
            return Ok(());
        }
        // The second flush is for the mark that says what the first one has done.
        self.shared.state.flush()?;
        self.shared.state.apply(Writes::new(), Mark { applied: tip, checkpoint: tip.number })?;
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
    /// Fails if what was just read may have been newer than the beginning. `entered` says at once whether anything
    /// was; it moves before the state does, so a newer value is never missed.
    fn check(&self, overtaken: impl FnOnce(&conflicts::Conflicts, u64) -> bool) -> Result<(), StoreError> {
        let Began { shared, version } = &self.began;
        if shared.entered.load(Ordering::SeqCst) != *version && overtaken(&shared.conflicts.read(), *version) {
            return Err(StoreError::Conflict);
        }
        Ok(())
    }
}

impl View for SledView {
    fn get(&mut self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let value = self.peek(key)?;
        self.check(|conflicts, since| conflicts.key_written(key, since))?;
        self.reads.keys.push(key.to_vec());
        Ok(value)
    }

    fn scan(&mut self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.began.shared.state.scan(range, direction, limit)?;
        let last = found.last().map(|(key, _)| key.as_slice());
        if let Some(covered) = range.covered(direction, limit, found.len(), last) {
            self.check(|conflicts, since| conflicts.range_written(&covered, since))?;
            self.reads.ranges.push(covered);
        }
        Ok(found)
    }

    fn peek(&mut self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        Ok(self.began.shared.state.get(key)?.map(|value| value.to_vec()))
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
