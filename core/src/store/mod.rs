//! The store: an ordered key-value contract with serializable transactions.
//!
//! Everything that the host keeps goes through [`Store`] and [`Tx`]. Underneath lies an [`Engine`]; which one, the rest
//! of the code never sees.
//!
//! What holds, for every engine:
//! - **Serializable.** A transaction that commits has seen one state, the newest one that was committed before, and no
//!   other transaction came between, neither at the keys that it read nor in the ranges that it scanned. Whatever it
//!   reads belongs to *one* committed state also while it still runs: a read that would break this fails with
//!   [`StoreError::Conflict`], so rules and assertions may rely on what they see.
//! - **Blind writes never conflict.** [`Tx::put`], [`Tx::delete`], [`Tx::add`] and [`Tx::append`] read nothing.
//! - **All or nothing**, and **durable before it is acknowledged** where the engine is durable at all.
//! - **Logs are dense and chained.** Entries of a log are numbered 1, 2, 3 … in commit order, without gaps, and each goes
//!   into one hash with all before it ([`LogHead`]).
//!
//! The store does not know what the keys mean, and reads no clock.

mod backoff;
mod codec;
#[cfg(test)]
mod conformance;
mod error;
mod growth;
pub mod journal;
mod key;
pub mod layout;
mod member_of;
pub mod memory;
mod merge;
pub(crate) mod older;
mod records;
mod seal;
mod sled;
pub mod snapshot;
mod tx;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use codec::{Record, decode, encode};
pub(crate) use codec::{decode_own, whole};
pub use error::StoreError;
pub use growth::LogListener;
pub use key::{
    Direction, KEY_BYTES_MAX, Key, KeyRange, LogHead, TRANSACTION_BYTES_MAX, VALUE_BYTES_MAX, Value, log_entry_key,
};
pub(crate) use key::{decode_counter, log_entry_number};
pub use member_of::member_of;
pub(crate) use older::{Order1, Order2, Order3, Order4};
pub(crate) use records::records;
pub use sled::{
    FORMAT_FILE, JOURNAL_DIR, SledEngine as DurableEngine, SledOptions as DurableOptions, StateReport, Usage, compact,
};
pub use tx::{Savepoint, Tx};

/// How often a transaction is run before [`StoreError::Busy`].
pub const ATTEMPTS_MAX: u32 = 24;

/// A storage engine: committed state, and optimistic transactions on it.
///
/// `conformance.rs` is what an engine has to pass.
pub trait Engine: Send + Sync + 'static {
    /// Begins a transaction on the newest committed state: every commit that was acknowledged before is seen.
    ///
    /// # Errors
    /// When the state cannot be read at all. A failed engine may still allow reading.
    fn begin(&self) -> Result<Box<dyn View>, StoreError>;

    /// Whether the engine takes writes.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`] while it does not for want of room, [`StoreError::Unavailable`] when it does not any more.
    fn health(&self) -> Result<(), StoreError>;

    /// Finishes what is queued, brings the state to disk, and takes no more writes. Called again it does nothing.
    ///
    /// # Errors
    /// When the state could not be brought to disk. Nothing acknowledged is lost by that.
    fn close(&self) -> Result<(), StoreError>;
}

/// One transaction's look at the committed state. It remembers what it read.
pub trait View: Send {
    /// The value at `key`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the key was written since the transaction began, unless all that was read before
    /// still holds: then the transaction goes over to the newer state.
    fn get(&mut self, key: &[u8]) -> Result<Option<Value>, StoreError>;

    /// Up to `limit` entries of `range`, in the given order. What is remembered as read is exactly the part of the
    /// range that was gone through: up to the last entry when there were `limit` of them, else all of it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] as for [`View::get`], for anything in that part, a key that is new or gone included.
    fn scan(&mut self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<(Key, Value)>, StoreError>;

    /// The newest committed value at `key`, not remembered and not protected: a hint.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn peek(&mut self, key: &[u8]) -> Result<Option<Value>, StoreError>;

    /// How many keys and ranges are remembered as read: what was read again is remembered once.
    fn reads_len(&self) -> usize;

    /// Commits `changes`, if everything that was read still holds. With no changes it only confirms that all that was
    /// read belongs to one state that was the newest at some moment since the transaction began.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a read is stale, [`StoreError::CounterOverflow`], [`StoreError::TooLarge`],
    /// [`StoreError::Corrupt`] for an `add` to what is no counter: nothing was written.
    /// [`StoreError::NoRoom`]: nothing was written, and later it may be. [`StoreError::Unavailable`]: not acknowledged, and
    /// whether it will be found after the next start is open.
    fn commit(self: Box<Self>, changes: Changes) -> Result<Committed, StoreError>;
}

/// What a transaction wants to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// One change for each key.
    pub writes: BTreeMap<Key, Change>,
    /// Entries for logs, `(log, value)`, in the order in which they are to be numbered.
    pub appends: Vec<(Key, Value)>,
}

/// What an entry takes of a transaction: its key, its value, and 16 bytes.
fn entry_bytes(key: &[u8], value_bytes: usize) -> usize {
    const ENTRY_BYTES: usize = 16;
    ENTRY_BYTES + key.len() + value_bytes
}

/// What becomes of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The key gets this value.
    Put(Value),
    /// The key goes away.
    Delete,
    /// The counter at the key, 0 if there is none, moves by this much.
    Add(i64),
}

