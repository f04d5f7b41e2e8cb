//! A member's course minutes in the host's ledger, lot by lot.
//!
//! The ledger spends what expires first of all that a member holds, but a package is good for some courses and campuses
//! only. So that a lesson takes its minutes from the very lot that the pack's books say, whatever comes before that lot is
//! held, the minutes are spent, and the hold is voided, which puts everything back where it was: one transaction, in which
//! nobody else sees anything of it.

use punchcard_sdk::{
    assets::{LOTS_MAX, Lot, Reservation},
    prelude::*,
};

use crate::{UNIT, rejection::Rejection};

/// How long a hold would last that was not voided in the same call.
const HOLD_MS: u64 = 60_000;

/// The lots of a member in the order in which the ledger spends them.
pub(crate) struct Wallet {
    member: String,
    lots: Vec<Lot>,
    now: u64,
    language: Language,
}

impl Wallet {
    /// Reads what a member holds.
    ///
    /// # Errors
    /// `books-differ` for a member who owes minutes: what came back to them would be taken at once.
    pub(crate) fn open(ctx: &CallContext, member: &str) -> Result<Self, Refusal> {
        let wallet =
            Self { member: member.to_owned(), lots: lots_of(member)?, now: ctx.now, language: Language::of(ctx) };
        if assets::balance_of(member, UNIT)?.debt > 0 { Err(wallet.differ()) } else { Ok(wallet) }
    }

    /// Grants minutes in a lot of their own.
    ///
    /// # Errors
    /// `books-differ` when the ledger made something else of it.
    pub(crate) fn grant(&mut self, minutes: u64, expires: Expiry, reason: String) -> Result<Lot, Refusal> {
        let credit = Credit { member: self.member.clone(), unit: UNIT.to_owned(), amount: minutes, expires, reason };
        assets::earn(&credit)?;
        let before = std::mem::replace(&mut self.lots, lots_of(&self.member)?);
        let is_new = |lot: &&Lot| before.iter().all(|other| other.id != lot.id);
        match self.lots.iter().find(is_new) {
            Some(lot) if lot.left == minutes => Ok(lot.clone()),
            _ => Err(self.differ()),
        }
    }

    /// Spends minutes of one lot and returns the posting, whose reversal gives them back to that lot.
    ///
    /// # Errors
    /// `books-differ` when the lot does not hold what the pack's books say is left in it.
    pub(crate) fn spend(&mut self, lot: &str, left: u64, minutes: u64, reason: &str) -> Result<String, Refusal> {
        let place = self.lots.iter().position(|held| held.id == lot && held.left == left);
        let Some(place) = place else { return Err(self.differ()) };
        let ahead = self.lots[..place].iter().map(|lot| lot.left).sum();
        let hold = if ahead > 0 { Some(self.hold(ahead, reason)?) } else { None };
        let (member, unit) = (self.member.clone(), UNIT.to_owned());
        let posting = assets::spend(&Debit { member, unit, amount: minutes, reason: reason.to_owned() })?;
        if let Some(hold) = hold {
            assets::void_hold(&hold, reason)?;
        }
        self.lots[place].left -= minutes;
        Ok(posting)
    }

    fn hold(&self, amount: u64, reason: &str) -> Result<String, Refusal> {
        let reservation = Reservation {
            member: self.member.clone(),
            unit: UNIT.to_owned(),
            amount,
            lapses_at: self.now.saturating_add(HOLD_MS),
            reason: reason.to_owned(),
        };
        Ok(assets::hold(&reservation)?)
    }

    fn differ(&self) -> Refusal {
        Rejection::BooksDiffer { member: self.member.clone() }.refusal(self.language)
    }
}

fn lots_of(member: &str) -> Result<Vec<Lot>, Refusal> {
    let mut lots = Vec::new();
    let mut after = None;
    loop {
        let page = assets::lots_of(member, UNIT, after.as_deref(), LOTS_MAX)?;
        lots.extend(page.lots);
        after = page.next;
        if after.is_none() {
            return Ok(lots);
        }
    }
}
