//! How a use case calls a pack: not one that rests, is being upgraded or has used up a quota; and what it did is counted,
//! noted and recorded.

use super::health::{Admitted, CallKind, CallNote};
use super::pack_life::Stage;
use super::pack_quota::{Usage, User};
use super::recordings::Recordings;
use super::usage::count_usage;
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
        kind: CallKind,
        call: impl FnOnce(&mut Tx) -> Verdict<T>,
    ) -> Result<T, CallError> {
        let _turn = self.programme.turns.take(self.merchant);
        self.may_try(tx, active, kind)?;
        self.counted(tx, &active.code, kind, call)?.result
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

    /// Calls a pack whose call leaves nothing, such as a quote: what it uses is in no report, and counts for the quotas only.
    ///
    /// # Errors
    /// As [`Act::call`].
    pub(super) fn call_for_show<T>(
        &self,
        tx: &mut Tx,
        active: &Active,
        kind: CallKind,
        call: impl FnOnce(&mut Tx) -> Verdict<T>,
    ) -> Result<T, CallError> {
        let _turn = self.programme.turns.take(self.merchant);
        self.may_try(tx, active, kind)?;
        let verdict = self.recorded(call(tx));
        self.note(&active.code, kind, &verdict, 0);
        verdict.result
    }

    /// Whether a pack is called now. One that has rested is tried by a single call, whose caller notes how it went.
    fn may_try(&self, tx: &mut Tx, active: &Active, kind: CallKind) -> Result<(), CallError> {
        self.may_call(tx, active)?;
        match self.programme.health.admit(self.merchant, &active.code, kind, self.now) {
            Admitted::Freely => Ok(()),
            Admitted::AsTry => {
                self.afterwards.borrow_mut().tries.push((self.merchant, active.code.clone(), self.now));
                Ok(())
            }
            Admitted::NotBefore(until) => Err(CallError::Resting { until }),
        }
    }

    /// Whether a pack may be called now, as far as it does not rest.
    fn may_call(&self, tx: &mut Tx, active: &Active) -> Result<(), CallError> {
        if active.stage != Stage::InForce {
            return Err(CallError::Upgrading);
        }
        self.spent(tx, &active.code)?.map_or(Ok(()), |spent| Err(spent.into()))
    }

    /// Calls a pack of the merchant because a partner asks it, unless it rests or answers have used up their part of the
    /// quotas. What it uses is counted for this merchant, whose pack it is: otherwise a partner could use up what is the
    /// asker's. That it broke off is told to this merchant, with what it logs, but not counted against the pack: otherwise
    /// whoever asks could have it rest. So whoever asks is not the one who tries a pack that has rested, either.
    pub(super) fn call_asked<T>(
        &self,
        tx: &mut Tx,
        active: &Active,
        call: impl FnOnce(&mut Tx) -> Verdict<T>,
    ) -> Result<Verdict<T>, CallError> {
        self.may_call(tx, active)?;
        if let Some(until) = self.programme.health.rests(self.merchant, &active.code, self.now) {
            return Err(CallError::Resting { until });
        }
        let (health, quotas) = (&self.programme.health, &self.programme.quotas);
        if let Some(spent) = quotas.answers_ahead(self.merchant, self.now) {
            return Err(spent.into());
        }
        let before = tx.bytes();
        let verdict = self.recorded(call(tx));
        let used = Usage { fuel: verdict.fuel, written: bytes(tx.bytes().saturating_sub(before)) };
        count_usage(tx, self.merchant, &active.code, self.now, verdict.fuel)?;
        quotas.add(self.merchant, User::Answers, self.now, used);
        health.note_asked(CallNote::of(self.merchant, &active.code, CallKind::Partner, self.now, &verdict));
        Ok(verdict)
    }

    /// Notes how a pack does. What it has used is used at once; how the call went counts when its transaction is over.
    fn note<T>(&self, pack: &Code, kind: CallKind, verdict: &Verdict<T>, written: usize) {
        let used = Usage { fuel: verdict.fuel, written: bytes(written) };
        let brought_about = self.depth > 0 || kind == CallKind::Timer;
        let user = if brought_about { User::Itself(pack) } else { User::Pack(pack) };
        self.programme.quotas.add(self.merchant, user, self.now, used);
        let note = CallNote::of(self.merchant, pack, kind, self.now, verdict);
        self.afterwards.borrow_mut().calls.push(note);
    }

    /// Calls a pack, and notes how it does and what it has used. Whether a quota is used up is for the caller to look at: what
    /// an owner switches on, off or to another revision is told at once.
    pub(super) fn call_anyway<T>(
        &self,
        tx: &mut Tx,
        pack: &Code,
        kind: CallKind,
        call: impl FnOnce(&mut Tx) -> Verdict<T>,
    ) -> Result<Verdict<T>, StoreError> {
        let _turn = self.programme.turns.take(self.merchant);
        self.counted(tx, pack, kind, call)
    }

    /// The same for who has a turn.
    fn counted<T>(
        &self,
        tx: &mut Tx,
        pack: &Code,
        kind: CallKind,
        call: impl FnOnce(&mut Tx) -> Verdict<T>,
    ) -> Result<Verdict<T>, StoreError> {
        let before = tx.bytes();
        let verdict = self.recorded(call(tx));
        let written = tx.bytes().saturating_sub(before).saturating_sub(verdict.of_partners);
        count_usage(tx, self.merchant, pack, self.now, verdict.fuel)?;
        self.note(pack, kind, &verdict, written);
        Ok(verdict)
    }
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
