//! What a unit's rules allow: how much a member earns and spends on one day, and how much they have.
//!
//! Days are the merchant's. A grant counts as earning, pending or not, when it is made; spending, holding and giving to
//! others count as spending. What is taken back or given back, by a reversal or the end of a hold, counts no more if
//! that is still the day on which it had counted. Expiry never counts, and what comes from another member is no
//! earning.

use jiff::Timestamp;

use super::book::{bounded, minus, plus};
use super::records::Today;
use super::{Account, Book, LedgerError};
use crate::domain::{Code, MemberId, Minor, Unit, UnitRules};
use crate::store::layout;

impl Book<'_> {
    /// Counts an earning, if the unit allows it.
    pub(super) fn count_earning(&self, account: &mut Account, unit: &Unit, amount: Minor) -> Result<(), LedgerError> {
        let today = self.today(account);
        let earned = plus(today.earned, amount)?;
        if let Some(max) = unit.rules.earn_per_day_max
            && earned > max
        {
            return Err(LedgerError::EarnLimit { unit: unit.code.clone(), max, today: today.earned });
        }
        account.today = Some(Today { earned, ..today });
        Ok(())
    }

    /// How much of a unit a member can be granted now: what the limits of the day and of the balance leave. What the
    /// member owes is no part of the balance, so it comes on top. Books what is due on the account where that matters.
    ///
    /// # Errors
    /// [`LedgerError::UnknownUnit`], [`LedgerError::Store`] and [`LedgerError::Inconsistent`].
    pub fn grantable(&mut self, member: MemberId, unit: &Code) -> Result<Minor, LedgerError> {
        let key = layout::unit(self.merchant, unit);
        let unit: Unit = self.tx.load(&key)?.ok_or_else(|| LedgerError::UnknownUnit(unit.clone()))?;
        let UnitRules { balance_max, earn_per_day_max, .. } = unit.rules;
        if balance_max.is_none() && earn_per_day_max.is_none() {
            return Ok(Minor::MAX);
        }
        let account = self.touch_to_receive(member, &unit)?;
        let today = earn_per_day_max.map(|max| max.saturating_sub(self.today(&account).earned));
        let has = plus(plus(account.balance, account.held)?, account.pending)?;
        let room = balance_max.map(|max| max.saturating_sub(has).saturating_add(account.debt));
        Ok(today.unwrap_or(Minor::MAX).min(room.unwrap_or(Minor::MAX)))
    }

    /// Counts spending, if the unit allows it.
    pub(super) fn count_spending(&self, account: &mut Account, unit: &Unit, amount: Minor) -> Result<(), LedgerError> {
        let today = self.today(account);
        let spent = plus(today.spent, amount)?;
        if let Some(max) = unit.rules.spend_per_day_max
            && spent > max
        {
            return Err(LedgerError::SpendLimit { unit: unit.code.clone(), max, today: today.spent });
        }
        account.today = Some(Today { spent, ..today });
        Ok(())
    }

    /// Counts an earning of the instant `at` no more, if that was today.
    pub(super) fn uncount_earning(&self, account: &mut Account, at: Timestamp, amount: Minor) {
        if let Some(today) = &mut account.today
            && today.day == self.day(at)
        {
            today.earned = today.earned.saturating_sub(amount);
        }
    }

    /// Counts spending of the instant `at` no more, if that was today.
    pub(super) fn uncount_spending(&self, account: &mut Account, at: Timestamp, amount: Minor) {
        if let Some(today) = &mut account.today
            && today.day == self.day(at)
        {
            today.spent = today.spent.saturating_sub(amount);
        }
    }

    fn today(&self, account: &Account) -> Today {
        // Never back to a day that was over: of two clocks at midnight the one that is behind would begin it anew.
        let day = account.today.map_or(self.day(self.now), |today| today.day.max(self.day(self.now)));
        account.today.filter(|today| today.day == day).unwrap_or(Today { day, earned: 0, spent: 0 })
    }

    /// Checks that a member may have `more` of a unit: spendable, held and pending together.
    pub(super) fn check_room(&self, account: &Account, unit: &Unit, more: Minor) -> Result<(), LedgerError> {
        let sum = plus(plus(plus(account.balance, account.held)?, account.pending)?, more)?;
        if let Some(max) = unit.rules.balance_max
            && sum > max
        {
            return Err(LedgerError::BalanceLimit { unit: unit.code.clone(), max });
        }
        bounded(sum, &unit.code).map(|_| ())
    }
}

/// Takes an amount from an account's balance, if there is so much.
pub(super) fn withdraw(account: &mut Account, unit: &Unit, amount: Minor) -> Result<(), LedgerError> {
    if account.balance < amount {
        let available = account.balance;
        return Err(LedgerError::Insufficient { unit: unit.code.clone(), needed: amount, available });
    }
    account.balance = minus(account.balance, amount)?;
    Ok(())
}
