//! `GET /v1/orders`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Action, MemberId, OrderId, Reference};
use crate::http::caller::Caller;
use crate::http::cursor::{cursor, page_length, place};
use crate::http::wire::OrderOut;
use crate::http::{App, Problem};
use crate::usecase::{self, SoughtOrders};

/// Which orders to look for: by one thing, or by none for all.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OrdersQuery {
    /// The till's name for the order.
    #[param(value_type = Option<String>)]
    reference: Option<Reference>,
    /// Who bought.
    #[param(value_type = Option<String>)]
    member: Option<MemberId>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many at most, 1 to 200; 50 if it is not said.
    limit: Option<usize>,
}

/// Orders.
#[derive(Serialize, ToSchema)]
pub(super) struct OrdersOut {
    /// Those that were recorded last first.
    orders: Vec<OrderOut>,
    /// The cursor of the next page, when there may be more: for a key that is limited to stores, a page may have fewer than
    /// asked for, or none, and be not the last.
    next: Option<String>,
}

/// Finds orders, of the stores in which one may act.
#[utoipa::path(get, path = "/v1/orders", tag = "orders",
    extensions(("x-needs" = json!("read"))), params(OrdersQuery),
    responses((status = 200, body = OrdersOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_orders(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<OrdersQuery>, QueryRejection>,
) -> Result<Json<OrdersOut>, Problem> {
    let Query(query) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let before = place::<16>(query.cursor.as_deref())?.map(OrderId::from_bytes);
    let limit = page_length(query.limit)?;
    let sought = match (query.reference, query.member) {
        (None, None) => SoughtOrders::All,
        (Some(reference), None) => SoughtOrders::Reference(reference),
        (None, Some(member)) => SoughtOrders::Of(member),
        (Some(_), Some(_)) => return Err(Problem::wrong_query(&"orders are sought by one thing at a time")),
    };
    let page = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| usecase::list_orders(tx, (actor.merchant, &actor.stores), &sought, before, limit))
        })
        .await?;
    let next = page.next.map(|next| cursor(next.as_bytes()));
    Ok(Json(OrdersOut { orders: page.orders.into_iter().map(Into::into).collect(), next }))
}
