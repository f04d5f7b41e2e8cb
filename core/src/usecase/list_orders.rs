//! Somebody looks for orders.

use super::settle_order::find_order;
use crate::domain::{MemberId, MerchantId, Order, OrderId, Reference, StoreScope};
use crate::store::{Direction, StoreError, Tx, layout, member_of};

/// Which orders somebody looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoughtOrders {
    /// All of the merchant's.
    All,
    /// The one that the till gave this name.
    Reference(Reference),
    /// A member's.
    Of(MemberId),
}

/// A part of the orders.
#[derive(Clone, Debug)]
pub struct OrderPage {
    /// Those that were recorded last first.
    pub orders: Vec<Order>,
    /// Where to go on; none when there are no more.
    pub next: Option<OrderId>,
}

/// How many orders one question goes through, at most, when only those of some stores are wanted.
const WINDOW: usize = 1000;

/// Up to `limit` orders of these stores, those that were recorded last first, those before one. Where these are not all
/// stores it goes through 1000 at most, so that a page may be short and not the last.
///
/// # Errors
/// The store's failures.
pub fn list_orders(
    tx: &mut Tx,
    (merchant, stores): (MerchantId, &StoreScope),
    sought: &SoughtOrders,
    before: Option<OrderId>,
    limit: usize,
) -> Result<OrderPage, StoreError> {
    let missing = |key: &[u8]| StoreError::corrupt("list of orders (it names one that is not there)", key);
    let mut page = OrderPage { orders: Vec::new(), next: None };
    let range = match sought {
        SoughtOrders::Reference(reference) => {
            let Some(id) = find_order(tx, merchant, reference)? else { return Ok(page) };
            let key = layout::order(merchant, id);
            let order: Order = tx.load(&key)?.ok_or_else(|| missing(&key))?;
            page.orders.extend(Some(order).filter(|order| stores.has(order.store)));
            return Ok(page);
        }
        SoughtOrders::Of(member) => {
            let member = member_of(tx, merchant, *member)?.map_or(*member, |member| member.id);
            layout::orders_of(merchant, member)
        }
        SoughtOrders::All => layout::orders(merchant),
    };
    let range = match before {
        Some(before) => range.before(&[range.start.as_slice(), before.as_bytes()].concat()),
        None => range,
    };
    let window = if stores.is_all() { limit } else { WINDOW };
    let entries = tx.scan(&range, Direction::Backward, window)?;
    let may_go_on = entries.len() == window;
    for (key, _) in entries {
        let id = layout::listed_order(&key).ok_or_else(|| missing(&key))?;
        let order: Order = tx.load(&layout::order(merchant, id))?.ok_or_else(|| missing(&key))?;
        page.next = Some(id);
        page.orders.extend(Some(order).filter(|order| stores.has(order.store)));
        if page.orders.len() == limit {
            return Ok(page);
        }
    }
    if !may_go_on {
        page.next = None;
    }
    Ok(page)
}
