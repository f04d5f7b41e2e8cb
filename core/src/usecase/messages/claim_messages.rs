//! What is due on a channel is looked at again, and made ready to go out.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::connectors::{Route, route};
use super::policy::{counted, is_capped, read_policy};
use super::queue::{drop_message, save};
use super::recipient::{Recipient, contact, recipient};
use super::records::{DropReason, Message, MessageFault, MessageStatus};
use super::send_message::Values;
use super::templates::read_template;
use super::text::{Rendered, Surroundings, render};
use crate::domain::{Channel, MemberId, Merchant, MerchantId, MessageId, MessagePolicy, MessageTemplate};
use crate::store::{Direction, StoreError, Tx, decode, layout};
use crate::usecase::keys::unreadable;
use crate::usecase::{Act, has_consented};

/// How many messages are made ready at a time, at most.
const ROUND_MAX: usize = 32;

/// A message as it goes out: kept in memory only, and shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Outbound {
    /// Its id.
    pub id: MessageId,
    /// By which way.
    pub channel: Channel,
    /// The address.
    pub to: String,
    /// What it says.
    pub text: Rendered,
    /// When it was queued.
    pub queued_at: Timestamp,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outbound({}, …)", self.id)
    }
}

/// What is to be done on a channel.
#[derive(Debug, Default)]
pub struct Claimed {
    /// What is to be sent.
    pub outbound: Vec<Outbound>,
    /// By which way; none when the merchant has no connector.
    pub route: Option<Route>,
    /// How many messages were dropped, or deferred.
    pub dropped: usize,
}

/// When the first of those falls due that wait on a channel. It writes nothing, so looking again and again costs little.
///
/// # Errors
/// The store's failures.
pub fn next_due(tx: &mut Tx, merchant: MerchantId, channel: Channel) -> Result<Option<Timestamp>, StoreError> {
    let first = tx.scan(&layout::message_dues(merchant, channel), Direction::Forward, 1)?;
    first.first().map(|(key, _)| Ok(due_of(key)?.0)).transpose()
}

fn due_of(key: &[u8]) -> Result<(Timestamp, MessageId), StoreError> {
    match layout::message_key(key) {
        Some(layout::MessageKey::Due(_, at, id)) => Ok((at, id)),
        _ => Err(StoreError::corrupt("key of a due message", key)),
    }
}

/// Makes ready what is due on a channel: what is not to be sent any more is dropped, what comes in quiet hours is deferred,
/// and the rest is handed out with its text and address. It costs what is due, however much waits.
///
/// # Errors
/// The store's failures.
pub fn claim_messages(tx: &mut Tx, act: &mut Act<'_>, channel: Channel) -> Result<Claimed, StoreError> {
    let until = layout::message_dues_until(act.merchant, channel, act.now);
    let due = tx.scan(&until, Direction::Forward, ROUND_MAX)?;
    if due.is_empty() {
        return Ok(Claimed::default());
    }
    let mut claimed = Claimed { route: route(tx, act, channel)?, ..Claimed::default() };
    let (policy, merchant) = (read_policy(tx, act.merchant)?, act.merchant(tx)?);
    let mut round = Round { policy, merchant, sent_to: BTreeMap::new() };
    for (key, _) in due {
        let (_, id) = due_of(&key)?;
        let message = tx.load::<Message>(&layout::message(act.merchant, id))?;
        let message = message.ok_or_else(|| StoreError::corrupt("due message (missing)", &key))?;
        match round.make_ready(tx, act, &message)? {
            Ready::Out(outbound) => claimed.outbound.push(*outbound),
            Ready::Later(due_at) => {
                let after = Message { status: MessageStatus::Deferred { due_at }, ..message.clone() };
                save(tx, act, Some(&message), &after)?;
                claimed.dropped += 1;
            }
            Ready::Never(reason) => {
                drop_message(tx, act, &message, reason)?;
                claimed.dropped += 1;
            }
            Ready::Broken => {
                let (fault, at) = (MessageFault::Template, act.now);
                let status = MessageStatus::Failed { at, fault };
                let after = Message { status, last_fault: Some(fault), ..message.clone() };
                save(tx, act, Some(&message), &after)?;
                claimed.dropped += 1;
            }
        }
    }
    Ok(claimed)
}

