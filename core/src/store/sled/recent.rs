//! What was committed lately, in memory: in front of sled, and the memory of who may have been overtaken.
//!
//! A commit becomes visible by being put here; sled follows in its own time. So for every key that sled may not have
//! yet, the newest value is here, and for every key that was written since the oldest open transaction began, the
//! version that wrote it. An entry goes when both are past: sled has it, and no open transaction began before it.
//! A transaction that stays open for so long that too much would pile up is taken to conflict.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use ::sled::IVec;

use super::state::Writes;
use crate::store::journal::Tip;
use crate::store::key::{Direction, Key, KeyRange};

/// What a transaction has read.
#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) keys: Vec<Key>,
    pub(super) ranges: Vec<KeyRange>,
}

impl Reads {
    /// Whether anything was read that `written` holds.
    pub(super) fn any_in<T>(&self, written: &BTreeMap<IVec, T>) -> bool {
        !written.is_empty()
            && (self.keys.iter().any(|key| written.contains_key(key.as_slice()))
                || self.ranges.iter().any(|range| in_range(written, range).next().is_some()))
    }
}

/// The newest value of a key, `None` for a key that is gone, and the version that it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) version: u64,
    pub(super) value: Option<IVec>,
}

/// Entries of recent commits.
#[derive(Debug, Default)]
pub(super) struct Recent {
    entries: BTreeMap<IVec, Entry>,
    /// What wrote them, oldest first.
    history: VecDeque<Commit>,
    /// Size of all of `history`.
    bytes: usize,
    /// How many commits at the end of `history` sled does not have yet, and their size.
    pending: usize,
    pending_bytes: usize,
    /// Commits up to this version are no longer known.
    forgotten: u64,
}

#[derive(Debug)]
struct Commit {
    tip: Tip,
    keys: Vec<IVec>,
    bytes: usize,
}

/// What an entry takes in memory besides its key and value, about.
const ENTRY_BYTES: usize = 100;

impl Recent {
    /// Puts in what a commit has written.
    pub(super) fn publish(&mut self, tip: Tip, writes: Writes) {
        let size =
            |(key, value): (&IVec, &Option<IVec>)| ENTRY_BYTES + key.len() + value.as_ref().map_or(0, |v| v.len());
        let bytes = writes.iter().map(size).sum();
        self.bytes += bytes;
        self.pending += 1;
        self.pending_bytes += bytes;
        self.history.push_back(Commit { tip, keys: writes.keys().cloned().collect(), bytes });
        for (key, value) in writes {
            self.entries.insert(key, Entry { version: tip.number, value });
        }
    }

    /// What sled has to be given to have every commit up to the returned one: the oldest that it does not have, and as
    /// many more as write `keys_max` keys. Values may be newer than that: then they are given again later.
    pub(super) fn to_apply(&self, keys_max: usize) -> Option<(Tip, Writes)> {
        let mut writes = Writes::new();
        let mut reached = None;
        for commit in self.history.range(self.history.len() - self.pending..) {
            if reached.is_some() && writes.len() + commit.keys.len() > keys_max {
                break;
            }
            reached = Some(commit.tip);
            for key in &commit.keys {
                let value = self.entries.get(key).and_then(|entry| entry.value.clone());
                writes.insert(key.clone(), value);
            }
        }
        Some((reached?, writes))
    }

    /// Sled has every commit up to `version`.
    pub(super) fn applied(&mut self, version: u64) {
        let done = self.history.range(self.history.len() - self.pending..);
        let done = done.take_while(|commit| commit.tip.number <= version);
        let (commits, bytes) = done.fold((0, 0), |(commits, bytes), commit| (commits + 1, bytes + commit.bytes));
        self.pending -= commits;
        self.pending_bytes -= bytes;
    }

    /// How much waits for sled, in bytes.
    pub(super) fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Forgets what sled has and transactions that began at `oldest` or later have seen, and the oldest of what sled
    /// has and is over the limit.
    pub(super) fn forget(&mut self, oldest: u64, bytes_max: usize) {
        while self.history.len() > self.pending {
            let over = self.bytes > bytes_max;
            let Some(Commit { tip, keys, bytes }) =
                self.history.pop_front_if(|commit| commit.tip.number <= oldest || over)
            else {
                return;
            };
            self.bytes -= bytes;
            self.forgotten = tip.number;
            for key in keys {
                if self.entries.get(&key).is_some_and(|entry| entry.version == tip.number) {
                    self.entries.remove(&key);
                }
            }
        }
    }

    /// The newest value of `key`, if it was written lately.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Entries of the range, from the beginning of a scan until `limit` of them are keys that exist; `true` when that
    /// ended it before the range did.
    pub(super) fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> (Writes, bool) {
        let mut found = Writes::new();
        let mut live = 0;
        let mut entries = in_range(&self.entries, range);
        while let Some((key, entry)) = match direction {
            Direction::Forward => entries.next(),
            Direction::Backward => entries.next_back(),
        } {
            live += usize::from(entry.value.is_some());
            found.insert(key.clone(), entry.value.clone());
            if live == limit {
                return (found, true);
            }
        }
        (found, false)
    }

    /// Whether `key` may have been written after `since`.
    pub(super) fn key_written(&self, key: &[u8], since: u64) -> bool {
        since < self.forgotten || self.entries.get(key).is_some_and(|entry| entry.version > since)
    }

