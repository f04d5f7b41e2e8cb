//! A member pays money into their stored value.

use serde::{Deserialize, Serialize};

use super::spend_stored_value::{stored_value, stored_value_units};
use super::{Act, Reply};
use crate::domain::{Event, Label, MemberId, MerchantId, Minor, PostingId, StoreId};
use crate::ledger::{Cause, House, LedgerError, Move, NewPosting};
use crate::store::{Key, Record, StoreError, Tx, layout, member_of};

/// Who pays in how much.
#[derive(Clone, Debug)]
pub struct LoadStoredValue {
    /// Who.
    pub member: MemberId,
    /// How much, at least 1.
    pub amount_minor: Minor,
    /// What the merchant gives on top; 0 for nothing.
    pub bonus_minor: Minor,
    /// In which store, if in one.
    pub store: Option<StoreId>,
    /// What people read on the statement.
    pub reason: Option<Label>,
}

/// What was booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// The posting.
    pub posting: PostingId,
    /// What the member can spend now, principal and bonus together.
    pub available_minor: Minor,
}

impl Record for Loaded {
    const VERSION: u8 = 1;
    const NAME: &'static str = "loaded stored value";
}

impl Reply for Loaded {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::posting(merchant, self.posting))
    }
}

/// Why money is not taken.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Books money that a member paid in, and what the merchant gives on top, in one posting: a reversal takes both back.
///
/// # Errors
/// The first refusal in the order of [`LoadError`]'s variants.
pub fn load_stored_value(tx: &mut Tx, act: &mut Act<'_>, load: &LoadStoredValue) -> Result<Loaded, LoadError> {
    let member = member_of(tx, act.merchant, load.member)?.ok_or(LoadError::UnknownMember(load.member))?.id;
    act.enter(tx, load.store)?.map_err(LoadError::UnknownStore)?;
    let (principal, bonus) = stored_value_units();
    let id = act.ids.posting();
    let grant = |unit, amount, from| Move::Grant { member, unit, amount, expires_at: None, from };
    let mut moves = vec![grant(principal, load.amount_minor, House::Cash)];
    if load.bonus_minor > 0 {
        moves.push(grant(bonus, load.bonus_minor, House::Issued));
    }
    let new = NewPosting { id, cause: Cause::Load, pack: None, reason: load.reason.clone(), moves };
    let mut book = act.book(tx)?;
    book.post(&new)?;
    let (principal, bonus) = stored_value(&mut book, member)?;
    let available_minor = principal.saturating_add(bonus);
    let event = Event::StoredValueLoaded { member, amount_minor: load.amount_minor, posting: id, at: act.now };
    act.tell(tx, &event)?;
    Ok(Loaded { posting: id, available_minor })
}
