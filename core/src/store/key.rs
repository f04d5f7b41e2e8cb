//! Keys, ranges of keys, and where logs lie.
//!
//! Keys are byte strings in lexicographic order. The first byte `0x00` belongs to engines, `0xff` to the contract
//! (heads of logs); everything else belongs to the rest of the host.

use sha2::{Digest as _, Sha256};

use super::error::StoreError;

/// An ordered key. Not empty, at most [`KEY_BYTES_MAX`] long, first byte in `0x01..=0xfe`.
pub type Key = Vec<u8>;
/// A stored value, at most [`VALUE_BYTES_MAX`] long.
pub type Value = Vec<u8>;

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 1024;
/// The longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;
/// The most that one transaction may write, keys and values together, in bytes.
pub const TRANSACTION_BYTES_MAX: usize = 16 * 1024 * 1024;

/// First byte of the keys that hold the heads of logs.
const HEADS: u8 = 0xff;

/// Keys from `start` (inclusive) to `end` (exclusive). Empty when `end` is not after `start`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyRange {
    /// The first key that can be in the range.
    pub start: Key,
    /// The first key after the range.
    pub end: Key,
}

impl KeyRange {
    /// Keys from `start` (inclusive) to `end` (exclusive).
    pub fn new(start: impl Into<Key>, end: impl Into<Key>) -> Self {
        Self { start: start.into(), end: end.into() }
    }

    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        let kept = prefix.iter().rposition(|&byte| byte != u8::MAX);
        let end = match kept {
            Some(last) => {
                let mut end = prefix[..=last].to_vec();
                end[last] += 1;
                end
            }
            // Nothing sorts after a run of 0xff but a longer run.
            None => vec![u8::MAX; KEY_BYTES_MAX + 1],
        };
        Self { start: prefix.to_vec(), end }
    }

    /// The part of this range that lies after `key`: what remains of a forward scan that ended with `key`.
    #[must_use]
    pub fn after(&self, key: &[u8]) -> Self {
        let mut start = key.to_vec();
        start.push(0);
        Self { start: start.max(self.start.clone()), end: self.end.clone() }
    }

    /// The part of this range that lies before `key`: what remains of a backward scan that ended with `key`.
    #[must_use]
    pub fn before(&self, key: &[u8]) -> Self {
        let end = if key < self.end.as_slice() { key.to_vec() } else { self.end.clone() };
        Self { start: self.start.clone(), end }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_slice() <= key && key < self.end.as_slice()
    }

    /// Whether no key can lie in the range.
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// The part that a scan has seen when it asked for `limit` entries and got `found`: all of it if they were fewer,
    /// else up to the last one.
    pub(super) fn covered(
        &self,
        direction: Direction,
        limit: usize,
        found: usize,
        last: Option<&[u8]>,
    ) -> Option<KeyRange> {
        if self.is_empty() || limit == 0 {
            return None;
        }
        let Some(last) = last.filter(|_| found >= limit) else { return Some(self.clone()) };
        Some(match direction {
            Direction::Forward => self.up_to(last),
            Direction::Backward => self.down_to(last),
        })
    }

    /// The part of this range up to `last`, which lies in it, inclusive.
    pub(super) fn up_to(&self, last: &[u8]) -> Self {
        let mut end = last.to_vec();
        end.push(0);
        Self { start: self.start.clone(), end }
    }

    /// The part of this range from its end down to `last`, which lies in it, inclusive.
    pub(super) fn down_to(&self, last: &[u8]) -> Self {
        Self { start: last.to_vec(), end: self.end.clone() }
    }
}

/// In which order a scan goes through its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the first key to the last.
    Forward,
    /// From the last key to the first.
    Backward,
}

/// The key of the entry of `log` with this sequence number.
pub fn log_entry_key(log: &[u8], sequence: u64) -> Key {
    let mut key = Vec::with_capacity(log.len() + 8);
    key.extend_from_slice(log);
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

/// The number of the entry of `log` at this key; `None` when the key is not of the form of one.
pub(crate) fn log_entry_number(log: &[u8], key: &[u8]) -> Option<u64> {
    key.strip_prefix(log)?.try_into().ok().map(u64::from_be_bytes)
}

/// The end of a log: its newest entry, and a hash that all its entries went into, one after the other. Whoever changes,
/// removes or inserts an entry afterwards has to change every later hash too, and the head's is in every snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogHead {
    /// The number of the newest entry, 0 for a log without entries.
    pub sequence: u64,
    /// SHA-256 of the hash before, the entry's number (big-endian) and the entry; zeros for a log without entries.
    pub hash: [u8; 32],
}

impl LogHead {
    /// The head after one more entry.
    #[must_use]
    pub fn followed_by(self, entry: &[u8]) -> Self {
        let sequence = self.sequence + 1;
        let hash = Sha256::new().chain_update(self.hash).chain_update(sequence.to_be_bytes()).chain_update(entry);
        Self { sequence, hash: hash.finalize().into() }
    }

    /// The bytes under a head key: the number, big-endian, and the hash.
    pub(super) fn encode(self) -> Value {
        [self.sequence.to_be_bytes().as_slice(), self.hash.as_slice()].concat()
    }

    /// Reads what lies under a head key.
    pub(super) fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Self, StoreError> {
        let Some(bytes) = value else { return Ok(Self::default()) };
        let (sequence, hash) = bytes
            .split_first_chunk()
            .and_then(|(sequence, hash)| Some((u64::from_be_bytes(*sequence), hash.try_into().ok()?)))
            .ok_or_else(|| StoreError::corrupt("head of a log", key))?;
        Ok(Self { sequence, hash })
    }
}

/// The key under which the head of `log` is kept.
pub(super) fn log_head_key(log: &[u8]) -> Key {
    let mut key = Vec::with_capacity(log.len() + 1);
    key.push(HEADS);
    key.extend_from_slice(log);
    key
}

/// Reads a counter: 0 when nothing was ever added.
pub(crate) fn decode_counter(key: &[u8], value: Option<&[u8]>) -> Result<i64, StoreError> {
    value.map_or(Ok(0), |bytes| {
        bytes.try_into().map(i64::from_le_bytes).map_err(|_| StoreError::corrupt("counter", key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_prefix() {
        assert_eq!(KeyRange::prefix(b"ab"), KeyRange::new(*b"ab", *b"ac"));
        assert_eq!(KeyRange::prefix(&[7, 0xff, 0xff]), KeyRange::new([7, 0xff, 0xff], [8]));
        assert!(KeyRange::prefix(&[0xff]).contains(&[0xff; KEY_BYTES_MAX]));
        assert!(KeyRange::prefix(b"").contains(&[0xff; KEY_BYTES_MAX]));
    }

    #[test]
    fn a_scan_covers_only_what_it_saw() {
        let range = KeyRange::new(*b"a", *b"z");
        let covered = |direction, limit, found, last| range.covered(direction, limit, found, last);
        assert_eq!(covered(Direction::Forward, 2, 1, Some(b"c")), Some(range.clone()));
        assert_eq!(covered(Direction::Forward, 2, 2, Some(b"c")), Some(KeyRange::new(*b"a", *b"c\0")));
        assert_eq!(covered(Direction::Backward, 2, 2, Some(b"c")), Some(KeyRange::new(*b"c", *b"z")));
        assert_eq!(covered(Direction::Forward, 0, 0, None), None);
    }
}
