//! Somebody takes a webhook away.

use super::records::Webhook;
use crate::domain::WebhookId;
use crate::store::{Direction, StoreError, Tx, layout};
use crate::usecase::Act;

/// Deletes a webhook with all that is kept of it. Whether there was one. What is kept is bounded, so this is one
/// transaction.
///
/// # Errors
/// The store's failures.
pub fn delete_webhook(tx: &mut Tx, act: &mut Act<'_>, webhook: WebhookId) -> Result<bool, StoreError> {
    let key = layout::webhook(act.merchant, webhook);
    let Some(before) = tx.load::<Webhook>(&key)? else { return Ok(false) };
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
    Ok(true)
}
