//! Signatures of components: who vouches for a file, and whether it is still what they signed.
//!
//! A signature is a part of the file: one custom section named `punchcard:signature` at the very end of the component,
//! which runtimes of WebAssembly pass over. It holds, after the name, the version of this format (one byte), the id of the
//! vendor's public key (eight bytes) and an Ed25519 signature (RFC 8032, 64 bytes) over [`CONTEXT`] and every byte of the
//! file before the section. There is one way to write it, so that two files differ whenever anything in them does.

mod keys;
mod trust;

use wasmparser::{Parser, Payload};

pub use keys::{KeyId, KeyTextError, PublicKey, SigningKey, SigningKeyError, VendorKey};
pub use trust::{SignedBy, Trust};

use super::LoadError;
use super::load::COMPONENT_PREAMBLE;
use crate::domain::Code;

/// The section's name.
const SECTION: &str = "punchcard:signature";

/// What the section of this format begins with: that it is a custom one, how long it is, how long its name is, its name, and
/// the format's version.
const HEAD: &[u8; 23] = b"\0\x5d\x13punchcard:signature\x01";

const SIGNATURE_BYTES: usize = 64;

/// The whole section.
const SECTION_BYTES: usize = HEAD.len() + KeyId::BYTES + SIGNATURE_BYTES;

/// What is signed before the component's bytes: a vendor's key that signs something else as well signs no pack by that.
const CONTEXT: &[u8] = b"punchcard pack signature, version 1\n";

/// What is wrong with a component's signature.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// There is none.
    #[error(
        "the component is not signed, and this host takes only what a vendor has signed whom its operator trusts ({trusted}): \
         a vendor signs with `punchcard pack sign`; a host for development takes it with `serve --unsigned-packs allow`"
    )]
    Unsigned {
        /// Whom this host trusts.
        trusted: String,
    },
    /// There is more than one, or something comes after it.
    #[error(
        "the signature is not the last part of the component, so it does not cover all of it: sign what \
         `punchcard pack build` made, and change nothing after that"
    )]
    NotLast,
    /// It is none of this format.
    #[error("the section `{SECTION}` is none that this host reads: {0}; `punchcard pack sign` writes version 1")]
    Form(&'static str),
    /// The key is nobody's whom this host trusts.
    #[error(
        "the component is signed by the key {key}, which is of no vendor that this host trusts ({trusted}): its operator \
         adds the vendor's public key to `packs.vendors` of the configuration"
    )]
    Untrusted {
        /// The key that the signature names.
        key: KeyId,
        /// Whom this host trusts.
        trusted: String,
    },
    /// It does not fit the bytes.
    #[error(
        "the component names the key {key} of the vendor `{vendor}`, but is not what that key has signed: it was changed \
         on its way, so get it from the vendor again"
    )]
    Wrong {
        /// Whose key it is.
        vendor: Code,
        /// The key that the signature names.
        key: KeyId,
    },
}

impl SignatureError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsigned { .. } => "component-not-signed",
            Self::NotLast | Self::Form(_) => "bad-signature-section",
            Self::Untrusted { .. } => "vendor-not-trusted",
            Self::Wrong { .. } => "wrong-signature",
        }
    }
}

/// The signature in a component, as it stands there.
#[derive(Debug)]
struct Signature {
    key: KeyId,
    bytes: [u8; SIGNATURE_BYTES],
}

/// The key that a component says it is signed by, whether that is true or not.
///
/// # Errors
/// When it is no component, or its signature is not well-formed.
pub fn claimed_key(wasm: &[u8]) -> Result<Option<KeyId>, LoadError> {
    Ok(parted(wasm)?.1.map(|signature| signature.key))
}

/// A component with a signature behind it.
///
/// # Errors
/// When it is no component, or there is a signature in it.
pub fn sign(component: &[u8], key: &SigningKey) -> Result<Vec<u8>, LoadError> {
    if let (_, Some(_)) = parted(component)? {
        return Err(SignatureError::NotLast.into());
    }
    let mut signed = component.to_vec();
    signed.extend_from_slice(HEAD);
    signed.extend_from_slice(key.public().id().as_bytes());
    signed.extend_from_slice(&key.sign(&message(component)));
    Ok(signed)
}

/// What is signed for a component.
fn message(component: &[u8]) -> Vec<u8> {
    [CONTEXT, component].concat()
}

/// A file's component, and the signature at its end.
fn parted(wasm: &[u8]) -> Result<(&[u8], Option<Signature>), LoadError> {
    if !wasm.starts_with(COMPONENT_PREAMBLE) {
        return Err(LoadError::NotAComponent("it does not begin as one".into()));
    }
    let mut sections = 0;
    let mut is_last = false;
    let mut depth = 0_usize;
    for part in Parser::new(0).parse_all(wasm) {
        match part.map_err(|error| LoadError::Invalid(error.to_string()))? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 && section.name() == SECTION => {
                sections += 1;
                is_last = usize::try_from(section.range().end) == Ok(wasm.len());
            }
            _ => {}
        }
    }
    match sections {
        0 => return Ok((wasm, None)),
        1 if is_last => {}
        _ => return Err(SignatureError::NotLast.into()),
    }
    let at = wasm.len().checked_sub(SECTION_BYTES).ok_or(SignatureError::Form("it is too short"))?;
    let (component, section) = wasm.split_at(at);
    let rest = section.strip_prefix(HEAD).ok_or(SignatureError::Form("it has another length or version"))?;
    let (key, bytes) = rest.split_at(KeyId::BYTES);
    let form = |_| SignatureError::Form("it has another length");
    let key = KeyId::from_bytes(key.try_into().map_err(form)?);
    Ok((component, Some(Signature { key, bytes: bytes.try_into().map_err(form)? })))
}

#[cfg(test)]
mod tests;
