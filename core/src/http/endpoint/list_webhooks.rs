//! `GET /v1/webhooks`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::Action;
use crate::http::caller::Caller;
use crate::http::cursor::cursor;
use crate::http::webhook_wire::WebhookOut;
use crate::http::{App, Problem};
use crate::store::StoreError;
use crate::usecase::webhooks;

/// The merchant's webhooks.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhooksOut {
    /// Oldest first; there are 20 at most.
    webhooks: Vec<WebhookOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// The webhooks of the merchant.
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))), params(Page),
    responses((status = 200, body = WebhooksOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_webhooks(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<WebhooksOut>, Problem> {
    let which = Page::read(page)?;
    let (webhooks, next) = app
        .serve(caller, Action::ManageConnections, move |host, actor| {
            let now = host.clock.now();
            let (found, next) = host.look(|tx| webhooks::page_webhooks(tx, actor.merchant, &which))?;
            let out = found.iter().map(|(webhook, progress)| WebhookOut::of(webhook, progress, now));
            Ok::<_, StoreError>((out.collect(), next))
        })
        .await?;
    Ok(Json(WebhooksOut { webhooks, next: next.map(|place| cursor(&place)) }))
}
