//! What was written lately, and whether that has overtaken somebody's reads.
//!
//! For each key that was written while a transaction that could have read it is still open, the version that wrote it
//! last. Keys that no open transaction can have missed are forgotten; of the others a bounded number is kept, and a
//! transaction that is older than what is kept is taken to conflict.

use std::collections::{BTreeMap, VecDeque};

use ::sled::IVec;

use crate::store::key::{Key, KeyRange};

/// What a transaction has read.
#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) keys: Vec<Key>,
    pub(super) ranges: Vec<KeyRange>,
}

impl Reads {
    /// Whether any of these keys, which are in order, was read.
    pub(super) fn any_in<T>(&self, written: &BTreeMap<IVec, T>) -> bool {
        !written.is_empty()
            && (self.keys.iter().any(|key| written.contains_key(key.as_slice()))
                || self.ranges.iter().any(|range| in_range(written, range).next().is_some()))
    }
}

/// Versions of recent writes.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    latest: BTreeMap<IVec, u64>,
    /// Which keys each version wrote, oldest first.
    history: VecDeque<(u64, Vec<IVec>)>,
    /// Keys in `history`, one counted for each version that wrote it.
    remembered: usize,
    /// Writes up to this version are no longer known.
    forgotten: u64,
}

impl Conflicts {
    /// Remembers what `version`, the newest one, has written.
    pub(super) fn record(&mut self, version: u64, keys: impl Iterator<Item = IVec>) {
        let keys: Vec<IVec> = keys.collect();
        for key in &keys {
            self.latest.insert(key.clone(), version);
        }
        self.remembered += keys.len();
        self.history.push_back((version, keys));
    }

    /// Forgets what transactions that began at `oldest` or later have seen, and the oldest of what is over the limit.
    pub(super) fn forget(&mut self, oldest: u64, keys_max: usize) {
        while let Some((version, keys)) =
            self.history.pop_front_if(|(version, _)| *version <= oldest || self.remembered > keys_max)
        {
            self.remembered -= keys.len();
            self.forgotten = version;
            for key in keys {
                if self.latest.get(&key) == Some(&version) {
                    self.latest.remove(&key);
                }
            }
        }
    }

    /// How many writes are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.remembered
    }

    /// Whether `key` may have been written after `since`.
    pub(super) fn key_written(&self, key: &[u8], since: u64) -> bool {
        since < self.forgotten || self.latest.get(key).is_some_and(|&version| version > since)
    }

    /// Whether any key in `range` may have been written after `since`.
    pub(super) fn range_written(&self, range: &KeyRange, since: u64) -> bool {
        since < self.forgotten || in_range(&self.latest, range).any(|(_, &version)| version > since)
    }

    /// Whether anything that was read may have been written after `since`.
    pub(super) fn overtook(&self, reads: &Reads, since: u64) -> bool {
        reads.keys.iter().any(|key| self.key_written(key, since))
            || reads.ranges.iter().any(|range| self.range_written(range, since))
    }
}

fn in_range<'a, T>(written: &'a BTreeMap<IVec, T>, range: &KeyRange) -> impl Iterator<Item = (&'a IVec, &'a T)> {
    // `BTreeMap::range` panics over an inverted range.
    let end = range.end.as_slice().max(range.start.as_slice());
    written.range::<[u8], _>((std::ops::Bound::Included(range.start.as_slice()), std::ops::Bound::Excluded(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conflicts(history: &[(u64, &str)]) -> Conflicts {
        let mut conflicts = Conflicts::default();
        for (version, keys) in history {
            conflicts.record(*version, keys.split(' ').map(IVec::from));
        }
        conflicts
    }

    #[test]
    fn only_later_writes_count() {
        let conflicts = conflicts(&[(1, "a b"), (2, "b d")]);
        assert!(conflicts.key_written(b"a", 0));
        assert!(!conflicts.key_written(b"a", 1));
        assert!(conflicts.key_written(b"b", 1));
        assert!(!conflicts.key_written(b"c", 0));
        assert!(conflicts.range_written(&KeyRange::new(*b"c", *b"e"), 1));
        assert!(!conflicts.range_written(&KeyRange::new(*b"b\0", *b"d"), 0));
        assert!(!conflicts.range_written(&KeyRange::new(*b"e", *b"a"), 0));
    }

    #[test]
    fn what_every_open_transaction_has_seen_is_forgotten() {
        let mut conflicts = conflicts(&[(1, "a b"), (2, "b"), (3, "c")]);
        conflicts.forget(2, 100);
        assert_eq!(conflicts.latest.len(), 1);
        assert!(conflicts.key_written(b"c", 2));
        assert!(!conflicts.key_written(b"b", 2));
    }

    #[test]
    fn a_transaction_older_than_what_is_kept_conflicts() {
        let mut conflicts = conflicts(&[(1, "a"), (2, "b"), (3, "c")]);
        conflicts.forget(0, 2);
        assert_eq!(conflicts.latest.len(), 2);
        assert!(conflicts.key_written(b"untouched", 0));
        assert!(!conflicts.key_written(b"untouched", 1));
        assert!(conflicts.range_written(&KeyRange::new(*b"x", *b"z"), 0));
    }
}
