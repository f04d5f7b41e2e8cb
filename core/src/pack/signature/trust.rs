//! Whom the operator trusts.

use serde::{Deserialize, Serialize};

use super::{KeyId, SignatureError, VendorKey, message, parted};
use crate::domain::Code;
use crate::pack::LoadError;
use crate::pack::load::check_size;

/// Who has signed a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedBy {
    /// The vendor, as the operator called them when it came.
    pub vendor: Code,
    /// By which of their keys.
    pub key: KeyId,
}

/// The vendors whom the operator trusts, and whether components are taken that nobody has signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    vendors: Vec<VendorKey>,
    unsigned: bool,
}

impl Trust {
    /// Trusts these keys, and nothing else.
    pub fn new(vendors: Vec<VendorKey>) -> Self {
        Self { vendors, unsigned: false }
    }

    /// The same, and what nobody has signed as well if `unsigned`: the mode for development.
    #[must_use]
    pub fn with_unsigned(self, unsigned: bool) -> Self {
        Self { unsigned, ..self }
    }

    /// Trusts no vendor, and takes what nobody has signed.
    pub fn development() -> Self {
        Self::default().with_unsigned(true)
    }

    /// Whether components without a signature are taken.
    pub fn takes_unsigned(&self) -> bool {
        self.unsigned
    }

    /// Who has signed a component; nobody, if that is enough. What is signed has to be signed by somebody who is trusted, in
    /// development as well.
    ///
    /// # Errors
    /// When it is too large, no component, or its signature is not one of a vendor who is trusted.
    pub fn judge(&self, wasm: &[u8]) -> Result<Option<SignedBy>, LoadError> {
        check_size(wasm)?;
        let (component, signature) = parted(wasm)?;
        let Some(signature) = signature else {
            if self.unsigned {
                return Ok(None);
            }
            return Err(SignatureError::Unsigned { trusted: self.names() }.into());
        };
        let key = signature.key;
        let vendor = self.of(key).ok_or_else(|| SignatureError::Untrusted { key, trusted: self.names() })?;
        if !vendor.key.has_signed(&message(component), &signature.bytes) {
            return Err(SignatureError::Wrong { vendor: vendor.vendor.clone(), key }.into());
        }
        Ok(Some(SignedBy { vendor: vendor.vendor.clone(), key }))
    }

    /// Whether something that came with this signature, or with none, would be taken now.
    pub fn still_takes(&self, signed: Option<&SignedBy>) -> bool {
        match signed {
            Some(signed) => self.of(signed.key).is_some(),
            None => self.unsigned,
        }
    }

    fn of(&self, key: KeyId) -> Option<&VendorKey> {
        self.vendors.iter().find(|vendor| vendor.key.id() == key)
    }

    /// Whom it trusts, for messages.
    pub fn names(&self) -> String {
        if self.vendors.is_empty() {
            return "so far it trusts no vendor".into();
        }
        let names: Vec<_> =
            self.vendors.iter().map(|known| format!("{} by {}", known.vendor, known.key.id())).collect();
        format!("it trusts {}", names.join(", "))
    }
}
