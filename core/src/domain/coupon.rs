//! Coupons: what a type of them gives, where and when it counts, and what it takes off a basket.
//!
//! Pure rules over the lines of a basket. Who has which coupons is the ledger's matter: a type is a unit, and each
//! coupon of a member a lot of one.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Code, Currency, Label, Line, Minor, StoreId, shares};

mod together;

pub use together::{NotStackable, Passed, best, check_stacking, discounts, in_turn};

/// A type of coupon, as the merchant defined it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponType {
    /// Its unit: the name that programs use.
    pub unit: Code,
    /// What people read on it.
    pub title: Label,
    /// What it gives.
    pub benefit: Benefit,
    /// What the lines in its scope must come to, at least.
    pub threshold_minor: Minor,
    /// What and where it counts for.
    pub scope: Scope,
    /// When it counts.
    pub validity: Validity,
    /// How many one member may ever get. What was issued and taken back as a whole does not count.
    pub per_member_max: Option<u32>,
    /// How many all members together may ever get, counted in the same way.
    pub total_max: Option<u32>,
    /// How many may be redeemed in all. A reservation takes one; voided, lapsed or returned, it gives it back. Unlike
    /// `total_max`, more may be issued than there are: first come, first served.
    pub stock: Option<u32>,
    /// Of the coupons of one group a basket takes at most so many as the strictest of them says.
    pub stacking_group: Option<Code>,
    /// How many of its group go together, itself included; one if it is not said.
    pub group_max: Option<u32>,
    /// In which order coupons count: those with smaller numbers before those with larger ones.
    pub priority: u16,
    /// Whether it goes with no other coupon at all.
    pub exclusive: bool,
}

/// What a coupon gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Benefit {
    /// An amount off, at most what the lines in scope come to.
    Amount {
        /// How much.
        off_minor: Minor,
    },
    /// A part of the lines in scope off, rounded down to whole minor units.
    Percent {
        /// How many hundredths, from 1 to 100.
        percent: u8,
        /// At most this much.
        cap_minor: Option<Minor>,
    },
    /// Something as a gift. Nothing is taken off: the till adds it.
    Gift {
        /// What.
        sku: Label,
        /// How many.
        quantity: u32,
    },
    /// One piece of one of these things for nothing: the dearest of those in the basket.
    Exchange {
        /// For which things.
        skus: BTreeSet<Label>,
    },
    /// What delivery costs off. Scope and threshold are about what is delivered.
    FreeDelivery {
        /// By which names delivery stands in a basket.
        skus: BTreeSet<Label>,
        /// At most this much.
        cap_minor: Option<Minor>,
    },
}

/// What and where a coupon counts for. An empty set is no condition; a line fulfils all conditions or is out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Which things.
    pub skus: BTreeSet<Label>,
    /// Things of which categories.
    pub categories: BTreeSet<Label>,
    /// Things of which brands.
    pub brands: BTreeSet<Label>,
    /// In which stores.
    pub stores: BTreeSet<StoreId>,
}

/// When a coupon counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Validity {
    /// From one instant to another.
    Fixed {
        /// From when on it can be redeemed.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        from: Timestamp,
        /// From when on it can not any more.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        until: Timestamp,
    },
    /// From the issue to the end of a day in the merchant's zone.
    Days {
        /// How many days after that of the issue; 0 is the day of the issue itself.
        days: u16,
    },
}

/// Why a type of coupon can not be defined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CouponFault {
    /// It takes nothing off.
    #[error("a coupon gives something, but this one gives nothing")]
    GivesNothing,
    /// More than all.
    #[error("{0} percent are more than 100")]
    PercentTooLarge(u8),
    /// An amount is over the largest.
    #[error("the amount {0} is over the largest, {max}", max = Currency::AMOUNT_MAX)]
    AmountTooLarge(Minor),
    /// It ends before it begins.
    #[error("the coupon would end, {until}, before it begins, {from}")]
    EndsBeforeBegin {
        /// The beginning.
        from: Timestamp,
        /// The end.
        until: Timestamp,
    },
    /// A limit of nothing.
    #[error("a limit of 0 coupons lets nobody have one")]
    LimitZero,
}

