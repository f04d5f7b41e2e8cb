//! Members of the calling merchant, without personal data.

#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::members::{Member, get};
