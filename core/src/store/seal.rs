//! Logs of the first format, whose heads have a number and no hash.

use super::error::StoreError;
use super::key::{Direction, KeyRange, LogHead, log_entry_key};
use super::tx::Tx;
use super::{Change, key};

impl Tx {
    /// Gives the next log after `after` a head with the hash of all its entries, unless it has one. Returns the head's
    /// key, to go on after it; `None` when there are no more logs. For the migration of stores of the first format.
    ///
    /// # Errors
    /// As [`Tx::scan`], and [`StoreError::Corrupt`] when an entry is missing.
    pub fn seal_next_log(&mut self, after: Option<&[u8]>) -> Result<Option<Vec<u8>>, StoreError> {
        const PAGE: usize = 1000;
        let heads = KeyRange::prefix(&key::log_head_key(&[]));
        let heads = after.map_or(heads.clone(), |after| heads.after(after));
        let Some((head_key, head)) = self.scan(&heads, Direction::Forward, 1)?.pop() else { return Ok(None) };
        let Ok(sequence) = <[u8; 8]>::try_from(head.as_slice()).map(u64::from_be_bytes) else {
            return Ok(Some(head_key));
        };
        let log = &head_key[key::log_head_key(&[]).len()..];
        let mut sealed = LogHead::default();
        while sealed.sequence < sequence {
            let rest = KeyRange::new(log_entry_key(log, sealed.sequence + 1), log_entry_key(log, sequence + 1));
            let entries = self.scan(&rest, Direction::Forward, PAGE)?;
            if entries.is_empty() {
                return Err(StoreError::corrupt("log (entries are missing)", &head_key));
            }
            sealed = entries.iter().fold(sealed, |head, (_, entry)| head.followed_by(entry));
        }
        self.write_reserved(&head_key, Change::Put(sealed.encode()));
        Ok(Some(head_key))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    #[test]
    fn a_log_of_the_first_format_goes_on_as_if_it_had_been_chained_from_the_beginning() {
        let [old, new] = [Store::in_memory(), Store::in_memory()];
        for store in [&old, &new] {
            for number in 0..2500 {
                let append = |tx: &mut Tx| {
                    tx.append(b"log", number.to_string())?;
                    tx.append(b"other", "x")
                };
                store.write::<_, StoreError>(append).expect("commits");
            }
        }
        let unseal = |tx: &mut Tx| {
            tx.write_reserved(&key::log_head_key(b"log"), Change::Put(2500_u64.to_be_bytes().to_vec()));
            Ok::<_, StoreError>(())
        };
        old.write(unseal).expect("commits");
        assert!(old.read(|tx| tx.log_head(b"log")).is_err(), "nobody goes on with it before it is sealed");
        let mut after = None;
        let mut logs = 0;
        while let Some(head) = old.write(|tx| tx.seal_next_log(after.as_deref())).expect("seals") {
            after = Some(head);
            logs += 1;
        }
        assert_eq!(logs, 2);
        for store in [&old, &new] {
            store.write(|tx| tx.append(b"log", "last")).expect("commits");
        }
        let head = |store: &Store| store.read(|tx| tx.log_head(b"log")).expect("reads");
        assert_eq!(head(&old), head(&new));
        assert_eq!(head(&old).sequence, 2501);
    }
}
