//! `kv`: the pack's own storage.

use super::{Answer, Call, Desk, No, function, invalid, limit};
use crate::pack::bindings::punchcard::pack::kv;
use crate::pack::storage::{growth, stored_bytes};
use crate::store::{Direction, KeyRange, layout};

/// Entries that one `scan` or `get-many` may ask for.
const SCAN_MAX: u32 = 1000;
const GET_MANY_MAX: usize = 100;
const KEY_MAX_BYTES: usize = 256;
/// Where a scan begins and ends may be a byte longer: what follows the longest key is that key with a zero byte.
const BOUND_MAX_BYTES: usize = KEY_MAX_BYTES + 1;
const VALUE_MAX_BYTES: usize = 32 << 10;

impl Desk {
    /// Puts an entry there, or takes away what is there.
    fn change(&mut self, key: &str, after: Option<Vec<u8>>) -> Result<(), No> {
        let entry = self.entry_key(key)?;
        let before = self.tx.get(&entry)?;
        if before.is_none() && after.is_none() {
            return Ok(());
        }
        let grown = growth(key.as_bytes(), before.as_deref(), after.as_deref());
        if grown > 0 {
            self.has_room()?;
        }
        self.remember(key, before.as_deref(), after.is_some())?;
        match after {
            Some(value) => self.tx.put(&entry, value)?,
            None => self.tx.delete(&entry),
        }
        self.stored += grown;
        Ok(())
    }

    /// Refuses to let a storage grow that is full. The entry that fills it is taken whole, and calls that are under way
    /// at the same time do not see what the others write.
    fn has_room(&mut self) -> Result<(), No> {
        let (stored, most) = (stored_bytes(&mut self.tx, self.merchant, &self.pack)?, self.stored_max);
        let stored = stored.saturating_add_signed(self.stored);
        if stored < most {
            return Ok(());
        }
        Err(limit(&format!("a pack stores at most {most} bytes at a merchant, and there are {stored}")))
    }

