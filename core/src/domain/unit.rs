//! Units: what assets are counted in.

use serde::{Deserialize, Serialize};

use super::{Code, Currency, Minor};

/// The code of the unit of prepaid money that every merchant has from the first day: what members paid in.
pub const STORED_VALUE: &str = "stored-value";

/// The code of the unit of what a merchant gives on top of what is paid in. Spent like money, but never paid for.
pub const STORED_VALUE_BONUS: &str = "stored-value-bonus";

/// What an asset is counted in: points, stored value, stamps, coupons of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its name, unique in the merchant.
    pub code: Code,
    /// Whether it is money.
    pub kind: UnitKind,
    /// The pack that declared it; none for the merchant's own.
    pub declared_by: Option<Code>,
    /// What members may do with it, and how much of it.
    pub rules: UnitRules,
}

impl Unit {
    /// A unit with the usual rules.
    pub fn new(code: Code, kind: UnitKind, declared_by: Option<Code>) -> Self {
        Self { code, kind, declared_by, rules: UnitRules::default() }
    }
}

/// Whether a unit is money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnitKind {
    /// Things that are counted.
    Count,
    /// Money, in the minor unit of the currency.
    Money(Currency),
    /// Coupons of the type that bears the unit's code.
    Coupon,
}

/// What members may do with a unit, and how much of it. The usual ones have no limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitRules {
    /// Whether members may give it to each other.
    pub transferable: bool,
    /// The most that one member may have: spendable, held and pending together.
    pub balance_max: Option<Minor>,
    /// The most that one member may earn on one day of the merchant.
    pub earn_per_day_max: Option<Minor>,
    /// The most that one member may spend on one day of the merchant; what is held or given to others counts as well.
    pub spend_per_day_max: Option<Minor>,
    /// What becomes of the part that a reversal can not take back.
    pub shortfall: Shortfall,
}

/// What becomes of the part of an earning that a reversal can not take back, because it is spent already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shortfall {
    /// The member owes it; later earnings repay it first.
    #[default]
    Owe,
    /// The merchant bears it.
    Forgive,
    /// The reversal is refused.
    Refuse,
}
