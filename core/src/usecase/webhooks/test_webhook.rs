//! Somebody has a message sent to a webhook that tells of nothing, to see whether it arrives.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::progress_of;
use super::queue::Queue;
use super::records::{WAITING_MAX, Waiting, Webhook, WebhookState};
use crate::domain::{MerchantId, WebhookId};
use crate::store::layout::{self, Subject};
use crate::store::{Key, Record, StoreError, Tx};
use crate::usecase::{Act, Reply};

/// A test that is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestQueued {
    /// What it is known by.
    pub id: [u8; 16],
}

impl Record for TestQueued {
    const VERSION: u8 = 1;
    const NAME: &'static str = "reply of a webhook's test";
}

impl Reply for TestQueued {
    /// A test is gone when it is sent.
    fn about(&self, _: MerchantId) -> Option<Key> {
        None
    }
}

/// Why no test is sent.
#[derive(Debug, thiserror::Error)]
pub enum TestWebhookError {
    /// There is no such webhook.
    #[error("there is no webhook {0}")]
    Unknown(WebhookId),
    /// Nothing is sent to it.
    #[error("this webhook is paused; resume it first")]
    Paused,
    /// Too much waits there already.
    #[error("{WAITING_MAX} events or more wait at this webhook for another attempt: a test would tell nothing new")]
    TooMuchWaits,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Has a test sent to a webhook. It is attempted once, by the same way as events, and what came of it is among the
/// webhook's deliveries.
///
/// # Errors
/// The first refusal in the order of [`TestWebhookError`]'s variants.
pub fn test_webhook(tx: &mut Tx, act: &mut Act<'_>, webhook: WebhookId) -> Result<TestQueued, TestWebhookError> {
    let found = tx.load::<Webhook>(&layout::webhook(act.merchant, webhook))?;
    if found.ok_or(TestWebhookError::Unknown(webhook))?.state != WebhookState::Active {
        return Err(TestWebhookError::Paused);
    }
    let mut progress = progress_of(tx, act.merchant, webhook)?;
    if progress.waiting >= WAITING_MAX {
        return Err(TestWebhookError::TooMuchWaits);
    }
    let mut id = [0; 16];
    id[..8].copy_from_slice(&act.ids.bits().to_be_bytes());
    id[8..].copy_from_slice(&act.ids.bits().to_be_bytes());
    let mut queue = Queue { tx, merchant: act.merchant, webhook, progress: &mut progress };
    queue.put(Subject::Test(id), 0, &Waiting { asked_at: Some(act.now), ..Waiting::default() })?;
    queue.arm(Subject::Test(id), act.now)?;
    tx.save(&layout::webhook_progress(act.merchant, webhook), &progress)?;
    act.record(tx, "webhook-test", &webhook.to_string(), None, Some(&json!({ "asked": true })))?;
    Ok(TestQueued { id })
}
