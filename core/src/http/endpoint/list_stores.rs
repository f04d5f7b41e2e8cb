//! `GET /v1/stores`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::{Action, Store};
use crate::http::caller::Caller;
use crate::http::cursor::cursor;
use crate::http::etag::with_versions;
use crate::http::{App, Problem};
use crate::store::StoreError;
use crate::usecase::{self, Thing};

/// The merchant's stores.
#[derive(Serialize, ToSchema)]
pub(super) struct StoresOut {
    stores: Vec<StoreOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// A store.
#[derive(Serialize, ToSchema)]
pub(super) struct StoreOut {
    id: String,
    code: String,
    name: String,
    /// Names the state in which it is, for `If-Match`.
    version: u64,
}

impl From<(Store, u64)> for StoreOut {
    fn from((store, version): (Store, u64)) -> Self {
        Self { id: store.id.to_string(), code: store.code.into(), name: store.name.into(), version }
    }
}

/// The merchant's stores.
#[utoipa::path(get, path = "/v1/stores", tag = "stores",
    extensions(("x-needs" = json!("read"))), params(Page),
    responses((status = 200, body = StoresOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_stores(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<StoresOut>, Problem> {
    let which = Page::read(page)?;
    let (stores, next) = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| {
                let (found, next) = usecase::page_stores(tx, actor.merchant, &which)?;
                Ok::<_, StoreError>((
                    with_versions(tx, actor.merchant, found, |one| Thing::Store(one.code.clone()))?,
                    next,
                ))
            })
        })
        .await?;
    let next = next.map(|place| cursor(&place));
    Ok(Json(StoresOut { stores: stores.into_iter().map(Into::into).collect(), next }))
}
