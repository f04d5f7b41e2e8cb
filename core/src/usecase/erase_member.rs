//! A member asks to be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use super::Act;
use super::known::{IdentityError, Known, read_known, save_known};
use super::messages::forget_messages;
use super::notes::drop_notes;
use super::set_tier::forget_reasons;
use serde_json::json;

use crate::domain::{Event, Member, MemberId, Personal, Standing};
use crate::ledger::merged_into;
use crate::store::{StoreError, Tx, layout};

/// Why a member is not forgotten.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// What is known of the member could not be written.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Forgets who a member is: what is personal, all that led to them, notes, attributes, tags, level, why they were given
/// levels, what waits to be sent to them, and the key that sealed what is personal in the audit log. Their orders,
/// assets and the receipts of their consents stay, under an id that leads to nobody. Once more does nothing.
///
/// # Errors
/// The first refusal in the order of [`EraseError`]'s variants.
pub fn erase_member(tx: &mut Tx, act: &mut Act<'_>, id: MemberId) -> Result<Member, EraseError> {
    let before = read_known(tx, act, id)?.ok_or(EraseError::UnknownMember(id))?;
    let id = before.member.id;
    if let Standing::Erased { .. } = before.member.standing {
        return Ok(before.member);
    }
    let member = Member {
        version: before.member.version + 1,
        reference: None,
        cards: BTreeSet::new(),
        external_ids: BTreeSet::new(),
        tags: BTreeMap::new(),
        attributes: BTreeMap::new(),
        tier: None,
        referrer: None,
        standing: Standing::Erased { at: act.now },
        ..before.member.clone()
    };
    let after = Known { member, personal: Personal::default() };
    save_known(tx, act, Some(&before), &after)?;
    drop_notes(tx, act.merchant, id)?;
    // What is personal in the history of those who turned out to be them is sealed by keys of their own.
    for gone in merged_into(tx, act.merchant, id)?.into_iter().chain([id]) {
        forget_messages(tx, act, gone)?;
        forget_reasons(tx, act.merchant, gone)?;
        act.afterwards.get_mut().erased.push(gone);
        tx.delete(&layout::member_key(act.merchant, gone));
    }
    act.record_of(tx, id, "member", (Some(json!({ "erased": false })), Some(json!({ "erased": true }))), None)?;
    act.tell(tx, &Event::MemberErased { member: id, by: act.staff(), at: act.now })?;
    Ok(after.member)
}