/// Why a coupon gives nothing for a basket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inapplicable {
    /// It does not count in this store.
    #[error("the coupon does not count in this store")]
    OtherStore,
    /// Nothing in the basket is in its scope.
    #[error("nothing in the basket is what the coupon counts for")]
    NothingInScope,
    /// There is too little of it.
    #[error("what the coupon counts for comes to {has}, but it takes {needed}")]
    BelowThreshold {
        /// What the lines in scope must come to.
        needed: Minor,
        /// What they come to.
        has: Minor,
    },
    /// What it takes off comes to nothing: the coupons before it have left too little, or it never cost anything.
    #[error(
        "what the coupon counts for costs too little, or other coupons have paid for it: nothing would be taken off"
    )]
    NothingLeft,
}

/// What a coupon does to a basket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// What is taken off in all.
    pub total_minor: Minor,
    /// What is taken off each line, in their order; they add up to the total, and none is over its line.
    pub lines: Vec<Minor>,
    /// The line of which one piece is free, by its place from 0.
    pub free_piece: Option<usize>,
    /// What is given on top, and how many.
    pub gift: Option<(Label, u32)>,
}

impl Discount {
    fn nothing(lines: usize) -> Self {
        Self { total_minor: 0, lines: vec![0; lines], free_piece: None, gift: None }
    }

    /// What two coupons of one type do, one after the other; of free pieces the first one's line is told.
    fn and(self, other: Self) -> Self {
        let lines = self.lines.iter().zip(&other.lines).map(|(one, other)| one.saturating_add(*other)).collect();
        let gift = match (self.gift, other.gift) {
            (Some((sku, one)), Some((_, other))) => Some((sku, one.saturating_add(other))),
            (one, other) => one.or(other),
        };
        let free_piece = self.free_piece.or(other.free_piece);
        Self { total_minor: self.total_minor.saturating_add(other.total_minor), lines, free_piece, gift }
    }
}

impl CouponType {
    /// The most coupons that one basket takes.
    pub const BASKET_MAX: u64 = 20;

    /// How many of this type one basket takes at most.
    pub fn basket_max(&self) -> u64 {
        match (self.exclusive, &self.stacking_group) {
            (true, _) => 1,
            (false, Some(_)) => Self::BASKET_MAX.min(self.group_max.unwrap_or(1).into()),
            (false, None) => Self::BASKET_MAX,
        }
    }

    /// Checks the definition by itself.
    ///
    /// # Errors
    /// The first fault, in the order of [`CouponFault`]'s variants.
    pub fn check(&self) -> Result<(), CouponFault> {
        let nothing = match &self.benefit {
            Benefit::Amount { off_minor } => *off_minor == 0,
            Benefit::Percent { percent, cap_minor } => *percent == 0 || *cap_minor == Some(0),
            Benefit::Gift { quantity, .. } => *quantity == 0,
            Benefit::Exchange { skus } => skus.is_empty(),
            Benefit::FreeDelivery { skus, cap_minor } => skus.is_empty() || *cap_minor == Some(0),
        };
        if nothing {
            return Err(CouponFault::GivesNothing);
        }
        let mut amounts = vec![self.threshold_minor];
        match self.benefit {
            Benefit::Percent { percent, .. } if percent > 100 => return Err(CouponFault::PercentTooLarge(percent)),
            Benefit::Percent { cap_minor, .. } | Benefit::FreeDelivery { cap_minor, .. } => amounts.extend(cap_minor),
            Benefit::Amount { off_minor } => amounts.push(off_minor),
            Benefit::Gift { .. } | Benefit::Exchange { .. } => {}
        }
        if let Some(amount) = amounts.into_iter().find(|amount| *amount > Currency::AMOUNT_MAX) {
            return Err(CouponFault::AmountTooLarge(amount));
        }
        if let Validity::Fixed { from, until } = self.validity
            && until <= from
        {
            return Err(CouponFault::EndsBeforeBegin { from, until });
        }
        if [self.per_member_max, self.total_max, self.stock, self.group_max].contains(&Some(0)) {
            return Err(CouponFault::LimitZero);
        }
        Ok(())
    }

    /// From when on a coupon that is issued now can not be redeemed any more. Days are those of the zone, so one on
    /// which the clocks change is a day as well. None when the calendar does not reach that far.
    pub fn expires_at(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self.validity {
            Validity::Fixed { until, .. } => Some(until),
            Validity::Days { days } => {
                let days_and_one = Span::new().try_days(i64::from(days) + 1).ok()?;
                let end = zone.to_datetime(now).date().checked_add(days_and_one).ok()?;
                Some(zone.to_zoned(end.to_datetime(jiff::civil::Time::midnight())).ok()?.timestamp())
            }
        }
    }

