//! `GET /v1/packs/{pack}/pages/{page}`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Action, Code, StoreId};
use crate::http::caller::Caller;
use crate::http::path::Path;
use crate::http::{App, Problem, at_store};
use crate::usecase;

/// What is asked of a page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// In which store, if it matters to the page.
    store: Option<String>,
    /// A JSON object that fulfils the page's schema in the pack's manifest; without it an empty one.
    #[param(example = "{}")]
    query: Option<String>,
}

/// A page of a pack.
#[derive(Serialize, ToSchema)]
pub(super) struct PageOut {
    /// What it shows, as data: in the form that `page.schema.json` of the contract says.
    #[schema(value_type = Object)]
    page: Value,
}

/// What one of a pack's pages shows now, as data.
#[utoipa::path(get, path = "/v1/packs/{pack}/pages/{page}", tag = "packs",
    extensions(("x-needs" = json!("serve"))),
    params(("pack" = String, Path), ("page" = String, Path), PageQuery),
    responses((status = 200, body = PageOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_page(
    State(app): State<App>,
    caller: Caller,
    Path((pack, page)): Path<(String, String)>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<PageOut>, Problem> {
    let name = |text: String| Code::new(text).map_err(|error| Problem::wrong_name(&error));
    let (pack, page) = (name(pack)?, name(page)?);
    let Query(PageQuery { store, query }) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let store: Option<StoreId> = store.map(|store| store.parse()).transpose()?;
    let query = serde_json::from_str(query.as_deref().unwrap_or("{}"))
        .map_err(|error| Problem::wrong_query(&format!("`query` is no JSON: {error}")))?;
    let wanted = usecase::RenderPage { pack, page, store, query };
    let page = app
        .serve(caller, Action::Serve, move |host, actor| {
            at_store(actor, wanted.store)?;
            Ok::<_, Problem>(host.view(actor, |tx, act| usecase::render_page(tx, act, &wanted))?)
        })
        .await?;
    Ok(Json(PageOut { page }))
}
