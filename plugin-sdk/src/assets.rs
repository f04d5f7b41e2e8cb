//! What members hold. All changes are double-entry postings of the merchant's ledger, in the transaction of the call.

#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::assets::{
    Balance, Credit, Debit, Lot, LotPage, Reservation, balance_of, earn, hold, lots_of, post_hold, reverse, spend,
    void_hold,
};

/// The most lots that one [`lots_of`] gives.
pub const LOTS_MAX: u32 = 100;
