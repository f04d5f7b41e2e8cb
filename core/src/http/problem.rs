//! Problems: what a request is told when it is not fulfilled (RFC 9457). Each error of a use case gets its status and
//! stable `type` in the file of its area below, in one exhaustive `match`.

mod agreements;
mod assets;
mod events;
mod members;
mod merchant;
mod messages;
mod orders;
mod packs;
mod users;
mod webhooks;

use std::fmt::Display;

use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Action, ParseIdError, Role, TextError};
use crate::store::StoreError;
use crate::usecase::{ApiKeyError, MemberTokenError, OnceError};

/// Why a request was not fulfilled.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Stable name of the kind of problem, `urn:punchcard:problem:…`.
    #[serde(rename = "type")]
    #[schema(example = "urn:punchcard:problem:unknown-member")]
    kind: String,
    /// The kind in words.
    title: String,
    /// The HTTP status.
    #[schema(value_type = u16, example = 404)]
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    /// What was refused here, and what would be right.
    detail: String,
    /// Further faults, one for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::REQUEST_TIMEOUT {
            // What is still to come of it is no new request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl Problem {
    fn new(status: StatusCode, kind: &str, detail: impl Display) -> Self {
        Self {
            kind: format!("urn:punchcard:problem:{kind}"),
            title: kind.replace('-', " "),
            status,
            detail: detail.to_string(),
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    fn not_found(kind: &str, detail: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, kind, detail)
    }

    fn refused(kind: &str, detail: impl Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail)
    }

    fn conflict(kind: &str, detail: impl Display) -> Self {
        Self::new(StatusCode::CONFLICT, kind, detail)
    }

    /// An error on our side. It is logged; the caller gets a fixed text.
    pub(super) fn internal(error: impl Display) -> Self {
        tracing::error!("a request failed: {error}");
        let detail = "something went wrong on our side; the header x-request-id names this request in our log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    pub(super) fn no_such_path() -> Self {
        Self::not_found("no-such-path", "there is nothing at this path; /openapi.json lists what there is")
    }

    pub(super) fn wrong_method() -> Self {
        let detail = "this path does not take this method; /openapi.json lists which it takes";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", detail)
    }

    pub(super) fn too_busy() -> Self {
        let detail = "the host has as much to do as it can; try again in a moment";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-busy", detail);
        Self { retry_after_s: Some(1), ..problem }
    }

    /// A request that has used up its time: as it did not come whole, or while it is at work.
    pub(super) fn out_of_time(is_at_work: bool, is_safe: bool) -> Self {
        if !is_at_work {
            let detail = "the request did not come whole in the time that it may take; nothing was done";
            return Self::new(StatusCode::REQUEST_TIMEOUT, "request-incomplete", detail);
        }
        let detail = if is_safe {
            "the host could not answer in the time that a request may take; ask again in a moment"
        } else {
            "the host could not answer in the time that a request may take; it is not known whether this was recorded, \
             and it may still be: send it again, with the same idempotency key, to find out"
        };
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "out-of-time", detail);
        Self { retry_after_s: Some(1), ..problem }
    }

    /// Somebody asks more often than they may, and may come again in so many seconds.
    pub(super) fn too_often(kind: &str, detail: &str, seconds: u32) -> Self {
        let detail = format!("{detail}; come again in {seconds} s, nothing was done");
        Self { retry_after_s: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, kind, detail) }
    }

    pub(super) fn no_key() -> Self {
        let detail = "this needs an API key or a session: send the header `Authorization: Bearer pc_live_…`, or sign in \
                      with POST /v1/sessions";
        Self::new(StatusCode::UNAUTHORIZED, "no-key", detail)
    }

    pub(super) fn no_member_token() -> Self {
        let detail = "this is for members: send the header `Authorization: Bearer pm_…` with a token that \
                      POST /v1/members/{member}/tokens has given";
        Self::new(StatusCode::UNAUTHORIZED, "no-member-token", detail)
    }

    pub(super) fn of_members_only() -> Self {
        let detail =
            "a member's token is for what is their own, GET /v1/me and below; this needs an API key or a session";
        Self::new(StatusCode::FORBIDDEN, "members-token", detail)
    }

    pub(super) fn no_session() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "session-ended", "this session has ended: sign in again")
    }

    pub(super) fn no_csrf_token() -> Self {
        let detail = "what a session changes needs its CSRF token, so that no other site can do it: send the header \
                      `X-CSRF-Token` with what GET /v1/session tells";
        Self::new(StatusCode::FORBIDDEN, "no-csrf-token", detail)
    }

    pub(super) fn wrong_sign_in() -> Self {
        let detail = "merchant, name or password is wrong, or this user may not sign in";
        Self::new(StatusCode::UNAUTHORIZED, "wrong-sign-in", detail)
    }

    pub(super) fn forbidden(role: Role, action: Action) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("the role `{role}` may not do this, which needs `{action}`"),
        )
    }

    pub(super) fn other_store() -> Self {
        let detail = "this key is limited to stores, and this is not one of them";
        Self::new(StatusCode::FORBIDDEN, "other-store", detail)
    }

    pub(super) fn of_all_stores() -> Self {
        let detail = "this key is limited to stores, and this tells what is of all of them";
        Self::new(StatusCode::FORBIDDEN, "other-store", detail)
    }

    pub(super) fn no_such_month(given: &str) -> Self {
        let given: String = given.chars().take(32).collect();
        Self::not_found("no-such-thing", format!("`{given}` is no month: expected a year and a month such as 2026-03"))
    }

    pub(super) fn no_idempotency_key() -> Self {
        let detail = "this needs an idempotency key, so that a repeated request does not act twice: send the header \
                      `Idempotency-Key` with a text of your own, new for each new thing";
        Self::new(StatusCode::BAD_REQUEST, "no-idempotency-key", detail)
    }

    pub(super) fn bad_idempotency_key(error: &TextError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-idempotency-key", error)
    }

    pub(super) fn no_version() -> Self {
        let detail =
            "say which state you mean to change: send the header `If-Match` with the ETag of what you have read";
        Self::new(StatusCode::PRECONDITION_REQUIRED, "no-version", detail)
    }

    pub(super) fn wrong_version() -> Self {
        let detail = "`If-Match` is one ETag as this host gives it, in its quotation marks";
        Self::new(StatusCode::BAD_REQUEST, "wrong-version", detail)
    }

    pub(super) fn not_json_type() -> Self {
        let detail = "the body is to be JSON: send the header `Content-Type: application/json`";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json-type", detail)
    }

    pub(super) fn not_json(error: &serde_json::Error) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "not-json", format!("the body is not JSON: {error}"))
    }

    pub(super) fn wrong_body(path: &str, error: &impl Display) -> Self {
        let place = if path == "." { "the body" } else { path };
        Self::refused("wrong-body", format!("{place}: {error}"))
    }

    pub(super) fn wrong_query(error: &impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "wrong-query", error)
    }

    pub(super) fn body_not_read(error: &BytesRejection) -> Self {
        let status = error.status();
        let kind = if status == StatusCode::PAYLOAD_TOO_LARGE { "body-too-large" } else { "body-not-read" };
        Self::new(status, kind, error.body_text())
    }

    pub(super) fn wrong_name(error: &TextError) -> Self {
        Self::not_found("no-such-thing", error)
    }

    pub(super) fn wrong_path(error: &PathRejection) -> Self {
        Self::not_found("no-such-thing", error.body_text())
    }

    pub(super) fn unknown_member(id: impl Display) -> Self {
        Self::not_found("unknown-member", format!("there is no member {id}"))
    }

    pub(super) fn unknown_order(id: impl Display) -> Self {
        Self::not_found("unknown-order", format!("there is no order {id}"))
    }
}

