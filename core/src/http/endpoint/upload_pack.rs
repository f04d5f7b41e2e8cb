//! `POST /v1/packs`

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::list_packs::OriginOut;
use crate::domain::Action;
use crate::http::caller::Caller;
use crate::http::{App, Problem};
use crate::usecase;

/// The largest body of an upload: somewhat more than the largest component, which the loader refuses by name.
pub(super) const COMPONENT_BODY_MAX_BYTES: usize = 9 << 20;

/// The bytes of a component.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(super) struct Component(#[expect(dead_code, reason = "it is there for the description")] Vec<u8>);

/// A revision with what it says of itself.
#[derive(Serialize, ToSchema)]
pub(super) struct UploadedOut {
    /// The revision's id: the same component has the same.
    revision: String,
    pack: String,
    version: String,
    /// The component's size in bytes.
    bytes: u64,
    #[serde(flatten)]
    origin: OriginOut,
    /// The manifest: texts, the grants it asks for and why, units, commands, and the schema of its settings.
    #[schema(value_type = Object)]
    manifest: Value,
}

/// Checks a component against the contract and keeps it as a revision. It is not enabled by that. It has to be signed by a
/// vendor whom the operator trusts; a pack goes on with the vendor who first brought it, and each version of it is one
/// component for ever.
#[utoipa::path(post, path = "/v1/packs", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))),
    request_body(content = Component, content_type = "application/wasm"),
    responses((status = 201, body = UploadedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn upload_pack(
    State(app): State<App>,
    caller: Caller,
    component: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<UploadedOut>), Problem> {
    let component = component.map_err(|error| Problem::body_not_read(&error))?;
    let trust = Arc::clone(&app.host().trust);
    let (revision, loaded) = app
        .serve(caller, Action::ManagePacks, move |host, actor| usecase::upload_pack(host, actor, &component))
        .await?;
    let manifest = serde_json::to_value(&loaded.manifest).map_err(Problem::internal)?;
    let reply = UploadedOut {
        origin: OriginOut::new(revision.signed.as_ref(), &trust),
        revision: revision.id.to_string(),
        pack: revision.pack.into(),
        version: revision.version.to_string(),
        bytes: revision.bytes,
        manifest,
    };
    Ok((StatusCode::CREATED, Json(reply)))
}
