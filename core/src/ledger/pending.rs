//! Pending grants: earned now, spendable from an instant on, or after an event.
//!
//! What is pending is neither spendable nor does it repay a debt. On its release it is as if it were granted at the
//! instant of that, whenever it is booked. A reversal before that takes it back as a whole, whatever the member has
//! spent.

use jiff::Timestamp;

use super::book::{credit, has_expired, minus, on_behalf, plus};
use super::reversal::Lapsed;
use super::{
    Account, Allocation, Book, Cause, House, LedgerError, Move, PendingGrant, PendingState, Release, Transfer, lots,
};
use crate::domain::{Code, LotId, MemberId, Minor, PostingId, Reference, Unit, UnitKind};
use crate::store::layout::{self, Timed};
use crate::store::{Direction, StoreError};

impl PendingGrant {
    #[expect(clippy::too_many_arguments, reason = "the parts of a record")]
    pub(super) fn waiting(
        lot: LotId,
        source: PostingId,
        member: MemberId,
        unit: Code,
        amount: Minor,
        expires_at: Option<Timestamp>,
        from: House,
        release: Release,
    ) -> Self {
        Self { lot, source, member, unit, amount, expires_at, from, release, state: PendingState::Waiting }
    }

    /// The instant of a release that is booked now: that of its time, or else that of its event, which is now.
    pub(super) fn released_at(&self, now: Timestamp) -> Timestamp {
        self.release.at().map_or(now, |at| at.min(now))
    }
}

impl Book<'_> {
    /// Releases up to `limit` of the pending grants that wait for an event, and tells how many those were; fewer than
    /// `limit` means that none is left.
    ///
    /// # Errors
    /// [`LedgerError::Store`] and [`LedgerError::Inconsistent`].
    pub fn release_waiting(&mut self, event: &Reference, limit: usize) -> Result<usize, LedgerError> {
        let found = self.tx.scan(&layout::waiting_for(self.merchant, event), Direction::Forward, limit)?;
        for (key, _) in &found {
            let lot = layout::waiting_lot(key).ok_or_else(|| StoreError::corrupt("key of a pending grant", key))?;
            let pending: PendingGrant = self.must(&layout::pending(self.merchant, lot))?;
            // If its time has come as well, this releases it.
            let member = self.survivor(pending.member)?;
            self.touch_timed(member, &pending.unit)?;
            if self.tx.get(key)?.is_some() {
                self.book_own(Cause::Release, Move::Release { lot })?;
            }
        }
        Ok(found.len())
    }

    pub(super) fn grant_later(&mut self, unit: &Unit, new: &PendingGrant) -> Result<Vec<Transfer>, LedgerError> {
        if unit.kind == UnitKind::Coupon {
            return Err(LedgerError::IsCoupon(unit.code.clone()));
        }
        let PendingGrant { lot, member, amount, expires_at, from, .. } = *new;
        let mut account = self.touch_to_receive(member, unit)?;
        self.count_earning(&mut account, unit, amount)?;
        self.check_room(&account, unit, amount)?;
        account.pending = plus(account.pending, amount)?;
        self.save_account(member, &unit.code, account)?;
        if let Some(at) = new.release.at() {
            self.watch(member, &unit.code, at, Timed::Pending(lot))?;
        }
        if let Some(event) = new.release.event() {
            self.tx.put(&layout::waiting(self.merchant, event, lot), Vec::new())?;
        }
        self.tx.save(&layout::pending(self.merchant, lot), new)?;
        let part = Allocation { lot, expires_at, amount };
        Ok(vec![on_behalf(member, &unit.code, amount, from, House::Pending, vec![part])])
    }

    pub(super) fn release(&mut self, by: PostingId, lot: LotId) -> Result<Vec<Transfer>, LedgerError> {
        let pending = self.pending_as_made(lot)?.ok_or(LedgerError::UnknownPending(lot))?;
        if pending.state != PendingState::Waiting {
            return Err(LedgerError::PendingClosed(lot));
        }
        let PendingGrant { amount, source, expires_at, .. } = pending;
        let member = self.survivor(pending.member)?;
        let unit = pending.unit.clone();
        let mut account = self.account(member, &unit)?;
        account.pending = minus(account.pending, amount)?;
        let mut transfers = Vec::new();
        let at = pending.released_at(self.now);
        let rest = if has_expired(expires_at, at) {
            amount
        } else {
            self.repay(&mut account, member, &unit, amount, House::Pending, &mut transfers)?
        };
        if rest > 0 {
            let part = lots::open(self, lot, source, member, &unit, rest, expires_at)?;
            account.balance = plus(account.balance, rest)?;
            let released = credit(&unit, House::Pending, member, vec![part])?;
            transfers.push(Transfer { on_behalf: Some(member), ..released });
        }
        self.save_account(member, &unit, account)?;
        let repaid = minus(amount, rest)?;
        self.close_pending(pending, PendingState::Released { posting: by, repaid })?;
        Ok(transfers)
    }

    /// Takes back what is still pending, or what became of it.
    pub(super) fn undo_pending(
        &mut self,
        by: PostingId,
        lot: LotId,
        account: &mut Account,
        transfers: &mut Vec<Transfer>,
    ) -> Result<(), LedgerError> {
        let pending: PendingGrant = self.must(&layout::pending(self.merchant, lot))?;
        let PendingGrant { amount, expires_at, from, .. } = pending;
        let member = self.survivor(pending.member)?;
        let unit = pending.unit.clone();
        match pending.state {
            PendingState::Waiting => {
                account.pending = minus(account.pending, amount)?;
                let part = Allocation { lot, expires_at, amount };
                transfers.push(on_behalf(member, &unit, amount, House::Pending, from, vec![part]));
                self.close_pending(pending, PendingState::Cancelled { posting: by })
            }
            PendingState::Released { repaid, .. } => {
                self.owe_again(account, member, &unit, repaid, from, transfers)?;
                let rest = minus(amount, repaid)?;
                let part = (rest > 0).then_some(Allocation { lot, expires_at, amount: rest });
                self.take_back(account, member, &unit, part.as_slice(), rest, from, &mut Lapsed::new(), transfers)
            }
            PendingState::Cancelled { .. } => {
                Err(LedgerError::inconsistent(format!("the pending grant {lot} is taken back twice")))
            }
        }
    }

    /// A pending grant, by the lot that it becomes. Of a member who was merged into another one it is that one's.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn find_pending(&mut self, lot: LotId) -> Result<Option<PendingGrant>, LedgerError> {
        let Some(pending) = self.pending_as_made(lot)? else { return Ok(None) };
        Ok(Some(PendingGrant { member: self.survivor(pending.member)?, ..pending }))
    }

    /// A pending grant as its record is: it names the member for whom it was made.
    fn pending_as_made(&mut self, lot: LotId) -> Result<Option<PendingGrant>, LedgerError> {
        Ok(self.tx.load(&layout::pending(self.merchant, lot))?)
    }

    fn close_pending(&mut self, pending: PendingGrant, state: PendingState) -> Result<(), LedgerError> {
        if let Some(at) = pending.release.at() {
            let member = self.survivor(pending.member)?;
            self.unwatch(member, &pending.unit, at, Timed::Pending(pending.lot));
        }
        if let Some(event) = pending.release.event() {
            self.tx.delete(&layout::waiting(self.merchant, event, pending.lot));
        }
        let closed = PendingGrant { state, ..pending };
        Ok(self.tx.save(&layout::pending(self.merchant, closed.lot), &closed)?)
    }
}