    /// From when on it can be redeemed, if that is not the issue.
    pub fn begins_at(&self) -> Option<Timestamp> {
        match self.validity {
            Validity::Fixed { from, .. } => Some(from),
            Validity::Days { .. } => None,
        }
    }

    /// What the coupon takes off a basket in a store. It never gives nothing: then it is not to be used up.
    ///
    /// An amount and a percentage are shared out over the lines in scope in proportion to what they cost, by the
    /// largest remainder, so that a part of the basket can be given back later for what it really cost.
    ///
    /// # Errors
    /// Why it gives nothing: the first reason in the order of [`Inapplicable`]'s variants.
    pub fn discount(&self, store: StoreId, lines: &[Line]) -> Result<Discount, Inapplicable> {
        if !self.scope.stores.is_empty() && !self.scope.stores.contains(&store) {
            return Err(Inapplicable::OtherStore);
        }
        let in_scope: Vec<bool> = lines.iter().map(|line| self.covers(line)).collect();
        if !in_scope.contains(&true) {
            return Err(Inapplicable::NothingInScope);
        }
        let weights: Vec<Minor> =
            lines.iter().zip(&in_scope).map(|(line, covered)| if *covered { line.amount_minor } else { 0 }).collect();
        let has = weights.iter().fold(0, |sum: Minor, weight| sum.saturating_add(*weight));
        if has < self.threshold_minor {
            return Err(Inapplicable::BelowThreshold { needed: self.threshold_minor, has });
        }
        let discount = match &self.benefit {
            Benefit::Amount { off_minor } => shared(has.min(*off_minor), &weights),
            Benefit::Percent { percent, cap_minor } => {
                let part = u128::from(has) * u128::from(*percent) / 100;
                let part = Minor::try_from(part).unwrap_or(Minor::MAX);
                shared(has.min(part).min(cap_minor.unwrap_or(Minor::MAX)), &weights)
            }
            Benefit::Gift { sku, quantity } => {
                Discount { gift: Some((sku.clone(), *quantity)), ..Discount::nothing(lines.len()) }
            }
            Benefit::Exchange { .. } => {
                let mut free = Discount::nothing(lines.len());
                if let Some((line, piece)) = dearest(lines, &in_scope) {
                    free.lines[line] = piece;
                    (free.total_minor, free.free_piece) = (piece, Some(line));
                }
                free
            }
            Benefit::FreeDelivery { skus, cap_minor } => {
                let delivery = |line: &Line| if skus.contains(&line.sku) { line.amount_minor } else { 0 };
                let costs: Vec<Minor> = lines.iter().map(delivery).collect();
                let cost = costs.iter().fold(0, |sum: Minor, cost| sum.saturating_add(*cost));
                shared(cost.min(cap_minor.unwrap_or(Minor::MAX)), &costs)
            }
        };
        if discount.total_minor == 0 && discount.gift.is_none() {
            return Err(Inapplicable::NothingLeft);
        }
        Ok(discount)
    }

    /// Whether a line is what the coupon counts for.
    fn covers(&self, line: &Line) -> bool {
        let within =
            |set: &BTreeSet<Label>, name: Option<&Label>| set.is_empty() || name.is_some_and(|name| set.contains(name));
        let is_meant = match &self.benefit {
            Benefit::Exchange { skus } => skus.contains(&line.sku),
            Benefit::FreeDelivery { skus, .. } => !skus.contains(&line.sku),
            Benefit::Amount { .. } | Benefit::Percent { .. } | Benefit::Gift { .. } => true,
        };
        is_meant
            && within(&self.scope.skus, Some(&line.sku))
            && within(&self.scope.categories, line.category.as_ref())
            && within(&self.scope.brands, line.brand.as_ref())
    }
}

fn shared(total_minor: Minor, weights: &[Minor]) -> Discount {
    Discount { total_minor, lines: shares(total_minor, weights), ..Discount::nothing(weights.len()) }
}

/// The line whose single piece costs most, of equal ones the first, and that piece's price rounded down. A line of which
/// no piece is left has none.
fn dearest(lines: &[Line], in_scope: &[bool]) -> Option<(usize, Minor)> {
    lines
        .iter()
        .zip(in_scope)
        .enumerate()
        .filter(|(_, (_, covered))| **covered)
        .filter_map(|(index, (line, _))| Some((index, line.amount_minor.checked_div(line.quantity.into())?)))
        .max_by_key(|(index, piece)| (*piece, std::cmp::Reverse(*index)))
}

#[cfg(test)]
mod tests;
