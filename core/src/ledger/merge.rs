//! Two members turn out to be one: what one of them has becomes the other's.
//!
//! Open lots move with their expiry, what is held, pending and owed moves with them, and a debt is repaid by what the
//! two have together. What was booked keeps naming the member for whom it was booked: reversals, holds and pending
//! grants find the survivor by it. Lots that were closed stay where they are until something comes back to them.

use std::collections::BTreeSet;

use super::book::{bounded, credit, debit, minus, plus, sum};
use super::{Account, Book, Cause, House, LedgerError, Move, Today, Transfer, lots};
use crate::domain::{Code, MemberId, MerchantId};
use crate::store::layout::{self, Due};
use crate::store::{Direction, KeyRange, StoreError, Tx};

/// How many lots one posting of a merge moves: it has to fit into one value of the store.
const MOVED_MAX: usize = 400;

/// The members who were merged into one.
///
/// # Errors
/// The store's failures.
pub fn merged_into(tx: &mut Tx, merchant: MerchantId, survivor: MemberId) -> Result<BTreeSet<MemberId>, StoreError> {
    let found = tx.scan(&layout::merged_into(merchant, survivor), Direction::Forward, usize::MAX)?;
    let gone = found.into_iter().map(|(key, _)| match layout::merged_parts(&key) {
        Some((_, gone)) => Ok(gone),
        None => Err(StoreError::corrupt("key of a merged member", &key)),
    });
    gone.collect()
}

