//! The HTTP client of commands that ask something elsewhere.

use std::time::Duration;

use axum::body::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::Failure;

pub(super) type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client for what is at this URL. HTTPS trusts whom this machine trusts.
///
/// # Errors
/// When there is to be HTTPS, but this machine trusts nobody.
pub(super) fn client(url: &Uri, connect_time_max: Duration) -> Result<Http, Failure> {
    let provider = rustls::crypto::ring::default_provider();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(connect_time_max));
    let builder = HttpsConnectorBuilder::new();
    let connector = if url.scheme_str() == Some("https") {
        let roots = builder.with_provider_and_native_roots(provider);
        let roots = roots.map_err(|error| format!("no certificates are trusted here: {error}"))?;
        roots.https_only().enable_http1().wrap_connector(tcp)
    } else {
        let tls = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        builder.with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp)
    };
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}
