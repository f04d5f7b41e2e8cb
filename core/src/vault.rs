//! The vault: how personal data is kept unreadable, found again, and forgotten.
//!
//! Keys lie in three layers. The **master key** is the operator's; it is in a file of its own, never in the store. Each
//! **merchant** has a secret, kept in the store, sealed by the master key. Each **member** has a key, kept in the store,
//! sealed by the merchant's secret. What is personal is sealed by the member's key, so that dropping that one key makes
//! all of it unreadable, wherever it is kept.
//!
//! - Sealing is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with random nonces of 192 bits. The key of the record goes
//!   in as associated data: what was sealed for one place does not open at another.
//! - Blind indexes are HMAC-SHA-256 (RFC 2104) under a key that follows from the merchant's secret by HKDF (RFC 5869),
//!   cut to 128 bits: equal values of one merchant have equal marks, of two merchants they do not.
//!
//! Knows nothing about members: bytes in, bytes out. Randomness is passed in.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock::Entropy;

mod key_file;

pub use key_file::{KeyFileError, create_key_file, read_key_file, rotate_key_file};

/// What the file of the master keys is called in a data directory.
pub const KEY_FILE: &str = "master.key";

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Why something can not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// It was sealed by a master key that is not in the key file.
    #[error(
        "a merchant's secret is sealed by the master key {0}, which is not in the key file: put that key back into it"
    )]
    UnknownMaster(MasterId),
    /// The bytes are not what was sealed here.
    #[error("sealed data does not open: it was changed, or belongs elsewhere")]
    Damaged,
}

/// A short public name of a master key: the first bytes of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterId([u8; 8]);

impl fmt::Display for MasterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for MasterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A secret key. Shown nowhere, wiped when it goes.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

impl SecretKey {
    /// A new key.
    pub fn new(entropy: &Entropy) -> Self {
        Self(Zeroizing::new(entropy.secret()))
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its public name, as that of a master key.
    pub fn id(&self) -> MasterId {
        let digest: [u8; 32] = Sha256::digest(*self.0).into();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        MasterId(id)
    }

    /// Seals `plain` for a place.
    ///
    /// # Panics
    /// When `plain` has more than 256 GiB, which the cipher does not take.
    pub fn seal(&self, entropy: &Entropy, place: &[u8], plain: &[u8]) -> Sealed {
        let nonce: [u8; NONCE_BYTES] = entropy.secret();
        let payload = Payload { msg: plain, aad: place };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).expect("what is sealed is small");
        Sealed([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed by this key for a place.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] when it was sealed by another key, for another place, or has been changed.
    pub fn open(&self, place: &[u8], sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (nonce, text) = sealed.0.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::Damaged)?;
        let payload = Payload { msg: text, aad: place };
        let plain = self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| VaultError::Damaged)?;
        Ok(Zeroizing::new(plain))
    }

    /// Opens a key that was sealed by this one for a place.
    ///
    /// # Errors
    /// As [`SecretKey::open`].
    pub fn open_key(&self, place: &[u8], sealed: &Sealed) -> Result<Self, VaultError> {
        let plain = self.open(place, sealed)?;
        let bytes = plain.as_slice().try_into().map_err(|_| VaultError::Damaged)?;
        Ok(Self::from_bytes(bytes))
    }

    /// Seals another key for a place.
    pub fn seal_key(&self, entropy: &Entropy, place: &[u8], key: &Self) -> Sealed {
        self.seal(entropy, place, &*key.0)
    }

    /// The key for one purpose that follows from this one.
    fn derived(&self, purpose: &str) -> Self {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        Hkdf::<Sha256>::new(None, &*self.0).expand(purpose.as_bytes(), &mut *key).expect("32 bytes can be derived");
        Self(key)
    }

    /// The tag of some bytes under this key (HMAC-SHA-256). Where a part ends does not count.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.mac(parts).finalize().into_bytes().into()
    }

    /// Whether this is the tag of these bytes. It takes as long for a wrong tag as for the right one.
    pub fn has_tagged(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.mac(parts).verify_slice(tag).is_ok()
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*self.0).expect("any length of key is taken");
        for part in parts {
            mac.update(part);
        }
        mac
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

/// Something sealed: a nonce, and the sealed bytes with their tag.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed(Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// A value's mark in a blind index.
pub type Mark = [u8; 16];