impl Change {
    /// What it takes of a transaction, in bytes.
    fn bytes(&self, key: &[u8]) -> usize {
        let value_bytes = match self {
            Self::Put(value) => value.len(),
            Self::Delete => 0,
            Self::Add(_) => 8,
        };
        entry_bytes(key, value_bytes)
    }
}

impl Changes {
    /// Whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.appends.is_empty()
    }

    /// Size of all keys and values, in bytes, and 16 for each of them.
    pub fn bytes(&self) -> usize {
        let writes = self.writes.iter().map(|(key, change)| change.bytes(key));
        let appends = self.appends.iter().map(|(log, value)| entry_bytes(log, value.len()));
        writes.chain(appends).sum()
    }

    /// Refuses a transaction that writes too much.
    fn check_size(&self) -> Result<(), StoreError> {
        let bytes = self.bytes();
        if bytes > TRANSACTION_BYTES_MAX {
            return Err(StoreError::TooLarge { what: "transaction", bytes, bytes_max: TRANSACTION_BYTES_MAX });
        }
        Ok(())
    }
}

/// What a commit has led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The version of the state that holds the changes.
    pub version: u64,
    /// The sequence numbers of the appended entries, in the order of [`Changes::appends`].
    pub sequences: Vec<u64>,
}

/// The way to an engine: runs closures as transactions. Clones share the engine.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    retries: Arc<AtomicU64>,
    turns: Arc<backoff::Turns>,
    growth: Arc<growth::Growth>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("retries", &self.retries()).finish_non_exhaustive()
    }
}

impl Store {
    /// A store on this engine.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, retries: Arc::default(), turns: Arc::default(), growth: Arc::default() }
    }

    /// A store in memory, for tests: nothing is kept when the last clone goes.
    pub fn in_memory() -> Self {
        Self::new(Arc::new(memory::MemoryEngine::default()))
    }

    /// Runs `f` as one transaction and commits it. Returns after the commit is durable.
    ///
    /// `f` runs again, from the start and after a short pause, when another transaction got in between; it must have
    /// no effects besides those on the [`Tx`]. An `Err` of `f` writes nothing. It is returned only if what `f` had read
    /// was still true; otherwise `f` runs again. A panic in `f` writes nothing.
    ///
    /// # Errors
    /// What `f` returned; [`StoreError::Busy`] after [`ATTEMPTS_MAX`] conflicts; and what [`View::commit`] refuses.
    pub fn write<T, E: From<StoreError>>(&self, mut f: impl FnMut(&mut Tx) -> Result<T, E>) -> Result<T, E> {
        self.attempt(&mut f, true)
    }

    /// Runs `f` on one consistent state, the newest one. Otherwise as [`Store::write`].
    ///
    /// # Errors
    /// As [`Store::write`].
    ///
    /// # Panics
    /// When `f` writes: that is a bug of the caller.
    pub fn read<T, E: From<StoreError>>(&self, mut f: impl FnMut(&mut Tx) -> Result<T, E>) -> Result<T, E> {
        self.attempt(&mut f, false)
    }

    fn attempt<T, E: From<StoreError>>(
        &self,
        f: &mut impl FnMut(&mut Tx) -> Result<T, E>,
        writes: bool,
    ) -> Result<T, E> {
        let mut turn = None;
        for attempt in 1..=ATTEMPTS_MAX {
            let mut tx = self.begin()?;
            let outcome = f(&mut tx);
            assert!(writes || tx.writes_len() == 0, "a read-only transaction has written");
            let mut grown = Vec::new();
            let finished = match &outcome {
                Ok(_) => {
                    grown.extend(tx.changes().appends.iter().map(|(log, _)| log.clone()));
                    tx.commit()
                }
                Err(_) => tx.confirm(),
            };
            match finished {
                Ok(_) => {
                    grown.dedup();
                    grown.iter().for_each(|log| self.growth.tell(log));
                    return outcome;
                }
                Err(StoreError::Conflict) => {
                    self.retries.fetch_add(1, Ordering::Relaxed);
                    if turn.is_none() && attempt < ATTEMPTS_MAX {
                        turn = self.turns.pause(attempt);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy { attempts: ATTEMPTS_MAX }.into())
    }

    /// Hears from now on that a log has grown, or that any has; each time the commit is durable by then.
    pub fn listen(&self, log: Option<&[u8]>) -> LogListener {
        self.growth.listen(log)
    }

    /// Has those who listen to a log look at it again, as if it had grown: something else that they go by has changed.
    pub fn call(&self, log: &[u8]) {
        self.growth.tell(log);
    }

    /// A transaction that its owner commits. For tests of the store itself: everything else uses `write` and `read`.
    fn begin(&self) -> Result<Tx, StoreError> {
        Ok(Tx::new(self.engine.begin()?))
    }

    /// Whether writes are taken.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the reason why they are not.
    pub fn health(&self) -> Result<(), StoreError> {
        self.engine.health()
    }

    /// Stops taking writes and brings everything to disk.
    ///
    /// # Errors
    /// When the state could not be brought to disk; nothing acknowledged is lost by that.
    pub fn close(&self) -> Result<(), StoreError> {
        self.engine.close()
    }

    /// How many times a transaction was run again because of a conflict, since the store was opened.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Whether no writes are taken any more until the store is opened again: something has failed, or it was closed.
    pub fn has_ended(&self) -> bool {
        matches!(self.health(), Err(StoreError::Unavailable { .. }))
    }
}
