//! `POST /v1/members/{member}/coupons`

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
use crate::usecase;

/// Coupons that a member gets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"coupon": "welcome", "count": 1, "reason": "a welcome"}))]
pub(super) struct CouponIssue {
    /// Of which type.
    #[schema(value_type = String, example = "welcome")]
    coupon: Code,
    /// How many; one if absent.
    #[schema(minimum = 1, maximum = 100)]
    #[serde(default = "one")]
    count: Minor,
    /// In which store it is done: figures tell it there. Left out, it is in none.
    #[schema(value_type = Option<String>)]
    store: Option<StoreId>,
    /// What people read on the statement.
    #[schema(value_type = Option<String>, max_length = 128)]
    reason: Option<Label>,
}

fn one() -> Minor {
    1
}

/// What was booked.
#[derive(Serialize, ToSchema)]
pub(super) struct IssuedOut {
    posting: String,
    /// How many of the type the member can use now.
    available: u64,
}

/// Issues coupons to a member.
#[utoipa::path(post, path = "/v1/members/{member}/coupons", tag = "coupons",
    extensions(("x-needs" = json!("manage-assets"))), request_body = CouponIssue,
    params(("member" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new issue.")),
    responses((status = 201, body = IssuedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn issue_coupons(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    Once(key): Once,
    sent: Sent<CouponIssue>,
) -> Result<(StatusCode, Json<IssuedOut>), Problem> {
    let member: MemberId = member.parse()?;
    let CouponIssue { coupon, count, store, reason } = sent.body;
    let issue = usecase::IssueCoupons { member, coupon, count, store, reason };
    let issued = app
        .serve(caller, Action::ManageAssets, move |host, actor| {
            at_store(actor, issue.store)?;
            Ok::<_, Problem>(
                host.act_once(actor, &key, &sent.content, |tx, act| usecase::issue_coupons(tx, act, &issue))?,
            )
        })
        .await?;
    Ok((StatusCode::CREATED, Json(IssuedOut { posting: issued.posting.to_string(), available: issued.available })))
}
