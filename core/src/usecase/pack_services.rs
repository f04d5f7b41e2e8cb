//! What packs have done by the use cases: contacts, tags, levels, messages. The pack is who acts.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use super::find_members::{FindError, Sought, find_members};
use super::known::{IdentityError, read_known};
use super::messages::{DropReason, MessageStatus, SendError, SendMessage, own_locale, send_message};
use super::set_tier::{SetTier, TierError, set_tier};
use super::tag_member::{TagError, drop_tag, put_tag};
use super::usage::{MESSAGES_OF_DAY_MAX, count_message};
use super::{Act, Programme, agreements};
use crate::clock::Entropy;
use crate::domain::{AgreementId, Code, Label, MemberId, Minor, PostingId, Source};
use crate::pack::{
    Allowance, Errand, Lead, MemberContact, NewMessage, NewTier, Obstacle, PartnerReply, SeenAgreement, Sent,
    ServiceError, Services, Trust,
};
use crate::store::Tx;
use crate::vault::Vault;

/// What the errands of packs need besides their transaction.
pub(super) struct PackServices {
    pub(super) programme: Arc<Programme>,
    pub(super) vault: Arc<Vault>,
    pub(super) entropy: Entropy,
}

impl PackServices {
    /// Runs a use case in which the pack acts. One that fails leaves the transaction as it was.
    fn act<T>(
        self: Arc<Self>,
        errand: Errand<'_>,
        use_case: impl FnOnce(&mut Tx, &mut Act<'_>) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let services: Arc<dyn Services> = Arc::clone(&self) as _;
        let Errand { tx, ids, merchant, pack, now, store, depth } = errand;
        let mut act = Act {
            merchant,
            actor: None,
            pack: Some(pack.clone()),
            now,
            ids: ids.clone(),
            store,
            // What comes of it is one step further than the call.
            depth: depth.saturating_add(1),
            programme: &self.programme,
            vault: &self.vault,
            entropy: &self.entropy,
            // Packs put nothing into force.
            trust: &Trust::default(),
            services: &services,
            // What a partner answers stands in the recording of whoever asks.
            recordings: None,
            afterwards: RefCell::default(),
            may_write: true,
            record: OnceCell::new(),
            keys: OnceCell::new(),
        };
        let before = tx.savepoint();
        let done = use_case(tx, &mut act);
        *ids = act.ids;
        if done.is_err() {
            tx.rollback_to(before);
        }
        done
    }
}

impl Services for PackServices {
    fn contact(self: Arc<Self>, errand: Errand<'_>, member: MemberId) -> Result<MemberContact, ServiceError> {
        self.act(errand, |tx, act| {
            let known = read_known(tx, act, member)?.ok_or_else(|| nobody(member))?;
            let locale = own_locale(&known.member, &known.personal);
            let mut personal = known.personal;
            Ok(MemberContact {
                name: personal.name.take(),
                phone: personal.phones.into_iter().next(),
                email: personal.emails.into_iter().next(),
                locale,
            })
        })
    }

    fn find(self: Arc<Self>, errand: Errand<'_>, lead: Lead) -> Result<Option<MemberId>, ServiceError> {
        let sought = match lead {
            Lead::Phone(phone) => Sought::Phone(phone),
            Lead::Email(email) => Sought::Email(email),
            Lead::Card(card) => Sought::Number(card),
            Lead::External(external) => Sought::External(external),
        };
        self.act(errand, |tx, act| {
            let found = find_members(tx, act, &sought, None, 1).map_err(|error| match error {
                FindError::Store(error) => ServiceError::Store(error),
                other => ServiceError::Invalid(other.to_string()),
            })?;
            Ok(found.members.first().map(|known| known.member.id))
        })
    }

    fn put_tag(
        self: Arc<Self>,
        errand: Errand<'_>,
        member: MemberId,
        tag: &Code,
        until: Option<jiff::Timestamp>,
    ) -> Result<(), ServiceError> {
        self.act(errand, |tx, act| {
            keep_to_own(tx, act, member, tag)?;
            put_tag(tx, act, member, tag, until)?;
            Ok(())
        })
    }

    fn drop_tag(self: Arc<Self>, errand: Errand<'_>, member: MemberId, tag: &Code) -> Result<(), ServiceError> {
        self.act(errand, |tx, act| {
            keep_to_own(tx, act, member, tag)?;
            drop_tag(tx, act, member, tag)?;
            Ok(())
        })
    }

    fn set_tier(self: Arc<Self>, errand: Errand<'_>, member: MemberId, tier: NewTier) -> Result<(), ServiceError> {
        self.act(errand, |tx, act| {
            let NewTier { code, until, reason } = tier;
            set_tier(tx, act, member, &SetTier { code, until, reason })?;
            Ok(())
        })
    }