/// What becomes of a message that is due.
enum Ready {
    Out(Box<Outbound>),
    Later(Timestamp),
    Never(DropReason),
    Broken,
}

/// What the messages of a round have in common.
struct Round {
    policy: MessagePolicy,
    merchant: Merchant,
    /// How many messages that count for caps go to whom in this round.
    sent_to: BTreeMap<MemberId, u64>,
}

impl Round {
    fn make_ready(&mut self, tx: &mut Tx, act: &Act<'_>, message: &Message) -> Result<Ready, StoreError> {
        if message.expires_at <= act.now {
            return Ok(Ready::Never(DropReason::Expired));
        }
        let member = match recipient(tx, act, message.member)? {
            Some(Recipient::Known(member)) => member,
            Some(Recipient::Erased) | None => return Ok(Ready::Never(DropReason::Erased)),
        };
        let Some(template) = read_template(tx, act.merchant, &message.template)? else {
            return Ok(Ready::Never(DropReason::NoTemplate));
        };
        let zone = self.merchant.time_zone.zone();
        if let Some(purpose) = &message.purpose {
            if !has_consented(tx, act.merchant, member.id, purpose)? {
                return Ok(Ready::Never(DropReason::NoConsent));
            }
            if let Some(due_at) = self.policy.quiet.and_then(|quiet| quiet.until_after(act.now, &zone)) {
                return Ok(Ready::Later(due_at));
            }
            let today = act.now.to_zoned(zone.clone()).date();
            let (of_day, of_week) = counted(tx, act.merchant, member.id, message.channel, today)?;
            let in_round = self.sent_to.get(&member.id).copied().unwrap_or(0);
            if is_capped(&self.policy, message.channel, (of_day + in_round, of_week + in_round)) {
                return Ok(Ready::Never(DropReason::Capped));
            }
        }
        let contact = contact(tx, act, &member, message.channel, &self.merchant)?;
        let Some(to) = contact.address else { return Ok(Ready::Never(DropReason::NoAddress)) };
        let surroundings = Surroundings {
            merchant: self.merchant.name.to_string(),
            member: contact.name,
            currency: self.merchant.currency,
            zone,
        };
        let Some(values) = opened(tx, act, message)? else { return Ok(Ready::Never(DropReason::Erased)) };
        if template.channel != message.channel {
            return Ok(Ready::Broken);
        }
        let Some(text) = text_of(&template, &values, &surroundings, &contact.locales) else {
            return Ok(Ready::Broken);
        };
        if message.purpose.is_some() {
            *self.sent_to.entry(member.id).or_default() += 1;
        }
        let (id, channel, queued_at) = (message.id, message.channel, message.queued_at);
        Ok(Ready::Out(Box::new(Outbound { id, channel, to, text, queued_at })))
    }
}

fn text_of(
    template: &MessageTemplate,
    values: &Values,
    surroundings: &Surroundings,
    locales: &[crate::domain::Locale],
) -> Option<Rendered> {
    super::text::check_values(template, &values.0).ok()?;
    render(template, &values.0, surroundings, locales).ok()
}

/// What a message's texts ask for, while it can be read.
fn opened(tx: &mut Tx, act: &Act<'_>, message: &Message) -> Result<Option<Values>, StoreError> {
    let Some(sealed) = &message.values else { return Ok(None) };
    let Some(key) = act.member_key(tx, message.member)? else { return Ok(None) };
    let place = layout::message(act.merchant, message.id);
    let plain = key.open(&place, sealed).map_err(|error| unreadable(error, &place))?;
    decode(&place, &plain).map(Some)
}
