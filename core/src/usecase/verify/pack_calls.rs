//! What has to hold of calls that packs wait for: what is due is there, and what is there comes to its turn.

use super::Check;
use crate::domain::MerchantId;
use crate::pack::Timer;
use crate::store::layout::{self, Subject};
use crate::store::{Direction, StoreError, decode, decode_counter};
use crate::usecase::pack_calls::{LANES, LaneProgress, ParkedCall, WaitingEvent};

impl<P: FnMut()> Check<'_, P> {
    /// Places in the log, events that wait, timers, and what was parked.
    pub(super) fn pack_calls(&mut self, id: MerchantId) -> Result<(), StoreError> {
        let head = self.store.read(|tx| tx.log_head(&layout::events(id)))?.sequence;
        let pack_of = |key: &[u8]| layout::called_pack(key).ok_or_else(|| StoreError::corrupt("key of a call", key));
        self.gather(
            &layout::pack_progresses(id),
            |_, key, bytes| Ok((pack_of(key)?, decode::<LaneProgress>(key, bytes)?)),
            |check, (pack, progress)| {
                if progress.cursor > head {
                    let cursor = progress.cursor;
                    check.findings.push(format!("`{pack}` has come to event {cursor}, and there are {head}"));
                }
            },
        )?;
        self.gather(
            &layout::pack_waiting_all(id),
            |tx, key, bytes| {
                let (pack, waiting) = (pack_of(key)?, decode::<WaitingEvent>(key, bytes)?);
                let (subject, sequence) = waiting_parts(key)?;
                let first = tx.scan(&layout::pack_waiting_of(id, &pack, subject), Direction::Forward, 1)?;
                let is_first = first.first().is_some_and(|(first, _)| first == key);
                let lane = subject.lane(LANES);
                let is_due = match waiting.due_at {
                    Some(at) => tx.get(&layout::pack_due(id, &pack, lane, at, (subject, sequence)))?.is_some(),
                    None => false,
                };
                Ok((is_first != is_due)
                    .then(|| format!("event {sequence} waits at `{pack}` and is not due in its turn")))
            },
            |check, finding| check.findings.extend(finding),
        )?;
        self.gather(
            &layout::pack_dues_all(id),
            |tx, key, _| {
                let corrupt = || StoreError::corrupt("key of a waiting event", key);
                let (pack, (at, subject, sequence)) = (pack_of(key)?, layout::pack_due_parts(key).ok_or_else(corrupt)?);
                let waiting = tx.load::<WaitingEvent>(&layout::pack_waiting(id, &pack, subject, sequence))?;
                let is_so = waiting.is_some_and(|waiting| waiting.due_at == Some(at));
                Ok((!is_so).then(|| format!("event {sequence} is due at `{pack}`, which does not wait for it")))
            },
            |check, finding| check.findings.extend(finding),
        )?;
        self.gather(
            &layout::pack_timers_all(id),
            |tx, key, bytes| {
                let (pack, timer) = (pack_of(key)?, decode::<Timer>(key, bytes)?);
                let place = timer.place();
                let is_so = layout::pack_timer(id, &pack, &place) == *key
                    && tx.get(&layout::pack_timer_due(id, &pack, timer.at, &place))?.is_some();
                Ok((!is_so).then(|| format!("the timer `{}` of `{pack}` never fires", timer.name)))
            },
            |check, finding| check.findings.extend(finding),
        )?;
        self.gather(
            &layout::pack_timer_dues_all(id),
            |tx, key, _| {
                let pack = pack_of(key)?;
                let parts = layout::pack_timer_due_parts(key, &pack);
                let (at, place) = parts.ok_or_else(|| StoreError::corrupt("key of a timer", key))?;
                let timer = tx.load::<Timer>(&layout::pack_timer(id, &pack, place))?;
                Ok((timer.is_none_or(|timer| timer.at != at))
                    .then(|| format!("`{pack}` has no timer that is due {at}")))
            },
            |check, finding| check.findings.extend(finding),
        )?;
        self.gather(
            &layout::pack_timer_counts(id),
            |tx, key, bytes| {
                let (pack, count) = (pack_of(key)?, decode_counter(key, Some(bytes))?);
                let there = tx.scan(&layout::pack_timers(id, &pack), Direction::Forward, usize::MAX)?.len();
                let is_so = usize::try_from(count).is_ok_and(|count| count == there);
                Ok((!is_so).then(|| format!("`{pack}` has {there} timers, and {count} are counted")))
            },
            |check, finding| check.findings.extend(finding),
        )?;
        self.gather(
            &layout::parked_calls_all(id),
            |_, key, bytes| {
                let (pack, parked) = (pack_of(key)?, decode::<ParkedCall>(key, bytes)?);
                let is_so = layout::parked_call(id, &pack, parked.id) == *key;
                Ok((!is_so).then(|| format!("a parked call of `{pack}` is not where its name says")))
            },
            |check, finding| check.findings.extend(finding),
        )?;
        Ok(())
    }
}

fn waiting_parts(key: &[u8]) -> Result<(Subject, u64), StoreError> {
    layout::pack_waiting_parts(key).ok_or_else(|| StoreError::corrupt("key of a waiting event", key))
}
