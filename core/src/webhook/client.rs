//! The way to a webhook: HTTPS to public addresses.
//!
//! Names are resolved here, the answers are checked, and the connection goes to an address that was checked: a name that
//! leads elsewhere the next time gains nothing. Redirects are not followed, proxies of the environment are not used.

use std::error::Error;
use std::future::Future;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::cloud_event::Envelope;
use crate::domain::{Reach, WebhookUrl, WebhookUrlError};
use crate::usecase::webhooks::{Outcome, Secret, Target};

/// How long a connection may take, and how long all of an attempt.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How many names are looked up at a time. It is done on the threads on which use cases run.
const LOOKUPS_MAX: usize = 16;
/// How much of an answer's body is read, in bytes. Of a longer one the connection is given up; its status counts.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How much is told of what an error says, in bytes.
const REASON_BYTES_MAX: usize = 200;
/// The header that nothing answers with seconds beyond this.
const SECONDS_MAX: i64 = 100 * 24 * 3600;

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody can be trusted.
    #[error(
        "this machine has no trusted certificates: install them (on Debian: `ca-certificates`), or name a file of them in SSL_CERT_FILE"
    )]
    NoRoots(#[source] std::io::Error),
}

type Http = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// Sends messages. Clones share connections.
#[derive(Clone)]
pub struct Client {
    http: Http,
    resolver: Resolver,
    reach: Reach,
    patience: Duration,
}

/// What a receiver answered, or why there is no answer.
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) retry_after: Option<SignedDuration>,
}

/// Something that is sent to a URL, signed by Standard Webhooks.
pub(crate) struct Parcel<'a> {
    /// Where to.
    pub(crate) url: &'a WebhookUrl,
    /// What it is signed with.
    pub(crate) secrets: &'a [Secret],
    /// What the body is.
    pub(crate) content_type: &'static str,
    /// The name by which the receiver knows it again.
    pub(crate) id: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, retry_after: None }
    }
}

impl Client {
    /// A client that reaches this far.
    ///
    /// # Errors
    /// When the machine has no trusted certificates.
    pub fn new(reach: Reach) -> Result<Self, ClientError> {
        let resolver = Resolver { reach, lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) };
        let mut connector = HttpConnector::new_with_resolver(resolver.clone());
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(PATIENCE));
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(ClientError::NoRoots)?;
        let builder = match reach {
            Reach::Public => builder.https_only(),
            Reach::Anywhere => builder.https_or_http(),
        };
        let connector = builder.enable_http1().wrap_connector(connector);
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(8)
            .build(connector);
        Ok(Self { http, resolver, reach, patience: PATIENCE })
    }

    /// The same, with another limit for all of an attempt; otherwise it is 15 seconds.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How far it reaches.
    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// The addresses of a host to which connections may be made.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Outcome> {
        let found = match host.parse::<IpAddr>() {
            Ok(address) => allowed(self.reach, std::iter::once(SocketAddr::new(address, 0))),
            Err(_) => self.resolver.resolve(host.to_owned()).await,
        };
        found.map(|found| found.map(|address| address.ip()).collect()).map_err(|refused| refused.outcome())
    }

    /// Sends an event, signed at `now`.
    pub(super) async fn send(&self, target: &Target, envelope: Envelope, now: Timestamp) -> Answer {
        let Envelope { id, body } = envelope;
        let (url, secrets, content_type) = (&target.url, target.secrets.as_slice(), "application/cloudevents+json");
        self.post(Parcel { url, secrets, content_type, id, body }, now).await
    }

    /// Sends something, signed at `now`.
    pub(crate) async fn post(&self, parcel: Parcel<'_>, now: Timestamp) -> Answer {
        // An address in the URL is not resolved, so it is looked at here; and the operator may have changed their mind
        // since the webhook was made.
        match parcel.url.check(self.reach) {
            Ok(()) => {}
            Err(WebhookUrlError::Private { .. } | WebhookUrlError::Scheme { .. }) => return Outcome::NotAllowed.into(),
            Err(error) => return Outcome::NotConnected(error.to_string()).into(),
        }
        let request = match request(parcel, now) {
            Ok(request) => request,
            Err(error) => return Outcome::NotConnected(error.to_string()).into(),
        };
        let deadline = after(self.patience);
        match timeout_at(deadline, self.http.request(request)).await {
            Err(_) => Outcome::TimedOut.into(),
            Ok(Err(error)) => failure(&error).into(),
            Ok(Ok(response)) => {
                let answer = Answer {
                    outcome: Outcome::Answered(response.status().as_u16()),
                    retry_after: retry_after(&response, now),
                };
                // Read to its end, so that the connection can be used again; what it says is nobody's.
                let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
                let _ = timeout_at(deadline, body.collect()).await;
                answer
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long the network may take is no matter of the host's clock")]
fn after(patience: Duration) -> Instant {
    Instant::now() + patience
}

fn request(parcel: Parcel<'_>, now: Timestamp) -> Result<Request<Full<Bytes>>, http::Error> {
    let Parcel { url, secrets, content_type, id, body } = parcel;
    let at = now.as_second();
    let signatures: Vec<_> = secrets.iter().map(|secret| secret.sign(&id, at, &body)).collect();
    Request::post(url.uri())
        .header(CONTENT_TYPE, HeaderValue::from_static(content_type))
        .header(USER_AGENT, HeaderValue::from_static(concat!("Punchcard/", env!("CARGO_PKG_VERSION"))))
        .header("webhook-id", id)
        .header("webhook-timestamp", at)
        .header("webhook-signature", signatures.join(" "))
        .body(Full::from(body))
}

/// How long the receiver asks not to be asked again: in seconds, or until an instant.
fn retry_after<B>(response: &Response<B>, now: Timestamp) -> Option<SignedDuration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => i64::try_from(seconds).unwrap_or(SECONDS_MAX),
        Err(_) => jiff::fmt::rfc2822::parse(text).ok()?.timestamp().duration_since(now).as_secs(),
    };
    (seconds > 0).then(|| SignedDuration::from_secs(seconds.min(SECONDS_MAX)))
}

/// What has led to an error, the nearest first.
fn causes<'a>(error: &'a hyper_util::client::legacy::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause: &&'a (dyn Error + 'static)| (*cause).source())
}

