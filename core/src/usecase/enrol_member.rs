//! Somebody becomes a member, at the till or online.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::attributes::{self, Given};
use super::figures::{Figure, count};
use super::host::has_store;
use super::join_codes::{count_join, read_join_code};
use super::known::{IdentityError, Known, save_known};
use super::{Act, Reply, record_change};
use crate::domain::{
    AttributeFault, Code, Event, ExternalId, JoinCodeId, Member, MemberId, MerchantId, Personal, Reference, Standing,
    StoreId, Tag, Way,
};
use crate::store::{Key, Record, StoreError, Tx, layout, member_of};

/// Who joins.
#[derive(Clone, Debug, Default)]
pub struct EnrolMember {
    /// Their card or customer number, if they have one.
    pub reference: Option<Reference>,
    /// The numbers of further cards.
    pub cards: BTreeSet<Reference>,
    /// What other systems call them.
    pub external_ids: BTreeSet<ExternalId>,
    /// What is personal about them; its attributes apart.
    pub personal: Personal,
    /// What they are by the merchant's own attributes, as JSON.
    pub attributes: BTreeMap<Code, serde_json::Value>,
    /// What the merchant marks them with.
    pub tags: BTreeSet<Code>,
    /// Where they join.
    pub home_store: Option<StoreId>,
    /// How they come.
    pub channel: Option<Code>,
    /// By which code they join; it says how and where.
    pub join_code: Option<JoinCodeId>,
    /// Who brought them.
    pub referrer: Option<MemberId>,
}

/// Somebody who became a member. It is kept with the idempotency key, so it holds nothing personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// The member.
    pub member: MemberId,
}

impl Record for Enrolled {
    const VERSION: u8 = 2;
    const NAME: &'static str = "enrolled member";

    /// Version 1 was the member's whole record.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        Member::from_older(version, body).map(|member| Self { member: member.id })
    }
}

impl Reply for Enrolled {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::member(merchant, self.member))
    }
}

/// Why somebody does not become a member.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// More tags than a member may have.
    #[error("a member has at most {max} tags, but {0} are given", max = Member::TAGS_MAX)]
    TooManyTags(usize),
    /// Not a join code of the merchant.
    #[error("there is no join code {0}")]
    UnknownJoinCode(JoinCodeId),
    /// Nobody joins by it now.
    #[error("{0} is switched off: nobody joins by it now")]
    JoinCodeOff(JoinCodeId),
    /// The code says how and where somebody comes.
    #[error("`{field}` is what the join code says: leave it out, or send {expected}")]
    NotOfJoinCode {
        /// What was said otherwise.
        field: &'static str,
        /// What the code says.
        expected: String,
    },
    /// The store is not the merchant's.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// Who brought them is not the merchant's.
    #[error("there is no member {0}, who is said to have brought this one")]
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

/// Makes somebody a member.
///
/// # Errors
/// The first refusal in the order of [`EnrolError`]'s variants.
pub fn enrol_member(tx: &mut Tx, act: &mut Act<'_>, new: &EnrolMember) -> Result<Enrolled, EnrolError> {
    if new.tags.len() > Member::TAGS_MAX {
        return Err(EnrolError::TooManyTags(new.tags.len()));
    }
    let new = &by_code(tx, act, new)?;
    if let Some(store) = new.home_store
        && !has_store(tx, act.merchant, store)?
    {
        return Err(EnrolError::UnknownStore(store));
    }
    if let Some(referrer) = new.referrer
        && member_of(tx, act.merchant, referrer)?.is_none()
    {
        return Err(EnrolError::UnknownReferrer(referrer));
    }
    let Given { plain, personal } = attributes::read::<EnrolError>(tx, act.merchant, &new.attributes)?;
    let tag = Tag { source: act.source(), at: act.now, expires_at: None };
    let member = Member {
        id: act.ids.member(),
        version: 0,
        reference: new.reference.clone(),
        cards: new.cards.clone(),
        external_ids: new.external_ids.clone(),
        tags: new.tags.iter().map(|code| (code.clone(), tag.clone())).collect(),
        attributes: plain,
        tier: None,
        enrolled_at: act.now,
        home_store: new.home_store,
        channel: new.channel.clone(),
        referrer: new.referrer,
        standing: Standing::Active,
    };
    let known = Known { member, personal: Personal { attributes: personal, ..new.personal.clone() } };
    save_known(tx, act, None, &known)?;
    record_change(tx, act, None, Some(&known))?;
    let member = known.member;
    let zone = act.merchant(tx)?.time_zone.zone();
    let moves = [(Figure::MembersNew, 1), (Figure::MembersReferred, u64::from(member.referrer.is_some()))];
    let moves: Vec<_> = moves.into_iter().filter(|(_, by)| *by > 0).collect();
    count(tx, act.merchant, &zone, act.now, member.home_store, &moves)?;
    let ways = member.channel.clone().map(Way::Channel).into_iter().chain(new.join_code.map(Way::Code));
    count_join(tx, act, zone.to_datetime(act.now).date(), member.home_store, ways)?;
    act.tell(tx, &Event::MemberEnrolled { member: member.id, store: member.home_store, at: act.now })?;
    Ok(Enrolled { member: member.id })
}

/// Who joins, with what their join code says of how and where.
fn by_code(tx: &mut Tx, act: &Act<'_>, new: &EnrolMember) -> Result<EnrolMember, EnrolError> {
    let Some(id) = new.join_code else { return Ok(new.clone()) };
    let code = read_join_code(tx, act.merchant, id)?.ok_or(EnrolError::UnknownJoinCode(id))?;
    if code.is_off {
        return Err(EnrolError::JoinCodeOff(id));
    }
    if new.channel.as_ref().is_some_and(|channel| *channel != code.channel) {
        return Err(EnrolError::NotOfJoinCode { field: "channel", expected: format!("`{}`", code.channel) });
    }
    if let (Some(given), Some(store)) = (new.home_store, code.store)
        && given != store
    {
        return Err(EnrolError::NotOfJoinCode { field: "home_store", expected: store.to_string() });
    }
    Ok(EnrolMember { channel: Some(code.channel), home_store: code.store.or(new.home_store), ..new.clone() })
}
