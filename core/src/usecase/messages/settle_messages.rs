//! What came of a round of messages is recorded: in one transaction, after the network has had its say.

use jiff::{SignedDuration, Timestamp};

use super::policy::count;
use super::queue::save;
use super::records::{Message, MessageFault, MessageStatus};
use crate::domain::MessageId;
use crate::store::{StoreError, Tx, layout};
use crate::usecase::Act;

/// How often a message is attempted before it is given up.
pub const ATTEMPTS_MAX: u8 = 9;
/// How long to wait after each failure, in seconds; each up to a tenth longer.
const WAITS_S: [i64; ATTEMPTS_MAX as usize - 1] = [30, 120, 600, 1800, 3600, 7200, 14_400, 28_800];

/// An attempt that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendAttempt {
    /// Of which message.
    pub message: MessageId,
    /// What went wrong; nothing when the message was taken.
    pub fault: Option<MessageFault>,
    /// How long the receiver asked not to be asked again.
    pub retry_after: Option<SignedDuration>,
}

/// What a round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettledMessages {
    /// Messages that were taken.
    pub sent: usize,
    /// Attempts that failed.
    pub failed: usize,
    /// Messages that were given up.
    pub given_up: usize,
}

/// Records what came of attempts. A message that was cancelled or forgotten meanwhile stays so.
///
/// # Errors
/// The store's failures.
pub fn settle_messages(
    tx: &mut Tx,
    act: &mut Act<'_>,
    attempts: &[SendAttempt],
) -> Result<SettledMessages, StoreError> {
    let mut settled = SettledMessages::default();
    let today = act.now.to_zoned(act.merchant(tx)?.time_zone.zone()).date();
    for attempt in attempts {
        let key = layout::message(act.merchant, attempt.message);
        let before = tx.load::<Message>(&key)?.ok_or_else(|| StoreError::corrupt("message (missing)", &key))?;
        if before.status.due_at().is_none() {
            continue;
        }
        let tried =
            Message { attempts: before.attempts.saturating_add(1), last_fault: attempt.fault, ..before.clone() };
        let after = match attempt.fault {
            None => {
                settled.sent += 1;
                if before.purpose.is_some() {
                    count(tx, act.merchant, before.member, before.channel, today)?;
                }
                Message { status: MessageStatus::Sent { at: act.now }, values: None, ..tried }
            }
            Some(fault) => {
                settled.failed += 1;
                let wait = WAITS_S.get(usize::from(before.attempts)).filter(|_| fault.may_pass());
                match wait {
                    Some(wait) => {
                        let due_at = again_at(act, *wait, attempt.retry_after).min(before.expires_at);
                        Message { status: MessageStatus::Waiting { due_at }, ..tried }
                    }
                    None => {
                        settled.given_up += 1;
                        Message { status: MessageStatus::Failed { at: act.now, fault }, ..tried }
                    }
                }
            }
        };
        save(tx, act, Some(&before), &after)?;
    }
    Ok(settled)
}

fn again_at(act: &mut Act<'_>, wait_s: i64, asked: Option<SignedDuration>) -> Timestamp {
    let spread_ms = wait_s.saturating_mul(100);
    let extra = i64::try_from(act.ids.bits() % u64::try_from(spread_ms.max(1)).unwrap_or(1)).unwrap_or(0);
    let wait = SignedDuration::from_secs(wait_s).saturating_add(SignedDuration::from_millis(extra));
    let wait = asked.map_or(wait, |asked| asked.max(wait));
    act.now.checked_add(wait).unwrap_or(Timestamp::MAX)
}
