//! What members hold. All changes are double-entry postings of the merchant's ledger, in the transaction of the call.

#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::assets::{Balance, Credit, Debit, balance_of, earn, reverse, spend};
