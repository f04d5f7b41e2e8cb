//! Forms that several endpoints share. What goes over the wire is not what is kept: the two change apart.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use super::Problem;
use crate::domain::{
    Code, CouponDiscount, HoldId, Label, Line, LineFault, Minor, Order, OrderState, PackDiscount, PackResult, Payment,
    Refund,
};
use crate::usecase;

/// An amount in minor units that tells what is wrong with a negative or broken one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AmountMinor(pub(super) Minor);

impl Serialize for AmountMinor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for AmountMinor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;
        impl Visitor<'_> for Amount {
            type Value = AmountMinor;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount: a whole number of minor units, zero or more")
            }

            fn visit_u64<E: Error>(self, amount: u64) -> Result<AmountMinor, E> {
                Ok(AmountMinor(amount))
            }

            fn visit_i64<E: Error>(self, amount: i64) -> Result<AmountMinor, E> {
                let amount = u64::try_from(amount).map_err(|_| E::invalid_value(Unexpected::Signed(amount), &self))?;
                Ok(AmountMinor(amount))
            }
        }
        deserializer.deserialize_any(Amount)
    }
}

/// What is bought of one thing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LineIn {
    /// The merchant's name for the thing.
    #[schema(example = "croissant", max_length = 128)]
    sku: String,
    /// Its category.
    #[schema(example = "pastry", max_length = 128)]
    category: Option<String>,
    /// Its brand.
    #[schema(example = "Maison", max_length = 128)]
    brand: Option<String>,
    /// How many.
    #[schema(example = 2, minimum = 1)]
    quantity: u32,
    /// The line's total after its discounts, in minor units.
    #[schema(value_type = u64, example = 2400)]
    amount_minor: AmountMinor,
}

/// What was bought of one thing.
#[derive(Serialize, ToSchema)]
pub(super) struct LineOut {
    sku: String,
    category: Option<String>,
    brand: Option<String>,
    quantity: u32,
    amount_minor: u64,
}

impl From<Line> for LineOut {
    fn from(line: Line) -> Self {
        Self {
            sku: line.sku.into(),
            category: line.category.map(Into::into),
            brand: line.brand.map(Into::into),
            quantity: line.quantity,
            amount_minor: line.amount_minor,
        }
    }
}

/// Reads the lines of a basket.
pub(super) fn lines(lines: Vec<LineIn>) -> Result<Vec<Line>, Problem> {
    if lines.len() > Order::LINES_MAX {
        return Err(LineFault::TooManyLines { given: lines.len() }.into());
    }
    lines
        .into_iter()
        .enumerate()
        .map(|(index, line)| {
            let fault = |field: &str, error| Problem::wrong_body(&format!("lines[{index}].{field}"), &error);
            Ok(Line {
                sku: Label::new(line.sku).map_err(|error| fault("sku", error))?,
                category: line.category.map(Label::new).transpose().map_err(|error| fault("category", error))?,
                brand: line.brand.map(Label::new).transpose().map_err(|error| fault("brand", error))?,
                quantity: line.quantity,
                amount_minor: line.amount_minor.0,
            })
        })
        .collect()
}

/// A recorded order.
#[derive(Serialize, ToSchema)]
pub(super) struct OrderOut {
    pub(super) id: String,
    /// The name that the till gave it.
    pub(super) reference: String,
    pub(super) store: String,
    /// Who recorded it: `hand:` with the id of a user or API key, `pack:` with its name, `operator`, or `unknown` for orders
    /// of before this was kept.
    pub(super) by: String,
    /// Who of the staff served, if it was said.
    pub(super) served_by: Option<String>,
    /// The team in which they were then.
    pub(super) team: Option<String>,
    pub(super) member: Option<String>,
    /// Who claimed it for the member, if it was recorded without them; named like `by`.
    pub(super) claimed_by: Option<String>,
    /// When that was, RFC 3339.
    pub(super) claimed_at: Option<String>,
    /// When it was made, RFC 3339.
    pub(super) ordered_at: String,
    pub(super) lines: Vec<LineOut>,
    pub(super) total_minor: u64,
    /// `settled`, `partly-refunded` or `refunded`.
    pub(super) state: &'static str,
    /// When it was given back as a whole, RFC 3339.
    pub(super) refunded_at: Option<String>,
    /// What packs took off it, before its coupons. It is off the lines already.
    pub(super) discounts: Vec<DiscountOut>,
    /// What the coupons that were redeemed for it gave. It is off the lines already.
    pub(super) coupons: Vec<CouponDiscountOut>,
    /// How it was paid, as far as it was said.
    pub(super) payments: Vec<PaymentOut>,
    /// What was given back of it, in order.
    pub(super) refunds: Vec<RefundOut>,
    /// What each pack did.
    pub(super) packs: Vec<OutcomeOut>,
}

