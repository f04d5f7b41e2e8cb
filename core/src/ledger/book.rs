//! Making postings: what is asked for is checked first, in a stated order, and then booked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::records::{Booked, Day};
use super::{
    Account, Allocation, Balance, Cause, Entry, Hold, House, LedgerError, Move, NewPosting, Party, PendingGrant,
    Posting, Transfer, lots,
};
use crate::domain::{Code, Currency, IdSource, LotId, MemberId, MerchantId, Minor, PostingId, Source, StoreId, Unit};
use crate::store::layout::{self, Side, Timed};
use crate::store::{Record, Tx, encode};

/// Whose ledger it is, and when and where it is kept.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The merchant.
    pub merchant: MerchantId,
    /// Where its days and months begin and end.
    pub zone: TimeZone,
    /// The present.
    pub now: Timestamp,
    /// For which store's figures what is done counts; none for what is done in no store.
    pub store: Option<StoreId>,
    /// Who acts.
    pub by: Source,
}

/// A merchant's ledger inside one transaction, at one instant.
pub struct Book<'a> {
    pub(super) tx: &'a mut Tx,
    pub(super) ids: &'a mut IdSource,
    pub(super) merchant: MerchantId,
    pub(super) zone: TimeZone,
    pub(super) now: Timestamp,
    store: Option<StoreId>,
    by: Source,
}

impl<'a> Book<'a> {
    /// The ledger of a merchant.
    pub fn new(tx: &'a mut Tx, ids: &'a mut IdSource, terms: Terms) -> Self {
        let Terms { merchant, zone, now, store, by } = terms;
        Self { tx, ids, merchant, zone, now, store, by }
    }

    /// What a member can use of a unit now, and what else they have of it. What has fallen due counts as if it were
    /// booked.
    ///
    /// # Errors
    /// [`LedgerError::Store`] and [`LedgerError::Inconsistent`].
    pub fn balance(&mut self, member: MemberId, unit: &Code) -> Result<Balance, LedgerError> {
        let Account { balance, debt, held, pending, .. } = self.account(member, unit)?;
        let lapsed = lots::lapsed(self, member, unit)?;
        let mut found = Balance { available: minus(balance, lapsed)?, held, pending, debt };
        if held > 0 || pending > 0 {
            // What is forgiven of each lot and did not come back with one of these holds.
            let mut forgiven = BTreeMap::new();
            for what in self.timed(member, unit)? {
                match what {
                    Timed::Hold(hold) => {
                        let hold: Hold = self.must(&layout::hold(self.merchant, hold))?;
                        found.held = minus(found.held, hold.amount)?;
                        let parts = self.without_forgiven(member, unit, &hold.lots, &mut forgiven)?;
                        self.count_in(&mut found, &parts, hold.lapses_at)?;
                    }
                    Timed::Pending(lot) => {
                        let pending: PendingGrant = self.must(&layout::pending(self.merchant, lot))?;
                        let PendingGrant { amount, expires_at, .. } = pending;
                        found.pending = minus(found.pending, amount)?;
                        let part = Allocation { lot, expires_at, amount };
                        self.count_in(&mut found, &[part], pending.released_at(self.now))?;
                    }
                }
            }
        }
        Ok(found)
    }

    /// What comes to the member of parts that were held: not what is forgiven of their lots.
    fn without_forgiven(
        &mut self,
        member: MemberId,
        unit: &Code,
        parts: &[Allocation],
        forgiven: &mut BTreeMap<LotId, Minor>,
    ) -> Result<Vec<Allocation>, LedgerError> {
        let mut rest = Vec::new();
        for part in parts {
            let left = match forgiven.get(&part.lot) {
                Some(left) => *left,
                None => lots::find(self, member, unit, part)?.forgiven,
            };
            let borne = left.min(part.amount);
            forgiven.insert(part.lot, minus(left, borne)?);
            rest.push(Allocation { amount: minus(part.amount, borne)?, ..*part });
        }
        Ok(rest)
    }

    /// Adds what comes to a member at an instant to what they have: what they owe is repaid first by what had not
    /// expired then, and what has expired by now is gone.
    fn count_in(&self, found: &mut Balance, parts: &[Allocation], at: Timestamp) -> Result<(), LedgerError> {
        for part in parts {
            let repaid = if has_expired(part.expires_at, at) { 0 } else { found.debt.min(part.amount) };
            found.debt = minus(found.debt, repaid)?;
            if !has_expired(part.expires_at, self.now) {
                found.available = plus(found.available, minus(part.amount, repaid)?)?;
            }
        }
        Ok(())
    }

    /// Books a posting, or returns the one that was booked under the same id with the same content.
    ///
    /// # Errors
    /// The first refusal in the order of [`LedgerError`]'s variants; moves are looked at one after another. The
    /// transaction is then as it was before the call.
    pub fn post(&mut self, new: &NewPosting) -> Result<Posting, LedgerError> {
        if new.moves.is_empty() {
            return Err(LedgerError::Empty);
        }
        if let Some(earlier) = self.tx.load::<Posting>(&layout::posting(self.merchant, new.id))? {
            return if earlier.matches(new) { Ok(earlier) } else { Err(LedgerError::ExistsDifferent(new.id)) };
        }
        let before = self.tx.savepoint();
        let booked = self.book(new, self.by.clone());
        if booked.is_err() {
            self.tx.rollback_to(before);
        }
        booked
    }

