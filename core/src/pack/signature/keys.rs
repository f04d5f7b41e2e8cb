//! The keys of vendors: the secret one signs, the public one is what operators trust.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fs, io};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock::Entropy;
use crate::domain::Code;
use crate::private_file;

const KEY_BYTES: usize = 32;

/// How a public key begins as a text.
const PUBLIC: &str = "ed25519:";
/// How a secret key begins as a text: nobody takes it for a public one.
const SECRET: &str = "ed25519-secret:";

/// A short public name of a vendor's key: the first bytes of the SHA-256 of the public one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KeyId([u8; KeyId::BYTES]);

impl KeyId {
    pub(super) const BYTES: usize = 8;

    pub(super) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for KeyId {
    type Error = KeyTextError;

    fn try_from(text: String) -> Result<Self, KeyTextError> {
        hex(&text).map(Self).ok_or(KeyTextError::Id)
    }
}

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// It is none of a vendor's public keys.
    #[error(
        "expected a vendor's name and public key as `punchcard pack keygen` prints them, such as \
         `acme={PUBLIC}` and 64 hexadecimal digits, not `{0}`"
    )]
    Public(String),
    /// It is a secret one, which is not shown again.
    #[error(
        "this is a vendor's secret key, which belongs to nobody else: what is expected is the public one, which \
         `punchcard pack keygen` has printed and which begins with `{PUBLIC}`"
    )]
    Secret,
    /// It is no id of a key.
    #[error("expected 16 hexadecimal digits")]
    Id,
}

/// A vendor's public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// Its short name.
    pub fn id(&self) -> KeyId {
        let digest: [u8; 32] = Sha256::digest(self.0).into();
        let mut id = [0; KeyId::BYTES];
        id.copy_from_slice(&digest[..KeyId::BYTES]);
        KeyId(id)
    }

    /// Whether this key's secret one has signed these bytes.
    pub(super) fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(bytes, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A public key with the vendor whose it is: `acme=ed25519:…` as a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorKey {
    /// The vendor, by the name that the operator knows them by.
    pub vendor: Code,
    /// One of their public keys.
    pub key: PublicKey,
}

impl fmt::Display for VendorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.vendor, self.key)
    }
}

impl FromStr for VendorKey {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        if text.contains(SECRET) {
            return Err(KeyTextError::Secret);
        }
        let parsed = || {
            let (vendor, key) = text.split_once('=')?;
            let key = hex(key.strip_prefix(PUBLIC)?)?;
            Some(Self { vendor: Code::new(vendor).ok()?, key: PublicKey(key) })
        };
        parsed().ok_or_else(|| KeyTextError::Public(text.chars().take(160).collect()))
    }
}

/// Why a vendor's secret key can not be had.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The file can not be read or written.
    #[error("the key file {path} can not be used: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is such a file.
    #[error(
        "there is a file {path} already, and a vendor's key is not written over: name another one with --out",
        path = path.display()
    )]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// Others may read it.
    #[error("the key file {path} can be read by others than its owner; `chmod 600` it", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// There is no key in it.
    #[error(
        "{path} is no file that `punchcard pack keygen` has made: expected one line `VENDOR={SECRET}…` with 64 hexadecimal \
         digits, and comments",
        path = path.display()
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
}

/// A vendor's secret key. Shown nowhere, wiped when it goes.
pub struct SigningKey {
    vendor: Code,
    seed: Zeroizing<[u8; KEY_BYTES]>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, …)", self.vendor)
    }
}

impl SigningKey {
    /// A new key of a vendor.
    pub fn new(vendor: Code, entropy: &Entropy) -> Self {
        Self { vendor, seed: Zeroizing::new(entropy.secret()) }
    }

    /// The key in a file, which nobody but its owner may be able to read.
    ///
    /// # Errors
    /// See [`SigningKeyError`].
    pub fn read(path: &Path) -> Result<Self, SigningKeyError> {
        let unusable = |source| SigningKeyError::Io { path: path.to_owned(), source };
        let text = Zeroizing::new(fs::read_to_string(path).map_err(unusable)?);
        if !private_file::is_private(path).map_err(unusable)? {
            return Err(SigningKeyError::Open { path: path.to_owned() });
        }
        Self::parse(&text).ok_or_else(|| SigningKeyError::NoKey { path: path.to_owned() })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (vendor, key) = lines.next()?.split_once('=')?;
        let seed = Zeroizing::new(hex(key.strip_prefix(SECRET)?)?);
        let key = Self { vendor: Code::new(vendor).ok()?, seed };
        lines.next().is_none().then_some(key)
    }

    /// Writes it into a new file that only its owner can read.
    ///
    /// # Errors
    /// When there is such a file already, or it can not be written.
    pub fn write(&self, path: &Path) -> Result<(), SigningKeyError> {
        let mut text = Zeroizing::new(format!(
            "# The secret key by which the vendor `{vendor}` signs packs: `punchcard pack sign --key`. Whoever has it signs as\n\
             # {vendor}. Its public key is\n# {public}\n{vendor}={SECRET}",
            vendor = self.vendor,
            public = self.vendor_key(),
        ));
        HEXLOWER.encode_append(&*self.seed, &mut text);
        text.push('\n');
        private_file::create(path, text.as_bytes()).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => SigningKeyError::Taken { path: path.to_owned() },
            _ => SigningKeyError::Io { path: path.to_owned(), source },
        })
    }

    /// Its public key.
    pub fn public(&self) -> PublicKey {
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(self.pair().public_key().as_ref());
        PublicKey(key)
    }

    /// Its public key with the vendor, as operators are told of it.
    pub fn vendor_key(&self) -> VendorKey {
        VendorKey { vendor: self.vendor.clone(), key: self.public() }
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair().sign(bytes).as_ref());
        signature
    }

    fn pair(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&*self.seed).expect("a seed of 32 bytes is a key")
    }
}

/// So many bytes of hexadecimal digits.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?);
    bytes.as_slice().try_into().ok()
}
