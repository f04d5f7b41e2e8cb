//! Which work is looked at next, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

/// Who is to be looked at when. It holds who waits for something, and nothing of what they wait for.
pub(super) struct Desk<P> {
    /// At which instant each is to be looked at.
    dues: BTreeMap<P, Timestamp>,
    /// The same, soonest first.
    order: BTreeSet<(Timestamp, P)>,
    /// Who is at work, and whether they were called meanwhile.
    at_work: BTreeMap<P, bool>,
    /// How many may be at work.
    at_work_max: usize,
}

impl<P: Clone + Ord> Desk<P> {
    pub(super) fn new(at_work_max: usize) -> Self {
        Self { dues: BTreeMap::new(), order: BTreeSet::new(), at_work: BTreeMap::new(), at_work_max }
    }

    /// Something has happened for this one.
    pub(super) fn call(&mut self, place: P, now: Timestamp) {
        match self.at_work.get_mut(&place) {
            Some(called) => *called = true,
            None => self.put(place, now),
        }
    }

    fn put(&mut self, place: P, at: Timestamp) {
        if let Some(before) = self.dues.insert(place.clone(), at) {
            self.order.remove(&(before, place.clone()));
        }
        self.order.insert((at, place));
    }

    /// Takes those out that are to be looked at now, as many as may be at work.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<P> {
        let mut due = Vec::new();
        while self.at_work.len() < self.at_work_max
            && self.order.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, place)) = self.order.pop_first()
        {
            self.dues.remove(&place);
            self.at_work.insert(place.clone(), false);
            due.push(place);
        }
        due
    }

    /// How long there is nothing to do, by the clock alone.
    pub(super) fn pause(&self, now: Timestamp) -> Option<Duration> {
        if self.at_work.len() >= self.at_work_max {
            return None;
        }
        let (next, _) = self.order.first()?;
        Some(until(*next, now))
    }

    /// Somebody has done what was due, and is to be looked at again then.
    pub(super) fn done(&mut self, place: P, again_at: Option<Timestamp>, now: Timestamp) {
        match (self.at_work.remove(&place), again_at) {
            (Some(true), _) => self.put(place, now),
            (_, Some(at)) => self.put(place, at),
            (_, None) => {}
        }
    }

    /// How many are at work.
    pub(super) fn at_work(&self) -> usize {
        self.at_work.len()
    }
}

/// How long to wait for an instant. Never quite nothing: whoever waits for what has passed waits shortly.
pub(super) fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default().max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn who_is_called_while_at_work_is_looked_at_again() {
        let mut desk = Desk::new(2);
        (1..=3).for_each(|place| desk.call(place, at(0)));
        assert_eq!((desk.due(at(0)), desk.due(at(0))), (vec![1, 2], vec![]));
        assert_eq!(desk.pause(at(0)), None, "there is no room for the one that is due");
        desk.call(1, at(1));
        desk.done(2, None, at(1));
        assert_eq!(desk.due(at(1)), [3]);
        desk.done(1, Some(at(30)), at(2));
        assert_eq!(desk.due(at(2)), [1]);
        desk.done(1, Some(at(30)), at(2));
        assert_eq!((desk.pause(at(2)), desk.due(at(29))), (Some(Duration::from_secs(28)), vec![]));
        assert_eq!((desk.due(at(30)), desk.at_work()), (vec![1], 2));
    }
}
