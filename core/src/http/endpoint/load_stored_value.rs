//! `POST /v1/members/{member}/stored-value`

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

/// Money that a member pays in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount_minor": 20000, "store": "sto_0198f2a4c1d07e3b9a5c6d7e8f901234", "reason": "at the till"}))]
pub(super) struct Payment {
    /// How much, in minor units; at least 1.
    #[schema(value_type = u64, example = 20000, minimum = 1)]
    amount_minor: AmountMinor,
    /// What the merchant gives on top, in minor units. More than 0 needs `manage-assets`, as it is given away.
    #[schema(value_type = u64, example = 1000, minimum = 0)]
    #[serde(default)]
    bonus_minor: AmountMinor,
    /// In which store it is done: figures tell it there. Left out, it is in none.
    #[schema(value_type = Option<String>)]
    store: Option<StoreId>,
    /// What people read on the statement.
    #[schema(value_type = Option<String>, max_length = 128)]
    reason: Option<Label>,
}

/// What was booked.
#[derive(Serialize, ToSchema)]
pub(super) struct LoadedOut {
    posting: String,
    /// What the member can spend now, what was paid in and what was given on top together.
    available_minor: u64,
}

/// Books money that a member pays into their stored value.
#[utoipa::path(post, path = "/v1/members/{member}/stored-value", tag = "members",
    extensions(("x-needs" = json!("serve"))), request_body = Payment,
    params(("member" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new payment.")),
    responses((status = 201, body = LoadedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn load_stored_value(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    Once(key): Once,
    sent: Sent<Payment>,
) -> Result<(StatusCode, Json<LoadedOut>), Problem> {
    let member: MemberId = member.parse()?;
    let Payment { amount_minor: AmountMinor(amount_minor), bonus_minor: AmountMinor(bonus_minor), store, reason } =
        sent.body;
    let load = usecase::LoadStoredValue { member, amount_minor, bonus_minor, store, reason };
    let action = if bonus_minor > 0 { Action::ManageAssets } else { Action::Serve };
    let loaded = app
        .serve(caller, action, move |host, actor| {
            at_store(actor, load.store)?;
            Ok::<_, Problem>(
                host.act_once(actor, &key, &sent.content, |tx, act| usecase::load_stored_value(tx, act, &load))?,
            )
        })
        .await?;
    let reply = LoadedOut { posting: loaded.posting.to_string(), available_minor: loaded.available_minor };
    Ok((StatusCode::CREATED, Json(reply)))
}
