//! A transaction as its user sees it: the committed state with the transaction's own writes on top.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use data_encoding::HEXLOWER;

use super::error::StoreError;
use super::key::{
    Direction, KEY_BYTES_MAX, Key, KeyRange, LogHead, VALUE_BYTES_MAX, Value, decode_counter, log_entry_key,
    log_entry_number, log_head_key,
};
use super::merge::{Overlay, scan_through};
use super::{Change, Changes, Committed, View, entry_bytes};

/// A transaction: reads the committed state, buffers writes, and reads its own writes.
///
/// Everything that is read is protected until the commit; [`Store::write`](super::Store::write) says what follows. Own
/// [`append`](Tx::append)s are not seen before the commit, because they have no number yet.
///
/// Keys have 1 to [`KEY_BYTES_MAX`] bytes and a first byte in `0x01..=0xfe`; anything else panics on writing, as keys
/// are made by the host and never come from outside as they are.
pub struct Tx {
    id: u64,
    view: Box<dyn View>,
    changes: Changes,
    /// The size of `changes`.
    bytes: usize,
    /// What all writes together had, also those that were written over or dropped.
    written: usize,
    /// What `changes.writes` held before, newest last. Kept once there is a savepoint to go back to.
    undo: Option<Vec<(Key, Option<Change>)>>,
    /// A read has failed with a conflict: whatever follows is void.
    stale: bool,
}

/// A place in a transaction to which it can be taken back.
#[derive(Clone, Copy, Debug)]
pub struct Savepoint {
    tx: u64,
    undo: usize,
    appends: usize,
    bytes: usize,
}

/// The identity of the hollow that a taken transaction leaves behind.
const HOLLOW: u64 = 0;
static NEXT_ID: AtomicU64 = AtomicU64::new(HOLLOW + 1);

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("id", &self.id).field("changes", &self.changes).finish_non_exhaustive()
    }
}

