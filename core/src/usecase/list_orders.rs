//! Somebody looks for orders.

use super::settle_order::find_order;
use crate::domain::{MemberId, MerchantId, Order, OrderId, Reference};
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

/// A page of orders, those that were recorded last first, those before one.
///
/// # Errors
/// The store's failures.
pub fn list_orders(
    tx: &mut Tx,
    merchant: MerchantId,
    sought: &SoughtOrders,
    before: Option<OrderId>,
    limit: usize,
) -> Result<Vec<Order>, StoreError> {
    let missing = |key: &[u8]| StoreError::corrupt("list of orders (it names one that is not there)", key);
    let range = match sought {
        SoughtOrders::Reference(reference) => {
            let Some(id) = find_order(tx, merchant, reference)? else { return Ok(Vec::new()) };
            let key = layout::order(merchant, id);
            return Ok(vec![tx.load(&key)?.ok_or_else(|| missing(&key))?]);
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
    let mut orders = Vec::new();
    for (key, _) in tx.scan(&range, Direction::Backward, limit)? {
        let id = layout::listed_order(&key).ok_or_else(|| missing(&key))?;
        orders.push(tx.load(&layout::order(merchant, id))?.ok_or_else(|| missing(&key))?);
    }
    Ok(orders)
}
