//! A rehearsal: another revision makes recorded calls again, and it is told what would differ.

use serde_json::{Value, json};

use super::{Departure, Differences, PlayError, Played, Recording, Way};
use crate::pack::LoadedPack;

/// What came of playing recorded calls with a candidate.
#[derive(Clone, Debug, Default)]
pub struct Rehearsal {
    /// Calls that were played to their end.
    pub played: usize,
    /// Those of them, and of those that were not, that are worth a look. Their order is that of the recordings.
    pub calls: Vec<Rehearsed>,
    /// Calls that could not be played, and why.
    pub skipped: Vec<(String, String)>,
    old_fuel: Vec<u64>,
    new_fuel: Vec<u64>,
}

/// A call that differs.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    /// Which recording it is.
    pub recording: String,
    /// Which function was called.
    pub export: String,
    /// In what it differs; nothing when it could not be played to its end.
    pub differences: Differences,
    /// Where it asks for what was not recorded, if it does.
    pub diverged: Option<Diverged>,
    /// Units of fuel that it used and uses.
    pub fuel: (u64, u64),
}

/// A candidate asked for what was not recorded, so that nobody knows what would come of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diverged {
    /// The how manyeth host call it is, from 1.
    pub number: usize,
    /// What it asks for.
    pub asked: String,
}

/// How fuel is spread over calls, in units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FuelSpread {
    /// Half of the calls use no more.
    pub median: u64,
    /// 99 of 100 calls use no more.
    pub p99: u64,
    /// The most that one call uses.
    pub worst: u64,
}

impl FuelSpread {
    fn of(fuel: &[u64]) -> Self {
        let mut sorted = fuel.to_vec();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(rank).copied().unwrap_or_default()
        };
        Self { median: at(50), p99: at(99), worst: at(100) }
    }
}

impl Rehearsal {
    /// Plays one more recorded call. `name` is how people find it again.
    ///
    /// # Errors
    /// When the host can not run packs at all. A recording that can not be played is counted.
    pub fn add(&mut self, candidate: &LoadedPack, name: String, recorded: &Recording) -> Result<(), PlayError> {
        let played = match candidate.play(recorded, Way::Loose) {
            Ok(played) => played,
            Err(error @ PlayError::Call(_)) => return Err(error),
            Err(error) => {
                self.skipped.push((name, error.to_string()));
                return Ok(());
            }
        };
        let fuel = (recorded.fuel, played.recording.fuel);
        let (differences, diverged) = match &played.departure {
            Some(departure) => (Differences::default(), Some(Diverged::of(departure))),
            None => {
                self.played += 1;
                self.old_fuel.push(fuel.0);
                self.new_fuel.push(fuel.1);
                (Differences::between(recorded, &played), None)
            }
        };
        if diverged.is_some() || !differences.is_empty() {
            let export = recorded.export.clone();
            self.calls.push(Rehearsed { recording: name, export, differences, diverged, fuel });
        }
        Ok(())
    }

    /// How fuel was spread over the calls that were played to their end, before and with the candidate.
    pub fn fuel(&self) -> (FuelSpread, FuelSpread) {
        (FuelSpread::of(&self.old_fuel), FuelSpread::of(&self.new_fuel))
    }

    /// All of it as a JSON object, for programs.
    pub fn told(&self) -> Value {
        let calls = self.calls.iter().map(|call| {
            let Rehearsed { recording, export, differences, diverged, fuel } = call;
            json!({
                "recording": recording,
                "export": export,
                "outcome": differences.outcome.as_ref().map(|(old, new)| json!({ "old": old, "new": new })),
                "lost": differences.lost,
                "gained": differences.gained,
                "reordered": differences.is_reordered,
                "diverged": diverged.as_ref().map(|at| json!({ "number": at.number, "asked": at.asked })),
                "fuel_old": fuel.0,
                "fuel_new": fuel.1,
            })
        });
        let skipped = self.skipped.iter().map(|(recording, why)| json!({ "recording": recording, "why": why }));
        let spread = |fuel: FuelSpread| json!({ "median": fuel.median, "p99": fuel.p99, "worst": fuel.worst });
        let (old, new) = self.fuel();
        json!({
            "played": self.played,
            "differs": self.differs(),
            "calls": calls.collect::<Vec<_>>(),
            "skipped": skipped.collect::<Vec<_>>(),
            "fuel": { "old": spread(old), "new": spread(new) },
        })
    }

    /// Whether effects or outcomes differ, or nobody knows. Fuel alone is no difference.
    pub fn differs(&self) -> bool {
        !self.calls.is_empty()
    }
}

impl Diverged {
    fn of(departure: &Departure) -> Self {
        let asked = departure.asked.as_ref().map(ToString::to_string).unwrap_or_default();
        Self { number: departure.number, asked }
    }
}

impl Played {
    /// Whether it went as far as it goes.
    pub fn has_ended(&self) -> bool {
        self.departure.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuel_is_told_by_its_middle_its_tail_and_its_worst() {
        assert_eq!(FuelSpread::of(&[]), FuelSpread::default());
        assert_eq!(FuelSpread::of(&[7]), FuelSpread { median: 7, p99: 7, worst: 7 });
        let fuel: Vec<u64> = (1..=200).rev().collect();
        assert_eq!(FuelSpread::of(&fuel), FuelSpread { median: 100, p99: 198, worst: 200 });
    }
}
