//! A merchant changes what it is called, and opens or renames stores.

use super::Act;
use crate::domain::{Code, Label, Merchant, SpendingOrder, Store, StoreId};
use crate::store::{StoreError, Tx, layout};

/// What is to be another way; what is not named stays. Currency and time zone never change: what is booked rests on them.
#[derive(Clone, Debug, Default)]
pub struct EditMerchant {
    /// What people call it.
    pub name: Option<Label>,
    /// The language of texts that its people read.
    pub locale: Option<Label>,
    /// Which part of stored value its members spend first, from the next payment on.
    pub stored_value_order: Option<SpendingOrder>,
}

/// Why nothing changes.
#[derive(Debug, thiserror::Error)]
pub enum MerchantError {
    /// Somebody else was faster.
    #[error("the merchant's settings have changed since they were read: read them again")]
    OtherVersion,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes the merchant's settings, if they are as somebody has read them.
///
/// # Errors
/// The first refusal in the order of [`MerchantError`]'s variants.
pub fn edit_merchant(
    tx: &mut Tx,
    act: &mut Act<'_>,
    was_read: impl Fn(&Merchant) -> bool,
    edit: &EditMerchant,
) -> Result<Merchant, MerchantError> {
    let before = act.merchant(tx)?;
    if !was_read(&before) {
        return Err(MerchantError::OtherVersion);
    }
    let after = Merchant {
        name: edit.name.clone().unwrap_or_else(|| before.name.clone()),
        locale: edit.locale.clone().unwrap_or_else(|| before.locale.clone()),
        stored_value_order: edit.stored_value_order.unwrap_or(before.stored_value_order),
        ..before.clone()
    };
    if after != before {
        tx.save(&layout::merchant(after.id), &after)?;
        act.record(tx, "merchant", after.id.to_string().as_str(), Some(&before), Some(&after))?;
    }
    Ok(after)
}

/// Why no store is opened or renamed.
#[derive(Debug, thiserror::Error)]
pub enum PutStoreError {
    /// It is not one of theirs; nor would a new one be.
    #[error("whoever is limited to stores renames these only, and opens none")]
    BeyondOwn,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens a store with a code, or renames the one that has it.
///
/// # Errors
/// The first refusal in the order of [`PutStoreError`]'s variants.
pub fn put_store(tx: &mut Tx, act: &mut Act<'_>, code: &Code, name: &Label) -> Result<Store, PutStoreError> {
    let by_code = layout::store_by_code(act.merchant, code);
    let before = match tx.load::<StoreId>(&by_code)? {
        Some(id) => {
            let key = layout::store(act.merchant, id);
            Some(tx.load::<Store>(&key)?.ok_or_else(|| StoreError::corrupt("store (missing)", &key))?)
        }
        None => None,
    };
    let id = before.as_ref().map_or_else(|| act.ids.store(), |store| store.id);
    if !act.may_in([&id]) {
        return Err(PutStoreError::BeyondOwn);
    }
    let after = Store { id, code: code.clone(), name: name.clone() };
    if before.as_ref() != Some(&after) {
        tx.save(&layout::store(act.merchant, id), &after)?;
        tx.save::<StoreId>(&by_code, &id)?;
        act.record(tx, "store", code.as_str(), before.as_ref(), Some(&after))?;
    }
    Ok(after)
}
