//! How a use case calls a pack: not one that rests, is being upgraded or has used up its day; and what it did is counted,
//! noted and recorded.

use jiff::Timestamp;

use super::pack_life::Stage;
use super::recordings::Recordings;
use super::usage::{count_usage, day_after, fuel_on_day};
use super::{Act, Active};
use crate::domain::Code;
use crate::pack::{CallError, Verdict};
use crate::store::{StoreError, Tx};

impl Act<'_> {
    /// Calls a pack, unless it rests because it has done harm again and again.
    ///
    /// # Errors
    /// How the call ended, or that the pack rests.
    pub(super) fn call<T>(
        &self,
        tx: &mut Tx,
        active: &Active,
        call: impl FnOnce(&mut Tx) -> Verdict<T>,
    ) -> Result<T, CallError> {
        self.may_try(tx, active)?;
        self.call_anyway(tx, &active.code, call)?.result
    }

    /// Whether calls of packs are recorded.
    pub(super) fn records(&self) -> bool {
        self.recordings.is_some_and(Recordings::is_on)
    }

    /// Takes the recording of a call out, to be kept once the transaction is over.
    fn recorded<T>(&self, mut verdict: Verdict<T>) -> Verdict<T> {
        if let Some(recording) = verdict.recording.take() {
            self.afterwards.borrow_mut().recorded.push(*recording);
        }
        verdict
    }

    /// Calls a pack when one of the merchant's may run.
    fn in_turn<T>(&self, tx: &mut Tx, call: impl FnOnce(&mut Tx) -> Verdict<T>) -> Verdict<T> {
        let _turn = self.programme.turns.take(self.merchant);
        self.recorded(call(tx))
    }

    /// Calls a pack whose call leaves nothing, such as a quote: what it uses is not counted.
    ///
    /// # Errors
    /// As [`Act::call`].
    pub(super) fn call_for_show<T>(
        &self,
        tx: &mut Tx,
        active: &Active,
        call: impl FnOnce(&mut Tx) -> Verdict<T>,
    ) -> Result<T, CallError> {
        self.may_try(tx, active)?;
        let verdict = self.in_turn(tx, call);
        self.programme.health.note(self.merchant, &active.code, self.now, &verdict);
        verdict.result
    }

    /// Whether a pack is called now. One that has rested is tried by a single call, whose caller notes how it went.
    fn may_try(&self, tx: &mut Tx, active: &Active) -> Result<(), CallError> {
        self.may_call(tx, active)?;
        rested(self.programme.health.rests_until(self.merchant, &active.code, self.now))
    }

    /// Whether a pack may be called now, as far as it does not rest.
    fn may_call(&self, tx: &mut Tx, active: &Active) -> Result<(), CallError> {
        if active.stage != Stage::InForce {
            return Err(CallError::Upgrading);
        }
        match self.day_is_over_until(tx)? {
            Some(until) => Err(CallError::QuotaUsedUp { fuel_max: self.programme.health.quota(), until }),
            None => Ok(()),
        }
    }

    /// Until when no pack of the merchant is called, if they have used up what all of them may on this day.
    pub(super) fn day_is_over_until(&self, tx: &mut Tx) -> Result<Option<Timestamp>, StoreError> {
        let health = &self.programme.health;
        let fuel_max = health.quota();
        if fuel_max == 0 {
            return Ok(None);
        }
        let used = health.fuel_today(self.merchant, self.now, || fuel_on_day(tx, self.merchant, self.now))?;
        Ok((used >= fuel_max).then(|| day_after(self.now)))
    }

    /// Calls a pack of the merchant because a partner asks it, unless it rests. Neither what it uses nor that it broke off is
    /// counted against this merchant: otherwise whoever asks could use up their day, or have the pack rest. So whoever asks
    /// is not the one who tries a pack that has rested, either.
    pub(super) fn call_asked<T>(
        &self,
        tx: &mut Tx,
        active: &Active,
        call: impl FnOnce(&mut Tx) -> Verdict<T>,
    ) -> Result<Verdict<T>, CallError> {
        self.may_call(tx, active)?;
        rested(self.programme.health.rests(self.merchant, &active.code, self.now))?;
        Ok(self.recorded(call(tx)))
    }

    /// Counts what a partner's pack has used to answer this merchant's.
    pub(super) fn count_asked(&self, tx: &mut Tx, pack: &Code, fuel: u64) -> Result<(), StoreError> {
        self.programme.health.add_fuel(self.merchant, self.now, fuel);
        count_usage(tx, self.merchant, pack, self.now, fuel)
    }

    /// Calls a pack, and notes how it does and what it has used. Whether the day is over is for the caller to look at: what
    /// an owner switches on, off or to another revision is told at once.
    pub(super) fn call_anyway<T>(
        &self,
        tx: &mut Tx,
        pack: &Code,
        call: impl FnOnce(&mut Tx) -> Verdict<T>,
    ) -> Result<Verdict<T>, StoreError> {
        let verdict = self.in_turn(tx, call);
        count_usage(tx, self.merchant, pack, self.now, verdict.fuel)?;
        self.programme.health.note(self.merchant, pack, self.now, &verdict);
        Ok(verdict)
    }
}

/// Refuses a call of a pack that rests.
fn rested(rests_until: Option<Timestamp>) -> Result<(), CallError> {
    rests_until.map_or(Ok(()), |until| Err(CallError::Resting { until }))
}
