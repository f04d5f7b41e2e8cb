//! How far places are behind what has happened.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use metrics::gauge;
use parking_lot::Mutex;

/// How far places are behind, of those that are. Clones are the same.
#[derive(Clone)]
pub(crate) struct Lags<P> {
    behind: Arc<Mutex<HashMap<P, u64>>>,
    furthest: &'static str,
    count: &'static str,
}

impl<P: Eq + Hash> Lags<P> {
    /// Told by two gauges: how many events the one is behind that is furthest, and how many are behind.
    pub(crate) fn new(furthest: &'static str, count: &'static str) -> Self {
        Self { behind: Arc::default(), furthest, count }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating-point, and lags are far from where it matters")]
    pub(crate) fn set(&self, place: P, lag: u64) {
        let mut behind = self.behind.lock();
        if lag > 0 {
            behind.insert(place, lag);
        } else {
            behind.remove(&place);
        }
        gauge!(self.furthest).set(furthest(&behind) as f64);
        gauge!(self.count).set(behind.len() as f64);
    }
}

fn furthest<P>(behind: &HashMap<P, u64>) -> u64 {
    behind.values().max().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_behind_is_counted_until_they_are_not() {
        let lags = Lags::new("furthest", "count");
        let told = || {
            let behind = lags.behind.lock();
            (furthest(&behind), behind.len())
        };
        [(1, 3), (2, 5), (3, 0)].into_iter().for_each(|(place, lag)| lags.set(place, lag));
        assert_eq!(told(), (5, 2));
        [(2, 0), (1, 2)].into_iter().for_each(|(place, lag)| lags.set(place, lag));
        assert_eq!(told(), (2, 1));
        lags.set(1, 0);
        assert_eq!(told(), (0, 0));
    }
}
