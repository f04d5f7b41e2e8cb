//! A member pays money into their stored value.

use serde::{Deserialize, Serialize};

use super::Act;
use super::host::has_member;
use crate::domain::{Code, Event, Label, MemberId, Minor, PostingId, STORED_VALUE};
use crate::ledger::{Cause, House, LedgerError, Move, NewPosting};
use crate::store::{StoreError, Tx};

/// Who pays in how much.
#[derive(Clone, Debug)]
pub struct LoadStoredValue {
    /// Who.
    pub member: MemberId,
    /// How much, at least 1.
    pub amount_minor: Minor,
    /// What people read on the statement.
    pub reason: Option<Label>,
}

/// What was booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// The posting.
    pub posting: PostingId,
    /// What the member can spend now.
    pub available_minor: Minor,
}

/// Why money is not taken.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Books money that a member paid in.
///
/// # Errors
/// The first refusal in the order of [`LoadError`]'s variants.
pub fn load_stored_value(tx: &mut Tx, act: &mut Act<'_>, load: &LoadStoredValue) -> Result<Loaded, LoadError> {
    if !has_member(tx, act.merchant, load.member)? {
        return Err(LoadError::UnknownMember(load.member));
    }
    let unit = Code::new(STORED_VALUE).expect("the unit's own code is a code");
    let id = act.ids.posting();
    let wanted = Move::Grant {
        member: load.member,
        unit: unit.clone(),
        amount: load.amount_minor,
        expires_at: None,
        from: House::Cash,
    };
    let new = NewPosting { id, cause: Cause::Load, pack: None, reason: load.reason.clone(), moves: vec![wanted] };
    let mut book = act.book(tx)?;
    book.post(&new)?;
    let available_minor = book.balance(load.member, &unit)?.available;
    let event =
        Event::StoredValueLoaded { member: load.member, amount_minor: load.amount_minor, posting: id, at: act.now };
    act.tell(tx, &event)?;
    Ok(Loaded { posting: id, available_minor })
}
