//! What transactions, committer and flusher have in common.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex, RwLock};

use super::committer::Request;
use super::conflicts::Conflicts;
use super::state::State;
use crate::store::error::StoreError;

/// How many transactions one group takes.
const GROUP_TRANSACTIONS_MAX: usize = 512;
/// How many bytes one group takes, unless its first transaction alone is larger.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) struct Shared {
    pub(super) state: State,
    pub(super) queue: Queue,
    pub(super) conflicts: RwLock<Conflicts>,
    /// The newest version of which something may be found in the state.
    pub(super) entered: AtomicU64,
    /// The newest version that is in the state as a whole: what a transaction begins with.
    pub(super) visible: AtomicU64,
    /// Everything up to this version is on disk in the state.
    pub(super) checkpoint: AtomicU64,
    /// Held by the committer while `entered` and `visible` differ. No transaction begins meanwhile: it could read
    /// nothing anyhow, and would miss what is just being applied.
    pub(super) turn: RwLock<()>,
    /// How many open transactions began with which version.
    open: Mutex<BTreeMap<u64, usize>>,
    failed: OnceLock<String>,
    /// Keeps other processes out.
    _lock: File,
}

impl Shared {
    pub(super) fn new(state: State, version: u64, checkpoint: u64, lock: File) -> Self {
        Self {
            state,
            queue: Queue::default(),
            conflicts: RwLock::default(),
            entered: AtomicU64::new(version),
            visible: AtomicU64::new(version),
            checkpoint: AtomicU64::new(checkpoint),
            turn: RwLock::new(()),
            open: Mutex::default(),
            failed: OnceLock::new(),
            _lock: lock,
        }
    }

    pub(super) fn health(&self) -> Result<(), StoreError> {
        let reason = match self.failed.get() {
            Some(reason) => reason.clone(),
            None if self.queue.is_closed() => "closed".to_owned(),
            None => return Ok(()),
        };
        Err(StoreError::Unavailable { reason })
    }

    /// Takes no writes from now on.
    pub(super) fn fail(&self, reason: &str) {
        if self.failed.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "the store takes no more writes");
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.get().is_some()
    }

    /// The version before which no open transaction began.
    pub(super) fn oldest_open(&self) -> u64 {
        let open = self.open.lock();
        open.keys().next().copied().unwrap_or_else(|| self.visible.load(Ordering::SeqCst))
    }
}

/// The beginning of a transaction. As long as it lives, writes after it are remembered.
pub(super) struct Began {
    pub(super) shared: Arc<Shared>,
    pub(super) version: u64,
}

impl Began {
    pub(super) fn now(shared: &Arc<Shared>) -> Self {
        let _turn = shared.turn.read();
        let mut open = shared.open.lock();
        let version = shared.visible.load(Ordering::SeqCst);
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
