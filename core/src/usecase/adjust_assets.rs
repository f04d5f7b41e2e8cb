//! Staff put something right by hand: they give a member an amount of a unit, now or for later, or take one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Act, Reply};
use crate::domain::{Code, Event, Label, MemberId, MerchantId, Minor, PostingId, Reference, StoreId};
use crate::ledger::{Balance, Cause, House, LedgerError, Move, NewPosting, Release};
use crate::store::{Key, Record, StoreError, Tx, layout, member_of};

/// What is put right.
#[derive(Clone, Debug)]
pub struct AdjustAssets {
    /// Whose.
    pub member: MemberId,
    /// Of what; coupons are issued instead.
    pub unit: Code,
    /// How.
    pub by: Adjustment,
    /// In which store, if in one.
    pub store: Option<StoreId>,
    /// What people read on the statement.
    pub reason: Label,
}

/// How something is put right.
#[derive(Clone, Debug)]
pub enum Adjustment {
    /// The member gets an amount.
    Give {
        /// How much, at least 1.
        amount: Minor,
        /// From when on it can not be spent any more; none for never.
        expires_at: Option<Timestamp>,
        /// From when on it can be spent; none for at once.
        release: Option<Release>,
    },
    /// The member loses an amount that they have.
    Take {
        /// How much, at least 1.
        amount: Minor,
    },
}

/// What was booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjusted {
    /// The posting.
    pub posting: PostingId,
    /// What the member can spend now.
    pub available: Minor,
    /// What waits for its release.
    pub pending: Minor,
    /// What the member owes.
    pub debt: Minor,
}

impl Record for Adjusted {
    const VERSION: u8 = 1;
    const NAME: &'static str = "adjusted assets";
}

impl Reply for Adjusted {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::posting(merchant, self.posting))
    }
}

/// Why nothing is put right.
#[derive(Debug, thiserror::Error)]
pub enum AdjustError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// It would never be there.
    #[error("it would expire at {expires_at}, which is not after {from}")]
    Expired {
        /// When it would expire.
        expires_at: Timestamp,
        /// From when on it could be spent.
        from: Timestamp,
    },
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives a member an amount, or takes one, by hand. It counts as issued and redeemed like anything else, and goes by the
/// unit's limits.
///
/// # Errors
/// The first refusal in the order of [`AdjustError`]'s variants.
pub fn adjust_assets(tx: &mut Tx, act: &mut Act<'_>, adjust: &AdjustAssets) -> Result<Adjusted, AdjustError> {
    let AdjustAssets { unit, by, reason, .. } = adjust;
    let member = member_of(tx, act.merchant, adjust.member)?.ok_or(AdjustError::UnknownMember(adjust.member))?.id;
    act.enter(tx, adjust.store)?.map_err(AdjustError::UnknownStore)?;
    let wanted = match by.clone() {
        Adjustment::Give { amount, expires_at, release } => {
            let from = release.as_ref().and_then(Release::at).map_or(act.now, |at| at.max(act.now));
            if let Some(expires_at) = expires_at
                && expires_at <= from
            {
                return Err(AdjustError::Expired { expires_at, from });
            }
            let (unit, from) = (unit.clone(), House::Issued);
            match release {
                None => Move::Grant { member, unit, amount, expires_at, from },
                Some(release) => Move::GrantLater { member, unit, amount, expires_at, from, release },
            }
        }
        Adjustment::Take { amount } => Move::Spend { member, unit: unit.clone(), amount, to: House::Redeemed },
    };
    let id = act.ids.posting();
    let (cause, reason) = (Cause::Adjustment, Some(reason.clone()));
    let mut book = act.book(tx)?;
    book.post(&NewPosting { id, cause, pack: None, reason, moves: vec![wanted] })?;
    let Balance { available, pending, debt, held: _ } = book.balance(member, unit)?;
    // The reason is free text and stands on the statement.
    let (name, amount) = match by {
        Adjustment::Give { amount, .. } => ("give", *amount),
        Adjustment::Take { amount } => ("take", *amount),
    };
    let told = json!({ "member": member.to_string(), "unit": unit, name: amount });
    act.record(tx, "adjustment", &id.to_string(), None, Some(&told))?;
    act.tell(tx, &Event::AssetsAdjusted { member, unit: unit.clone(), posting: id, at: act.now })?;
    Ok(Adjusted { posting: id, available, pending, debt })
}

/// Releases up to `limit` of the pending grants that wait for an event. Fewer than `limit` means that none is left.
///
/// # Errors
/// The ledger's and the store's failures.
pub fn release_grants(tx: &mut Tx, act: &mut Act<'_>, event: &Reference, limit: usize) -> Result<usize, LedgerError> {
    let released = act.book(tx)?.release_waiting(event, limit)?;
    if released > 0 {
        act.record(tx, "release", event.as_str(), None, Some(&json!({ "released": released })))?;
    }
    Ok(released)
}
