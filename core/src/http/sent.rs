//! The JSON body of a request, with the bytes by which a repeated request is known again.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::Problem;

/// A parsed body.
pub(super) struct Sent<T> {
    /// What it says.
    pub(super) body: T,
    /// Path and bytes of the request.
    pub(super) content: Vec<u8>,
}

impl<T: DeserializeOwned, S: Sync + Send> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.split(';').next().is_some_and(|kind| kind.trim() == "application/json"));
        if !is_json {
            return Err(Problem::not_json_type());
        }
        let mut content = request.uri().path().as_bytes().to_vec();
        content.push(0);
        let bytes = Bytes::from_request(request, state).await.map_err(|error| Problem::body_not_read(&error))?;
        content.extend_from_slice(&bytes);
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let body = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let (path, error) = (error.path().to_string(), error.into_inner());
            if error.is_data() { Problem::wrong_body(&path, &error) } else { Problem::not_json(&error) }
        })?;
        json.end().map_err(|error| Problem::not_json(&error))?;
        Ok(Self { body, content })
    }
}