    /// Keeps what an entry was, unless an earlier state of it is kept already, so that it can be had back. Of one that
    /// was not there at first and goes again nothing stays, so that what is kept is no more than what was there and
    /// what is.
    fn remember(&mut self, key: &str, before: Option<&[u8]>, stays: bool) -> Result<(), No> {
        let Some(number) = self.undo else { return Ok(()) };
        let undo = layout::pack_undo(self.merchant, &self.pack, number, key.as_bytes());
        match self.tx.get(&undo)? {
            // The first byte tells that there was one.
            None => self.tx.put(&undo, before.map_or_else(Vec::new, |value| [&[1], value].concat()))?,
            Some(first) if first.is_empty() && !stays => self.tx.delete(&undo),
            Some(_) => {}
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
            let entry_bytes = desk.entry_key(&key)?.len() + value.len();
            if value.len() > VALUE_MAX_BYTES {
                let bytes = value.len();
                return Err(invalid(&format!("a value has at most {VALUE_MAX_BYTES} bytes, but this one has {bytes}")));
            }
            desk.moves(entry_bytes)?;
            desk.change(&key, Some(value))
        })
    }

    fn delete(&mut self, key: String) -> Answer<()> {
        self.serve(&function::KV_DELETE, (key,), |desk, (key,)| desk.change(&key, None))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::clock::{Clock, Entropy};
    use crate::domain::{Code, Currency, IdSource, MerchantId, Source};
    use crate::pack::bindings::punchcard::pack::types::HostError;
    use crate::pack::{Limits, Packs, storage};
    use crate::store::{Store, StoreError, Tx};
    use crate::usecase::Host;
    use crate::vault::Vault;

    const MERCHANT: MerchantId = MerchantId::from_bytes([1; 16]);

    fn open() -> Host {
        let clock = Clock::standing_at(Timestamp::UNIX_EPOCH);
        Host::new(Store::in_memory(), Packs::new().unwrap(), clock, Entropy::seeded(1), Vault::seeded(1))
    }

    fn pack() -> Code {
        Code::new("keeps").unwrap()
    }

    fn stored(host: &Host) -> u64 {
        host.look(|tx| stored_bytes(tx, MERCHANT, &pack())).unwrap()
    }

    /// A call of a pack that may have stored so many bytes, and what its last change is answered. Of each key it puts a
    /// value of so many bytes there, or takes away what is there.
    fn changes(host: &Host, stored_max: u64, changes: &[(&str, Option<usize>)]) -> Result<(), String> {
        let called = host.store.write(|tx| {
            let (answer, stored) = tx.lend(|tx| {
                let desk = Desk {
                    tx,
                    ids: IdSource::new(Timestamp::UNIX_EPOCH, 1),
                    merchant: MERCHANT,
                    pack: pack(),
                    by: Source::Operator,
                    own_units: Arc::default(),
                    grants: Arc::default(),
                    now: Timestamp::UNIX_EPOCH,
                    zone: TimeZone::UTC,
                    store: None,
                    emits: Arc::default(),
                    depth: 0,
                    told: 0,
                    rings: false,
                    in_timer: false,
                    timers_set: 0,
                    moved: 0,
                    written_max: usize::MAX,
                    reads_max: usize::MAX,
                    currency: Currency::new("CNY").unwrap(),
                    services: Arc::clone(&host.services),
                    messages: 0,
                    is_asked: false,
                    asks: 0,
                    of_partners: 0,
                    undo: Some(1),
                    stored: 0,
                    stored_max,
                };
                let mut call = Call::new(&Limits { wall_max_ms: 60_000, ..Limits::DEFAULT }, Some(desk), "{}".into());
                let mut answer = Ok(());
                for (key, value) in changes {
                    answer = match value {
                        Some(bytes) => kv::Host::put(&mut call, (*key).to_owned(), vec![7; *bytes]).unwrap(),
                        None => kv::Host::delete(&mut call, (*key).to_owned()).unwrap(),
                    };
                }
                let desk = call.desk.take().unwrap();
                (desk.tx, (answer, desk.stored))
            });
            storage::count(tx, MERCHANT, &pack(), stored)?;
            Ok::<_, StoreError>(answer)
        });
        called.unwrap().map_err(|error| match error {
            HostError::Limit(text) => text,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn what_is_stored_is_counted_with_each_entry() {
        let host = open();
        let after = |change: &[(&str, Option<usize>)]| {
            changes(&host, u64::MAX, change).unwrap();
            stored(&host)
        };
        assert_eq!(after(&[("a", Some(9)), ("longer", Some(4))]), 20);
        assert_eq!(after(&[("a", Some(12))]), 23, "a larger value");
        assert_eq!(after(&[("a", Some(1))]), 12, "a smaller one");
        assert_eq!(after(&[("a", Some(5)), ("a", None), ("a", Some(3)), ("b", Some(0)), ("b", None)]), 14);
        assert_eq!(after(&[("longer", None), ("nothing", None)]), 4);
        assert_eq!(after(&[("a", None), ("a", None)]), 0);
    }

    #[test]
    fn a_storage_that_is_full_becomes_no_larger() {
        let host = open();
        let change = |key, value| changes(&host, 100, &[(key, value)]);
        change("a", Some(98)).unwrap();
        change("b", Some(199)).unwrap();
        let full = Err("a pack stores at most 100 bytes at a merchant, and there are 299".to_owned());
        assert_eq!((change("c", Some(0)), change("a", Some(99)), stored(&host)), (full.clone(), full, 299));
        change("a", Some(98)).unwrap();
        change("b", Some(100)).unwrap();
        assert!(change("c", Some(0)).is_err(), "it is smaller, and still full");
        change("b", None).unwrap();
        let full = Err("a pack stores at most 100 bytes at a merchant, and there are 109".to_owned());
        assert_eq!(changes(&host, 100, &[("c", Some(9)), ("d", Some(0))]), full, "also by what the call has stored");
        changes(&host, 100, &[("c", None), ("d", Some(0))]).unwrap();
        assert_eq!(stored(&host), 100);
    }

    #[test]
    fn of_entries_that_come_and_go_nothing_is_kept() {
        let host = open();
        let kept =
            || host.look(|tx| tx.scan(&layout::pack_undos(MERCHANT, &pack(), 1), Direction::Forward, 9)).unwrap();
        changes(&host, u64::MAX, &[("a", Some(1)), ("a", None), ("b", None), ("c", Some(2))]).unwrap();
        let of_c = layout::pack_undo(MERCHANT, &pack(), 1, b"c");
        assert_eq!(kept(), [(of_c.clone(), Vec::new())], "that it was not there");
        let forget = |tx: &mut Tx| {
            tx.delete(&of_c);
            Ok::<_, StoreError>(())
        };
        host.store.write(forget).unwrap();
        changes(&host, u64::MAX, &[("c", None), ("c", Some(3)), ("c", None)]).unwrap();
        assert_eq!(kept(), [(of_c, vec![1, 7, 7])], "what was there at first");
    }
}
