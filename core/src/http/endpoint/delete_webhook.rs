//! `DELETE /v1/webhooks/{webhook}`

use axum::extract::State;
use axum::http::StatusCode;

use crate::domain::{Action, WebhookId};
use crate::http::caller::Caller;
use crate::http::etag::IfExpected;
use crate::http::path::Path;
use crate::http::{App, Problem};
use crate::usecase::webhooks;

/// Deletes a webhook, with what waits at it and its dead letters.
#[utoipa::path(delete, path = "/v1/webhooks/{webhook}", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))),
    params(("webhook" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is taken away if somebody else has changed it since.")),
    responses((status = 204, description = "It is gone."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn delete_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(webhook): Path<String>,
    IfExpected(expected): IfExpected,
) -> Result<StatusCode, Problem> {
    let id: WebhookId = webhook.parse()?;
    app.serve(caller, Action::ManageConnections, move |host, actor| {
        host.act(actor, |tx, act| webhooks::delete_webhook(tx, act, id, expected))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
