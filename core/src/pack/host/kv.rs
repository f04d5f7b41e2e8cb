//! `kv`: the pack's own storage.

use super::{Answer, Call, Desk, No, function, invalid};
use crate::pack::bindings::punchcard::pack::kv;
use crate::store::{Direction, KeyRange, layout};

/// Entries that one `scan` or `get-many` may ask for.
const SCAN_MAX: u32 = 1000;
const GET_MANY_MAX: usize = 100;
const KEY_MAX_BYTES: usize = 256;
/// Where a scan begins and ends may be a byte longer: what follows the longest key is that key with a zero byte.
const BOUND_MAX_BYTES: usize = KEY_MAX_BYTES + 1;
const VALUE_MAX_BYTES: usize = 32 << 10;

impl Desk {
    /// Keeps what an entry is now, unless an earlier state of it is kept already, so that it can be had back.
    fn remember(&mut self, key: &str, entry: &[u8]) -> Result<(), No> {
        let Some(number) = self.undo else { return Ok(()) };
        let undo = layout::pack_undo(self.merchant, &self.pack, number, key.as_bytes());
        if self.tx.get(&undo)?.is_none() {
            let before = self.tx.get(entry)?;
            // The first byte tells that there was one.
            let kept = before.map_or_else(Vec::new, |value| [&[1], value.as_slice()].concat());
            self.tx.put(&undo, kept)?;
        }
        Ok(())
    }

    fn entry_key(&self, key: &str) -> Result<Vec<u8>, No> {
        if key.is_empty() || key.len() > KEY_MAX_BYTES {
            return Err(invalid(&format!("a key has 1 to {KEY_MAX_BYTES} bytes, but this one has {}", key.len())));
        }
        Ok(layout::pack_entry(self.merchant, &self.pack, key.as_bytes()))
    }
}

impl kv::Host for Call {
    fn get(&mut self, key: String) -> Answer<Option<Vec<u8>>> {
        self.serve(&function::KV_GET, (key,), |desk, (key,)| {
            let key = desk.entry_key(&key)?;
            Ok(desk.tx.get(&key)?)
        })
    }

    fn get_many(&mut self, keys: Vec<String>) -> Answer<Vec<Option<Vec<u8>>>> {
        self.serve(&function::KV_GET_MANY, (keys,), |desk, (keys,)| {
            if keys.len() > GET_MANY_MAX {
                return Err(invalid(&format!("get-many takes at most {GET_MANY_MAX} keys, not {}", keys.len())));
            }
            keys.iter()
                .map(|key| {
                    let key = desk.entry_key(key)?;
                    Ok(desk.tx.get(&key)?)
                })
                .collect()
        })
    }

    fn put(&mut self, key: String, value: Vec<u8>) -> Answer<()> {
        self.serve(&function::KV_PUT, (key, value), |desk, (key, value)| {
            let entry = desk.entry_key(&key)?;
            if value.len() > VALUE_MAX_BYTES {
                let bytes = value.len();
                return Err(invalid(&format!("a value has at most {VALUE_MAX_BYTES} bytes, but this one has {bytes}")));
            }
            desk.moves(entry.len() + value.len())?;
            desk.remember(&key, &entry)?;
            Ok(desk.tx.put(&entry, value)?)
        })
    }

    fn delete(&mut self, key: String) -> Answer<()> {
        self.serve(&function::KV_DELETE, (key,), |desk, (key,)| {
            let entry = desk.entry_key(&key)?;
            desk.remember(&key, &entry)?;
            desk.tx.delete(&entry);
            Ok(())
        })
    }

    fn scan(&mut self, start: String, end: String, limit: u32) -> Answer<Vec<kv::Entry>> {
        self.serve(&function::KV_SCAN, (start, end, limit), |desk, (start, end, limit)| {
            let longest = start.len().max(end.len());
            if longest > BOUND_MAX_BYTES || limit > SCAN_MAX {
                return Err(invalid(&format!(
                    "scan takes a start and an end of at most {BOUND_MAX_BYTES} bytes and a limit of at most {SCAN_MAX}, \
                     but these have {longest} bytes and {limit}"
                )));
            }
            let name = |key: &str| layout::pack_entry(desk.merchant, &desk.pack, key.as_bytes());
            let range = KeyRange::new(name(&start), name(&end));
            let own = layout::pack_entry_prefix_len(&desk.pack);
            let found = desk.tx.scan(&range, Direction::Forward, usize::try_from(limit).unwrap_or(0))?;
            Ok(found
                .into_iter()
                .map(|(key, value)| kv::Entry { key: String::from_utf8_lossy(&key[own..]).into_owned(), value })
                .collect())
        })
    }
}
