//! How packs do at each merchant: calls, failures, fuel, what they log; and the breaker that rests one which does harm.
//!
//! It is kept in memory and begins anew with the process: what a pack did to members, orders and assets is in the log of
//! events and in the books.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use metrics::{counter, histogram};
use parking_lot::Mutex;

use crate::domain::{Code, MerchantId};
use crate::pack::{CallError, LogLine, Verdict};

/// After so many faults of one kind of call, without one that went well between them, a pack rests.
const REST_AFTER: u32 = 5;
/// How long it rests at first; twice as long after each try that fails, up to the longest.
const REST_FIRST: SignedDuration = SignedDuration::from_secs(10);
const REST_MAX: SignedDuration = SignedDuration::from_mins(5);
/// How long others wait for the one call that tries whether it is well again.
const TRYING: SignedDuration = SignedDuration::from_secs(5);
/// How many lines of a pack's log are kept; the oldest go.
const LINES_MAX: usize = 200;

/// How all packs do.
#[derive(Default)]
pub struct Health {
    packs: Mutex<HashMap<(MerchantId, Code), State>>,
}

#[derive(Default)]
struct State {
    health: PackHealth,
    /// How many faults there were since the last call that went well, by the kind of call: what a pack does well does not
    /// hide what it can not do.
    faults_in_a_row: HashMap<CallKind, u32>,
    lines: VecDeque<KeptLine>,
}

impl State {
    /// Whether calls of a kind do harm again and again.
    fn is_broken(&self, kind: CallKind) -> bool {
        self.faults_in_a_row.get(&kind).is_some_and(|faults| *faults >= REST_AFTER)
    }
}

/// What a pack is called for: an export of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum CallKind {
    Quote,
    Price,
    Settled,
    Refunded,
    Command,
    Page,
    Event,
    Timer,
    Lifecycle,
    Partner,
}

/// A call that was made, as it is to be counted.
pub(super) struct CallNote {
    pub(super) merchant: MerchantId,
    pub(super) pack: Code,
    pub(super) kind: CallKind,
    pub(super) at: Timestamp,
    end: End,
    lines: Vec<LogLine>,
    fuel: u64,
    took: Duration,
}

/// How a call ended, as far as the pack is concerned.
enum End {
    Done,
    Refused,
    Fault(Fault),
    /// The host could not go through with it: that says nothing of the pack.
    Void,
}

impl CallNote {
    pub(super) fn of<T>(
        merchant: MerchantId,
        pack: &Code,
        kind: CallKind,
        at: Timestamp,
        verdict: &Verdict<T>,
    ) -> Self {
        let end = match &verdict.result {
            Ok(_) => End::Done,
            Err(CallError::Store(_) | CallError::Host(_)) => End::Void,
            Err(error) if error.is_fault() => {
                End::Fault(Fault { at, code: error.code().to_owned(), message: error.to_string() })
            }
            // Whoever says no has done its work.
            Err(_) => End::Refused,
        };
        let Verdict { lines, fuel, took, .. } = verdict;
        Self { merchant, pack: pack.clone(), kind, at, end, lines: lines.clone(), fuel: *fuel, took: *took }
    }
}

/// How a pack does at a merchant, since the process has begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackHealth {
    /// How often it was called.
    pub calls: u64,
    /// How many of these calls it refused.
    pub refused: u64,
    /// How many of these calls did harm: traps, limits, replies outside the contract.
    pub faults: u64,
    /// Units of fuel that all calls have used.
    pub fuel: u64,
    /// The most that one call has used.
    pub fuel_most: u64,
    /// How long all calls took by the wall clock.
    pub time: Duration,
    /// The longest of them.
    pub time_most: Duration,
    /// The last fault.
    pub last_fault: Option<Fault>,
    /// Until when it is not called.
    pub rests_until: Option<Timestamp>,
}

/// A call that did harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: Timestamp,
    /// Stable name.
    pub code: String,
    /// For people.
    pub message: String,
}

/// A line that a pack has logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLine {
    /// The pack's first line at the merchant since the process has begun is 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub line: LogLine,
}

