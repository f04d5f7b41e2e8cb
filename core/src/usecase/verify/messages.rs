//! What has to hold of messages: that each is in its member's list, and that what waits, and only that, is due.

use super::Check;
use crate::domain::{Member, MerchantId, MessagePolicy, MessageTemplate};
use crate::store::layout::{self, MessageKey};
use crate::store::{StoreError, Tx, decode, decode_own};
use crate::usecase::messages::{Automatic, Connector, Message, MessageCursor};

impl<P: FnMut()> Check<'_, P> {
    /// Templates, messages and all that leads to them.
    pub(super) fn messages(&mut self, id: MerchantId) -> Result<(), StoreError> {
        let head = self.store.read(|tx| tx.log_head(&layout::events(id)))?.sequence;
        self.each(&layout::message_records(id), |tx, key, bytes| {
            let told =
                layout::message_key(key).ok_or_else(|| StoreError::corrupt("key of a record of messages", key))?;
            Ok(match told {
                MessageKey::Template => {
                    decode_own(key, bytes, |it: &MessageTemplate| layout::message_template(id, &it.code))?;
                    None
                }
                MessageKey::Message(_) => {
                    let message = decode_own(key, bytes, |it: &Message| layout::message(id, it.id))?;
                    message_fault(tx, id, &message)?
                }
                MessageKey::OfMember(member, message) => {
                    let found = tx.load::<Message>(&layout::message(id, message))?;
                    found
                        .is_none_or(|found| found.member != member)
                        .then(|| format!("{message} is listed for {member}, to whom it is not"))
                }
                MessageKey::Waiting(member, message) => {
                    let found = tx.load::<Message>(&layout::message(id, message))?;
                    (!found.is_some_and(|found| found.member == member && found.status.due_at().is_some()))
                        .then(|| format!("{message} is among what waits for {member}, and does not"))
                }
                MessageKey::Due(channel, at, message) => {
                    let found = tx.load::<Message>(&layout::message(id, message))?;
                    (!found.is_some_and(|found| found.channel == channel && found.status.due_at() == Some(at)))
                        .then(|| format!("{message} is due when it does not wait for that"))
                }
                MessageKey::Connector(_) => {
                    decode_own(key, bytes, |it: &Connector| layout::message_connector(id, it.channel))?;
                    None
                }
                MessageKey::Policy => decode::<MessagePolicy>(key, bytes).map(|_| None)?,
                MessageKey::Count(member, ..) => {
                    let is_there = tx.get(&layout::member(id, member))?.is_some();
                    let count = tx.counter(key)?;
                    (!is_there || count < 1).then(|| format!("{count} messages are counted for {member}"))
                }
                MessageKey::Automatic => {
                    let it = decode_own(key, bytes, |it: &Automatic| layout::automatic(id, it.trigger.name()))?;
                    let has_template = tx.get(&layout::message_template(id, &it.template))?.is_some();
                    let is_followed = tx.get(&layout::message_cursor(id))?.is_some();
                    let trigger = it.trigger.name();
                    match (has_template, is_followed) {
                        (true, true) => None,
                        (false, _) => Some(format!("the automatic message of `{trigger}` has no template")),
                        (true, false) => Some(format!("the automatic message of `{trigger}` has no place in the log")),
                    }
                }
                MessageKey::Cursor => {
                    let MessageCursor(at) = decode(key, bytes)?;
                    (at > head).then(|| format!("automatic messages have come to event {at}, and there are {head}"))
                }
            })
        })?;
        Ok(())
    }
}

fn message_fault(tx: &mut Tx, id: MerchantId, message: &Message) -> Result<Option<String>, StoreError> {
    let name = message.id;
    if tx.load::<Member>(&layout::member(id, message.member))?.is_none() {
        return Ok(Some(format!("{name} is to {}, who is not there", message.member)));
    }
    if tx.get(&layout::member_message(id, message.member, name))?.is_none() {
        return Ok(Some(format!("{name} is not listed for its member")));
    }
    let Some(at) = message.status.due_at() else { return Ok(None) };
    if tx.get(&layout::message_due(id, message.channel, at, name))?.is_none() {
        return Ok(Some(format!("{name} waits, and is not due")));
    }
    if tx.get(&layout::waiting_message(id, message.member, name))?.is_none() {
        return Ok(Some(format!("{name} waits, and is not among what waits for its member")));
    }
    Ok(message.values.is_none().then(|| format!("{name} waits, and has no values")))
}