/// A coupon of the member.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CouponChoice {
    /// The one of this type that expires first.
    #[schema(value_type = String)]
    Type(Code),
    /// What this hold has reserved, all of it.
    #[schema(value_type = String)]
    Hold(HoldId),
}

impl From<CouponChoice> for usecase::Choice {
    fn from(choice: CouponChoice) -> Self {
        match choice {
            CouponChoice::Type(unit) => Self::OfType(unit),
            CouponChoice::Hold(hold) => Self::Reserved(hold),
        }
    }
}

/// What one coupon gives.
#[derive(Serialize, ToSchema)]
pub(super) struct CouponDiscountOut {
    coupon: String,
    /// What is taken off each line, in minor units.
    lines: Vec<u64>,
    gift: Option<GiftOut>,
}

/// What is given on top.
#[derive(Serialize, ToSchema)]
pub(super) struct GiftOut {
    sku: String,
    quantity: u32,
}

impl From<CouponDiscount> for CouponDiscountOut {
    fn from(discount: CouponDiscount) -> Self {
        Self {
            coupon: discount.coupon.into(),
            lines: discount.lines,
            gift: discount.gift.map(|(sku, quantity)| GiftOut { sku: sku.into(), quantity }),
        }
    }
}

/// What a pack takes off by one of its rules.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"pack": "bakery", "rule": "evening-price", "title": "After 19:30: 30% off",
    "amount_minor": 720, "lines": [{"line": 1, "amount_minor": 720}]}))]
pub(super) struct DiscountOut {
    pack: String,
    /// The pack's name of the rule.
    rule: String,
    /// What people read on the receipt.
    title: String,
    /// In all, in minor units.
    amount_minor: u64,
    lines: Vec<ReducedLineOut>,
}

/// What is taken off a line.
#[derive(Serialize, ToSchema)]
pub(super) struct ReducedLineOut {
    /// Which line, from 1.
    line: u32,
    amount_minor: u64,
}

impl From<PackDiscount> for DiscountOut {
    fn from(discount: PackDiscount) -> Self {
        let amount_minor = discount.total_minor();
        let lines = discount.lines.iter();
        let lines = lines.map(|(place, off)| ReducedLineOut { line: u32::from(*place) + 1, amount_minor: *off });
        Self {
            pack: discount.pack.into(),
            rule: discount.rule.into(),
            title: discount.title.into(),
            amount_minor,
            lines: lines.collect(),
        }
    }
}

/// A part of what was paid.
#[derive(Serialize, ToSchema)]
pub(super) struct PaymentOut {
    /// `stored-value`, `hold`, or what the till calls it.
    method: String,
    amount_minor: u64,
}

impl PaymentOut {
    fn of(payment: &Payment, amount_minor: Minor) -> Self {
        Self { method: payment.method.clone().into(), amount_minor }
    }
}

/// What was given back at once.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"at": "2026-03-18T01:00:00Z", "by": "hand:stf_0198f2a4c1d07e3b9a5c6d7e8f901234",
    "reason": "stale bread", "lines": [{"line": 1, "quantity": 1, "amount_minor": 1200}], "amount_minor": 1200,
    "payments": [{"method": "stored-value", "amount_minor": 400}, {"method": "cash", "amount_minor": 800}]}))]
pub(super) struct RefundOut {
    /// When, RFC 3339.
    pub(super) at: String,
    /// Who gave it back, named like `by` of the order.
    pub(super) by: String,
    pub(super) reason: Option<String>,
    pub(super) lines: Vec<RefundedLineOut>,
    pub(super) amount_minor: u64,
    /// How much of it goes back by which payment of the order, as far as it was said how that was paid. What was the
    /// member's is with them again (of a hold, what it was worth); the rest is for the till to hand out.
    pub(super) payments: Vec<PaymentOut>,
}

