//! `POST /v1/orders/{order}/refund`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::{Action, Label, OrderId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::wire::{AmountMinor, OrderOut};
use crate::http::{App, Problem, at_store};
use crate::usecase;

/// What of an order is given back, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "stale bread"}))]
pub(super) struct Refund {
    /// For people.
    #[schema(value_type = Option<String>, example = "stale bread", max_length = 128)]
    reason: Option<Label>,
    /// What of it; all that is left if this is left out.
    lines: Option<Vec<RefundLineIn>>,
}

/// What is given back of a line.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundLineIn {
    /// Which line of the order, from 1.
    #[schema(minimum = 1, example = 1)]
    line: u16,
    /// How many pieces; none when only money is given back.
    #[schema(minimum = 1, example = 1)]
    quantity: Option<u32>,
    /// How much, in minor units; what those pieces cost if it is left out.
    #[schema(value_type = Option<u64>)]
    amount_minor: Option<AmountMinor>,
}

impl From<RefundLineIn> for usecase::RefundLine {
    fn from(form: RefundLineIn) -> Self {
        let amount_minor = form.amount_minor.map(|amount| amount.0);
        Self { line: form.line.into(), quantity: form.quantity, amount_minor }
    }
}

/// Gives an order back, as a whole or in parts: as much of what it earned is taken back, and of what it was paid with
/// given back, as the part is of its total; `refunds` of the reply tells how much goes back by which payment. What was spent
/// already becomes a debt. Coupons come back with the last part.
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
    let Refund { reason, lines } = sent.body;
    let lines = lines.map(|lines| lines.into_iter().map(Into::into).collect());
    let refund = usecase::RefundOrder { order, reason, lines };
    let refunded = app
        .serve(caller, Action::Serve, move |host, actor| {
            if let Some(order) = host.look(|tx| usecase::read_order(tx, actor.merchant, refund.order))? {
                at_store(actor, order.store)?;
            }
            Ok::<_, Problem>(
                host.act_once(actor, &key, &sent.content, |tx, act| usecase::refund_order(tx, act, &refund))?,
            )
        })
        .await?;
    Ok(Json(refunded.order.into()))
}