impl From<ParseIdError> for Problem {
    fn from(error: ParseIdError) -> Self {
        Self::not_found("no-such-thing", error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy { .. } | StoreError::Conflict => {
                let detail = "others change the same things at the moment; try again";
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
                Self { retry_after_s: Some(1), ..problem }
            }
            StoreError::Unavailable { .. } => {
                tracing::error!("the store does not take writes: {error}");
                let detail = "the host can not write any more; it is not known whether this was recorded: send it again, with \
                              the same idempotency key, when the host is back";
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
                Self { retry_after_s: Some(30), ..problem }
            }
            StoreError::NoRoom { .. } => {
                let detail =
                    "the host's disk is full; nothing was recorded, and writes are taken again when there is room";
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-room", detail);
                Self { retry_after_s: Some(30), ..problem }
            }
            StoreError::TooLarge { .. } => Self::refused("too-large", error),
            other => Self::internal(other),
        }
    }
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        match error {
            ApiKeyError::Malformed => Self::new(StatusCode::UNAUTHORIZED, "malformed-key", error),
            ApiKeyError::Unknown => Self::new(StatusCode::UNAUTHORIZED, "unknown-key", error),
            ApiKeyError::Store(error) => error.into(),
        }
    }
}

impl From<MemberTokenError> for Problem {
    fn from(error: MemberTokenError) -> Self {
        match error {
            MemberTokenError::UnknownMember(id) => Self::unknown_member(id),
            MemberTokenError::Invalid => Self::new(StatusCode::UNAUTHORIZED, "invalid-member-token", error),
            MemberTokenError::Store(error) => error.into(),
        }
    }
}

impl<E: Into<Self>> From<OnceError<E>> for Problem {
    fn from(error: OnceError<E>) -> Self {
        match error {
            OnceError::Refused(error) => error.into(),
            OnceError::DifferentContent => {
                let detail = "this idempotency key was used before, with another request; take a new one";
                Self::refused("idempotency-key-reused", detail)
            }
            OnceError::InFlight => {
                let detail = "the first request with this idempotency key is still under way; ask again for its result";
                let problem = Self::conflict("request-in-flight", detail);
                Self { retry_after_s: Some(1), ..problem }
            }
            OnceError::Store(error) => error.into(),
        }
    }
}