    /// Whether any key in `range` may have been written after `since`.
    pub(super) fn range_written(&self, range: &KeyRange, since: u64) -> bool {
        since < self.forgotten || in_range(&self.entries, range).any(|(_, entry)| entry.version > since)
    }

    /// Whether anything that was read may have been written after `since`.
    pub(super) fn overtook(&self, reads: &Reads, since: u64) -> bool {
        reads.keys.iter().any(|key| self.key_written(key, since))
            || reads.ranges.iter().any(|range| self.range_written(range, since))
    }

    /// How many keys are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

pub(super) fn in_range<'a, T>(
    written: &'a BTreeMap<IVec, T>,
    range: &KeyRange,
) -> impl DoubleEndedIterator<Item = (&'a IVec, &'a T)> {
    // `BTreeMap::range` panics over an inverted range.
    let end = range.end.as_slice().max(range.start.as_slice());
    written.range::<[u8], _>((Bound::Included(range.start.as_slice()), Bound::Excluded(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tip(number: u64) -> Tip {
        Tip { number, hash: [0; 32] }
    }

    /// Commits of `key` or, for a key that goes, `-key`; the value of a key is the version.
    fn recent(history: &[(u64, &str)]) -> Recent {
        let mut recent = Recent::default();
        for (version, keys) in history {
            let write = |key: &str| match key.strip_prefix('-') {
                Some(key) => (key.into(), None),
                None => (key.into(), Some(version.to_string().as_str().into())),
            };
            recent.publish(tip(*version), keys.split(' ').map(write).collect());
        }
        recent
    }

    fn show(writes: Writes) -> String {
        let text = |bytes: IVec| String::from_utf8(bytes.to_vec()).expect("is text");
        let show = |(key, value): (IVec, Option<IVec>)| format!("{}={}", text(key), value.map_or("-".into(), text));
        writes.into_iter().map(show).collect::<Vec<_>>().join(" ")
    }

    fn scan(recent: &Recent, start: &str, direction: Direction, limit: usize) -> (String, bool) {
        let (writes, more) = recent.scan(&KeyRange::new(start, "z"), direction, limit);
        (show(writes), more)
    }

    #[test]
    fn only_later_writes_overtake() {
        let recent = recent(&[(1, "a b"), (2, "b -d")]);
        assert!(recent.key_written(b"a", 0));
        assert!(!recent.key_written(b"a", 1));
        assert!(recent.key_written(b"b", 1));
        assert!(!recent.key_written(b"c", 0));
        assert!(recent.range_written(&KeyRange::new(*b"c", *b"e"), 1));
        assert!(!recent.range_written(&KeyRange::new(*b"b\0", *b"d"), 0));
        assert!(!recent.range_written(&KeyRange::new(*b"e", *b"a"), 0));
    }

    #[test]
    fn sled_gets_the_newest_value_of_each_key_once() {
        let mut recent = recent(&[(1, "a b"), (2, "b -d")]);
        let (reached, writes) = recent.to_apply(9).expect("there is something");
        assert_eq!((reached.number, show(writes).as_str()), (2, "a=1 b=2 d=-"));
        assert_eq!(recent.to_apply(3).map(|(reached, _)| reached.number), Some(1), "as much as was asked for");
        recent.publish(tip(3), [("a".into(), Some("3".into()))].into());
        recent.applied(2);
        let (reached, writes) = recent.to_apply(0).expect("there is something");
        assert_eq!((reached.number, show(writes).as_str()), (3, "a=3"));
        recent.applied(3);
        assert!(recent.to_apply(9).is_none());
        assert_eq!(recent.pending_bytes(), 0);
        assert!(recent.bytes > 0, "nothing is forgotten yet");
    }

    #[test]
    fn an_entry_goes_when_sled_has_it_and_everybody_began_after_it() {
        let mut recent = recent(&[(1, "a b"), (2, "b"), (3, "c")]);
        recent.forget(3, 0);
        assert_eq!(recent.entries.len(), 3, "sled has nothing yet");
        recent.applied(2);
        recent.forget(0, usize::MAX);
        assert_eq!(recent.entries.len(), 3, "somebody began before");
        recent.forget(3, usize::MAX);
        assert!(recent.entries.keys().eq([&IVec::from("c")]));
        assert!(!recent.key_written(b"b", 2));
    }

    #[test]
    fn a_transaction_older_than_what_is_kept_conflicts() {
        let mut recent = recent(&[(1, "a"), (2, "b"), (3, "c")]);
        recent.applied(3);
        recent.forget(0, 2 * (ENTRY_BYTES + 2));
        assert_eq!(recent.entries.len(), 2);
        assert!(recent.key_written(b"untouched", 0));
        assert!(!recent.key_written(b"untouched", 1));
        assert!(recent.range_written(&KeyRange::new(*b"x", *b"z"), 0));
    }

    #[test]
    fn a_scan_goes_as_far_as_its_limit_of_keys_that_exist() {
        let recent = recent(&[(1, "a b c"), (2, "-b d")]);
        let seen = |text: &str, more| (text.to_owned(), more);
        assert_eq!(scan(&recent, "a", Direction::Forward, 2), seen("a=1 b=- c=1", true));
        assert_eq!(scan(&recent, "a", Direction::Backward, 2), seen("c=1 d=2", true));
        assert_eq!(scan(&recent, "b", Direction::Backward, 9), seen("b=- c=1 d=2", false));
    }
}
