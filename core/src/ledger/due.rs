//! What falls due: lots expire, holds lapse, pending grants are released.
//!
//! All of it counts from its very instant: before an account is touched, what is due on it is booked, and a balance is
//! told as if it were. Accounts that nobody touches are brought up by [`Book::book_due`], which a job calls: it finds
//! what is due at a merchant's in one range of keys, in the order of the instants, and looks at nothing else.

use jiff::Timestamp;

use super::{Account, Book, Cause, Hold, LedgerError, Move, PendingGrant, lots};
use crate::domain::{Code, MemberId};
use crate::store::layout::{self, Due, Timed};
use crate::store::{Direction, StoreError};

/// What one step of the job has booked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DueBooked {
    /// How many things were due, as far as this step has looked.
    pub found: usize,
    /// Whether there may be more.
    pub more: bool,
    /// How many of them led to records that are missing or contradict each other: nothing could be booked.
    pub lost: usize,
}

impl Book<'_> {
    /// Books up to `limit` of the things that are due at the merchant's, the longest due first. Each step may run in a
    /// transaction of its own; what was booked is not found again.
    ///
    /// # Errors
    /// [`LedgerError::Store`] and [`LedgerError::Inconsistent`].
    pub fn book_due(&mut self, limit: usize) -> Result<DueBooked, LedgerError> {
        let range = layout::due_until(self.merchant, self.now);
        let found = self.tx.scan(&range, Direction::Forward, limit)?;
        let mut lost: usize = 0;
        for (key, _) in &found {
            let what = layout::due_parts(key).ok_or_else(|| StoreError::corrupt("key of what is due", key))?.1;
            let (member, unit) = match what {
                Due::Lot { member, unit, .. } => (member, unit),
                Due::Timed(timed) => match self.owner_of(timed)? {
                    Some(owner) => owner,
                    None => {
                        // What is missing is found by the audit; it must not keep all that falls due later from being booked.
                        self.tx.delete(key);
                        lost = lost.saturating_add(1);
                        continue;
                    }
                },
            };
            // All that is due on the account, so that it comes in the same order as when somebody touches it.
            let before = self.tx.savepoint();
            match self.touch(member, &unit) {
                Err(LedgerError::Store(error)) => return Err(error.into()),
                Err(_) => {
                    self.tx.rollback_to(before);
                    lost = lost.saturating_add(1);
                }
                Ok(_) => {}
            }
            // Booking has taken the entry away; one that led to nothing must not be found for ever.
            self.tx.delete(key);
        }
        Ok(DueBooked { found: found.len(), lost, more: found.len() == limit })
    }

    /// Whose a hold or pending grant is, and of what; `None` when its record is missing.
    fn owner_of(&mut self, timed: Timed) -> Result<Option<(MemberId, Code)>, LedgerError> {
        let owner = match timed {
            Timed::Hold(hold) => {
                let hold = self.tx.load::<Hold>(&layout::hold(self.merchant, hold))?;
                hold.map(|hold| (hold.member, hold.unit))
            }
            Timed::Pending(lot) => {
                let pending = self.tx.load::<PendingGrant>(&layout::pending(self.merchant, lot))?;
                pending.map(|pending| (pending.member, pending.unit))
            }
        };
        let Some((member, unit)) = owner else { return Ok(None) };
        Ok(Some((self.survivor(member)?, unit)))
    }

    /// An account as it is now: what is due on it is booked first.
    pub(super) fn touch(&mut self, member: MemberId, unit: &Code) -> Result<Account, LedgerError> {
        let account = self.touch_timed(member, unit)?;
        if self.book_lapsed(member, unit)? { self.account(member, unit) } else { Ok(account) }
    }

    /// An account with its due holds and pending grants booked, but perhaps not its expired lots: enough for what only
    /// adds to it. Costs nothing more than the account while there are neither.
    pub(super) fn touch_timed(&mut self, member: MemberId, unit: &Code) -> Result<Account, LedgerError> {
        let account = self.account(member, unit)?;
        if account.held == 0 && account.pending == 0 {
            return Ok(account);
        }
        let due = self.timed(member, unit)?;
        if due.is_empty() {
            return Ok(account);
        }
        for what in due {
            match what {
                Timed::Hold(hold) => self.book_own(Cause::Lapse, Move::LapseHold { hold })?,
                Timed::Pending(lot) => self.book_own(Cause::Release, Move::Release { lot })?,
            }
        }
        self.account(member, unit)
    }

    /// The holds and pending grants that are due on an account, in the order of their instants.
    pub(super) fn timed(&mut self, member: MemberId, unit: &Code) -> Result<Vec<Timed>, LedgerError> {
        let range = layout::timed_until(self.merchant, member, unit, self.now);
        let found = self.tx.scan(&range, Direction::Forward, usize::MAX)?;
        found
            .into_iter()
            .map(|(key, _)| match layout::timed_parts(&key) {
                Some((_, what)) => Ok(what),
                None => Err(StoreError::corrupt("key of what is due", &key).into()),
            })
            .collect()
    }

    /// Books the expiry of what has lapsed on an account, in postings of their own, and tells whether there was any.
    fn book_lapsed(&mut self, member: MemberId, unit: &Code) -> Result<bool, LedgerError> {
        let mut any = false;
        while lots::has_lapsed(self, member, unit)? {
            self.book_own(Cause::Expiry, Move::Expire { member, unit: unit.clone() })?;
            any = true;
        }
        Ok(any)
    }

    /// Remembers when something on an account falls due.
    pub(super) fn watch(
        &mut self,
        member: MemberId,
        unit: &Code,
        at: Timestamp,
        what: Timed,
    ) -> Result<(), LedgerError> {
        self.tx.put(&layout::timed(self.merchant, member, unit, at, what), Vec::new())?;
        self.tx.put(&layout::due(self.merchant, at, &Due::Timed(what)), Vec::new())?;
        Ok(())
    }

    /// Forgets when something on an account falls due: it has another end.
    pub(super) fn unwatch(&mut self, member: MemberId, unit: &Code, at: Timestamp, what: Timed) {
        self.tx.delete(&layout::timed(self.merchant, member, unit, at, what));
        self.tx.delete(&layout::due(self.merchant, at, &Due::Timed(what)));
    }
}
