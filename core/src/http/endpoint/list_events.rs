//! `GET /v1/events`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Action;
use crate::http::caller::Caller;
use crate::http::event_wire::{Asked, EventOut, EventsQuery, cursor};
use crate::http::{App, Problem};
use crate::usecase;

/// A part of the merchant's log.
#[derive(Serialize, ToSchema)]
pub(super) struct EventsOut {
    /// In the order in which they happened.
    events: Vec<EventOut>,
    /// The cursor to go on with, also when there is nothing more yet.
    next: String,
    /// Whether there was nothing more behind it. While this is false there may be more, even if this page is empty.
    is_end: bool,
}

/// What has happened at the merchant, from a cursor on, oldest first. Each event comes once and in the same order to
/// everybody; none is ever changed. With a filter one request goes through at most 2000 events, so it may answer fewer
/// than asked for, and none at all, with a cursor that goes on behind them.
#[utoipa::path(get, path = "/v1/events", tag = "events",
    extensions(("x-needs" = json!("read-events"))), params(EventsQuery),
    responses((status = 200, body = EventsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_events(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<Json<EventsOut>, Problem> {
    let Asked { start, filter, limit } = Asked::read(query)?;
    let (merchant, page) = app
        .serve(caller, Action::ReadEvents, move |host, actor| {
            let merchant = actor.merchant;
            host.look(|tx| usecase::list_events(tx, merchant, start, &filter, limit)).map(|page| (merchant, page))
        })
        .await?;
    Ok(Json(EventsOut {
        events: page.events.into_iter().map(|event| EventOut::of(merchant, event)).collect(),
        next: cursor(page.next),
        is_end: page.is_end,
    }))
}
