//! A member pays with their stored value.

use serde::{Deserialize, Serialize};

use super::{Act, Reply};
use crate::domain::{
    Code, Currency, Event, Label, MemberId, MerchantId, Minor, PostingId, STORED_VALUE, STORED_VALUE_BONUS, StoreId,
};
use crate::ledger::{Book, Cause, House, LedgerError, Move, NewPosting};
use crate::store::{Key, Record, StoreError, Tx, layout, member_of};

/// Who pays how much.
#[derive(Clone, Debug)]
pub struct SpendStoredValue {
    /// Who.
    pub member: MemberId,
    /// How much, at least 1.
    pub amount_minor: Minor,
    /// In which store, if in one.
    pub store: Option<StoreId>,
    /// What people read on the statement.
    pub reason: Option<Label>,
}

/// What was booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// The posting; its reversal gives back what each part had given.
    pub posting: PostingId,
    /// How much of it was paid in by the member.
    pub principal_minor: Minor,
    /// How much of it the merchant had given on top.
    pub bonus_minor: Minor,
}

impl Record for Spent {
    const VERSION: u8 = 1;
    const NAME: &'static str = "spent stored value";
}

impl Reply for Spent {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::posting(merchant, self.posting))
    }
}

/// Why nothing is paid.
#[derive(Debug, thiserror::Error)]
pub enum SpendError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// The ledger refuses. What is missing counts both parts.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes an amount from a member's stored value, of principal and bonus as the merchant's policy says.
///
/// # Errors
/// The first refusal in the order of [`SpendError`]'s variants.
pub fn spend_stored_value(tx: &mut Tx, act: &mut Act<'_>, spend: &SpendStoredValue) -> Result<Spent, SpendError> {
    let member = member_of(tx, act.merchant, spend.member)?.ok_or(SpendError::UnknownMember(spend.member))?.id;
    act.enter(tx, spend.store)?.map_err(SpendError::UnknownStore)?;
    let order = act.merchant(tx)?.stored_value_order;
    let (principal, bonus) = stored_value_units();
    let posting = act.ids.posting();
    let mut book = act.book(tx)?;
    let (of_principal, of_bonus) = stored_value(&mut book, member)?;
    let needed = spend.amount_minor;
    if needed > Currency::AMOUNT_MAX {
        return Err(LedgerError::AmountTooLarge(needed).into());
    }
    let split = order.split(needed, of_principal, of_bonus).ok_or_else(|| LedgerError::Insufficient {
        unit: principal.clone(),
        needed,
        available: of_principal.saturating_add(of_bonus),
    })?;
    let take = |unit, amount| Move::Spend { member, unit, amount, to: House::Redeemed };
    let mut moves = vec![take(principal, split.principal), take(bonus, split.bonus)];
    // Of an amount of nothing the first stays, for the ledger to refuse.
    let taken = split.principal.max(split.bonus);
    moves.retain(|wanted| taken == 0 || !matches!(wanted, Move::Spend { amount: 0, .. }));
    book.post(&NewPosting { id: posting, cause: Cause::Payment, pack: None, reason: spend.reason.clone(), moves })?;
    act.tell(tx, &Event::StoredValueSpent { member, amount_minor: needed, posting, at: act.now })?;
    Ok(Spent { posting, principal_minor: split.principal, bonus_minor: split.bonus })
}

/// The units of what members paid in and of what was given on top.
pub(super) fn stored_value_units() -> (Code, Code) {
    let unit = |code| Code::new(code).expect("the unit's own code is a code");
    (unit(STORED_VALUE), unit(STORED_VALUE_BONUS))
}

/// What a member can spend of each.
pub(super) fn stored_value(book: &mut Book<'_>, member: MemberId) -> Result<(Minor, Minor), LedgerError> {
    let (principal, bonus) = stored_value_units();
    Ok((book.balance(member, &principal)?.available, book.balance(member, &bonus)?.available))
}
