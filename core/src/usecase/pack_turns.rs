//! How many packs of a merchant run at a time: on half of the cores, so that one whose packs are busy leaves the others to the
//! others. Whoever finds all places taken waits for one, which comes free when a call is over: after its wall clock at
//! the latest.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, RwLock};

use crate::domain::MerchantId;

/// The places of all merchants.
pub(super) struct Turns {
    places: usize,
    of_merchants: RwLock<HashMap<MerchantId, Arc<Places>>>,
}

#[derive(Default)]
struct Places {
    taken: Mutex<usize>,
    is_free: Condvar,
}

/// A place: free again when it goes.
pub(super) struct Turn(Arc<Places>);

impl Turns {
    /// With so many places for each merchant.
    pub(super) fn new(places: usize) -> Self {
        Self { places, of_merchants: RwLock::default() }
    }

    /// Waits until a merchant's pack may run. Whoever has a turn takes no second one: a pack that is asked by another runs in
    /// that one's turn.
    pub(super) fn take(&self, merchant: MerchantId) -> Turn {
        let found = self.of_merchants.read().get(&merchant).map(Arc::clone);
        let places = found.unwrap_or_else(|| Arc::clone(self.of_merchants.write().entry(merchant).or_default()));
        let mut taken = places.taken.lock();
        places.is_free.wait_while(&mut taken, |taken| *taken >= self.places);
        *taken += 1;
        drop(taken);
        Turn(places)
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.taken.lock() -= 1;
        self.0.is_free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_merchant_waits_for_its_own_places_only() {
        let [ours, theirs] = [1, 2].map(|number| MerchantId::from_bytes([number; 16]));
        let turns = Turns::new(2);
        let (first, _second) = (turns.take(ours), turns.take(ours));
        drop((turns.take(theirs), turns.take(theirs)));
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let turns = &turns;
            scope.spawn(move || {
                let _third = turns.take(ours);
                tell.send(()).unwrap();
            });
            assert!(told.recv_timeout(Duration::from_millis(50)).is_err(), "both places are taken");
            drop(first);
            told.recv_timeout(Duration::from_secs(60)).expect("a place is free");
        });
    }
}
