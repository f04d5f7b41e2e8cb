//! Somebody corrects what is known of a member.

use std::collections::{BTreeMap, BTreeSet};

use super::attributes::{definition, drop_undefined};
use super::host::has_store;
use super::known::{IdentityError, Known, read_known, save_known};
use super::{Act, record_change};
use crate::domain::{
    AttributeFault, Birthday, Code, Email, Event, ExternalId, Label, MemberId, Phone, Reference, Remark, Standing,
    StoreId,
};
use crate::store::{StoreError, Tx, member_of};

/// What is to be another way: `None` leaves a thing as it is, `Some(None)` takes it away.
#[derive(Clone, Debug, Default)]
pub struct EditMember {
    /// The card or customer number.
    pub reference: Option<Option<Reference>>,
    /// The further cards, all of them.
    pub cards: Option<BTreeSet<Reference>>,
    /// What other systems call them, all of it.
    pub external_ids: Option<BTreeSet<ExternalId>>,
    /// The name.
    pub name: Option<Option<Label>>,
    /// The phone numbers, all of them.
    pub phones: Option<Vec<Phone>>,
    /// The addresses, all of them.
    pub emails: Option<Vec<Email>>,
    /// The birthday.
    pub birthday: Option<Option<Birthday>>,
    /// Where they live.
    pub address: Option<Option<Remark>>,
    /// Attributes, as JSON; null takes one away, and what is not named stays.
    pub attributes: BTreeMap<Code, serde_json::Value>,
    /// Where they belong.
    pub home_store: Option<Option<StoreId>>,
    /// How they came.
    pub channel: Option<Option<Code>>,
    /// Who brought them.
    pub referrer: Option<Option<MemberId>>,
}

/// Why a member stays as they are.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// Somebody else was faster.
    #[error("{member} is in version {found}, not in {expected}: read it again")]
    OtherVersion {
        /// Whom.
        member: MemberId,
        /// The version that was expected.
        expected: u64,
        /// The version that it is in.
        found: u64,
    },
    /// They asked to be forgotten.
    #[error("{0} was erased: nothing personal can be known of them any more")]
    Erased(MemberId),
    /// The store is not the merchant's.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// They would belong to a store of others.
    #[error("whoever is limited to stores makes members those of these only")]
    BeyondOwn,
    /// Who brought them is not the merchant's, or themselves.
    #[error("there is no other member {0}, who is said to have brought this one")]
    UnknownReferrer(MemberId),
    /// An attribute is wrong.
    #[error(transparent)]
    Attribute(#[from] AttributeFault),
    /// A number or contact can not be theirs.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes what is known of a member whose record is in the version `expected`.
///
/// # Errors
/// The first refusal in the order of [`EditError`]'s variants.
pub fn edit_member(
    tx: &mut Tx,
    act: &mut Act<'_>,
    id: MemberId,
    expected: u64,
    edit: &EditMember,
) -> Result<Known, EditError> {
    let before = read_known(tx, act, id)?.ok_or(EditError::UnknownMember(id))?;
    let found = before.member.version;
    if found != expected {
        return Err(EditError::OtherVersion { member: id, expected, found });
    }
    if before.member.standing != Standing::Active {
        return Err(EditError::Erased(id));
    }
    if let Some(Some(store)) = edit.home_store
        && !has_store(tx, act.merchant, store)?
    {
        return Err(EditError::UnknownStore(store));
    }
    if let Some(Some(store)) = edit.home_store
        && before.member.home_store != Some(store)
        && !act.may_in([&store])
    {
        return Err(EditError::BeyondOwn);
    }
    if let Some(Some(referrer)) = edit.referrer
        && member_of(tx, act.merchant, referrer)?.is_none_or(|referrer| referrer.id == before.member.id)
    {
        return Err(EditError::UnknownReferrer(referrer));
    }
    let mut after = before.clone();
    edit.apply(&mut after);
    for (code, json) in &edit.attributes {
        let attribute = definition::<EditError>(tx, act.merchant, code)?;
        let Known { member, personal } = &mut after;
        let kept = if attribute.personal { &mut personal.attributes } else { &mut member.attributes };
        if json.is_null() {
            kept.remove(code);
        } else {
            kept.insert(code.clone(), attribute.read(json)?);
        }
    }
    drop_undefined(tx, act.merchant, &mut after)?;
    change_member(tx, act, &before, after)
}

impl EditMember {
    fn apply(&self, known: &mut Known) {
        let Known { member, personal } = known;
        set(&mut member.reference, self.reference.as_ref());
        set(&mut member.cards, self.cards.as_ref());
        set(&mut member.external_ids, self.external_ids.as_ref());
        set(&mut member.home_store, self.home_store.as_ref());
        set(&mut member.channel, self.channel.as_ref());
        set(&mut member.referrer, self.referrer.as_ref());
        set(&mut personal.name, self.name.as_ref());
        set(&mut personal.phones, self.phones.as_ref());
        set(&mut personal.emails, self.emails.as_ref());
        set(&mut personal.birthday, self.birthday.as_ref());
        set(&mut personal.address, self.address.as_ref());
    }
}

fn set<T: Clone>(field: &mut T, to: Option<&T>) {
    if let Some(to) = to {
        field.clone_from(to);
    }
}

/// Puts a member into their next version, with audit and event; does nothing when nothing is another way.
pub(super) fn change_member<E: From<IdentityError> + From<StoreError>>(
    tx: &mut Tx,
    act: &mut Act<'_>,
    before: &Known,
    mut after: Known,
) -> Result<Known, E> {
    if after == *before {
        return Ok(after);
    }
    after.member.version += 1;
    save_known(tx, act, Some(before), &after)?;
    record_change(tx, act, Some(before), Some(&after))?;
    act.tell(tx, &Event::MemberChanged { member: after.member.id, by: act.staff(), at: act.now })?;
    Ok(after)
}
