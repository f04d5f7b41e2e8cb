//! Somebody becomes a member, at the till or online.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Act;
use super::figures::{Figure, count};
use super::host::has_store;
use crate::domain::{Code, Event, Member, MemberId, MerchantId, Reference, StoreId};
use crate::store::{StoreError, Tx, layout};

/// Who joins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrolMember {
    /// Their card or customer number, if they have one.
    pub reference: Option<Reference>,
    /// What the merchant marks them with.
    pub tags: BTreeSet<Code>,
    /// Where they join.
    pub home_store: Option<StoreId>,
    /// How they come.
    pub channel: Option<Code>,
}

/// Why somebody does not become a member.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// More tags than a member may have.
    #[error("a member has at most {TAGS_MAX} tags, but {0} are given")]
    TooManyTags(usize),
    /// The store is not the merchant's.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// The number is another member's.
    #[error("the reference `{reference}` is that of {member}")]
    ReferenceTaken {
        /// The number.
        reference: Reference,
        /// Whose it is.
        member: MemberId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const TAGS_MAX: usize = 100;

/// Makes somebody a member.
///
/// # Errors
/// The first refusal in the order of [`EnrolError`]'s variants.
pub fn enrol_member(tx: &mut Tx, act: &mut Act<'_>, new: &EnrolMember) -> Result<Member, EnrolError> {
    if new.tags.len() > TAGS_MAX {
        return Err(EnrolError::TooManyTags(new.tags.len()));
    }
    if let Some(store) = new.home_store
        && !has_store(tx, act.merchant, store)?
    {
        return Err(EnrolError::UnknownStore(store));
    }
    if let Some(reference) = &new.reference
        && let Some(member) = find_member(tx, act.merchant, reference)?
    {
        return Err(EnrolError::ReferenceTaken { reference: reference.clone(), member });
    }
    let member = Member {
        id: act.ids.member(),
        reference: new.reference.clone(),
        tags: new.tags.clone(),
        enrolled_at: act.now,
        home_store: new.home_store,
        channel: new.channel.clone(),
    };
    tx.save(&layout::member(act.merchant, member.id), &member)?;
    if let Some(reference) = &new.reference {
        tx.save::<MemberId>(&layout::member_by_reference(act.merchant, reference), &member.id)?;
    }
    let zone = act.merchant(tx)?.time_zone.zone();
    count(tx, act.merchant, &zone, act.now, member.home_store, &[(Figure::MembersNew, 1)])?;
    act.tell(tx, &Event::MemberEnrolled { member: member.id, store: member.home_store, at: act.now })?;
    Ok(member)
}

/// A member of the merchant, if there is one with this id.
///
/// # Errors
/// The store's failures.
pub fn read_member(tx: &mut Tx, merchant: MerchantId, member: MemberId) -> Result<Option<Member>, StoreError> {
    tx.load(&layout::member(merchant, member))
}

/// The member with this card or customer number.
///
/// # Errors
/// The store's failures.
pub fn find_member(tx: &mut Tx, merchant: MerchantId, reference: &Reference) -> Result<Option<MemberId>, StoreError> {
    tx.load(&layout::member_by_reference(merchant, reference))
}
