//! `GET /v1/orders/{order}`

use axum::Json;
use axum::extract::State;

use crate::domain::{Action, OrderId};
use crate::http::caller::Caller;
use crate::http::path::Path;
use crate::http::wire::OrderOut;
use crate::http::{App, Problem, at_store};
use crate::usecase;

/// An order of a store in which one may act.
#[utoipa::path(get, path = "/v1/orders/{order}", tag = "orders",
    extensions(("x-needs" = json!("read"))), params(("order" = String, Path)),
    responses((status = 200, body = OrderOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_order(
    State(app): State<App>,
    caller: Caller,
    Path(order): Path<String>,
) -> Result<Json<OrderOut>, Problem> {
    let id: OrderId = order.parse()?;
    let order = app
        .serve(caller, Action::Read, move |host, actor| {
            let found = host.look(|tx| usecase::read_order(tx, actor.merchant, id))?;
            let order = found.ok_or_else(|| Problem::unknown_order(id))?;
            at_store(actor, order.store)?;
            Ok::<_, Problem>(order)
        })
        .await?;
    Ok(Json(order.into()))
}
