//! `POST /v1/webhooks/{webhook}/secret` and `DELETE /v1/webhooks/{webhook}/secret/previous`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, WebhookId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase::webhooks::{self, Secret};

/// That another secret is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {}

/// Another secret.
#[derive(Serialize, ToSchema)]
pub(super) struct RotatedOut {
    /// What messages are signed with from now on. It is shown this once and never again: a repeated request is answered
    /// without it.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
    /// Until when they are signed with the one before as well, RFC 3339.
    previous_until: String,
}

/// Gives a webhook another secret. For 24 hours its messages bear two signatures, of the new one and of the one before;
/// a secret before that does not count any more.
#[utoipa::path(post, path = "/v1/webhooks/{webhook}/secret", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))), request_body = Rotation,
    params(("webhook" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new secret.")),
    responses((status = 201, body = RotatedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn rotate_secret(
    State(app): State<App>,
    caller: Caller,
    Path(webhook): Path<String>,
    Once(key): Once,
    sent: Sent<Rotation>,
) -> Result<(StatusCode, Json<RotatedOut>), Problem> {
    let webhook: WebhookId = webhook.parse()?;
    let Rotation {} = sent.body;
    let rotated = app
        .serve(caller, Action::ManageConnections, move |host, actor| {
            let secret = Secret::new(host.entropy.secret());
            let done = host
                .act_once(actor, &key, &sent.content, |tx, act| webhooks::rotate_secret(tx, act, webhook, &secret))?;
            Ok::<_, Problem>(RotatedOut {
                secret: done.has(&secret).then(|| secret.text()),
                previous_until: done.previous_until.to_string(),
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(rotated)))
}

/// Has messages not signed with a webhook's secret before any more.
#[utoipa::path(delete, path = "/v1/webhooks/{webhook}/secret/previous", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))),
    params(("webhook" = String, Path)),
    responses((status = 204, description = "It is not used any more."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_previous_secret(
    State(app): State<App>,
    caller: Caller,
    Path(webhook): Path<String>,
) -> Result<StatusCode, Problem> {
    let webhook: WebhookId = webhook.parse()?;
    app.serve(caller, Action::ManageConnections, move |host, actor| {
        host.act(actor, |tx, act| webhooks::drop_previous_secret(tx, act, webhook))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
