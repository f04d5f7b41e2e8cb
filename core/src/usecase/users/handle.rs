//! By what a merchant is named at the sign-in: a short name that is unique on the host, or the merchant's id.
//!
//! The handle is a record of its own, so that merchants from before there were any need no migration: they are named by
//! their ids until the operator gives them one.

use crate::domain::{Code, MerchantId};
use crate::store::{StoreError, Tx, layout};
use crate::usecase::Act;

/// Why a merchant is not given a handle.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// It leads to somebody else.
    #[error("the handle `{0}` is another merchant's: take another one")]
    Taken(Code),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives the merchant a handle, in place of the one that it had.
///
/// # Errors
/// The first refusal in the order of [`HandleError`]'s variants.
pub fn put_handle(tx: &mut Tx, act: &mut Act<'_>, handle: &Code) -> Result<(), HandleError> {
    let (own, by_handle) = (layout::handle(act.merchant), layout::merchant_by_handle(handle));
    match tx.load::<MerchantId>(&by_handle)? {
        Some(merchant) if merchant == act.merchant => return Ok(()),
        Some(_) => return Err(HandleError::Taken(handle.clone())),
        None => {}
    }
    let before = find_handle(tx, act.merchant)?;
    if let Some(before) = &before {
        tx.delete(&layout::merchant_by_handle(before));
    }
    tx.save(&own, handle)?;
    tx.save(&by_handle, &act.merchant)?;
    act.record(tx, "merchant-handle", &act.merchant.to_string(), before.as_ref(), Some(handle))?;
    Ok(())
}

/// A merchant's handle, if it has one.
///
/// # Errors
/// The store's failures.
pub fn find_handle(tx: &mut Tx, merchant: MerchantId) -> Result<Option<Code>, StoreError> {
    tx.load(&layout::handle(merchant))
}

/// The merchant that somebody names by its handle or its id.
///
/// # Errors
/// The store's failures.
pub fn find_merchant(tx: &mut Tx, named: &str) -> Result<Option<MerchantId>, StoreError> {
    if let Ok(id) = named.parse::<MerchantId>() {
        return Ok(tx.get(&layout::merchant(id))?.map(|_| id));
    }
    // A handle is typed by people, who begin names with capitals.
    match Code::new(named.trim().to_ascii_lowercase()) {
        Ok(handle) => tx.load(&layout::merchant_by_handle(&handle)),
        Err(_) => Ok(None),
    }
}
