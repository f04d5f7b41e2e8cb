//! `POST /v1/members/{member}/stored-value/payments`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, Label, MemberId, StoreId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::wire::AmountMinor;
use crate::http::{App, Problem, at_store};
use crate::usecase;

/// What a member pays with stored value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount_minor": 4200, "store": "sto_0198f2a4c1d07e3b9a5c6d7e8f901234", "reason": "breakfast"}))]
pub(super) struct Purchase {
    /// How much, in minor units; at least 1.
    #[schema(value_type = u64, example = 4200, minimum = 1)]
    amount_minor: AmountMinor,
    /// In which store it is done: figures tell it there. Left out, it is in none.
    #[schema(value_type = Option<String>)]
    store: Option<StoreId>,
    /// What people read on the statement.
    #[schema(value_type = Option<String>, max_length = 128)]
    reason: Option<Label>,
}

/// What was booked.
#[derive(Serialize, ToSchema)]
pub(super) struct SpentOut {
    posting: String,
    /// How much of it the member had paid in.
    principal_minor: u64,
    /// How much of it the merchant had given on top.
    bonus_minor: u64,
}

/// Takes an amount from a member's stored value, of principal and bonus as the merchant's policy says.
#[utoipa::path(post, path = "/v1/members/{member}/stored-value/payments", tag = "members",
    extensions(("x-needs" = json!("serve"))), request_body = Purchase,
    params(("member" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new payment.")),
    responses((status = 201, body = SpentOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn spend_stored_value(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    Once(key): Once,
    sent: Sent<Purchase>,
) -> Result<(StatusCode, Json<SpentOut>), Problem> {
    let member: MemberId = member.parse()?;
    let Purchase { amount_minor, store, reason } = sent.body;
    let spend = usecase::SpendStoredValue { member, amount_minor: amount_minor.0, store, reason };
    let spent = app
        .serve(caller, Action::Serve, move |host, actor| {
            at_store(actor, spend.store)?;
            Ok::<_, Problem>(
                host.act_once(actor, &key, &sent.content, |tx, act| usecase::spend_stored_value(tx, act, &spend))?,
            )
        })
        .await?;
    let usecase::Spent { posting, principal_minor, bonus_minor } = spent;
    Ok((StatusCode::CREATED, Json(SpentOut { posting: posting.to_string(), principal_minor, bonus_minor })))
}
