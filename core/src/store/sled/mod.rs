//! The durable engine: a journal in front, sled behind.
//!
//! A commit is checked and seen in memory at once (`admission.rs`), then brought to disk in the journal together with all
//! that came meanwhile (`writer.rs`), and only then acknowledged, to its own transaction and to every other that has read
//! of it. sled holds the state that the journal builds, in one tree; it follows behind (`applier.rs`), gets nothing that
//! is not in the journal, and is never relied on for more than it had brought to disk at the last checkpoint. At start,
//! the journal's records after the checkpoint are applied again. A state that is lost or unusable is built anew, from the
//! newest snapshot and the journal after it.
//!
//! Reads look at what is in memory, then at sled's newest state, and every one is compared with what was written since
//! its transaction began. A read that finds something newer moves the beginning forward, if all that was read before
//! still holds; if not, the transaction has lost.

mod admission;
mod applier;
mod care;
mod directory;
mod escape;
mod hot;
mod keeper;
mod open;
mod recent;
mod shared;
mod state;
mod writer;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

use self::admission::{Admitted, admit};
use self::applier::Applier;
use self::hot::Turn;
use self::keeper::Keeper;
use self::recent::{Reads, Recent};
use self::shared::{Began, Shared, Waiter};
use self::state::{Mark, Writes};
use self::writer::Writer;
use super::error::StoreError;
use super::journal::{Disk, SystemDisk};
use super::key::{Direction, Key, KeyRange, Value};
use super::merge::{Overlay, scan_through};
use super::{Changes, Committed, Engine, View};
use crate::clock::Clock;
use crate::describe::describe;

pub use self::care::{StateReport, Usage, compact};
pub(super) use self::directory::declare;
pub use self::directory::{FORMAT_FILE, JOURNAL_DIR};

/// How the engine is opened.
#[derive(Clone)]
pub struct SledOptions {
    /// Memory for sled's page cache, in bytes.
    pub cache_bytes: u64,
    /// A journal segment that has grown to this size is followed by a new one, in bytes.
    pub segment_bytes_max: u64,
    /// With less than this left on the disk, in bytes, no writes are taken: the state and a snapshot need room too.
    pub room_bytes_min: u64,
    /// How long to wait for a lock that another process holds.
    pub lock_patience: Duration,
    /// How many snapshots are kept, and the journal since the oldest of them. If not given, everything is.
    pub snapshots_kept: Option<usize>,
    /// What the journal's records are dated by.
    pub clock: Clock,
    /// Through what files are written.
    pub disk: Arc<dyn Disk>,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 256 * 1024 * 1024,
            segment_bytes_max: 64 * 1024 * 1024,
            room_bytes_min: 64 * 1024 * 1024,
            lock_patience: Duration::from_secs(2),
            snapshots_kept: None,
            clock: Clock::System,
            disk: Arc::new(SystemDisk),
        }
    }
}

