//! Reversals: one operation that undoes a whole posting, or a part of one.
//!
//! What was spent goes back to the very lots. What was granted is taken back from its own lot first, then from those
//! that expire first; what is missing then is owed, forgiven or refused, as the unit's rules say.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::book::{bounded, check_amount, credit, debit, has_expired, minus, on_behalf, plus, sum};
use super::records::{Reversal, ReversedPart};
use super::{
    Account, Allocation, Book, Entry, Hold, House, LedgerError, Move, Party, Posting, Reversible, Transfer, lots,
};
use crate::domain::{Code, LotId, MemberId, Minor, PostingId, Shortfall};
use crate::store::layout;

/// How much of which lots had lapsed, so that it was not there to be taken back.
pub(super) type Lapsed = BTreeMap<LotId, Minor>;

impl Book<'_> {
    pub(super) fn reverse(&mut self, by: PostingId, id: PostingId) -> Result<Vec<Transfer>, LedgerError> {
        let key = layout::posting(self.merchant, id);
        let posting = self.tx.load::<Posting>(&key)?.ok_or(LedgerError::UnknownPosting(id))?;
        if !posting.entries.iter().all(|entry| is_reversible(&entry.wanted)) {
            return Err(LedgerError::NotReversible(id));
        }
        let marker = layout::reversal(self.merchant, id);
        match self.tx.load::<Reversal>(&marker)? {
            Some(Reversal::Whole(by)) => return Err(LedgerError::AlreadyReversed { posting: id, by }),
            Some(Reversal::Parts(_)) => return Err(LedgerError::PartlyReversed(id)),
            None => self.tx.save(&marker, &Reversal::Whole(by))?,
        }
        let mut transfers = Vec::new();
        for entry in posting.entries.iter().rev() {
            let before = transfers.len();
            for original in entry.transfers.iter().rev() {
                self.undo(by, original, &mut Lapsed::new(), &mut transfers)?;
            }
            let back = transfers.get(before..).unwrap_or_default().iter().filter(|transfer| is_returned(transfer));
            let back = back.fold(0, |sum: Minor, transfer| sum.saturating_add(transfer.amount));
            self.uncount(posting.at, entry, back)?;
        }
        Ok(transfers)
    }

    /// What a posting booked for and against members that can be reversed in parts, by unit, and what is left of it.
    ///
    /// # Errors
    /// [`LedgerError::UnknownPosting`], and the store's failures.
    pub fn reversible_parts(&mut self, id: PostingId) -> Result<BTreeMap<Code, Reversible>, LedgerError> {
        let posting = self.tx.load::<Posting>(&layout::posting(self.merchant, id))?;
        let posting = posting.ok_or(LedgerError::UnknownPosting(id))?;
        let mut parts: BTreeMap<Code, Reversible> = BTreeMap::new();
        for transfer in posting.transfers().filter(|transfer| is_forward(transfer)) {
            let part = parts.entry(transfer.unit.clone()).or_default();
            part.booked = plus(part.booked, transfer.amount)?;
            part.left = part.booked;
        }
        match self.tx.load::<Reversal>(&layout::reversal(self.merchant, id))? {
            Some(Reversal::Whole(_)) => parts.values_mut().for_each(|part| part.left = 0),
            Some(Reversal::Parts(undone)) => {
                for undone in undone {
                    if let Some(part) = parts.get_mut(&undone.unit) {
                        part.left = minus(part.left, undone.amount)?;
                    }
                }
            }
            None => {}
        }
        Ok(parts)
    }

    /// Undoes so much of a unit: what a posting did last goes first, but for what earlier parts have undone.
    pub(super) fn reverse_part(
        &mut self,
        by: PostingId,
        id: PostingId,
        unit: &Code,
        amount: Minor,
    ) -> Result<Vec<Transfer>, LedgerError> {
        check_amount(amount)?;
        let posting = self.tx.load::<Posting>(&layout::posting(self.merchant, id))?;
        let posting = posting.ok_or(LedgerError::UnknownPosting(id))?;
        let in_parts =
            |wanted: &Move| matches!(wanted, Move::Grant { .. } | Move::Spend { .. } | Move::PostHold { .. });
        if !posting.entries.iter().all(|entry| in_parts(&entry.wanted)) {
            return Err(LedgerError::NotReversible(id));
        }
        let marker = layout::reversal(self.merchant, id);
        let mut parts = match self.tx.load::<Reversal>(&marker)? {
            Some(Reversal::Whole(by)) => return Err(LedgerError::AlreadyReversed { posting: id, by }),
            Some(Reversal::Parts(parts)) => parts,
            None => Vec::new(),
        };
        let mut undone = 0;
        let mut lapsed = Lapsed::new();
        for part in parts.iter().filter(|part| part.unit == *unit) {
            undone = plus(undone, part.amount)?;
            for (lot, amount) in &part.lapsed {
                let sum = lapsed.entry(*lot).or_default();
                *sum = plus(*sum, *amount)?;
            }
        }
        let of_unit = |transfer: &&Transfer| transfer.unit == *unit && is_forward(transfer);
        let all = posting.transfers().filter(of_unit).try_fold(0, |sum, transfer| plus(sum, transfer.amount))?;
        let left = minus(all, undone)?;
        if amount > left {
            return Err(LedgerError::PartTooLarge { posting: id, unit: unit.clone(), wanted: amount, left });
        }
        let told = lapsed.clone();
        let (mut transfers, mut wanted) = (Vec::new(), amount);
        for entry in posting.entries.iter().rev() {
            for original in entry.transfers.iter().rev().filter(of_unit) {
                let skipped = undone.min(original.amount);
                undone = minus(undone, skipped)?;
                let part = wanted.min(minus(original.amount, skipped)?);
                if part > 0 {
                    wanted = minus(wanted, part)?;
                    let (_, rest) = lots::split(&original.lots, skipped)?;
                    let (lots, _) = lots::split(&rest, part)?;
                    let piece = Transfer { amount: part, lots, ..original.clone() };
                    self.undo(by, &piece, &mut lapsed, &mut transfers)?;
                    self.uncount_part(posting.at, &entry.wanted, part)?;
                }
            }
        }
        let mut gone = Vec::new();
        for (lot, sum) in lapsed {
            let here = minus(sum, told.get(&lot).copied().unwrap_or(0))?;
            gone.extend((here > 0).then_some((lot, here)));
        }
        parts.push(ReversedPart { by, unit: unit.clone(), amount, lapsed: gone });
        self.tx.save(&marker, &Reversal::Parts(parts))?;
        Ok(transfers)
    }

    fn uncount_part(&mut self, at: Timestamp, wanted: &Move, amount: Minor) -> Result<(), LedgerError> {
        match wanted {
            Move::Grant { member, unit, .. } => {
                self.uncount_for(*member, unit, |book, account| book.uncount_earning(account, at, amount))
            }
            Move::Spend { member, unit, .. } => {
                self.uncount_for(*member, unit, |book, account| book.uncount_spending(account, at, amount))
            }
            Move::PostHold { hold, .. } => {
                let Hold { member, unit, placed_at, .. } = self.must(&layout::hold(self.merchant, *hold))?;
                self.uncount_for(member, &unit, |book, account| book.uncount_spending(account, placed_at, amount))
            }
            _ => Ok(()),
        }
    }

    fn undo(
        &mut self,
        by: PostingId,
        original: &Transfer,
        lapsed: &mut Lapsed,
        transfers: &mut Vec<Transfer>,
    ) -> Result<(), LedgerError> {
        let Transfer { unit, amount, from, to, lots, on_behalf } = original;
        let member = match (*from, *to, *on_behalf) {
            (Party::Member(member), _, _) | (_, Party::Member(member), _) | (_, _, Some(member)) => member,
            (from, to, None) => return Err(LedgerError::inconsistent(format!("a transfer from {from:?} to {to:?}"))),
        };
        let member = self.survivor(member)?;
        let mut account = self.touch(member, unit)?;
        match (*from, *to) {
            // What came back of a hold when a part of it was posted is back.
            (Party::House(House::Held), _) if !is_posted(original) => return Ok(()),
            (Party::House(_), Party::House(House::Pending)) => {
                for part in lots {
                    self.undo_pending(by, part.lot, &mut account, transfers)?;
                }
            }
            (Party::House(house), Party::House(House::Debt)) => {
                self.owe_again(&mut account, member, unit, *amount, house, transfers)?;
            }
            (Party::House(House::Held) | Party::Member(_), Party::House(house)) => {
                self.give_back(&mut account, member, unit, lots, house, self.now, transfers)?;
            }
            (Party::House(house), Party::Member(_)) => {
                self.take_back(&mut account, member, unit, lots, *amount, house, lapsed, transfers)?;
            }
            (from, to) => return Err(LedgerError::inconsistent(format!("a transfer from {from:?} to {to:?}"))),
        }
        self.save_account(member, unit, account)
    }

    /// Takes what a move had counted for its day out of the count again, if that day is not over; of issued coupons, those
    /// that came `back`.
    fn uncount(&mut self, at: Timestamp, entry: &Entry, back: Minor) -> Result<(), LedgerError> {
        match &entry.wanted {
            Move::Grant { member, unit, amount, .. } | Move::GrantLater { member, unit, amount, .. } => {
                self.uncount_for(*member, unit, |book, account| book.uncount_earning(account, at, *amount))
            }
            Move::Issue { member, unit, count } => {
                let holder = self.survivor(*member)?;
                self.unissue(holder, unit, back)?;
                self.uncount_for(*member, unit, |book, account| book.uncount_earning(account, at, *count))
            }
            Move::Spend { member, unit, amount, .. } | Move::Transfer { from: member, unit, amount, .. } => {
                self.uncount_for(*member, unit, |book, account| book.uncount_spending(account, at, *amount))
            }
            Move::PostHold { hold, .. } => {
                let Hold { member, unit, placed_at, .. } = self.must(&layout::hold(self.merchant, *hold))?;
                let posted = entry.transfers.iter().filter(|transfer| is_posted(transfer)).map(|part| part.amount);
                let posted = posted.fold(0, Minor::saturating_add);
                self.uncount_for(member, &unit, |book, account| book.uncount_spending(account, placed_at, posted))
            }
            Move::Reverse { .. }
            | Move::Expire { .. }
            | Move::Release { .. }
            | Move::Hold { .. }
            | Move::VoidHold { .. }
            | Move::LapseHold { .. }
            | Move::ReversePart { .. }
            | Move::Merge { .. }
            | Move::Owe { .. } => Ok(()),
        }
    }

    fn uncount_for(
        &mut self,
        member: MemberId,
        unit: &Code,
        uncount: impl FnOnce(&Self, &mut Account),
    ) -> Result<(), LedgerError> {
        let member = self.survivor(member)?;
        let mut account = self.account(member, unit)?;
        uncount(self, &mut account);
        self.save_account(member, unit, account)
    }

    /// Takes back what was granted: from its own lots, then from the lots that expire first, and what is missing as the
    /// unit's rules say. What lapsed of it is gone already, and is added to what is known to have `lapsed` of each lot; if
    /// it came from another member, it lapses with them instead.
    #[expect(clippy::too_many_arguments, reason = "the parts of one transfer")]
    pub(super) fn take_back(
        &mut self,
        account: &mut Account,
        member: MemberId,
        unit: &Code,
        granted: &[Allocation],
        amount: Minor,
        house: House,
        known_lapsed: &mut Lapsed,
        transfers: &mut Vec<Transfer>,
    ) -> Result<(), LedgerError> {
        let (mut taken, mut short) = (Vec::new(), Vec::new());
        let (mut owed, mut gone) = (amount, 0);
        for allocation in granted {
            let known = known_lapsed.entry(allocation.lot).or_default();
            let (part, lapsed) = lots::take_back(self, member, unit, allocation, *known)?;
            *known = plus(*known, lapsed)?;
            let there = plus(lapsed, part.map_or(0, |part| part.amount))?;
            short.push(Allocation { amount: minus(allocation.amount, there)?, ..*allocation });
            owed = minus(owed, lapsed)?;
            gone = plus(gone, lapsed)?;
            if let Some(part) = part {
                owed = minus(owed, part.amount)?;
                account.balance = minus(account.balance, part.amount)?;
                taken.push(part);
            }
        }
        if gone > 0 && house == House::Transit {
            transfers.push(on_behalf(member, unit, gone, House::Expired, house, Vec::new()));
        }
        let policy = if owed > 0 { self.unit(unit)?.rules.shortfall } else { Shortfall::Owe };
        let mut forgiven = self.take_or_owe(account, member, unit, owed, house, taken, policy, transfers)?;
        for spent in &short {
            let borne = forgiven.min(spent.amount);
            if borne > 0 {
                forgiven = minus(forgiven, borne)?;
                lots::forgive(self, member, unit, spent, borne)?;
            }
        }
        Ok(())
    }

    /// Undoes that something repaid a debt: the member gives it, or owes it again, whatever the unit's rules say of
    /// what is missing. They owed it before.
    pub(super) fn owe_again(
        &mut self,
        account: &mut Account,
        member: MemberId,
        unit: &Code,
        repaid: Minor,
        house: House,
        transfers: &mut Vec<Transfer>,
    ) -> Result<(), LedgerError> {
        let nothing = Vec::new();
        self.take_or_owe(account, member, unit, repaid, house, nothing, Shortfall::Owe, transfers).map(|_| ())
    }

    /// Takes an amount from the lots that expire first, besides what is `taken` already. What the member has not is
    /// owed, forgiven or refused. Returns what is forgiven.
    #[expect(clippy::too_many_arguments, reason = "the parts of one transfer")]
    fn take_or_owe(
        &mut self,
        account: &mut Account,
        member: MemberId,
        unit: &Code,
        amount: Minor,
        house: House,
        mut taken: Vec<Allocation>,
        policy: Shortfall,
        transfers: &mut Vec<Transfer>,
    ) -> Result<Minor, LedgerError> {
        let there = account.balance.min(amount);
        if there > 0 {
            taken.extend(lots::take_first_expiring(self, member, unit, there)?);
            account.balance = minus(account.balance, there)?;
        }
        if !taken.is_empty() {
            transfers.push(debit(unit, member, house, taken)?);
        }
        let missing = minus(amount, there)?;
        if missing == 0 {
            return Ok(0);
        }
        let from = match policy {
            Shortfall::Owe => {
                account.debt = bounded(plus(account.debt, missing)?, unit)?;
                House::Debt
            }
            Shortfall::Forgive => House::Forgiven,
            Shortfall::Refuse => return Err(LedgerError::Shortfall { unit: unit.clone(), missing }),
        };
        transfers.push(on_behalf(member, unit, missing, from, house, Vec::new()));
        Ok(if from == House::Forgiven { missing } else { 0 })
    }

    /// Gives back what was spent or held, as of an instant: what was forgiven goes back to the merchant, then what the
    /// member owes is repaid by what has not expired, and the rest goes to the very lots it came from.
    #[expect(clippy::too_many_arguments, reason = "the parts of one transfer")]
    pub(super) fn give_back(
        &mut self,
        account: &mut Account,
        member: MemberId,
        unit: &Code,
        spent: &[Allocation],
        house: House,
        at: Timestamp,
        transfers: &mut Vec<Transfer>,
    ) -> Result<(), LedgerError> {
        let (forgiven, spent) = lots::split_forgiven(self, member, unit, spent)?;
        if forgiven > 0 {
            transfers.push(on_behalf(member, unit, forgiven, house, House::Forgiven, Vec::new()));
        }
        let (mut back, good): (Vec<_>, Vec<_>) = spent.into_iter().partition(|part| has_expired(part.expires_at, at));
        let usable = sum(&good)?;
        let rest = self.repay(account, member, unit, usable, house, transfers)?;
        back.extend(lots::split(&good, minus(usable, rest)?)?.1);
        if !back.is_empty() {
            lots::give_back(self, member, unit, &back)?;
            let back = credit(unit, house, member, back)?;
            account.balance = plus(account.balance, back.amount)?;
            if house == House::Held {
                // There was room for it all the time, and a hold must be able to end.
                transfers.push(Transfer { on_behalf: Some(member), ..back });
            } else {
                bounded(account.balance, unit)?;
                transfers.push(back);
            }
        }
        Ok(())
    }
}

