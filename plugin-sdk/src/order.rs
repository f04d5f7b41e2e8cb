//! Orders, what they are asked for, and what a pack decides on them.

#[doc(inline)]
pub use crate::contract::{
    checking_out::exports::punchcard::pack::checkout::{Decision, Earning, Finding, Refund},
    imports::punchcard::pack::types::{Buyer, Line, Order},
};

impl Finding {
    /// A rule that counts in this order.
    pub fn applied(rule: &str, explanation: impl Into<String>) -> Self {
        Self { applied: true, rule: rule.to_owned(), explanation: explanation.into() }
    }

    /// A rule that was looked at and does not count.
    pub fn skipped(rule: &str, explanation: impl Into<String>) -> Self {
        Self { applied: false, rule: rule.to_owned(), explanation: explanation.into() }
    }
}
