//! What transactions, writer and applier have in common.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::sled::IVec;
use parking_lot::{Condvar, Mutex, RwLock};

use super::hot::Hot;
use super::recent::Recent;
use super::state::{State, Writes};
use crate::store::error::StoreError;

/// How many transactions one group takes.
const GROUP_TRANSACTIONS_MAX: usize = 512;
/// How many bytes one group takes, unless its first transaction alone is larger.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) struct Shared {
    /// What lies under `recent`.
    pub(super) state: State,
    pub(super) recent: RwLock<Recent>,
    /// The newest version: what a transaction begins with. It moves while `recent` is locked for writing.
    visible: AtomicU64,
    /// Every version up to this one is on disk in the journal, or was taken back.
    pub(super) durable: AtomicU64,
    /// Held while a transaction is admitted: versions are given one at a time.
    pub(super) admission: Mutex<()>,
    pub(super) queue: Queue,
    pub(super) hot: Hot,
    /// Told when the state has come closer to what is committed.
    pub(super) caught_up: Told,
    /// The state is to be brought to disk when there is time.
    pub(super) flush_wanted: AtomicBool,
    /// Everything up to this record of the journal is on disk in the state.
    pub(super) checkpoint: AtomicU64,
    /// How many open transactions began with which version.
    open: Mutex<BTreeMap<u64, usize>>,
    /// Why there is no room on the disk, while there is none.
    no_room: Mutex<Option<String>>,
    failed: OnceLock<String>,
    /// Keeps other processes out.
    _lock: File,
}

impl Shared {
    pub(super) fn new(state: State, version: u64, checkpoint: u64, lock: File) -> Self {
        Self {
            state,
            recent: RwLock::default(),
            visible: AtomicU64::new(version),
            durable: AtomicU64::new(version),
            admission: Mutex::default(),
            queue: Queue::default(),
            hot: Hot::default(),
            caught_up: Told::default(),
            flush_wanted: AtomicBool::new(false),
            checkpoint: AtomicU64::new(checkpoint),
            open: Mutex::default(),
            no_room: Mutex::default(),
            failed: OnceLock::new(),
            _lock: lock,
        }
    }

    pub(super) fn health(&self) -> Result<(), StoreError> {
        let reason = match self.failure() {
            Some(reason) => reason,
            None if self.queue.is_closed() => "closed",
            None => {
                let no_room = self.no_room.lock();
                return no_room.as_ref().map_or(Ok(()), |reason| Err(StoreError::NoRoom { reason: reason.clone() }));
            }
        };
        Err(StoreError::Unavailable { reason: reason.to_owned() })
    }

    /// Takes no writes from now on.
    pub(super) fn fail(&self, reason: &str) {
        if self.failed.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "the store takes no more writes until it is opened again");
        }
    }

    /// Why no writes are taken, if something has failed.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }

    /// Takes no writes for want of room on the disk; `None` when there is room.
    pub(super) fn tell_room(&self, reason: Option<String>) {
        let mut no_room = self.no_room.lock();
        match (&*no_room, &reason) {
            (None, Some(reason)) => {
                tracing::error!(reason, "the store takes no writes until there is room on the disk");
            }
            (Some(_), None) => tracing::warn!("there is room on the disk: the store takes writes again"),
            _ => {}
        }
        *no_room = reason;
    }

    /// The newest version.
    pub(super) fn visible(&self) -> u64 {
        self.visible.load(Ordering::SeqCst)
    }

    /// Makes a transaction's writes visible, all of them at once, under the next version. For who holds `admission`.
    pub(super) fn publish(&self, writes: &Writes) -> u64 {
        let mut recent = self.recent.write();
        let version = self.visible() + 1;
        recent.publish(version, writes);
        self.visible.store(version, Ordering::SeqCst);
        version
    }

    /// Takes back what is visible but not on disk. For who holds `admission`.
    pub(super) fn take_back(&self) {
        let mut recent = self.recent.write();
        let now = self.visible() + 1;
        recent.take_back(self.durable.load(Ordering::SeqCst), now);
        self.visible.store(now, Ordering::SeqCst);
        self.durable.store(now, Ordering::SeqCst);
    }

    /// The newest value of `key`. An entry leaves `recent` only after the state has it, so in this order none is missed.
    pub(super) fn newest(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        let recent = self.recent.read().get(key).cloned();
        match recent {
            Some(entry) => Ok(entry.value),
            None => self.state.get(key),
        }
    }

    /// The version before which no open transaction began.
    pub(super) fn oldest_open(&self) -> u64 {
        let open = self.open.lock();
        open.keys().next().copied().unwrap_or_else(|| self.visible())
    }
}

