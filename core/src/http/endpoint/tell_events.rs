//! `POST /v1/events`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::{Action, Behaviour, Code, MemberId, StoreId};
use crate::http::caller::{Caller, Once};
use crate::http::sent::Sent;
use crate::http::{App, Problem, at_store};
use crate::usecase::{self, Seen};

/// What was seen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "events": [{ "behaviour": "item-wanted", "member": "mem_019d2f5e7c1e7d4cb0f6a1b2c3d4e5f6",
    "data": { "sku": "croissant" } }] }))]
pub(super) struct SeenIn {
    /// All of it is recorded, or nothing.
    #[schema(min_items = 1, max_items = 100)]
    events: Vec<SeenEventIn>,
}

/// Something that was seen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SeenEventIn {
    /// What: the code of a kind of behaviour that was declared.
    #[schema(value_type = String, example = "item-wanted", max_length = 48)]
    behaviour: Code,
    /// Who, if it is known.
    #[schema(value_type = Option<String>)]
    member: Option<MemberId>,
    /// In which store, if in one.
    #[schema(value_type = Option<String>)]
    store: Option<StoreId>,
    /// When, RFC 3339; now if it is not said. A clock may be 5 minutes ahead: what it says counts as now then.
    #[schema(value_type = Option<String>, format = DateTime)]
    seen_at: Option<Timestamp>,
    /// What is to be known of it, of the form that the behaviour has; at most 4 KiB, and nothing personal.
    #[serde(default)]
    #[schema(value_type = Object)]
    data: Map<String, Value>,
}

/// What was recorded.
#[derive(Serialize, ToSchema)]
pub(super) struct SeenOut {
    /// How many events.
    recorded: u32,
}

/// Tells what the merchant's own systems have seen people do: a page was viewed, something is wanted. Each is an event
/// `behaviour-noted` of the merchant's log, so that it goes out by cursor, stream and webhooks, to packs that follow it, and
/// into the history of its member. At most 100 at once, and 100,000 on a day of UTC.
#[utoipa::path(post, path = "/v1/events", tag = "events",
    extensions(("x-needs" = json!("serve"))), request_body = SeenIn,
    params(("Idempotency-Key" = String, Header, description = "A text of your own, new for each new thing.")),
    responses((status = 201, body = SeenOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn tell_events(
    State(app): State<App>,
    caller: Caller,
    Once(key): Once,
    sent: Sent<SeenIn>,
) -> Result<(StatusCode, Json<SeenOut>), Problem> {
    let given = sent.body.events.len();
    if !(1..=Behaviour::SEEN_MAX).contains(&given) {
        let most = Behaviour::SEEN_MAX;
        return Err(Problem::wrong_body("events", &format!("there are {given}, expected 1 to {most}")));
    }
    let seen = |event: SeenEventIn| {
        let SeenEventIn { behaviour, member, store, seen_at, data } = event;
        Seen { behaviour, member, store, seen_at, data }
    };
    let all: Vec<Seen> = sent.body.events.into_iter().map(seen).collect();
    let recorded = app
        .serve(caller, Action::Serve, move |host, actor| {
            all.iter().filter_map(|seen| seen.store).try_for_each(|store| at_store(actor, store))?;
            let done =
                host.act_once(actor, &key, &sent.content, |tx, act| usecase::record_behaviours(tx, act, &all))?;
            Ok::<_, Problem>(done.count)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(SeenOut { recorded })))
}
