//! Somebody looks at a merchant's webhooks, and at what came of their deliveries.

use super::progress_of;
use super::records::{AttemptRecord, Progress, Webhook};
use crate::domain::{MerchantId, WebhookId};
use crate::store::{Direction, StoreError, Tx, layout};
use crate::usecase::pages::{PageOf, Paged, paged};

/// All webhooks of a merchant, oldest first, each with how far it has come.
///
/// # Errors
/// The store's failures.
pub fn list_webhooks(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<(Webhook, Progress)>, StoreError> {
    let mut webhooks = Vec::new();
    tx.each::<Webhook>(&layout::webhooks(merchant), |_, webhook| webhooks.push(webhook))?;
    webhooks.into_iter().map(|webhook| Ok((webhook.clone(), progress_of(tx, merchant, webhook.id)?))).collect()
}

/// A page of the webhooks of a merchant, oldest first, each with how far it has come.
///
/// # Errors
/// The store's failures.
pub fn page_webhooks(
    tx: &mut Tx,
    merchant: MerchantId,
    which: &PageOf,
) -> Result<Paged<(Webhook, Progress)>, StoreError> {
    let (found, next) = paged::<Webhook>(tx, &layout::webhooks(merchant), which)?;
    let progress = |webhook: Webhook| Ok((webhook.clone(), progress_of(tx, merchant, webhook.id)?));
    Ok((found.into_iter().map(progress).collect::<Result<_, StoreError>>()?, next))
}

/// A webhook, if there is one of this id, with how far it has come.
///
/// # Errors
/// The store's failures.
pub fn read_webhook(
    tx: &mut Tx,
    merchant: MerchantId,
    webhook: WebhookId,
) -> Result<Option<(Webhook, Progress)>, StoreError> {
    let Some(found) = tx.load::<Webhook>(&layout::webhook(merchant, webhook))? else { return Ok(None) };
    Ok(Some((found, progress_of(tx, merchant, webhook)?)))
}

/// Up to `limit` of the last attempts to deliver to a webhook, newest first, of those with a number below `before`;
/// `None` when there is no such webhook.
///
/// # Errors
/// The store's failures.
pub fn list_deliveries(
    tx: &mut Tx,
    merchant: MerchantId,
    webhook: WebhookId,
    before: Option<u64>,
    limit: usize,
) -> Result<Option<Vec<AttemptRecord>>, StoreError> {
    if tx.get(&layout::webhook(merchant, webhook))?.is_none() {
        return Ok(None);
    }
    let all = layout::webhook_attempts(merchant, webhook);
    let range = match before {
        Some(before) => all.before(&layout::webhook_attempt(merchant, webhook, before)),
        None => all,
    };
    let found = tx.load_scan::<AttemptRecord>(&range, Direction::Backward, limit)?;
    Ok(Some(found.into_iter().map(|(_, attempt)| attempt).collect()))
}
