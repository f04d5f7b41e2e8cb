//! The end of packages: what is left when they expire is forfeited.
//!
//! The ledger spends nothing of an expired lot from that instant on, and so do these books; each night what is left is
//! booked as forfeited, in steps.

use punchcard_sdk::prelude::*;

use crate::{
    figures::{Flow, Flows, Month},
    package::Package,
    storage,
};

/// The timer of the manifest.
pub(crate) const NIGHTLY: &str = "forfeit";

/// The timer of what one night's first step has left.
const MORE: &str = "forfeit-more";

/// How many packages one call closes; the next ones come a second later.
const AT_ONCE: u32 = 50;

/// Forfeits what has expired.
pub(crate) fn close(ctx: &CallContext, firing: &Firing) -> Result<(), Refusal> {
    if ![NIGHTLY, MORE].contains(&firing.name.as_str()) {
        return Err(Refusal::failed("unknown-timer", format!("nothing is known of the timer {}", firing.name)));
    }
    let due = storage::due(ctx.now, AT_ONCE)?;
    if due.len() == AT_ONCE as usize {
        let (name, payload) = (MORE.to_owned(), String::new());
        timers::set(&Timer { name, at: ctx.now, payload, store: None })?;
    }
    for (package, key) in due {
        kv::delete(&key)?;
        if let Some(package) = storage::package(&package)? {
            forfeit(ctx, package)?;
        }
    }
    Ok(())
}

/// Books what is left of an expired package as forfeited, for the store where it was sold.
pub(crate) fn forfeit(ctx: &CallContext, mut package: Package) -> Result<(), Refusal> {
    let forfeited = package.forfeit();
    storage::put_package(&package)?;
    let student = storage::student(&package.student)?;
    if let Some(mut student) = student.filter(|student| student.live.contains(&package.id)) {
        student.live.retain(|live| *live != package.id);
        storage::put_student(&student)?;
    }
    if forfeited.is_nothing() {
        return Ok(());
    }
    let flows = Flows { forfeited: Flow::of(forfeited), ..Flows::default() };
    storage::count(Month::from(ctx.local.date()), &package.store, ctx.seed, flows)
}
