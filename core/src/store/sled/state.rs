//! The state that the journal builds: one sled tree, and in it a mark of the newest record that it contains.
//!
//! sled writes a leaf of up to 16 neighbouring keys as a whole, again and again while any of them changes: beside the
//! parts of a pack's component, a counter that moves with every order cost 250 MB a second. So large values are in a tree
//! of their own, and in the first tree is only said that they are there.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ::sled::{Config, Db, IVec, Mode, Tree};

use parking_lot::Mutex;

use super::escape::{escape, unescape};
use crate::store::error::StoreError;
use crate::store::journal::Tip;
use crate::store::key::{Direction, Key, KeyRange, Value};

/// Where the mark lies; the rest of the host does not use keys that begin with zero.
const MARK_KEY: &[u8] = &[0];
/// What is written here has no meaning.
const NUDGE_KEY: &[u8] = &[0, 0];
/// The first key that the rest of the host can use.
const FIRST_KEY: &[u8] = &[1];
const MARK_VERSION: u8 = 1;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// The data directory is locked before, so a lock of sled's own was left behind a moment ago and is about to go.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// From how many bytes on a value is large.
const LARGE_FROM: usize = 4096;
/// The tree of large values.
const LARGE_TREE: &str = "large";
/// Says in place of a value that it is large. A value that happens to be this is treated as a large one.
const IS_LARGE: &[u8] = b"\0large value\0";

/// sled counts the nodes in its cache as they lie on disk; in memory they take about four times as much.
const MEMORY_FOR_A_BYTE: u64 = 4;

/// How far the state has come. It is written after the writes that it speaks of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// The newest record up to which all writes are in the state.
    pub(super) applied: Tip,
    /// Everything up to this record was on disk when the mark was made.
    pub(super) checkpoint: u64,
}

impl Mark {
    fn encode(self) -> Vec<u8> {
        let mut bytes = vec![MARK_VERSION];
        bytes.extend_from_slice(&self.applied.number.to_be_bytes());
        bytes.extend_from_slice(&self.applied.hash);
        bytes.extend_from_slice(&self.checkpoint.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[MARK_VERSION], rest) = bytes.split_first_chunk()? else { return None };
        let (number, rest) = rest.split_first_chunk()?;
        let (&hash, rest) = rest.split_first_chunk()?;
        let checkpoint = rest.try_into().ok()?;
        Some(Self {
            applied: Tip { number: u64::from_be_bytes(*number), hash },
            checkpoint: u64::from_be_bytes(checkpoint),
        })
    }
}

/// Keys, as the rest of the host spells them, with their new values; `None` for a key that is gone.
pub(super) type Writes = std::collections::BTreeMap<IVec, Option<IVec>>;

/// An open state.
pub(super) struct State {
    /// Goes before the handle does, which waits for everything to be let go.
    large: Tree,
    db: Handle,
    db_file: PathBuf,
    /// Where sled keeps nodes that are too large for its log, each in a file that is written once.
    blobs_dir: PathBuf,
    blobs_synced: Mutex<HashSet<OsString>>,
}

