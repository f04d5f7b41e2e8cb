//! How much a pack has stored at a merchant: a counter of bytes that moves with each entry, in the same transaction. An
//! entry has those of the pack's own key and of the value; what is kept of how it was before a change of revisions is
//! not counted.

use crate::domain::{Code, MerchantId};
use crate::store::{Direction, Key, StoreError, Tx, layout};

/// By how many bytes a pack's storage grows when the entry with this key is another one, where there may be none.
pub(crate) fn growth(key: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) -> i64 {
    let bytes = |value: &[u8]| i64::try_from(key.len() + value.len()).unwrap_or(i64::MAX);
    after.map_or(0, bytes) - before.map_or(0, bytes)
}

/// Counts by how many bytes a pack's storage has grown.
pub(crate) fn count(tx: &mut Tx, merchant: MerchantId, pack: &Code, grown: i64) -> Result<(), StoreError> {
    if grown == 0 { Ok(()) } else { tx.add(&layout::pack_stored(merchant, pack), grown) }
}

/// How many bytes a pack has stored: about, as what is under way at the same time does not count.
///
/// # Errors
/// The store's failures.
pub(crate) fn stored_bytes(tx: &mut Tx, merchant: MerchantId, pack: &Code) -> Result<u64, StoreError> {
    let stored = tx.counter_about(&layout::pack_stored(merchant, pack))?.unwrap_or(0);
    Ok(u64::try_from(stored).unwrap_or(0))
}

/// Adds up some of what packs have stored, for stores that an older version of the host has written: entries behind the
/// last that was come to. Returns the last of them.
pub(crate) fn add_up_next(tx: &mut Tx, after: Option<&[u8]>) -> Result<Option<Key>, StoreError> {
    const PAGE: usize = 500;
    let all = layout::all_pack_entries();
    let rest = after.map_or_else(|| all.clone(), |after| all.after(after));
    let page = tx.scan(&rest, Direction::Forward, PAGE)?;
    for (key, value) in &page {
        let Some((pack, own)) = layout::pack_entry_parts(key) else { continue };
        let merchant = layout::merchant_of(key).ok_or_else(|| StoreError::corrupt("key of a pack's entry", key))?;
        count(tx, merchant, &pack, growth(own, None, Some(value)))?;
    }
    Ok(page.into_iter().next_back().map(|(key, _)| key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn what_packs_had_stored_before_it_was_counted_is_added_up_in_steps() {
        let store = Store::in_memory();
        let [ours, theirs] = [1, 2].map(|number| MerchantId::from_bytes([number; 16]));
        let [one, other, none] = ["one", "one-more", "none"].map(|code| Code::new(code).unwrap());
        store
            .write(|tx| {
                for number in 0..600 {
                    tx.put(&layout::pack_entry(ours, &one, format!("key-{number:03}").as_bytes()), [7; 10])?;
                }
                tx.put(&layout::pack_entry(ours, &other, b"k"), [])?;
                tx.put(&layout::pack_entry(theirs, &one, b"key"), [7; 20])?;
                tx.put(&layout::pack_undo(theirs, &one, 1, b"key"), [1; 100])
            })
            .unwrap();
        let (mut after, mut steps) = (None, 0);
        while let Some(last) = store.write(|tx| add_up_next(tx, after.as_deref())).unwrap() {
            (after, steps) = (Some(last), steps + 1);
        }
        assert_eq!(steps, 2);
        let stored = |merchant, pack| store.read(|tx| stored_bytes(tx, merchant, pack)).unwrap();
        assert_eq!([stored(ours, &one), stored(ours, &other), stored(theirs, &one)], [600 * 17, 1, 23]);
        assert_eq!([stored(ours, &none), stored(theirs, &other)], [0, 0]);
    }

    #[test]
    fn an_entry_takes_its_key_and_its_value() {
        let [short, long] = [[7; 3].as_slice(), &[7; 5]].map(Some);
        let grows = |before, after| growth(b"key", before, after);
        assert_eq!([grows(None, short), grows(short, long), grows(long, short), grows(long, None)], [6, 2, -2, -8]);
        assert_eq!([grows(None, None), grows(short, short), grows(None, Some(&[]))], [0, 0, 3]);
    }
}
