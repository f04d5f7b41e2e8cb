//! What was committed lately, in memory: in front of sled, and the memory of who may have been overtaken.
//!
//! A commit is seen by being put here, before it is on disk; the journal and sled follow in their own time. So for every
//! key that sled may not have yet, the newest value is here, and for every key that was written since the oldest open
//! transaction began, the version that wrote it. An entry goes when both are past: sled has it, and no open transaction
//! began before it. A transaction that stays open for so long that too much would pile up is taken to conflict.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use ::sled::IVec;

use super::state::Writes;
use crate::store::journal::Tip;
use crate::store::key::{Direction, Key, KeyRange};

/// What a transaction has read, each of it once.
#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) keys: BTreeSet<Key>,
    pub(super) ranges: BTreeSet<KeyRange>,
}

impl Reads {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len() + self.ranges.len()
    }

    pub(super) fn remember(&mut self, key: &[u8]) {
        if !self.keys.contains(key) {
            self.keys.insert(key.to_vec());
        }
    }
}

/// The newest value of a key, `None` for a key that is gone, and the version that it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) version: u64,
    pub(super) value: Option<IVec>,
}

/// A record of the journal: what a group of transactions has written, and the newest version in it.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) version: u64,
    pub(super) tip: Tip,
    pub(super) writes: Arc<Writes>,
    /// Its size in memory, about.
    pub(super) bytes: usize,
}

/// What an entry takes in memory besides its key and value, about.
const ENTRY_BYTES: usize = 100;

/// From how many keys on it is enough to be forgotten at once.
const FORGOTTEN_KEYS: usize = 64;

/// What these writes take in memory, about.
pub(super) fn memory(writes: &Writes) -> usize {
    writes.iter().map(|(key, value)| ENTRY_BYTES + key.len() + value.as_ref().map_or(0, |value| value.len())).sum()
}

