//! A panic in a pack ends the call as a trap, which carries no text. This writes the text to the pack's log first.

use std::panic::{PanicHookInfo, set_hook};

/// Makes panics of this instance show up in the pack's log.
pub(crate) fn report() {
    set_hook(Box::new(log));
}

fn log(panic: &PanicHookInfo<'_>) {
    crate::log::error(&panic.to_string());
}