    fn book(&mut self, new: &NewPosting, by: Source) -> Result<Posting, LedgerError> {
        let mut entries = Vec::with_capacity(new.moves.len());
        for wanted in &new.moves {
            let transfers = self.carry_out(new.id, wanted)?;
            // At once: what the next move may do is read from these totals.
            self.count_houses(&transfers)?;
            entries.push(Entry { wanted: wanted.clone(), transfers });
        }
        let posting = Posting {
            id: new.id,
            at: self.now,
            by,
            cause: new.cause.clone(),
            pack: new.pack.clone(),
            reason: new.reason.clone(),
            entries,
        };
        self.record(&posting)?;
        Ok(posting)
    }

    fn carry_out(&mut self, by: PostingId, wanted: &Move) -> Result<Vec<Transfer>, LedgerError> {
        match wanted {
            Move::Grant { member, unit, amount, expires_at, from } => {
                let unit = self.check(unit, *amount)?;
                self.grant(by, *member, &unit, *amount, *expires_at, *from)
            }
            Move::Spend { member, unit, amount, to } => {
                let unit = self.check(unit, *amount)?;
                self.spend(*member, &unit, *amount, *to)
            }
            Move::Reverse { posting } => self.reverse(by, *posting),
            Move::ReversePart { posting, unit, amount } => self.reverse_part(by, *posting, unit, *amount),
            Move::Expire { member, unit } => self.expire(*member, unit),
            Move::GrantLater { member, unit, amount, expires_at, from, release } => {
                let unit = self.check(unit, *amount)?;
                let new = PendingGrant::waiting(
                    self.ids.lot(),
                    by,
                    *member,
                    unit.code.clone(),
                    *amount,
                    *expires_at,
                    *from,
                    release.clone(),
                );
                self.grant_later(&unit, &new)
            }
            Move::Release { lot } => self.release(by, *lot),
            Move::Hold { hold, member, unit, amount, lapses_at } => {
                let unit = self.check(unit, *amount)?;
                self.hold(by, *hold, *member, &unit, *amount, *lapses_at)
            }
            Move::PostHold { hold, amount, to } => self.post_hold(by, *hold, *amount, *to),
            Move::VoidHold { hold } => self.void_hold(by, *hold),
            Move::LapseHold { hold } => self.lapse_hold(by, *hold),
            Move::Transfer { from, to, unit, amount } => {
                let unit = self.check(unit, *amount)?;
                self.transfer(by, *from, *to, &unit, *amount)
            }
            Move::Merge { gone, survivor, unit } => self.merge_account(*gone, *survivor, unit),
            Move::Owe { unit, amount, to_us, .. } => {
                let unit = self.check(unit, *amount)?;
                let (from, to) =
                    if *to_us { (House::Dealings, House::Partners) } else { (House::Partners, House::Dealings) };
                let (from, to) = (Party::House(from), Party::House(to));
                Ok(vec![Transfer { unit: unit.code, amount: *amount, from, to, lots: Vec::new(), on_behalf: None }])
            }
            Move::Issue { member, unit, count } => {
                let unit = self.check(unit, *count)?;
                self.issue(by, *member, &unit, *count)
            }
        }
    }

    fn check(&mut self, unit: &Code, amount: Minor) -> Result<Unit, LedgerError> {
        check_amount(amount)?;
        self.tx.load(&layout::unit(self.merchant, unit))?.ok_or_else(|| LedgerError::UnknownUnit(unit.clone()))
    }

    /// The unit of something that was booked.
    pub(super) fn unit(&mut self, unit: &Code) -> Result<Unit, LedgerError> {
        self.must(&layout::unit(self.merchant, unit))
    }

    /// A record that others lead to.
    pub(super) fn must<T: Record>(&mut self, key: &[u8]) -> Result<T, LedgerError> {
        self.tx.load(key)?.ok_or_else(|| LedgerError::inconsistent(format!("a {} is missing", T::NAME)))
    }

    /// Writes a posting, its place on the statements of the members it touches, and its digest into the merchant's log.
    fn record(&mut self, posting: &Posting) -> Result<(), LedgerError> {
        let bytes = encode(posting);
        let booked = Booked::of(posting.id, &bytes);
        self.tx.put(&layout::posting(self.merchant, posting.id), bytes)?;
        self.tx.append(&layout::ledger_log(self.merchant), encode(&booked))?;
        let mut members: Vec<MemberId> = posting.transfers().flat_map(touched).collect();
        members.sort_unstable();
        members.dedup();
        for member in members {
            self.tx.put(&layout::member_posting(self.merchant, member, posting.id), Vec::new())?;
        }
        Ok(())
    }

