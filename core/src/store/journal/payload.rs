//! What a record says: the keys that a group of transactions has written, with the values that resulted.
//!
//! Results, not operations: applying a record again, or after later ones were applied in part, leads to the same end.
//! A version byte, when it was written (milliseconds since 1970, not in version 1), the number of transactions, the
//! number of keys; then for each key, in order: how many bytes it
//! shares with the key before, the length of the rest, the rest, and the value's length plus one with the value, or 0
//! for a key that is gone. Numbers are LEB128.

use jiff::Timestamp;

/// Version of the layout above.
const VERSION: u8 = 2;
/// The version without a date.
const UNDATED: u8 = 1;

/// Adds a payload to `buffer`. The writes come in the order of their keys.
pub(in crate::store) fn encode_payload<'a>(
    buffer: &mut Vec<u8>,
    dated_at: Timestamp,
    transactions: u32,
    writes: impl ExactSizeIterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) {
    buffer.push(VERSION);
    put_number(buffer, usize::try_from(dated_at.as_millisecond()).unwrap_or(0));
    put_number(buffer, usize::try_from(transactions).unwrap_or(usize::MAX));
    put_number(buffer, writes.len());
    let mut before: &[u8] = &[];
    for (key, value) in writes {
        let shared = before.iter().zip(key).take_while(|(a, b)| a == b).count();
        put_number(buffer, shared);
        put_number(buffer, key.len() - shared);
        buffer.extend_from_slice(&key[shared..]);
        match value {
            Some(value) => {
                put_number(buffer, value.len() + 1);
                buffer.extend_from_slice(value);
            }
            None => put_number(buffer, 0),
        }
        before = key;
    }
}

/// A payload that is being read, from front to back.
pub(in crate::store) struct Payload<'a> {
    bytes: &'a [u8],
    key: Vec<u8>,
    writes_left: usize,
    /// When it was written.
    pub(in crate::store) dated_at: Option<Timestamp>,
    /// How many transactions the record holds.
    pub(in crate::store) transactions: u32,
}

/// A key and its value, `None` if the key is gone.
pub(in crate::store) type Write<'k, 'v> = (&'k [u8], Option<&'v [u8]>);

/// The bytes are no payload. As the record's checksum was right, this is a bug or a newer format.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) struct Unreadable;

impl<'a> Payload<'a> {
    pub(in crate::store) fn new(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let (&version, bytes) = bytes.split_first().ok_or(Unreadable)?;
        let mut payload = Self { bytes, key: Vec::new(), writes_left: 0, dated_at: None, transactions: 0 };
        if version == VERSION {
            let millis = i64::try_from(payload.number()?).map_err(|_| Unreadable)?;
            payload.dated_at = Some(Timestamp::from_millisecond(millis).map_err(|_| Unreadable)?);
        } else if version != UNDATED {
            return Err(Unreadable);
        }
        payload.transactions = u32::try_from(payload.number()?).map_err(|_| Unreadable)?;
        payload.writes_left = payload.number()?;
        Ok(payload)
    }

    /// The next key with its value, or `None` after the last one.
    pub(in crate::store) fn next(&mut self) -> Result<Option<Write<'_, 'a>>, Unreadable> {
        if self.writes_left == 0 {
            return if self.bytes.is_empty() { Ok(None) } else { Err(Unreadable) };
        }
        self.writes_left -= 1;
        let shared = self.number()?;
        let rest = self.number()?;
        if shared > self.key.len() {
            return Err(Unreadable);
        }
        self.key.truncate(shared);
        let rest = self.bytes(rest)?;
        self.key.extend_from_slice(rest);
        let value = match self.number()?.checked_sub(1) {
            Some(length) => Some(self.bytes(length)?),
            None => None,
        };
        Ok(Some((&self.key, value)))
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(Unreadable)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<usize, Unreadable> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.bytes(1)?[0];
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Unreadable)
    }
}

fn put_number(buffer: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        buffer.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    buffer.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    type Read = (Option<Timestamp>, u32, Vec<(Vec<u8>, Option<Vec<u8>>)>);

    fn read(bytes: &[u8]) -> Result<Read, Unreadable> {
        let mut payload = Payload::new(bytes)?;
        let mut writes = Vec::new();
        while let Some((key, value)) = payload.next()? {
            writes.push((key.to_vec(), value.map(<[u8]>::to_vec)));
        }
        Ok((payload.dated_at, payload.transactions, writes))
    }

    proptest! {
        #[test]
        fn a_payload_comes_back_as_it_was(
            millis in 0_i64..4_000_000_000_000,
            transactions in 0_u32..100_000,
            writes in btree_map(vec(any::<u8>(), 0..6), proptest::option::of(vec(any::<u8>(), 0..300)), 0..20),
        ) {
            let (mut bytes, at) = (Vec::new(), Timestamp::from_millisecond(millis).expect("in range"));
            encode_payload(&mut bytes, at, transactions, writes.iter().map(|(k, v)| (k.as_slice(), v.as_deref())));
            let writes: Vec<_> = writes.into_iter().collect();
            prop_assert_eq!(read(&bytes), Ok((Some(at), transactions, writes)));
            for length in 0..bytes.len() {
                prop_assert_eq!(read(&bytes[..length]), Err(Unreadable));
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..100)) {
            let _ = read(&bytes);
        }
    }
}
