//! Somebody takes out all records of a kind, oldest first, a page at a time.
//!
//! Each page is one consistent state. What is recorded while pages are read comes at the end: ids sort by the time at
//! which they were made.

use std::collections::BTreeMap;

use serde_json::json;

use super::known::{Known, read_as_is};
use super::read_assets::asset_of;
use super::{Act, Asset, AssetsError, ConsentReceipt, TierChange};
use crate::domain::{Code, CouponType, Item, MemberId, MerchantId, Order, OrderId, PostingId, Source, Unit, UnitKind};
use crate::ledger::{Account, Lot, Posting, Terms};
use crate::store::{Direction, Key, KeyRange, Record, StoreError, Tx, layout};

/// A page of records, and where to go on when there may be more.
pub type Exported<T> = (Vec<T>, Option<Key>);

/// A part of what a member holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLot {
    /// Whose it is.
    pub member: MemberId,
    /// Of what.
    pub unit: Code,
    /// The part.
    pub lot: Lot,
}

/// Writes into the audit log that somebody begins to take out all records of a kind.
///
/// # Errors
/// The store's failures.
pub fn record_export(tx: &mut Tx, act: &mut Act<'_>, kind: &str, format: &str) -> Result<(), StoreError> {
    act.record(tx, "export", kind, None, Some(&json!({ "format": format })))
}

/// Writes into the audit log that somebody begins to take out records of a kind for a study.
///
/// # Errors
/// The store's failures.
pub fn record_research(
    tx: &mut Tx,
    act: &mut Act<'_>,
    study: &Code,
    kind: &str,
    format: &str,
) -> Result<(), StoreError> {
    act.record(tx, "research", study.as_str(), None, Some(&json!({ "kind": kind, "format": format })))
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

/// A page of what members hold by unit, those behind a place. An account that was emptied is told, too; of coupons only
/// those that are there.
///
/// # Errors
/// The ledger's and the store's failures.
pub fn export_accounts(
    tx: &mut Tx,
    act: &Act<'_>,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Exported<(MemberId, Asset)>, AssetsError> {
    let (found, next) = page::<Account>(tx, &layout::accounts(act.merchant), after, limit)?;
    let zone = act.merchant(tx)?.time_zone.zone();
    let mut accounts = Vec::new();
    for (key, account) in found {
        let terms = Terms { merchant: act.merchant, zone: zone.clone(), now: act.now, store: None, by: Source::Host };
        accounts.extend(asset_of(tx, terms, &key, &account)?);
    }
    Ok((accounts, next))
}

/// A page of the lots that members can spend from now on, those behind a place: of coupons, or of all other units. What
/// is set aside in holds is in none of them.
///
/// # Errors
/// The store's failures.
pub fn export_lots(
    tx: &mut Tx,
    act: &Act<'_>,
    coupons: bool,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Exported<HeldLot>, StoreError> {
    let (found, next) = page::<Lot>(tx, &layout::all_open_lots(act.merchant), after, limit)?;
    let (mut kinds, mut lots) = (BTreeMap::<Code, UnitKind>::new(), Vec::new());
    for (key, lot) in found {
        let owner = layout::owner(&key).ok_or_else(|| StoreError::corrupt("key of a lot", &key))?;
        let (member, unit) = owner;
        let kind = match kinds.get(&unit) {
            Some(kind) => *kind,
            None => {
                let place = layout::unit(act.merchant, &unit);
                let known = tx.load::<Unit>(&place)?.ok_or_else(|| StoreError::corrupt("unit (missing)", &place))?;
                *kinds.entry(unit.clone()).or_insert(known.kind)
            }
        };
        if (kind == UnitKind::Coupon) == coupons && lot.expires_at.is_none_or(|end| act.now < end) {
            lots.push(HeldLot { member, unit, lot });
        }
    }
    Ok((lots, next))
}

/// A page of the receipts of what members have said, with who did, those behind a place.
///
/// # Errors
/// The store's failures.
pub fn export_consents(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Exported<(MemberId, ConsentReceipt)>, StoreError> {
    let (found, next) = page(tx, &layout::all_consents(merchant), after, limit)?;
    Ok((owned(found)?, next))
}

/// A page of the levels that members were given, with who was, those behind a place.
///
/// # Errors
/// The store's failures.
pub fn export_tiers(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Exported<(MemberId, TierChange)>, StoreError> {
    let (found, next) = page(tx, &layout::all_tier_changes(merchant), after, limit)?;
    Ok((owned(found)?, next))
}

/// A page of the types of coupons, those behind a place.
///
/// # Errors
/// The store's failures.
pub fn export_coupon_types(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Exported<CouponType>, StoreError> {
    let (found, next) = page(tx, &layout::coupon_types(merchant), after, limit)?;
    Ok((found.into_iter().map(|(_, coupon)| coupon).collect(), next))
}

/// A page of the catalogue, what is behind a place.
///
/// # Errors
/// The store's failures.
pub fn export_items(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Exported<Item>, StoreError> {
    let (found, next) = page(tx, &layout::items(merchant), after, limit)?;
    Ok((found.into_iter().map(|(_, item)| item).collect(), next))
}

/// A page of a range, behind a key of it.
pub(super) fn page<T: Record>(
    tx: &mut Tx,
    range: &KeyRange,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Exported<(Key, T)>, StoreError> {
    let range = after.map_or_else(|| range.clone(), |after| range.after(after));
    let found = tx.load_scan::<T>(&range, Direction::Forward, limit)?;
    let next = found.last().filter(|_| found.len() == limit).map(|(key, _)| key.clone());
    Ok((found, next))
}

/// The member whose a key is.
pub(super) fn whose(key: &Key) -> Result<MemberId, StoreError> {
    layout::member_in(key).ok_or_else(|| StoreError::corrupt("key of what is a member's", key))
}

fn owned<T>(found: Vec<(Key, T)>) -> Result<Vec<(MemberId, T)>, StoreError> {
    found.into_iter().map(|(key, one)| Ok((whose(&key)?, one))).collect()
}