/// The keys of one merchant, opened.
#[derive(Clone, Debug)]
pub struct MerchantKeys {
    sealing: SecretKey,
    marking: SecretKey,
}

impl MerchantKeys {
    /// What follows from a merchant's secret.
    pub fn of(secret: &SecretKey) -> Self {
        Self {
            sealing: secret.derived("punchcard keys of members"),
            marking: secret.derived("punchcard blind indexes"),
        }
    }

    /// Seals a member's key and other secrets of the merchant.
    pub fn sealing(&self) -> &SecretKey {
        &self.sealing
    }

    /// The merchant's signature of something of a kind, which others may bring back.
    pub fn signed(&self, kind: &str, value: &[u8]) -> [u8; 32] {
        self.marking.tag(&[b"signed ", kind.as_bytes(), &[0], value])
    }

    /// Whether the merchant has signed it. It takes as long for a wrong signature as for the right one.
    pub fn has_signed(&self, kind: &str, value: &[u8], signature: &[u8]) -> bool {
        self.marking.has_tagged(&[b"signed ", kind.as_bytes(), &[0], value], signature)
    }

    /// The key of the pseudonyms of one study: another study's are others, and nobody can tell from either whose they are.
    pub fn of_study(&self, study: &str) -> SecretKey {
        self.marking.derived(&format!("punchcard pseudonyms of the study {study}"))
    }

    /// The mark of a value among values of its kind.
    pub fn mark(&self, kind: &str, value: &[u8]) -> Mark {
        let digest = self.marking.tag(&[kind.as_bytes(), &[0], value]);
        let mut mark = [0; 16];
        mark.copy_from_slice(&digest[..16]);
        mark
    }
}

/// A merchant's secret as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// By which master key it is sealed.
    pub master: MasterId,
    /// The secret.
    pub sealed: Sealed,
}

/// The operator's master keys, the newest first: that one seals, all of them open.
#[derive(Clone, Debug)]
pub struct Vault {
    masters: Vec<SecretKey>,
}

impl Vault {
    /// A vault with one master key.
    pub fn new(master: SecretKey) -> Self {
        Self { masters: vec![master] }
    }

    /// A vault with a master key that follows from a seed: for tests, benches and the demonstration.
    pub fn seeded(seed: u64) -> Self {
        Self::new(SecretKey::new(&Entropy::seeded(seed)))
    }

    /// The name of the key that seals.
    pub fn newest(&self) -> MasterId {
        self.masters[0].id()
    }

    /// A key of the operator's for another purpose, which follows from the newest master key.
    pub fn key_for(&self, purpose: &str) -> SecretKey {
        self.masters[0].derived(purpose)
    }

    /// A new secret for a merchant, sealed for the place where it is kept.
    pub fn new_secret(&self, entropy: &Entropy, place: &[u8]) -> (SealedSecret, MerchantKeys) {
        let secret = SecretKey::new(entropy);
        (self.seal_secret(entropy, place, &secret), MerchantKeys::of(&secret))
    }

    /// Opens a merchant's secret.
    ///
    /// # Errors
    /// When its master key is not here, or it was changed.
    pub fn open_secret(&self, place: &[u8], kept: &SealedSecret) -> Result<MerchantKeys, VaultError> {
        Ok(MerchantKeys::of(&self.secret(place, kept)?))
    }

    /// The same secret, sealed by the newest master key; `None` if it is already.
    ///
    /// # Errors
    /// As [`Vault::open_secret`].
    pub fn renewed(
        &self,
        entropy: &Entropy,
        place: &[u8],
        kept: &SealedSecret,
    ) -> Result<Option<SealedSecret>, VaultError> {
        if kept.master == self.newest() {
            return Ok(None);
        }
        let secret = self.secret(place, kept)?;
        Ok(Some(self.seal_secret(entropy, place, &secret)))
    }

    fn seal_secret(&self, entropy: &Entropy, place: &[u8], secret: &SecretKey) -> SealedSecret {
        SealedSecret { master: self.newest(), sealed: self.masters[0].seal_key(entropy, place, secret) }
    }

