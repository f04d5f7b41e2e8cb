//! API keys: `pc_live_<40 hex digits>_<8 hex digits of check>`. Only a hash of the secret is kept.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Act;
use crate::clock::Entropy;
use crate::domain::{Actor, KeyId, MerchantId, Role, StoreScope};
use crate::store::{Record, StoreError, Tx, layout, whole};

const PREFIX: &str = "pc_live_";
const SECRET_BYTES: usize = 20;

/// A key that was issued, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id, for logs and lists.
    pub id: KeyId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// What its holder may do.
    pub role: Role,
    /// In which stores.
    pub stores: StoreScope,
}

impl Record for ApiKey {
    const VERSION: u8 = 2;
    const NAME: &'static str = "API key";

    /// Before keys were limited to stores.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        let (id, merchant, role) = (version == 1).then(|| whole(body))??;
        Some(Self { id, merchant, role, stores: StoreScope::All })
    }
}

/// A new key with its secret, which is shown once and never again.
pub struct IssuedKey {
    /// Its id.
    pub id: KeyId,
    /// The whole key, as it is sent.
    pub secret: String,
}

/// Why a key is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// Not a key at all: a typing error, a cut-off copy.
    #[error("this is not an API key: expected {PREFIX}, {digits} hexadecimal digits, an underscore and 8 more", digits = SECRET_BYTES * 2)]
    Malformed,
    /// No key that we know.
    #[error("this API key is not known")]
    Unknown,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a key for a merchant.
///
/// # Errors
/// The store's failures.
pub fn issue_api_key(
    tx: &mut Tx,
    act: &mut Act<'_>,
    role: Role,
    stores: StoreScope,
    secret: [u8; SECRET_BYTES],
) -> Result<IssuedKey, StoreError> {
    let random: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = format!("{PREFIX}{random}_{:08x}", crc32c::crc32c(random.as_bytes()));
    let key = ApiKey { id: act.ids.key(), merchant: act.merchant, role, stores };
    tx.save(&layout::api_key(&hash(&secret)), &key)?;
    Ok(IssuedKey { id: key.id, secret })
}

/// Who the holder of a key is.
///
/// # Errors
/// When the key is malformed (told without a look at the store) or unknown.
pub fn authenticate(tx: &mut Tx, secret: &str) -> Result<Actor, ApiKeyError> {
    let (random, check) = secret
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once('_'))
        .filter(|(random, check)| random.len() == SECRET_BYTES * 2 && check.len() == 8)
        .ok_or(ApiKeyError::Malformed)?;
    if format!("{:08x}", crc32c::crc32c(random.as_bytes())) != check {
        return Err(ApiKeyError::Malformed);
    }
    let key = tx.load::<ApiKey>(&layout::api_key(&hash(secret)))?.ok_or(ApiKeyError::Unknown)?;
    Ok(Actor { merchant: key.merchant, key: key.id, role: key.role, stores: key.stores })
}

impl IssuedKey {
    /// Random bytes for a new key's secret.
    pub fn entropy(entropy: &Entropy) -> [u8; SECRET_BYTES] {
        entropy.secret()
    }
}

// A key has 160 random bits, so a plain hash can not be guessed back.
fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}
