//! `POST /v1/members/{member}/adjustments` and `POST /v1/releases`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, Code, Label, MemberId, Minor, Reference, StoreId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem, at_store};
use crate::ledger::Release;
use crate::usecase::{self, AdjustAssets, Adjustment};

/// What is put right by hand: `give` or `take`, not both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "unit": "points", "give": { "amount": 50 }, "reason": "an apology" }))]
pub(super) struct AdjustmentIn {
    /// Of what; coupons are issued instead.
    #[schema(value_type = String, max_length = 48, example = "points")]
    unit: Code,
    /// What the member gets.
    give: Option<GiveIn>,
    /// What the member loses.
    take: Option<TakeIn>,
    /// In which store it is done: figures tell it there. Left out, it is in none.
    #[schema(value_type = Option<String>)]
    store: Option<StoreId>,
    /// Why: people read it on the statement.
    #[schema(value_type = String, max_length = 128, example = "an apology")]
    reason: Label,
}

/// What a member gets by hand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "amount": 50 }))]
pub(super) struct GiveIn {
    /// How much.
    #[schema(minimum = 1, example = 50)]
    amount: Minor,
    /// From when on it can not be spent any more, RFC 3339; it never expires if this is left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// From when on it can be spent, RFC 3339; at once if neither this nor `release_on` is given.
    #[schema(value_type = Option<String>, format = DateTime)]
    release_at: Option<Timestamp>,
    /// The event that lets it be spent, by a name of your own: see `POST /v1/releases`. With `release_at` as well, it is
    /// whichever comes first.
    #[schema(value_type = Option<String>, max_length = 128)]
    release_on: Option<Reference>,
}

/// What a member loses by hand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "amount": 50 }))]
pub(super) struct TakeIn {
    /// How much.
    #[schema(minimum = 1, example = 50)]
    amount: Minor,
}

/// What was booked.
#[derive(Serialize, ToSchema)]
pub(super) struct AdjustedOut {
    posting: String,
    /// What the member can spend now.
    available: Minor,
    /// What waits for its release.
    pending: Minor,
    /// What the member owes.
    debt: Minor,
}

impl GiveIn {
    fn release(&self) -> Option<Release> {
        match (self.release_at, self.release_on.clone()) {
            (None, None) => None,
            (Some(at), None) => Some(Release::At { at }),
            (None, Some(event)) => Some(Release::On { event }),
            (Some(at), Some(event)) => Some(Release::First { at, event }),
        }
    }
}

/// Gives a member an amount by hand, now or for later, or takes one.
#[utoipa::path(post, path = "/v1/members/{member}/adjustments", tag = "assets",
    extensions(("x-needs" = json!("manage-assets"))), request_body = AdjustmentIn,
    params(("member" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new adjustment.")),
    responses((status = 201, body = AdjustedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn adjust_assets(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    Once(key): Once,
    sent: Sent<AdjustmentIn>,
) -> Result<(StatusCode, Json<AdjustedOut>), Problem> {
    let member: MemberId = member.parse()?;
    let AdjustmentIn { unit, give, take, store, reason } = sent.body;
    let by = match (give, take) {
        (Some(give), None) => {
            Adjustment::Give { amount: give.amount, expires_at: give.expires_at, release: give.release() }
        }
        (None, Some(TakeIn { amount })) => Adjustment::Take { amount },
        _ => return Err(Problem::give_or_take()),
    };
    let adjust = AdjustAssets { member, unit, by, store, reason };
    let adjusted = app
        .serve(caller, Action::ManageAssets, move |host, actor| {
            at_store(actor, adjust.store)?;
            Ok::<_, Problem>(
                host.act_once(actor, &key, &sent.content, |tx, act| usecase::adjust_assets(tx, act, &adjust))?,
            )
        })
        .await?;
    let usecase::Adjusted { posting, available, pending, debt } = adjusted;
    Ok((StatusCode::CREATED, Json(AdjustedOut { posting: posting.to_string(), available, pending, debt })))
}

/// That something happened which pending grants wait for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "event": "delivered-000815" }))]
pub(super) struct ReleaseIn {
    /// The name that the grants gave it.
    #[schema(value_type = String, max_length = 128, example = "delivered-000815")]
    event: Reference,
}

/// What was released.
#[derive(Serialize, ToSchema)]
pub(super) struct ReleasedOut {
    /// How many grants waited for it. Sent once more, there are none.
    released: usize,
}

/// How many grants one transaction releases.
const STEP: usize = 100;

/// Releases all pending grants that wait for an event.
#[utoipa::path(post, path = "/v1/releases", tag = "assets",
    extensions(("x-needs" = json!("serve"))), request_body = ReleaseIn,
    responses((status = 200, body = ReleasedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn release_grants(
    State(app): State<App>,
    caller: Caller,
    sent: Sent<ReleaseIn>,
) -> Result<Json<ReleasedOut>, Problem> {
    let event = sent.body.event;
    let released = app
        .serve(caller, Action::Serve, move |host, actor| {
            let mut all = 0;
            loop {
                let released = host.act(actor, |tx, act| usecase::release_grants(tx, act, &event, STEP))?;
                all += released;
                if released < STEP {
                    return Ok::<_, crate::ledger::LedgerError>(all);
                }
            }
        })
        .await?;
    Ok(Json(ReleasedOut { released }))
}
