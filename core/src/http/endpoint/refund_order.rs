//! `POST /v1/orders/{order}/refund`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::{Action, Label, OrderId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::wire::OrderOut;
use crate::http::{App, Problem};
use crate::usecase;

/// Why an order is given back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "stale bread"}))]
pub(super) struct Refund {
    /// For people.
    #[schema(value_type = Option<String>, example = "stale bread", max_length = 128)]
    reason: Option<Label>,
}

/// Gives an order back as a whole: what it earned is taken back, what was spent of that already becomes a debt.
#[utoipa::path(post, path = "/v1/orders/{order}/refund", tag = "orders",
    extensions(("x-needs" = json!("serve"))), request_body = Refund,
    params(("order" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new refund.")),
    responses((status = 200, body = OrderOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn refund_order(
    State(app): State<App>,
    caller: Caller,
    Path(order): Path<String>,
    Once(key): Once,
    sent: Sent<Refund>,
) -> Result<Json<OrderOut>, Problem> {
    let order: OrderId = order.parse()?;
    let refund = usecase::RefundOrder { order, reason: sent.body.reason };
    let refunded = app
        .serve(caller, Action::Serve, move |host, actor| {
            host.act_once(actor, &key, &sent.content, |tx, act| usecase::refund_order(tx, act, &refund))
        })
        .await?;
    Ok(Json(refunded.order.into()))
}
