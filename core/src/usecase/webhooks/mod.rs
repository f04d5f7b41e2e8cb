//! Webhooks: addresses to which a merchant's events are sent.
//!
//! A webhook has a place in the merchant's log, and everything up to there is settled: delivered, not wanted, waiting for
//! another attempt, or given up. Nothing is kept of an event that is delivered at the first attempt. Of one that fails a
//! small record is, and of those of the same subject that come after it; when there are [`WAITING_MAX`] of these, the
//! place does not move on until some are through.
//!
//! [`plan_deliveries`] says what to send now, and [`settle_deliveries`] records what came of it. Between the two lies the
//! network and no transaction: after a crash there, what was sent is sent again.

mod change_webhook;
mod create_webhook;
mod dead_letters;
mod delete_webhook;
mod plan_deliveries;
mod queue;
mod read_webhooks;
mod records;
mod rotate_secret;
mod schedule;
mod secret;
mod settle_deliveries;
mod test_webhook;
#[cfg(test)]
mod tests;

pub use change_webhook::{ChangeWebhook, ChangeWebhookError, change_webhook};
pub use create_webhook::{CreateWebhook, CreateWebhookError, WebhookCreated, create_webhook};
pub use dead_letters::{
    DeadLetterError, Resent, drop_dead_letter, list_dead_letters, resend_dead_letter, resend_dead_letters,
};
pub use delete_webhook::delete_webhook;
pub use plan_deliveries::{Chain, Letter, Message, Plan, Target, Work, plan_deliveries};
pub use read_webhooks::{list_deliveries, list_webhooks, page_webhooks, read_webhook};
pub use records::{
    ATTEMPTS_KEPT, AttemptRecord, DEAD_MAX, DeadLetter, MessageRef, Outcome, PauseReason, Previous, Progress,
    WAITING_MAX, WEBHOOKS_MAX, Waiting, Webhook, WebhookState,
};
pub use rotate_secret::{RotateError, SecretRotated, drop_previous_secret, rotate_secret};
pub use schedule::{ATTEMPTS_MAX, RETRY_AFTER_MAX};
pub use secret::{NotASecret, Secret};
pub use settle_deliveries::{Attempt, Settled, settle_deliveries};
pub use test_webhook::{TestQueued, TestWebhookError, test_webhook};

use crate::domain::{MerchantId, WebhookId};
use crate::store::{StoreError, Tx, layout};

/// A webhook's place in the log, and what is known of it besides.
fn progress_of(tx: &mut Tx, merchant: MerchantId, webhook: WebhookId) -> Result<Progress, StoreError> {
    let key = layout::webhook_progress(merchant, webhook);
    tx.load(&key)?.ok_or_else(|| StoreError::corrupt("progress of a webhook (missing)", &key))
}
