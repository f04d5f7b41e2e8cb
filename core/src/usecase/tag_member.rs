//! Somebody puts a tag on a member, or takes one off.

use jiff::Timestamp;

use super::Act;
use super::edit_member::change_member;
use super::known::{IdentityError, Known, read_known};
use crate::domain::{Code, Member, MemberId, Standing, Tag};
use crate::store::{StoreError, Tx};

/// Why a member's tags stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum TagError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// They asked to be forgotten.
    #[error("{0} was erased and bears no tags any more")]
    Erased(MemberId),
    /// It would never count.
    #[error("the tag would expire at {0}, which is not in the future")]
    Expired(Timestamp),
    /// More tags than a member may have.
    #[error("a member has at most {max} tags", max = Member::TAGS_MAX)]
    TooManyTags,
    /// What is known of the member could not be written.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts a tag on a member, or renews it. Tags that have expired are dropped when there are too many.
///
/// # Errors
/// The first refusal in the order of [`TagError`]'s variants.
pub fn put_tag(
    tx: &mut Tx,
    act: &mut Act<'_>,
    id: MemberId,
    code: &Code,
    expires_at: Option<Timestamp>,
) -> Result<Known, TagError> {
    let before = read_known(tx, act, id)?.ok_or(TagError::UnknownMember(id))?;
    if before.member.standing != Standing::Active {
        return Err(TagError::Erased(id));
    }
    if let Some(end) = expires_at
        && end <= act.now
    {
        return Err(TagError::Expired(end));
    }
    let mut after = before.clone();
    let tags = &mut after.member.tags;
    if tags.len() >= Member::TAGS_MAX && !tags.contains_key(code) {
        tags.retain(|_, tag| tag.expires_at.is_none_or(|end| act.now < end));
    }
    tags.insert(code.clone(), Tag { source: act.source(), at: act.now, expires_at });
    if tags.len() > Member::TAGS_MAX {
        return Err(TagError::TooManyTags);
    }
    change_member(tx, act, &before, after)
}

/// Takes a tag off a member; one that they do not bear is off already.
///
/// # Errors
/// The first refusal in the order of [`TagError`]'s variants.
pub fn drop_tag(tx: &mut Tx, act: &mut Act<'_>, id: MemberId, code: &Code) -> Result<Known, TagError> {
    let before = read_known(tx, act, id)?.ok_or(TagError::UnknownMember(id))?;
    let mut after = before.clone();
    after.member.tags.remove(code);
    change_member(tx, act, &before, after)
}
