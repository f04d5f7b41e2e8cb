//! Bringing ledgers that an earlier version of the host has kept up to the tables of today.
//!
//! Records of older shapes are read as they are. What has to be made is what earlier versions did not keep beside them:
//! what falls due, what is owed by month, the log of postings, and the unit of the bonus of stored value.

use super::book::signed;
use super::liability::month_of;
use super::records::Booked;
use super::{LedgerError, Lot};
use crate::domain::{Code, Merchant, STORED_VALUE_BONUS, Unit, UnitKind};
use crate::store::layout::{self, Due};
use crate::store::{Direction, Key, KeyRange, StoreError, Tx, encode};

/// How many lots or postings one step looks at.
const STEP: usize = 500;

/// Does a bounded part of it, from where the last part has ended, and says where this one has; `None` at the end. The
/// caller keeps the place in the same transaction, and lets nobody post to a ledger before the end.
///
/// A place is the key of what was done last: a lot or a posting, or the beginning of a merchant's lots or postings.
///
/// # Errors
/// The store's failures.
pub fn bring_up(tx: &mut Tx, after: Option<&[u8]>) -> Result<Option<Key>, StoreError> {
    let Some(after) = after else { return begin_next(tx, &layout::merchants()) };
    let corrupt = || StoreError::corrupt("place of a migration", after);
    let merchant = layout::merchant_of(after).ok_or_else(corrupt)?;
    let record = layout::merchant(merchant);
    let merchant = tx.load::<Merchant>(&record)?.ok_or_else(corrupt)?;
    let (lots, postings) = (layout::all_open_lots(merchant.id), layout::postings(merchant.id));
    if lots.contains(after) {
        let last = index_lots(tx, &merchant, &lots.after(after))?;
        return Ok(Some(last.unwrap_or(postings.start)));
    }
    if !postings.contains(after) {
        return Err(corrupt());
    }
    match log_postings(tx, &merchant, &postings.after(after))? {
        Some(last) => Ok(Some(last)),
        None => begin_next(tx, &layout::merchants().after(&record)),
    }
}

/// Begins with the first merchant of these.
fn begin_next(tx: &mut Tx, merchants: &KeyRange) -> Result<Option<Key>, StoreError> {
    let Some((_, merchant)) = tx.load_scan::<Merchant>(merchants, Direction::Forward, 1)?.pop() else {
        return Ok(None);
    };
    let code = Code::new(STORED_VALUE_BONUS).expect("the unit's own code is a code");
    let key = layout::unit(merchant.id, &code);
    if tx.get(&key)?.is_none() {
        tx.save(&key, &Unit::new(code, UnitKind::Money(merchant.currency), None))?;
    }
    Ok(Some(layout::all_open_lots(merchant.id).start))
}

fn index_lots(tx: &mut Tx, merchant: &Merchant, range: &KeyRange) -> Result<Option<Key>, StoreError> {
    let zone = merchant.time_zone.zone();
    let page = tx.load_scan::<Lot>(range, Direction::Forward, STEP)?;
    for (key, lot) in &page {
        let corrupt = || StoreError::corrupt("key of a lot", key);
        let (member, unit) = layout::owner(key).ok_or_else(corrupt)?;
        let amount = signed(lot.remaining).map_err(|_: LedgerError| corrupt())?;
        tx.add(&layout::liability(merchant.id, &unit, month_of(&zone, lot.expires_at)), amount)?;
        if let Some(at) = lot.expires_at {
            tx.put(&layout::due(merchant.id, at, &Due::Lot { member, unit, lot: lot.id }), Vec::new())?;
        }
    }
    Ok(page.into_iter().next_back().map(|(last, _)| last))
}

fn log_postings(tx: &mut Tx, merchant: &Merchant, range: &KeyRange) -> Result<Option<Key>, StoreError> {
    let page = tx.scan(range, Direction::Forward, STEP)?;
    for (key, bytes) in &page {
        let posting = layout::posting_id(key).ok_or_else(|| StoreError::corrupt("key of a posting", key))?;
        tx.append(&layout::ledger_log(merchant.id), encode(&Booked::of(posting, bytes)))?;
    }
    Ok(page.into_iter().next_back().map(|(last, _)| last))
}
