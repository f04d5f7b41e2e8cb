//! A merchant says what it wants to know of its members: attributes with types.

use std::collections::BTreeMap;

use super::Act;
use super::known::Known;
use super::segments::list_segments;
use crate::domain::{AttributeFault, AttributeType, AttributeValue, Code, Condition, MerchantId, Segment};
use crate::store::{StoreError, Tx, layout};

/// Why an attribute is not defined, or not taken away.
#[derive(Debug, thiserror::Error)]
pub enum AttributeError {
    /// The definition is wrong, or does not fit an earlier one.
    #[error(transparent)]
    Fault(#[from] AttributeFault),
    /// Not an attribute of the merchant.
    #[error("there is no attribute `{0}`")]
    Unknown(Code),
    /// A segment asks for it.
    #[error("the segment `{segment}` asks for the attribute `{attribute}`: change or remove the segment first")]
    AskedFor {
        /// The attribute.
        attribute: Code,
        /// The first segment that asks for it.
        segment: Code,
    },
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

/// Takes an attribute away: nothing can be said by it any more. What was said of members by it stays with them, sealed
/// if it was, until they are edited the next time.
///
/// # Errors
/// [`AttributeError::Unknown`], [`AttributeError::AskedFor`], and the store's failures.
pub fn drop_attribute(tx: &mut Tx, act: &mut Act<'_>, code: &Code) -> Result<(), AttributeError> {
    let key = layout::attribute(act.merchant, code);
    let before = tx.load::<AttributeType>(&key)?.ok_or_else(|| AttributeError::Unknown(code.clone()))?;
    let is_asked = |leaf: &Condition| matches!(leaf, Condition::Attribute { code: asked, .. } if asked == code);
    let asks = |segment: &Segment| segment.condition.leaves().into_iter().any(is_asked);
    if let Some(segment) = list_segments(tx, act.merchant)?.into_iter().find(asks) {
        return Err(AttributeError::AskedFor { attribute: code.clone(), segment: segment.code });
    }
    tx.delete(&key);
    act.record(tx, "attribute", code.as_str(), Some(&before), None)?;
    Ok(())
}

/// Drops what is said of a member by attributes that are not there any more, or are something else by now.
pub(super) fn drop_undefined(tx: &mut Tx, merchant: MerchantId, known: &mut Known) -> Result<(), StoreError> {
    let Known { member, personal } = known;
    for (values, is_personal) in [(&mut member.attributes, false), (&mut personal.attributes, true)] {
        for (code, value) in values.clone() {
            let defined = tx.load::<AttributeType>(&layout::attribute(merchant, &code))?;
            let is_one_of =
                |defined: &AttributeType| defined.personal == is_personal && defined.read(&value.to_json()).is_ok();
            if !defined.as_ref().is_some_and(is_one_of) {
                values.remove(&code);
            }
        }
    }
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
