//! Where things lie in the pack's storage, so that what belongs to a store's day is one range:
//!
//! | key | value |
//! |---|---|
//! | `preorder/STORE/DATE/CODE` | the pre-order |
//! | `taken/STORE/DATE/START` | capacity units taken of the slot |
//! | `reference/STORE/REFERENCE` | the id of the pre-order with that reference |

use punchcard_sdk::{Clock, LocalDate, Refusal, kv};

use crate::preorder::Preorder;

/// The storage of one store.
pub(crate) struct Storage {
    /// Without slashes, so that no store's range holds keys of another.
    store: String,
}

impl Storage {
    pub(crate) fn of(store: &str) -> Self {
        Self { store: store.replace('%', "%25").replace('/', "%2F") }
    }

    fn preorder_key(&self, date: LocalDate, code: &str) -> String {
        format!("preorder/{}/{date}/{code}", self.store)
    }

    fn taken_key(&self, date: LocalDate, start: Clock) -> String {
        format!("taken/{}/{date}/{start}", self.store)
    }

    fn reference_key(&self, reference: &str) -> String {
        format!("reference/{}/{reference}", self.store)
    }

    /// All keys of a kind and day: `0` follows `/`.
    fn day_of(&self, kind: &str, date: LocalDate) -> (String, String) {
        (format!("{kind}/{}/{date}/", self.store), format!("{kind}/{}/{date}0", self.store))
    }

    pub(crate) fn preorder(&self, date: LocalDate, code: &str) -> Result<Option<Preorder>, Refusal> {
        kv::get_json(&self.preorder_key(date, code))
    }

    pub(crate) fn put_preorder(&self, preorder: &Preorder) -> Result<(), Refusal> {
        kv::put_json(&self.preorder_key(preorder.date, &preorder.code), preorder)
    }

    pub(crate) fn preorders_of(&self, date: LocalDate) -> Result<Vec<Preorder>, Refusal> {
        let (start, end) = self.day_of("preorder", date);
        Ok(kv::scan_json(&start, &end)?.into_iter().map(|(_, preorder)| preorder).collect())
    }

    /// The capacity units that are taken of a slot.
    pub(crate) fn taken(&self, date: LocalDate, start: Clock) -> Result<u64, Refusal> {
        Ok(kv::get_json(&self.taken_key(date, start))?.unwrap_or(0))
    }

    pub(crate) fn put_taken(&self, date: LocalDate, start: Clock, units: u64) -> Result<(), Refusal> {
        kv::put_json(&self.taken_key(date, start), &units)
    }

    /// The capacity units that are taken of each slot of a day that somebody ordered.
    pub(crate) fn taken_of(&self, date: LocalDate) -> Result<Vec<(Clock, u64)>, Refusal> {
        let (start, end) = self.day_of("taken", date);
        let taken = kv::scan_json::<u64>(&start, &end)?;
        Ok(taken.into_iter().filter_map(|(key, units)| Some((key.rsplit('/').next()?.parse().ok()?, units))).collect())
    }

    pub(crate) fn by_reference(&self, reference: &str) -> Result<Option<Preorder>, Refusal> {
        let id = kv::get_json::<String>(&self.reference_key(reference))?;
        match id.as_deref().and_then(Preorder::parse_id) {
            Some((date, code)) => self.preorder(date, code),
            None => Ok(None),
        }
    }

    pub(crate) fn put_reference(&self, preorder: &Preorder) -> Result<(), Refusal> {
        kv::put_json(&self.reference_key(&preorder.reference), &preorder.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_a_store_is_one_range_and_holds_nothing_else() {
        let date = |text: &str| text.parse::<LocalDate>().expect("a day");
        let (start, end) = Storage::of("s1").day_of("preorder", date("2026-10-03"));
        for (store, day, inside) in [
            ("s1", "2026-10-03", true),
            ("s1", "2026-10-02", false),
            ("s1", "2026-10-04", false),
            ("s10", "2026-10-03", false),
            ("s1/2026-10-03", "2026-10-03", false),
            ("s1%", "2026-10-03", false),
        ] {
            for code in ["22222", "ZZZZZ"] {
                let key = Storage::of(store).preorder_key(date(day), code);
                assert_eq!(start <= key && key < end, inside, "{key}");
            }
        }
    }

    #[test]
    fn stores_with_odd_names_stay_apart() {
        assert_ne!(Storage::of("a/b").store, Storage::of("a%2Fb").store);
    }

    #[test]
    fn keys_fit_the_storage() {
        let date = "2026-10-03".parse().expect("a day");
        let longest = "%".repeat(64);
        assert!(Storage::of(&longest).preorder_key(date, "ZZZZZ").len() <= 256);
        assert!(Storage::of(&"s".repeat(64)).reference_key(&"r".repeat(64)).len() <= 256);
    }
}
