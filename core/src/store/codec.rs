//! Typed records: how a value's bytes are made.
//!
//! A record is stored as one byte of schema version followed by [postcard](https://postcard.jamesmunns.com). Fields
//! carry no names, so any change of a record's shape needs the next version, and [`Record::from_older`] for the ones
//! that are on disk already.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::StoreError;
use super::key::{Direction, Key, KeyRange, Value};
use super::tx::Tx;

/// A type that is stored as a value.
pub trait Record: Serialize + DeserializeOwned {
    /// The version of the shape that is written.
    const VERSION: u8;
    /// What it is called in error messages.
    const NAME: &'static str;

    /// Reads a shape that an earlier version of the host has written; `body` is what follows the version byte. `None`
    /// says that this version is unknown or the bytes do not fit.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        let _ = (version, body);
        None
    }
}

/// The bytes of a record.
///
/// # Panics
/// When the type cannot be serialized by postcard (a map or sequence of unknown length): a bug in the type.
pub fn encode<T: Record>(record: &T) -> Value {
    match postcard::to_extend(record, vec![T::VERSION]) {
        Ok(bytes) => bytes,
        Err(error) => panic!("{} cannot be stored: {error}", T::NAME),
    }
}

/// The record in these bytes; `key` is for the error's text.
///
/// # Errors
/// [`StoreError::Corrupt`] when the version is unknown or the bytes are not exactly one record.
pub fn decode<T: Record>(key: &[u8], bytes: &[u8]) -> Result<T, StoreError> {
    let corrupt = |what: String| StoreError::corrupt(what, key);
    let Some((&version, body)) = bytes.split_first() else {
        return Err(corrupt(format!("{} (empty)", T::NAME)));
    };
    if version == T::VERSION {
        match postcard::take_from_bytes(body) {
            Ok((record, [])) => Ok(record),
            Ok((_, rest)) => Err(corrupt(format!("{} ({} bytes left over)", T::NAME, rest.len()))),
            Err(error) => Err(corrupt(format!("{} ({error})", T::NAME))),
        }
    } else {
        T::from_older(version, body)
            .ok_or_else(|| corrupt(format!("{} (version {version}, known is {})", T::NAME, T::VERSION)))
    }
}

/// The record in these bytes, if `key` is the one that the record itself says it lies at.
///
/// # Errors
/// As [`decode`], and [`StoreError::Corrupt`] when its own key is another.
pub(crate) fn decode_own<T: Record>(
    key: &[u8],
    bytes: &[u8],
    own_key: impl FnOnce(&T) -> Key,
) -> Result<T, StoreError> {
    let record = decode::<T>(key, bytes)?;
    if own_key(&record) == key {
        Ok(record)
    } else {
        Err(StoreError::corrupt(format!("{} (this key is not its own)", T::NAME), key))
    }
}

/// What these bytes hold, if they are exactly one of it: for [`Record::from_older`].
pub(crate) fn whole<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    postcard::take_from_bytes(body).ok().filter(|(_, rest)| rest.is_empty()).map(|(record, _)| record)
}

impl Tx {
    /// The record at `key`.
    ///
    /// # Errors
    /// As [`Tx::get`], and [`StoreError::Corrupt`] when it cannot be decoded.
    pub fn load<T: Record>(&mut self, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.get(key)?.map(|bytes| decode(key, &bytes)).transpose()
    }

    /// Puts a record at `key`.
    ///
    /// # Errors
    /// As [`Tx::put`].
    pub fn save<T: Record>(&mut self, key: &[u8], record: &T) -> Result<(), StoreError> {
        self.put(key, encode(record))
    }

    /// Up to `limit` records of a range, in the given order.
    ///
    /// # Errors
    /// As [`Tx::scan`], and [`StoreError::Corrupt`] when one cannot be decoded.
    pub fn load_scan<T: Record>(
        &mut self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Key, T)>, StoreError> {
        self.scan(range, direction, limit)?
            .into_iter()
            .map(|(key, bytes)| decode(&key, &bytes).map(|record| (key, record)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Badge {
        owner: u32,
        label: String,
    }

    impl Record for Badge {
        const VERSION: u8 = 2;
        const NAME: &'static str = "badge";

        fn from_older(version: u8, body: &[u8]) -> Option<Self> {
            let owner = (version == 1).then(|| postcard::from_bytes(body).ok())??;
            Some(Self { owner, label: String::new() })
        }
    }

    fn badge() -> Badge {
        Badge { owner: 300, label: "gold".into() }
    }

    fn refusal(bytes: &[u8]) -> String {
        decode::<Badge>(&[1, 0xab], bytes).expect_err("refused").to_string()
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        assert_eq!(encode(&badge())[0], 2);
        assert_eq!(decode::<Badge>(b"k", &encode(&badge())).expect("decodes"), badge());
    }

    #[test]
    fn an_older_shape_is_read_by_its_own_rule() {
        assert_eq!(decode::<Badge>(b"k", &[1, 7]).expect("decodes"), Badge { owner: 7, label: String::new() });
    }

    #[test]
    fn what_is_not_exactly_one_record_is_refused() {
        let mut longer = encode(&badge());
        longer.push(0);
        assert_eq!(refusal(&longer), "stored badge (1 bytes left over) at key 01ab cannot be read");
        assert_eq!(refusal(&[]), "stored badge (empty) at key 01ab cannot be read");
        assert_eq!(refusal(&[9, 1]), "stored badge (version 9, known is 2) at key 01ab cannot be read");
        assert!(refusal(&[2, 1]).starts_with("stored badge ("));
    }

    #[test]
    fn a_record_at_a_key_that_is_not_its_own_is_refused() {
        let own_key = |badge: &Badge| badge.label.clone().into_bytes();
        assert_eq!(decode_own(b"gold", &encode(&badge()), own_key).expect("decodes"), badge());
        let refused = decode_own(&[1, 0xab], &encode(&badge()), own_key).expect_err("refused").to_string();
        assert_eq!(refused, "stored badge (this key is not its own) at key 01ab cannot be read");
    }
}
