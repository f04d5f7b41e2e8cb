//! Somebody takes a webhook away.

use super::change_webhook::ChangeWebhookError;
use super::records::Webhook;
use crate::domain::WebhookId;
use crate::store::{Direction, Tx, layout};
use crate::usecase::Act;

/// Deletes a webhook with all that is kept of it, in the version `expected` if one is named. What is kept is bounded, so
/// this is one transaction.
///
/// # Errors
/// [`ChangeWebhookError::Unknown`], [`ChangeWebhookError::Changed`], and the store's failures.
pub fn delete_webhook(
    tx: &mut Tx,
    act: &mut Act<'_>,
    webhook: WebhookId,
    expected: Option<u64>,
) -> Result<(), ChangeWebhookError> {
    let key = layout::webhook(act.merchant, webhook);
    let before = tx.load::<Webhook>(&key)?.ok_or(ChangeWebhookError::Unknown(webhook))?;
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(ChangeWebhookError::Changed);
    }
    tx.delete(&key);
    tx.delete(&layout::webhook_progress(act.merchant, webhook));
    let parts = [
        layout::webhook_attempts(act.merchant, webhook),
        layout::webhook_waiting_all(act.merchant, webhook),
        layout::webhook_dues(act.merchant, webhook),
        layout::webhook_dead_all(act.merchant, webhook),
    ];
    for range in parts {
        for (key, _) in tx.scan(&range, Direction::Forward, usize::MAX)? {
            tx.delete(&key);
        }
    }
    act.record(tx, "webhook", &webhook.to_string(), Some(&before.told()), None)?;
    Ok(())
}
