//! What a request brings besides its body: a key, and an idempotency key.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::Problem;
use super::trail::Trail;
use crate::domain::Reference;

/// The API key of a request. Who that is, is found out when the work is done.
#[derive(Clone)]
pub(super) struct Caller {
    secret: String,
    trail: Trail,
}

impl Caller {
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// What becomes known of the request.
    pub(super) fn trail(&self) -> &Trail {
        &self.trail
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let value =
            parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(Problem::no_key)?;
        let secret = value.strip_prefix("Bearer ").ok_or_else(Problem::no_key)?.trim().to_owned();
        Ok(Self { secret, trail: parts.extensions.get::<Trail>().cloned().unwrap_or_default() })
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
