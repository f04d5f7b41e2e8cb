//! `GET /v1/webhooks/{webhook}`

use axum::Json;
use axum::extract::State;

use crate::domain::{Action, WebhookId};
use crate::http::caller::Caller;
use crate::http::etag::Versioned;
use crate::http::path::Path;
use crate::http::webhook_wire::WebhookOut;
use crate::http::{App, Problem};
use crate::usecase::webhooks;

/// A webhook. The header `ETag` tells its version, which a change has to name.
#[utoipa::path(get, path = "/v1/webhooks/{webhook}", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))),
    params(("webhook" = String, Path)),
    responses((status = 200, body = WebhookOut, headers(("ETag" = String, description = "Its version."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(webhook): Path<String>,
) -> Result<Versioned<Json<WebhookOut>>, Problem> {
    let id: WebhookId = webhook.parse()?;
    app.serve(caller, Action::ManageConnections, move |host, actor| {
        let found = host.look(|tx| webhooks::read_webhook(tx, actor.merchant, id))?;
        let (webhook, progress) = found.ok_or_else(|| Problem::unknown_webhook(id))?;
        let out = WebhookOut::of(&webhook, &progress, host.clock.now());
        Ok::<_, Problem>(Versioned(webhook.version, Json(out)))
    })
    .await
}
