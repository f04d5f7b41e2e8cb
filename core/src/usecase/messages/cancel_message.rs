//! Somebody changes their mind: a message that waits is not sent, or one that failed is sent again.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::policy::{expiry, read_policy};
use super::queue::{drop_message, save};
use super::read_messages::read_message;
use super::records::{DropReason, Message, MessageStatus};
use crate::domain::{MemberId, MerchantId, MessageId};
use crate::store::{Direction, Key, Record, StoreError, Tx, layout};
use crate::usecase::{Act, Reply};

/// That a message was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageTouched {
    /// Which.
    pub message: MessageId,
}

impl Record for MessageTouched {
    const VERSION: u8 = 1;
    const NAME: &'static str = "reply of a change of a message";
}

impl Reply for MessageTouched {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::message(merchant, self.message))
    }
}

/// Why a message stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum TouchError {
    /// There is none of this id.
    #[error("there is no message {0}")]
    Unknown(MessageId),
    /// It does not wait.
    #[error("this message is {0}; only what waits or is deferred can be cancelled")]
    NotWaiting(&'static str),
    /// It has not failed.
    #[error("this message is {0}; only what has failed can be sent again")]
    NotFailed(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Cancels a message that waits. An attempt that is under way may still come through.
///
/// # Errors
/// The first refusal in the order of [`TouchError`]'s variants.
pub fn cancel_message(tx: &mut Tx, act: &mut Act<'_>, id: MessageId) -> Result<MessageTouched, TouchError> {
    let before = read_message(tx, act.merchant, id)?.ok_or(TouchError::Unknown(id))?;
    if before.status.due_at().is_none() {
        return Err(TouchError::NotWaiting(before.status.name()));
    }
    let after = drop_message(tx, act, &before, DropReason::Cancelled)?;
    told(tx, act, &before, &after)?;
    Ok(MessageTouched { message: id })
}

/// Has a message that failed attempted again, with all attempts before it and as long as a new one.
///
/// # Errors
/// The first refusal in the order of [`TouchError`]'s variants.
pub fn resend_message(tx: &mut Tx, act: &mut Act<'_>, id: MessageId) -> Result<MessageTouched, TouchError> {
    let before = read_message(tx, act.merchant, id)?.ok_or(TouchError::Unknown(id))?;
    let MessageStatus::Failed { .. } = before.status else {
        return Err(TouchError::NotFailed(before.status.name()));
    };
    let expires_at = expiry(&read_policy(tx, act.merchant)?, act.now);
    let status = MessageStatus::Waiting { due_at: act.now };
    let after = Message { status, expires_at, attempts: 0, ..before.clone() };
    save(tx, act, Some(&before), &after)?;
    told(tx, act, &before, &after)?;
    Ok(MessageTouched { message: id })
}

/// Drops all that waits for a member who is to be forgotten.
pub(in crate::usecase) fn forget_messages(tx: &mut Tx, act: &mut Act<'_>, member: MemberId) -> Result<(), StoreError> {
    for (key, _) in tx.scan(&layout::messages_waiting_of(act.merchant, member), Direction::Forward, usize::MAX)? {
        let Some(layout::MessageKey::Waiting(_, id)) = layout::message_key(&key) else {
            return Err(StoreError::corrupt("key of a waiting message", &key));
        };
        let message = read_message(tx, act.merchant, id)?;
        let message = message.ok_or_else(|| StoreError::corrupt("waiting message (missing)", &key))?;
        drop_message(tx, act, &message, DropReason::Erased)?;
    }
    Ok(())
}

fn told(tx: &mut Tx, act: &mut Act<'_>, before: &Message, after: &Message) -> Result<(), StoreError> {
    let [was, is] = [before, after].map(|message| json!({ "status": message.status.name() }));
    act.record(tx, "message", &after.id.to_string(), Some(&was), Some(&is))
}
