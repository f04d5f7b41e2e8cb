//! TLS: the certificates that the host shows, and how they are changed while it runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// A chain of certificates with its key, read from two files; both are read again on demand.
#[derive(Debug)]
pub struct Certificates {
    chain: PathBuf,
    key: PathBuf,
    shown: RwLock<Arc<CertifiedKey>>,
}

/// Why certificates can not be shown.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file can not be read, or is no PEM.
    #[error("{} can not be read: {what}; expected {expected} in PEM", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// There is no certificate in the file.
    #[error("there is no certificate in {}; expected the host's own, then those that signed it, in PEM", .0.display())]
    None(PathBuf),
    /// Certificate and key do not go together, or are of a kind that is not known.
    #[error("the certificate in {} and the key in {} can not be used: {what}", .chain.display(), .key.display())]
    Unusable {
        /// The file of the certificates.
        chain: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong with them.
        what: String,
    },
}

impl Certificates {
    /// Reads them.
    ///
    /// # Errors
    /// When they can not be used.
    pub fn read(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        let shown = RwLock::new(Arc::new(read(chain, key)?));
        Ok(Self { chain: chain.into(), key: key.into(), shown })
    }

    /// Reads them again; new connections are shown what is there now. What can not be used leaves all as it is.
    ///
    /// # Errors
    /// When they can not be used.
    pub fn reload(&self) -> Result<(), CertificateError> {
        let read = read(&self.chain, &self.key)?;
        *self.shown.write() = Arc::new(read);
        Ok(())
    }

    /// What agrees on TLS with clients.
    pub(super) fn acceptor(self: Arc<Self>) -> TlsAcceptor {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider knows the versions of TLS that it was built for")
            .with_no_client_auth()
            .with_cert_resolver(self);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read()))
    }
}

fn read(chain_file: &Path, key_file: &Path) -> Result<CertifiedKey, CertificateError> {
    let unreadable = |file: &Path, expected| {
        let file = file.to_owned();
        move |error: rustls::pki_types::pem::Error| CertificateError::Unreadable { file, what: told(error), expected }
    };
    let chain = CertificateDer::pem_file_iter(chain_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(chain_file, "certificates"))?;
    if chain.is_empty() {
        return Err(CertificateError::None(chain_file.into()));
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(unreadable(key_file, "a private key"))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| CertificateError::Unusable {
        chain: chain_file.into(),
        key: key_file.into(),
        what: error.to_string(),
    })
}

fn told(error: rustls::pki_types::pem::Error) -> String {
    match error {
        rustls::pki_types::pem::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}
