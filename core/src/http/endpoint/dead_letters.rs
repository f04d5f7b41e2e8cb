//! `GET /v1/webhooks/{webhook}/dead-letters`, `POST /v1/webhooks/{webhook}/dead-letters/resend`, and
//! `POST …/dead-letters/{event}/resend` and `DELETE …/dead-letters/{event}` for one of them

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list_deliveries::PageQuery;
use crate::domain::{Action, MerchantId, WebhookId};
use crate::http::caller::{Caller, Once};
use crate::http::event_wire::cursor;
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::webhook_wire::AttemptOutcomeOut;
use crate::http::{App, Problem};
use crate::store::layout;
use crate::usecase::webhooks::{self, DeadLetter, Resent};
use crate::usecase::{event_id, event_sequence};

/// Events that were given up.
#[derive(Serialize, ToSchema)]
pub(super) struct DeadLettersOut {
    /// In the order in which they happened.
    dead_letters: Vec<DeadLetterOut>,
    /// The cursor to go on with; none when there are no more.
    next: Option<String>,
}

/// An event that was given up.
#[derive(Serialize, ToSchema)]
pub(super) struct DeadLetterOut {
    /// The id of the event.
    event: String,
    /// What kind of event it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// How often it was attempted.
    attempts: u8,
    /// When that was first, RFC 3339.
    first_at: String,
    /// When it was given up, RFC 3339.
    given_up_at: String,
    /// What came of the last attempt.
    #[serde(flatten)]
    outcome: AttemptOutcomeOut,
}

impl DeadLetterOut {
    fn of(merchant: MerchantId, letter: &DeadLetter) -> Self {
        Self {
            event: event_id(merchant, letter.sequence),
            kind: letter.kind.name(),
            attempts: letter.attempts,
            first_at: letter.first_at.to_string(),
            given_up_at: letter.given_up_at.to_string(),
            outcome: (&letter.outcome).into(),
        }
    }
}

/// Which dead letters are to be sent again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResendSince {
    /// Those that were given up at this instant or later, RFC 3339.
    #[schema(value_type = String, example = "2026-11-22T08:15:00Z")]
    since: Timestamp,
}

/// That one is to be sent again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResendOne {}

/// How many are sent again.
#[derive(Serialize, ToSchema)]
pub(super) struct ResentOut {
    count: u32,
}

/// The events that a webhook did not take, after all attempts: 1000 at most, then the webhook is paused.
#[utoipa::path(get, path = "/v1/webhooks/{webhook}/dead-letters", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))),
    params(("webhook" = String, Path), PageQuery),
    responses((status = 200, body = DeadLettersOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_dead_letters(
    State(app): State<App>,
    caller: Caller,
    Path(webhook): Path<String>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<DeadLettersOut>, Problem> {
    let id: WebhookId = webhook.parse()?;
    let (after, limit) = PageQuery::read(query)?;
    let page = app
        .serve(caller, Action::ManageConnections, move |host, actor| {
            let after = after.unwrap_or(0);
            let found = host.look(|tx| webhooks::list_dead_letters(tx, actor.merchant, id, after, limit))?;
            let last = found.last().filter(|_| found.len() == limit);
            Ok::<_, Problem>(DeadLettersOut {
                next: last.map(|last| cursor(last.sequence)),
                dead_letters: found.iter().map(|letter| DeadLetterOut::of(actor.merchant, letter)).collect(),
            })
        })
        .await?;
    Ok(Json(page))
}

/// Has all dead letters attempted again that were given up since an instant.
#[utoipa::path(post, path = "/v1/webhooks/{webhook}/dead-letters/resend", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))),
    request_body = ResendSince,
    params(("webhook" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new wish.")),
    responses((status = 202, body = ResentOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn resend_dead_letters(
    State(app): State<App>,
    caller: Caller,
    Path(webhook): Path<String>,
    Once(key): Once,
    sent: Sent<ResendSince>,
) -> Result<(StatusCode, Json<ResentOut>), Problem> {
    let id: WebhookId = webhook.parse()?;
    let since = sent.body.since;
    let resent = app
        .serve(caller, Action::ManageConnections, move |host, actor| {
            let resent =
                host.act_once(actor, &key, &sent.content, |tx, act| webhooks::resend_dead_letters(tx, act, id, since))?;
            host.store.call(&layout::events(actor.merchant));
            Ok::<_, Problem>(resent)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(resent.into())))
}

/// Has a dead letter attempted again, before whatever waits of the same member or order.
#[utoipa::path(post, path = "/v1/webhooks/{webhook}/dead-letters/{event}/resend", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))),
    request_body = ResendOne,
    params(("webhook" = String, Path), ("event" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new wish.")),
    responses((status = 202, body = ResentOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn resend_dead_letter(
    State(app): State<App>,
    caller: Caller,
    Path((webhook, event)): Path<(String, String)>,
    Once(key): Once,
    sent: Sent<ResendOne>,
) -> Result<(StatusCode, Json<ResentOut>), Problem> {
    let id: WebhookId = webhook.parse()?;
    let ResendOne {} = sent.body;
    let resent = app
        .serve(caller, Action::ManageConnections, move |host, actor| {
            let sequence = event_sequence(actor.merchant, &event).ok_or_else(|| Problem::unknown_event(&event))?;
            let resent = host
                .act_once(actor, &key, &sent.content, |tx, act| webhooks::resend_dead_letter(tx, act, id, sequence))?;
            host.store.call(&layout::events(actor.merchant));
            Ok::<_, Problem>(resent)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(resent.into())))
}

/// Drops a dead letter: its event is not sent to this webhook any more.
#[utoipa::path(delete, path = "/v1/webhooks/{webhook}/dead-letters/{event}", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))),
    params(("webhook" = String, Path), ("event" = String, Path)),
    responses((status = 204, description = "It is gone."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_dead_letter(
    State(app): State<App>,
    caller: Caller,
    Path((webhook, event)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let id: WebhookId = webhook.parse()?;
    app.serve(caller, Action::ManageConnections, move |host, actor| {
        let sequence = event_sequence(actor.merchant, &event).ok_or_else(|| Problem::unknown_event(&event))?;
        host.act(actor, |tx, act| webhooks::drop_dead_letter(tx, act, id, sequence)).map_err(Problem::from)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<Resent> for ResentOut {
    fn from(resent: Resent) -> Self {
        Self { count: resent.count }
    }
}
