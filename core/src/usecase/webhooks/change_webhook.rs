//! Somebody changes where a webhook is, what it gets, or pauses and resumes it.

use std::collections::BTreeSet;

use super::progress_of;
use super::queue::Queue;
use super::records::{PauseReason, Progress, Waiting, Webhook, WebhookState};
use crate::domain::{Label, Reach, WebhookId, WebhookUrl, WebhookUrlError};
use crate::store::layout::{self, WebhookKey};
use crate::store::{Direction, StoreError, Tx};
use crate::usecase::{Act, EventKind};

/// What is to be changed; what is absent stays.
#[derive(Clone, Debug)]
pub struct ChangeWebhook {
    /// Which webhook.
    pub webhook: WebhookId,
    /// The version that the change was made on.
    pub version: u64,
    /// Where it is.
    pub url: Option<WebhookUrl>,
    /// Which events it gets; all if there are none.
    pub kinds: Option<BTreeSet<EventKind>>,
    /// What people read on it.
    pub description: Option<Option<Label>>,
    /// Whether it is paused.
    pub paused: Option<bool>,
    /// How far the host reaches.
    pub reach: Reach,
}

/// Why a webhook was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeWebhookError {
    /// There is none of this id.
    #[error("there is no webhook {0}")]
    Unknown(WebhookId),
    /// Somebody else has changed it meanwhile.
    #[error("this webhook has been changed meanwhile; read it again, and make the change on what it is now")]
    Changed,
    /// The host does not send there.
    #[error(transparent)]
    Url(#[from] WebhookUrlError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes a webhook. Whoever resumes one, or gives it another address, has everything that waits attempted at once, with
/// all its attempts before it.
///
/// # Errors
/// The first refusal in the order of [`ChangeWebhookError`]'s variants.
pub fn change_webhook(
    tx: &mut Tx,
    act: &mut Act<'_>,
    change: &ChangeWebhook,
) -> Result<(Webhook, Progress), ChangeWebhookError> {
    let (merchant, id) = (act.merchant, change.webhook);
    let key = layout::webhook(merchant, id);
    let mut webhook = tx.load::<Webhook>(&key)?.ok_or(ChangeWebhookError::Unknown(id))?;
    if webhook.version != change.version {
        return Err(ChangeWebhookError::Changed);
    }
    let before = webhook.told();
    let mut progress = progress_of(tx, merchant, id)?;
    let mut begins_anew = false;
    if let Some(url) = &change.url {
        url.check(change.reach)?;
        begins_anew |= webhook.url != *url;
        webhook.url = url.clone();
    }
    if let Some(kinds) = &change.kinds {
        webhook.kinds.clone_from(kinds);
    }
    if let Some(description) = &change.description {
        webhook.description.clone_from(description);
    }
    match (change.paused, webhook.state) {
        (Some(true), WebhookState::Active) => {
            webhook.state = WebhookState::Paused { reason: PauseReason::ByHand, at: act.now };
        }
        (Some(false), WebhookState::Paused { .. }) => {
            webhook.state = WebhookState::Active;
            begins_anew = true;
        }
        _ => {}
    }
    if begins_anew {
        progress.rests_until = None;
        attempt_anew(tx, act, id, &mut progress)?;
        tx.save(&layout::webhook_progress(merchant, id), &progress)?;
    }
    webhook.version += 1;
    tx.save(&key, &webhook)?;
    act.record(tx, "webhook", &id.to_string(), Some(&before), Some(&webhook.told()))?;
    Ok((webhook, progress))
}

/// Has the first of every subject attempted at once, as if it never had been.
fn attempt_anew(tx: &mut Tx, act: &Act<'_>, webhook: WebhookId, progress: &mut Progress) -> Result<(), StoreError> {
    let dues = layout::webhook_dues(act.merchant, webhook);
    let mut queue = Queue { tx, merchant: act.merchant, webhook, progress };
    for (key, _) in queue.tx.scan(&dues, Direction::Forward, usize::MAX)? {
        let Some((_, WebhookKey::Due(_, subject, sequence))) = layout::webhook_key(&key) else {
            return Err(StoreError::corrupt("key of a due event", &key));
        };
        let Some(waiting) = queue.get(subject, sequence)? else {
            return Err(StoreError::corrupt("due event (not waiting)", &key));
        };
        queue.put(subject, sequence, &Waiting { attempts: 0, first_at: None, not_before: None, ..waiting })?;
        queue.arm(subject, act.now)?;
    }
    Ok(())
}
