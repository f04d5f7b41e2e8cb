//! The HTTP interface: `/v1`, JSON, RFC 9457 problems. Thin: an endpoint parses, runs one use case, and renders.
//!
//! One file of `endpoint` holds an endpoint's wire types, its handler and its documentation. The whole interface is
//! described at `/openapi.json`, which is made from this code.

mod app;
mod caller;
mod cursor;
mod describe;
mod docs;
mod endpoint;
mod etag;
mod event_wire;
mod message_wire;
mod metrics;
mod pack_commands;
mod path;
mod problem;
mod rate;
mod sent;
mod server;
mod settings;
mod streams;
mod tls;
mod trace;
mod trail;
mod watch;
mod webhook_wire;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use self::describe::Common;

pub use app::App;
use app::{at_all_stores, at_store};
pub(crate) use endpoint::{Export, ExportFormat, ExportKind, Research, ResearchKind, parted, unguarded};
pub use problem::Problem;
pub use settings::{Rate, Settings};
pub use tls::{CertificateError, Certificates};

use crate::usecase::Host;
use streams::Streams;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Punchcard",
        description = "Members, assets and orders of a merchant, and the packs that a merchant has enabled. Amounts of \
                       money are integers in the minor unit of the merchant's currency.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    security(("api-key" = []), ("session" = [])),
    modifiers(&Common)
)]
struct Description;

/// Begins to record what `/metrics` tells. What happens before is not in it.
pub fn begin_recording() {
    let _ = metrics::rendered();
}

/// Adds up what was recorded since the last time. To be called now and then: until somebody does, it takes memory.
pub fn keep_up() {
    metrics::keep_up();
}

/// All endpoints on a host.
pub fn router(host: Host, settings: &Settings) -> Router {
    router_with(host, settings, Streams::default())
}

fn router_with(host: Host, settings: &Settings, streams: Streams) -> Router {
    begin_recording();
    let app = App::new(host, settings.clone(), streams);
    let (router, openapi) = described();
    router
        .merge(docs::routes(&openapi))
        .fallback(async || Problem::no_such_path())
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .layer(CatchPanicLayer::custom(|_| Problem::internal("a request handler panicked").into_response()))
        .layer(DefaultBodyLimit::max(settings.body_bytes_max))
        .layer(axum::middleware::from_fn_with_state(app.clone(), watch::watch))
        .with_state(app)
}

/// The description of the interface, OpenAPI 3.1.
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().1
}

/// All endpoints, and their description.
fn described() -> (Router<App>, utoipa::openapi::OpenApi) {
    let all = OpenApiRouter::with_openapi(Description::openapi()).merge(endpoint::all());
    let (router, mut openapi) = all.split_for_parts();
    describe::finish(&mut openapi);
    (router, openapi)
}

/// Serves until `stop` resolves, then finishes what was begun, as long as the settings let it. Streams end then.
///
/// # Errors
/// When the address can not be bound.
pub async fn serve(
    host: Host,
    listen: SocketAddr,
    settings: &Settings,
    certificates: Option<Arc<Certificates>>,
    on_bound: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    on_bound(listener.local_addr()?);
    let streams = Streams::default();
    let router = router_with(host, settings, streams.clone());
    let stop = async move {
        stop.await;
        streams.close();
    };
    server::run(listener, router, settings, certificates, stop).await;
    Ok(())
}
