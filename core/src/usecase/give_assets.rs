//! A member gives something of theirs to another member.

use serde::{Deserialize, Serialize};

use super::{Act, Reply};
use crate::domain::{Code, Event, Label, MemberId, MerchantId, Minor, PostingId, StoreId};
use crate::ledger::{Cause, LedgerError, Move, NewPosting};
use crate::store::{Key, Record, StoreError, Tx, layout, member_of};

/// Who gives what to whom.
#[derive(Clone, Debug)]
pub struct GiveAssets {
    /// Who gives.
    pub from: MemberId,
    /// Who gets it.
    pub to: MemberId,
    /// Of what.
    pub unit: Code,
    /// How much, at least 1.
    pub amount: Minor,
    /// In which store, if in one.
    pub store: Option<StoreId>,
    /// What people read on the statements.
    pub reason: Option<Label>,
}

/// What was booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The posting.
    pub posting: PostingId,
}

impl Record for Given {
    const VERSION: u8 = 1;
    const NAME: &'static str = "given assets";
}

impl Reply for Given {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::posting(merchant, self.posting))
    }
}

/// Why nothing is given.
#[derive(Debug, thiserror::Error)]
pub enum GiveError {
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

/// Moves an amount from one member to another, where the unit allows it.
///
/// # Errors
/// The first refusal in the order of [`GiveError`]'s variants.
pub fn give_assets(tx: &mut Tx, act: &mut Act<'_>, give: &GiveAssets) -> Result<Given, GiveError> {
    let from = member_of(tx, act.merchant, give.from)?.ok_or(GiveError::UnknownMember(give.from))?.id;
    let to = member_of(tx, act.merchant, give.to)?.ok_or(GiveError::UnknownMember(give.to))?.id;
    act.enter(tx, give.store)?.map_err(GiveError::UnknownStore)?;
    let posting = act.ids.posting();
    let wanted = Move::Transfer { from, to, unit: give.unit.clone(), amount: give.amount };
    let (cause, reason) = (Cause::Gift, give.reason.clone());
    act.book(tx)?.post(&NewPosting { id: posting, cause, pack: None, reason, moves: vec![wanted] })?;
    let (unit, amount) = (give.unit.clone(), give.amount);
    act.tell(tx, &Event::AssetsGiven { from, to, unit, amount, posting, at: act.now })?;
    Ok(Given { posting })
}
