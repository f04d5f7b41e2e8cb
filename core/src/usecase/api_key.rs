//! API keys: `pc_live_<40 hex digits>_<8 hex digits of check>`. Only a hash of the secret is kept.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Act;
use super::host::has_store;
use super::teams::leave_team;
use super::users::check_owner_stays;
use crate::clock::Entropy;
use crate::domain::{Actor, Label, MerchantId, Role, StaffId, StoreId, StoreScope};
use crate::store::{Direction, Key, Record, StoreError, Tx, layout, whole};

const PREFIX: &str = "pc_live_";
const SECRET_BYTES: usize = 20;

/// A key that was issued, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id, for logs and lists.
    pub id: StaffId,
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

/// A key as it is listed: by its id, with the hash that finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedKey {
    /// Its id.
    pub id: StaffId,
    /// What people call it.
    pub label: Option<Label>,
    /// What its holder may do.
    pub role: Role,
    /// In which stores.
    pub stores: StoreScope,
    /// When it was issued; unknown for keys of before.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub issued_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub revoked_at: Option<Timestamp>,
    /// The SHA-256 of its secret, which it is found by.
    hash: [u8; 32],
}

impl Record for ListedKey {
    const VERSION: u8 = 1;
    const NAME: &'static str = "listed API key";
}

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What people call it.
    pub label: Option<Label>,
    /// What its holder may do.
    pub role: Role,
    /// In which stores.
    pub stores: StoreScope,
}

impl NewKey {
    /// A key of a role, for all stores.
    pub fn of(role: Role) -> Self {
        Self { label: None, role, stores: StoreScope::All }
    }
}

/// A new key with its secret, which is shown once and never again.
pub struct IssuedKey {
    /// Its id.
    pub id: StaffId,
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

/// Why a key is not issued or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// A key for no store could do nothing.
    #[error("a key is for all stores or for some, but not for none")]
    NoStores,
    /// Nobody gives away more than they have, or decides about keys of other stores.
    #[error("whoever is limited to stores issues and revokes keys for these only")]
    BeyondOwn,
    /// Not a key of the merchant.
    #[error("there is no API key {0}")]
    UnknownKey(StaffId),
    /// Who revokes the key with which they act is locked out.
    #[error("{0} is the key of this request: revoke it with another one")]
    OwnKey(StaffId),
    /// Somebody has to be able to do everything.
    #[error("{0} is the last owner of all stores: make another one first, a user or an API key")]
    LastOwner(StaffId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a key for a merchant.
///
/// # Errors
/// The first refusal in the order of [`KeyError`]'s variants.
pub fn issue_api_key(
    tx: &mut Tx,
    act: &mut Act<'_>,
    new: &NewKey,
    secret: [u8; SECRET_BYTES],
) -> Result<IssuedKey, KeyError> {
    let NewKey { label, role, stores } = new.clone();
    if let StoreScope::Only(stores) = &stores {
        for store in stores {
            if !has_store(tx, act.merchant, *store)? {
                return Err(KeyError::UnknownStore(*store));
            }
        }
        if stores.is_empty() {
            return Err(KeyError::NoStores);
        }
    }
    if act.actor.as_ref().is_some_and(|actor| !actor.stores.includes(&stores)) {
        return Err(KeyError::BeyondOwn);
    }
    let random = HEXLOWER.encode(&secret);
    let secret = format!("{PREFIX}{random}_{:08x}", crc32c::crc32c(random.as_bytes()));
    let (id, hash) = (act.ids.staff(), hash(&secret));
    tx.save(&layout::api_key(&hash), &ApiKey { id, merchant: act.merchant, role, stores: stores.clone() })?;
    let listed = ListedKey { id, label, role, stores, issued_at: Some(act.now), revoked_at: None, hash };
    save_listed(tx, act, None, &listed)?;
    Ok(IssuedKey { id, secret })
}

/// Takes a key out of use at once. One that is revoked stays so.
///
/// # Errors
/// The first refusal in the order of [`KeyError`]'s variants.
pub fn revoke_api_key(tx: &mut Tx, act: &mut Act<'_>, id: StaffId) -> Result<ListedKey, KeyError> {
    let listed = tx.load::<ListedKey>(&layout::listed_key(act.merchant, id))?.ok_or(KeyError::UnknownKey(id))?;
    if act.actor.as_ref().is_some_and(|actor| !actor.stores.includes(&listed.stores)) {
        return Err(KeyError::BeyondOwn);
    }
    if act.staff() == Some(id) {
        return Err(KeyError::OwnKey(id));
    }
    if listed.revoked_at.is_some() {
        return Ok(listed);
    }
    if listed.role == Role::Owner
        && listed.stores.is_all()
        && let Some(last) = check_owner_stays(tx, act.merchant, id)?
    {
        return Err(KeyError::LastOwner(last));
    }
    tx.delete(&layout::api_key(&listed.hash));
    let revoked = ListedKey { revoked_at: Some(act.now), ..listed.clone() };
    save_listed(tx, act, Some(&listed), &revoked)?;
    leave_team(tx, act, id)?;
    Ok(revoked)
}

fn save_listed(
    tx: &mut Tx,
    act: &mut Act<'_>,
    before: Option<&ListedKey>,
    after: &ListedKey,
) -> Result<(), StoreError> {
    tx.save(&layout::listed_key(act.merchant, after.id), after)?;
    let told = |key: &ListedKey| json!({ "label": key.label, "role": key.role.name(), "stores": key.stores, "revoked": key.revoked_at.is_some() });
    act.record(tx, "api-key", &after.id.to_string(), before.map(told).as_ref(), Some(&told(after)))
}

/// Lists some of the keys that older versions of the host have issued, which did not list them.
pub(super) fn list_next_keys(tx: &mut Tx, after: Option<&[u8]>) -> Result<Option<Key>, StoreError> {
    const PAGE: usize = 500;
    let all = layout::api_keys();
    let rest = after.map_or(all.clone(), |after| all.after(after));
    let page = tx.load_scan::<ApiKey>(&rest, Direction::Forward, PAGE)?;
    for (key, ApiKey { id, merchant, role, stores }) in &page {
        let hash = layout::api_key_hash(key).ok_or_else(|| StoreError::corrupt("key of an API key", key))?;
        let (id, role, stores) = (*id, *role, stores.clone());
        let listed = ListedKey { id, label: None, role, stores, issued_at: None, revoked_at: None, hash };
        tx.save(&layout::listed_key(*merchant, id), &listed)?;
    }
    Ok(page.into_iter().next_back().map(|(key, _)| key))
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
    Ok(Actor { merchant: key.merchant, staff: key.id, role: key.role, stores: key.stores })
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
