//! What transactions, committer and applier have in common.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ::sled::IVec;
use parking_lot::{Condvar, Mutex, RwLock};

use super::committer::Request;
use super::recent::Recent;
use super::state::{State, Writes};
use crate::store::error::StoreError;
use crate::store::journal::Tip;

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
    pub(super) queue: Queue,
    /// Told when the state has come closer to what is committed.
    pub(super) caught_up: Told,
    /// The state is to be brought to disk when there is time.
    pub(super) flush_wanted: AtomicBool,
    /// How many open transactions began with which version.
    open: Mutex<BTreeMap<u64, usize>>,
    failed: OnceLock<String>,
    /// Keeps other processes out.
    _lock: File,
}

impl Shared {
    pub(super) fn new(state: State, version: u64, lock: File) -> Self {
        Self {
            state,
            recent: RwLock::default(),
            visible: AtomicU64::new(version),
            queue: Queue::default(),
            caught_up: Told::default(),
            flush_wanted: AtomicBool::new(false),
            open: Mutex::default(),
            failed: OnceLock::new(),
            _lock: lock,
        }
    }

    pub(super) fn health(&self) -> Result<(), StoreError> {
        let reason = match self.failure() {
            Some(reason) => reason,
            None if self.queue.is_closed() => "closed",
            None => return Ok(()),
        };
        Err(StoreError::Unavailable { reason: reason.to_owned() })
    }

    /// Takes no writes from now on.
    pub(super) fn fail(&self, reason: &str) {
        if self.failed.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "the store takes no more writes");
        }
    }

    /// Why no writes are taken, if something has failed.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure().is_some()
    }

    /// The newest version.
    pub(super) fn visible(&self) -> u64 {
        self.visible.load(Ordering::SeqCst)
    }

    /// Makes a commit visible, all of it at once.
    pub(super) fn publish(&self, tip: Tip, writes: Writes) {
        let mut recent = self.recent.write();
        recent.publish(tip, writes);
        self.visible.store(tip.number, Ordering::SeqCst);
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
}

impl Drop for Began {
    fn drop(&mut self) {
        let mut open = self.shared.open.lock();
        if let Some(count) = open.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.version);
            }
        }
    }
}

/// Something to wait for that another thread tells.
#[derive(Default)]
pub(super) struct Told {
    lock: Mutex<()>,
    told: Condvar,
}

impl Told {
    pub(super) fn tell(&self) {
        let _lock = self.lock.lock();
        self.told.notify_all();
    }

    /// Waits until `condition` is false. What makes it false happens before a `tell`.
    pub(super) fn wait_while(&self, condition: impl Fn() -> bool) {
        let mut lock = self.lock.lock();
        while condition() {
            self.told.wait(&mut lock);
        }
    }
}

/// Transactions that wait for the committer.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

#[derive(Default)]
struct Waiting {
    requests: Vec<Request>,
    closed: bool,
}

impl Queue {
    /// Adds a request. A closed queue drops it, and its sender learns that from the reply channel.
    pub(super) fn put(&self, request: Request) {
        let mut waiting = self.waiting.lock();
        if !waiting.closed {
            waiting.requests.push(request);
            if waiting.requests.len() == 1 {
                self.filled.notify_one();
            }
        }
    }

    /// The next group; waits for one. `None` when the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Request>> {
        let mut waiting = self.waiting.lock();
        while waiting.requests.is_empty() {
            if waiting.closed {
                return None;
            }
            self.filled.wait(&mut waiting);
        }
        let mut bytes = 0;
        let fits = waiting.requests.iter().take(GROUP_TRANSACTIONS_MAX).take_while(|request| {
            bytes += request.changes.bytes();
            bytes <= GROUP_BYTES_MAX
        });
        let count = fits.count().max(1);
        if count == waiting.requests.len() {
            return Some(std::mem::take(&mut waiting.requests));
        }
        Some(waiting.requests.drain(..count).collect())
    }

    /// Takes nothing more. What waits is still done.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.filled.notify_one();
    }

    /// Takes nothing more, and gives out what was not done.
    pub(super) fn close_and_empty(&self) -> Vec<Request> {
        let mut waiting = self.waiting.lock();
        waiting.closed = true;
        std::mem::take(&mut waiting.requests)
    }

    fn is_closed(&self) -> bool {
        self.waiting.lock().closed
    }
}
