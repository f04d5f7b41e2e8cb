//! A merchant decides what its members may do with a unit.

use super::Act;
use crate::domain::{Code, Unit, UnitRules};
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
pub fn set_unit_rules(tx: &mut Tx, act: &mut Act<'_>, unit: &Code, rules: &UnitRules) -> Result<Unit, RulesError> {
    let key = layout::unit(act.merchant, unit);
    let unit = tx.load::<Unit>(&key)?.ok_or_else(|| RulesError::UnknownUnit(unit.clone()))?;
    let changed = Unit { rules: rules.clone(), ..unit.clone() };
    if changed != unit {
        tx.save(&key, &changed)?;
        act.record(tx, "unit", changed.code.as_str(), Some(&unit), Some(&changed))?;
    }
    Ok(changed)
}
