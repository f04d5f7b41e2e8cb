//! The parts of a request's path.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Problem;

/// The parts of a path, decoded. Bytes that are no text name nothing, and are answered with a problem like any other.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(parts)) => Ok(Self(parts)),
            Err(error) => Err(Problem::wrong_path(&error)),
        }
    }
}
