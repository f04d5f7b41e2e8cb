//! Events that were given up: looked at, sent again, or dropped.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::progress_of;
use super::queue::Queue;
use super::records::{DeadLetter, Waiting};
use crate::domain::{MerchantId, WebhookId};
use crate::store::{Direction, Key, Record, StoreError, Tx, layout};
use crate::usecase::{Act, Reply, event_id};

/// Dead letters that are sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resent {
    /// How many.
    pub count: u32,
}

impl Record for Resent {
    const VERSION: u8 = 1;
    const NAME: &'static str = "reply of a resend";
}

impl Reply for Resent {
    /// A webhook may be deleted again.
    fn about(&self, _: MerchantId) -> Option<Key> {
        None
    }
}

/// Why nothing became of a dead letter.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// There is no such webhook.
    #[error("there is no webhook {0}")]
    UnknownWebhook(WebhookId),
    /// This event was not given up, or somebody has taken care of it.
    #[error("there is no dead letter of event {}", event_id(*.merchant, *.sequence))]
    Unknown {
        /// Whose.
        merchant: MerchantId,
        /// Its number.
        sequence: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Up to `limit` dead letters of a webhook, by the number of the event, of those after `after`.
///
/// # Errors
/// When there is no such webhook, and the store's failures.
pub fn list_dead_letters(
    tx: &mut Tx,
    merchant: MerchantId,
    webhook: WebhookId,
    after: u64,
    limit: usize,
) -> Result<Vec<DeadLetter>, DeadLetterError> {
    known(tx, merchant, webhook)?;
    let range = layout::webhook_dead_all(merchant, webhook).after(&layout::webhook_dead(merchant, webhook, after));
    let found = tx.load_scan::<DeadLetter>(&range, Direction::Forward, limit)?;
    Ok(found.into_iter().map(|(_, letter)| letter).collect())
}

/// Has a dead letter attempted again, with all attempts before it. It goes before whatever waits of its subject.
///
/// # Errors
/// See [`DeadLetterError`].
pub fn resend_dead_letter(
    tx: &mut Tx,
    act: &mut Act<'_>,
    webhook: WebhookId,
    sequence: u64,
) -> Result<Resent, DeadLetterError> {
    let letter = take(tx, act, webhook, sequence)?;
    let told = json!({ "webhook": webhook.to_string() });
    let resent = json!({ "webhook": webhook.to_string(), "resent": true });
    act.record(tx, "dead-letter", &event_id(act.merchant, sequence), Some(&told), Some(&resent))?;
    resend(tx, act, webhook, &[letter])
}

/// Has all dead letters attempted again that were given up at `since` or later.
///
/// # Errors
/// When there is no such webhook, and the store's failures.
pub fn resend_dead_letters(
    tx: &mut Tx,
    act: &mut Act<'_>,
    webhook: WebhookId,
    since: Timestamp,
) -> Result<Resent, DeadLetterError> {
    let all = list_dead_letters(tx, act.merchant, webhook, 0, usize::MAX)?;
    let letters: Vec<_> = all.into_iter().filter(|letter| letter.given_up_at >= since).collect();
    for letter in &letters {
        take(tx, act, webhook, letter.sequence)?;
    }
    if !letters.is_empty() {
        let resent = json!({ "since": since.to_string(), "resent": letters.len() });
        act.record(tx, "dead-letters", &webhook.to_string(), None, Some(&resent))?;
    }
    resend(tx, act, webhook, &letters)
}

/// Drops a dead letter: its event is not sent to this webhook any more.
///
/// # Errors
/// See [`DeadLetterError`].
pub fn drop_dead_letter(
    tx: &mut Tx,
    act: &mut Act<'_>,
    webhook: WebhookId,
    sequence: u64,
) -> Result<(), DeadLetterError> {
    take(tx, act, webhook, sequence)?;
    let told = json!({ "webhook": webhook.to_string() });
    Ok(act.record(tx, "dead-letter", &event_id(act.merchant, sequence), Some(&told), None)?)
}

fn known(tx: &mut Tx, merchant: MerchantId, webhook: WebhookId) -> Result<(), DeadLetterError> {
    match tx.get(&layout::webhook(merchant, webhook))? {
        Some(_) => Ok(()),
        None => Err(DeadLetterError::UnknownWebhook(webhook)),
    }
}

/// Takes a dead letter out.
fn take(tx: &mut Tx, act: &Act<'_>, webhook: WebhookId, sequence: u64) -> Result<DeadLetter, DeadLetterError> {
    known(tx, act.merchant, webhook)?;
    let key = layout::webhook_dead(act.merchant, webhook, sequence);
    let letter = tx.load::<DeadLetter>(&key)?;
    let letter = letter.ok_or(DeadLetterError::Unknown { merchant: act.merchant, sequence })?;
    tx.delete(&key);
    let mut progress = progress_of(tx, act.merchant, webhook)?;
    progress.dead = progress.dead.saturating_sub(1);
    tx.save(&layout::webhook_progress(act.merchant, webhook), &progress)?;
    Ok(letter)
}

fn resend(tx: &mut Tx, act: &Act<'_>, webhook: WebhookId, letters: &[DeadLetter]) -> Result<Resent, DeadLetterError> {
    let mut progress = progress_of(tx, act.merchant, webhook)?;
    let mut queue = Queue { tx, merchant: act.merchant, webhook, progress: &mut progress };
    for letter in letters {
        queue.put(letter.subject, letter.sequence, &Waiting::default())?;
        queue.arm(letter.subject, act.now)?;
    }
    tx.save(&layout::webhook_progress(act.merchant, webhook), &progress)?;
    Ok(Resent { count: u32::try_from(letters.len()).unwrap_or(u32::MAX) })
}