/// What groups have written together, the newest value of each key.
pub(super) fn merged(groups: &[Group]) -> Writes {
    let Some((first, later)) = groups.split_first() else { return Writes::new() };
    let mut writes = Writes::clone(&first.writes);
    for group in later {
        writes.extend(group.writes.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    writes
}

/// Entries of recent commits.
#[derive(Debug, Default)]
pub(super) struct Recent {
    entries: BTreeMap<IVec, Entry>,
    /// Groups that are in the journal, oldest first, until they are forgotten.
    groups: VecDeque<Group>,
    /// Size of all of `groups`.
    bytes: usize,
    /// How many groups at the end of `groups` sled does not have yet, and their size.
    pending: usize,
    pending_bytes: usize,
    /// Commits up to this version are no longer known.
    forgotten: u64,
}

impl Recent {
    /// Puts in what a transaction has written.
    pub(super) fn publish(&mut self, version: u64, writes: &Writes) {
        for (key, value) in writes {
            self.entries.insert(key.clone(), Entry { version, value: value.clone() });
        }
    }

    /// A group has come to the journal.
    pub(super) fn recorded(&mut self, group: Group) {
        self.bytes += group.bytes;
        self.pending += 1;
        self.pending_bytes += group.bytes;
        self.groups.push_back(group);
    }

    /// Takes back everything that has not come to the journal: every version after `recorded`. Whoever began before
    /// `now` may have seen some of it.
    pub(super) fn take_back(&mut self, recorded: u64, now: u64) {
        self.entries.retain(|_, entry| entry.version <= recorded);
        for group in &self.groups {
            for (key, value) in group.writes.iter() {
                let older = self.entries.get(key).is_none_or(|entry| entry.version <= group.version);
                if older {
                    self.entries.insert(key.clone(), Entry { version: group.version, value: value.clone() });
                }
            }
        }
        self.forgotten = now;
    }

    /// What sled has to be given next: the oldest group that it does not have, and as many more as write `keys_max`
    /// keys.
    pub(super) fn to_apply(&self, keys_max: usize) -> Vec<Group> {
        let mut keys = 0;
        let waiting = self.groups.range(self.groups.len() - self.pending..);
        let fits = |group: &&Group| {
            let is_first = keys == 0;
            keys += group.writes.len();
            is_first || keys <= keys_max
        };
        waiting.take_while(fits).cloned().collect()
    }

    /// Sled has every group up to `version`.
    pub(super) fn applied(&mut self, version: u64) {
        let done = self.groups.range(self.groups.len() - self.pending..);
        let done = done.take_while(|group| group.version <= version);
        let (groups, bytes) = done.fold((0, 0), |(groups, bytes), group| (groups + 1, bytes + group.bytes));
        self.pending -= groups;
        self.pending_bytes -= bytes;
    }

    /// How much waits for sled, in bytes.
    pub(super) fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Forgets what sled has and transactions that began at `oldest` or later have seen, and the oldest of what sled
    /// has and is over the limit: a little of it, as everybody waits meanwhile. Returns the groups that are forgotten, to
    /// be dropped when nobody waits; none when there is nothing more to forget.
    pub(super) fn forget_some(&mut self, oldest: u64, bytes_max: usize) -> Vec<Group> {
        let (mut forgotten, mut keys) = (Vec::new(), 0);
        while self.groups.len() > self.pending && keys < FORGOTTEN_KEYS {
            let over = self.bytes > bytes_max;
            let Some(group) = self.groups.pop_front_if(|group| group.version <= oldest || over) else { break };
            self.bytes -= group.bytes;
            self.forgotten = self.forgotten.max(group.version);
            for key in group.writes.keys() {
                if self.entries.get(key).is_some_and(|entry| entry.version <= group.version) {
                    self.entries.remove(key);
                }
            }
            keys += group.writes.len();
            forgotten.push(group);
        }
        forgotten
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

    /// Whether what was written after `since` may be unknown here.
    pub(super) fn has_forgotten(&self, since: u64) -> bool {
        since < self.forgotten
    }

    /// Whether `key` may have been written after `since`.
    pub(super) fn key_written(&self, key: &[u8], since: u64) -> bool {
        self.has_forgotten(since) || self.entries.get(key).is_some_and(|entry| entry.version > since)
    }

    /// Whether any key in `range` may have been written after `since`.
    pub(super) fn range_written(&self, range: &KeyRange, since: u64) -> bool {
        self.has_forgotten(since) || in_range(&self.entries, range).any(|(_, entry)| entry.version > since)
    }

    /// Whether anything that was read may have been written after `since`.
    pub(super) fn overtook(&self, reads: &Reads, since: u64) -> bool {
        reads.keys.iter().any(|key| self.key_written(key, since))
            || reads.ranges.iter().any(|range| self.range_written(range, since))
    }

    /// The first key that was read and written after `since`, where it is known.
    pub(super) fn overtaken_key(&self, reads: &Reads, since: u64) -> Option<Key> {
        reads
            .keys
            .iter()
            .find(|key| self.entries.get(key.as_slice()).is_some_and(|entry| entry.version > since))
            .cloned()
    }

    /// The newest version of anything that was read until `until`. What was written again since then may have been read as
    /// of `until` at the latest.
    pub(super) fn newest_of(&self, reads: &Reads, until: u64) -> u64 {
        let keys = reads.keys.iter().filter_map(|key| self.entries.get(key.as_slice()));
        let ranges = reads.ranges.iter().flat_map(|range| in_range(&self.entries, range).map(|(_, entry)| entry));
        keys.chain(ranges).map(|entry| entry.version.min(until)).max().unwrap_or(0)
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

    /// Commits of `key` or, for a key that goes, `-key`; the value of a key is the version.
    fn writes(version: u64, keys: &str) -> Writes {
        let write = |key: &str| match key.strip_prefix('-') {
            Some(key) => (key.into(), None),
            None => (key.into(), Some(version.to_string().as_str().into())),
        };
        keys.split(' ').map(write).collect()
    }

    fn commit(recent: &mut Recent, version: u64, keys: &str) {
        let writes = writes(version, keys);
        recent.publish(version, &writes);
        let bytes = memory(&writes);
        recent.recorded(Group {
            version,
            tip: Tip { number: version, hash: [0; 32] },
            writes: Arc::new(writes),
            bytes,
        });
    }

    fn recent(history: &[(u64, &str)]) -> Recent {
        let mut recent = Recent::default();
        for (version, keys) in history {
            commit(&mut recent, *version, keys);
        }
        recent
    }

    fn forget(recent: &mut Recent, oldest: u64, bytes_max: usize) {
        while !recent.forget_some(oldest, bytes_max).is_empty() {}
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
        let keys = BTreeSet::from([b"a".to_vec(), b"b".to_vec()]);
        let reads = Reads { keys, ranges: BTreeSet::from([KeyRange::new(*b"c", *b"e")]) };
        assert_eq!(recent.overtaken_key(&reads, 1), Some(b"b".to_vec()));
        assert_eq!((recent.newest_of(&reads, 2), recent.newest_of(&reads, 1)), (2, 1));
    }

    #[test]
    fn sled_gets_the_newest_value_of_each_key_once_and_nothing_that_is_not_in_the_journal() {
        let mut recent = recent(&[(1, "a b"), (2, "b -d")]);
        recent.publish(3, &writes(3, "a"));
        let given = |recent: &Recent, keys_max| {
            let groups = recent.to_apply(keys_max);
            (groups.last().map(|group| group.version), show(merged(&groups)))
        };
        assert_eq!(given(&recent, 9), (Some(2), "a=1 b=2 d=-".to_owned()));
        assert_eq!(given(&recent, 3).0, Some(1), "as much as was asked for");
        recent.applied(2);
        assert_eq!(given(&recent, 9), (None, String::new()));
        commit(&mut recent, 4, "a");
        assert_eq!(given(&recent, 0), (Some(4), "a=4".to_owned()));
        recent.applied(4);
        assert_eq!(recent.pending_bytes(), 0);
        assert!(recent.bytes > 0, "nothing is forgotten yet");
    }

    #[test]
    fn what_did_not_come_to_the_journal_is_taken_back() {
        let mut recent = recent(&[(1, "a b"), (2, "b")]);
        recent.publish(3, &writes(3, "b c"));
        recent.publish(4, &writes(4, "-a"));
        recent.take_back(2, 5);
        assert_eq!(scan(&recent, "a", Direction::Forward, 9), ("a=1 b=2".to_owned(), false));
        assert!(recent.key_written(b"untouched", 4), "whoever was under way may have seen it");
        assert!(!recent.key_written(b"b", 5));
    }

    #[test]
    fn an_entry_goes_when_sled_has_it_and_everybody_began_after_it() {
        let mut recent = recent(&[(1, "a b"), (2, "b"), (3, "c")]);
        forget(&mut recent, 3, 0);
        assert_eq!(recent.entries.len(), 3, "sled has nothing yet");
        recent.applied(2);
        forget(&mut recent, 0, usize::MAX);
        assert_eq!(recent.entries.len(), 3, "somebody began before");
        forget(&mut recent, 3, usize::MAX);
        assert!(recent.entries.keys().eq([&IVec::from("c")]));
        assert!(!recent.key_written(b"b", 2));
    }

    #[test]
    fn little_is_forgotten_at_once() {
        let mut recent = Recent::default();
        for version in 1..=FORGOTTEN_KEYS as u64 {
            commit(&mut recent, version, "a b c d");
        }
        recent.applied(u64::MAX);
        let mut left = FORGOTTEN_KEYS;
        while left > 0 {
            assert_eq!(recent.forget_some(u64::MAX, usize::MAX).len(), FORGOTTEN_KEYS / 4);
            left -= FORGOTTEN_KEYS / 4;
            assert_eq!(recent.len(), if left == 0 { 0 } else { 4 });
        }
        assert!(recent.forget_some(u64::MAX, usize::MAX).is_empty());
    }

    #[test]
    fn a_transaction_older_than_what_is_kept_conflicts() {
        let mut recent = recent(&[(1, "a"), (2, "b"), (3, "c")]);
        recent.applied(3);
        forget(&mut recent, 0, 2 * (ENTRY_BYTES + 2));
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
