//! The HTTP interface: `/v1`, JSON, RFC 9457 problems. Thin: an endpoint parses, runs one use case, and renders.
//!
//! One file of `endpoint` holds an endpoint's wire types, its handler and its documentation. The whole interface is
//! described at `/openapi.json`, which is made from this code.

mod app;
mod caller;
mod endpoint;
mod etag;
mod event_wire;
mod metrics;
mod path;
mod problem;
mod sent;
mod streams;
mod webhook_wire;
mod wire;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

pub use app::App;
pub use problem::Problem;

use crate::usecase::Host;
use streams::Streams;

/// The largest body of a request, components of packs apart.
const BODY_MAX_BYTES: usize = 1 << 20;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Punchcard",
        description = "Members, assets and orders of a merchant, and the packs that a merchant has enabled. Amounts of \
                       money are integers in the minor unit of the merchant's currency.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    security(("api-key" = [])),
    modifiers(&ApiKeyScheme)
)]
struct Description;

struct ApiKeyScheme;

impl Modify for ApiKeyScheme {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("pc_live_…").build();
        openapi.components.get_or_insert_default().add_security_scheme("api-key", SecurityScheme::Http(scheme));
    }
}

/// Begins to record what `/metrics` tells. What happens before is not in it.
pub fn begin_recording() {
    let _ = metrics::rendered();
}

/// Adds up what was recorded since the last time. To be called now and then: until somebody does, it takes memory.
pub fn keep_up() {
    metrics::keep_up();
}

/// All endpoints on a host.
pub fn router(host: Host) -> Router {
    router_with(host, Streams::default())
}

fn router_with(host: Host, streams: Streams) -> Router {
    begin_recording();
    let (router, openapi) = described().split_for_parts();
    router
        .route(
            "/openapi.json",
            axum::routing::get(move || async move {
                ([(axum::http::header::CONTENT_TYPE, "application/json")], openapi_json(&openapi)).into_response()
            }),
        )
        .fallback(async || Problem::no_such_path())
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .layer(CatchPanicLayer::custom(|_| Problem::internal("a request handler panicked").into_response()))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(TraceLayer::new_for_http())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .with_state(App::new(host, streams))
}

/// The description of the interface, OpenAPI 3.1.
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().split_for_parts().1
}

fn openapi_json(openapi: &utoipa::openapi::OpenApi) -> String {
    openapi.to_json().expect("the description is made of plain values")
}

fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .merge(endpoint::all())
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// Serves until `stop` resolves, then finishes what was begun. Streams end then.
///
/// # Errors
/// When the address can not be bound.
pub async fn serve(
    host: Host,
    listen: SocketAddr,
    on_bound: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    on_bound(listener.local_addr()?);
    let streams = Streams::default();
    let router = router_with(host, streams.clone());
    let stop = async move {
        stop.await;
        streams.close();
    };
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}
