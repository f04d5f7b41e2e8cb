//! A merchant says what it wants to know of its members: attributes with types.

use std::collections::BTreeMap;

use super::Act;
use crate::domain::{AttributeFault, AttributeType, AttributeValue, Code, MerchantId};
use crate::store::{StoreError, Tx, layout};

/// Why an attribute is not defined.
#[derive(Debug, thiserror::Error)]
pub enum AttributeError {
    /// The definition is wrong, or does not fit an earlier one.
    #[error(transparent)]
    Fault(#[from] AttributeFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Defines an attribute, or changes its label or adds to its choices.
///
/// # Errors
/// The first refusal in the order of [`AttributeFault`]'s variants.
pub fn define_attribute(tx: &mut Tx, act: &mut Act<'_>, new: &AttributeType) -> Result<(), AttributeError> {
    new.check()?;
    let key = layout::attribute(act.merchant, &new.code);
    let before = tx.load::<AttributeType>(&key)?;
    match &before {
        Some(before) if !new.may_follow(before) => return Err(AttributeFault::Differs(new.code.clone()).into()),
        Some(_) => {}
        None if list_attributes(tx, act.merchant)?.len() >= AttributeType::COUNT_MAX => {
            return Err(AttributeFault::TooMany.into());
        }
        None => {}
    }
    if before.as_ref() == Some(new) {
        return Ok(());
    }
    tx.save(&key, new)?;
    act.record(tx, "attribute", new.code.as_str(), before.as_ref(), Some(new))?;
    Ok(())
}

/// The attributes of a merchant, in the order of their codes.
///
/// # Errors
/// The store's failures.
pub fn list_attributes(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<AttributeType>, StoreError> {
    let mut all = Vec::new();
    tx.each::<AttributeType>(&layout::attributes(merchant), |_, attribute| all.push(attribute))?;
    Ok(all)
}

/// Values of attributes, by how they are kept.
#[derive(Default)]
pub(super) struct Given {
    pub(super) plain: BTreeMap<Code, AttributeValue>,
    pub(super) personal: BTreeMap<Code, AttributeValue>,
}

/// Reads values as the merchant's definitions say.
pub(super) fn read<E: From<AttributeFault> + From<StoreError>>(
    tx: &mut Tx,
    merchant: MerchantId,
    values: &BTreeMap<Code, serde_json::Value>,
) -> Result<Given, E> {
    let mut given = Given::default();
    for (code, json) in values {
        let attribute = definition::<E>(tx, merchant, code)?;
        let value = attribute.read(json)?;
        let kept = if attribute.personal { &mut given.personal } else { &mut given.plain };
        kept.insert(code.clone(), value);
    }
    Ok(given)
}

/// The definition of an attribute.
pub(super) fn definition<E: From<AttributeFault> + From<StoreError>>(
    tx: &mut Tx,
    merchant: MerchantId,
    code: &Code,
) -> Result<AttributeType, E> {
    let found = tx.load::<AttributeType>(&layout::attribute(merchant, code))?;
    Ok(found.ok_or_else(|| AttributeFault::Unknown(code.clone()))?)
}