    fn secret(&self, place: &[u8], kept: &SealedSecret) -> Result<SecretKey, VaultError> {
        let master = self.masters.iter().find(|master| master.id() == kept.master);
        master.ok_or(VaultError::UnknownMaster(kept.master))?.open_key(place, &kept.sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entropy() -> Entropy {
        Entropy::seeded(11)
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_at_its_place_and_nowhere_else() {
        let (entropy, key) = (entropy(), SecretKey::from_bytes([7; 32]));
        let sealed = key.seal(&entropy, b"here", b"Wang Fang");
        assert_eq!(key.open(b"here", &sealed).unwrap().as_slice(), b"Wang Fang");
        assert_eq!(key.open(b"there", &sealed), Err(VaultError::Damaged));
        assert_eq!(SecretKey::from_bytes([8; 32]).open(b"here", &sealed), Err(VaultError::Damaged));
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert_eq!(key.open(b"here", &changed), Err(VaultError::Damaged), "byte {at}");
        }
        assert_eq!(key.open(b"here", &Sealed(vec![1; 23])), Err(VaultError::Damaged));
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let (entropy, key) = (entropy(), SecretKey::from_bytes([7; 32]));
        assert_ne!(key.seal(&entropy, b"", b"x"), key.seal(&entropy, b"", b"x"));
    }

    #[test]
    fn the_cipher_is_the_one_of_the_draft() {
        // draft-irtf-cfrg-xchacha-03, appendix A.3.1.
        let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                      sunscreen would be it.";
        let place = HEXLOWER.decode(b"50515253c0c1c2c3c4c5c6c7").unwrap();
        let key: [u8; 32] = std::array::from_fn(|at| 0x80 + u8::try_from(at).unwrap());
        let nonce: Vec<u8> = (0x40..0x58).collect();
        let cipher = HEXLOWER.decode(
            b"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c67\
             08c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da\
             9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49",
        );
        let cipher = cipher.unwrap();
        let sealed = Sealed([nonce, cipher].concat());
        assert_eq!(SecretKey::from_bytes(key).open(&place, &sealed).unwrap().as_slice(), plain);
    }

    #[test]
    fn marks_are_equal_for_equal_values_of_one_kind_and_merchant_only() {
        let keys = MerchantKeys::of(&SecretKey::from_bytes([1; 32]));
        let others = MerchantKeys::of(&SecretKey::from_bytes([2; 32]));
        let mark = keys.mark("phone", b"+8613800138000");
        assert_eq!(mark, keys.mark("phone", b"+8613800138000"));
        assert_ne!(mark, keys.mark("email", b"+8613800138000"));
        assert_ne!(mark, keys.mark("phone", b"+8613800138001"));
        assert_ne!(mark, others.mark("phone", b"+8613800138000"));
    }

    #[test]
    fn pseudonyms_are_those_of_one_study_of_one_merchant() {
        let keys = MerchantKeys::of(&SecretKey::from_bytes([1; 32]));
        let others = MerchantKeys::of(&SecretKey::from_bytes([2; 32]));
        let tag = |keys: &MerchantKeys, study: &str| keys.of_study(study).tag(&[b"somebody"]);
        assert_eq!(tag(&keys, "spring"), tag(&keys, "spring"));
        assert_ne!(tag(&keys, "spring"), tag(&keys, "autumn"));
        assert_ne!(tag(&keys, "spring"), tag(&others, "spring"));
    }

    #[test]
    fn a_secret_goes_over_to_a_new_master_key_and_stays_the_same() {
        let entropy = entropy();
        let (old, new) = (SecretKey::from_bytes([1; 32]), SecretKey::from_bytes([2; 32]));
        let (kept, keys) = Vault::new(old.clone()).new_secret(&entropy, b"X1");
        let both = Vault { masters: vec![new.clone(), old.clone()] };
        let renewed = both.renewed(&entropy, b"X1", &kept).unwrap().expect("it was sealed by the old key");
        assert_eq!(both.renewed(&entropy, b"X1", &renewed), Ok(None));
        let again = Vault::new(new.clone()).open_secret(b"X1", &renewed).unwrap();
        assert_eq!(keys.mark("phone", b"1"), again.mark("phone", b"1"));
        assert_eq!(Vault::new(new).open_secret(b"X1", &kept).unwrap_err(), VaultError::UnknownMaster(old.id()));
    }

    #[test]
    fn keys_are_not_shown() {
        let key = SecretKey::from_bytes([0xab; 32]);
        assert_eq!(format!("{key:?}"), "SecretKey(…)");
        assert!(!format!("{:?}", Vault::new(key)).contains("ab"));
    }
}