impl State {
    /// Opens the tree in `dir`, or makes it.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let capacity = cache_bytes / MEMORY_FOR_A_BYTE;
        let config = Config::new().path(dir).cache_capacity(capacity).mode(Mode::HighThroughput).flush_every_ms(None);
        let mut waited = Duration::ZERO;
        let db = loop {
            // sled panics over some kinds of damage.
            match catch_unwind(AssertUnwindSafe(|| config.open())) {
                Ok(Ok(db)) => break db,
                Ok(Err(error)) if is_lock(&error) => {
                    if waited >= LOCK_PATIENCE {
                        return Err(StoreError::Locked { path: dir.to_owned() });
                    }
                    thread::sleep(LOCK_PAUSE);
                    waited += LOCK_PAUSE;
                }
                Ok(Err(error)) => return Err(failed("open the state")(error)),
                Err(_) => return Err(StoreError::Engine { step: "open the state", source: "it panicked".into() }),
            }
        };
        let (db_file, blobs_dir) = (dir.join("db"), dir.join("blobs"));
        let db = Handle(Some(db));
        let large = db.open_tree(LARGE_TREE).map_err(failed("open the large values of the state"))?;
        Ok(Self { large, db, db_file, blobs_dir, blobs_synced: Mutex::default() })
    }

    /// The mark; `None` for a state that nothing was ever applied to.
    pub(super) fn mark(&self) -> Result<Option<Mark>, StoreError> {
        let Some(bytes) = self.db.get(MARK_KEY).map_err(failed("read the mark of the state"))? else {
            if self.db.range(FIRST_KEY..).next().is_none() {
                return Ok(None);
            }
            return Err(StoreError::corrupt("mark of the state (it is missing)", MARK_KEY));
        };
        let mark = Mark::decode(&bytes).ok_or_else(|| StoreError::corrupt("mark of the state", MARK_KEY))?;
        Ok(Some(mark))
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        let spelled = escape(key);
        let found = self.db.get(&spelled).map_err(failed("read the state"))?;
        found.map(|value| self.whole(&spelled, value)).transpose().map(Option::flatten)
    }

    pub(super) fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        let start = escape(range.start.as_slice().max(FIRST_KEY));
        let entries = self.db.range::<&[u8], _>(start.as_ref()..escape(&range.end).as_ref());
        let owned = |entry: ::sled::Result<(IVec, IVec)>| {
            let (key, value) = entry.map_err(failed("read the state"))?;
            let value = self.whole(&key, value)?;
            Ok(value.map(|value| (unescape(&key), value.to_vec())))
        };
        match direction {
            Direction::Forward => entries.filter_map(|entry| owned(entry).transpose()).take(limit).collect(),
            Direction::Backward => entries.rev().filter_map(|entry| owned(entry).transpose()).take(limit).collect(),
        }
    }

    /// A value that was found, wherever it is. `None` when the key went meanwhile.
    fn whole(&self, spelled: &[u8], mut value: IVec) -> Result<Option<IVec>, StoreError> {
        const TRIES: usize = 100;
        for _ in 0..TRIES {
            if value != IS_LARGE {
                return Ok(Some(value));
            }
            if let Some(large) = self.large.get(spelled).map_err(failed("read the state"))? {
                return Ok(Some(large));
            }
            // It was replaced by another value just now, or is gone.
            let Some(again) = self.db.get(spelled).map_err(failed("read the state"))? else { return Ok(None) };
            value = again;
        }
        Err(StoreError::corrupt("large value of the state (it is missing)", &unescape(spelled)))
    }

    /// Writes all of `writes`, and then the mark. What a crash leaves may be ahead of the mark in part; applying the
    /// journal again from the checkpoint on mends that.
    pub(super) fn apply(&self, writes: Writes, mark: Mark) -> Result<(), StoreError> {
        self.put(writes)?;
        let marked = self.db.insert(MARK_KEY, mark.encode());
        marked.map(drop).map_err(failed("write the mark of the state"))
    }

    /// Writes all of `writes`, one after the other.
    ///
    /// Not as a batch: that takes a lock of the whole process, for which every reader waits, and behind a flush that hangs
    /// it never comes. Nor does sled free memory before a batch is through: two million keys took 5.5 GB in batches of
    /// 8,000, and 0.2 GB one by one.
    pub(super) fn put(&self, writes: Writes) -> Result<(), StoreError> {
        for (key, value) in writes {
            let key = match escape(&key) {
                std::borrow::Cow::Borrowed(_) => key,
                std::borrow::Cow::Owned(escaped) => escaped.into(),
            };
            self.put_one(&key, value).map_err(failed("write to the state"))?;
        }
        Ok(())
    }

    /// A large value is there before it is said so, and goes after that.
    fn put_one(&self, key: &IVec, value: Option<IVec>) -> ::sled::Result<()> {
        let before = match value {
            Some(value) if value.len() >= LARGE_FROM || value == IS_LARGE => {
                self.large.insert(key, value)?;
                self.db.insert(key, IS_LARGE)?;
                return Ok(());
            }
            Some(value) => self.db.insert(key, value)?,
            None => self.db.remove(key)?,
        };
        if before.is_some_and(|before| before == IS_LARGE) {
            self.large.remove(key)?;
        }
        Ok(())
    }

    /// Brings to disk everything that was applied before. sled's own flush does not reach through the disk's cache, and
    /// leaves out the files in which it keeps large nodes.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        flush_nudged(&self.db)?;
        let synced = File::open(&self.db_file).and_then(|file| file.sync_data());
        synced.map_err(StoreError::io(format!("sync {}", self.db_file.display())))?;
        self.sync_blobs().map_err(StoreError::io(format!("sync {}", self.blobs_dir.display())))
    }

    fn sync_blobs(&self) -> io::Result<()> {
        let mut synced = self.blobs_synced.lock();
        let mut found = HashSet::new();
        for entry in fs::read_dir(&self.blobs_dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if !synced.contains(&name) {
                match File::open(entry.path()).and_then(|file| file.sync_data()) {
                    // sled has removed it meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    done => done?,
                }
            }
            found.insert(name);
        }
        if found != *synced {
            File::open(&self.blobs_dir)?.sync_all()?;
        }
        *synced = found;
        Ok(())
    }
}