/// The beginning of a transaction. As long as it lives, writes after it are remembered.
pub(super) struct Began {
    pub(super) shared: Arc<Shared>,
    pub(super) version: u64,
}

impl Began {
    pub(super) fn now(shared: &Arc<Shared>) -> Self {
        let mut open = shared.open.lock();
        let version = shared.visible();
        *open.entry(version).or_default() += 1;
        Self { shared: Arc::clone(shared), version }
    }

    /// Moves the beginning to a later version, which is not newer than the newest.
    pub(super) fn advance(&mut self, version: u64) {
        let mut open = self.shared.open.lock();
        *open.entry(version).or_default() += 1;
        leave(&mut open, self.version);
        self.version = version;
    }
}

impl Drop for Began {
    fn drop(&mut self) {
        leave(&mut self.shared.open.lock(), self.version);
    }
}

fn leave(open: &mut BTreeMap<u64, usize>, version: u64) {
    if let Some(count) = open.get_mut(&version) {
        *count -= 1;
        if *count == 0 {
            open.remove(&version);
        }
    }
}

/// Something that happens now and then, and that a thread waits for.
#[derive(Default)]
pub(super) struct Told {
    mutex: Mutex<()>,
    condvar: Condvar,
}

impl Told {
    pub(super) fn tell(&self) {
        drop(self.mutex.lock());
        self.condvar.notify_all();
    }

    /// Waits while `wanted` says that there is something to wait for.
    pub(super) fn wait_while(&self, mut wanted: impl FnMut() -> bool) {
        let mut guard = self.mutex.lock();
        while wanted() {
            self.condvar.wait(&mut guard);
        }
    }
}

/// Somebody who waits until a version is on disk: a transaction that was admitted with its writes, or one that only
/// has read what others have written.
pub(super) struct Waiter {
    pub(super) version: u64,
    pub(super) writes: Writes,
    /// Size of the writes, in bytes; 0 for who has only read.
    pub(super) bytes: usize,
    pub(super) reply: SyncSender<Result<(), StoreError>>,
}

impl Waiter {
    pub(super) fn only_reads(&self) -> bool {
        self.bytes == 0
    }

    pub(super) fn answer(self, result: Result<(), StoreError>) {
        // Nobody waits any more when the caller's thread has died: the commit stands all the same.
        let _ = self.reply.send(result);
    }
}

/// Who waits for the writer, in the order of versions.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

#[derive(Default)]
struct Waiting {
    waiters: Vec<Waiter>,
    closed: bool,
}

impl Queue {
    /// Adds a waiter. A closed queue drops it, and its sender learns that from the reply channel.
    pub(super) fn put(&self, waiter: Waiter) {
        let mut waiting = self.waiting.lock();
        if !waiting.closed {
            waiting.waiters.push(waiter);
            if waiting.waiters.len() == 1 {
                self.filled.notify_one();
            }
        }
    }

    /// The next group; waits for one. `None` when the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Waiter>> {
        let mut waiting = self.waiting.lock();
        while waiting.waiters.is_empty() {
            if waiting.closed {
                return None;
            }
            self.filled.wait(&mut waiting);
        }
        let mut bytes = 0;
        let fits = waiting.waiters.iter().take(GROUP_TRANSACTIONS_MAX).take_while(|waiter| {
            bytes += waiter.bytes;
            bytes <= GROUP_BYTES_MAX
        });
        let count = fits.count().max(1);
        if count == waiting.waiters.len() {
            return Some(std::mem::take(&mut waiting.waiters));
        }
        Some(waiting.waiters.drain(..count).collect())
    }

    /// Takes out everybody who waits.
    pub(super) fn empty(&self) -> Vec<Waiter> {
        std::mem::take(&mut self.waiting.lock().waiters)
    }

    /// Waits until somebody comes or the time is over.
    pub(super) fn wait_for(&self, time: Duration) {
        let mut waiting = self.waiting.lock();
        if waiting.waiters.is_empty() && !waiting.closed {
            self.filled.wait_for(&mut waiting, time);
        }
    }

    /// Takes nothing more. What waits is still done.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.filled.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.waiting.lock().closed
    }
}
