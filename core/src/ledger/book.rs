//! Making postings: what is asked for is checked first, in a stated order, and then booked.

use jiff::Timestamp;

use super::lots;
use super::{Account, Allocation, Balance, Cause, Entry, House, Move, NewPosting, Party, Posting, Transfer};
use crate::domain::{Code, Currency, IdSource, MemberId, MerchantId, Minor, PostingId, Unit};
use crate::store::layout::{self, Side};
use crate::store::{Record, StoreError, Tx};

/// Why the ledger refused a posting. Nothing of it is kept. The order of the variants is the order of the checks.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No moves.
    #[error("a posting does at least one thing, but this one has no moves")]
    Empty,
    /// The id is taken by a posting with other content.
    #[error("posting {0} exists with different content")]
    ExistsDifferent(PostingId),
    /// Zero.
    #[error("the amount is 0, expected at least 1")]
    AmountZero,
    /// Over the largest amount.
    #[error("the amount {0} is over the largest, {max}", max = Currency::AMOUNT_MAX)]
    AmountTooLarge(Minor),
    /// Nobody declared the unit.
    #[error("there is no unit `{0}`")]
    UnknownUnit(Code),
    /// There is no such posting to reverse.
    #[error("there is no posting {0}")]
    UnknownPosting(PostingId),
    /// It is an expiry or a reversal itself.
    #[error("posting {0} is a reversal or an expiry, which are not reversed")]
    NotReversible(PostingId),
    /// It was reversed before.
    #[error("posting {posting} is reversed already, by {by}")]
    AlreadyReversed {
        /// Which.
        posting: PostingId,
        /// By which.
        by: PostingId,
    },
    /// The member holds less.
    #[error("{needed} of `{unit}` are needed, but {available} are available")]
    Insufficient {
        /// Of what.
        unit: Code,
        /// How much was asked for.
        needed: Minor,
        /// How much there is.
        available: Minor,
    },
    /// The member would hold or owe more than the largest amount.
    #[error("the member would hold or owe more than {max} of `{0}`", max = Currency::AMOUNT_MAX)]
    BalanceTooLarge(Code),
    /// The records contradict each other.
    #[error("the ledger's records contradict each other: {0}; run `punchcard verify`")]
    Inconsistent(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A merchant's ledger inside one transaction, at one instant.
pub struct Book<'a> {
    pub(super) tx: &'a mut Tx,
    pub(super) ids: &'a mut IdSource,
    pub(super) merchant: MerchantId,
    pub(super) now: Timestamp,
}

impl<'a> Book<'a> {
    /// The ledger of a merchant.
    pub fn new(tx: &'a mut Tx, ids: &'a mut IdSource, merchant: MerchantId, now: Timestamp) -> Self {
        Self { tx, ids, merchant, now }
    }

    /// What a member can use of a unit now.
    ///
    /// # Errors
    /// [`LedgerError::Store`] and [`LedgerError::Inconsistent`].
    pub fn balance(&mut self, member: MemberId, unit: &Code) -> Result<Balance, LedgerError> {
        let account = self.account(member, unit)?;
        let lapsed = lots::lapsed(self, member, unit)?;
        let available = account
            .balance
            .checked_sub(lapsed)
            .ok_or_else(|| LedgerError::Inconsistent(format!("{member} has more in lapsed lots than in all")))?;
        Ok(Balance { available, debt: account.debt })
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
        let booked = self.book(new);
        if booked.is_err() {
            self.tx.rollback_to(before);
        }
        booked
    }

