//! `GET /v1/packs`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Action;
use crate::http::caller::Caller;
use crate::http::{App, Problem};
use crate::usecase;

/// The merchant's pack revisions.
#[derive(Serialize, ToSchema)]
pub(super) struct PacksOut {
    revisions: Vec<RevisionOut>,
}

/// A pack revision.
#[derive(Serialize, ToSchema)]
pub(super) struct RevisionOut {
    revision: String,
    pack: String,
    version: String,
    /// The component's size in bytes.
    bytes: u64,
    /// When it came, RFC 3339.
    uploaded_at: String,
}

/// The pack revisions that the merchant has, by pack and version.
#[utoipa::path(get, path = "/v1/packs", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))),
    responses((status = 200, body = PacksOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_packs(State(app): State<App>, caller: Caller) -> Result<Json<PacksOut>, Problem> {
    let revisions = app
        .serve(caller, Action::ManagePacks, move |host, actor| host.look(|tx| usecase::list_packs(tx, actor.merchant)))
        .await?;
    let revisions = revisions
        .into_iter()
        .map(|revision| RevisionOut {
            revision: revision.id.to_string(),
            pack: revision.pack.into(),
            version: revision.version.to_string(),
            bytes: revision.bytes,
            uploaded_at: revision.uploaded_at.to_string(),
        })
        .collect();
    Ok(Json(PacksOut { revisions }))
}
