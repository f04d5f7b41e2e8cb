//! Somebody gives a webhook another secret. For a day its messages are signed with both, so that its receiver can go
//! over without losing one.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::records::{Previous, Webhook};
use super::secret::Secret;
use crate::domain::{MerchantId, WebhookId};
use crate::store::{Key, Record, StoreError, Tx, layout};
use crate::usecase::{Act, Reply};

/// How long the secret before is used as well.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// A secret that took another one's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRotated {
    /// Until when the one before is used as well.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub previous_until: Timestamp,
    fingerprint: [u8; 8],
}

impl SecretRotated {
    /// Whether this secret is the new one, and not that of an earlier request.
    pub fn has(&self, secret: &Secret) -> bool {
        self.fingerprint == secret.fingerprint()
    }
}

impl Record for SecretRotated {
    const VERSION: u8 = 1;
    const NAME: &'static str = "reply of a secret's rotation";
}

impl Reply for SecretRotated {
    /// A webhook may be deleted again.
    fn about(&self, _: MerchantId) -> Option<Key> {
        None
    }
}

/// Why a secret was not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// There is no such webhook.
    #[error("there is no webhook {0}")]
    Unknown(WebhookId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives a webhook another secret. The one before is used for another day, and the one before that no more.
///
/// # Errors
/// See [`RotateError`].
pub fn rotate_secret(
    tx: &mut Tx,
    act: &mut Act<'_>,
    webhook: WebhookId,
    secret: &Secret,
) -> Result<SecretRotated, RotateError> {
    let key = layout::webhook(act.merchant, webhook);
    let mut found = tx.load::<Webhook>(&key)?.ok_or(RotateError::Unknown(webhook))?;
    let previous_until = act.now.checked_add(OVERLAP).unwrap_or(Timestamp::MAX);
    let before = std::mem::replace(&mut found.secret, secret.seal(tx, act, webhook)?);
    found.previous = Some(Previous { secret: before, until: previous_until });
    found.version += 1;
    tx.save(&key, &found)?;
    let told = json!({ "previous_until": previous_until });
    act.record(tx, "webhook-secret", &webhook.to_string(), None, Some(&told))?;
    Ok(SecretRotated { previous_until, fingerprint: secret.fingerprint() })
}

/// Has a webhook's secret before not used any more.
///
/// # Errors
/// See [`RotateError`].
pub fn drop_previous_secret(tx: &mut Tx, act: &mut Act<'_>, webhook: WebhookId) -> Result<(), RotateError> {
    let key = layout::webhook(act.merchant, webhook);
    let mut found = tx.load::<Webhook>(&key)?.ok_or(RotateError::Unknown(webhook))?;
    if let Some(previous) = found.previous.take() {
        found.version += 1;
        tx.save(&key, &found)?;
        let told = json!({ "previous_until": previous.until });
        act.record(tx, "webhook-secret", &webhook.to_string(), Some(&told), None)?;
    }
    Ok(())
}
