//! `GET /livez`, `GET /readyz`, `GET /metrics`: for whoever watches the host.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use crate::http::{App, Problem, metrics};

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

/// The figures of the process, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, body = String, content_type = "text/plain; version=0.0.4")))]
pub(super) async fn figures() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::rendered().unwrap_or_default())
}
