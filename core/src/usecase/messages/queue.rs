//! The one place that writes messages: record, lists and due index go together.

use super::records::{DropReason, Message, MessageStatus};
use crate::domain::{Code, Event};
use crate::store::{StoreError, Tx, layout};
use crate::usecase::Act;

/// Writes a message over what it was before, and brings every index up to it. One that has ended is told of.
pub(super) fn save(
    tx: &mut Tx,
    act: &mut Act<'_>,
    before: Option<&Message>,
    after: &Message,
) -> Result<(), StoreError> {
    let (merchant, id) = (act.merchant, after.id);
    let had = before.and_then(|before| before.status.due_at());
    let has = after.status.due_at();
    if before.is_none() {
        tx.put(&layout::member_message(merchant, after.member, id), Vec::new())?;
    }
    if had != has {
        if let Some(at) = had {
            tx.delete(&layout::message_due(merchant, after.channel, at, id));
        }
        if let Some(at) = has {
            tx.put(&layout::message_due(merchant, after.channel, at, id), Vec::new())?;
        }
    }
    match (had, has) {
        (Some(_), None) => tx.delete(&layout::waiting_message(merchant, after.member, id)),
        (None, Some(_)) => tx.put(&layout::waiting_message(merchant, after.member, id), Vec::new())?,
        _ => {}
    }
    tx.save(&layout::message(merchant, id), after)?;
    let reason = match after.status {
        MessageStatus::Waiting { .. } | MessageStatus::Deferred { .. } => return Ok(()),
        MessageStatus::Sent { .. } => None,
        MessageStatus::Failed { fault, .. } => Some(fault.name()),
        MessageStatus::Dropped { reason, .. } => Some(reason.name()),
    };
    let code = |name: &str| Code::new(name).expect("names of outcomes are codes");
    act.tell_after(
        tx,
        &Event::MessageEnded {
            message: id,
            member: after.member,
            template: after.template.clone(),
            outcome: code(after.status.name()),
            reason: reason.map(code),
            at: act.now,
        },
        after.depth,
    )
}

/// Drops a message: it is not sent, and what it would have said is not kept.
pub(super) fn drop_message(
    tx: &mut Tx,
    act: &mut Act<'_>,
    before: &Message,
    reason: DropReason,
) -> Result<Message, StoreError> {
    let status = MessageStatus::Dropped { at: act.now, reason };
    let after = Message { status, values: None, ..before.clone() };
    save(tx, act, Some(before), &after)?;
    Ok(after)
}