impl fmt::Debug for SledOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledOptions")
            .field("cache_bytes", &self.cache_bytes)
            .field("segment_bytes_max", &self.segment_bytes_max)
            .field("room_bytes_min", &self.room_bytes_min)
            .field("lock_patience", &self.lock_patience)
            .field("snapshots_kept", &self.snapshots_kept)
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
    writer: JoinHandle<()>,
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
    /// or [`StoreError::Engine`] when the state is unusable and neither snapshot nor journal reach back far enough to
    /// build it.
    pub fn open(dir: &Path, options: &SledOptions) -> Result<Self, StoreError> {
        let open::Opened { lock, state, journal, mark, dated_at } = open::open(dir, options)?;
        let shared = Arc::new(Shared::new(state, journal.tip().number, mark.checkpoint, lock));
        let (recorded, told) = sync_channel(1);
        let keeper = Keeper::new(dir, options);
        keeper.clear_up(mark.checkpoint);
        let applier = Applier { shared: Arc::clone(&shared), recorded: told, keeper, mark };
        let applier = spawn("store-applier", move || applier.run())?;
        let clock = options.clock.clone();
        let writer = Writer { shared: Arc::clone(&shared), journal, clock, dated_at, unflushed: 0, recorded };
        let writer = spawn("store-writer", move || writer.run())?;
        Ok(Self { dir: dir.to_owned(), shared, threads: Mutex::new(Some(Threads { writer, applier })) })
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

fn spawn<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>, StoreError> {
    thread::Builder::new().name(name.into()).spawn(run).map_err(StoreError::io(format!("start thread {name}")))
}

impl Engine for SledEngine {
    fn begin(&self) -> Result<Box<dyn View>, StoreError> {
        Ok(Box::new(SledView { began: Began::now(&self.shared), reads: Reads::default(), turns: Vec::new() }))
    }

    fn health(&self) -> Result<(), StoreError> {
        self.shared.health()
    }

    fn close(&self) -> Result<(), StoreError> {
        let Some(threads) = self.threads.lock().take() else { return Ok(()) };
        self.shared.queue.close();
        let writer = threads.writer.join();
        // The applier ends after the writer, when it has applied everything.
        let (Ok(()), Ok(mark)) = (writer, threads.applier.join()) else {
            return Err(StoreError::Unavailable { reason: "a thread of the store has panicked".into() });
        };
        if self.shared.failure().is_some() {
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
    /// Turns at hot keys, kept until others see what this transaction has written.
    turns: Vec<Turn>,
}

impl SledView {
    /// Whether what was just read may be newer than the beginning.
    fn is_newer(&self, written: impl FnOnce(&Recent, u64) -> bool) -> bool {
        let Began { shared, version } = &self.began;
        shared.visible() != *version && written(&shared.recent.read(), *version)
    }

    /// Begins anew, with all that was read so far.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when some of it does not hold any more.
    fn move_on(&mut self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.began.shared);
        let recent = shared.recent.read();
        if recent.overtook(&self.reads, self.began.version) {
            return Err(StoreError::Conflict);
        }
        self.began.advance(shared.visible());
        Ok(())
    }

    fn take_turn(&mut self, key: &[u8]) {
        if self.turns.iter().all(|turn| turn.key != key) {
            self.turns.extend(self.began.shared.hot.turn(key));
        }
    }

    fn scan_once(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        let shared = &self.began.shared;
        // First what is in memory, then sled: an entry leaves memory only after sled has it.
        let (recent, enough) = shared.recent.read().scan(range, direction, limit);
        let near = match direction {
            Direction::Forward if enough => recent.keys().next_back().map(|last| range.up_to(last)),
            Direction::Backward if enough => recent.keys().next().map(|last| range.down_to(last)),
            _ => None,
        };
        let below = |part: &KeyRange, wanted| shared.state.scan(part, direction, wanted);
        scan_through(&recent, below, near.as_ref().unwrap_or(range), direction, limit)
    }

    /// Waits until everything that was read is on disk.
    fn wait_for_reads(&self) -> Result<(), StoreError> {
        let shared = &self.began.shared;
        if self.reads.is_empty() || self.reads_not_on_disk()?.is_none() {
            return Ok(());
        }
        let answer = {
            // While this is held nothing is taken back: who waits is either told so, or sees it here.
            let _nothing_is_taken_back = shared.admission.lock();
            let Some(version) = self.reads_not_on_disk()? else { return Ok(()) };
            let (reply, answer) = sync_channel(1);
            shared.queue.put(Waiter { version, writes: Writes::new(), bytes: 0, reply });
            answer
        };
        answer.recv().unwrap_or_else(|_| {
            shared.health()?;
            Err(StoreError::Unavailable { reason: "the journal's writer has stopped".into() })
        })
    }

    /// The newest version of what was read, if that is not on disk yet.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when some of it may have been taken back.
    fn reads_not_on_disk(&self) -> Result<Option<u64>, StoreError> {
        let Began { shared, version } = &self.began;
        // What is on disk, and what is taken back, changes while this is locked for writing.
        let recent = shared.recent.read();
        if recent.has_forgotten(*version) {
            return Err(StoreError::Conflict);
        }
        let durable = shared.durable.load(Ordering::SeqCst);
        if durable >= *version {
            return Ok(None);
        }
        Ok(Some(recent.newest_of(&self.reads, *version)).filter(|newest| *newest > durable))
    }
}

impl View for SledView {
    fn get(&mut self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        self.take_turn(key);
        loop {
            let value = self.peek(key)?;
            if !self.is_newer(|recent, since| recent.key_written(key, since)) {
                self.reads.remember(key);
                return Ok(value);
            }
            self.move_on().inspect_err(|_| self.began.shared.hot.heat(key))?;
        }
    }

    fn scan(&mut self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        if range.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        loop {
            let found = self.scan_once(range, direction, limit)?;
            let last = found.last().map(|(key, _)| key.as_slice());
            let Some(covered) = range.covered(direction, limit, found.len(), last) else { return Ok(found) };
            if !self.is_newer(|recent, since| recent.range_written(&covered, since)) {
                self.reads.ranges.insert(covered);
                return Ok(found);
            }
            self.move_on()?;
        }
    }

    fn peek(&mut self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        Ok(self.began.shared.newest(key)?.map(|value| value.to_vec()))
    }

    fn reads_len(&self) -> usize {
        self.reads.len()
    }

    fn commit(mut self: Box<Self>, changes: Changes) -> Result<Committed, StoreError> {
        if changes.is_empty() {
            // Every read was compared with the beginning when it was made.
            self.wait_for_reads()?;
            return Ok(Committed { version: self.began.version, sequences: Vec::new() });
        }
        let shared = Arc::clone(&self.began.shared);
        changes.check_size()?;
        let Admitted { committed, answer } = admit(&shared, &self.reads, self.began.version, changes)?;
        shared.hot.give_up(std::mem::take(&mut self.turns));
        drop(self);
        answer.recv().unwrap_or_else(|_| {
            shared.health()?;
            Err(StoreError::Unavailable { reason: "the journal's writer has stopped".into() })
        })?;
        Ok(committed)
    }
}

impl Drop for SledView {
    fn drop(&mut self) {
        self.began.shared.hot.give_up(std::mem::take(&mut self.turns));
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