    fn book(&mut self, new: &NewPosting) -> Result<Posting, LedgerError> {
        let mut entries = Vec::with_capacity(new.moves.len());
        for wanted in &new.moves {
            let transfers = match wanted {
                Move::Grant { member, unit, amount, expires_at, from } => {
                    self.check(unit, *amount)?;
                    self.grant(new.id, *member, unit, *amount, *expires_at, *from)?
                }
                Move::Spend { member, unit, amount, to } => {
                    self.check(unit, *amount)?;
                    self.spend(*member, unit, *amount, *to)?
                }
                Move::Reverse { posting } => self.reverse(new.id, *posting)?,
                Move::Expire { member, unit } => self.expire(*member, unit)?,
            };
            entries.push(Entry { wanted: wanted.clone(), transfers });
        }
        let posting = Posting {
            id: new.id,
            at: self.now,
            cause: new.cause.clone(),
            pack: new.pack.clone(),
            reason: new.reason.clone(),
            entries,
        };
        self.record(&posting)?;
        Ok(posting)
    }

    fn check(&mut self, unit: &Code, amount: Minor) -> Result<(), LedgerError> {
        if amount == 0 {
            return Err(LedgerError::AmountZero);
        }
        if amount > Currency::AMOUNT_MAX {
            return Err(LedgerError::AmountTooLarge(amount));
        }
        if self.tx.load::<Unit>(&layout::unit(self.merchant, unit))?.is_none() {
            return Err(LedgerError::UnknownUnit(unit.clone()));
        }
        Ok(())
    }

    /// Writes a posting, its place on the statements of the members it touches, and the totals of the house accounts.
    fn record(&mut self, posting: &Posting) -> Result<(), LedgerError> {
        self.tx.save(&layout::posting(self.merchant, posting.id), posting)?;
        let mut members: Vec<MemberId> = posting.transfers().flat_map(touched).collect();
        members.sort_unstable();
        members.dedup();
        for member in members {
            self.tx.put(&layout::member_posting(self.merchant, member, posting.id), Vec::new())?;
        }
        for transfer in posting.transfers() {
            let delta = i64::try_from(transfer.amount).map_err(|_| LedgerError::AmountTooLarge(transfer.amount))?;
            for (party, side) in [(transfer.from, Side::Debits), (transfer.to, Side::Credits)] {
                if let Party::House(house) = party {
                    self.tx.add(&layout::house(self.merchant, house.letter(), side, &transfer.unit), delta)?;
                }
            }
        }
        Ok(())
    }

    fn grant(
        &mut self,
        posting: PostingId,
        member: MemberId,
        unit: &Code,
        amount: Minor,
        expires_at: Option<Timestamp>,
        from: House,
    ) -> Result<Vec<Transfer>, LedgerError> {
        let mut account = self.account(member, unit)?;
        let mut transfers = Vec::new();
        let rest = self.repay(&mut account, member, unit, amount, from, &mut transfers)?;
        if rest > 0 {
            let lot = lots::open(self, posting, member, unit, rest, expires_at)?;
            account.balance = bounded(account.balance.checked_add(rest), unit)?;
            transfers.push(Transfer {
                unit: unit.clone(),
                amount: rest,
                from: Party::House(from),
                to: Party::Member(member),
                lots: vec![lot],
                debtor: None,
            });
        }
        self.save_account(member, unit, account)?;
        Ok(transfers)
    }