impl Health {
    /// Counts a call, keeps what it logged, and has a pack rest that does harm again and again.
    pub(super) fn note(&self, note: CallNote) {
        let (kind, at) = (note.kind, note.at);
        let (is_fault, is_well) = (matches!(note.end, End::Fault(_)), matches!(note.end, End::Done | End::Refused));
        self.count(note, |state| {
            if is_fault {
                let faults = state.faults_in_a_row.entry(kind).or_default();
                *faults = faults.saturating_add(1);
                if let Some(times) = faults.checked_sub(REST_AFTER) {
                    state.health.rests_until = at.checked_add(rest(times)).ok();
                }
            } else if is_well {
                state.faults_in_a_row.remove(&kind);
                if state.faults_in_a_row.values().all(|faults| *faults < REST_AFTER) {
                    state.health.rests_until = None;
                }
            }
        });
    }

    /// Counts a call for a partner: whoever asks neither has the pack rest nor ends its rest.
    pub(super) fn note_asked(&self, note: CallNote) {
        self.count(note, |_| {});
    }

    fn count(&self, note: CallNote, judge: impl FnOnce(&mut State)) {
        let CallNote { merchant, pack, at, end, lines, fuel, took, .. } = note;
        let name = pack.to_string();
        let mut packs = self.packs.lock();
        let state = packs.entry((merchant, pack)).or_default();
        let health = &mut state.health;
        health.calls += 1;
        health.fuel = health.fuel.saturating_add(fuel);
        health.fuel_most = health.fuel_most.max(fuel);
        health.time = health.time.saturating_add(took);
        health.time_most = health.time_most.max(took);
        let kept = lines.into_iter().zip(newest(&state.lines) + 1..);
        state.lines.extend(kept.map(|(line, number)| KeptLine { number, at, line }));
        let too_many = state.lines.len().saturating_sub(LINES_MAX);
        state.lines.drain(..too_many);
        let outcome = match end {
            End::Done => "done",
            End::Refused => {
                health.refused += 1;
                "refused"
            }
            End::Fault(fault) => {
                health.faults += 1;
                health.last_fault = Some(fault);
                "fault"
            }
            End::Void => "void",
        };
        judge(state);
        drop(packs);
        counter!("punchcard_pack_runs_total", "pack" => name.clone(), "outcome" => outcome).increment(1);
        #[expect(
            clippy::cast_precision_loss,
            reason = "histograms are floating-point, and fuel is far from where it matters"
        )]
        histogram!("punchcard_pack_fuel", "pack" => name.clone()).record(fuel as f64);
        histogram!("punchcard_pack_run_seconds", "pack" => name).record(took);
    }

    /// Whether a pack is called now. When its rest is over, one call of a kind that did harm is let through to try; calls of
    /// other kinds go on.
    pub(super) fn admit(&self, merchant: MerchantId, pack: &Code, kind: CallKind, now: Timestamp) -> Admitted {
        let mut packs = self.packs.lock();
        let Some(state) = packs.get_mut(&(merchant, pack.clone())) else { return Admitted::Freely };
        match state.health.rests_until {
            Some(until) if until > now => Admitted::NotBefore(until),
            Some(_) if state.is_broken(kind) => {
                state.health.rests_until = now.checked_add(TRYING).ok();
                Admitted::AsTry
            }
            _ => Admitted::Freely,
        }
    }

    /// Forgets a pack that a merchant has removed.
    pub(super) fn forget(&self, merchant: MerchantId, pack: &Code) {
        self.packs.lock().remove(&(merchant, pack.clone()));
    }

    /// Gives back the place of a try of which nothing came, as its transaction is run again.
    pub(super) fn give_back(&self, merchant: MerchantId, pack: &Code, now: Timestamp) {
        if let Some(state) = self.packs.lock().get_mut(&(merchant, pack.clone()))
            && state.health.rests_until == now.checked_add(TRYING).ok()
        {
            state.health.rests_until = Some(now);
        }
    }

    /// Until when a pack rests, for who does not try it: whoever asks and does not note what comes of it.
    pub(super) fn rests(&self, merchant: MerchantId, pack: &Code, now: Timestamp) -> Option<Timestamp> {
        let packs = self.packs.lock();
        packs.get(&(merchant, pack.clone()))?.health.rests_until.filter(|until| *until > now)
    }

    /// How a pack does.
    pub fn read(&self, merchant: MerchantId, pack: &Code) -> PackHealth {
        let packs = self.packs.lock();
        packs.get(&(merchant, pack.clone())).map(|state| state.health.clone()).unwrap_or_default()
    }

    /// What a pack has logged last, oldest first: the lines after the one with this number.
    ///
    /// Who asks for what comes after a line of which nothing is known, as the process has begun anew, gets all lines.
    pub fn lines(&self, merchant: MerchantId, pack: &Code, after: u64) -> Vec<KeptLine> {
        let packs = self.packs.lock();
        let Some(State { lines, .. }) = packs.get(&(merchant, pack.clone())) else { return Vec::new() };
        let after = if after > newest(lines) { 0 } else { after };
        lines.iter().filter(|line| line.number > after).cloned().collect()
    }
}