    fn send(self: Arc<Self>, errand: Errand<'_>, message: NewMessage) -> Result<Sent, ServiceError> {
        let pack = errand.pack.clone();
        self.act(errand, |tx, act| {
            if !count_message(tx, act.merchant, &pack, act.now)? {
                return Err(ServiceError::Limit(format!(
                    "a pack sends at most {MESSAGES_OF_DAY_MAX} messages on a day"
                )));
            }
            let NewMessage { member, template, values } = message;
            let new = SendMessage { member, template, values, source: act.source(), event: None, since: act.now };
            let sent = send_message(tx, act, &new)?;
            Ok(match sent.status {
                MessageStatus::Dropped { reason, .. } => Sent::Dropped(match reason {
                    DropReason::NoConsent => Obstacle::NoConsent,
                    DropReason::Capped => Obstacle::Capped,
                    DropReason::NoAddress => Obstacle::NoAddress,
                    DropReason::Erased => Obstacle::Erased,
                    // The others come about only later.
                    DropReason::Expired | DropReason::Cancelled | DropReason::NoTemplate => Obstacle::Expired,
                }),
                MessageStatus::Waiting { .. }
                | MessageStatus::Deferred { .. }
                | MessageStatus::Sent { .. }
                | MessageStatus::Failed { .. } => Sent::Queued(sent.id),
            })
        })
    }

    fn agreement(self: Arc<Self>, errand: Errand<'_>, agreement: AgreementId) -> Result<SeenAgreement, ServiceError> {
        self.act(errand, |tx, act| agreements::read_for_pack(tx, act, agreement))
    }

    fn agreements(
        self: Arc<Self>,
        errand: Errand<'_>,
        after: Option<AgreementId>,
        limit: usize,
    ) -> Result<Vec<SeenAgreement>, ServiceError> {
        self.act(errand, |tx, act| agreements::list_for_pack(tx, act, after, limit))
    }

    fn alias(
        self: Arc<Self>,
        errand: Errand<'_>,
        agreement: AgreementId,
        member: MemberId,
    ) -> Result<String, ServiceError> {
        self.act(errand, |tx, act| agreements::alias_of(tx, act, agreement, member))
    }

    fn member_by_alias(
        self: Arc<Self>,
        errand: Errand<'_>,
        agreement: AgreementId,
        alias: &str,
    ) -> Result<Option<MemberId>, ServiceError> {
        self.act(errand, |tx, act| agreements::member_by_alias(tx, act, agreement, alias))
    }

    fn ask(
        self: Arc<Self>,
        errand: Errand<'_>,
        agreement: AgreementId,
        question: String,
        allowance: Allowance,
    ) -> Result<PartnerReply, ServiceError> {
        let depth = errand.depth;
        self.act(errand, |tx, act| agreements::ask_partner(tx, act, agreement, question, depth, allowance))
    }

    fn owe(
        self: Arc<Self>,
        errand: Errand<'_>,
        agreement: AgreementId,
        amount: Minor,
        reason: Option<Label>,
    ) -> Result<PostingId, ServiceError> {
        self.act(errand, |tx, act| agreements::owe_partner(tx, act, agreement, amount, reason.as_ref()))
    }
}

/// Refuses a tag that somebody else put on and that counts: it is not the pack's to renew or take off.
fn keep_to_own(tx: &mut Tx, act: &Act<'_>, member: MemberId, tag: &Code) -> Result<(), ServiceError> {
    let member = crate::store::member_of(tx, act.merchant, member)?.ok_or_else(|| nobody(member))?;
    let counts = member.tags_at(act.now).any(|borne| borne == tag);
    let is_own = |source: &Source| *source == act.source();
    if counts && !member.tags.get(tag).is_some_and(|borne| is_own(&borne.source)) {
        return Err(ServiceError::Invalid(format!(
            "the tag `{tag}` was put on by somebody else, and is left as it is"
        )));
    }
    Ok(())
}

fn nobody(member: MemberId) -> ServiceError {
    ServiceError::NotFound(format!("there is no member {member}"))
}

impl From<TagError> for ServiceError {
    fn from(error: TagError) -> Self {
        match error {
            TagError::Store(error) | TagError::Identity(IdentityError::Store(error)) => Self::Store(error),
            TagError::UnknownMember(_) => Self::NotFound(error.to_string()),
            TagError::Erased(_) | TagError::Expired(_) | TagError::TooManyTags | TagError::Identity(_) => {
                Self::Invalid(error.to_string())
            }
        }
    }
}

impl From<TierError> for ServiceError {
    fn from(error: TierError) -> Self {
        match error {
            TierError::Store(error) | TierError::Identity(IdentityError::Store(error)) => Self::Store(error),
            TierError::UnknownMember(_) => Self::NotFound(error.to_string()),
            TierError::Erased(_) | TierError::Expired(_) | TierError::Identity(_) => Self::Invalid(error.to_string()),
        }
    }
}

impl From<SendError> for ServiceError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Store(error) => Self::Store(error),
            SendError::UnknownTemplate(_) | SendError::UnknownMember(_) => Self::NotFound(error.to_string()),
            SendError::Recipients(_) | SendError::Twice(_) | SendError::Values(_) => Self::Invalid(error.to_string()),
        }
    }
}
