//! `GET /v1/packs/{pack}/parked-calls`, and `POST …/parked-calls/{call}/retry` and `DELETE …/parked-calls/{call}` for one
//! of them

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::{Action, CallId, Code, MerchantId};
use crate::http::caller::{Caller, Once};
use crate::http::cursor::{cursor, page_length, place};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::store::layout;
use crate::usecase::event_id;
use crate::usecase::pack_calls::{self, Failure, Parked, ParkedCall, Retried};

/// Calls that have failed for the last time.
#[derive(Serialize, ToSchema)]
pub(super) struct ParkedCallsOut {
    /// In the order in which they were parked.
    parked_calls: Vec<ParkedCallOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// A call of a pack that has failed for the last time.
#[derive(Serialize, ToSchema)]
pub(super) struct ParkedCallOut {
    /// Its id.
    call: String,
    /// The id of the event that the pack was to handle; null for a timer.
    event: Option<String>,
    /// The name of the timer that was to fire, or the id of an order of which the pack was to do its part later; null for
    /// an event.
    timer: Option<String>,
    /// When the timer was to fire, RFC 3339; null for an event.
    due: Option<String>,
    /// How often it was tried.
    attempts: u8,
    #[schema(inline)]
    failure: FailureOut,
    /// Since when it waits, RFC 3339.
    parked_at: String,
}

/// Why a call did not do its work.
#[derive(Serialize, ToSchema)]
pub(super) struct FailureOut {
    /// Stable name: the pack's own, or the host's, such as `out-of-fuel`.
    code: String,
    /// For people.
    message: String,
}

/// What came of a call that was made again.
#[derive(Serialize, ToSchema)]
pub(super) struct RetriedOut {
    /// Whether it went well: then it is not parked any more.
    done: bool,
    /// Why it has failed again.
    failure: Option<FailureOut>,
}

/// That a call is to be made again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryIn {}

impl From<Failure> for FailureOut {
    fn from(failure: Failure) -> Self {
        Self { code: failure.code, message: failure.message }
    }
}

impl ParkedCallOut {
    fn of(merchant: MerchantId, parked: ParkedCall) -> Self {
        let (event, timer, due) = match parked.call {
            Parked::Event(sequence) => (Some(event_id(merchant, sequence)), None, None),
            Parked::Timer(timer) => (None, Some(timer.name.to_string()), Some(timer.due.to_string())),
        };
        Self {
            call: parked.id.to_string(),
            event,
            timer,
            due,
            attempts: parked.attempts,
            failure: parked.failure.into(),
            parked_at: parked.parked_at.to_string(),
        }
    }
}

/// The calls of a pack that have failed for the last time: events that it was to handle, timers that were to fire.
#[utoipa::path(get, path = "/v1/packs/{pack}/parked-calls", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), params(("pack" = String, Path), Page),
    responses((status = 200, body = ParkedCallsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_parked_calls(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<ParkedCallsOut>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let after = place::<16>(page.cursor.as_deref())?.map(CallId::from_bytes);
    let limit = page_length(page.limit)?;
    let page = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            let merchant = actor.merchant;
            let parked = host.look(|tx| pack_calls::list_parked(tx, merchant, &pack, after, limit))?;
            let last = parked.last().filter(|_| parked.len() == limit);
            let next = last.map(|last| cursor(last.id.as_bytes()));
            let parked_calls = parked.into_iter().map(|parked| ParkedCallOut::of(merchant, parked)).collect();
            Ok::<_, Problem>(ParkedCallsOut { parked_calls, next })
        })
        .await?;
    Ok(Json(page))
}

/// Makes a parked call again, now. When it goes well it is gone; otherwise it stays, with why.
#[utoipa::path(post, path = "/v1/packs/{pack}/parked-calls/{call}/retry", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), request_body = RetryIn,
    params(("pack" = String, Path), ("call" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new wish.")),
    responses((status = 200, body = RetriedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn retry_parked_call(
    State(app): State<App>,
    caller: Caller,
    Path((pack, call)): Path<(String, String)>,
    Once(key): Once,
    sent: Sent<RetryIn>,
) -> Result<Json<RetriedOut>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let call: CallId = call.parse()?;
    let RetryIn {} = sent.body;
    let retried = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            let retried =
                host.act_once(actor, &key, &sent.content, |tx, act| pack_calls::retry_parked(tx, act, &pack, call))?;
            // It may have set timers.
            host.store.call(&layout::events(actor.merchant));
            Ok::<_, Problem>(retried)
        })
        .await?;
    let Retried { failure } = retried;
    Ok(Json(RetriedOut { done: failure.is_none(), failure: failure.map(Into::into) }))
}

/// Drops a parked call: it is never made.
#[utoipa::path(delete, path = "/v1/packs/{pack}/parked-calls/{call}", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))),
    params(("pack" = String, Path), ("call" = String, Path)),
    responses((status = 204, description = "It is gone."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_parked_call(
    State(app): State<App>,
    caller: Caller,
    Path((pack, call)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let call: CallId = call.parse()?;
    app.serve(caller, Action::ManagePacks, move |host, actor| {
        host.act(actor, |tx, act| pack_calls::drop_parked(tx, act, &pack, call)).map_err(Problem::from)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
