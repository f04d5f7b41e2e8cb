//! `POST /v1/members/{member}/coupons/redemptions`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, MemberId, StoreId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::wire::{CouponChoice, CouponDiscountOut, LineIn, lines};
use crate::http::{App, Problem, at_store};
use crate::usecase;

/// Which coupons are used for which basket.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"coupons": [{"type": "welcome"}], "store": "sto_0198f2a4c1d07e3b9a5c6d7e8f901234",
    "lines": [{"sku": "croissant", "category": "pastry", "quantity": 2, "amount_minor": 2400}]}))]
pub(super) struct CouponRedemption {
    /// Which, in the order in which they count.
    #[schema(example = json!([{ "type": "welcome" }]))]
    coupons: Vec<CouponChoice>,
    #[schema(value_type = String)]
    store: StoreId,
    lines: Vec<LineIn>,
}

/// What was redeemed.
#[derive(Serialize, ToSchema)]
pub(super) struct RedeemedOut {
    posting: String,
    /// What is taken off in all, in minor units.
    total_minor: u64,
    discounts: Vec<CouponDiscountOut>,
}

/// Redeems coupons for a basket, all or none.
#[utoipa::path(post, path = "/v1/members/{member}/coupons/redemptions", tag = "coupons",
    extensions(("x-needs" = json!("serve"))),
    request_body = CouponRedemption,
    params(("member" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new redemption.")),
    responses((status = 201, body = RedeemedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn redeem_coupons(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    Once(key): Once,
    sent: Sent<CouponRedemption>,
) -> Result<(StatusCode, Json<RedeemedOut>), Problem> {
    let member: MemberId = member.parse()?;
    let CouponRedemption { coupons, store, lines: basket } = sent.body;
    let coupons = coupons.into_iter().map(usecase::Choice::from).collect();
    let redeem = usecase::RedeemCoupons { member, coupons, store, lines: lines(basket)?, order: None };
    let redeemed = app
        .serve(caller, Action::Serve, move |host, actor| {
            at_store(actor, redeem.store)?;
            Ok::<_, Problem>(
                host.act_once(actor, &key, &sent.content, |tx, act| usecase::redeem_coupons(tx, act, &redeem))?,
            )
        })
        .await?;
    let discounts = redeemed.discounts.into_iter().map(Into::into).collect();
    let posting = redeemed.posting.to_string();
    Ok((StatusCode::CREATED, Json(RedeemedOut { posting, total_minor: redeemed.total_minor, discounts })))
}
