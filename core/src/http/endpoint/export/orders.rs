//! Orders, and what was paid and given back for them: how they are told.

use serde_json::{Value, json};

use super::kinds::{ExportFormat, ExportKind, number, store_codes, with};
use crate::domain::{Currency, Minor, Order};
use crate::http::wire::OrderOut;
use crate::store::{StoreError, Tx};
use crate::usecase::Act;

/// The columns of a table of orders or of parts of them; none of another kind.
pub(super) fn columns(kind: ExportKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        ExportKind::Orders => &[
            ("id", "/id"),
            ("reference", "/reference"),
            ("store_code", "/store_code"),
            ("member", "/member"),
            ("customer", "/customer"),
            ("ordered_at", "/ordered_at"),
            ("state", "/state"),
            ("by", "/by"),
            ("served_by", "/served_by"),
            ("team", "/team"),
            ("line", "/line"),
            ("sku", "/sku"),
            ("category", "/category"),
            ("brand", "/brand"),
            ("quantity", "/quantity"),
            ("amount", "/amount"),
            ("discounts", "/discounts"),
            ("coupons", "/coupons"),
            ("total", "/total"),
        ],
        ExportKind::OrderPayments => &[
            ("order", "/order"),
            ("reference", "/reference"),
            ("store_code", "/store_code"),
            ("member", "/member"),
            ("customer", "/customer"),
            ("ordered_at", "/ordered_at"),
            ("payment", "/payment"),
            ("method", "/method"),
            ("amount", "/amount"),
            ("posting", "/posting"),
        ],
        ExportKind::OrderRefunds => &[
            ("order", "/order"),
            ("reference", "/reference"),
            ("store_code", "/store_code"),
            ("member", "/member"),
            ("customer", "/customer"),
            ("ordered_at", "/ordered_at"),
            ("refund", "/refund"),
            ("at", "/at"),
            ("by", "/by"),
            ("reason", "/reason"),
            ("line", "/line"),
            ("sku", "/sku"),
            ("quantity", "/quantity"),
            ("amount", "/amount"),
        ],
        _ => &[],
    }
}

/// Orders as they are told: each as a document, or by line in a table; or only what was paid, or given back, for each.
pub(super) fn told(
    kind: ExportKind,
    format: ExportFormat,
    tx: &mut Tx,
    act: &Act<'_>,
    found: Vec<Order>,
) -> Result<Vec<Value>, StoreError> {
    let (codes, currency) = (store_codes(tx, act.merchant)?, act.merchant(tx)?.currency);
    let mut records = Vec::new();
    for order in found {
        let customer = match order.member {
            Some(member) => number(tx, act.merchant, member)?,
            None => None,
        };
        let more = json!({ "store_code": codes.get(&order.store), "customer": customer });
        let parts = match (kind, format) {
            (ExportKind::OrderPayments, _) => payments_of(&order, currency),
            (ExportKind::OrderRefunds, _) => refunds_of(&order, currency),
            (_, ExportFormat::Csv) => {
                let lines = lines_of(&order, currency);
                let whole = json!(OrderOut::from(order));
                lines.into_iter().map(|line| with(&whole, line)).collect()
            }
            (_, ExportFormat::Ndjson) => vec![json!(OrderOut::from(order))],
        };
        records.extend(parts.iter().map(|part| with(part, more.clone())));
    }
    Ok(records)
}

/// An amount in major units, without the currency.
fn major(currency: Currency, minor: Minor) -> Option<String> {
    currency.show(minor).split(' ').next().map(str::to_owned)
}

/// The lines of an order as they stand in a table, each with what is of the whole order.
fn lines_of(order: &Order, currency: Currency) -> Vec<Value> {
    let coupons = order.coupons.iter().flat_map(|coupons| &coupons.discounts);
    let coupons: Vec<&str> = coupons.map(|coupon| coupon.coupon.as_str()).collect();
    let discounts = order.discounts.iter().map(|discount| format!("{}:{}", discount.pack, discount.rule));
    let discounts: Vec<String> = discounts.collect();
    let lines = order.lines.iter().enumerate().map(|(index, line)| {
        json!({
            "line": index + 1,
            "sku": line.sku,
            "category": line.category,
            "brand": line.brand,
            "quantity": line.quantity,
            "amount": major(currency, line.amount_minor),
            "discounts": discounts,
            "coupons": coupons,
            "total": major(currency, order.total_minor),
        })
    });
    lines.collect()
}

/// Which order it was that something was paid or given back for.
fn head(order: &Order) -> Value {
    json!({
        "order": order.id.to_string(),
        "reference": order.reference.as_str(),
        "store": order.store.to_string(),
        "member": order.member.map(|member| member.to_string()),
        "ordered_at": order.ordered_at.to_string(),
    })
}

/// What was paid for an order, as far as it was said.
fn payments_of(order: &Order, currency: Currency) -> Vec<Value> {
    let head = head(order);
    let payments = order.payments.iter().enumerate().map(|(index, payment)| {
        let own = json!({
            "payment": index + 1,
            "method": payment.method.as_str(),
            "amount_minor": payment.amount_minor,
            "amount": major(currency, payment.amount_minor),
            "posting": payment.posting.map(|posting| posting.to_string()),
        });
        with(&head, own)
    });
    payments.collect()
}

/// What was given back of an order, by line; of a refund that names no line, all of it.
fn refunds_of(order: &Order, currency: Currency) -> Vec<Value> {
    let head = head(order);
    let mut records = Vec::new();
    for (index, refund) in order.refunds.iter().enumerate() {
        let own = json!({
            "refund": index + 1,
            "at": refund.at.to_string(),
            "by": refund.by.to_string(),
            "reason": refund.reason,
            "amount_minor": refund.amount_minor,
            "amount": major(currency, refund.amount_minor),
        });
        let own = with(&head, own);
        records.extend(refund.lines.iter().map(|part| {
            let line = json!({
                "line": u32::from(part.line) + 1,
                "sku": order.lines.get(usize::from(part.line)).map(|line| &line.sku),
                "quantity": part.quantity,
                "amount_minor": part.amount_minor,
                "amount": major(currency, part.amount_minor),
            });
            with(&own, line)
        }));
        if refund.lines.is_empty() {
            records.push(own);
        }
    }
    records
}
