//! `POST /v1/orders`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::{Action, Code, Currency, HoldId, MemberId, Reference, StaffId, StoreId};
use crate::http::caller::{Caller, Once};
use crate::http::sent::Sent;
use crate::http::wire::{AmountMinor, CouponChoice, LineIn, OrderOut, lines};
use crate::http::{App, Problem, at_store};
use crate::usecase::{self, Pay};

/// What was bought.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reference": "till-2-000815", "store": "sto_0198f2a4c1d07e3b9a5c6d7e8f901234", "member": "mem_0198f2a4c1d07e3b9a5c6d7e8f901234", "ordered_at": "2026-03-18T07:55:00+08:00", "currency": "CNY",
    "lines": [{"sku": "croissant", "category": "pastry", "quantity": 2, "amount_minor": 2400}]}))]
pub(super) struct NewOrder {
    /// The till's name for the order, unique in the merchant. The same again, with the same store, member, lines, amount to be
    /// paid, coupons, payments and, if they are said, time and `served_by`, is the same order; with others it is refused
    /// (409 `reference-taken`).
    #[schema(value_type = String, example = "till-2-000815", max_length = 128)]
    reference: Reference,
    #[schema(value_type = String)]
    store: StoreId,
    /// Who bought, if it is known.
    #[schema(value_type = Option<String>)]
    member: Option<MemberId>,
    /// Who of the staff served: a user or an API key that works in that store. It counts for them and their team
    /// (`GET /v1/figures/staff`).
    #[schema(value_type = Option<String>)]
    served_by: Option<StaffId>,
    /// When it was made, RFC 3339; just now if absent. It may be up to 5 minutes ahead, as clocks of tills are, and not before
    /// 1970. Coupons and payments have to be good now all the same: what a till may use while it is offline, it sets aside in
    /// holds.
    #[schema(value_type = Option<String>, example = "2026-11-22T08:15:00Z")]
    ordered_at: Option<Timestamp>,
    /// ISO 4217; if present it must be the merchant's.
    #[schema(value_type = Option<String>, example = "CNY")]
    currency: Option<Currency>,
    /// What was bought, before packs and coupons take something off.
    lines: Vec<LineIn>,
    /// What is to be paid, as a quote said, in minor units: packs take off what they took off there, and an order that comes
    /// to something else now is refused (422 `due-differs`). If it is left out, the lines are what was charged, but for
    /// coupons, and packs take nothing off.
    #[schema(value_type = Option<u64>, example = 2400)]
    due_minor: Option<AmountMinor>,
    /// The buyer's coupons, redeemed with it; they count by priority, and those of one priority in this order.
    #[serde(default)]
    coupons: Vec<CouponChoice>,
    /// How it is paid; together what is to be paid, with all off that packs and coupons take off. Left out when that is not said.
    #[serde(default)]
    payments: Vec<PaymentIn>,
}

/// A part of what is paid.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "method", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum PaymentIn {
    /// With the buyer's stored value.
    StoredValue {
        /// How much, in minor units.
        #[schema(value_type = u64, example = 2400)]
        amount_minor: AmountMinor,
    },
    /// With all that a hold of the buyer's has set aside: stored value, points. One that staff have placed: what a pack
    /// has set aside, the pack spends.
    Hold {
        /// Which.
        #[schema(value_type = String)]
        hold: HoldId,
        /// What it is worth here; of stored value, what it holds.
        #[schema(value_type = u64, example = 2400)]
        amount_minor: AmountMinor,
    },
    /// With what the host does not keep.
    Other {
        /// What the till calls it, such as `cash`; not `stored-value` or `hold`, which the host takes.
        #[schema(value_type = String, example = "cash")]
        name: Code,
        /// How much, in minor units.
        #[schema(value_type = u64, example = 2400)]
        amount_minor: AmountMinor,
    },
}

impl From<PaymentIn> for Pay {
    fn from(form: PaymentIn) -> Self {
        match form {
            PaymentIn::StoredValue { amount_minor } => Self::StoredValue { amount_minor: amount_minor.0 },
            PaymentIn::Hold { hold, amount_minor } => Self::Hold { hold, amount_minor: amount_minor.0 },
            PaymentIn::Other { name, amount_minor } => Self::Other { method: name, amount_minor: amount_minor.0 },
        }
    }
}

/// Records an order; the packs that are enabled in its store do their part in the same transaction.
#[utoipa::path(post, path = "/v1/orders", tag = "orders",
    extensions(("x-needs" = json!("serve"))), request_body = NewOrder,
    params(("Idempotency-Key" = String, Header, description = "A text of your own, new for each new order.")),
    responses((status = 201, body = OrderOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn settle_order(
    State(app): State<App>,
    caller: Caller,
    Once(key): Once,
    sent: Sent<NewOrder>,
) -> Result<(StatusCode, Json<OrderOut>), Problem> {
    let NewOrder { reference, store, member, served_by, ordered_at, currency, lines: basket, .. } = sent.body;
    let (due, coupons, payments) = (sent.body.due_minor, sent.body.coupons, sent.body.payments);
    let lines = lines(basket)?;
    let coupons = coupons.into_iter().map(Into::into).collect();
    let payments = payments.into_iter().map(Into::into).collect();
    let due_minor = due.map(|due| due.0);
    let new = usecase::SettleOrder {
        reference,
        store,
        member,
        served_by,
        ordered_at,
        currency,
        lines,
        due_minor,
        coupons,
        payments,
    };
    let settled = app
        .serve(caller, Action::Serve, move |host, actor| {
            at_store(actor, new.store)?;
            Ok::<_, Problem>(host.act_once(actor, &key, &sent.content, |tx, act| usecase::settle_order(tx, act, &new))?)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(settled.order.into())))
}
