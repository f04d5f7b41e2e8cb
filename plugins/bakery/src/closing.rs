//! The end of a store's day: what nobody has picked up is missed, and its deposit goes where the policy says.

use punchcard_sdk::{Clock, LocalDate, minutes_between, prelude::*};

use crate::{
    preorder::{Preorder, State},
    storage::Storage,
};

/// How many pre-orders one call closes; the next ones come a second later.
const AT_ONCE: usize = 50;
const MINUTE_MS: u64 = 60_000;

/// Sees to it that a day of the call's store is closed when it is over.
pub(crate) fn expect(ctx: &CallContext, date: LocalDate) -> Result<(), Refusal> {
    let Some(store) = &ctx.store else { return Ok(()) };
    let name = format!("close-{store}-{date}");
    if timers::get(&name)?.is_some() {
        return Ok(());
    }
    Ok(timers::set(&Timer { name, at: end_of(ctx, date), payload: date.to_string(), store: Some(store.clone()) })?)
}

/// When a day is over, as far as the wall clock of now tells: `close` looks again when clocks were changed in between.
fn end_of(ctx: &CallContext, date: LocalDate) -> u64 {
    let (Some(midnight), Some(next)) = (Clock::new(0, 0), date.plus_days(1)) else { return ctx.now };
    let minutes = minutes_between((ctx.local.date(), ctx.local.clock()), (next, midnight));
    ctx.now.saturating_add(u64::try_from(minutes).unwrap_or(0).saturating_mul(MINUTE_MS))
}

/// Closes the day that a timer is about.
pub(crate) fn close(ctx: &CallContext, firing: &Firing) -> Result<(), Refusal> {
    let (Some(store), Ok(date)) = (&ctx.store, firing.payload.parse::<LocalDate>()) else {
        return Err(Refusal::failed("unknown-timer", format!("nothing is known of the timer {}", firing.name)));
    };
    let again = |at| {
        let (name, payload) = (firing.name.clone(), firing.payload.clone());
        timers::set(&Timer { name, at, payload, store: Some(store.clone()) })
    };
    if ctx.local.date() <= date {
        return Ok(again(end_of(ctx, date).max(ctx.now + MINUTE_MS))?);
    }
    let storage = Storage::of(store);
    let mut open = storage.preorders_of(date)?;
    open.retain(|preorder| preorder.state == State::Placed);
    if open.len() > AT_ONCE {
        again(ctx.now)?;
    }
    open.into_iter().take(AT_ONCE).try_for_each(|preorder| miss(ctx, &storage, preorder))
}

fn miss(ctx: &CallContext, storage: &Storage, preorder: Preorder) -> Result<(), Refusal> {
    let missed = preorder.missed(ctx.now).map_err(|no| no.refusal(Language::of(ctx)))?;
    let State::Missed { returned_minor, .. } = missed.state else { return Ok(()) };
    if let Some(deposit) = missed.deposit.as_ref().filter(|_| returned_minor > 0) {
        assets::reverse(&deposit.posting, &missed.id())?;
    }
    storage.put_preorder(&missed)?;
    let fact = serde_json::json!({
        "preorder": missed.id(),
        "store": ctx.store,
        "kept_minor": missed.deposit_minor().saturating_sub(returned_minor),
        "returned_minor": returned_minor,
    });
    let fact =
        events::Fact { kind: crate::MISSED.to_owned(), member: Some(missed.member.clone()), data: fact.to_string() };
    match events::emit(&fact) {
        // The merchant does not want it told, or there is nobody any more of whom it could be.
        Ok(()) | Err(HostError::Denied(_) | HostError::NotFound(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
