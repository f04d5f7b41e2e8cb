//! Opening a data directory.

use std::path::Path;
use std::sync::Arc;

use super::Failure;
use crate::clock::{Clock, Entropy};
use crate::domain::{Merchant, MerchantId, StoreId};
use crate::pack::Packs;
use crate::store::{DurableEngine, DurableOptions, FORMAT_FILE, Store};
use crate::usecase::{Host, list_merchants, list_stores};

/// The store in a data directory, which is made if it is new.
pub(super) fn open(dir: &Path) -> Result<Store, Failure> {
    let engine = DurableEngine::open(dir, &DurableOptions::default())
        .map_err(|error| format!("the data directory {} can not be opened: {error}", dir.display()))?;
    Ok(Store::new(Arc::new(engine)))
}

/// The store in a data directory that has to be there already.
pub(super) fn open_existing(dir: &Path) -> Result<Store, Failure> {
    if !dir.join(FORMAT_FILE).is_file() {
        return Err(format!(
            "{} is not a data directory; `punchcard merchant create --data DIR …` makes one",
            dir.display()
        ));
    }
    open(dir)
}

/// A host on a store.
pub(super) fn host(store: Store, clock: Clock) -> Result<Host, Failure> {
    let packs = Packs::new().map_err(|error| error.to_string())?;
    Ok(Host::new(store, packs, clock, Entropy::System))
}

/// The merchant that is meant: the one named, or the only one.
pub(super) fn pick_merchant(store: &Store, named: Option<MerchantId>) -> Result<Merchant, Failure> {
    let mut merchants = store.read(list_merchants).map_err(|error| error.to_string())?;
    if let Some(id) = named {
        return merchants.into_iter().find(|merchant| merchant.id == id).ok_or(format!("there is no merchant {id}"));
    }
    match (merchants.pop(), merchants.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err("there is no merchant yet; `punchcard merchant create` makes one".into()),
        (Some(_), others) => Err(format!("there are {} merchants; name one with --merchant ID", others + 1)),
    }
}

/// The store of a merchant that is meant: the one with this code, or the only one.
pub(super) fn pick_store(store: &Store, merchant: MerchantId, code: Option<&str>) -> Result<StoreId, Failure> {
    let stores = store.read(|tx| list_stores(tx, merchant)).map_err(|error| error.to_string())?;
    let codes = || stores.iter().map(|store| store.code.as_str()).collect::<Vec<_>>().join(", ");
    match (code, stores.as_slice()) {
        (Some(code), _) => stores
            .iter()
            .find(|store| store.code.as_str() == code)
            .map(|store| store.id)
            .ok_or_else(|| format!("there is no store `{code}`; there are: {}", codes())),
        (None, [only]) => Ok(only.id),
        (None, _) => Err(format!("name a store with --store CODE; there are: {}", codes())),
    }
}