    /// Adds transfers to the totals of the house accounts, and to those of the day and store.
    fn count_houses(&mut self, transfers: &[Transfer]) -> Result<(), LedgerError> {
        let (merchant, store, today) = (self.merchant, self.store, self.zone.to_datetime(self.now).date());
        for Transfer { unit, amount, from, to, .. } in transfers {
            let delta = signed(*amount)?;
            for (party, side) in [(from, Side::Debits), (to, Side::Credits)] {
                if let Party::House(house) = party {
                    self.tx.add(&layout::house(merchant, house.letter(), side, unit), delta)?;
                    self.tx.add(&layout::flow(merchant, today, store, house.letter(), side, unit), delta)?;
                }
            }
        }
        Ok(())
    }

    /// Books something that the ledger does by itself, as a posting of its own.
    pub(super) fn book_own(&mut self, cause: Cause, wanted: Move) -> Result<(), LedgerError> {
        let id = self.ids.posting();
        let new = NewPosting { id, cause, pack: None, reason: None, moves: vec![wanted] };
        self.book(&new, Source::Host).map(|_| ())
    }

    /// Whether an instant has come.
    pub(super) fn is_over(&self, at: Timestamp) -> bool {
        has_expired(Some(at), self.now)
    }

    /// The day of the merchant on which an instant falls.
    pub(super) fn day(&self, at: Timestamp) -> Day {
        let date = self.zone.to_datetime(at).date();
        let month_and_day = i32::from(date.month()).saturating_mul(100).saturating_add(date.day().into());
        Day(i32::from(date.year()).saturating_mul(10_000).saturating_add(month_and_day))
    }

    pub(super) fn account(&mut self, member: MemberId, unit: &Code) -> Result<Account, LedgerError> {
        Ok(self.tx.load(&layout::account(self.merchant, member, unit))?.unwrap_or_default())
    }

    pub(super) fn save_account(&mut self, member: MemberId, unit: &Code, account: Account) -> Result<(), LedgerError> {
        Ok(self.tx.save(&layout::account(self.merchant, member, unit), &account)?)
    }
}

/// Whether something that expires then has expired at an instant. Both count as the milliseconds that are stored.
pub(super) fn has_expired(expires_at: Option<Timestamp>, at: Timestamp) -> bool {
    expires_at.is_some_and(|end| end.as_millisecond() <= at.as_millisecond())
}

/// The members that a transfer is about.
pub(super) fn touched(transfer: &Transfer) -> impl Iterator<Item = MemberId> {
    [transfer.from, transfer.to]
        .into_iter()
        .filter_map(|party| match party {
            Party::Member(member) => Some(member),
            Party::House(_) => None,
        })
        .chain(transfer.on_behalf)
}

/// From a member to a house account.
pub(super) fn debit(unit: &Code, member: MemberId, to: House, lots: Vec<Allocation>) -> Result<Transfer, LedgerError> {
    let (from, to) = (Party::Member(member), Party::House(to));
    Ok(Transfer { unit: unit.clone(), amount: sum(&lots)?, from, to, lots, on_behalf: None })
}

/// From a house account to a member.
pub(super) fn credit(
    unit: &Code,
    from: House,
    member: MemberId,
    lots: Vec<Allocation>,
) -> Result<Transfer, LedgerError> {
    let (from, to) = (Party::House(from), Party::Member(member));
    Ok(Transfer { unit: unit.clone(), amount: sum(&lots)?, from, to, lots, on_behalf: None })
}

/// From one house account to another, for a member.
pub(super) fn on_behalf(
    member: MemberId,
    unit: &Code,
    amount: Minor,
    from: House,
    to: House,
    lots: Vec<Allocation>,
) -> Transfer {
    let (from, to) = (Party::House(from), Party::House(to));
    Transfer { unit: unit.clone(), amount, from, to, lots, on_behalf: Some(member) }
}

pub(super) fn check_amount(amount: Minor) -> Result<(), LedgerError> {
    match amount {
        0 => Err(LedgerError::AmountZero),
        1..=Currency::AMOUNT_MAX => Ok(()),
        more => Err(LedgerError::AmountTooLarge(more)),
    }
}

/// What a counter moves by.
pub(super) fn signed(amount: Minor) -> Result<i64, LedgerError> {
    i64::try_from(amount).map_err(|_| LedgerError::AmountTooLarge(amount))
}

pub(super) fn sum(lots: &[Allocation]) -> Result<Minor, LedgerError> {
    lots.iter().try_fold(0, |sum, lot| plus(sum, lot.amount))
}

pub(super) fn plus(to: Minor, amount: Minor) -> Result<Minor, LedgerError> {
    to.checked_add(amount).ok_or_else(|| LedgerError::inconsistent(format!("{amount} added to {to}")))
}

pub(super) fn minus(from: Minor, amount: Minor) -> Result<Minor, LedgerError> {
    from.checked_sub(amount).ok_or_else(|| LedgerError::inconsistent(format!("{amount} taken from {from}")))
}

pub(super) fn bounded(amount: Minor, unit: &Code) -> Result<Minor, LedgerError> {
    if amount <= Currency::AMOUNT_MAX { Ok(amount) } else { Err(LedgerError::BalanceTooLarge(unit.clone())) }
}
