//! Somebody who was a member elsewhere comes in from a file.

use std::collections::BTreeSet;

use super::known::read_known;
use super::{
    Act, EditError, EditMember, EnrolError, EnrolMember, IdentityError, TagError, edit_member, enrol_member,
    find_member, put_tag,
};
use crate::domain::{Code, MemberId, Personal, Reference};
use crate::store::{StoreError, Tx, layout};

/// One member of the file.
#[derive(Clone, Debug, Default)]
pub struct MemberRow {
    /// What the row says. A field that it does not have is left as it is of somebody who is a member already.
    pub says: EditMember,
    /// The number of who brought them.
    pub referred_by: Option<Reference>,
    /// What the merchant marks them with. Tags are put on, and none is taken off.
    pub tags: BTreeSet<Code>,
}

/// What came of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberBrought {
    /// They became a member.
    Enrolled,
    /// They were one, and stay as they are.
    Known,
    /// They were one, and are as the row says now.
    Updated,
}

/// Why a row does not come in. No message holds what is personal in the row.
#[derive(Debug, thiserror::Error)]
pub enum ImportMemberError {
    /// Nothing by which they would be known again.
    #[error("the row has no reference, card or external id, so a second run would not know the member again")]
    Nameless,
    /// What leads to members leads to several.
    #[error("reference, cards and external ids lead to two members: {0} and {1}")]
    SeveralMembers(MemberId, MemberId),
    /// Who brought them is not there.
    #[error("referred_by: there is no member with this reference or card")]
    UnknownReferrer,
    /// They are not enrolled.
    #[error("{}", told(.0))]
    Enrol(#[from] EnrolError),
    /// They are not changed.
    #[error("{}", told_of_edit(.0))]
    Edit(#[from] EditError),
    /// They do not get a tag.
    #[error("tags: {0}")]
    Tag(#[from] TagError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ImportMemberError {
    /// The store's failure, when it is one: then it says nothing about the row.
    pub fn of_the_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error)
            | Self::Enrol(EnrolError::Store(error) | EnrolError::Identity(IdentityError::Store(error)))
            | Self::Edit(EditError::Store(error) | EditError::Identity(IdentityError::Store(error)))
            | Self::Tag(TagError::Store(error) | TagError::Identity(IdentityError::Store(error))) => Some(error),
            _ => None,
        }
    }
}

fn told(error: &EnrolError) -> String {
    match error {
        EnrolError::Identity(error) => told_of_identity(error),
        other => other.to_string(),
    }
}

fn told_of_edit(error: &EditError) -> String {
    match error {
        EditError::Identity(error) => told_of_identity(error),
        other => other.to_string(),
    }
}

/// Which number or name it is, is not told: these texts may end in a log.
fn told_of_identity(error: &IdentityError) -> String {
    match error {
        IdentityError::NumberTaken { member, .. } => format!("reference or cards: one of them is that of {member}"),
        IdentityError::ExternalIdTaken { external, member } => {
            format!("external_ids: the one of `{}` is that of {member}", external.system)
        }
        other => other.to_string(),
    }
}

/// Makes somebody a member. Who is known by the row's reference, a card or an external id is left as they are, or with
/// `update` brought up to what the row says.
///
/// # Errors
/// The first refusal in the order of [`ImportMemberError`]'s variants.
pub fn import_member(
    tx: &mut Tx,
    act: &mut Act<'_>,
    row: &MemberRow,
    update: bool,
) -> Result<MemberBrought, ImportMemberError> {
    let known = known_by(tx, act, &row.says)?;
    if known.is_some() && !update {
        return Ok(MemberBrought::Known);
    }
    let referrer = match &row.referred_by {
        Some(number) => Some(find_member(tx, act.merchant, number)?.ok_or(ImportMemberError::UnknownReferrer)?),
        None => None,
    };
    match known {
        Some(member) => bring_up(tx, act, member, row, referrer),
        None => {
            enrol_member(tx, act, &enrolment(row, referrer))?;
            Ok(MemberBrought::Enrolled)
        }
    }
}

/// Who is known already by what the row says.
fn known_by(tx: &mut Tx, act: &Act<'_>, says: &EditMember) -> Result<Option<MemberId>, ImportMemberError> {
    let numbers = says.reference.iter().flatten().chain(says.cards.iter().flatten());
    let numbers = numbers.map(|number| layout::member_by_number(act.merchant, number));
    let external = says.external_ids.iter().flatten();
    let keys: Vec<_> =
        numbers.chain(external.map(|external| layout::member_by_external_id(act.merchant, external))).collect();
    if keys.is_empty() {
        return Err(ImportMemberError::Nameless);
    }
    let mut known = None;
    for key in keys {
        match (known, tx.load::<MemberId>(&key)?) {
            (Some(one), Some(other)) if one != other => return Err(ImportMemberError::SeveralMembers(one, other)),
            (_, Some(found)) => known = Some(found),
            (_, None) => {}
        }
    }
    Ok(known)
}

fn bring_up(
    tx: &mut Tx,
    act: &mut Act<'_>,
    member: MemberId,
    row: &MemberRow,
    referrer: Option<MemberId>,
) -> Result<MemberBrought, ImportMemberError> {
    let before = read_known(tx, act, member)?.ok_or(EditError::UnknownMember(member))?.member;
    let mut edit = row.says.clone();
    if let Some(referrer) = referrer {
        edit.referrer = Some(Some(referrer));
    }
    let mut after = edit_member(tx, act, member, before.version, &edit)?;
    for tag in &row.tags {
        if !after.member.tags_at(act.now).any(|known| known == tag) {
            after = put_tag(tx, act, member, tag, None)?;
        }
    }
    Ok(if after.member.version == before.version { MemberBrought::Known } else { MemberBrought::Updated })
}

fn enrolment(row: &MemberRow, referrer: Option<MemberId>) -> EnrolMember {
    let says = row.says.clone();
    let attributes = says.attributes.into_iter().filter(|(_, value)| !value.is_null());
    EnrolMember {
        reference: says.reference.flatten(),
        cards: says.cards.unwrap_or_default(),
        external_ids: says.external_ids.unwrap_or_default(),
        personal: Personal {
            name: says.name.flatten(),
            phones: says.phones.unwrap_or_default(),
            emails: says.emails.unwrap_or_default(),
            birthday: says.birthday.flatten(),
            address: says.address.flatten(),
            ..Personal::default()
        },
        attributes: attributes.collect(),
        tags: row.tags.clone(),
        home_store: says.home_store.flatten(),
        channel: says.channel.flatten(),
        join_code: None,
        referrer,
    }
}
