//! `POST /v1/webhooks`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, Label, WebhookUrl};
use crate::http::caller::{Caller, Once};
use crate::http::sent::Sent;
use crate::http::webhook_wire::WebhookOut;
use crate::http::{App, Problem};
use crate::store::layout;
use crate::usecase::EventKind;
use crate::usecase::webhooks::{self, CreateWebhook, Secret};

/// A webhook that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    /// Where events are to be sent: `https`, to a public address.
    #[schema(value_type = String, example = "https://example.com/punchcard", max_length = 2048)]
    url: WebhookUrl,
    /// Which kinds of events; all if there are none, those of the future too.
    #[schema(value_type = Vec<String>, example = json!(["order-settled", "order-refunded"]))]
    #[serde(default)]
    kinds: BTreeSet<EventKind>,
    /// What people read on it.
    #[schema(value_type = Option<String>, max_length = 128)]
    description: Option<Label>,
}

/// A webhook that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookMade {
    #[serde(flatten)]
    webhook: WebhookOut,
    /// What its messages are signed with. It is shown this once and never again: a repeated request is answered without
    /// it; who has lost it rotates it.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
}

/// Makes a webhook: what happens from now on is sent to its URL, each event as a CloudEvent, signed by Standard Webhooks.
///
/// Events of one member (of one order, of the merchant) come in order; each comes at least once, with the same
/// `webhook-id` each time. Any answer but 2xx is a failure; the event is attempted again after 5 s, 30 s, 2 min, 10 min,
/// 30 min, 1 h, 2 h, 4 h, 8 h and 12 h, and then given up; 410 pauses the webhook at once, and so does an event that is
/// given up while nothing else came through.
#[utoipa::path(post, path = "/v1/webhooks", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))), request_body = NewWebhook,
    params(("Idempotency-Key" = String, Header, description = "A text of your own, new for each new webhook.")),
    responses((status = 201, body = WebhookMade),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create_webhook(
    State(app): State<App>,
    caller: Caller,
    Once(key): Once,
    sent: Sent<NewWebhook>,
) -> Result<(StatusCode, Json<WebhookMade>), Problem> {
    let NewWebhook { url, kinds, description } = sent.body;
    let made = app
        .serve(caller, Action::ManageConnections, move |host, actor| {
            let secret = Secret::new(host.entropy.secret());
            let wanted = CreateWebhook { url, kinds, description, secret: secret.clone(), reach: host.reach };
            let made =
                host.act_once(actor, &key, &sent.content, |tx, act| webhooks::create_webhook(tx, act, &wanted))?;
            let read = host.look(|tx| webhooks::read_webhook(tx, actor.merchant, made.webhook))?;
            // It may have been deleted since the request was made first.
            let (webhook, progress) = read.ok_or_else(|| Problem::unknown_webhook(made.webhook))?;
            host.store.call(&layout::events(actor.merchant));
            Ok::<_, Problem>(WebhookMade {
                webhook: WebhookOut::of(&webhook, &progress, host.clock.now()),
                secret: made.has(&secret).then(|| secret.text()),
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(made)))
}
