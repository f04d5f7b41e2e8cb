//! What the merchant owes its members: the sum of what is left in open lots, by unit and month of expiry.
//!
//! Kept in blind counters that every change of a lot moves, so that the report reads a handful of keys at any size,
//! and nobody has to wait for it.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::book::signed;
use super::{Book, House, LedgerError};
use crate::domain::{Code, MerchantId, Minor, Unit};
use crate::store::layout::{self, Month, Side};
use crate::store::{Direction, StoreError, Tx};

/// What a merchant owes its members of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Liability {
    /// Of what.
    pub unit: Unit,
    /// What is left in lots, lapsed ones included until their expiry is booked.
    pub outstanding: i64,
    /// The same by the month in which it expires; months without anything are left out.
    pub by_month: BTreeMap<Month, i64>,
    /// What is set aside in holds: it is in no lot, but may come back to them.
    pub held: i64,
    /// What is granted, but not released.
    pub pending: i64,
    /// What members owe the merchant.
    pub owed: i64,
}

impl Liability {
    /// The liabilities of a merchant in all its units. Reads counters only.
    ///
    /// # Errors
    /// The store's failures.
    pub fn read(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Self>, StoreError> {
        let mut months: BTreeMap<Code, BTreeMap<Month, i64>> = BTreeMap::new();
        for (key, value) in tx.scan(&layout::liabilities(merchant), Direction::Forward, usize::MAX)? {
            let (Some((unit, month)), Ok(amount)) = (layout::liability_parts(&key), <[u8; 8]>::try_from(value)) else {
                return Err(StoreError::corrupt("liability", &key));
            };
            let amount = i64::from_le_bytes(amount);
            if amount != 0 {
                months.entry(unit).or_default().insert(month, amount);
            }
        }
        let mut units = Vec::new();
        tx.each::<Unit>(&layout::units(merchant), |_, unit| units.push(unit))?;
        units
            .into_iter()
            .map(|unit| {
                let by_month = months.remove(&unit.code).unwrap_or_default();
                Ok(Self {
                    outstanding: by_month.values().fold(0, |sum: i64, amount| sum.saturating_add(*amount)),
                    by_month,
                    held: kept_in(tx, merchant, House::Held, &unit.code)?,
                    pending: kept_in(tx, merchant, House::Pending, &unit.code)?,
                    owed: kept_in(tx, merchant, House::Debt, &unit.code)?.saturating_neg(),
                    unit,
                })
            })
            .collect()
    }
}

/// What is in a house account: all that came to it less all that left it.
pub(super) fn kept_in(tx: &mut Tx, merchant: MerchantId, house: House, unit: &Code) -> Result<i64, StoreError> {
    let credits = tx.counter(&layout::house(merchant, house.letter(), Side::Credits, unit))?;
    let debits = tx.counter(&layout::house(merchant, house.letter(), Side::Debits, unit))?;
    Ok(credits.saturating_sub(debits))
}

/// The month of the merchant in which something expires: that of the last instant at which it can be spent, so that
/// what ends with November counts for November.
pub(super) fn month_of(zone: &TimeZone, expires_at: Option<Timestamp>) -> Month {
    let Some(at) = expires_at else { return Month::Never };
    let last = at.checked_sub(SignedDuration::from_millis(1)).unwrap_or(at);
    let date = zone.to_datetime(last).date();
    Month::Of { year: date.year(), month: date.month() }
}

impl Book<'_> {
    /// More is left in a lot.
    pub(super) fn owe_more(
        &mut self,
        unit: &Code,
        expires_at: Option<Timestamp>,
        amount: Minor,
    ) -> Result<(), LedgerError> {
        let key = layout::liability(self.merchant, unit, month_of(&self.zone, expires_at));
        Ok(self.tx.add(&key, signed(amount)?)?)
    }

    /// Less is left in a lot.
    pub(super) fn owe_less(
        &mut self,
        unit: &Code,
        expires_at: Option<Timestamp>,
        amount: Minor,
    ) -> Result<(), LedgerError> {
        let key = layout::liability(self.merchant, unit, month_of(&self.zone, expires_at));
        Ok(self.tx.add(&key, signed(amount)?.saturating_neg())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_with_a_month_counts_for_that_month() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        for (expires_at, year, month) in [
            // Midnight of December 1 in Shanghai: the end of November.
            ("2026-11-30T16:00:00Z", 2026, 11),
            ("2026-11-30T16:00:00.001Z", 2026, 12),
            ("2026-12-31T16:00:00Z", 2026, 12),
        ] {
            let at = Some(expires_at.parse().unwrap());
            assert_eq!(month_of(&zone, at), Month::Of { year, month }, "{expires_at}");
        }
        assert_eq!(month_of(&zone, None), Month::Never);
    }
}
