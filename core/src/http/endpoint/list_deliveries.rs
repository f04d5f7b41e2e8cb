//! `GET /v1/webhooks/{webhook}/deliveries`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Action, MerchantId, WebhookId};
use crate::http::caller::Caller;
use crate::http::cursor::page_length;
use crate::http::event_wire::{cursor, number};
use crate::http::path::Path;
use crate::http::webhook_wire::{AttemptOutcomeOut, message_id};
use crate::http::{App, Problem};
use crate::usecase::webhooks::{self, AttemptRecord};

/// Which page is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// What comes behind this cursor, which an earlier answer gave as `next`.
    pub(super) after: Option<String>,
    /// How many at most, 1 to 200; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<usize>,
}

impl PageQuery {
    /// The number behind which to go on, and how many are asked for.
    pub(super) fn read(query: Result<Query<Self>, QueryRejection>) -> Result<(Option<u64>, usize), Problem> {
        let Query(query) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
        let wrong = || Problem::wrong_query(&"after: a cursor is what an earlier answer gave as `next`");
        let after = query.after.map(|cursor| number(&cursor).ok_or_else(wrong)).transpose()?;
        Ok((after, page_length(query.limit)?))
    }
}

/// Attempts to deliver.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveriesOut {
    /// Newest first.
    deliveries: Vec<DeliveryOut>,
    /// The cursor to go on with; none when there are no more.
    next: Option<String>,
}

/// An attempt to deliver.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryOut {
    /// The id of the event.
    event: String,
    /// The how-manieth attempt of it.
    attempt: u8,
    /// When it began, RFC 3339.
    at: String,
    /// How long it took, in milliseconds.
    took_ms: u32,
    #[serde(flatten)]
    outcome: AttemptOutcomeOut,
}

impl DeliveryOut {
    fn of(merchant: MerchantId, attempt: &AttemptRecord) -> Self {
        Self {
            event: message_id(merchant, attempt.message),
            attempt: attempt.attempt,
            at: attempt.at.to_string(),
            took_ms: attempt.took_ms,
            outcome: (&attempt.outcome).into(),
        }
    }
}

/// The last 200 attempts to deliver to a webhook, newest first.
#[utoipa::path(get, path = "/v1/webhooks/{webhook}/deliveries", tag = "webhooks",
    extensions(("x-needs" = json!("manage-connections"))),
    params(("webhook" = String, Path), PageQuery),
    responses((status = 200, body = DeliveriesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_deliveries(
    State(app): State<App>,
    caller: Caller,
    Path(webhook): Path<String>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<DeliveriesOut>, Problem> {
    let id: WebhookId = webhook.parse()?;
    let (before, limit) = PageQuery::read(query)?;
    let page = app
        .serve(caller, Action::ManageConnections, move |host, actor| {
            let found = host.look(|tx| webhooks::list_deliveries(tx, actor.merchant, id, before, limit))?;
            let found = found.ok_or_else(|| Problem::unknown_webhook(id))?;
            let last = found.last().filter(|_| found.len() == limit);
            Ok::<_, Problem>(DeliveriesOut {
                next: last.map(|last| cursor(last.number)),
                deliveries: found.iter().map(|attempt| DeliveryOut::of(actor.merchant, attempt)).collect(),
            })
        })
        .await?;
    Ok(Json(page))
}
