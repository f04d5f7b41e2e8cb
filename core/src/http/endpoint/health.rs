//! `GET /livez`, `GET /readyz`: for whoever watches the host.

use axum::extract::State;
use axum::http::StatusCode;

use crate::http::{App, Problem};

/// The process runs.
#[utoipa::path(get, path = "/livez", tag = "health", security(()), responses((status = 200, body = String)))]
pub(super) async fn livez() -> &'static str {
    "ok"
}

/// The host takes writes.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = String), (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn readyz(State(app): State<App>) -> Result<(StatusCode, &'static str), Problem> {
    app.host().store.health()?;
    Ok((StatusCode::OK, "ok"))
}
