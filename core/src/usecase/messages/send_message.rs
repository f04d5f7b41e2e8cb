//! A member is to be told something: staff, a rule of the merchant or a pack has it sent.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::policy::{counted, expiry, is_capped, read_policy};
use super::queue::save;
use super::recipient::{Recipient, contact, recipient};
use super::records::{DropReason, Message, MessageStatus};
use super::templates::read_template;
use super::text::{ValueFault, check_values};
use crate::domain::{Code, Member, MemberId, Merchant, MerchantId, MessageId, MessageTemplate, MessageValues, Source};
use crate::store::{Key, Record, StoreError, Tx, encode, layout};
use crate::usecase::{Act, Reply, has_consented};

/// To how many members one request may have something sent.
pub const RECIPIENTS_MAX: usize = 200;

/// What is to be told to a member.
#[derive(Clone, Debug)]
pub struct SendMessage {
    /// To whom.
    pub member: MemberId,
    /// By which template.
    pub template: Code,
    /// What its texts ask for.
    pub values: MessageValues,
    /// Who or what has it sent.
    pub source: Source,
    /// The number of the event that it follows, of automatic messages.
    pub event: Option<u64>,
    /// When what it tells has happened: from then on it is worth sending for as long as the policy says.
    pub since: Timestamp,
}

/// Messages that were queued, or dropped at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// Their ids, in the order of the members.
    pub messages: Vec<MessageId>,
}

impl Record for Queued {
    const VERSION: u8 = 1;
    const NAME: &'static str = "reply of messages that were queued";
}

impl Reply for Queued {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        self.messages.first().map(|message| layout::message(merchant, *message))
    }
}

/// Why a message is not queued.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There are no members, or too many.
    #[error("messages go to 1 to {RECIPIENTS_MAX} members at once, but {0} are given")]
    Recipients(usize),
    /// A member is named twice.
    #[error("{0} is named twice")]
    Twice(MemberId),
    /// There is no such template.
    #[error("there is no template `{0}`")]
    UnknownTemplate(Code),
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// The values do not fit the template.
    #[error(transparent)]
    Values(#[from] ValueFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Queues a message. One for which there is no consent or no address, or that is one too many, is recorded as dropped:
/// whoever asks for it learns why, and nothing of what it would have said is kept.
///
/// # Errors
/// The first refusal in the order of [`SendError`]'s variants.
pub fn send_message(tx: &mut Tx, act: &mut Act<'_>, new: &SendMessage) -> Result<Message, SendError> {
    let template = read_template(tx, act.merchant, &new.template)?
        .ok_or_else(|| SendError::UnknownTemplate(new.template.clone()))?;
    let to = recipient(tx, act, new.member)?.ok_or(SendError::UnknownMember(new.member))?;
    check_values(&template, &new.values)?;
    let (policy, merchant) = (read_policy(tx, act.merchant)?, act.merchant(tx)?);
    let zone = merchant.time_zone.zone();
    let (member, verdict) = match &to {
        Recipient::Erased => (new.member, Some(DropReason::Erased)),
        Recipient::Known(member) => (member.id, obstacle(tx, act, member, &template, &merchant)?),
    };
    let expires_at = expiry(&policy, new.since);
    let verdict = verdict.or((expires_at <= act.now).then_some(DropReason::Expired));
    let quiet = policy.quiet.filter(|_| template.purpose.is_some());
    let status = match (verdict, quiet.and_then(|quiet| quiet.until_after(act.now, &zone))) {
        (Some(reason), _) => MessageStatus::Dropped { at: act.now, reason },
        (None, Some(due_at)) => MessageStatus::Deferred { due_at },
        (None, None) => MessageStatus::Waiting { due_at: act.now },
    };
    let id = act.ids.message();
    let values = match status.due_at() {
        Some(_) => {
            let key = act.member_key_or_new(tx, member)?;
            Some(key.seal(act.entropy, &layout::message(act.merchant, id), &encode(&Values(new.values.clone()))))
        }
        None => None,
    };
    let message = Message {
        id,
        member,
        template: template.code,
        channel: template.channel,
        purpose: template.purpose,
        source: new.source.clone(),
        event: new.event,
        depth: act.depth,
        queued_at: act.now,
        expires_at,
        attempts: 0,
        last_fault: None,
        status,
        values,
    };
    save(tx, act, None, &message)?;
    Ok(message)
}

/// Queues the same to several members, each in their own language.
///
/// # Errors
/// The first refusal in the order of [`SendError`]'s variants; nothing is queued then.
pub fn send_messages(
    tx: &mut Tx,
    act: &mut Act<'_>,
    members: &[MemberId],
    template: &Code,
    values: &MessageValues,
) -> Result<Queued, SendError> {
    if members.is_empty() || members.len() > RECIPIENTS_MAX {
        return Err(SendError::Recipients(members.len()));
    }
    let mut seen = std::collections::BTreeSet::new();
    if let Some(twice) = members.iter().find(|member| !seen.insert(**member)) {
        return Err(SendError::Twice(*twice));
    }
    let mut messages = Vec::with_capacity(members.len());
    for member in members {
        let new = SendMessage {
            member: *member,
            template: template.clone(),
            values: values.clone(),
            source: act.source(),
            event: None,
            since: act.now,
        };
        messages.push(send_message(tx, act, &new)?.id);
    }
    let told = json!({ "template": template, "messages": messages });
    act.record(tx, "messages", template.as_str(), None, Some(&told))?;
    Ok(Queued { messages })
}

/// What keeps a message of a template from a member at once.
fn obstacle(
    tx: &mut Tx,
    act: &Act<'_>,
    member: &Member,
    template: &MessageTemplate,
    merchant: &Merchant,
) -> Result<Option<DropReason>, StoreError> {
    if let Some(purpose) = &template.purpose {
        if !has_consented(tx, act.merchant, member.id, purpose)? {
            return Ok(Some(DropReason::NoConsent));
        }
        let today = act.now.to_zoned(merchant.time_zone.zone()).date();
        let so_many = counted(tx, act.merchant, member.id, template.channel, today)?;
        if is_capped(&read_policy(tx, act.merchant)?, template.channel, so_many) {
            return Ok(Some(DropReason::Capped));
        }
    }
    let contact = contact(tx, act, member, template.channel, merchant)?;
    Ok(contact.address.is_none().then_some(DropReason::NoAddress))
}

/// The values of a message, as they are sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct Values(pub(super) MessageValues);

impl Record for Values {
    const VERSION: u8 = 1;
    const NAME: &'static str = "values of a message";
}