impl Tx {
    pub(super) fn new(view: Box<dyn View>) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self { id, view, changes: Changes::default(), bytes: 0, written: 0, undo: None, stale: false }
    }

    /// The value at `key`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it was changed by another transaction in the meantime: pass it on.
    pub fn get(&mut self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        match self.changes.writes.get(key) {
            Some(Change::Put(value)) => Ok(Some(value.clone())),
            Some(Change::Delete) => Ok(None),
            Some(&Change::Add(delta)) => {
                let base = self.fresh(|view| view.get(key))?;
                moved(key, base.as_deref(), delta).map(Some)
            }
            None => self.fresh(|view| view.get(key)),
        }
    }

    /// Up to `limit` entries of `range`, in the given order.
    ///
    /// # Errors
    /// As [`Tx::get`].
    pub fn scan(
        &mut self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        let Self { view, changes, stale, .. } = self;
        if *stale {
            return Err(StoreError::Conflict);
        }
        let below = |part: &KeyRange, wanted| view.scan(part, direction, wanted);
        let result = scan_through(changes, below, range, direction, limit);
        *stale = matches!(result, Err(StoreError::Conflict));
        result
    }

    /// Puts `value` at `key`.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] over [`VALUE_BYTES_MAX`].
    pub fn put(&mut self, key: &[u8], value: impl Into<Value>) -> Result<(), StoreError> {
        let value = value.into();
        check_value(&value)?;
        self.change(key, Change::Put(value));
        Ok(())
    }

    /// Takes away what is at `key`, if anything is.
    pub fn delete(&mut self, key: &[u8]) {
        self.change(key, Change::Delete);
    }

    /// Moves the counter at `key` by `delta`, without reading it: any number of transactions may do so at once. A
    /// counter that is not there begins at 0.
    ///
    /// # Errors
    /// [`StoreError::CounterOverflow`] when the transaction's own moves add up to more than 64 bits hold; the commit
    /// fails likewise when the counter does not hold the result. [`StoreError::Corrupt`] over an own write that is no
    /// counter; the commit fails likewise over a stored value that is none.
    pub fn add(&mut self, key: &[u8], delta: i64) -> Result<(), StoreError> {
        let change = match self.changes.writes.get(key) {
            None => Change::Add(delta),
            Some(Change::Add(before)) => Change::Add(sum(key, *before, delta)?),
            Some(Change::Put(value)) => Change::Put(moved(key, Some(value), delta)?),
            Some(Change::Delete) => Change::Put(moved(key, None, delta)?),
        };
        self.change(key, change);
        Ok(())
    }

    /// The counter at `key`, 0 if there is none. A read like any other: concurrent moves of it conflict.
    ///
    /// # Errors
    /// As [`Tx::get`], and [`StoreError::Corrupt`] when the value is no counter.
    pub fn counter(&mut self, key: &[u8]) -> Result<i64, StoreError> {
        let value = self.get(key)?;
        decode_counter(key, value.as_deref())
    }

    /// The counter at `key` with the transaction's own moves, none when it is not there. It is *not* protected: moves of
    /// others do not conflict, so that a limit which may be missed by what is under way at the same time costs nothing.
    ///
    /// # Errors
    /// As [`Tx::counter`].
    pub fn counter_about(&mut self, key: &[u8]) -> Result<Option<i64>, StoreError> {
        let value = match self.changes.writes.get(key) {
            Some(Change::Put(value)) => Some(value.clone()),
            Some(Change::Delete) => None,
            Some(&Change::Add(delta)) => Some(moved(key, self.view.peek(key)?.as_deref(), delta)?),
            None => self.view.peek(key)?,
        };
        value.map(|value| decode_counter(key, Some(&value))).transpose()
    }

    /// Adds all counters of one range to those at the same places in another one, and removes them.
    ///
    /// # Errors
    /// The store's failures.
    pub fn add_range(&mut self, from: &KeyRange, to: &KeyRange) -> Result<(), StoreError> {
        for (key, _) in self.scan(from, Direction::Forward, usize::MAX)? {
            let count = self.counter(&key)?;
            let place = key.get(from.start.len()..).unwrap_or_default();
            self.delete(&key);
            self.add(&[to.start.as_slice(), place].concat(), count)?;
        }
        Ok(())
    }

    /// Moves all entries of one range, which are no counters, to the same places in another one. Returns how many there
    /// were.
    ///
    /// # Errors
    /// The store's failures.
    pub fn move_range(&mut self, from: &KeyRange, to: &KeyRange) -> Result<u64, StoreError> {
        let mut count = 0;
        for (key, value) in self.scan(from, Direction::Forward, usize::MAX)? {
            let place = key.get(from.start.len()..).unwrap_or_default();
            self.delete(&key);
            self.put(&[to.start.as_slice(), place].concat(), value)?;
            count += 1;
        }
        Ok(count)
    }

    /// Appends `value` to `log`. It gets the next sequence number of that log at the commit, and then lies at
    /// [`log_entry_key`](super::log_entry_key). No log's name may be the beginning of another's, or of other keys.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] over [`VALUE_BYTES_MAX`].
    pub fn append(&mut self, log: &[u8], value: impl Into<Value>) -> Result<(), StoreError> {
        self.check_writable(log);
        let value = value.into();
        check_value(&value)?;
        self.grow(entry_bytes(log, value.len()), 0);
        self.changes.appends.push((log.to_vec(), value));
        Ok(())
    }

    /// Up to `limit` committed entries of `log` with a sequence number above `after`, in order.
    ///
    /// Entries never change, so following a log does not conflict with appending to it; that nothing more came after
    /// the last entry is *not* protected. Whoever relies on that reads [`Tx::log_head`] as well.
    ///
    /// # Errors
    /// As [`Tx::get`].
    pub fn log_scan(&mut self, log: &[u8], after: u64, limit: usize) -> Result<Vec<(u64, Value)>, StoreError> {
        let head = self.log_end(log)?;
        let Some(first) = after.checked_add(1).filter(|&first| first <= head) else { return Ok(Vec::new()) };
        let end = head.min(after.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX))).saturating_add(1);
        let range = KeyRange::new(log_entry_key(log, first), log_entry_key(log, end));
        let entries = self.fresh(|view| view.scan(&range, Direction::Forward, limit))?;
        entries
            .into_iter()
            .map(|(key, value)| {
                let sequence = log_entry_number(log, &key);
                sequence.map(|sequence| (sequence, value)).ok_or_else(|| StoreError::corrupt("entry of a log", &key))
            })
            .collect()
    }

    /// The number of the newest committed entry of `log`, 0 when there is none. It is *not* protected that nothing more came
    /// since: whoever begins to follow a log does not conflict with appending to it.
    ///
    /// # Errors
    /// As [`Tx::get`].
    pub fn log_end(&mut self, log: &[u8]) -> Result<u64, StoreError> {
        let head_key = log_head_key(log);
        let head = self.view.peek(&head_key)?;
        Ok(LogHead::decode(&head_key, head.as_deref())?.sequence)
    }

    /// The end of `log`: the number of its newest committed entry, and the hash that all entries went into. A read like
    /// any other: concurrent appends to the log conflict.
    ///
    /// # Errors
    /// As [`Tx::get`].
    pub fn log_head(&mut self, log: &[u8]) -> Result<LogHead, StoreError> {
        let key = log_head_key(log);
        let head = self.fresh(|view| view.get(&key))?;
        LogHead::decode(&key, head.as_deref())
    }

    /// Remembers this place, to go back to it.
    pub fn savepoint(&mut self) -> Savepoint {
        let undo = self.undo.get_or_insert_default().len();
        Savepoint { tx: self.id, undo, appends: self.changes.appends.len(), bytes: self.bytes }
    }

    /// Drops every write and append made since the savepoint. Reads made since stay protected: what was decided
    /// afterwards may rest on them. The savepoint can be used again; later ones are void.
    ///
    /// # Panics
    /// When the savepoint is void or of another transaction.
    pub fn rollback_to(&mut self, savepoint: Savepoint) {
        let undo = self.undo.get_or_insert_default();
        assert!(
            savepoint.tx == self.id && savepoint.undo <= undo.len() && savepoint.appends <= self.changes.appends.len(),
            "the savepoint is void or belongs to another transaction"
        );
        for (key, before) in undo.drain(savepoint.undo..).rev() {
            match before {
                Some(change) => self.changes.writes.insert(key, change),
                None => self.changes.writes.remove(&key),
            };
        }
        self.changes.appends.truncate(savepoint.appends);
        self.bytes = savepoint.bytes;
    }

    /// How many keys and log entries the transaction writes so far.
    pub fn writes_len(&self) -> usize {
        self.changes.writes.len() + self.changes.appends.len()
    }

    /// How many keys and ranges the transaction has read of the committed state so far, each counted once: all of them are
    /// looked at again at the commit.
    pub fn reads_len(&self) -> usize {
        self.view.reads_len()
    }

    /// What the transaction writes so far, in bytes as [`Changes::bytes`] counts them; at most
    /// [`TRANSACTION_BYTES_MAX`](super::TRANSACTION_BYTES_MAX) can be committed.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What has been written so far, in bytes, with what was written over or dropped again: what the transaction has cost.
    pub fn written(&self) -> usize {
        self.written
    }

    /// What the transaction writes so far: for audit, traces and rehearsal.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Takes the transaction out, to be owned for a while. What stays behind is hollow until
    /// [`give_back`](Tx::give_back): its reads fail, its writes panic, it does not commit.
    #[must_use = "a transaction that is not given back is lost"]
    pub fn take(&mut self) -> Tx {
        let hollow = Tx { id: HOLLOW, ..Tx::new(Box::new(Hollow)) };
        std::mem::replace(self, hollow)
    }

    /// Puts a taken transaction back into its hollow.
    ///
    /// # Panics
    /// When nothing was taken from here, or `tx` is itself hollow.
    pub fn give_back(&mut self, tx: Tx) {
        assert!(self.id == HOLLOW && tx.id != HOLLOW, "a transaction goes back to where it was taken from");
        *self = tx;
    }

    /// Lends the transaction to `f` as a value. If `f` panics, the transaction is lost and a hollow stays.
    ///
    /// # Panics
    /// When `f` gives back another transaction than it got.
    pub fn lend<R>(&mut self, f: impl FnOnce(Tx) -> (Tx, R)) -> R {
        let id = self.id;
        let (tx, result) = f(self.take());
        assert!(tx.id == id, "a loan is given back with the transaction that was lent");
        self.give_back(tx);
        result
    }

    /// Commits.
    pub(super) fn commit(self) -> Result<Committed, StoreError> {
        if self.stale {
            return Err(StoreError::Conflict);
        }
        self.view.commit(self.changes)
    }

    /// Writes nothing, but confirms what was read.
    pub(super) fn confirm(self) -> Result<Committed, StoreError> {
        Self { changes: Changes::default(), bytes: 0, ..self }.commit()
    }

    /// Reads from the state, and remembers whether that has failed for good.
    fn fresh<T>(&mut self, read: impl FnOnce(&mut dyn View) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.stale {
            return Err(StoreError::Conflict);
        }
        let result = read(self.view.as_mut());
        self.stale = matches!(result, Err(StoreError::Conflict));
        result
    }

    fn change(&mut self, key: &[u8], change: Change) {
        self.check_writable(key);
        self.write_reserved(key, change);
    }

    /// A change at a key that may be the store's own.
    pub(super) fn write_reserved(&mut self, key: &[u8], change: Change) {
        let bytes = change.bytes(key);
        let before = self.changes.writes.insert(key.to_vec(), change);
        self.grow(bytes, before.as_ref().map_or(0, |before| before.bytes(key)));
        if let Some(undo) = &mut self.undo {
            undo.push((key.to_vec(), before));
        }
    }

    /// Counts what was written, in place of something else.
    fn grow(&mut self, bytes: usize, replaced: usize) {
        self.bytes = self.bytes.saturating_sub(replaced).saturating_add(bytes);
        self.written = self.written.saturating_add(bytes);
    }

    #[track_caller]
    fn check_writable(&self, key: &[u8]) {
        assert!(self.id != HOLLOW, "{LENT_OUT}");
        assert!(
            matches!(key, [1..=0xfe, ..]) && key.len() <= KEY_BYTES_MAX - 9,
            "key {} is empty, too long, or reserved for the store",
            HEXLOWER.encode(key)
        );
    }
}

