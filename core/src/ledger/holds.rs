//! Holds: an amount is set aside, and then posted, voided, or left to lapse.
//!
//! Setting aside takes the amount from the lots that expire first, and remembers which. What is set aside keeps its
//! right to be posted when its lots expire meanwhile. What is not posted goes back to the very lots; if those have
//! expired, it is not spendable and is booked as expired like anything else in them.

use jiff::Timestamp;

use super::book::{check_amount, debit, minus, on_behalf, plus};
use super::limits::withdraw;
use super::{Book, Hold, HoldState, House, LedgerError, Transfer, lots};
use crate::domain::{HoldId, MemberId, Minor, PostingId, Unit};
use crate::store::layout::{self, Timed};

impl Book<'_> {
    /// A hold, if there is one with this id. Of a member who was merged into another one it is that one's.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn find_hold(&mut self, hold: HoldId) -> Result<Option<Hold>, LedgerError> {
        let Some(hold) = self.hold_as_placed(hold)? else { return Ok(None) };
        Ok(Some(Hold { member: self.survivor(hold.member)?, ..hold }))
    }

    /// A hold as its record is: it names the member for whom it was placed.
    fn hold_as_placed(&mut self, hold: HoldId) -> Result<Option<Hold>, LedgerError> {
        Ok(self.tx.load(&layout::hold(self.merchant, hold))?)
    }

    pub(super) fn hold(
        &mut self,
        posting: PostingId,
        id: HoldId,
        member: MemberId,
        unit: &Unit,
        amount: Minor,
        lapses_at: Timestamp,
    ) -> Result<Vec<Transfer>, LedgerError> {
        if self.hold_as_placed(id)?.is_some() {
            return Err(LedgerError::HoldExists(id));
        }
        if self.is_over(lapses_at) {
            return Err(LedgerError::HoldOver(lapses_at));
        }
        let mut account = self.touch(member, &unit.code)?;
        self.check_coupon(unit, amount)?;
        self.count_spending(&mut account, unit, amount)?;
        withdraw(&mut account, unit, amount)?;
        let lots = lots::take_first_expiring(self, member, &unit.code, amount)?;
        account.held = plus(account.held, amount)?;
        self.save_account(member, &unit.code, account)?;
        self.watch(member, &unit.code, lapses_at, Timed::Hold(id))?;
        let hold = Hold {
            id,
            member,
            unit: unit.code.clone(),
            amount,
            lots: lots.clone(),
            source: posting,
            placed_at: self.now,
            lapses_at,
            state: HoldState::Open,
        };
        self.tx.save(&layout::hold(self.merchant, id), &hold)?;
        let transfer = debit(&unit.code, member, House::Held, lots)?;
        Ok(vec![Transfer { on_behalf: Some(member), ..transfer }])
    }

    pub(super) fn post_hold(
        &mut self,
        by: PostingId,
        id: HoldId,
        amount: Option<Minor>,
        to: House,
    ) -> Result<Vec<Transfer>, LedgerError> {
        if let Some(amount) = amount {
            check_amount(amount)?;
        }
        let hold = self.standing_hold(id)?;
        let amount = amount.unwrap_or(hold.amount);
        if amount > hold.amount {
            return Err(LedgerError::HoldTooSmall { hold: id, wanted: amount, held: hold.amount });
        }
        self.end_hold(hold, HoldState::Posted { posting: by, amount }, amount, to)
    }

    pub(super) fn void_hold(&mut self, by: PostingId, id: HoldId) -> Result<Vec<Transfer>, LedgerError> {
        let hold = self.standing_hold(id)?;
        self.end_hold(hold, HoldState::Voided { posting: by }, 0, House::Held)
    }

    pub(super) fn lapse_hold(&mut self, by: PostingId, id: HoldId) -> Result<Vec<Transfer>, LedgerError> {
        let hold = self.open_hold(id)?;
        if !self.is_over(hold.lapses_at) {
            return Err(LedgerError::HoldNotLapsed { hold: id, at: hold.lapses_at });
        }
        self.end_hold(hold, HoldState::Lapsed { posting: by }, 0, House::Held)
    }

    /// A hold that nothing has become of, with all else that is due on its account booked.
    fn standing_hold(&mut self, id: HoldId) -> Result<Hold, LedgerError> {
        let hold = self.open_hold(id)?;
        if self.is_over(hold.lapses_at) {
            return Err(LedgerError::HoldLapsed { hold: id, at: hold.lapses_at });
        }
        let member = self.survivor(hold.member)?;
        self.touch_timed(member, &hold.unit)?;
        Ok(hold)
    }

    fn open_hold(&mut self, id: HoldId) -> Result<Hold, LedgerError> {
        let hold = self.hold_as_placed(id)?.ok_or(LedgerError::UnknownHold(id))?;
        match hold.state {
            HoldState::Open => Ok(hold),
            HoldState::Posted { posting, .. } => Err(LedgerError::HoldPosted { hold: id, by: posting }),
            HoldState::Voided { posting } => Err(LedgerError::HoldVoided { hold: id, by: posting }),
            HoldState::Lapsed { .. } => Err(LedgerError::HoldLapsed { hold: id, at: hold.lapses_at }),
        }
    }

    /// Spends the first `posted` of what is held and gives the rest back to its lots.
    fn end_hold(
        &mut self,
        mut hold: Hold,
        state: HoldState,
        posted: Minor,
        to: House,
    ) -> Result<Vec<Transfer>, LedgerError> {
        let (member, unit) = (self.survivor(hold.member)?, &hold.unit);
        let mut account = self.account(member, unit)?;
        account.held = minus(account.held, hold.amount)?;
        let (spent, rest) = lots::split(&hold.lots, posted)?;
        let mut transfers = Vec::new();
        if posted > 0 {
            transfers.push(on_behalf(member, unit, posted, House::Held, to, spent));
        }
        let back = minus(hold.amount, posted)?;
        if back > 0 {
            self.uncount_spending(&mut account, hold.placed_at, back);
            // What lapsed came back when it did, whenever that is booked.
            let at = if let HoldState::Lapsed { .. } = state { hold.lapses_at } else { self.now };
            self.give_back(&mut account, member, unit, &rest, House::Held, at, &mut transfers)?;
        }
        self.save_account(member, unit, account)?;
        self.unwatch(member, unit, hold.lapses_at, Timed::Hold(hold.id));
        hold.state = state;
        self.tx.save(&layout::hold(self.merchant, hold.id), &hold)?;
        Ok(transfers)
    }
}
