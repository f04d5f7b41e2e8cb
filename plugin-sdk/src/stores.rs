//! Stores of the calling merchant.

#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::stores::{Store, all, get};

/// The most stores that one [`all`] gives.
pub const PAGE_MAX: u32 = 100;
