//! `POST /v1/members/{member}/holds`, `GET /v1/holds/{hold}`, `POST /v1/holds/{hold}/post` and
//! `POST /v1/holds/{hold}/void`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, Code, HoldId, Label, MemberId, Minor, StoreId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem, at_store};
use crate::ledger::{HoldState, LedgerError};
use crate::usecase;

/// What is to be set aside.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"unit": "stored-value", "amount": 100, "lapses_at": "2100-01-01T00:00:00Z", "reason": "a table for four"}))]
pub(super) struct NewHold {
    /// Of what; a type of coupon to reserve a coupon.
    #[schema(value_type = String, example = "points")]
    unit: Code,
    /// How much; at least 1.
    #[schema(minimum = 1)]
    amount: Minor,
    /// From when on it can not be posted any more, RFC 3339.
    #[schema(value_type = String, example = "2026-11-22T08:15:00Z")]
    lapses_at: Timestamp,
    /// What people read on the statement.
    #[schema(value_type = Option<String>, max_length = 128)]
    reason: Option<Label>,
}

/// What is to be spent of a hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": 50, "reason": "a table for two"}))]
pub(super) struct HoldPosting {
    /// How much of it, at least 1; all if absent. The rest is given back.
    #[schema(minimum = 1)]
    amount: Option<Minor>,
    /// In which store it is done: figures tell it there. Left out, it is in none.
    #[schema(value_type = Option<String>)]
    store: Option<StoreId>,
    /// What people read on the statement.
    #[schema(value_type = Option<String>, max_length = 128)]
    reason: Option<Label>,
}

/// That a hold is to be given back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(super) struct HoldVoiding {}

/// What was done to a hold.
#[derive(Serialize, ToSchema)]
pub(super) struct HoldChanged {
    hold: String,
    posting: String,
}

impl From<usecase::HoldOut> for HoldChanged {
    fn from(done: usecase::HoldOut) -> Self {
        Self { hold: done.hold.to_string(), posting: done.posting.to_string() }
    }
}

/// An amount that was set aside, and what became of it.
#[derive(Serialize, ToSchema)]
pub(super) struct HoldDetails {
    hold: String,
    member: String,
    unit: String,
    amount: Minor,
    /// Who set it aside: `hand:` with the id of a user or API key, `pack:` with its name, `operator`, or `unknown` for what
    /// was booked before this was kept.
    by: String,
    /// When, RFC 3339.
    placed_at: String,
    /// From when on it can not be posted any more, RFC 3339.
    lapses_at: String,
    /// `open`, `posted`, `voided` or `lapsed`.
    state: &'static str,
    /// How much of it was spent; the rest went back.
    posted: Option<Minor>,
    /// Who ended it, named like `by`; `host` when its time was over.
    ended_by: Option<String>,
    /// When, RFC 3339.
    ended_at: Option<String>,
}

impl From<usecase::HoldSeen> for HoldDetails {
    fn from(seen: usecase::HoldSeen) -> Self {
        let usecase::HoldSeen { hold, placed_by, ended } = seen;
        let (state, posted) = match hold.state {
            HoldState::Open if ended.is_none() => ("open", None),
            HoldState::Posted { amount, .. } => ("posted", Some(amount)),
            HoldState::Voided { .. } => ("voided", None),
            HoldState::Open | HoldState::Lapsed { .. } => ("lapsed", None),
        };
        Self {
            hold: hold.id.to_string(),
            member: hold.member.to_string(),
            unit: hold.unit.into(),
            amount: hold.amount,
            by: placed_by.to_string(),
            placed_at: hold.placed_at.to_string(),
            lapses_at: hold.lapses_at.to_string(),
            state,
            posted,
            ended_by: ended.as_ref().map(|(by, _)| by.to_string()),
            ended_at: ended.map(|(_, at)| at.to_string()),
        }
    }
}

/// What was set aside, who did it, and what became of it.
#[utoipa::path(get, path = "/v1/holds/{hold}", tag = "holds",
    extensions(("x-needs" = json!("read"))), params(("hold" = String, Path)),
    responses((status = 200, body = HoldDetails),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_hold(
    State(app): State<App>,
    caller: Caller,
    Path(hold): Path<String>,
) -> Result<Json<HoldDetails>, Problem> {
    let id: HoldId = hold.parse()?;
    let seen = app
        .serve(caller, Action::Read, move |host, actor| {
            let seen = host.view(actor, |tx, act| usecase::read_hold(tx, act, id))?;
            seen.ok_or(LedgerError::UnknownHold(id))
        })
        .await?;
    Ok(Json(seen.into()))
}

/// Sets an amount of a member's aside, or reserves a coupon.
#[utoipa::path(post, path = "/v1/members/{member}/holds", tag = "holds",
    extensions(("x-needs" = json!("serve"))), request_body = NewHold,
    params(("member" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new hold.")),
    responses((status = 201, body = HoldChanged),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn hold_assets(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    Once(key): Once,
    sent: Sent<NewHold>,
) -> Result<(StatusCode, Json<HoldChanged>), Problem> {
    let member: MemberId = member.parse()?;
    let NewHold { unit, amount, lapses_at, reason } = sent.body;
    let wanted = usecase::HoldAssets { member, unit, amount, lapses_at, reason };
    let done = app
        .serve(caller, Action::Serve, move |host, actor| {
            host.act_once(actor, &key, &sent.content, |tx, act| usecase::hold_assets(tx, act, &wanted))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(done.into())))
}

/// Spends what was set aside, whole or in part; the rest is given back. Reserved coupons are redeemed instead.
#[utoipa::path(post, path = "/v1/holds/{hold}/post", tag = "holds",
    extensions(("x-needs" = json!("serve"))), request_body = HoldPosting,
    params(("hold" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new posting.")),
    responses((status = 200, body = HoldChanged),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn post_hold(
    State(app): State<App>,
    caller: Caller,
    Path(hold): Path<String>,
    Once(key): Once,
    sent: Sent<HoldPosting>,
) -> Result<Json<HoldChanged>, Problem> {
    let hold: HoldId = hold.parse()?;
    let HoldPosting { amount, store, reason } = sent.body;
    let post = usecase::PostHold { hold, amount, store, reason };
    let done = app
        .serve(caller, Action::Serve, move |host, actor| {
            at_store(actor, post.store)?;
            Ok::<_, Problem>(host.act_once(actor, &key, &sent.content, |tx, act| usecase::post_hold(tx, act, &post))?)
        })
        .await?;
    Ok(Json(done.into()))
}

/// Gives back what was set aside.
#[utoipa::path(post, path = "/v1/holds/{hold}/void", tag = "holds",
    extensions(("x-needs" = json!("serve"))), request_body = HoldVoiding,
    params(("hold" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new voiding.")),
    responses((status = 200, body = HoldChanged),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn void_hold(
    State(app): State<App>,
    caller: Caller,
    Path(hold): Path<String>,
    Once(key): Once,
    sent: Sent<HoldVoiding>,
) -> Result<Json<HoldChanged>, Problem> {
    let hold: HoldId = hold.parse()?;
    let HoldVoiding {} = sent.body;
    let done = app
        .serve(caller, Action::Serve, move |host, actor| {
            host.act_once(actor, &key, &sent.content, |tx, act| usecase::void_hold(tx, act, hold))
        })
        .await?;
    Ok(Json(done.into()))
}
