//! `GET /v1/packs`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::Action;
use crate::http::caller::Caller;
use crate::http::cursor::cursor;
use crate::http::{App, Problem};
use crate::pack::{SignedBy, Trust};
use crate::usecase;

/// The merchant's pack revisions.
#[derive(Serialize, ToSchema)]
pub(super) struct PacksOut {
    revisions: Vec<RevisionOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
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
    #[serde(flatten)]
    origin: OriginOut,
}

/// Where a revision comes from.
#[derive(Serialize, ToSchema)]
pub(super) struct OriginOut {
    /// The vendor who has signed it; `null` when nobody has, as on hosts for development.
    vendor: Option<String>,
    /// The id of the vendor's key by which it is signed.
    vendor_key: Option<String>,
    /// Whether this host takes it now: what is not trusted any more runs on where it is in force, but is not enabled anew.
    trusted: bool,
}

impl OriginOut {
    /// Of something that came with this signature, to a host that trusts those.
    pub(super) fn new(signed: Option<&SignedBy>, trust: &Trust) -> Self {
        Self {
            vendor: signed.map(|signed| signed.vendor.to_string()),
            vendor_key: signed.map(|signed| signed.key.to_string()),
            trusted: trust.still_takes(signed),
        }
    }
}

/// The pack revisions that the merchant has, in the order of their ids.
#[utoipa::path(get, path = "/v1/packs", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), params(Page),
    responses((status = 200, body = PacksOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_packs(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<PacksOut>, Problem> {
    let which = Page::read(page)?;
    let trust = Arc::clone(&app.host().trust);
    let (revisions, next) = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            host.look(|tx| usecase::page_revisions(tx, actor.merchant, &which))
        })
        .await?;
    let revisions = revisions
        .into_iter()
        .map(|revision| RevisionOut {
            origin: OriginOut::new(revision.signed.as_ref(), &trust),
            revision: revision.id.to_string(),
            pack: revision.pack.into(),
            version: revision.version.to_string(),
            bytes: revision.bytes,
            uploaded_at: revision.uploaded_at.to_string(),
        })
        .collect();
    Ok(Json(PacksOut { revisions, next: next.map(|place| cursor(&place)) }))
}
