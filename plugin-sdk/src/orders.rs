//! Orders of the calling merchant that were recorded. What takes part in an order while it is made is in
//! [`order`](crate::order).

#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::orders::{
    OrderState, Payment, RecordedLine, RecordedOrder, get, orders_of,
};

/// The most orders that one [`orders_of`] gives.
pub const PAGE_MAX: u32 = 50;