/// The number of the newest line; 0 when there is none.
fn newest(lines: &VecDeque<KeptLine>) -> u64 {
    lines.back().map_or(0, |line| line.number)
}

/// Whether a pack is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It is.
    Freely,
    /// It is, to see whether it is well again.
    AsTry,
    /// It rests until then.
    NotBefore(Timestamp),
}

/// How long it rests after so many tries that failed.
fn rest(times: u32) -> SignedDuration {
    let factor = 1_i32.checked_shl(times).filter(|factor| *factor > 0);
    factor.and_then(|factor| REST_FIRST.checked_mul(factor)).map_or(REST_MAX, |rest| rest.min(REST_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{Refusal, RefusalKind};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn verdict(result: Result<(), CallError>) -> Verdict<()> {
        let line = LogLine { level: tracing::Level::INFO, text: "called".to_owned() };
        Verdict { lines: vec![line], fuel: 10, took: Duration::from_millis(2), ..Verdict::without_call(result) }
    }

    fn note(health: &Health, merchant: MerchantId, pack: &Code, kind: CallKind, now: Timestamp, verdict: &Verdict<()>) {
        health.note(CallNote::of(merchant, pack, kind, now, verdict));
    }

    fn fault() -> Verdict<()> {
        verdict(Err(CallError::OutOfFuel { fuel_max: 10 }))
    }

    #[test]
    fn a_pack_that_does_harm_again_and_again_rests_longer_and_longer_until_a_try_goes_well() {
        let (health, pack) = (Health::default(), Code::new("loops").unwrap());
        let [ours, theirs] = [1, 2].map(|number| MerchantId::from_bytes([number; 16]));
        let resting = |merchant, second| match health.admit(merchant, &pack, CallKind::Settled, at(second)) {
            Admitted::Freely | Admitted::AsTry => None,
            Admitted::NotBefore(until) => Some(until.as_second()),
        };
        for _ in 1..REST_AFTER {
            note(&health, ours, &pack, CallKind::Settled, at(0), &fault());
        }
        assert_eq!(resting(ours, 0), None);
        note(&health, ours, &pack, CallKind::Settled, at(0), &fault());
        assert_eq!((resting(ours, 9), resting(theirs, 9)), (Some(10), None));
        let looked = [9, 10].map(|second| health.rests(ours, &pack, at(second)).map(Timestamp::as_second));
        assert_eq!(looked, [Some(10), None], "who looks takes nobody's try");
        assert_eq!((resting(ours, 10), resting(ours, 10)), (None, Some(15)), "one may try");
        assert_eq!(health.rests(ours, &pack, at(10)), Some(at(15)), "others wait for the try");
        note(&health, ours, &pack, CallKind::Settled, at(10), &fault());
        assert_eq!(resting(ours, 29), Some(30));
        for _ in 0..40 {
            note(&health, ours, &pack, CallKind::Settled, at(30), &fault());
        }
        assert_eq!(resting(ours, 30), Some(330), "five minutes are the most");
        assert_eq!(resting(ours, 330), None);
        note(&health, ours, &pack, CallKind::Settled, at(330), &verdict(Ok(())));
        assert_eq!(resting(ours, 330), None);
        let read = health.read(ours, &pack);
        assert_eq!((read.calls, read.faults, read.fuel, read.rests_until), (47, 46, 470, None));
        assert_eq!((read.time, read.time_most), (Duration::from_millis(94), Duration::from_millis(2)));
        assert_eq!(read.last_fault.unwrap().code, "out-of-fuel");
    }

    #[test]
    fn what_a_pack_does_well_does_not_hide_what_it_can_not_do() {
        let (health, pack, ours) = (Health::default(), Code::new("halves").unwrap(), MerchantId::from_bytes([1; 16]));
        for _ in 0..REST_AFTER {
            assert_eq!(health.rests(ours, &pack, at(0)), None);
            note(&health, ours, &pack, CallKind::Settled, at(0), &fault());
            note(&health, ours, &pack, CallKind::Timer, at(0), &verdict(Ok(())));
        }
        let admitted = |kind, second| health.admit(ours, &pack, kind, at(second));
        assert_eq!(admitted(CallKind::Settled, 9), Admitted::NotBefore(at(10)));
        assert_eq!(admitted(CallKind::Command, 9), Admitted::NotBefore(at(10)), "it rests as a whole");
        assert_eq!(admitted(CallKind::Command, 10), Admitted::Freely, "and is tried by what it could not do");
        assert_eq!(admitted(CallKind::Settled, 10), Admitted::AsTry);
        note(&health, ours, &pack, CallKind::Settled, at(10), &verdict(Ok(())));
        assert_eq!(health.read(ours, &pack).rests_until, None);
    }

    #[test]
    fn what_the_host_can_not_do_is_no_fault_of_the_pack_and_nothing_that_it_has_done_well() {
        let (health, pack, ours) = (Health::default(), Code::new("unlucky").unwrap(), MerchantId::from_bytes([1; 16]));
        let calls = |result| note(&health, ours, &pack, CallKind::Command, at(0), &verdict(result));
        let conflict = || Err(CallError::Store(crate::store::StoreError::Conflict));
        for _ in 0..20 {
            calls(conflict());
        }
        assert_eq!(health.rests(ours, &pack, at(0)), None);
        for _ in 0..REST_AFTER {
            calls(Err(CallError::OutOfFuel { fuel_max: 10 }));
            calls(conflict());
        }
        assert_eq!(health.rests(ours, &pack, at(0)), Some(at(10)));
        let read = health.read(ours, &pack);
        assert_eq!((read.calls, read.faults, read.refused), (30, 5, 0));
        // A try whose transaction is run again is no try.
        assert_eq!(health.admit(ours, &pack, CallKind::Command, at(10)), Admitted::AsTry);
        health.give_back(ours, &pack, at(10));
        assert_eq!(health.admit(ours, &pack, CallKind::Command, at(10)), Admitted::AsTry);
    }

    #[test]
    fn a_pack_that_says_no_does_not_rest() {
        let (health, pack, ours) = (Health::default(), Code::new("strict").unwrap(), MerchantId::from_bytes([1; 16]));
        let no = Refusal { kind: RefusalKind::Refused, code: "closed".to_owned(), message: String::new() };
        for _ in 0..20 {
            note(&health, ours, &pack, CallKind::Settled, at(0), &verdict(Err(CallError::Refused(no.clone()))));
        }
        assert_eq!(health.rests(ours, &pack, at(0)), None);
        assert_eq!((health.read(ours, &pack).refused, health.read(ours, &pack).faults), (20, 0));
    }

    #[test]
    fn the_last_lines_of_a_log_are_kept() {
        let (health, pack, ours) = (Health::default(), Code::new("talks").unwrap(), MerchantId::from_bytes([1; 16]));
        for second in 0..250 {
            note(&health, ours, &pack, CallKind::Settled, at(second), &verdict(Ok(())));
        }
        let lines = health.lines(ours, &pack, 0);
        assert_eq!((lines.len(), lines[0].at, lines[199].at), (200, at(50), at(249)));
        assert_eq!((lines[0].number, lines[199].number), (51, 250));
        assert_eq!(health.lines(ours, &pack, 248), lines[198..]);
        assert_eq!(health.lines(ours, &pack, 250), []);
        assert_eq!(health.lines(ours, &pack, 251), lines, "of the process before");
    }
}