/// sled, let go with limited patience.
///
/// When it is let go, everything is on disk or in the journal. But sled flushes once more by itself then, and was seen
/// to wait for ever in that (0.34.7, on a loaded machine). It is left behind in such a case, with its lock, rather than
/// that the whole process stops with it.
struct Handle(Option<Db>);

/// How long sled may take to let go.
const DROP_PATIENCE: Duration = Duration::from_secs(20);
/// After so long without an answer a flush is nudged.
const NUDGE_AFTER: Duration = Duration::from_millis(500);
/// How long sled may take to flush. A slow disk with a large state takes seconds.
const FLUSH_PATIENCE: Duration = Duration::from_secs(30);

impl Deref for Handle {
    type Target = Db;

    fn deref(&self) -> &Db {
        match &self.0 {
            Some(db) => db,
            None => unreachable!("sled is there until the handle goes"),
        }
    }
}

/// sled's flush. It can wait for a write that everybody has finished (0.34.7: `make_stable` sleeps though there is nothing
/// more to write, and the next write wakes it), so one is made when it does not come back soon.
fn flush_nudged(db: &Db) -> Result<(), StoreError> {
    let (done, wait) = mpsc::channel();
    let flushed = db.clone();
    let flushing = thread::Builder::new().name("store-flush".into()).spawn(move || {
        // Nobody waits any more when the patience is over.
        let _ = done.send(flushed.flush());
    });
    flushing.map_err(StoreError::io("start thread store-flush"))?;
    let mut waited = Duration::ZERO;
    loop {
        match wait.recv_timeout(NUDGE_AFTER) {
            Ok(flushed) => return flushed.map(drop).map_err(failed("flush the state")),
            Err(_) if waited < FLUSH_PATIENCE => {
                waited += NUDGE_AFTER;
                db.insert(NUDGE_KEY, &waited.as_millis().to_be_bytes()).map_err(failed("write to the state"))?;
            }
            Err(_) => {
                return Err(StoreError::Engine { step: "flush the state", source: "sled does not come back".into() });
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Some(db) = self.0.take() else { return };
        // sled flushes by itself when it goes, where nobody can nudge it: so there is to be nothing left for that.
        if let Err(error) = flush_nudged(&db) {
            tracing::error!(%error, "sled does not flush the state");
        }
        let (done, wait) = mpsc::channel();
        let letting_go = thread::Builder::new().name("store-let-go".into()).spawn(move || {
            drop(db);
            // Nobody waits any more when the patience is over.
            let _ = done.send(());
        });
        if letting_go.is_ok() && wait.recv_timeout(DROP_PATIENCE).is_err() {
            tracing::error!("sled does not let go of the state; its lock stays until the process ends");
        }
    }
}

/// Moves an unusable state out of the way, and says where it is now.
pub(super) fn set_aside(dir: &Path) -> Result<PathBuf, StoreError> {
    let free = (1..).map(|number| dir.with_extension(format!("aside-{number}"))).find(|path| !path.exists());
    let aside = free.unwrap_or_else(|| dir.with_extension("aside"));
    fs::rename(dir, &aside).map_err(StoreError::io(format!("move {} aside", dir.display())))?;
    Ok(aside)
}

fn is_lock(error: &::sled::Error) -> bool {
    matches!(error, ::sled::Error::Io(io) if io.to_string().contains("could not acquire lock"))
}

fn failed(step: &'static str) -> impl Fn(::sled::Error) -> StoreError {
    move |error| match error {
        ::sled::Error::Io(source) => StoreError::Io { step: step.to_owned(), source },
        other => StoreError::Engine { step, source: Box::new(other) },
    }
}

#[cfg(test)]
mod tests;
