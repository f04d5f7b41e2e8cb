//! Forms that several endpoints share. What goes over the wire is not what is kept: the two change apart.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::Problem;
use crate::domain::{Label, Line, LineFault, Minor, Order, OrderState, PackResult};

/// An amount in minor units that tells what is wrong with a negative or broken one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AmountMinor(pub(super) Minor);

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
    id: String,
    /// The name that the till gave it.
    reference: String,
    store: String,
    member: Option<String>,
    /// When it was made, RFC 3339.
    ordered_at: String,
    lines: Vec<LineOut>,
    total_minor: u64,
    /// `settled` or `refunded`.
    state: &'static str,
    /// When it was given back, RFC 3339.
    refunded_at: Option<String>,
    /// What each pack did.
    packs: Vec<OutcomeOut>,
}

/// What a pack did at an order.
#[derive(Serialize, ToSchema)]
pub(super) struct OutcomeOut {
    pack: String,
    /// What the buyer earned through it.
    earned: Vec<EarnedOut>,
    /// Why it did nothing, when it failed. The order stands without it.
    failed: Option<FailedOut>,
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
        let (state, refunded_at) = match order.state {
            OrderState::Settled => ("settled", None),
            OrderState::Refunded { at, .. } => ("refunded", Some(at.to_string())),
        };
        Self {
            id: order.id.to_string(),
            reference: order.reference.into(),
            store: order.store.to_string(),
            member: order.member.map(|member| member.to_string()),
            ordered_at: order.ordered_at.to_string(),
            lines: order
                .lines
                .into_iter()
                .map(|line| LineOut {
                    sku: line.sku.into(),
                    category: line.category.map(Into::into),
                    brand: line.brand.map(Into::into),
                    quantity: line.quantity,
                    amount_minor: line.amount_minor,
                })
                .collect(),
            total_minor: order.total_minor,
            state,
            refunded_at,
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
