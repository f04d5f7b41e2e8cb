//! What the redeemer's pack asks the issuer's, and what that answers: the least that the till needs. Members are named by
//! their alias, and only after they have shown a code.

use serde::{Deserialize, Serialize};

use crate::statement::Totals;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// Is a code good, and for what?
    Check { code: String },
    /// Spend the points of a code.
    Redeem { code: String, reference: String },
    /// Take a redemption back.
    Cancel { redemption: String },
    /// Give the member of a code points for a purchase.
    Earn { code: String, amount_minor: u64, reference: String },
    /// What was owed is paid, and booked as such: note it.
    Paid { amount_minor: u64, reference: String },
    /// What does a month come to?
    Totals { month: String },
}

/// Of a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checked {
    pub(crate) points: u64,
    pub(crate) value_minor: u64,
}

/// Of points that were spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redeemed {
    pub(crate) redemption: String,
    pub(crate) alias: String,
    pub(crate) points: u64,
    pub(crate) value_minor: u64,
    pub(crate) reimbursed_minor: u64,
}

/// Of a redemption that was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancelled {
    pub(crate) points: u64,
    pub(crate) reimbursed_minor: u64,
}

/// Of points that were earned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EarnedThere {
    pub(crate) alias: String,
    pub(crate) points: u64,
    pub(crate) price_minor: u64,
}

/// Of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Noted {}

/// Of a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    pub(crate) totals: Totals,
}
