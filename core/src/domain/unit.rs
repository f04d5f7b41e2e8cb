//! Units: what assets are counted in.

use serde::{Deserialize, Serialize};

use super::{Code, Currency};

/// The code of the unit of prepaid money that every merchant has from the first day.
pub const STORED_VALUE: &str = "stored-value";

/// What an asset is counted in: points, stored value, stamps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its name, unique in the merchant.
    pub code: Code,
    /// Whether it is money.
    pub kind: UnitKind,
    /// The pack that declared it; none for the merchant's own.
    pub declared_by: Option<Code>,
}

/// Whether a unit is money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnitKind {
    /// Things that are counted.
    Count,
    /// Money, in the minor unit of the currency.
    Money(Currency),
}
