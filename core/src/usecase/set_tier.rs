//! A member is given a level, or loses it. Which level when is for packs or people to decide.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Act;
use super::edit_member::change_member;
use super::known::{IdentityError, Known, read_known};
use crate::domain::{ChangeId, Code, Label, MemberId, MerchantId, Source, Standing, Tier};
use crate::store::{Direction, Record, StoreError, Tx, layout};

/// A level as it is to be given.
#[derive(Clone, Debug)]
pub struct SetTier {
    /// Which; none takes the level away.
    pub code: Option<Code>,
    /// Until when it counts, if not for ever.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: Option<Label>,
}

/// An entry of a member's history of levels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierChange {
    /// Its id.
    pub id: ChangeId,
    /// The level that was given; none when it was taken away.
    pub tier: Option<Tier>,
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// By whom.
    pub source: Source,
    /// Why.
    pub reason: Option<Label>,
}

impl Record for TierChange {
    const VERSION: u8 = 1;
    const NAME: &'static str = "change of a level";
}

/// Why a member's level stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum TierError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// They asked to be forgotten.
    #[error("{0} was erased and has no level any more")]
    Erased(MemberId),
    /// It would never count.
    #[error("the level would end at {0}, which is not in the future")]
    Expired(Timestamp),
    /// What is known of the member could not be written.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives a member a level in place of the one that they have, and remembers it.
///
/// # Errors
/// The first refusal in the order of [`TierError`]'s variants.
pub fn set_tier(tx: &mut Tx, act: &mut Act<'_>, id: MemberId, new: &SetTier) -> Result<Known, TierError> {
    let before = read_known(tx, act, id)?.ok_or(TierError::UnknownMember(id))?;
    let id = before.member.id;
    if before.member.standing != Standing::Active {
        return Err(TierError::Erased(id));
    }
    if let Some(end) = new.until
        && end <= act.now
    {
        return Err(TierError::Expired(end));
    }
    let (source, reason) = (act.source(), new.reason.clone());
    let tier = new.code.clone().map(|code| {
        // Who keeps a level has it since they got it.
        let kept = before.member.tier_at(act.now).filter(|tier| tier.code == code).map(|tier| tier.since);
        let (source, reason) = (source.clone(), reason.clone());
        Tier { code, since: kept.unwrap_or(act.now), until: new.until, source, reason }
    });
    if before.member.tier == tier {
        return Ok(before);
    }
    let change = TierChange { id: act.ids.change(), tier: tier.clone(), at: act.now, source, reason };
    tx.save(&layout::tier_change(act.merchant, id, change.id), &change)?;
    let mut after = before.clone();
    after.member.tier = tier;
    change_member(tx, act, &before, after)
}

/// Forgets why a member was given levels: it is free text, and may say who they are.
pub(super) fn forget_reasons(tx: &mut Tx, merchant: MerchantId, member: MemberId) -> Result<(), StoreError> {
    let range = layout::tier_changes(merchant, member);
    for (key, mut change) in tx.load_scan::<TierChange>(&range, Direction::Forward, usize::MAX)? {
        let of_tier = change.tier.as_mut().and_then(|tier| tier.reason.take());
        if change.reason.take().or(of_tier).is_some() {
            tx.save(&key, &change)?;
        }
    }
    Ok(())
}

/// The levels that a member was given, the newest first, those before `before`.
///
/// # Errors
/// The store's failures.
pub fn list_tier_changes(
    tx: &mut Tx,
    merchant: MerchantId,
    member: MemberId,
    before: Option<ChangeId>,
    limit: usize,
) -> Result<Vec<TierChange>, StoreError> {
    let mut range = layout::tier_changes(merchant, member);
    if let Some(before) = before {
        range.end = layout::tier_change(merchant, member, before);
    }
    let changes = tx.load_scan::<TierChange>(&range, Direction::Backward, limit)?;
    Ok(changes.into_iter().map(|(_, change)| change).collect())
}
