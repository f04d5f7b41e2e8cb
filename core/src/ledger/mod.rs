//! The ledger: double entry over a transaction of the store, in the manner of TigerBeetle.
//!
//! A **posting** is what one operation does: a list of [`Move`]s, booked as linked **transfers**, all or none. A
//! transfer takes an amount of one unit from one account to another, so every posting balances in every unit by
//! construction. Members have one account for each unit, which never goes below zero; what a member holds sits in
//! **lots** with their own source and expiry. The merchant's own side is the [`House`] accounts, kept as two blind
//! counters each, so that a busy merchant has no key to fight over.
//!
//! Guarantees, each tested here and proved on any data directory by `punchcard verify`:
//! - a member's balance is the sum of the open lots, and the fold of the transfers; what they have in holds and pending
//!   grants is the sum of those that are open, and the fold of the transfers;
//! - lots that expire first are spent first, and an expired lot is not spendable from the instant it expires, whether
//!   or not its expiry is booked; the same instant ends a hold and releases a pending grant;
//! - a posting's id is its idempotency key: the same id with the same content returns the first posting, with other
//!   content it is refused;
//! - a posting is reversed at most once. What it spent goes back to the very lots; what it granted is taken back from
//!   its own lot first, then from those that expire first, and what is spent already becomes a **debt**, which later
//!   grants and returns repay first, unless the unit's rules say otherwise;
//! - what is held is posted at most once, by one of two tills, and what is not posted goes back to the very lots;
//! - what the merchant owes, by unit and month of expiry, is a few counters that equal the sum of the lots;
//! - the digest of every posting is in the merchant's log, which is hash-chained: tampering shows.
//!
//! It does not know orders, packs or people: those are in the `cause` that the caller gives.
#![deny(clippy::arithmetic_side_effects, clippy::float_arithmetic)]

mod audit;
mod book;
mod coupon;
mod due;
mod error;
mod grants;
mod holds;
mod liability;
mod limits;
mod list_lots;
mod lots;
mod merge;
mod migrate;
mod moves;
mod pending;
mod records;
mod reversal;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "the tests' own model counts small numbers")]
mod tests;
mod types;

pub use audit::{Audit, Finding};
pub use book::{Book, Terms};
pub use due::DueBooked;
pub use error::LedgerError;
pub use liability::Liability;
pub use list_lots::{LotPlace, NotAPlace};
pub use merge::merged_into;
pub use migrate::bring_up;
pub use moves::{ISSUE_MAX, Move, NewPosting, Release};
pub use records::{Account, Booked, Day, Hold, HoldState, Lot, PendingGrant, PendingState, Today};
pub use types::{Allocation, Balance, Cause, Entry, House, Party, Posting, Reversible, Transfer};
