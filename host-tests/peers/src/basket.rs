//! What the hook reads and writes, in no engine's own terms.

use serde::{Deserialize, Serialize};

/// What a merchant has set: the rules of the points pack that the hook is about.
#[derive(Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) points: u64,
    pub(crate) per_amount: u64,
    pub(crate) excluded_categories: Vec<String>,
    pub(crate) weekday_multipliers: Vec<WeekdayMultiplier>,
    pub(crate) tag_multipliers: Vec<TagMultiplier>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct WeekdayMultiplier {
    pub(crate) weekday: String,
    pub(crate) percent: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct TagMultiplier {
    pub(crate) tag: String,
    pub(crate) percent: u64,
}

/// What the hook is asked of.
#[derive(Serialize, Deserialize)]
pub(crate) struct Basket {
    pub(crate) weekday: String,
    /// The buyer's.
    pub(crate) tags: Vec<String>,
    pub(crate) lines: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) category: String,
    pub(crate) quantity: u32,
    pub(crate) amount: u64,
}

/// What the hook decides.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decision {
    pub(crate) earnings: Vec<Earning>,
    pub(crate) findings: Vec<Finding>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Earning {
    pub(crate) unit: String,
    pub(crate) amount: u64,
}

/// A rule that was looked at.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) applied: bool,
    pub(crate) rule: String,
    pub(crate) explanation: String,
}