    /// Uses an amount that is about to reach a member to repay what they owe, and returns what is left of it.
    fn repay(
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
            transfers.push(debt_transfer(unit, repaid, Party::House(from), Party::House(House::Debt), member));
        }
        minus(amount, repaid)
    }

    fn spend(&mut self, member: MemberId, unit: &Code, amount: Minor, to: House) -> Result<Vec<Transfer>, LedgerError> {
        self.book_lapsed(member, unit)?;
        let mut account = self.account(member, unit)?;
        if account.balance < amount {
            let available = account.balance;
            return Err(LedgerError::Insufficient { unit: unit.clone(), needed: amount, available });
        }
        let lots = lots::take_first_expiring(self, member, unit, amount)?;
        account.balance = minus(account.balance, amount)?;
        self.save_account(member, unit, account)?;
        Ok(vec![member_debit(unit, amount, member, to, lots)])
    }

    /// Books the expiry of what has lapsed on an account, as a posting of its own, when there is any.
    fn book_lapsed(&mut self, member: MemberId, unit: &Code) -> Result<(), LedgerError> {
        if lots::lapsed(self, member, unit)? == 0 {
            return Ok(());
        }
        let id = self.ids.posting();
        let moves = vec![Move::Expire { member, unit: unit.clone() }];
        self.book(&NewPosting { id, cause: Cause::Expiry, pack: None, reason: None, moves })?;
        Ok(())
    }

    fn expire(&mut self, member: MemberId, unit: &Code) -> Result<Vec<Transfer>, LedgerError> {
        let mut account = self.account(member, unit)?;
        let lots = lots::close_lapsed(self, member, unit)?;
        let amount = sum(&lots)?;
        if amount == 0 {
            return Ok(Vec::new());
        }
        account.balance = minus(account.balance, amount)?;
        self.save_account(member, unit, account)?;
        Ok(vec![member_debit(unit, amount, member, House::Expired, lots)])
    }

    fn reverse(&mut self, by: PostingId, id: PostingId) -> Result<Vec<Transfer>, LedgerError> {
        let key = layout::posting(self.merchant, id);
        let posting = self.tx.load::<Posting>(&key)?.ok_or(LedgerError::UnknownPosting(id))?;
        if posting.entries.iter().any(|entry| matches!(entry.wanted, Move::Reverse { .. } | Move::Expire { .. })) {
            return Err(LedgerError::NotReversible(id));
        }
        let marker = layout::reversal(self.merchant, id);
        if let Some(earlier) = self.tx.load::<Reversal>(&marker)? {
            return Err(LedgerError::AlreadyReversed { posting: id, by: earlier.0 });
        }
        self.tx.save(&marker, &Reversal(by))?;
        let mut transfers = Vec::new();
        for original in posting.entries.iter().rev().flat_map(|entry| entry.transfers.iter().rev()) {
            self.undo(original, &mut transfers)?;
        }
        Ok(transfers)
    }

    fn undo(&mut self, original: &Transfer, transfers: &mut Vec<Transfer>) -> Result<(), LedgerError> {
        let Transfer { unit, amount, from, to, lots, debtor } = original;
        match (*from, *to) {
            (Party::House(house), Party::Member(member)) => {
                self.take_back(member, unit, lots, *amount, house, transfers)
            }
            (Party::Member(member), Party::House(house)) => {
                self.give_back(member, unit, lots, *amount, house, transfers)
            }
            (Party::House(house), Party::House(House::Debt)) => {
                let member = debtor.ok_or_else(|| LedgerError::Inconsistent("a debt without a debtor".into()))?;
                self.book_lapsed(member, unit)?;
                let mut account = self.account(member, unit)?;
                self.take_or_owe(&mut account, member, unit, *amount, house, Vec::new(), transfers)?;
                self.save_account(member, unit, account)
            }
            (from, to) => Err(LedgerError::Inconsistent(format!("a transfer from {from:?} to {to:?}"))),
        }
    }

    /// Takes back what was granted: from its own lot, then from the lots that expire first, and the rest as a debt.
    /// What lapsed of it is gone already.
    fn take_back(
        &mut self,
        member: MemberId,
        unit: &Code,
        granted: &[Allocation],
        amount: Minor,
        house: House,
        transfers: &mut Vec<Transfer>,
    ) -> Result<(), LedgerError> {
        self.book_lapsed(member, unit)?;
        let mut account = self.account(member, unit)?;
        let mut taken = Vec::new();
        let mut owed = amount;
        for allocation in granted {
            let (part, lapsed) = lots::take_back(self, member, unit, allocation)?;
            owed = minus(owed, lapsed)?;
            if let Some(part) = part {
                owed = minus(owed, part.amount)?;
                account.balance = minus(account.balance, part.amount)?;
                taken.push(part);
            }
        }
        self.take_or_owe(&mut account, member, unit, owed, house, taken, transfers)?;
        self.save_account(member, unit, account)
    }

    /// Takes an amount from the lots that expire first, besides what is `taken` already, and what the member has not
    /// becomes a debt.
    #[expect(clippy::too_many_arguments, reason = "the parts of one transfer")]
    fn take_or_owe(
        &mut self,
        account: &mut Account,
        member: MemberId,
        unit: &Code,
        amount: Minor,
        house: House,
        mut taken: Vec<Allocation>,
        transfers: &mut Vec<Transfer>,
    ) -> Result<(), LedgerError> {
        let held = account.balance.min(amount);
        if held > 0 {
            taken.extend(lots::take_first_expiring(self, member, unit, held)?);
            account.balance = minus(account.balance, held)?;
        }
        if !taken.is_empty() {
            transfers.push(member_debit(unit, sum(&taken)?, member, house, taken));
        }
        let owed = minus(amount, held)?;
        if owed > 0 {
            account.debt = bounded(account.debt.checked_add(owed), unit)?;
            transfers.push(debt_transfer(unit, owed, Party::House(House::Debt), Party::House(house), member));
        }
        Ok(())
    }

    /// Gives back what was spent: what the member owes is repaid first, the rest goes to the very lots it came from.
    fn give_back(
        &mut self,
        member: MemberId,
        unit: &Code,
        spent: &[Allocation],
        amount: Minor,
        house: House,
        transfers: &mut Vec<Transfer>,
    ) -> Result<(), LedgerError> {
        let mut account = self.account(member, unit)?;
        let rest = self.repay(&mut account, member, unit, amount, house, transfers)?;
        if rest > 0 {
            let lots = lots::give_back(self, member, unit, spent, minus(amount, rest)?)?;
            account.balance = bounded(account.balance.checked_add(rest), unit)?;
            transfers.push(Transfer {
                unit: unit.clone(),
                amount: rest,
                from: Party::House(house),
                to: Party::Member(member),
                lots,
                debtor: None,
            });
        }
        self.save_account(member, unit, account)
    }

    fn account(&mut self, member: MemberId, unit: &Code) -> Result<Account, LedgerError> {
        Ok(self.tx.load(&layout::account(self.merchant, member, unit))?.unwrap_or_default())
    }

    fn save_account(&mut self, member: MemberId, unit: &Code, account: Account) -> Result<(), LedgerError> {
        Ok(self.tx.save(&layout::account(self.merchant, member, unit), &account)?)
    }
}

