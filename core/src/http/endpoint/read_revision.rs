//! `GET /v1/packs/{pack}/revisions/{revision}` and `GET /v1/packs/{pack}/enablement`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::enable_pack::EnablementOut;
use super::list_packs::OriginOut;
use crate::domain::{Action, Code, RevisionId};
use crate::http::caller::Caller;
use crate::http::etag::Versioned;
use crate::http::path::Path;
use crate::http::{App, Problem};
use crate::store::StoreError;
use crate::usecase::pack_life::read_progress;
use crate::usecase::{self, Thing};

/// A pack revision with what it says of itself: enough to ask for consent, and to make a form for its settings.
#[derive(Serialize, ToSchema)]
pub(super) struct ManifestOut {
    revision: String,
    pack: String,
    version: String,
    #[serde(flatten)]
    origin: OriginOut,
    /// What the pack says of itself: `title` and `summary` by locale, `grants` with reasons, `units`, `commands` with the
    /// JSON Schemas of their inputs, `settings` as a JSON Schema with titles and descriptions, `pages`, `terms`, `limits`.
    #[schema(value_type = Object)]
    manifest: Value,
}

/// What a pack revision says of itself.
#[utoipa::path(get, path = "/v1/packs/{pack}/revisions/{revision}", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))),
    params(("pack" = String, Path), ("revision" = String, Path)),
    responses((status = 200, body = ManifestOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_revision(
    State(app): State<App>,
    caller: Caller,
    Path((pack, revision)): Path<(String, String)>,
) -> Result<Json<ManifestOut>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let revision: RevisionId = revision.parse()?;
    let trust = Arc::clone(&app.host().trust);
    let (kept, manifest) = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            host.view(actor, |tx, act| usecase::read_manifest(tx, act, &pack, revision)).map_err(Problem::of_revision)
        })
        .await?;
    Ok(Json(ManifestOut {
        revision: revision.to_string(),
        pack: manifest.id.to_string(),
        version: manifest.version.to_string(),
        origin: OriginOut::new(kept.signed.as_ref(), &trust),
        manifest: serde_json::to_value(&manifest).unwrap_or(Value::Null),
    }))
}

/// What is in force of a pack.
#[utoipa::path(get, path = "/v1/packs/{pack}/enablement", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), params(("pack" = String, Path)),
    responses((status = 200, body = EnablementOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_enablement(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
) -> Result<Versioned<Json<EnablementOut>>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    app.serve(caller, Action::ManagePacks, move |host, actor| {
        let (found, version) = host.look(|tx| {
            let version = Thing::Enablement(pack.clone()).version(tx, actor.merchant)?;
            let failure = read_progress(tx, actor.merchant, &pack)?.failure;
            Ok::<_, StoreError>(((usecase::read_enablement(tx, actor.merchant, &pack)?, failure), version))
        })?;
        let (enablement, failure) = found;
        let mut shown = EnablementOut::from(enablement.ok_or_else(|| Problem::pack_not_enabled(&pack))?);
        shown.failure = failure.map(Into::into);
        Ok::<_, Problem>(Versioned(version, Json(shown)))
    })
    .await
}
