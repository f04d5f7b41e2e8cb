//! What happens to the pack itself at a merchant: switched on and off, brought to another version.

#[doc(inline)]
pub use crate::contract::living::exports::punchcard::pack::lifecycle::{Migration, Progress};
