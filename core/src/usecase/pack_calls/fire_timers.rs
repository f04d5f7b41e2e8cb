//! The timers of a pack that are due fire.

use super::{CALLS_MAX, Calling, Failure, Parked, Round, TIMERS};
use crate::domain::{Code, Label};
use crate::pack::{Timer, TimerKind, due_timers, named_place, next_timer, put_timer, take_timer};
use crate::store::{StoreError, Tx, layout};
use crate::usecase::health::CallKind;
use crate::usecase::pack_life::forget;
use crate::usecase::{Act, Enablement};

/// Fires what is due, soonest first, and sets the timers of the manifest that are not set.
///
/// # Errors
/// The store's failures. What the pack refuses is no error: it is tried again.
pub fn fire_timers(tx: &mut Tx, act: &mut Act<'_>, pack: &Code) -> Result<Round, StoreError> {
    act.pack = Some(pack.clone());
    let Some(mut calling) = Calling::find(tx, act, pack, TIMERS, |_, _| true)? else {
        return Ok(Round::default());
    };
    if calling.rests_until(act.now).is_some() {
        return calling.close(tx, act.now, None);
    }
    calling.set_calendar(tx, act)?;
    let due = due_timers(tx, act.merchant, pack, act.now, CALLS_MAX)?;
    calling.round.is_unfinished = due.len() == CALLS_MAX;
    for timer in due {
        if calling.is_over() {
            calling.round.is_unfinished = true;
            break;
        }
        calling.fire_next(tx, act, timer)?;
    }
    let next = next_timer(tx, act.merchant, pack)?;
    calling.close(tx, act.now, next)
}

impl Calling {
    /// Sees to it that each timer of the manifest is set by the rule that it has now.
    fn set_calendar(&self, tx: &mut Tx, act: &Act<'_>) -> Result<(), StoreError> {
        for declared in &self.pack.manifest.timers {
            let name = Label::new(declared.name.as_str()).expect("a code is a label");
            let place = named_place(TimerKind::Calendar, &name);
            let rule = serde_json::to_string(&declared.rule).unwrap_or_default();
            let key = layout::pack_timer(act.merchant, &self.active.code, &place);
            if tx.load::<Timer>(&key)?.is_some_and(|timer| timer.rule == rule) {
                continue;
            }
            if let Some(at) = declared.rule.next_after(act.now, &self.zone) {
                let kind = TimerKind::Calendar;
                let (payload, store) = (String::new(), None);
                let timer = Timer { kind, name, due: at, at, payload, store, attempts: 0, rule, depth: 0 };
                put_timer(tx, act.merchant, &self.active.code, &timer)?;
            }
        }
        Ok(())
    }

    /// Fires a timer that is due. What becomes of it is written first, so that the pack can set it anew.
    fn fire_next(&mut self, tx: &mut Tx, act: &mut Act<'_>, timer: Timer) -> Result<(), StoreError> {
        take_timer(tx, act.merchant, &self.active.code, &timer.place())?;
        if timer.kind == TimerKind::Calendar {
            let declared =
                self.pack.manifest.timers.iter().find(|declared| declared.name.as_str() == timer.name.as_str());
            // The revision that is enabled now has no such timer.
            let Some(declared) = declared else { return Ok(()) };
            if let Some(at) = declared.rule.next_after(act.now, &self.zone) {
                let next = Timer { due: at, at, ..timer.clone() };
                put_timer(tx, act.merchant, &self.active.code, &next)?;
            }
        }
        let Err(failure) = self.fire(tx, act, &timer)? else { return Ok(()) };
        let attempts = timer.attempts.saturating_add(1);
        let kind = if timer.kind == TimerKind::Calendar { TimerKind::Retry } else { timer.kind };
        match self.again_at(act, attempts) {
            Some(at) => put_timer(tx, act.merchant, &self.active.code, &Timer { kind, at, attempts, ..timer }),
            None => {
                let depth = timer.depth;
                self.park(tx, act, Parked::Timer(timer), depth, attempts, failure)
            }
        }
    }

    /// What was before the last change of revisions has been kept for long enough.
    fn forget(&self, tx: &mut Tx, act: &mut Act<'_>, timer: &Timer) -> Result<(), StoreError> {
        let found = tx.load::<Enablement>(&layout::enablement(act.merchant, &self.active.code))?;
        let kept = found.filter(|found| found.before.is_some() && found.changes.to_string() == timer.payload);
        kept.map_or(Ok(()), |mut enablement| forget(tx, act, &mut enablement))
    }

    pub(super) fn fire(
        &mut self,
        tx: &mut Tx,
        act: &mut Act<'_>,
        timer: &Timer,
    ) -> Result<Result<(), Failure>, StoreError> {
        let verdict = match timer.kind {
            TimerKind::Own | TimerKind::Calendar | TimerKind::Retry => {
                let scene = self.scene(act, timer.store, timer.depth);
                act.call_anyway(tx, &self.active.code, CallKind::Timer, |tx| self.pack.fire_timer(tx, &scene, timer))?
            }
            TimerKind::Settled => self.settle_late(tx, act, timer)?,
            TimerKind::Refunded => self.refund_late(tx, act, timer)?,
            TimerKind::Forget => {
                self.forget(tx, act, timer)?;
                return Ok(Ok(()));
            }
        };
        self.outcome(tx, act, verdict)
    }
}
