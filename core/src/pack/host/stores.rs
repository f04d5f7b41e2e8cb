//! `stores`: the merchant's places of sale.

use super::{Answer, Call, Desk, No, function, invalid, not_found};
use crate::domain::{Store, StoreId};
use crate::pack::bindings::punchcard::pack::stores;
use crate::store::{Direction, layout};

/// Stores that one `all` may ask for.
const PAGE_MAX: u32 = 100;

impl Desk {
    fn seen_store(&self, store: &Store) -> stores::Store {
        stores::Store {
            id: store.id.to_string(),
            code: store.code.to_string(),
            name: store.name.to_string(),
            time_zone: self.zone.iana_name().unwrap_or("Etc/UTC").to_owned(),
        }
    }

    fn store_id(store: &str) -> Result<StoreId, No> {
        store.parse().map_err(|error| not_found(&error))
    }
}

impl stores::Host for Call {
    fn get(&mut self, store: String) -> Answer<stores::Store> {
        self.serve(&function::STORES_GET, (store,), |desk, (store,)| {
            let id = Desk::store_id(&store)?;
            let found = desk.tx.load::<Store>(&layout::store(desk.merchant, id))?;
            let found = found.ok_or_else(|| not_found(&format!("there is no store {id}")))?;
            Ok(desk.seen_store(&found))
        })
    }

    fn all(&mut self, after: Option<String>, limit: u32) -> Answer<Vec<stores::Store>> {
        self.serve(&function::STORES_ALL, (after, limit), |desk, (after, limit)| {
            if !(1..=PAGE_MAX).contains(&limit) {
                return Err(invalid(&format!("a page has 1 to {PAGE_MAX} stores, not {limit}")));
            }
            let mut range = layout::stores(desk.merchant);
            if let Some(after) = after {
                let after: StoreId = after.parse().map_err(|error| invalid(&error))?;
                range = range.after(&layout::store(desk.merchant, after));
            }
            let found = desk.tx.load_scan::<Store>(&range, Direction::Forward, usize::try_from(limit).unwrap_or(0))?;
            Ok(found.iter().map(|(_, store)| desk.seen_store(store)).collect())
        })
    }
}
