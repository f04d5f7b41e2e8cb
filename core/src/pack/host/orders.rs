//! `orders`: what was bought.

use super::{Answer, Call, Desk, function, invalid, millis, not_found};
use crate::domain::{Order, OrderId, OrderState};
use crate::pack::Grant;
use crate::pack::bindings::punchcard::pack::orders;
use crate::store::{Direction, StoreError, layout};

/// Orders that one `orders-of` may ask for.
const PAGE_MAX: u32 = 50;

impl Desk {
    fn recorded(&self, order: &Order) -> orders::RecordedOrder {
        let text = |label: Option<&crate::domain::Label>| label.map(ToString::to_string).unwrap_or_default();
        let lines = order.lines.iter().zip(order.given_back());
        orders::RecordedOrder {
            id: order.id.to_string(),
            reference: order.reference.to_string(),
            store: order.store.to_string(),
            member: order.member.map(|member| member.to_string()),
            ordered_at: millis(order.ordered_at),
            currency: self.currency.code().to_owned(),
            total: order.total_minor,
            refunded: order.refunds.iter().fold(0, |sum, refund| refund.amount_minor.saturating_add(sum)),
            state: match order.state() {
                OrderState::Settled => orders::OrderState::Settled,
                OrderState::PartlyRefunded => orders::OrderState::PartlyRefunded,
                OrderState::Refunded { .. } => orders::OrderState::Refunded,
            },
            lines: lines
                .map(|(line, (refunded_quantity, refunded_amount))| orders::RecordedLine {
                    sku: line.sku.to_string(),
                    category: text(line.category.as_ref()),
                    brand: text(line.brand.as_ref()),
                    quantity: line.quantity,
                    amount: line.amount_minor,
                    refunded_quantity,
                    refunded_amount,
                })
                .collect(),
            payments: order
                .payments
                .iter()
                .map(|payment| orders::Payment { method: payment.method.to_string(), amount: payment.amount_minor })
                .collect(),
        }
    }
}

impl orders::Host for Call {
    fn get(&mut self, order: String) -> Answer<orders::RecordedOrder> {
        self.serve(&function::ORDERS_GET, (order,), |desk, (order,)| {
            desk.need(&Grant::ReadOrders)?;
            let id: OrderId = order.parse().map_err(|error| not_found(&error))?;
            let found = desk.tx.load::<Order>(&layout::order(desk.merchant, id))?;
            let found = found.ok_or_else(|| not_found(&format!("there is no order {id}")))?;
            Ok(desk.recorded(&found))
        })
    }

    fn orders_of(&mut self, member: String, before: Option<String>, limit: u32) -> Answer<Vec<orders::RecordedOrder>> {
        self.serve(&function::ORDERS_OF, (member, before, limit), |desk, (member, before, limit)| {
            desk.need(&Grant::ReadOrders)?;
            if !(1..=PAGE_MAX).contains(&limit) {
                return Err(invalid(&format!("a page has 1 to {PAGE_MAX} orders, not {limit}")));
            }
            let member = desk.member(&member)?.id;
            let mut range = layout::orders_of(desk.merchant, member);
            if let Some(before) = before {
                let before: OrderId = before.parse().map_err(|error| invalid(&error))?;
                range = range.before(&[range.start.as_slice(), before.as_bytes()].concat());
            }
            let missing = |key: &[u8]| StoreError::corrupt("list of orders (it names one that is not there)", key);
            let listed = desk.tx.scan(&range, Direction::Backward, usize::try_from(limit).unwrap_or(0))?;
            listed
                .iter()
                .map(|(key, _)| {
                    let id = layout::listed_order(key).ok_or_else(|| missing(key))?;
                    let found = desk.tx.load::<Order>(&layout::order(desk.merchant, id))?;
                    Ok(desk.recorded(&found.ok_or_else(|| missing(key))?))
                })
                .collect()
        })
    }
}
