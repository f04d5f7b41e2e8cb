//! Taking turns at keys that many transactions change.
//!
//! Optimistic transactions that all change one key (the account of one busy member) throw most of their work away. So a
//! key at which somebody has lost is *hot* for a while: who reads it takes its turn first, keeps it until the own commit
//! is seen, and then reads what the one before has written. Turns make nothing safe, the check at the commit does that;
//! they only save work. So a turn is waited for with limited patience, and who waits crosswise goes on without.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{ArcMutexGuard, Mutex, RawMutex, RwLock};

use crate::store::key::Key;

/// How long a turn is waited for.
const PATIENCE: Duration = Duration::from_millis(100);
/// After so many turns that nobody else waited for, a key is hot no more.
const CALM_TURNS: u32 = 32;
/// With more keys than this all are forgotten: those that are still hot come back at once.
const KEYS_MAX: usize = 4096;

/// Which keys are hot. Shared by all transactions of an engine.
#[derive(Debug, Default)]
pub(super) struct Hot {
    keys: RwLock<HashMap<Key, Arc<Mutex<Calm>>>>,
    /// How many there are, so that a reader need not look when there is none.
    count: AtomicUsize,
}

/// How many turns in a row nobody else has waited for.
type Calm = u32;

/// A turn at a hot key, given up when it goes.
pub(super) struct Turn {
    pub(super) key: Key,
    guard: ArcMutexGuard<RawMutex, Calm>,
}

impl Hot {
    /// Somebody has lost at this key.
    pub(super) fn heat(&self, key: &[u8]) {
        let known = self.keys.read().contains_key(key);
        if !known {
            let mut keys = self.keys.write();
            if keys.len() >= KEYS_MAX {
                keys.clear();
            }
            keys.entry(key.to_vec()).or_default();
            self.count.store(keys.len(), Ordering::Relaxed);
        }
    }

    /// Waits for the turn at this key, if it is hot. `None` also when the patience is over.
    pub(super) fn turn(&self, key: &[u8]) -> Option<Turn> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let lock = self.keys.read().get(key).cloned()?;
        let guard = Mutex::try_lock_arc_for(&lock, PATIENCE)?;
        Some(Turn { key: key.to_vec(), guard })
    }

    /// Gives turns up, and cools keys that nobody else waits for.
    pub(super) fn give_up(&self, turns: Vec<Turn>) {
        for Turn { key, mut guard } in turns {
            // The table's, and the turn's own: nobody else has it in hand.
            let alone = Arc::strong_count(ArcMutexGuard::mutex(&guard)) <= 2;
            *guard = if alone { *guard + 1 } else { 0 };
            let cold = *guard >= CALM_TURNS;
            drop(guard);
            if cold {
                let mut keys = self.keys.write();
                keys.remove(&key);
                self.count.store(keys.len(), Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_hot_when_somebody_lost_there_until_nobody_else_comes() {
        let hot = Hot::default();
        assert!(hot.turn(b"a").is_none());
        hot.heat(b"a");
        assert!(hot.turn(b"b").is_none());
        for _ in 0..CALM_TURNS {
            let turn = hot.turn(b"a").expect("it is hot");
            hot.give_up(vec![turn]);
        }
        assert!(hot.turn(b"a").is_none());
    }

    #[test]
    fn a_turn_is_not_waited_for_longer_than_the_patience() {
        let hot = Hot::default();
        hot.heat(b"a");
        let _mine = hot.turn(b"a").expect("it is free");
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(hot.turn(b"a").is_none()));
        });
    }
}
