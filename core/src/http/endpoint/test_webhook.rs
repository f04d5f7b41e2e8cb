//! `POST /v1/webhooks/{webhook}/test`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, WebhookId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::webhook_wire::test_id;
use crate::http::{App, Problem};
use crate::store::layout;
use crate::usecase::webhooks;

/// That a test is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {}

/// A test that is about to be sent.
#[derive(Serialize, ToSchema)]
pub(super) struct TestOut {
    /// The id of its message, by which it is found among the deliveries.
    event: String,
}

/// Has a test sent to a webhook: a message of the type `punchcard.webhook-test.v1`, signed like all. It is attempted once;
/// the webhook's deliveries tell what came of it.
#[utoipa::path(post, path = "/v1/webhooks/{webhook}/test", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))), request_body = Test,
    params(("webhook" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new test.")),
    responses((status = 202, body = TestOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn test_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(webhook): Path<String>,
    Once(key): Once,
    sent: Sent<Test>,
) -> Result<(StatusCode, Json<TestOut>), Problem> {
    let webhook: WebhookId = webhook.parse()?;
    let Test {} = sent.body;
    let queued = app
        .serve(caller, Action::ManageConnections, move |host, actor| {
            let queued =
                host.act_once(actor, &key, &sent.content, |tx, act| webhooks::test_webhook(tx, act, webhook))?;
            host.store.call(&layout::events(actor.merchant));
            Ok::<_, Problem>(queued)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(TestOut { event: test_id(queued.id) })))
}
