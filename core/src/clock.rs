//! Time and randomness: read here, at the edge, and passed in everywhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Where the present comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that stands until somebody sets it: for tests and the demonstration.
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at an instant.
    pub fn standing_at(now: Timestamp) -> Self {
        Self::Set(Arc::new(AtomicI64::new(now.as_millisecond())))
    }

    /// The present, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        let millis = match self {
            #[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock")]
            Self::System => Timestamp::now().as_millisecond(),
            Self::Set(millis) => millis.load(Ordering::SeqCst),
        };
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Sets a standing clock; the system's clock is not ours to set.
    pub fn set(&self, now: Timestamp) {
        if let Self::Set(millis) = self {
            millis.store(now.as_millisecond(), Ordering::SeqCst);
        }
    }
}

/// Measures how long this machine takes for something. It decides nothing but when a call of a pack has taken too long: what
/// the domain does follows the [`Clock`].
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins to measure.
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long ago it began.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Where random bits come from.
#[derive(Clone, Debug)]
pub enum Entropy {
    /// The system's generator.
    System,
    /// A sequence that is the same each time: for tests and the demonstration.
    Seeded(Arc<AtomicU64>),
}

impl Entropy {
    /// The sequence that follows from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(AtomicU64::new(seed)))
    }

    /// The next 64 bits.
    ///
    /// # Panics
    /// When the system has no random bits: without them nothing is safe.
    pub fn bits(&self) -> u64 {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the place that makes randomness")]
            Self::System => getrandom::u64().expect("the system gives random bits"),
            Self::Seeded(state) => mixed(state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst)),
        }
    }

    /// So many random bytes, for secrets.
    ///
    /// # Panics
    /// When the system has no random bits.
    pub fn secret<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the place that makes randomness")]
            Self::System => getrandom::fill(&mut bytes).expect("the system gives random bits"),
            Self::Seeded(_) => {
                for chunk in bytes.chunks_mut(8) {
                    chunk.copy_from_slice(&self.bits().to_le_bytes()[..chunk.len()]);
                }
            }
        }
        bytes
    }
}

/// Spreads the bits of neighbouring numbers (the finaliser of SplitMix64), so that sources of ids that are seeded one
/// after the other do not walk through the same numbers.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::IdSource;

    #[test]
    fn sources_that_are_seeded_one_after_the_other_make_different_ids() {
        let entropy = Entropy::seeded(7);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let mut ids = IdSource::new(Timestamp::UNIX_EPOCH, entropy.bits());
            for _ in 0..20 {
                assert!(seen.insert(ids.posting()), "an id was made twice");
            }
        }
    }
}
