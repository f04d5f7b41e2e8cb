//! What messages are signed with, in the form of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::domain::WebhookId;
use crate::store::{StoreError, Tx};
use crate::usecase::Act;
use crate::vault::{MerchantKeys, Sealed, VaultError};

/// Random bytes of a new secret.
pub(super) const SECRET_BYTES: usize = 32;

/// A secret, open. It is shown to its owner once, and used to sign.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// A text that is no secret of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no secret of a webhook: expected `whsec_` and 24 to 64 bytes in base64")]
pub struct NotASecret;

impl Secret {
    /// A secret of random bytes.
    pub fn new(random: [u8; SECRET_BYTES]) -> Self {
        Self(random.to_vec())
    }

    /// The secret in the text that its owner was shown.
    ///
    /// # Errors
    /// When it is not of the form.
    pub fn from_text(text: &str) -> Result<Self, NotASecret> {
        let bytes = text.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
        bytes.filter(|bytes| (24..=64).contains(&bytes.len())).map(Self).ok_or(NotASecret)
    }

    /// The text that its owner is shown.
    pub fn text(&self) -> String {
        format!("whsec_{}", STANDARD.encode(&self.0))
    }

    /// The signature of a message: `v1,` and the HMAC-SHA256 of id, instant and body, in base64.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    pub fn sign(&self, id: &str, unix_seconds: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{unix_seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    /// By what it can be told from others without being known.
    pub(super) fn fingerprint(&self) -> [u8; 8] {
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&Sha256::digest(&self.0)[..8]);
        fingerprint
    }

    /// The secret of a webhook, sealed by the merchant's key.
    pub(super) fn seal(&self, tx: &mut Tx, act: &Act<'_>, webhook: WebhookId) -> Result<Sealed, StoreError> {
        Ok(act.keys(tx)?.sealing().seal(act.entropy, &place(webhook), &self.0))
    }

    /// The secret of a webhook by the merchant's opened keys.
    pub(super) fn open(sealed: &Sealed, keys: &MerchantKeys, webhook: WebhookId) -> Result<Self, VaultError> {
        Ok(Self(keys.sealing().open(&place(webhook), sealed)?.to_vec()))
    }
}

fn place(webhook: WebhookId) -> Vec<u8> {
    [b"secret of a webhook ".as_slice(), webhook.as_bytes()].concat()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Entropy;
    use crate::vault::SecretKey;

    #[test]
    fn a_message_is_signed_as_the_standards_own_example_is() {
        let secret = Secret::from_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(secret.text(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_text_of_another_form_is_no_secret() {
        let secret = Secret::new([7; SECRET_BYTES]);
        assert_eq!(Secret::from_text(&secret.text()), Ok(secret));
        let (short, long) = (STANDARD.encode([0; 23]), STANDARD.encode([0; 65]));
        for text in ["", "whsec_", "whsec_???", &short, &format!("whsec_{short}"), &format!("whsec_{long}")] {
            assert_eq!(Secret::from_text(text), Err(NotASecret), "{text}");
        }
    }

    #[test]
    fn a_sealed_secret_opens_to_the_same_and_logs_show_neither() {
        let secret = Secret::new([7; SECRET_BYTES]);
        let (keys, webhook) = (MerchantKeys::of(&SecretKey::from_bytes([1; 32])), WebhookId::from_bytes([1; 16]));
        let sealed = keys.sealing().seal(&Entropy::seeded(1), &place(webhook), &secret.0);
        assert_eq!(Secret::open(&sealed, &keys, webhook).ok(), Some(secret.clone()));
        assert_eq!(format!("{secret:?} {sealed:?}"), "Secret(…) Sealed(72 bytes)");
        assert!(Secret::open(&sealed, &keys, WebhookId::from_bytes([2; 16])).is_err());
    }
}