impl Book<'_> {
    /// Makes all that a member has another one's, for good: whatever is booked for the first from now on is to be booked
    /// for the second. The caller has seen to it that they are two, and that neither was merged into another one.
    ///
    /// # Errors
    /// [`LedgerError::BalanceTooLarge`], [`LedgerError::Store`] and [`LedgerError::Inconsistent`].
    pub fn merge(&mut self, gone: MemberId, survivor: MemberId) -> Result<(), LedgerError> {
        for unit in self.units_of(&layout::accounts_of(self.merchant, gone))? {
            // What is due is booked for the one for whom it fell due.
            self.touch(gone, &unit)?;
            self.touch(survivor, &unit)?;
            while self.has_to_post(gone, survivor, &unit)? {
                self.book_own(Cause::Merge, Move::Merge { gone, survivor, unit: unit.clone() })?;
            }
            if self.tx.get(&layout::account(self.merchant, gone, &unit))?.is_some() {
                self.merge_account(gone, survivor, &unit)?;
            }
        }
        for unit in self.units_of(&layout::coupons_issued_to(self.merchant, gone))? {
            let key = layout::coupons_issued(self.merchant, gone, &unit);
            let issued = self.tx.counter(&key)?;
            self.tx.delete(&key);
            self.tx.add(&layout::coupons_issued(self.merchant, survivor, &unit), issued)?;
        }
        let statement = |member| layout::postings_of(self.merchant, member);
        let (from, to) = (statement(gone), statement(survivor));
        self.tx.move_range(&from, &to)?;
        for earlier in merged_into(self.tx, self.merchant, gone)? {
            self.tx.delete(&layout::merged(self.merchant, gone, earlier));
            self.follow(earlier, survivor)?;
        }
        self.follow(gone, survivor)
    }

    /// Whose account something belongs to that was booked for a member.
    pub(super) fn survivor(&mut self, member: MemberId) -> Result<MemberId, LedgerError> {
        Ok(self.tx.load(&layout::survivor(self.merchant, member))?.unwrap_or(member))
    }

    fn follow(&mut self, gone: MemberId, survivor: MemberId) -> Result<(), LedgerError> {
        self.tx.save::<MemberId>(&layout::survivor(self.merchant, gone), &survivor)?;
        Ok(self.tx.put(&layout::merged(self.merchant, survivor, gone), Vec::new())?)
    }

    fn units_of(&mut self, range: &KeyRange) -> Result<Vec<Code>, LedgerError> {
        let found = self.tx.scan(range, Direction::Forward, usize::MAX)?;
        let units = found.into_iter().map(|(key, _)| match layout::owner(&key) {
            Some((_, unit)) => Ok(unit),
            None => Err(StoreError::corrupt("key of an account", &key).into()),
        });
        units.collect()
    }

    /// Whether a transfer is needed: there is something to move, or a debt of one that what the other has can repay.
    fn has_to_post(&mut self, gone: MemberId, survivor: MemberId, unit: &Code) -> Result<bool, LedgerError> {
        let Some(old) = self.tx.load::<Account>(&layout::account(self.merchant, gone, unit))? else {
            return Ok(false);
        };
        let new = self.account(survivor, unit)?;
        Ok(old.balance > 0 || (new.balance > 0 && plus(old.debt, new.debt)? > 0))
    }

    /// Moves as many lots of an account as one posting holds, and with the last of them all the rest.
    pub(super) fn merge_account(
        &mut self,
        gone: MemberId,
        survivor: MemberId,
        unit: &Code,
    ) -> Result<Vec<Transfer>, LedgerError> {
        let (mut old, mut new) = (self.account(gone, unit)?, self.account(survivor, unit)?);
        let moved = lots::rehome(self, gone, survivor, unit, MOVED_MAX)?;
        let mut transfers = Vec::new();
        if !moved.is_empty() {
            let amount = sum(&moved)?;
            old.balance = minus(old.balance, amount)?;
            new.balance = bounded(plus(new.balance, amount)?, unit)?;
            transfers.push(debit(unit, gone, House::Transit, moved.clone())?);
            transfers.push(credit(unit, House::Transit, survivor, moved)?);
        }
        if old.balance > 0 {
            self.save_account(gone, unit, old)?;
            self.save_account(survivor, unit, new)?;
            return Ok(transfers);
        }
        for (key, _) in self.tx.scan(&layout::timed_of(self.merchant, gone, unit), Direction::Forward, usize::MAX)? {
            let (at, what) =
                layout::timed_parts(&key).ok_or_else(|| StoreError::corrupt("key of what is due", &key))?;
            self.tx.delete(&key);
            self.tx.put(&layout::timed_at(self.merchant, survivor, unit, at, what), Vec::new())?;
        }
        new.debt = bounded(plus(new.debt, old.debt)?, unit)?;
        new.held = bounded(plus(new.held, old.held)?, unit)?;
        new.pending = bounded(plus(new.pending, old.pending)?, unit)?;
        new.today = both(old.today, new.today)?;
        let repaid = new.debt.min(new.balance);
        if repaid > 0 {
            let taken = lots::take_first_expiring(self, survivor, unit, repaid)?;
            new.balance = minus(new.balance, repaid)?;
            new.debt = minus(new.debt, repaid)?;
            let repayment = debit(unit, survivor, House::Debt, taken)?;
            transfers.push(Transfer { on_behalf: Some(survivor), ..repayment });
        }
        self.tx.delete(&layout::account(self.merchant, gone, unit));
        self.save_account(survivor, unit, new)?;
        Ok(transfers)
    }

    /// Takes a lot's place among what falls due from one member to another.
    pub(super) fn redirect(&mut self, gone: &Due, survivor: &Due, at: jiff::Timestamp) -> Result<(), LedgerError> {
        self.tx.delete(&layout::due(self.merchant, at, gone));
        Ok(self.tx.put(&layout::due(self.merchant, at, survivor), Vec::new())?)
    }
}

/// What two have earned and spent on the last day on which one of them has.
fn both(one: Option<Today>, other: Option<Today>) -> Result<Option<Today>, LedgerError> {
    Ok(match (one, other) {
        (Some(one), Some(other)) if one.day == other.day => {
            let (earned, spent) = (plus(one.earned, other.earned)?, plus(one.spent, other.spent)?);
            Some(Today { day: one.day, earned, spent })
        }
        (Some(one), Some(other)) => Some(if one.day > other.day { one } else { other }),
        (one, other) => one.or(other),
    })
}
