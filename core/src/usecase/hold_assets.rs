//! An amount of a member's is set aside, and later spent or given back. A coupon is reserved in the same way.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::redeem_coupons::is_coupon;
use super::{Act, Reply};
use crate::domain::{Code, HoldId, Label, MemberId, MerchantId, Minor, PostingId, Source, StoreId};
use crate::ledger::{Cause, Hold, HoldState, House, LedgerError, Move, NewPosting, Posting};
use crate::store::{Key, Record, StoreError, Tx, layout, member_of};

/// What paying for an order with a hold is called.
pub(super) const HOLD: &str = "hold";

/// What is to be set aside.
#[derive(Clone, Debug)]
pub struct HoldAssets {
    /// Whose.
    pub member: MemberId,
    /// Of what.
    pub unit: Code,
    /// How much, at least 1.
    pub amount: Minor,
    /// Until when it can be spent.
    pub lapses_at: Timestamp,
    /// What people read on the statement.
    pub reason: Option<Label>,
}

/// What is to be spent of a hold.
#[derive(Clone, Debug)]
pub struct PostHold {
    /// Which.
    pub hold: HoldId,
    /// How much of it, at least 1; none for all. The rest is given back.
    pub amount: Option<Minor>,
    /// In which store, if in one.
    pub store: Option<StoreId>,
    /// What people read on the statement.
    pub reason: Option<Label>,
}

/// What was done to a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldOut {
    /// Which.
    pub hold: HoldId,
    /// The posting that booked it.
    pub posting: PostingId,
}

impl Record for HoldOut {
    const VERSION: u8 = 1;
    const NAME: &'static str = "change of a hold";
}

impl Reply for HoldOut {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::posting(merchant, self.posting))
    }
}

/// Why nothing is done.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// What a coupon gives depends on the basket for which it is redeemed.
    #[error("{0} reserves coupons: they are redeemed for a basket, not posted")]
    OfCoupons(HoldId),
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

/// A hold, and who did what with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldSeen {
    /// The hold.
    pub hold: Hold,
    /// Who set it aside.
    pub placed_by: Source,
    /// Who ended it, and when.
    pub ended: Option<(Source, Timestamp)>,
}

/// A hold of the merchant, if there is one with this id. It is told as it is at the instant: one whose time is over has
/// lapsed, whether or not that is booked.
///
/// # Errors
/// The store's failures.
pub fn read_hold(tx: &mut Tx, act: &mut Act<'_>, id: HoldId) -> Result<Option<HoldSeen>, LedgerError> {
    let Some(hold) = act.book(tx)?.find_hold(id)? else { return Ok(None) };
    let placed_by = posting(tx, act, hold.source)?.by;
    let ended = match hold.state {
        HoldState::Open if hold.is_open_at(act.now) => None,
        HoldState::Open => Some((Source::Host, hold.lapses_at)),
        HoldState::Posted { posting: by, .. } | HoldState::Voided { posting: by } => {
            let ending = posting(tx, act, by)?;
            Some((ending.by, ending.at))
        }
        HoldState::Lapsed { .. } => Some((Source::Host, hold.lapses_at)),
    };
    Ok(Some(HoldSeen { hold, placed_by, ended }))
}

/// The pack that set it aside, if it was one, whoever ran its command.
///
/// # Errors
/// The store's failures.
pub(super) fn placed_by_pack(tx: &mut Tx, act: &Act<'_>, hold: &Hold) -> Result<Option<Code>, StoreError> {
    Ok(posting(tx, act, hold.source)?.pack)
}

fn posting(tx: &mut Tx, act: &Act<'_>, id: PostingId) -> Result<Posting, StoreError> {
    let key = layout::posting(act.merchant, id);
    tx.load(&key)?.ok_or_else(|| StoreError::corrupt("posting of a hold (missing)", &key))
}

/// Sets an amount aside.
///
/// # Errors
/// The first refusal in the order of [`HoldError`]'s variants.
pub fn hold_assets(tx: &mut Tx, act: &mut Act<'_>, wanted: &HoldAssets) -> Result<HoldOut, HoldError> {
    let HoldAssets { member, amount, lapses_at, .. } = *wanted;
    let member = member_of(tx, act.merchant, member)?.ok_or(HoldError::UnknownMember(member))?.id;
    let hold = act.ids.hold();
    let place = Move::Hold { hold, member, unit: wanted.unit.clone(), amount, lapses_at };
    book(tx, act, hold, wanted.reason.as_ref(), place)
}

/// Spends what was set aside, whole or in part. Reserved coupons are for [`redeem_coupons`](super::redeem_coupons()).
///
/// # Errors
/// The first refusal in the order of [`HoldError`]'s variants.
pub fn post_hold(tx: &mut Tx, act: &mut Act<'_>, post: &PostHold) -> Result<HoldOut, HoldError> {
    if let Some(hold) = act.book(tx)?.find_hold(post.hold)?
        && is_coupon(tx, act.merchant, &hold.unit)?
    {
        return Err(HoldError::OfCoupons(post.hold));
    }
    act.enter(tx, post.store)?.map_err(HoldError::UnknownStore)?;
    let wanted = Move::PostHold { hold: post.hold, amount: post.amount, to: House::Redeemed };
    book(tx, act, post.hold, post.reason.as_ref(), wanted)
}

/// Gives back what was set aside.
///
/// # Errors
/// What the ledger refuses.
pub fn void_hold(tx: &mut Tx, act: &mut Act<'_>, hold: HoldId) -> Result<HoldOut, HoldError> {
    book(tx, act, hold, None, Move::VoidHold { hold })
}

fn book(
    tx: &mut Tx,
    act: &mut Act<'_>,
    hold: HoldId,
    reason: Option<&Label>,
    wanted: Move,
) -> Result<HoldOut, HoldError> {
    let posting = act.ids.posting();
    let (cause, reason) = (Cause::Hold, reason.cloned());
    act.book(tx)?.post(&NewPosting { id: posting, cause, pack: None, reason, moves: vec![wanted] })?;
    Ok(HoldOut { hold, posting })
}
