//! The engine in memory: the contract in its simplest form.
//!
//! It is the model that other engines are compared with, and what unit tests run on. Nothing is durable. One mutex,
//! one map; every key remembers the version that wrote it last, deleted keys included, so that a stale read is seen by
//! comparing numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::error::StoreError;
use super::key::{Direction, Key, KeyRange, LogHead, Value, log_entry_key, log_head_key};
use super::tx::moved;
use super::{Change, Changes, Committed, Engine, View};

/// An engine that keeps everything in memory. Clones share the state.
#[derive(Clone, Default)]
pub struct MemoryEngine {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    version: u64,
    slots: BTreeMap<Key, Slot>,
    closed: bool,
}

/// What becomes of each key; `None` is a delete.
type Values = BTreeMap<Key, Option<Value>>;

/// A key that was written at least once. `value` is `None` after a delete.
struct Slot {
    version: u64,
    value: Option<Value>,
}

impl Engine for MemoryEngine {
    fn begin(&self) -> Result<Box<dyn View>, StoreError> {
        let begin = self.state.lock().version;
        Ok(Box::new(MemoryView { state: Arc::clone(&self.state), begin, ranges: BTreeSet::new() }))
    }

    fn health(&self) -> Result<(), StoreError> {
        self.state.lock().health()
    }

    fn close(&self) -> Result<(), StoreError> {
        self.state.lock().closed = true;
        Ok(())
    }
}

impl State {
    fn health(&self) -> Result<(), StoreError> {
        if self.closed {
            return Err(StoreError::Unavailable { reason: "closed".into() });
        }
        Ok(())
    }

    fn value(&self, key: &[u8]) -> Option<&[u8]> {
        self.slots.get(key)?.value.as_deref()
    }

    fn check_unchanged(&self, range: &KeyRange, since: u64) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let mut slots = self.slots.range(range.start.clone()..range.end.clone());
        if slots.any(|(_, slot)| slot.version > since) { Err(StoreError::Conflict) } else { Ok(()) }
    }

    /// The values that `changes` lead to, and the numbers of the appended entries.
    fn resolve(&self, changes: Changes) -> Result<(Values, Vec<u64>), StoreError> {
        let mut values = Values::new();
        for (key, change) in changes.writes {
            let value = match change {
                Change::Put(value) => Some(value),
                Change::Delete => None,
                Change::Add(delta) => Some(moved(&key, self.value(&key), delta)?),
            };
            values.insert(key, value);
        }
        let mut sequences = Vec::with_capacity(changes.appends.len());
        for (log, value) in changes.appends {
            let head_key = log_head_key(&log);
            let head = values.get(&head_key).map_or_else(|| self.value(&head_key), Option::as_deref);
            let head = LogHead::decode(&head_key, head)?.followed_by(&value);
            values.insert(log_entry_key(&log, head.sequence), Some(value));
            values.insert(head_key, Some(head.encode()));
            sequences.push(head.sequence);
        }
        Ok((values, sequences))
    }
}

struct MemoryView {
    state: Arc<Mutex<State>>,
    begin: u64,
    /// What was read; a single key is a range as well.
    ranges: BTreeSet<KeyRange>,
}

impl MemoryView {
    fn remember(&mut self, range: KeyRange) -> Result<(), StoreError> {
        self.state.lock().check_unchanged(&range, self.begin)?;
        self.ranges.insert(range);
        Ok(())
    }
}

impl View for MemoryView {
    fn get(&mut self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let value = self.peek(key)?;
        let mut end = key.to_vec();
        end.push(0);
        self.remember(KeyRange::new(key, end))?;
        Ok(value)
    }

    fn scan(&mut self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let found: Vec<_> = {
            let state = self.state.lock();
            let live = state
                .slots
                .range(range.start.clone()..range.end.clone())
                .filter_map(|(key, slot)| Some((key.clone(), slot.value.clone()?)));
            match direction {
                Direction::Forward => live.take(limit).collect(),
                Direction::Backward => live.rev().take(limit).collect(),
            }
        };
        let last = found.last().map(|(key, _)| key.as_slice());
        if let Some(covered) = range.covered(direction, limit, found.len(), last) {
            self.remember(covered)?;
        }
        Ok(found)
    }

    fn peek(&mut self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        Ok(self.state.lock().value(key).map(<[u8]>::to_vec))
    }

    fn reads_len(&self) -> usize {
        self.ranges.len()
    }

    fn commit(self: Box<Self>, changes: Changes) -> Result<Committed, StoreError> {
        let mut state = self.state.lock();
        if changes.is_empty() {
            // Each read was compared with the version of the beginning when it was made.
            return Ok(Committed { version: self.begin, sequences: Vec::new() });
        }
        state.health()?;
        changes.check_size()?;
        for range in &self.ranges {
            state.check_unchanged(range, self.begin)?;
        }
        let (values, sequences) = state.resolve(changes)?;
        state.version += 1;
        let version = state.version;
        for (key, value) in values {
            state.slots.insert(key, Slot { version, value });
        }
        Ok(Committed { version, sequences })
    }
}

#[cfg(test)]
mod tests {
    use crate::store::conformance::conformance;

    conformance!(contract, || (crate::store::memory::MemoryEngine::default(), ()));
}
