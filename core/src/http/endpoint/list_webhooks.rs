//! `GET /v1/webhooks`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Action;
use crate::http::caller::Caller;
use crate::http::webhook_wire::WebhookOut;
use crate::http::{App, Problem};
use crate::store::StoreError;
use crate::usecase::webhooks;

/// The merchant's webhooks.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhooksOut {
    /// Oldest first; there are 20 at most.
    webhooks: Vec<WebhookOut>,
}

/// The webhooks of the merchant.
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))),
    responses((status = 200, body = WebhooksOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_webhooks(State(app): State<App>, caller: Caller) -> Result<Json<WebhooksOut>, Problem> {
    let webhooks = app
        .serve(caller, Action::ManageConnections, |host, actor| {
            let now = host.clock.now();
            let found = host.look(|tx| webhooks::list_webhooks(tx, actor.merchant))?;
            let out = found.iter().map(|(webhook, progress)| WebhookOut::of(webhook, progress, now));
            Ok::<_, StoreError>(out.collect())
        })
        .await?;
    Ok(Json(WebhooksOut { webhooks }))
}
