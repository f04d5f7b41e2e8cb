//! When an event that failed is attempted again: eleven attempts in 27 hours and 43 minutes, and up to a tenth more, so
//! that what failed together does not come back together.

use jiff::{SignedDuration, Timestamp};

/// How long to wait after the first, second … attempt, in seconds.
const WAITS_S: [i64; 10] = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200];

/// How often an event is attempted.
pub const ATTEMPTS_MAX: u8 = 11;

/// The longest that a receiver can ask to be left alone.
pub const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_hours(12);

/// When to attempt again what was attempted `attempts` times; `None` when that was enough. `random` spreads, and what
/// the receiver asked for counts if it is longer.
pub(super) fn next_at(
    now: Timestamp,
    attempts: u8,
    random: u64,
    retry_after: Option<SignedDuration>,
) -> Option<Timestamp> {
    let wait_ms = WAITS_S.get(usize::from(attempts).checked_sub(1)?)? * 1000;
    let spread_ms = i64::try_from(random % (wait_ms.unsigned_abs() / 10 + 1)).unwrap_or(0);
    let wait = SignedDuration::from_millis(wait_ms + spread_ms);
    let wait = retry_after.map_or(wait, |asked| wait.max(asked.min(RETRY_AFTER_MAX)));
    Some(now.checked_add(wait).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_attempts_take_between_27_and_31_hours() {
        for (random, hours) in [(0, 27), (u64::MAX, 30)] {
            let mut now = Timestamp::UNIX_EPOCH;
            let mut attempts = 1;
            while let Some(next) =
                next_at(now, attempts, if random == 0 { 0 } else { u64::from(attempts) * 7919 * 99_991 }, None)
            {
                assert!(next > now);
                (now, attempts) = (next, attempts + 1);
            }
            assert_eq!(attempts, ATTEMPTS_MAX);
            let took = now.duration_since(Timestamp::UNIX_EPOCH).as_hours();
            assert!((27..=hours).contains(&took), "{took} hours");
        }
    }

    #[test]
    fn what_the_receiver_asks_for_counts_within_bounds() {
        let now = Timestamp::UNIX_EPOCH;
        let waits = |seconds| next_at(now, 1, 0, Some(SignedDuration::from_secs(seconds))).unwrap().as_second();
        assert_eq!((waits(1), waits(60), waits(1_000_000)), (5, 60, 43_200));
        assert_eq!(next_at(now, ATTEMPTS_MAX, 0, Some(SignedDuration::from_secs(1))), None);
    }
}
