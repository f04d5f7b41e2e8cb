//! `PATCH /v1/webhooks/{webhook}`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::domain::{Action, Label, WebhookId, WebhookUrl};
use crate::http::caller::Caller;
use crate::http::etag::{Expected, Versioned};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::webhook_wire::WebhookOut;
use crate::http::{App, Problem};
use crate::store::layout;
use crate::usecase::EventKind;
use crate::usecase::webhooks::{self, ChangeWebhook};

/// What is to be changed; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookChange {
    /// Where events are to be sent.
    #[schema(value_type = Option<String>, max_length = 2048)]
    url: Option<WebhookUrl>,
    /// Which kinds of events; none for all.
    #[schema(value_type = Option<Vec<String>>)]
    kinds: Option<BTreeSet<EventKind>>,
    /// What people read on it; null for nothing.
    #[schema(value_type = Option<String>, max_length = 128)]
    #[serde(default, deserialize_with = "given")]
    description: Option<Option<Label>>,
    /// Whether it is paused. While it is, events wait.
    paused: Option<bool>,
}

/// Something that may be null, and is there.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Label>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Changes a webhook, pauses or resumes it. Whoever resumes one or gives it another URL has everything that waits
/// attempted at once.
#[utoipa::path(patch, path = "/v1/webhooks/{webhook}", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))), request_body = WebhookChange,
    params(("webhook" = String, Path),
        ("If-Match" = String, Header, description = "The version that the change is made on, as its `ETag` told.")),
    responses((status = 200, body = WebhookOut, headers(("ETag" = String, description = "Its new version."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(webhook): Path<String>,
    Expected(version): Expected,
    sent: Sent<WebhookChange>,
) -> Result<Versioned<Json<WebhookOut>>, Problem> {
    let webhook: WebhookId = webhook.parse()?;
    let WebhookChange { url, kinds, description, paused } = sent.body;
    app.serve(caller, Action::ManageConnections, move |host, actor| {
        let change = ChangeWebhook { webhook, version, url, kinds, description, paused, reach: host.reach };
        let (webhook, progress) = host.act(actor, |tx, act| webhooks::change_webhook(tx, act, &change))?;
        host.store.call(&layout::events(actor.merchant));
        let out = WebhookOut::of(&webhook, &progress, host.clock.now());
        Ok::<_, Problem>(Versioned(webhook.version, Json(out)))
    })
    .await
}
