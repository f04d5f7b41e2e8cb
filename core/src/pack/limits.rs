//! What one call may use, and the counting of it.

use serde::{Deserialize, Serialize};
use wasmtime::ResourceLimiter;

use crate::store::TRANSACTION_BYTES_MAX;
#[cfg(doc)]
use crate::store::Tx;

/// What one call of a pack may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Units of fuel, about one for each wasm instruction.
    pub fuel_max: u64,
    /// Milliseconds from the call's begin to its end.
    pub wall_max_ms: u64,
    /// Bytes over all memories and tables (eight for each entry of a table).
    pub memory_max_bytes: u64,
    /// Calls of host functions.
    pub host_calls_max: u64,
}

/// What a manifest asks for; what it leaves out is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsAsked {
    /// See [`Limits::fuel_max`].
    pub fuel_max: Option<u64>,
    /// See [`Limits::wall_max_ms`].
    pub wall_max_ms: Option<u64>,
    /// See [`Limits::memory_max_bytes`].
    pub memory_max_bytes: Option<u64>,
    /// See [`Limits::host_calls_max`].
    pub host_calls_max: Option<u64>,
}

impl Limits {
    /// What a pack gets that asks for nothing.
    pub const DEFAULT: Self =
        Self { fuel_max: 50_000_000, wall_max_ms: 1_000, memory_max_bytes: 16 << 20, host_calls_max: 10_000 };

    /// What no pack gets more of, whatever it asks for.
    pub const CAP: Self =
        Self { fuel_max: 1_000_000_000, wall_max_ms: 5_000, memory_max_bytes: 64 << 20, host_calls_max: 100_000 };

    /// Lists and texts that a pack may hand over the border at once, in bytes, as arguments of a host function or as what its
    /// own function returns; more is refused by a trap.
    pub(super) const ARGUMENTS_MAX_BYTES: usize = 4 << 20;

    /// What one call may be answered, and may write in its storage, its timers and the log of events, in bytes, all its host
    /// functions together: what it writes is in the host's memory until the commit.
    pub const MOVED_MAX_BYTES: usize = 16 << 20;

    /// How many keys and ranges of the store one call may read, all its host functions together and each counted once,
    /// what they write over included: they are remembered until the commit, and looked at again while all other commits
    /// wait.
    pub const READS_MAX: usize = 20_000;

    /// What one call may write by all its host functions together, in bytes as [`Tx::written`] counts them: entries, postings
    /// and events, what is kept of earlier states, and what is written over again. Four calls that do their worst leave room
    /// in a transaction for what the host itself writes.
    pub const WRITTEN_MAX_BYTES: usize = 3 << 20;

    /// What a transaction has when a call in it may write nothing more: the rest is the host's.
    pub(super) const TRANSACTION_FULL_BYTES: usize = TRANSACTION_BYTES_MAX - (2 << 20);

    /// How many timers of a pack wait at a merchant.
    pub const TIMERS_MAX: u64 = 100_000;

    /// How many facts a pack tells at a merchant on a day of UTC.
    pub const FACTS_OF_DAY_MAX: u64 = 100_000;

    /// What a partner may be asked, and may answer, in bytes.
    pub const QUESTION_MAX_BYTES: usize = 16 << 10;

    /// What a pack gets that asks for this: its wish, no more than the operator's cap.
    pub fn grant(asked: LimitsAsked, cap: Self) -> Self {
        let pick = |asked: Option<u64>, default: u64, cap: u64| asked.unwrap_or(default).min(cap);
        let default = Self::DEFAULT;
        Self {
            fuel_max: pick(asked.fuel_max, default.fuel_max, cap.fuel_max),
            wall_max_ms: pick(asked.wall_max_ms, default.wall_max_ms, cap.wall_max_ms),
            memory_max_bytes: pick(asked.memory_max_bytes, default.memory_max_bytes, cap.memory_max_bytes),
            host_calls_max: pick(asked.host_calls_max, default.host_calls_max, cap.host_calls_max),
        }
    }
}

/// Adds up what an instance takes of memories and tables, and remembers that it asked for too much.
pub(super) struct Meter {
    memory_max: usize,
    used: usize,
    /// What the growth that was allowed last has added.
    allowed: usize,
    pub(super) exceeded: bool,
}

/// The text of the trap that ends a call for its memory; the outcome is told from [`Meter::exceeded`].
#[derive(Debug, thiserror::Error)]
#[error("the call wanted more memory than it may have")]
struct MemoryExceeded;

impl Meter {
    pub(super) fn new(limits: &Limits) -> Self {
        let memory_max = usize::try_from(limits.memory_max_bytes).unwrap_or(usize::MAX);
        Self { memory_max, used: 0, allowed: 0, exceeded: false }
    }

    fn grow(&mut self, bytes: usize) -> wasmtime::Result<bool> {
        match self.used.checked_add(bytes).filter(|used| *used <= self.memory_max) {
            Some(used) => {
                (self.used, self.allowed) = (used, bytes);
                Ok(true)
            }
            None => {
                self.exceeded = true;
                Err(MemoryExceeded.into())
            }
        }
    }

    /// Gives back what was allowed and could not be had: the pack is told so, and may go on without.
    fn give_back(&mut self) {
        self.used = self.used.saturating_sub(std::mem::take(&mut self.allowed));
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current).saturating_mul(8))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.give_back();
        Ok(())
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.give_back();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_gets_what_it_asks_for_up_to_the_cap() {
        let asked = LimitsAsked { fuel_max: Some(7), wall_max_ms: Some(u64::MAX), ..LimitsAsked::default() };
        let granted = Limits::grant(asked, Limits::CAP);
        assert_eq!((granted.fuel_max, granted.wall_max_ms), (7, Limits::CAP.wall_max_ms));
        assert_eq!(granted.memory_max_bytes, Limits::DEFAULT.memory_max_bytes);
        let strict = Limits { fuel_max: 5, host_calls_max: 9, ..Limits::CAP };
        let granted = Limits::grant(asked, strict);
        assert_eq!((granted.fuel_max, granted.host_calls_max), (5, 9), "also of what it does not ask for");
    }

    #[test]
    fn memories_and_tables_are_added_up() {
        let mut meter = Meter::new(&Limits { memory_max_bytes: 1000, ..Limits::DEFAULT });
        assert!(meter.memory_growing(0, 600, None).unwrap());
        assert!(meter.table_growing(0, 50, None).unwrap());
        assert!(meter.memory_growing(0, 1, None).is_err());
        assert!(meter.exceeded);
    }

    #[test]
    fn what_could_not_be_had_is_not_counted() {
        let mut meter = Meter::new(&Limits { memory_max_bytes: 1000, ..Limits::DEFAULT });
        let failed = || wasmtime::Error::msg("there is no room");
        assert!(meter.memory_growing(0, 600, None).unwrap());
        for _ in 0..3 {
            assert!(meter.memory_growing(600, 1000, None).unwrap());
            meter.memory_grow_failed(failed()).unwrap();
            assert!(meter.table_growing(0, 50, None).unwrap());
            meter.table_grow_failed(failed()).unwrap();
        }
        meter.table_grow_failed(failed()).unwrap();
        assert!(meter.table_growing(0, 50, None).unwrap());
        assert!(!meter.exceeded);
        assert!(meter.memory_growing(600, 601, None).is_err(), "what there is stays counted");
    }
}
