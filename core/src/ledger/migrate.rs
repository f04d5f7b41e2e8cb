//! Bringing a ledger that an earlier version of the host has kept up to the tables of today.
//!
//! Records of older shapes are read as they are. What has to be made is what earlier versions did not keep beside them:
//! what falls due, what is owed by month, the log of postings, and the unit of the bonus of stored value.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::book::signed;
use super::liability::month_of;
use super::records::Booked;
use super::{LedgerError, Lot};
use crate::domain::{Code, Merchant, MerchantId, STORED_VALUE_BONUS, Unit, UnitKind};
use crate::store::layout::{self, Due};
use crate::store::{Direction, Key, KeyRange, Record, StoreError, Tx, encode};

/// How far a merchant's ledger is brought up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// Lots up to this key are indexed and counted.
    Lots(Key),
    /// All lots are, and postings up to this key are in the log.
    Postings(Key),
    /// Nothing is left to be done. A new merchant begins with this.
    Whole,
}

impl Record for Form {
    const VERSION: u8 = 1;
    const NAME: &'static str = "form of a ledger";
}

impl Form {
    /// Says of a new merchant's ledger that nothing has to be brought up.
    ///
    /// # Errors
    /// The store's failures.
    pub fn begin(tx: &mut Tx, merchant: MerchantId) -> Result<(), StoreError> {
        tx.save(&layout::ledger_form(merchant), &Self::Whole)
    }
}

/// Does the next step of at most `limit` lots or postings, and tells whether nothing is left. How far it came is kept in
/// the same transaction, so it goes on where it stopped, and once all is done it costs one read. Nobody may post to the
/// ledger before.
///
/// # Errors
/// The store's failures.
pub fn bring_up(tx: &mut Tx, merchant: &Merchant, limit: usize) -> Result<bool, StoreError> {
    let key = layout::ledger_form(merchant.id);
    let next = match tx.load::<Form>(&key)? {
        Some(Form::Whole) => return Ok(true),
        None => {
            declare_bonus(tx, merchant)?;
            index_lots(tx, merchant, &layout::all_open_lots(merchant.id), limit)?
        }
        Some(Form::Lots(last)) => index_lots(tx, merchant, &layout::all_open_lots(merchant.id).after(&last), limit)?,
        Some(Form::Postings(last)) => {
            log_postings(tx, merchant.id, &layout::postings(merchant.id).after(&last), limit)?
        }
    };
    tx.save(&key, &next)?;
    Ok(next == Form::Whole)
}

fn declare_bonus(tx: &mut Tx, merchant: &Merchant) -> Result<(), StoreError> {
    let code = Code::new(STORED_VALUE_BONUS).expect("the unit's own code is a code");
    let key = layout::unit(merchant.id, &code);
    if tx.get(&key)?.is_none() {
        tx.save(&key, &Unit::new(code, UnitKind::Money(merchant.currency), None))?;
    }
    Ok(())
}

fn index_lots(tx: &mut Tx, merchant: &Merchant, range: &KeyRange, limit: usize) -> Result<Form, StoreError> {
    let zone = merchant.time_zone.zone();
    let page = tx.load_scan::<Lot>(range, Direction::Forward, limit)?;
    for (key, lot) in &page {
        index_lot(tx, merchant.id, &zone, key, lot)?;
    }
    Ok(match page.last() {
        Some((last, _)) => Form::Lots(last.clone()),
        None => Form::Postings(layout::postings(merchant.id).start),
    })
}

fn index_lot(tx: &mut Tx, merchant: MerchantId, zone: &TimeZone, key: &Key, lot: &Lot) -> Result<(), StoreError> {
    let corrupt = || StoreError::corrupt("key of a lot", key);
    let (member, unit) = layout::owner(key).ok_or_else(corrupt)?;
    if let Some(at) = lot.expires_at {
        let due = Due::Lot { member, unit: unit.clone(), lot: lot.id };
        tx.put(&layout::due(merchant, at, &due), Vec::new())?;
    }
    let amount = signed(lot.remaining).map_err(|_: LedgerError| corrupt())?;
    tx.add(&layout::liability(merchant, &unit, month_of(zone, lot.expires_at)), amount)
}

fn log_postings(tx: &mut Tx, merchant: MerchantId, range: &KeyRange, limit: usize) -> Result<Form, StoreError> {
    let page = tx.scan(range, Direction::Forward, limit)?;
    for (key, bytes) in &page {
        let posting = layout::posting_id(key).ok_or_else(|| StoreError::corrupt("key of a posting", key))?;
        tx.append(&layout::ledger_log(merchant), encode(&Booked::of(posting, bytes)))?;
    }
    Ok(match page.last() {
        Some((last, _)) => Form::Postings(last.clone()),
        None => Form::Whole,
    })
}
