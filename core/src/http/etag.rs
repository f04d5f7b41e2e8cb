//! ETags: which state of a thing somebody has read, and means to change.

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::Problem;
use crate::domain::{Actor, MerchantId};
use crate::store::{StoreError, Tx};
use crate::usecase::{Act, Host, Thing};

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

/// Changes something, if it is in the version that the request expects, and tells what came of it and its next version.
pub(super) fn change<T, E>(
    host: &Host,
    actor: &Actor,
    thing: &Thing,
    expected: Option<u64>,
    mut use_case: impl FnMut(&mut Tx, &mut Act<'_>) -> Result<T, E>,
) -> Result<(T, u64), Problem>
where
    Problem: From<E>,
{
    host.act(actor, |tx, act| {
        thing.expect(tx, act.merchant, expected)?;
        let done = use_case(tx, act)?;
        Ok((done, thing.version(tx, act.merchant)?))
    })
}

/// Each of a short list with the version that it is in.
pub(super) fn with_versions<T>(
    tx: &mut Tx,
    merchant: MerchantId,
    all: Vec<T>,
    thing: impl Fn(&T) -> Thing,
) -> Result<Vec<(T, u64)>, StoreError> {
    let version = |one: T| {
        let version = thing(&one).version(tx, merchant)?;
        Ok((one, version))
    };
    all.into_iter().map(version).collect()
}
