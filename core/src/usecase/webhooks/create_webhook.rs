//! Somebody wants a merchant's events at an address of theirs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::records::{Progress, WEBHOOKS_MAX, Webhook, WebhookState};
use super::secret::Secret;
use crate::domain::{Label, MerchantId, Reach, WebhookId, WebhookUrl, WebhookUrlError};
use crate::store::{Direction, Key, Record, StoreError, Tx, layout};
use crate::usecase::{Act, EventKind, Reply};

/// The webhook that is wanted.
#[derive(Clone, Debug)]
pub struct CreateWebhook {
    /// Where it is.
    pub url: WebhookUrl,
    /// Which events it gets; all if there are none.
    pub kinds: BTreeSet<EventKind>,
    /// What people read on it.
    pub description: Option<Label>,
    /// What its messages will be signed with.
    pub secret: Secret,
    /// How far the host reaches.
    pub reach: Reach,
}

/// A webhook that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookCreated {
    /// The webhook.
    pub webhook: WebhookId,
    /// Of its secret, which is not in here: nobody is shown it again, not even by repeating the request.
    fingerprint: [u8; 8],
}

impl WebhookCreated {
    /// Whether it was made with this secret, and not by an earlier request with another one.
    pub fn has(&self, secret: &Secret) -> bool {
        self.fingerprint == secret.fingerprint()
    }
}

impl Record for WebhookCreated {
    const VERSION: u8 = 1;
    const NAME: &'static str = "reply of a webhook's creation";
}

impl Reply for WebhookCreated {
    /// A webhook may be deleted again.
    fn about(&self, _: MerchantId) -> Option<Key> {
        None
    }
}

/// Why no webhook was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateWebhookError {
    /// The host does not send there.
    #[error(transparent)]
    Url(#[from] WebhookUrlError),
    /// There are enough.
    #[error("there are {WEBHOOKS_MAX} webhooks, which is the most; delete one, or have one take more kinds of events")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a webhook, which gets what happens from now on.
///
/// # Errors
/// The first refusal in the order of [`CreateWebhookError`]'s variants.
pub fn create_webhook(
    tx: &mut Tx,
    act: &mut Act<'_>,
    new: &CreateWebhook,
) -> Result<WebhookCreated, CreateWebhookError> {
    new.url.check(new.reach)?;
    let others = tx.scan(&layout::webhooks(act.merchant), Direction::Forward, WEBHOOKS_MAX)?;
    if others.len() >= WEBHOOKS_MAX {
        return Err(CreateWebhookError::TooMany);
    }
    let id = act.ids.webhook();
    let secret = new.secret.seal(tx, act, id)?;
    let webhook = Webhook {
        id,
        url: new.url.clone(),
        kinds: new.kinds.clone(),
        description: new.description.clone(),
        state: WebhookState::Active,
        secret,
        previous: None,
        created_at: act.now,
        version: 1,
    };
    let cursor = tx.log_head(&layout::events(act.merchant))?.sequence;
    tx.save(&layout::webhook(act.merchant, webhook.id), &webhook)?;
    tx.save(&layout::webhook_progress(act.merchant, webhook.id), &Progress { cursor, ..Progress::default() })?;
    act.record(tx, "webhook", &webhook.id.to_string(), None, Some(&webhook.told()))?;
    Ok(WebhookCreated { webhook: webhook.id, fingerprint: new.secret.fingerprint() })
}