/// What an attempt without an answer came to.
fn failure(error: &hyper_util::client::legacy::Error) -> Outcome {
    if let Some(refused) = causes(error).find_map(<dyn Error>::downcast_ref::<ResolveError>) {
        return refused.outcome();
    }
    let mut reason = causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    let end = (0..=REASON_BYTES_MAX.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
    reason.truncate(end.unwrap_or(0));
    let is_late = causes(error)
        .filter_map(<dyn Error>::downcast_ref::<std::io::Error>)
        .any(|error| error.kind() == std::io::ErrorKind::TimedOut);
    match (is_late, error.is_connect()) {
        (true, _) => Outcome::TimedOut,
        (false, true) => Outcome::NotConnected(reason),
        (false, false) => Outcome::Broken(reason),
    }
}

/// Resolves names, and gives only addresses to which a connection may be made.
#[derive(Clone)]
struct Resolver {
    reach: Reach,
    lookups: Arc<Semaphore>,
}

#[derive(Debug, thiserror::Error)]
enum ResolveError {
    #[error("the name can not be resolved")]
    NotResolved,
    #[error("the name leads to no address that is sent to")]
    NotAllowed,
}

impl ResolveError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::NotResolved => Outcome::NotResolved,
            Self::NotAllowed => Outcome::NotAllowed,
        }
    }
}

impl Resolver {
    async fn resolve(&self, name: String) -> Result<std::vec::IntoIter<SocketAddr>, ResolveError> {
        let place = Arc::clone(&self.lookups).acquire_owned().await.map_err(|_| ResolveError::NotResolved)?;
        let lookup = tokio::task::spawn_blocking(move || {
            // The system may take its time over a name, and can not be called off.
            let _place = place;
            (name.as_str(), 0).to_socket_addrs()
        });
        let found = lookup.await.ok().and_then(Result::ok).ok_or(ResolveError::NotResolved)?;
        allowed(self.reach, found)
    }
}

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move { resolver.resolve(name.as_str().to_owned()).await })
    }
}

fn allowed(
    reach: Reach,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<std::vec::IntoIter<SocketAddr>, ResolveError> {
    let allowed: Vec<_> = found.filter(|address| reach.allows(address.ip())).collect();
    if allowed.is_empty() { Err(ResolveError::NotAllowed) } else { Ok(allowed.into_iter()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_names_addresses_only_public_ones_are_connected_to() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let mixed = [address("10.0.0.1:0"), address("93.184.215.14:0"), address("[::1]:0")];
        let given: Vec<_> = allowed(Reach::Public, mixed.into_iter()).unwrap().collect();
        assert_eq!(given, [address("93.184.215.14:0")]);
        let private = [address("127.0.0.1:0"), address("[::ffff:10.0.0.1]:0")];
        assert!(matches!(allowed(Reach::Public, private.into_iter()), Err(ResolveError::NotAllowed)));
        assert_eq!(allowed(Reach::Anywhere, private.into_iter()).unwrap().count(), 2);
    }

    #[test]
    fn a_receiver_may_ask_for_seconds_or_an_instant() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let asked = |value: &str| {
            let response = Response::builder().header(RETRY_AFTER, value).body(()).unwrap();
            retry_after(&response, now).map(|wait| wait.as_secs())
        };
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked("Tue, 14 Nov 2023 22:15:20 GMT"), Some(120));
        assert_eq!(asked("18446744073709551615"), Some(SECONDS_MAX));
        for nothing in ["", "0", "-5", "soon", "Tue, 14 Nov 2023 22:10:20 GMT"] {
            assert_eq!(asked(nothing), None, "{nothing}");
        }
    }
}