/// What was given back of a line.
#[derive(Serialize, ToSchema)]
pub(super) struct RefundedLineOut {
    /// Which line of the order, from 1.
    line: u32,
    /// How many pieces; 0 when only money was given back.
    quantity: u32,
    amount_minor: u64,
}

impl RefundOut {
    fn of(refund: Refund, payments: Vec<PaymentOut>) -> Self {
        let lines = refund.lines.into_iter().map(|part| RefundedLineOut {
            line: u32::from(part.line) + 1,
            quantity: part.quantity,
            amount_minor: part.amount_minor,
        });
        Self {
            at: refund.at.to_string(),
            by: refund.by.to_string(),
            reason: refund.reason.map(Into::into),
            lines: lines.collect(),
            amount_minor: refund.amount_minor,
            payments,
        }
    }
}

/// What a pack did at an order.
#[derive(Serialize, ToSchema)]
pub(super) struct OutcomeOut {
    pub(super) pack: String,
    /// What the buyer earned through it.
    pub(super) earned: Vec<EarnedOut>,
    /// Why it did nothing, when it failed. The order stands without it.
    pub(super) failed: Option<FailedOut>,
}

/// An amount of a unit.
#[derive(Serialize, ToSchema)]
pub(super) struct EarnedOut {
    pub(super) unit: String,
    pub(super) amount: u64,
    /// From when on it can not be spent any more, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<String>,
}

/// A pack's failure.
#[derive(Serialize, ToSchema)]
pub(super) struct FailedOut {
    /// Stable name, such as `out-of-fuel`.
    pub(super) code: String,
    pub(super) message: String,
}

impl From<Order> for OrderOut {
    fn from(order: Order) -> Self {
        let (state, refunded_at) = match order.state() {
            OrderState::Settled => ("settled", None),
            OrderState::PartlyRefunded => ("partly-refunded", None),
            OrderState::Refunded { at } => ("refunded", Some(at.to_string())),
        };
        let back = order.back_by_payment();
        let served_by = order.served_by.as_ref().map(|served| served.staff.to_string());
        let team = order.served_by.and_then(|served| served.team).map(Into::into);
        let coupons = order.coupons.into_iter().flat_map(|coupons| coupons.discounts);
        let payments = order.payments.iter().map(|payment| PaymentOut::of(payment, payment.amount_minor)).collect();
        let refunds = order.refunds.into_iter().zip(back).map(|(refund, parts)| {
            let parts = order.payments.iter().zip(parts).filter(|(_, amount)| *amount > 0);
            RefundOut::of(refund, parts.map(|(payment, amount)| PaymentOut::of(payment, amount)).collect())
        });
        let refunds = refunds.collect();
        Self {
            id: order.id.to_string(),
            reference: order.reference.into(),
            store: order.store.to_string(),
            by: order.by.to_string(),
            served_by,
            team,
            member: order.member.map(|member| member.to_string()),
            claimed_by: order.claimed_by.map(|by| by.to_string()),
            claimed_at: order.claimed_at.map(|at| at.to_string()),
            ordered_at: order.ordered_at.to_string(),
            lines: order.lines.into_iter().map(Into::into).collect(),
            total_minor: order.total_minor,
            state,
            refunded_at,
            discounts: order.discounts.into_iter().map(Into::into).collect(),
            coupons: coupons.map(Into::into).collect(),
            payments,
            refunds,
            packs: order
                .outcomes
                .into_iter()
                .map(|outcome| match outcome.result {
                    PackResult::Done { earned, .. } => OutcomeOut {
                        pack: outcome.pack.into(),
                        earned: earned
                            .into_iter()
                            .map(|(unit, amount)| EarnedOut { unit: unit.into(), amount, expires_at: None })
                            .collect(),
                        failed: None,
                    },
                    PackResult::Failed { code, message } => OutcomeOut {
                        pack: outcome.pack.into(),
                        earned: Vec::new(),
                        failed: Some(FailedOut { code, message }),
                    },
                })
                .collect(),
        }
    }
}
