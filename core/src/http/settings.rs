//! What the interface is told: its limits. Defaults and where they are said are known to the command line.

use std::net::IpAddr;
use std::time::Duration;

use crate::usecase::users::SessionTerms;

/// The limits of the interface.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The largest body of a request in bytes, components of packs apart.
    pub body_bytes_max: usize,
    /// How many requests may be at work or wait for it. More are told to come again: a queue that only grows helps
    /// nobody.
    pub requests_max: usize,
    /// How many requests may be at work. Those of one merchant get half of these places, and half of those that wait.
    pub workers: usize,
    /// How many connections may be open. More wait until one is closed.
    pub connections_max: usize,
    /// How long a connection may take for the TLS handshake and for a request's head, idle time before it included.
    pub header_time_max: Duration,
    /// How long a request may take from its head to the head of its reply.
    pub request_time_max: Duration,
    /// How long the end waits for requests that have begun.
    pub shutdown_time_max: Duration,
    /// Addresses of proxies whose `X-Forwarded-For` is believed.
    pub forwarded_from: Vec<IpAddr>,
    /// How often one API key may ask; without it, as often as it likes.
    pub key_rate: Option<Rate>,
    /// How often one address may ask with a wrong API key; without it, as often as it likes.
    pub failed_key_rate: Option<Rate>,
    /// How often one address may fail to sign in; without it, as often as it likes.
    pub failed_sign_in_rate: Option<Rate>,
    /// How often it may fail for one user, from all addresses together from which that user has not signed in before.
    pub failed_user_rate: Option<Rate>,
    /// How long sessions last.
    pub sessions: SessionTerms,
    /// Whether browsers are to send the cookie of a session over HTTPS only.
    pub secure_cookies: bool,
    /// Whether requests are traced for a collector.
    pub traced: bool,
}

/// So many in so many seconds in the long run, and so many at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub(super) count: u32,
    pub(super) seconds: u32,
    pub(super) burst: u32,
}

impl Rate {
    /// `count` in `seconds`, `burst` at once; none when one of them is 0.
    pub const fn new(count: u32, seconds: u32, burst: u32) -> Option<Self> {
        if count == 0 || seconds == 0 || burst == 0 { None } else { Some(Self { count, seconds, burst }) }
    }
}
