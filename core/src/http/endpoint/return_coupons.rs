//! `POST /v1/members/{member}/coupons/returns`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, MemberId, PostingId, StoreId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem, at_store};
use crate::usecase;

/// Coupons that come back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "redemption": "pst_0198f2a4c1d07e3b9a5c6d7e8f901234" }))]
pub(super) struct CouponReturn {
    /// The posting that redeemed them.
    #[schema(value_type = String)]
    redemption: PostingId,
    /// In which store it is done: figures tell it there. Left out, it is in none.
    #[schema(value_type = Option<String>)]
    store: Option<StoreId>,
}

/// What was booked.
#[derive(Serialize, ToSchema)]
pub(super) struct ReturnedOut {
    posting: String,
}

/// Gives coupons back that a member redeemed without an order. Those of an order come back when all of it is refunded.
#[utoipa::path(post, path = "/v1/members/{member}/coupons/returns", tag = "coupons",
    extensions(("x-needs" = json!("serve"))), request_body = CouponReturn,
    params(("member" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new return.")),
    responses((status = 201, body = ReturnedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn return_coupons(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    Once(key): Once,
    sent: Sent<CouponReturn>,
) -> Result<(StatusCode, Json<ReturnedOut>), Problem> {
    let member: MemberId = member.parse()?;
    let CouponReturn { redemption, store } = sent.body;
    let back = usecase::ReturnCoupons { member, redemption, store };
    let returned = app
        .serve(caller, Action::Serve, move |host, actor| {
            at_store(actor, back.store)?;
            Ok::<_, Problem>(
                host.act_once(actor, &key, &sent.content, |tx, act| usecase::return_coupons(tx, act, &back))?,
            )
        })
        .await?;
    Ok((StatusCode::CREATED, Json(ReturnedOut { posting: returned.posting.to_string() })))
}
