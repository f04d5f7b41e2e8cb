//! Being called at a later time.
//!
//! ```no_run
//! # use punchcard_sdk::{CallContext, Refusal, timers::{self, Timer}};
//! # fn remind(ctx: &CallContext, preorder: &str, at: u64) -> Result<(), Refusal> {
//! timers::set(&Timer {
//!     name: format!("remind-{preorder}"),
//!     at,
//!     payload: preorder.to_owned(),
//!     store: ctx.store.clone(),
//! })?;
//! # Ok(()) }
//! ```

use serde::Serialize;

use crate::Weekday;
#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::timers::{Timer, cancel, get, set};
#[doc(inline)]
pub use crate::contract::timing::exports::punchcard::pack::on_timer::Firing;

/// When a timer of the manifest fires, on the wall clock of the merchant. Each day that it names has it exactly once, also
/// when clocks are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "every", rename_all = "lowercase")]
pub enum Rule {
    /// Every day.
    Day {
        /// The time, such as `02:00`.
        at: &'static str,
    },
    /// Every week.
    Week {
        /// The day of the week.
        on: Weekday,
        /// The time, such as `02:00`.
        at: &'static str,
    },
    /// Every month.
    Month {
        /// The day of the month, 1 to 31; shorter months have it on their last day.
        on: u8,
        /// The time, such as `02:00`.
        at: &'static str,
    },
}
