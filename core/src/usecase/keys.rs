//! The keys under which a merchant's and its members' data is sealed: opened for one run of a use case.

use super::Act;
use crate::domain::{MemberId, MerchantId};
use crate::store::{Direction, StoreError, Tx, layout};
use crate::vault::{MerchantKeys, Sealed, SealedSecret, SecretKey, Vault, VaultError};

impl Act<'_> {
    /// The merchant's keys; made when this is the first time that they are needed. Where nothing may be written they
    /// are made for this run only: nothing is sealed or marked by any yet.
    ///
    /// # Errors
    /// The store's failures; corruption when the master key that sealed them is not at hand, which is checked before a
    /// host starts.
    pub(super) fn keys(&self, tx: &mut Tx) -> Result<MerchantKeys, StoreError> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys.clone());
        }
        let place = layout::merchant_secret(self.merchant);
        let keys = match tx.load::<SealedSecret>(&place)? {
            Some(kept) => self.vault.open_secret(&place, &kept).map_err(|error| unreadable(error, &place))?,
            None => {
                let (sealed, keys) = self.vault.new_secret(self.entropy, &place);
                if self.may_write {
                    tx.save(&place, &sealed)?;
                }
                keys
            }
        };
        Ok(self.keys.get_or_init(|| keys).clone())
    }

    /// A member's key; none when there is none, or there is none any more.
    pub(super) fn member_key(&self, tx: &mut Tx, member: MemberId) -> Result<Option<SecretKey>, StoreError> {
        let keys = self.keys(tx)?;
        member_key(tx, self.merchant, &keys, member)
    }

    /// A member's key; made when there is none.
    pub(super) fn member_key_or_new(&self, tx: &mut Tx, member: MemberId) -> Result<SecretKey, StoreError> {
        if let Some(key) = self.member_key(tx, member)? {
            return Ok(key);
        }
        let place = layout::member_key(self.merchant, member);
        let key = SecretKey::new(self.entropy);
        let sealed = self.keys(tx)?.sealing().seal_key(self.entropy, &place, &key);
        tx.save(&place, &sealed)?;
        Ok(key)
    }
}

/// A member's key by the merchant's opened keys.
pub(super) fn member_key(
    tx: &mut Tx,
    merchant: MerchantId,
    keys: &MerchantKeys,
    member: MemberId,
) -> Result<Option<SecretKey>, StoreError> {
    let place = layout::member_key(merchant, member);
    let Some(sealed) = tx.load::<Sealed>(&place)? else { return Ok(None) };
    keys.sealing().open_key(&place, &sealed).map(Some).map_err(|error| unreadable(error, &place))
}

/// What does not open, as an error of the store.
pub(super) fn unreadable(error: VaultError, place: &[u8]) -> StoreError {
    StoreError::corrupt(error.to_string(), place)
}

/// Whether any merchant has a secret, which a master key has sealed.
///
/// # Errors
/// The store's failures.
pub fn has_secrets(tx: &mut Tx) -> Result<bool, StoreError> {
    Ok(!tx.scan(&layout::merchant_secrets(), Direction::Forward, 1)?.is_empty())
}

/// Opens every merchant's secret and seals again, by the newest master key, those that an older one has sealed. Returns
/// how many those were. It costs what there are merchants.
///
/// # Errors
/// When a secret does not open: its master key is missing, or it was changed. The store's failures.
pub fn renew_secrets(tx: &mut Tx, vault: &Vault, entropy: &crate::clock::Entropy) -> Result<u64, StoreError> {
    let mut kept = Vec::new();
    tx.each::<SealedSecret>(&layout::merchant_secrets(), |place, secret| kept.push((place.to_vec(), secret)))?;
    let mut renewed = 0;
    for (place, secret) in kept {
        // That it opens is worth knowing for those too that stay as they are.
        vault.open_secret(&place, &secret).map_err(|error| unreadable(error, &place))?;
        if let Some(secret) = vault.renewed(entropy, &place, &secret).map_err(|error| unreadable(error, &place))? {
            tx.save(&place, &secret)?;
            renewed += 1;
        }
    }
    Ok(renewed)
}

/// A merchant's keys for a check that runs outside of a use case; none when there are none yet.
pub(super) fn opened(tx: &mut Tx, vault: &Vault, merchant: MerchantId) -> Result<Option<MerchantKeys>, StoreError> {
    let place = layout::merchant_secret(merchant);
    let Some(kept) = tx.load::<SealedSecret>(&place)? else { return Ok(None) };
    vault.open_secret(&place, &kept).map(Some).map_err(|error| unreadable(error, &place))
}
