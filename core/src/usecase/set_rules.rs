//! A merchant decides what its members may do with a unit, and which part of stored value they spend first.

use super::Act;
use crate::domain::{Code, Merchant, SpendingOrder, Unit, UnitRules};
use crate::store::{StoreError, Tx, layout};

/// Why nothing changes.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// Nobody declared the unit.
    #[error("there is no unit `{0}`")]
    UnknownUnit(Code),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts a unit's rules in force, from the next posting on. What members have stays, even if it is over a limit.
///
/// # Errors
/// The first refusal in the order of [`RulesError`]'s variants.
pub fn set_unit_rules(tx: &mut Tx, act: &Act<'_>, unit: &Code, rules: &UnitRules) -> Result<Unit, RulesError> {
    let key = layout::unit(act.merchant, unit);
    let unit = tx.load::<Unit>(&key)?.ok_or_else(|| RulesError::UnknownUnit(unit.clone()))?;
    let changed = Unit { rules: rules.clone(), ..unit };
    tx.save(&key, &changed)?;
    Ok(changed)
}

/// Puts a policy for the spending of stored value in force.
///
/// # Errors
/// The store's failures.
pub fn set_spending_order(tx: &mut Tx, act: &Act<'_>, order: SpendingOrder) -> Result<(), StoreError> {
    let merchant = Merchant { stored_value_order: order, ..act.merchant(tx)? };
    tx.save(&layout::merchant(merchant.id), &merchant)
}
