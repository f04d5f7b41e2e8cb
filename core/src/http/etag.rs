//! Versions of what people edit: told in `ETag`, and asked for in `If-Match`, so that nobody writes over a change that
//! they have not seen.

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;

use super::Problem;

/// The tag of a version.
pub(super) fn etag(version: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes are a header's value")
}

/// The version that a change is made on.
pub(super) struct IfMatch(pub(super) u64);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let value = parts.headers.get(IF_MATCH).ok_or_else(Problem::no_version)?;
        // Whatever is none of our tags is that of no version.
        let tag = value.to_str().unwrap_or_default().trim();
        let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|tag| tag.parse().ok());
        Ok(Self(version.unwrap_or(0)))
    }
}
