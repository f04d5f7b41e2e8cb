//! A merchant keeps its catalogue. Baskets take from it what their lines do not say.

use super::Act;
use crate::domain::{Item, Label, Line, MerchantId, Minor};
use crate::store::{StoreError, Tx, layout};

/// What something is to be.
#[derive(Clone, Debug)]
pub struct PutItem {
    /// The merchant's name for it.
    pub sku: Label,
    /// What people call it.
    pub name: Label,
    /// Its category.
    pub category: Option<Label>,
    /// Its brand.
    pub brand: Option<Label>,
    /// What one costs.
    pub price_minor: Option<Minor>,
    /// What one costs a member.
    pub member_price_minor: Option<Minor>,
}

/// Why the catalogue stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// There is no such thing.
    #[error("there is no `{0}` in the catalogue")]
    Unknown(Label),
    /// Somebody else was faster.
    #[error("`{sku}` is in version {found}, not in {expected}: read it again")]
    OtherVersion {
        /// What.
        sku: Label,
        /// The version that was expected.
        expected: u64,
        /// The version that it is in.
        found: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts something into the catalogue, or changes what is there; in the version `expected`, if one is named.
///
/// # Errors
/// The first refusal in the order of [`ItemError`]'s variants.
pub fn put_item(tx: &mut Tx, act: &mut Act<'_>, new: &PutItem, expected: Option<u64>) -> Result<Item, ItemError> {
    let key = layout::item(act.merchant, &new.sku);
    let before = tx.load::<Item>(&key)?;
    if let Some(expected) = expected {
        let before = before.as_ref().ok_or_else(|| ItemError::Unknown(new.sku.clone()))?;
        expect(before, expected)?;
    }
    let PutItem { sku, name, category, brand, price_minor, member_price_minor } = new.clone();
    let version = before.as_ref().map_or(0, |before| before.version);
    let after = Item { sku, name, category, brand, price_minor, member_price_minor, version };
    if before.as_ref() == Some(&after) {
        return Ok(after);
    }
    let after = Item { version: before.as_ref().map_or(0, |before| before.version + 1), ..after };
    tx.save(&key, &after)?;
    act.record(tx, "item", after.sku.as_str(), before.as_ref(), Some(&after))?;
    Ok(after)
}

/// Takes something out of the catalogue, in the version `expected` if one is named. What was sold stays what it was.
///
/// # Errors
/// The first refusal in the order of [`ItemError`]'s variants.
pub fn drop_item(tx: &mut Tx, act: &mut Act<'_>, sku: &Label, expected: Option<u64>) -> Result<(), ItemError> {
    let key = layout::item(act.merchant, sku);
    let before = tx.load::<Item>(&key)?.ok_or_else(|| ItemError::Unknown(sku.clone()))?;
    expected.map_or(Ok(()), |expected| expect(&before, expected))?;
    tx.delete(&key);
    act.record(tx, "item", sku.as_str(), Some(&before), None)?;
    Ok(())
}

fn expect(item: &Item, expected: u64) -> Result<(), ItemError> {
    let found = item.version;
    if found == expected { Ok(()) } else { Err(ItemError::OtherVersion { sku: item.sku.clone(), expected, found }) }
}

/// Something in the catalogue.
///
/// # Errors
/// The store's failures.
pub fn read_item(tx: &mut Tx, merchant: MerchantId, sku: &Label) -> Result<Option<Item>, StoreError> {
    tx.load(&layout::item(merchant, sku))
}

/// Says of lines what they do not say themselves, from the catalogue. A line that says all costs no read.
pub(super) fn completed(tx: &mut Tx, merchant: MerchantId, lines: &[Line]) -> Result<Vec<Line>, StoreError> {
    let mut lines = lines.to_vec();
    for line in lines.iter_mut().filter(|line| line.category.is_none() || line.brand.is_none()) {
        if let Some(item) = read_item(tx, merchant, &line.sku)? {
            item.complete(line);
        }
    }
    Ok(lines)
}
