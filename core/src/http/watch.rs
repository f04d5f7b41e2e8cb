//! What surrounds every request: its name, its time limit, its line in the log, its figures, and what its key is told
//! of its limit.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::{counter, gauge, histogram};
use tracing::Instrument as _;
use uuid::Builder;

use super::rate::Standing;
use super::trace::Traced;
use super::trail::Trail;
use super::{App, Problem};
use crate::clock::{Entropy, Stopwatch};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The longest name of a request that is taken from a client, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Serves one request.
pub(super) async fn watch(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let name = name_of(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let begin = || Traced::begin(request.headers(), known(&method), &route, name.to_str().unwrap_or_default());
    let traced = app.settings().traced.then(begin);
    let trail = Trail::new(client(&request, &app.settings().forwarded_from), traced);
    let seen = Seen::new(&name, known(&method), route, trail.clone());
    request.extensions_mut().insert(trail.clone());

    let span = tracing::info_span!("request", id = name.to_str().unwrap_or_default());
    let served = tokio::time::timeout(app.settings().request_time_max, next.run(request)).instrument(span).await;
    let mut response =
        served.unwrap_or_else(|_| Problem::out_of_time(trail.is_at_work(), method.is_safe()).into_response());

    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, name);
    if let Some(standing) = trail.standing() {
        tell(standing, headers);
    }
    if let Some(traced) = trail.traced() {
        traced.answered(response.status());
    }
    seen.answered(response.status());
    response
}

/// Who asks: the other end of the connection or, when that is a proxy that we know, whom it names last.
fn client(request: &Request, proxies: &[IpAddr]) -> Option<IpAddr> {
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    let peer = peer.ip().to_canonical();
    let named = || {
        let last = request.headers().get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?.rsplit(',').next()?;
        last.trim().parse::<IpAddr>().ok()
    };
    let client = if proxies.contains(&peer) { named().unwrap_or(peer) } else { peer };
    Some(subscriber(client.to_canonical()))
}

/// The address of whom a network is given to: of IPv6 that is the first half.
fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// The name of a request: the client's, if it is one that does no harm in logs, or a new one.
fn name_of(headers: &HeaderMap) -> HeaderValue {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    headers
        .get(&REQUEST_ID)
        .filter(|given| (1..=REQUEST_ID_BYTES_MAX).contains(&given.len()) && given.as_bytes().iter().all(is_plain))
        .cloned()
        .unwrap_or_else(new_name)
}

fn new_name() -> HeaderValue {
    // Names of requests are in nothing that has to be the same again, so they need no source that is handed in.
    let name = Builder::from_random_bytes(Entropy::System.secret()).into_uuid().to_string();
    HeaderValue::try_from(name).unwrap_or_else(|_| HeaderValue::from_static("unnamed"))
}

/// The method, or `other`: figures and logs take no words from outside.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// `RateLimit` and `RateLimit-Policy` as draft-ietf-httpapi-ratelimit-headers has them.
fn tell(standing: Standing, headers: &mut HeaderMap) {
    let Standing { burst, window_s, left, full_in_s, .. } = standing;
    let told = [
        (RATE_LIMIT_POLICY, format!("\"key\";q={burst};w={window_s}")),
        (RATE_LIMIT, format!("\"key\";r={left};t={full_in_s}")),
    ];
    for (name, text) in told {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
}

/// A request that is being served. When it goes, it is in the log and the figures, answered or not.
struct Seen {
    name: String,
    method: &'static str,
    route: String,
    trail: Trail,
    began: Stopwatch,
    status: Option<StatusCode>,
}

impl Seen {
    fn new(name: &HeaderValue, method: &'static str, route: String, trail: Trail) -> Self {
        gauge!("punchcard_http_requests_in_flight").increment(1.0);
        let name = name.to_str().unwrap_or_default().to_owned();
        Self { name, method, route, trail, began: Stopwatch::start(), status: None }
    }

    fn answered(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let Self { name, method, route, trail, began, status } = self;
        let seconds = began.elapsed().as_secs_f64();
        let class = match status.map_or(0, |status| status.as_u16() / 100) {
            0 => "none",
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        gauge!("punchcard_http_requests_in_flight").decrement(1.0);
        let labels = [("route", route.clone()), ("method", (*method).to_owned()), ("status", class.to_owned())];
        counter!("punchcard_http_requests_total", &labels).increment(1);
        histogram!("punchcard_http_request_duration_seconds", &labels[..2]).record(seconds);
        let (merchant, staff) = trail.actor().unzip();
        tracing::info!(
            request_id = name,
            method,
            route,
            status = status.map(|status| status.as_u16()),
            duration_ms = seconds * 1000.0,
            merchant = merchant.map(tracing::field::display),
            staff = staff.map(tracing::field::display),
            "{}",
            if status.is_some() { "answered" } else { "the client has gone" },
        );
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(peer: &str, forwarded: &[&str]) -> Request {
        let mut request = Request::new(Body::empty());
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        for value in forwarded {
            request.headers_mut().append(FORWARDED_FOR, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn a_proxy_is_believed_only_when_it_is_known_and_only_in_what_it_has_added_itself() {
        let proxies = ["10.0.0.1".parse().unwrap()];
        let of = |peer: &str, forwarded: &[&str]| client(&request(peer, forwarded), &proxies).unwrap().to_string();
        assert_eq!(of("192.0.2.7:1", &["198.51.100.9"]), "192.0.2.7");
        assert_eq!(of("10.0.0.1:1", &["198.51.100.9"]), "198.51.100.9");
        assert_eq!(of("[::ffff:10.0.0.1]:1", &["198.51.100.9"]), "198.51.100.9");
        assert_eq!(of("10.0.0.1:1", &["203.0.113.1, 198.51.100.9"]), "198.51.100.9");
        assert_eq!(of("10.0.0.1:1", &["203.0.113.1", "198.51.100.9"]), "198.51.100.9");
        assert_eq!(of("10.0.0.1:1", &["unknown"]), "10.0.0.1");
        assert_eq!(of("10.0.0.1:1", &[]), "10.0.0.1");
        assert_eq!(of("[2001:db8:1:2:3:4:5:6]:1", &[]), "2001:db8:1:2::");
    }

    #[test]
    fn a_name_is_taken_from_the_client_only_when_it_is_short_and_plain() {
        for (given, taken) in [("till-7.A_1", true), ("", false), ("a b", false), ("a\"b", false), ("{}", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, given.parse().unwrap());
            assert_eq!(name_of(&headers) == given, taken, "{given}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, "a".repeat(65).parse().unwrap());
        assert_eq!(name_of(&headers).len(), 36);
    }
}
