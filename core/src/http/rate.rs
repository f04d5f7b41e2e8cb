//! Limits of rates: token buckets in the form of GCRA, which keeps one instant for each key.
//!
//! Memory is bounded: what has rested long enough to have its whole burst again is not remembered, and where there is
//! no room even so, who is new is let through. The clock is the host's.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};

use jiff::Timestamp;
use parking_lot::Mutex;

use super::settings::Rate;

/// Each has a lock of its own, so that clients seldom wait for each other.
const SHARDS: usize = 64;
/// Keys that one shard remembers at most: 64 of them take some 8 MiB.
const SHARD_KEYS_MAX: usize = 4096;

/// The rates of many keys.
pub(super) struct Limiter<K> {
    /// Microseconds in which one more is allowed.
    interval: i64,
    burst: u32,
    hasher: RandomState,
    shards: Vec<Mutex<Shard<K>>>,
}

struct Shard<K> {
    /// By key, the instant from which on it has its whole burst, in microseconds since 1970.
    full_at: HashMap<K, i64>,
    swept_at: i64,
}

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// How many may come at once after a rest.
    pub(super) burst: u32,
    /// After how many seconds of rest the whole burst is there again, from nothing.
    pub(super) window_s: i64,
    /// How many may come now.
    pub(super) left: u32,
    /// In how many seconds the whole burst is there again.
    pub(super) full_in_s: i64,
    /// In how many seconds the next may come, when this one may not.
    pub(super) refused_for_s: Option<u32>,
}

impl<K: Copy + Eq + Hash> Limiter<K> {
    pub(super) fn new(rate: Rate) -> Self {
        let interval = (i64::from(rate.seconds) * 1_000_000 / i64::from(rate.count)).max(1);
        let shard = || Mutex::new(Shard { full_at: HashMap::new(), swept_at: 0 });
        let shards = (0..SHARDS).map(|_| shard()).collect();
        Self { interval, burst: rate.burst, hasher: RandomState::new(), shards }
    }

    /// One more of this key, if it may.
    pub(super) fn take(&self, key: K, now: Timestamp) -> Standing {
        let now = now.as_microsecond();
        let mut shard = self.shard(&key).lock();
        let used = self.used(shard.full_at.get(&key), now) + self.interval;
        if used > self.whole() {
            return self.standing(used - self.interval, Some(used - self.whole()));
        }
        shard.remember(key, now + used, now);
        self.standing(used, None)
    }

    /// Takes back one that was taken: it does not count after all.
    pub(super) fn put_back(&self, key: K, now: Timestamp) {
        if let Some(full_at) = self.shard(&key).lock().full_at.get_mut(&key) {
            *full_at = (*full_at - self.interval).max(now.as_microsecond());
        }
    }

    /// In how many seconds one more of this key may come, when it may not now.
    pub(super) fn refused_for_s(&self, key: K, now: Timestamp) -> Option<u32> {
        let now = now.as_microsecond();
        let used = self.used(self.shard(&key).lock().full_at.get(&key), now) + self.interval;
        (used > self.whole()).then(|| seconds(used - self.whole()))
    }

    fn shard(&self, key: &K) -> &Mutex<Shard<K>> {
        let hash = self.hasher.hash_one(key) % (SHARDS as u64);
        &self.shards[usize::try_from(hash).unwrap_or_default()]
    }

    /// How much of the burst is used, in microseconds. A clock that was set back is no reason to wait.
    fn used(&self, full_at: Option<&i64>, now: i64) -> i64 {
        let used = full_at.map_or(0, |full_at| full_at - now);
        if used > self.whole() { 0 } else { used.max(0) }
    }

    fn whole(&self) -> i64 {
        self.interval * i64::from(self.burst)
    }

    fn standing(&self, used: i64, wait: Option<i64>) -> Standing {
        Standing {
            burst: self.burst,
            window_s: i64::from(seconds(self.whole())),
            left: u32::try_from((self.whole() - used) / self.interval).unwrap_or_default(),
            full_in_s: i64::from(seconds(used)),
            refused_for_s: wait.map(seconds),
        }
    }
}

impl<K: Eq + Hash> Shard<K> {
    fn remember(&mut self, key: K, full_at: i64, now: i64) {
        if self.full_at.len() >= SHARD_KEYS_MAX && !self.full_at.contains_key(&key) {
            if now != self.swept_at {
                self.swept_at = now;
                self.full_at.retain(|_, full_at| *full_at > now);
            }
            if self.full_at.len() >= SHARD_KEYS_MAX {
                return;
            }
        }
        self.full_at.insert(key, full_at);
    }
}

/// Whole seconds, rounded up.
fn seconds(micros: i64) -> u32 {
    u32::try_from(micros.max(0).unsigned_abs().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn limiter(count: u32, seconds: u32, burst: u32) -> Limiter<u32> {
        Limiter::new(Rate::new(count, seconds, burst).unwrap())
    }

    #[test]
    fn a_burst_may_come_at_once_and_then_one_after_the_other() {
        let limiter = limiter(2, 1, 3);
        let left: Vec<_> = (0..3).map(|_| limiter.take(1, at(10_000)).left).collect();
        assert_eq!(left, [2, 1, 0]);
        let refused = limiter.take(1, at(10_000));
        assert_eq!(refused, Standing { burst: 3, window_s: 2, left: 0, full_in_s: 2, refused_for_s: Some(1) });
        assert_eq!(limiter.take(1, at(10_499)).refused_for_s, Some(1));
        assert_eq!(limiter.take(1, at(10_500)).refused_for_s, None);
        assert_eq!(limiter.take(1, at(10_500)).refused_for_s, Some(1));
        assert_eq!(limiter.take(2, at(10_500)).left, 2, "another key has its own");
        assert_eq!(limiter.take(1, at(12_000)).left, 2, "after a rest all is as in the beginning");
    }

    #[test]
    fn a_refusal_costs_nothing_and_a_clock_that_was_set_back_locks_nobody_out() {
        let limiter = limiter(1, 60, 1);
        assert_eq!(limiter.take(1, at(100_000)).refused_for_s, None);
        for _ in 0..10 {
            assert_eq!(limiter.take(1, at(100_000)).refused_for_s, Some(60));
        }
        assert_eq!(limiter.refused_for_s(1, at(159_999)), Some(1));
        assert_eq!(limiter.refused_for_s(1, at(160_000)), None);
        assert_eq!(limiter.refused_for_s(1, at(1_000)), None);
    }

    #[test]
    fn keys_that_rest_are_forgotten_and_memory_has_an_end() {
        let limiter = limiter(1, 1, 1);
        let keys = u32::try_from(SHARDS * SHARD_KEYS_MAX).unwrap() * 2;
        let remembered = || limiter.shards.iter().map(|shard| shard.lock().full_at.len()).sum::<usize>();
        for key in 0..keys {
            limiter.take(key, at(5_000));
        }
        assert_eq!(remembered(), SHARDS * SHARD_KEYS_MAX);
        assert_eq!(limiter.take(keys, at(5_000)).refused_for_s, None, "who is new is let through");
        for key in 0..1000 {
            limiter.take(keys + key, at(7_000));
        }
        assert!(remembered() <= 1000, "{}", remembered());
    }
}
