//! ETags: which state of a thing somebody has read, and means to change.

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::Problem;

/// A reply with the version of the thing that it shows.
pub(super) struct Versioned<T>(pub(super) u64, pub(super) T);

impl<T: IntoResponse> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        ([(ETAG, format!("\"{}\"", self.0))], self.1).into_response()
    }
}

/// The version of the thing that a request means to change, if it says so.
pub(super) struct IfExpected(pub(super) Option<u64>);

impl<S: Sync> FromRequestParts<S> for IfExpected {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if parts.headers.contains_key(IF_MATCH) {
            return Expected::from_request_parts(parts, state).await.map(|Expected(version)| Self(Some(version)));
        }
        Ok(Self(None))
    }
}

/// The version of the thing that a request means to change, from `If-Match`.
pub(super) struct Expected(pub(super) u64);

impl<S: Sync> FromRequestParts<S> for Expected {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let value = parts.headers.get(IF_MATCH).ok_or_else(Problem::no_version)?;
        let text = value.to_str().map_err(|_| Problem::wrong_version())?.trim();
        let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
        version.map(Self).ok_or_else(Problem::wrong_version)
    }
}
