//! What a member has bought in a period, however it was paid: their statement of consumption.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::Act;
use super::other_clocks::CLOCKS_APART;
use crate::domain::{Code, MemberId, Minor, Order, OrderId, StoreScope};
use crate::store::{Direction, StoreError, Tx, layout};

/// How many orders one question goes through, at most. Those of another time or store are not told.
const WINDOW: usize = 1000;

/// A part of what a member has bought.
#[derive(Clone, Debug, Default)]
pub struct Consumption {
    /// Those that were recorded last first.
    pub orders: Vec<Order>,
    /// What these come to.
    pub sums: ConsumptionSums,
    /// Where to go on; none when there are no more.
    pub next: Option<OrderId>,
}

/// What orders come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumptionSums {
    /// Their totals.
    pub total_minor: Minor,
    /// What was given back of them.
    pub refunded_minor: Minor,
    /// How they were paid, as far as it was said, by method.
    pub paid_minor: BTreeMap<Code, Minor>,
}

impl ConsumptionSums {
    fn add(&mut self, order: &Order) {
        self.total_minor = self.total_minor.saturating_add(order.total_minor);
        for refund in &order.refunds {
            self.refunded_minor = self.refunded_minor.saturating_add(refund.amount_minor);
        }
        for payment in &order.payments {
            let paid = self.paid_minor.entry(payment.method.clone()).or_default();
            *paid = paid.saturating_add(payment.amount_minor);
        }
    }
}

/// A page of what a member has bought in these stores from one day to another, both included, by the merchant's calendar
/// and the time at which each order was made; what was recorded before one order. By the clock of a till an order is recorded
/// when it was made, later, or a few minutes before, as far as that clock may be ahead: it costs what was recorded since just
/// before the first day, and 1000 orders at most, so that a page may be short and not the last.
///
/// # Errors
/// The store's failures.
pub fn read_consumption(
    tx: &mut Tx,
    act: &Act<'_>,
    (member, stores): (MemberId, &StoreScope),
    (from, to): (Date, Date),
    before: Option<OrderId>,
    limit: usize,
) -> Result<Consumption, StoreError> {
    let merchant = act.merchant(tx)?;
    let zone = merchant.time_zone.zone();
    let begin_of = |day: Date| day.to_zoned(zone.clone()).map_or(Timestamp::MAX, |begin| begin.timestamp());
    let begin = begin_of(from);
    let end = to.checked_add(1.day()).map_or(Timestamp::MAX, begin_of);
    let mut range = layout::orders_of(merchant.id, member);
    if let Some(before) = before {
        range = range.before(&layout::member_order(merchant.id, member, before));
    }
    let recorded_since = begin.checked_sub(CLOCKS_APART).unwrap_or(Timestamp::MIN);
    range.start = layout::member_orders_since(merchant.id, member, recorded_since);
    let mut page = Consumption::default();
    if range.is_empty() {
        return Ok(page);
    }
    let found = tx.scan(&range, Direction::Backward, WINDOW)?;
    let may_go_on = found.len() == WINDOW;
    for (key, _) in found {
        let missing = || StoreError::corrupt("member's orders (one is not there)", &key);
        let id = layout::listed_order(&key).ok_or_else(missing)?;
        let order: Order = tx.load(&layout::order(merchant.id, id))?.ok_or_else(missing)?;
        page.next = Some(id);
        if (begin..end).contains(&order.ordered_at) && stores.has(order.store) {
            page.sums.add(&order);
            page.orders.push(order);
        }
        if page.orders.len() == limit {
            return Ok(page);
        }
    }
    if !may_go_on {
        page.next = None;
    }
    Ok(page)
}
