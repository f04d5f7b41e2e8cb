//! Somebody takes out all records of a kind, oldest first, a page at a time.
//!
//! Each page is one consistent state. What is recorded while pages are read comes at the end: ids sort by the time at
//! which they were made.

use serde_json::json;

use super::Act;
use super::known::{Known, read_as_is};
use crate::domain::{MemberId, MerchantId, Order, OrderId, PostingId};
use crate::ledger::Posting;
use crate::store::{Direction, StoreError, Tx, layout};

/// Writes into the audit log that somebody begins to take out all records of a kind.
///
/// # Errors
/// The store's failures.
pub fn record_export(tx: &mut Tx, act: &mut Act<'_>, kind: &str, format: &str) -> Result<(), StoreError> {
    act.record(tx, "export", kind, None, Some(&json!({ "format": format })))
}

/// Writes into the audit log and the member's history that somebody takes out all that is known of a member.
///
/// # Errors
/// The store's failures.
pub fn record_disclosure(tx: &mut Tx, act: &mut Act<'_>, member: MemberId) -> Result<(), StoreError> {
    act.record_of(tx, member, "disclosure", (None, Some(json!({ "disclosed": true }))), None)
}

/// A page of all members, with what is personal, those after one.
///
/// # Errors
/// The store's failures.
pub fn export_members(
    tx: &mut Tx,
    act: &Act<'_>,
    after: Option<MemberId>,
    limit: usize,
) -> Result<Vec<Known>, StoreError> {
    let mut range = layout::members(act.merchant);
    if let Some(after) = after {
        range = range.after(&layout::member(act.merchant, after));
    }
    let mut members = Vec::new();
    for (key, _) in tx.scan(&range, Direction::Forward, limit)? {
        let missing = || StoreError::corrupt("member (its key names none)", &key);
        let id = layout::listed_member(&key).ok_or_else(missing)?;
        members.push(read_as_is(tx, act, id)?.ok_or_else(missing)?);
    }
    Ok(members)
}

/// A page of all orders, those after one.
///
/// # Errors
/// The store's failures.
pub fn export_orders(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<OrderId>,
    limit: usize,
) -> Result<Vec<Order>, StoreError> {
    let mut range = layout::orders(merchant);
    if let Some(after) = after {
        range = range.after(&layout::order(merchant, after));
    }
    let found = tx.load_scan::<Order>(&range, Direction::Forward, limit)?;
    Ok(found.into_iter().map(|(_, order)| order).collect())
}

/// A page of everything that was booked, those after one posting.
///
/// # Errors
/// The store's failures.
pub fn export_postings(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<PostingId>,
    limit: usize,
) -> Result<Vec<Posting>, StoreError> {
    let mut range = layout::postings(merchant);
    if let Some(after) = after {
        range = range.after(&layout::posting(merchant, after));
    }
    let found = tx.load_scan::<Posting>(&range, Direction::Forward, limit)?;
    Ok(found.into_iter().map(|(_, posting)| posting).collect())
}
