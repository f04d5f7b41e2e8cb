//! Granting, spending, and giving to another member.

use jiff::Timestamp;

use super::book::{credit, debit, has_expired, minus, on_behalf, plus, sum};
use super::limits::withdraw;
use super::{Account, Allocation, Book, House, LedgerError, Transfer, lots};
use crate::domain::{Code, MemberId, Minor, PostingId, Unit, UnitKind};

impl Book<'_> {
    pub(super) fn grant(
        &mut self,
        posting: PostingId,
        member: MemberId,
        unit: &Unit,
        amount: Minor,
        expires_at: Option<Timestamp>,
        from: House,
    ) -> Result<Vec<Transfer>, LedgerError> {
        if unit.kind == UnitKind::Coupon {
            return Err(LedgerError::IsCoupon(unit.code.clone()));
        }
        let mut account = self.touch_to_receive(member, unit)?;
        self.count_earning(&mut account, unit, amount)?;
        let mut transfers = Vec::new();
        let rest = if has_expired(expires_at, self.now) {
            amount
        } else {
            self.repay(&mut account, member, &unit.code, amount, from, &mut transfers)?
        };
        if rest > 0 {
            self.check_room(&account, unit, rest)?;
            let id = self.ids.lot();
            let lot = lots::open(self, id, posting, member, &unit.code, rest, expires_at)?;
            account.balance = plus(account.balance, rest)?;
            transfers.push(credit(&unit.code, from, member, vec![lot])?);
        }
        self.save_account(member, &unit.code, account)?;
        Ok(transfers)
    }

    /// An account to which something is about to come. What has expired on it matters only where there is a limit to
    /// what it may have.
    pub(super) fn touch_to_receive(&mut self, member: MemberId, unit: &Unit) -> Result<Account, LedgerError> {
        if unit.rules.balance_max.is_some() {
            self.touch(member, &unit.code)
        } else {
            self.touch_timed(member, &unit.code)
        }
    }

    /// Uses an amount that is about to reach a member to repay what they owe, and returns what is left of it. What has
    /// expired repays nothing: it is for the caller not to ask.
    pub(super) fn repay(
        &mut self,
        account: &mut Account,
        member: MemberId,
        unit: &Code,
        amount: Minor,
        from: House,
        transfers: &mut Vec<Transfer>,
    ) -> Result<Minor, LedgerError> {
        let repaid = account.debt.min(amount);
        if repaid > 0 {
            account.debt = minus(account.debt, repaid)?;
            transfers.push(on_behalf(member, unit, repaid, from, House::Debt, Vec::new()));
        }
        minus(amount, repaid)
    }

    pub(super) fn spend(
        &mut self,
        member: MemberId,
        unit: &Unit,
        amount: Minor,
        to: House,
    ) -> Result<Vec<Transfer>, LedgerError> {
        let mut account = self.touch(member, &unit.code)?;
        self.check_coupon(unit, amount)?;
        self.count_spending(&mut account, unit, amount)?;
        withdraw(&mut account, unit, amount)?;
        let lots = lots::take_first_expiring(self, member, &unit.code, amount)?;
        self.save_account(member, &unit.code, account)?;
        Ok(vec![debit(&unit.code, member, to, lots)?])
    }

    pub(super) fn expire(&mut self, member: MemberId, unit: &Code) -> Result<Vec<Transfer>, LedgerError> {
        let mut account = self.account(member, unit)?;
        let lots = lots::close_lapsed(self, member, unit)?;
        if lots.is_empty() {
            return Ok(Vec::new());
        }
        account.balance = minus(account.balance, sum(&lots)?)?;
        self.save_account(member, unit, account)?;
        Ok(vec![debit(unit, member, House::Expired, lots)?])
    }

    /// Moves an amount to another member, by way of [`House::Transit`]. Each part keeps its expiry, in a lot of its
    /// own; what the receiver owes is repaid first.
    pub(super) fn transfer(
        &mut self,
        posting: PostingId,
        from: MemberId,
        to: MemberId,
        unit: &Unit,
        amount: Minor,
    ) -> Result<Vec<Transfer>, LedgerError> {
        // A coupon is issued to a member, and counts for what that member may get.
        if !unit.rules.transferable || unit.kind == UnitKind::Coupon {
            return Err(LedgerError::NotTransferable(unit.code.clone()));
        }
        if from == to {
            return Err(LedgerError::SameMember(from));
        }
        let code = &unit.code;
        let mut giver = self.touch(from, code)?;
        self.count_spending(&mut giver, unit, amount)?;
        withdraw(&mut giver, unit, amount)?;
        let taken = lots::take_first_expiring(self, from, code, amount)?;
        self.save_account(from, code, giver)?;

        let mut receiver = self.touch_to_receive(to, unit)?;
        let mut transfers = vec![debit(code, from, House::Transit, taken.clone())?];
        let rest = self.repay(&mut receiver, to, code, amount, House::Transit, &mut transfers)?;
        if rest > 0 {
            self.check_room(&receiver, unit, rest)?;
            let (_, parts) = lots::split(&taken, minus(amount, rest)?)?;
            let opened = parts
                .iter()
                .map(|part| {
                    let id = self.ids.lot();
                    lots::open(self, id, posting, to, code, part.amount, part.expires_at)
                })
                .collect::<Result<Vec<Allocation>, LedgerError>>()?;
            receiver.balance = plus(receiver.balance, rest)?;
            transfers.push(credit(code, House::Transit, to, opened)?);
        }
        self.save_account(to, code, receiver)?;
        Ok(transfers)
    }
}
