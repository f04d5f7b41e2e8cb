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
use crate::pack::{LogLine, Verdict};

/// After so many faults without a call that went well between them a pack rests.
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
    faults_in_a_row: u32,
    lines: VecDeque<KeptLine>,
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
    /// Counts a call, and keeps what it logged.
    pub(super) fn note<T>(&self, merchant: MerchantId, pack: &Code, now: Timestamp, verdict: &Verdict<T>) {
        let mut packs = self.packs.lock();
        let State { health, faults_in_a_row, lines } = packs.entry((merchant, pack.clone())).or_default();
        health.calls += 1;
        health.fuel = health.fuel.saturating_add(verdict.fuel);
        health.fuel_most = health.fuel_most.max(verdict.fuel);
        health.time = health.time.saturating_add(verdict.took);
        health.time_most = health.time_most.max(verdict.took);
        let kept = verdict.lines.iter().cloned().zip(newest(lines) + 1..);
        lines.extend(kept.map(|(line, number)| KeptLine { number, at: now, line }));
        let too_many = lines.len().saturating_sub(LINES_MAX);
        lines.drain(..too_many);
        let outcome = match &verdict.result {
            Err(error) if error.is_fault() => {
                health.faults += 1;
                health.last_fault = Some(Fault { at: now, code: error.code().to_owned(), message: error.to_string() });
                *faults_in_a_row = faults_in_a_row.saturating_add(1);
                if let Some(times) = faults_in_a_row.checked_sub(REST_AFTER) {
                    health.rests_until = now.checked_add(rest(times)).ok();
                }
                "fault"
            }
            // Whoever says no has done its work.
            other => {
                (*faults_in_a_row, health.rests_until) = (0, None);
                let refused = other.is_err();
                health.refused += u64::from(refused);
                if refused { "refused" } else { "done" }
            }
        };
        drop(packs);
        counter!("punchcard_pack_runs_total", "pack" => pack.to_string(), "outcome" => outcome).increment(1);
        #[expect(
            clippy::cast_precision_loss,
            reason = "histograms are floating-point, and fuel is far from where it matters"
        )]
        histogram!("punchcard_pack_fuel", "pack" => pack.to_string()).record(verdict.fuel as f64);
        histogram!("punchcard_pack_run_seconds", "pack" => pack.to_string()).record(verdict.took);
    }

    /// Until when a pack is not to be called. When the time is over, one caller is let through to try.
    pub(super) fn rests_until(&self, merchant: MerchantId, pack: &Code, now: Timestamp) -> Option<Timestamp> {
        let mut packs = self.packs.lock();
        let health = &mut packs.get_mut(&(merchant, pack.clone()))?.health;
        let until = health.rests_until?;
        if until > now {
            return Some(until);
        }
        health.rests_until = now.checked_add(TRYING).ok();
        None
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

/// How long it rests after so many tries that failed.
fn rest(times: u32) -> SignedDuration {
    let factor = 1_i32.checked_shl(times).filter(|factor| *factor > 0);
    factor.and_then(|factor| REST_FIRST.checked_mul(factor)).map_or(REST_MAX, |rest| rest.min(REST_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{CallError, Refusal, RefusalKind};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn verdict(result: Result<(), CallError>) -> Verdict<()> {
        let line = LogLine { level: tracing::Level::INFO, text: "called".to_owned() };
        Verdict { lines: vec![line], fuel: 10, took: Duration::from_millis(2), ..Verdict::without_call(result) }
    }

    fn fault() -> Verdict<()> {
        verdict(Err(CallError::OutOfFuel { fuel_max: 10 }))
    }

    #[test]
    fn a_pack_that_does_harm_again_and_again_rests_longer_and_longer_until_a_try_goes_well() {
        let (health, pack) = (Health::default(), Code::new("loops").unwrap());
        let [ours, theirs] = [1, 2].map(|number| MerchantId::from_bytes([number; 16]));
        let resting = |merchant, second| health.rests_until(merchant, &pack, at(second)).map(Timestamp::as_second);
        for _ in 1..REST_AFTER {
            health.note(ours, &pack, at(0), &fault());
        }
        assert_eq!(resting(ours, 0), None);
        health.note(ours, &pack, at(0), &fault());
        assert_eq!((resting(ours, 9), resting(theirs, 9)), (Some(10), None));
        let looked = [9, 10].map(|second| health.rests(ours, &pack, at(second)).map(Timestamp::as_second));
        assert_eq!(looked, [Some(10), None], "who looks takes nobody's try");
        assert_eq!((resting(ours, 10), resting(ours, 10)), (None, Some(15)), "one may try");
        assert_eq!(health.rests(ours, &pack, at(10)), Some(at(15)), "others wait for the try");
        health.note(ours, &pack, at(10), &fault());
        assert_eq!(resting(ours, 29), Some(30));
        for _ in 0..40 {
            health.note(ours, &pack, at(30), &fault());
        }
        assert_eq!(resting(ours, 30), Some(330), "five minutes are the most");
        assert_eq!(resting(ours, 330), None);
        health.note(ours, &pack, at(330), &verdict(Ok(())));
        assert_eq!(resting(ours, 330), None);
        let read = health.read(ours, &pack);
        assert_eq!((read.calls, read.faults, read.fuel, read.rests_until), (47, 46, 470, None));
        assert_eq!((read.time, read.time_most), (Duration::from_millis(94), Duration::from_millis(2)));
        assert_eq!(read.last_fault.unwrap().code, "out-of-fuel");
    }

    #[test]
    fn a_pack_that_says_no_does_not_rest() {
        let (health, pack, ours) = (Health::default(), Code::new("strict").unwrap(), MerchantId::from_bytes([1; 16]));
        let no = Refusal { kind: RefusalKind::Refused, code: "closed".to_owned(), message: String::new() };
        for _ in 0..20 {
            health.note(ours, &pack, at(0), &verdict(Err(CallError::Refused(no.clone()))));
        }
        assert_eq!(health.rests_until(ours, &pack, at(0)), None);
        assert_eq!((health.read(ours, &pack).refused, health.read(ours, &pack).faults), (20, 0));
    }

    #[test]
    fn the_last_lines_of_a_log_are_kept() {
        let (health, pack, ours) = (Health::default(), Code::new("talks").unwrap(), MerchantId::from_bytes([1; 16]));
        for second in 0..250 {
            health.note(ours, &pack, at(second), &verdict(Ok(())));
        }
        let lines = health.lines(ours, &pack, 0);
        assert_eq!((lines.len(), lines[0].at, lines[199].at), (200, at(50), at(249)));
        assert_eq!((lines[0].number, lines[199].number), (51, 250));
        assert_eq!(health.lines(ours, &pack, 248), lines[198..]);
        assert_eq!(health.lines(ours, &pack, 250), []);
        assert_eq!(health.lines(ours, &pack, 251), lines, "of the process before");
    }
}
