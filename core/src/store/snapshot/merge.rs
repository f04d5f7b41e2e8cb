//! Several runs of keys, each in order, as one: for a key that is in more than one, the newest run counts.

use std::collections::{BTreeMap, btree_map};

use super::file::SnapshotReader;
use crate::store::error::StoreError;
use crate::store::key::{Key, Value};

/// Keys with their values, in order; `None` for a key that is gone.
pub(super) type Run = BTreeMap<Key, Option<Value>>;

/// Where a run comes from.
pub(super) enum Source {
    File(Box<SnapshotReader>),
    Memory(btree_map::IntoIter<Key, Option<Value>>),
}

type Entry = (Key, Option<Value>);

impl Source {
    fn next(&mut self) -> Result<Option<Entry>, StoreError> {
        match self {
            Self::File(reader) => reader.next(),
            Self::Memory(entries) => Ok(entries.next()),
        }
    }
}

/// The runs, oldest first, each with its next entry.
pub(super) struct Merge {
    sources: Vec<(Source, Option<Entry>)>,
}

impl Merge {
    pub(super) fn new(sources: Vec<Source>) -> Result<Self, StoreError> {
        let begun = sources.into_iter().map(|mut source| {
            let first = source.next()?;
            Ok((source, first))
        });
        Ok(Self { sources: begun.collect::<Result<_, StoreError>>()? })
    }

    /// The next key that exists.
    pub(super) fn next(&mut self) -> Result<Option<(Key, Value)>, StoreError> {
        loop {
            let first = self.sources.iter().filter_map(|(_, entry)| entry.as_ref()).map(|(key, _)| key).min();
            let Some(key) = first.cloned() else { return Ok(None) };
            let mut newest = None;
            for (source, entry) in &mut self.sources {
                if let Some((_, value)) = entry.take_if(|(own, _)| *own == key) {
                    newest = value;
                    *entry = source.next()?;
                }
            }
            if let Some(value) = newest {
                return Ok(Some((key, value)));
            }
        }
    }
}
