//! Somebody looks at what members were told, and at what waits.

use super::records::Message;
use crate::domain::{MemberId, MerchantId, MessageId};
use crate::store::{Direction, StoreError, Tx, layout, member_of};

/// How many messages one question goes through, at most.
const WINDOW: usize = 1000;

/// Which messages are wanted.
#[derive(Clone, Debug, Default)]
pub struct SoughtMessages {
    /// Those to a member.
    pub member: Option<MemberId>,
    /// Those that stand so, by the name of their status.
    pub status: Option<&'static str>,
    /// Those before one.
    pub before: Option<MessageId>,
}

/// A part of the messages.
#[derive(Clone, Debug)]
pub struct MessagePage {
    /// What is wanted of it, the newest first.
    pub messages: Vec<Message>,
    /// Where to go on; none when there are no more.
    pub next: Option<MessageId>,
}

/// A message.
///
/// # Errors
/// The store's failures.
pub fn read_message(tx: &mut Tx, merchant: MerchantId, id: MessageId) -> Result<Option<Message>, StoreError> {
    tx.load(&layout::message(merchant, id))
}

/// Up to `limit` messages, the newest first. Goes through 1000 at most, so that with a filter a page may be short and not
/// the last.
///
/// # Errors
/// The store's failures.
pub fn list_messages(
    tx: &mut Tx,
    merchant: MerchantId,
    sought: &SoughtMessages,
    limit: usize,
) -> Result<MessagePage, StoreError> {
    let member = match sought.member {
        Some(member) => Some(member_of(tx, merchant, member)?.map_or(member, |member| member.id)),
        None => None,
    };
    let key = |id| match member {
        Some(member) => layout::member_message(merchant, member, id),
        None => layout::message(merchant, id),
    };
    let mut range = match member {
        Some(member) => layout::messages_of(merchant, member),
        None => layout::messages(merchant),
    };
    if let Some(before) = sought.before {
        range = range.before(&key(before));
    }
    let window = if sought.status.is_some() { WINDOW } else { limit };
    let entries = tx.scan(&range, Direction::Backward, window)?;
    let may_go_on = entries.len() == window;
    let mut page = MessagePage { messages: Vec::new(), next: None };
    for (key, _) in entries {
        let id = match layout::message_key(&key) {
            Some(layout::MessageKey::Message(id) | layout::MessageKey::OfMember(_, id)) => id,
            _ => return Err(StoreError::corrupt("key of a message", &key)),
        };
        let message = read_message(tx, merchant, id)?;
        let message = message.ok_or_else(|| StoreError::corrupt("listed message (missing)", &key))?;
        page.next = Some(id);
        if sought.status.is_none_or(|status| message.status.name() == status) {
            page.messages.push(message);
        }
        if page.messages.len() == limit {
            return Ok(page);
        }
    }
    if !may_go_on {
        page.next = None;
    }
    Ok(page)
}
