//! The lots against the transfers, and what is owed by month against the lots.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::fold::{Fold, LotFold, NOT_DUE};
use super::index::millis;
use super::{Audit, each};
use crate::domain::{Code, MemberId, MerchantId};
use crate::ledger::Lot;
use crate::ledger::liability::month_of;
use crate::store::layout::{self, Month};
use crate::store::{StoreError, Tx, decode_counter, decode_own};

/// What is left in open lots, by the number of the unit and the month in which they expire.
pub(super) type Months = BTreeMap<(u16, Month), i64>;

impl Audit {
    /// Compares the lots with the transfers, and adds up what is left in them by account, and by unit and month.
    pub(super) fn compare_lots(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        zone: &TimeZone,
        fold: &mut Fold,
    ) -> Result<Months, StoreError> {
        let mut months = Months::new();
        for (range, is_open) in [(layout::all_open_lots(merchant), true), (layout::all_closed_lots(merchant), false)] {
            each(tx, &range, |_, key, bytes| {
                self.lots = self.lots.saturating_add(1);
                let lot = read_lot(merchant, key, &bytes, is_open);
                let Some((member, unit, lot)) = self.legible(lot)? else { return Ok(()) };
                if is_open && fold.survivors.is_gone(member) {
                    self.find(format!("{} is open, but {member} was merged into another member", lot.id));
                }
                let owner = fold.owner(member, &unit);
                let unit = owner.1;
                self.compare_lot(fold, owner, &lot, is_open);
                let holding = fold.holding(owner);
                holding.forgiven_in_lots = holding.forgiven_in_lots.saturating_add(signed(lot.forgiven));
                if is_open {
                    let remaining = signed(lot.remaining);
                    holding.in_lots = holding.in_lots.saturating_add(remaining);
                    let sum = months.entry((unit, month_of(zone, lot.expires_at))).or_default();
                    *sum = sum.saturating_add(remaining);
                }
                Ok(())
            })?;
        }
        for (lot, found) in &fold.lots {
            if !found.seen && !found.is_nothing() {
                self.find(format!("{lot} is missing, but the transfers leave {} in it", found.amount));
            }
        }
        Ok(months)
    }

    fn compare_lot(&mut self, fold: &mut Fold, owner: (MemberId, u16), lot: &Lot, is_open: bool) {
        let origin = fold.origin(lot.source, owner, lot.expires_at);
        let due = lot.expires_at.filter(|_| is_open).map_or(NOT_DUE, |at| fold.due(owner, millis(at)));
        let found = fold.lots.entry(lot.id).or_default();
        let known = !found.seen && !found.is_nothing();
        let LotFold { amount, granted, expired, origin: expected, .. } = *found;
        found.seen = true;
        found.due = due;
        let id = lot.id;
        if !known {
            self.find(format!("{id} holds {}, but the transfers leave nothing", lot.remaining));
            return;
        }
        if signed(lot.remaining) != amount {
            self.find(format!("{id} holds {}, but the transfers leave {amount}", lot.remaining));
        }
        if signed(lot.granted) != granted {
            self.find(format!("{id} was opened with {}, but the transfers say {granted}", lot.granted));
        }
        if signed(lot.expired) != expired {
            self.find(format!("{} of {id} have expired, but the transfers say {expired}", lot.expired));
        }
        if origin != expected {
            self.find(format!(
                "the transfers tell another source, owner or expiry of {id}, which names {}",
                lot.source
            ));
        }
        // What was spent is the rest of what was granted; only of that something can be forgiven.
        let gone = lot.remaining.saturating_add(lot.expired).saturating_add(lot.forgiven);
        if (lot.remaining > 0) != is_open || gone > lot.granted {
            self.find(format!("{id} is in the wrong state"));
        }
    }

    /// Compares what is said to be owed with what is left in the lots.
    pub(super) fn compare_liabilities(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        fold: &mut Fold,
        mut months: Months,
    ) -> Result<(), StoreError> {
        each(tx, &layout::liabilities(merchant), |_, key, bytes| {
            let parts = layout::liability_parts(key).ok_or_else(|| StoreError::corrupt("key of a liability", key));
            let recorded = decode_counter(key, Some(&bytes));
            let (Some((unit, month)), Some(recorded)) = (self.legible(parts)?, self.legible(recorded)?) else {
                return Ok(());
            };
            let in_lots = months.remove(&(fold.number(&unit), month)).unwrap_or(0);
            if recorded != in_lots {
                self.find(format!("{recorded} {unit} are owed for {month:?}, but the lots add up to {in_lots}"));
            }
            Ok(())
        })?;
        for ((unit, month), in_lots) in months {
            self.find(format!("0 {} are owed for {month:?}, but the lots add up to {in_lots}", fold.unit(unit)));
        }
        Ok(())
    }
}

/// A lot with whose it is and of what.
fn read_lot(
    merchant: MerchantId,
    key: &[u8],
    bytes: &[u8],
    is_open: bool,
) -> Result<(MemberId, Code, Lot), StoreError> {
    let (member, unit) = layout::owner(key).ok_or_else(|| StoreError::corrupt("key of a lot", key))?;
    let lot = decode_own(key, bytes, |lot: &Lot| {
        if is_open {
            layout::open_lot(merchant, member, &unit, lot.expires_at, lot.id)
        } else {
            layout::closed_lot(merchant, member, &unit, lot.id)
        }
    })?;
    Ok((member, unit, lot))
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