impl Overlay for Changes {
    fn touches(&self, range: &KeyRange) -> bool {
        self.writes.range(range.start.clone()..range.end.clone()).next().is_some()
    }

    fn lay_over(&self, range: &KeyRange, entries: &mut BTreeMap<Key, Value>) -> Result<(), StoreError> {
        for (key, change) in self.writes.range(range.start.clone()..range.end.clone()) {
            match change {
                Change::Put(value) => {
                    entries.insert(key.clone(), value.clone());
                }
                Change::Delete => {
                    entries.remove(key);
                }
                Change::Add(delta) => {
                    let value = moved(key, entries.get(key).map(Vec::as_slice), *delta)?;
                    entries.insert(key.clone(), value);
                }
            }
        }
        Ok(())
    }
}

fn check_value(value: &Value) -> Result<(), StoreError> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(StoreError::TooLarge { what: "value", bytes: value.len(), bytes_max: VALUE_BYTES_MAX });
    }
    Ok(())
}

fn sum(key: &[u8], value: i64, delta: i64) -> Result<i64, StoreError> {
    value.checked_add(delta).ok_or_else(|| StoreError::CounterOverflow { key: HEXLOWER.encode(key), delta })
}

/// The bytes of a counter after a move.
pub(super) fn moved(key: &[u8], value: Option<&[u8]>, delta: i64) -> Result<Value, StoreError> {
    Ok(sum(key, decode_counter(key, value)?, delta)?.to_le_bytes().to_vec())
}

const LENT_OUT: &str = "the transaction is lent out";

/// What is behind a transaction while somebody else owns it.
struct Hollow;

impl Hollow {
    fn refuse<T>() -> Result<T, StoreError> {
        Err(StoreError::Unavailable { reason: LENT_OUT.into() })
    }
}

impl View for Hollow {
    fn get(&mut self, _: &[u8]) -> Result<Option<Value>, StoreError> {
        Self::refuse()
    }

    fn scan(&mut self, _: &KeyRange, _: Direction, _: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        Self::refuse()
    }

    fn peek(&mut self, _: &[u8]) -> Result<Option<Value>, StoreError> {
        Self::refuse()
    }

    fn reads_len(&self) -> usize {
        0
    }

    fn commit(self: Box<Self>, _: Changes) -> Result<Committed, StoreError> {
        Self::refuse()
    }
}
