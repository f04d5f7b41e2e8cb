//! A brand comes to the platform: the operator creates the merchant with its stores.

use crate::domain::{
    Code, Currency, Label, Merchant, STORED_VALUE, STORED_VALUE_BONUS, SpendingOrder, Store, StoreId, Unit, UnitKind,
    ZoneName,
};
use crate::store::{StoreError, Tx, layout};

use super::{Act, migrate};

/// What a new merchant is.
#[derive(Clone, Debug)]
pub struct CreateMerchant {
    /// Its name.
    pub name: Label,
    /// The currency of its orders and of its stored value.
    pub currency: Currency,
    /// Where its day begins and ends.
    pub time_zone: ZoneName,
    /// The language of its people.
    pub locale: Label,
    /// Its stores.
    pub stores: Vec<NewStore>,
}

/// What a new store is.
#[derive(Clone, Debug)]
pub struct NewStore {
    /// Its short name.
    pub code: Code,
    /// Its name.
    pub name: Label,
}

/// A merchant that was created.
#[derive(Clone, Debug)]
pub struct Created {
    /// The merchant.
    pub merchant: Merchant,
    /// Its stores, in the order given.
    pub stores: Vec<Store>,
}

/// Creates the merchant whose id `act` bears, its stores, and the units of stored value, principal and bonus, in its
/// currency. Of two stores with one code the second is left out.
///
/// # Errors
/// The store's failures.
pub fn create_merchant(tx: &mut Tx, act: &mut Act<'_>, new: &CreateMerchant) -> Result<Created, StoreError> {
    let merchant = Merchant {
        id: act.merchant,
        name: new.name.clone(),
        currency: new.currency,
        time_zone: new.time_zone.clone(),
        locale: new.locale.clone(),
        stored_value_order: SpendingOrder::default(),
    };
    migrate::mark_new(tx)?;
    tx.save(&layout::merchant(merchant.id), &merchant)?;
    let mut stores = Vec::new();
    for NewStore { code, name } in &new.stores {
        let by_code = layout::store_by_code(merchant.id, code);
        if tx.get(&by_code)?.is_some() {
            continue;
        }
        let store = Store { id: act.ids.store(), code: code.clone(), name: name.clone() };
        tx.save(&layout::store(merchant.id, store.id), &store)?;
        tx.save::<StoreId>(&by_code, &store.id)?;
        stores.push(store);
    }
    for code in [STORED_VALUE, STORED_VALUE_BONUS] {
        let code = Code::new(code).expect("the unit's own code is a code");
        let unit = Unit::new(code, UnitKind::Money(new.currency), None);
        tx.save(&layout::unit(merchant.id, &unit.code), &unit)?;
    }
    Ok(Created { merchant, stores })
}

/// All merchants of this host.
///
/// # Errors
/// The store's failures.
pub fn list_merchants(tx: &mut Tx) -> Result<Vec<Merchant>, StoreError> {
    let mut merchants = Vec::new();
    tx.each::<Merchant>(&layout::merchants(), |_, merchant| merchants.push(merchant))?;
    Ok(merchants)
}

/// The stores of a merchant.
///
/// # Errors
/// The store's failures.
pub fn list_stores(tx: &mut Tx, merchant: crate::domain::MerchantId) -> Result<Vec<Store>, StoreError> {
    let mut stores = Vec::new();
    tx.each::<Store>(&layout::stores(merchant), |_, store| stores.push(store))?;
    Ok(stores)
}
