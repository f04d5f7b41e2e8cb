//! `GET /v1/stores`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Action, Store};
use crate::http::caller::Caller;
use crate::http::etag::with_versions;
use crate::http::{App, Problem};
use crate::usecase::{self, Thing};

/// The merchant's stores.
#[derive(Serialize, ToSchema)]
pub(super) struct StoresOut {
    stores: Vec<StoreOut>,
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
    extensions(("x-needs" = json!("read"))),
    responses((status = 200, body = StoresOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_stores(State(app): State<App>, caller: Caller) -> Result<Json<StoresOut>, Problem> {
    let stores = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| {
                let all = usecase::list_stores(tx, actor.merchant)?;
                with_versions(tx, actor.merchant, all, |one| Thing::Store(one.code.clone()))
            })
        })
        .await?;
    Ok(Json(StoresOut { stores: stores.into_iter().map(Into::into).collect() }))
}
