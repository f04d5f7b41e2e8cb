//! The pause before a transaction is run again.

use std::thread;
use std::time::Duration;

const FIRST_MICROS_MAX: u64 = 200;
const MICROS_MAX: u64 = 25_000;

/// Waits for a random time that grows with the number of attempts made, so that losers do not meet again.
pub(super) fn pause(attempts: u32) {
    let ceiling = (FIRST_MICROS_MAX << attempts.saturating_sub(1).min(16)).min(MICROS_MAX);
    #[expect(clippy::disallowed_methods, reason = "the length of a pause is in no result")]
    let random = getrandom::u64();
    // Without randomness the full time is waited: slower, not wrong.
    let micros = random.map_or(ceiling, |random| random % ceiling);
    thread::sleep(Duration::from_micros(micros));
}
