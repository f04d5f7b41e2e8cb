//! What a request brings besides its body: an API key or a session, and an idempotency key.

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use super::trail::Trail;
use super::{App, Problem};
use crate::domain::{MemberId, Reference};
use crate::usecase::users::SessionToken;
use crate::usecase::{MEMBER_TOKEN_PREFIX, MemberToken, MemberTokenError};

/// Who asks, by an API key or a session. Who that is, is found out when the work is done.
#[derive(Clone)]
pub(super) struct Caller {
    credential: Credential,
    trail: Trail,
}

/// By what somebody is known.
#[derive(Clone)]
pub(super) enum Credential {
    /// An API key, as it was sent.
    Key(String),
    /// A session. What changes something has come with its CSRF token.
    Session(SessionToken),
    /// A member's own token: what they may ask for is by the routes that take one.
    Member(MemberToken),
}

/// The header in which the CSRF token of a session comes.
const CSRF_TOKEN: &str = "x-csrf-token";

/// The name of a session's cookie. A browser takes one with this prefix from this host itself only, by HTTPS.
pub(super) const fn cookie_name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-punchcard" } else { "punchcard" }
}

impl Caller {
    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The session by which somebody asks, if they do not by an API key.
    pub(super) fn session(&self) -> Option<&SessionToken> {
        match &self.credential {
            Credential::Key(_) | Credential::Member(_) => None,
            Credential::Session(token) => Some(token),
        }
    }

    /// What becomes known of the request.
    pub(super) fn trail(&self) -> &Trail {
        &self.trail
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let credential = match parts.headers.get(AUTHORIZATION) {
            // Who sends a key means it: nothing is done by a cookie instead.
            Some(value) => {
                let secret = bearer(value).ok_or_else(Problem::no_key)?;
                if secret.starts_with(MEMBER_TOKEN_PREFIX) {
                    return Err(Problem::of_members_only());
                }
                Credential::Key(secret.to_owned())
            }
            None => Credential::Session(session(parts, app.settings().secure_cookies)?),
        };
        Ok(Self { credential, trail: trail(parts) })
    }
}

/// What comes as a bearer's token.
fn bearer(value: &HeaderValue) -> Option<&str> {
    Some(value.to_str().ok()?.strip_prefix("Bearer ")?.trim())
}

/// A member who asks for what is their own.
#[derive(Clone)]
pub(super) struct MemberCaller(MemberToken, Trail);

impl MemberCaller {
    /// Who, once it is known that the token is valid; and what the request is served for.
    pub(super) fn parted(self) -> (MemberId, Caller) {
        (self.0.member(), Caller { credential: Credential::Member(self.0), trail: self.1 })
    }
}

impl<S: Sync> FromRequestParts<S> for MemberCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let secret = parts.headers.get(AUTHORIZATION).and_then(bearer).ok_or_else(Problem::no_member_token)?;
        if !secret.starts_with(MEMBER_TOKEN_PREFIX) {
            return Err(Problem::no_member_token());
        }
        let token = MemberToken::parse(secret).ok_or(MemberTokenError::Invalid)?;
        Ok(Self(token, trail(parts)))
    }
}

/// The session of a request, which has come with its CSRF token when it may change something.
fn session(parts: &Parts, is_secure: bool) -> Result<SessionToken, Problem> {
    let cookies = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == cookie_name(is_secure)).ok_or_else(Problem::no_key)?;
    let token = SessionToken::parse(value).ok_or_else(Problem::no_session)?;
    let given = || parts.headers.get(CSRF_TOKEN).and_then(|value| value.to_str().ok());
    let is_read = matches!(parts.method, axum::http::Method::GET | axum::http::Method::HEAD);
    if is_read || given().is_some_and(|given| token.has_csrf_token(given)) {
        Ok(token)
    } else {
        Err(Problem::no_csrf_token())
    }
}

fn trail(parts: &Parts) -> Trail {
    parts.extensions.get::<Trail>().cloned().unwrap_or_default()
}

/// Somebody who need not say who they are.
pub(super) struct Visitor(pub(super) Trail);

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(trail(parts)))
    }
}

/// The idempotency key of a request: 1 to 128 bytes of the caller's choice, new for each new thing.
pub(super) struct Once(pub(super) Reference);

impl<S: Sync> FromRequestParts<S> for Once {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        idempotency_key(&parts.headers).map(Self)
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Reference, Problem> {
    let value = headers.get("idempotency-key").ok_or_else(Problem::no_idempotency_key)?;
    let text = value.to_str().map_err(|_| Problem::no_idempotency_key())?;
    Reference::new(text).map_err(|error| Problem::bad_idempotency_key(&error))
}
