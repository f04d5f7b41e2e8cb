//! `POST /v1/orders/{order}/claim`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::{Action, MemberId, OrderId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::wire::OrderOut;
use crate::http::{App, Problem, at_store};
use crate::usecase;

/// Who claims an order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "member": "mem_00000000000000000000000000000000" }))]
pub(super) struct Claim {
    #[schema(value_type = String)]
    member: MemberId,
}

/// Makes an order that was recorded without a member one of a member: it earns what it gives, as of when it was made.
#[utoipa::path(post, path = "/v1/orders/{order}/claim", tag = "orders",
    extensions(("x-needs" = json!("serve"))), request_body = Claim,
    params(("order" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new claim.")),
    responses((status = 200, body = OrderOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn claim_order(
    State(app): State<App>,
    caller: Caller,
    Path(order): Path<String>,
    Once(key): Once,
    sent: Sent<Claim>,
) -> Result<Json<OrderOut>, Problem> {
    let id: OrderId = order.parse()?;
    let claimed = app
        .serve(caller, Action::Serve, move |host, actor| {
            let member = sent.body.member;
            if let Some(order) = host.look(|tx| usecase::read_order(tx, actor.merchant, id))? {
                at_store(actor, order.store)?;
            }
            Ok::<_, Problem>(
                host.act_once(actor, &key, &sent.content, |tx, act| usecase::claim_order(tx, act, id, member))?,
            )
        })
        .await?;
    Ok(Json(claimed.order.into()))
}
