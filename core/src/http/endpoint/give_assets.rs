//! `POST /v1/members/{member}/gifts`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, Code, Label, MemberId, Minor, StoreId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem, at_store};
use crate::usecase::{self, GiveAssets};

/// What a member gives to another one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "to": "mem_0198f2a4c1d07e3b9a5c6d7e8f901234", "unit": "points", "amount": 100 }))]
pub(super) struct GiftIn {
    /// Who gets it.
    #[schema(value_type = String, pattern = "^mem_[0-9a-f]{32}$")]
    to: MemberId,
    /// Of what; its rules have to allow that it is given.
    #[schema(value_type = String, max_length = 48, example = "points")]
    unit: Code,
    /// How much.
    #[schema(minimum = 1, example = 100)]
    amount: Minor,
    /// In which store it is done: figures tell it there. Left out, it is in none.
    #[schema(value_type = Option<String>)]
    store: Option<StoreId>,
    /// What people read on both statements.
    #[schema(value_type = Option<String>, max_length = 128)]
    reason: Option<Label>,
}

/// What was booked.
#[derive(Serialize, ToSchema)]
pub(super) struct GivenOut {
    posting: String,
}

/// Moves an amount from a member to another one. What moves keeps its expiry.
#[utoipa::path(post, path = "/v1/members/{member}/gifts", tag = "assets",
    extensions(("x-needs" = json!("serve"))), request_body = GiftIn,
    params(("member" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new gift.")),
    responses((status = 201, body = GivenOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn give_assets(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    Once(key): Once,
    sent: Sent<GiftIn>,
) -> Result<(StatusCode, Json<GivenOut>), Problem> {
    let from: MemberId = member.parse()?;
    let GiftIn { to, unit, amount, store, reason } = sent.body;
    let give = GiveAssets { from, to, unit, amount, store, reason };
    let given = app
        .serve(caller, Action::Serve, move |host, actor| {
            at_store(actor, give.store)?;
            Ok::<_, Problem>(host.act_once(actor, &key, &sent.content, |tx, act| usecase::give_assets(tx, act, &give))?)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(GivenOut { posting: given.posting.to_string() })))
}
