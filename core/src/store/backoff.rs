//! What a transaction that has lost does before it runs again.
//!
//! At first it waits for a random time, so that losers do not meet again. That alone would be unfair: who waits longest
//! meets the most newcomers. So from the fifth time on losers take turns, and at most one of them at a time competes
//! with the newcomers. A turn is waited for no longer than a pause would be, so that a slow one does not hold up others.

use std::thread;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

const FIRST_MICROS_MAX: u64 = 200;
const MICROS_MAX: u64 = 50_000;
const TURNS_FROM: u32 = 5;

/// Who of those that lose again and again is to run next. Shared by all transactions of a store.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<()>);

impl Turns {
    /// Waits after `attempts` lost attempts. A turn that it returns is kept until the transaction is through.
    pub(super) fn pause(&self, attempts: u32) -> Option<MutexGuard<'_, ()>> {
        let ceiling = (FIRST_MICROS_MAX << attempts.saturating_sub(1).min(16)).min(MICROS_MAX);
        if attempts >= TURNS_FROM {
            return self.0.try_lock_for(Duration::from_micros(ceiling));
        }
        #[expect(clippy::disallowed_methods, reason = "the length of a pause is in no result")]
        let random = getrandom::u64();
        // Without randomness the full time is waited: slower, not wrong.
        thread::sleep(Duration::from_micros(random.map_or(ceiling, |random| random % ceiling)));
        None
    }
}