/// Whether a move is one that a reversal undoes. A hold is voided, and what the ledger did by itself stands.
fn is_reversible(wanted: &Move) -> bool {
    match wanted {
        Move::Grant { .. }
        | Move::Spend { .. }
        | Move::GrantLater { .. }
        | Move::PostHold { .. }
        | Move::Transfer { .. }
        | Move::Issue { .. } => true,
        Move::Reverse { .. }
        | Move::Expire { .. }
        | Move::Release { .. }
        | Move::Hold { .. }
        | Move::VoidHold { .. }
        | Move::LapseHold { .. }
        | Move::ReversePart { .. }
        | Move::Merge { .. }
        | Move::Owe { .. } => false,
    }
}

/// Whether a transfer of a reversal brings something issued back from the member.
fn is_returned(transfer: &Transfer) -> bool {
    matches!((transfer.from, transfer.to), (Party::Member(_), Party::House(House::Issued)))
}

/// Whether a transfer is what a posting was for: not what went back of a hold when a part of it was posted.
fn is_forward(transfer: &Transfer) -> bool {
    transfer.from != Party::House(House::Held) || is_posted(transfer)
}

/// Whether a transfer of the posting of a hold is what was posted, and not what went back: what repays a debt or was
/// forgiven is in no lots.
fn is_posted(transfer: &Transfer) -> bool {
    matches!(transfer.to, Party::House(_)) && !transfer.lots.is_empty()
}