/// Which posting reversed the one in the key.
#[derive(serde::Serialize, serde::Deserialize)]
struct Reversal(PostingId);

impl Record for Reversal {
    const VERSION: u8 = 1;
    const NAME: &'static str = "reversal";
}

fn touched(transfer: &Transfer) -> impl Iterator<Item = MemberId> {
    [transfer.from, transfer.to]
        .into_iter()
        .filter_map(|party| match party {
            Party::Member(member) => Some(member),
            Party::House(_) => None,
        })
        .chain(transfer.debtor)
}

fn member_debit(unit: &Code, amount: Minor, member: MemberId, to: House, lots: Vec<Allocation>) -> Transfer {
    Transfer { unit: unit.clone(), amount, from: Party::Member(member), to: Party::House(to), lots, debtor: None }
}

fn debt_transfer(unit: &Code, amount: Minor, from: Party, to: Party, debtor: MemberId) -> Transfer {
    Transfer { unit: unit.clone(), amount, from, to, lots: Vec::new(), debtor: Some(debtor) }
}

pub(super) fn sum(lots: &[Allocation]) -> Result<Minor, LedgerError> {
    lots.iter()
        .try_fold(0, |sum: Minor, lot| sum.checked_add(lot.amount))
        .ok_or_else(|| LedgerError::Inconsistent("lots that add up to more than any amount".into()))
}

pub(super) fn minus(from: Minor, amount: Minor) -> Result<Minor, LedgerError> {
    from.checked_sub(amount).ok_or_else(|| LedgerError::Inconsistent(format!("{amount} taken from {from}")))
}

fn bounded(amount: Option<Minor>, unit: &Code) -> Result<Minor, LedgerError> {
    amount.filter(|sum| *sum <= Currency::AMOUNT_MAX).ok_or_else(|| LedgerError::BalanceTooLarge(unit.clone()))
}
