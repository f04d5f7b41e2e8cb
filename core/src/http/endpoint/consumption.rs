//! `GET /v1/members/{member}/consumption`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::figures::{DAYS_MAX, checked};
use super::read_member::known_here;
use crate::domain::{Action, MemberId, Minor, OrderId};
use crate::http::caller::Caller;
use crate::http::cursor::{cursor, page_length, place};
use crate::http::path::Path;
use crate::http::wire::OrderOut;
use crate::http::{App, Problem};
use crate::usecase::{self, ConsumptionSums};

/// Which days.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ConsumptionQuery {
    /// The first day, in the merchant's time zone.
    #[param(value_type = String, format = Date, example = "2026-03-01")]
    from: Date,
    /// The last day, included.
    #[param(value_type = String, format = Date, example = "2026-03-31")]
    to: Date,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many at most, 1 to 200; 50 if it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// What a member has bought.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsumptionOut {
    /// Those that were recorded last first.
    orders: Vec<OrderOut>,
    /// What the orders of this page come to; those of all pages add up to the period's.
    sums: SumsOut,
    /// ISO 4217.
    currency: &'static str,
    /// The cursor of the next page, when there may be more: a page may have fewer than asked for, or none, and be not the
    /// last.
    next: Option<String>,
}

/// What orders come to.
#[derive(Serialize, ToSchema)]
pub(super) struct SumsOut {
    /// How many.
    orders: usize,
    /// Their totals, in minor units.
    total_minor: Minor,
    /// What was given back of them.
    refunded_minor: Minor,
    /// How they were paid, as far as it was said.
    payments: Vec<PaidOut>,
}

/// What was paid by one method.
#[derive(Serialize, ToSchema)]
pub(super) struct PaidOut {
    /// `stored-value`, `hold`, or what the till calls it, such as `cash`.
    method: String,
    amount_minor: Minor,
}

impl SumsOut {
    fn of(orders: usize, sums: ConsumptionSums) -> Self {
        let ConsumptionSums { total_minor, refunded_minor, paid_minor } = sums;
        let paid = paid_minor.into_iter();
        let payments = paid.map(|(method, amount_minor)| PaidOut { method: method.into(), amount_minor }).collect();
        Self { orders, total_minor, refunded_minor, payments }
    }
}

/// What a member has bought in a period of at most 400 days, however it was paid, with sums: for a statement that they are
/// sent or shown. By the time at which each order was made, of the stores in which one may act.
#[utoipa::path(get, path = "/v1/members/{member}/consumption", tag = "orders",
    extensions(("x-needs" = json!("read"))), params(("member" = String, Path), ConsumptionQuery),
    responses((status = 200, body = ConsumptionOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_consumption(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    query: Result<Query<ConsumptionQuery>, QueryRejection>,
) -> Result<Json<ConsumptionOut>, Problem> {
    let id: MemberId = member.parse()?;
    let Query(ConsumptionQuery { from, to, cursor: behind, limit }) =
        query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let days = checked(from, to, DAYS_MAX)?;
    let before = place::<16>(behind.as_deref())?.map(OrderId::from_bytes);
    let limit = page_length(limit)?;
    let (page, currency) = app
        .serve(caller, Action::Read, move |host, actor| {
            host.view(actor, |tx, act| {
                let whose = (known_here(tx, actor, id)?, &actor.stores);
                let page = usecase::read_consumption(tx, act, whose, days, before, limit)?;
                Ok::<_, Problem>((page, act.merchant(tx)?.currency))
            })
        })
        .await?;
    let next = page.next.map(|next| cursor(next.as_bytes()));
    let sums = SumsOut::of(page.orders.len(), page.sums);
    let orders = page.orders.into_iter().map(Into::into).collect();
    Ok(Json(ConsumptionOut { orders, sums, currency: currency.code(), next }))
}
