//! A lane of a pack handles the events that come next in it.

use jiff::Timestamp;

use super::{CALLS_MAX, Calling, Failure, LANES, Parked, Round, WaitingEvent};
use crate::domain::{Code, LoggedEvent, MerchantId, Order, StoreId};
use crate::pack::{Grant, Happened, LoadedPack};
use crate::store::layout::{self, Subject};
use crate::store::{Direction, StoreError, Tx, decode, log_entry_key};
use crate::usecase::health::CallKind;
use crate::usecase::{Act, Active, EventData, PublicEvent};

/// How many entries of the log one round looks at.
const SCAN: usize = 256;

/// Handles what is due in a lane: first what waits for another try, then what is new in the log.
///
/// # Errors
/// The store's failures. What the pack refuses is no error: it is tried again.
pub fn follow_events(tx: &mut Tx, act: &mut Act<'_>, pack: &Code, lane: u8) -> Result<Round, StoreError> {
    act.pack = Some(pack.clone());
    let Some(mut calling) = Calling::find(tx, act, pack, lane, may_follow)? else { return Ok(Round::default()) };
    let log = layout::events(act.merchant);
    if calling.before.is_none() {
        calling.progress.cursor = tx.log_end(&log)?;
    }
    if calling.rests_until(act.now).is_none() {
        calling.try_again(tx, act)?;
        if !calling.is_over() {
            calling.go_on(tx, act)?;
        }
    }
    calling.round.lag = tx.log_end(&log)?.saturating_sub(calling.progress.cursor);
    let next = tx.scan(&layout::pack_dues(act.merchant, pack, lane), Direction::Forward, 1)?;
    let due_at = next.first().map(|(key, _)| due(key)).transpose()?.map(|(at, _, _)| at);
    calling.close(tx, act.now, due_at)
}

/// Whether a pack is told what happens.
pub(super) fn may_follow(active: &Active, pack: &LoadedPack) -> bool {
    pack.follows() && active.has_grant(&Grant::ReadEvents)
}

fn due(key: &[u8]) -> Result<(Timestamp, Subject, u64), StoreError> {
    layout::pack_due_parts(key).ok_or_else(|| StoreError::corrupt("key of a waiting event", key))
}

/// An entry of the log, as packs and others see it.
pub(super) struct Logged {
    event: PublicEvent,
    /// How many handlings of events led to it.
    depth: u8,
}

impl Logged {
    fn of(sequence: u64, LoggedEvent { event, depth }: LoggedEvent) -> Self {
        Self { event: PublicEvent::of(sequence, event), depth }
    }

    /// The entry with this number.
    pub(super) fn read(tx: &mut Tx, merchant: MerchantId, sequence: u64) -> Result<Self, StoreError> {
        let log = layout::events(merchant);
        let key = log_entry_key(&log, sequence);
        let entry = tx.log_scan(&log, sequence.saturating_sub(1), 1)?;
        let entry = entry.into_iter().find(|(number, _)| *number == sequence);
        let (_, value) = entry.ok_or_else(|| StoreError::corrupt("entry of the log (missing)", &key))?;
        Ok(Self::of(sequence, decode(&key, &value)?))
    }
}

/// An event for a pack.
pub(super) struct Told {
    happened: Happened,
    depth: u8,
    store: Option<StoreId>,
}

impl Calling {
    /// The event, if the pack wants it: it follows that kind, and what happened in a store happened in one in which it is
    /// enabled. What the last of so many steps of packs has led to is told to none.
    pub(super) fn told(&self, tx: &mut Tx, Logged { event, depth }: Logged) -> Result<Option<Told>, StoreError> {
        if depth > LoggedEvent::DEPTH_MAX {
            return Ok(None);
        }
        let (kind, data) = match &event.data {
            EventData::PackTold { pack, kind, data, .. } => (format!("{pack}:{kind}"), data.to_string()),
            data => (event.kind().to_string(), serde_json::to_string(data).unwrap_or_default()),
        };
        if !self.pack.manifest.follows.contains(&kind) {
            return Ok(None);
        }
        let store = self.store_of(tx, &event)?;
        if store.is_some_and(|store| !self.active.stores.contains(&store)) {
            return Ok(None);
        }
        let PublicEvent { sequence, at, member, order, .. } = event;
        Ok(Some(Told { happened: Happened { sequence, kind, at, member, order, data }, depth, store }))
    }

    fn store_of(&self, tx: &mut Tx, event: &PublicEvent) -> Result<Option<StoreId>, StoreError> {
        if let Some(order) = event.order {
            return Ok(tx.load::<Order>(&layout::order(self.merchant.id, order))?.map(|order| order.store));
        }
        Ok(match event.data {
            EventData::MemberEnrolled { store, .. }
            | EventData::BenefitUsed { store, .. }
            | EventData::BehaviourNoted { store, .. } => store,
            _ => None,
        })
    }

    pub(super) fn handle(
        &mut self,
        tx: &mut Tx,
        act: &mut Act<'_>,
        told: &Told,
    ) -> Result<Result<(), Failure>, StoreError> {
        let scene = self.scene(act, told.store, told.depth);
        let verdict = act.call_anyway(tx, &self.active.code, CallKind::Event, |tx| {
            self.pack.handle_event(tx, &scene, &told.happened)
        })?;
        self.outcome(tx, act, verdict)
    }

    /// Tries again what has failed before and is due.
    fn try_again(&mut self, tx: &mut Tx, act: &mut Act<'_>) -> Result<(), StoreError> {
        let (merchant, pack, lane) = (act.merchant, self.active.code.clone(), self.lane);
        let dues = layout::pack_dues_until(merchant, &pack, lane, act.now);
        for (key, _) in tx.scan(&dues, Direction::Forward, CALLS_MAX)? {
            if self.is_over() {
                self.round.is_unfinished = true;
                return Ok(());
            }
            let (_, subject, sequence) = due(&key)?;
            tx.delete(&key);
            let waiting_key = layout::pack_waiting(merchant, &pack, subject, sequence);
            let waiting = tx.load::<WaitingEvent>(&waiting_key)?;
            let waiting = waiting.ok_or_else(|| StoreError::corrupt("waiting event (missing)", &waiting_key))?;
            let event = Logged::read(tx, merchant, sequence)?;
            let depth = event.depth;
            let failure = match self.told(tx, event)? {
                Some(told) => self.handle(tx, act, &told)?.err(),
                // The revision that is enabled now does not follow this.
                None => None,
            };
            if let Some(failure) = failure {
                let attempts = waiting.attempts.saturating_add(1);
                if let Some(at) = self.again_at(act, attempts) {
                    tx.save(&waiting_key, &WaitingEvent { attempts, due_at: Some(at) })?;
                    tx.put(&layout::pack_due(merchant, &pack, lane, at, (subject, sequence)), [])?;
                    continue;
                }
                self.park(tx, act, Parked::Event(sequence), depth, attempts, failure)?;
            }
            tx.delete(&waiting_key);
            // What waits behind it comes to its turn.
            let next = tx.load_scan::<WaitingEvent>(
                &layout::pack_waiting_of(merchant, &pack, subject),
                Direction::Forward,
                1,
            )?;
            if let Some((next, waiting)) = next.into_iter().next() {
                let number = layout::pack_waiting_parts(&next);
                let (_, number) = number.ok_or_else(|| StoreError::corrupt("key of a waiting event", &next))?;
                tx.save(&next, &WaitingEvent { due_at: Some(act.now), ..waiting })?;
                tx.put(&layout::pack_due(merchant, &pack, lane, act.now, (subject, number)), [])?;
                self.round.is_unfinished = true;
            }
        }
        Ok(())
    }

    /// Handles what is new in the log.
    fn go_on(&mut self, tx: &mut Tx, act: &mut Act<'_>) -> Result<(), StoreError> {
        let (merchant, pack) = (act.merchant, self.active.code.clone());
        let log = layout::events(merchant);
        let entries = tx.log_scan(&log, self.progress.cursor, SCAN)?;
        self.round.is_unfinished |= entries.len() == SCAN;
        for (sequence, value) in entries {
            if self.is_over() {
                self.round.is_unfinished = true;
                break;
            }
            let entry = Logged::of(sequence, decode(&log_entry_key(&log, sequence), &value)?);
            let subject = entry.event.subject();
            if subject.lane(LANES) == self.lane
                && let Some(told) = self.told(tx, entry)?
            {
                let queue = layout::pack_waiting_of(merchant, &pack, subject);
                let waiting_key = layout::pack_waiting(merchant, &pack, subject, sequence);
                if !tx.scan(&queue, Direction::Forward, 1)?.is_empty() {
                    tx.save(&waiting_key, &WaitingEvent { attempts: 0, due_at: None })?;
                } else if self.handle(tx, act, &told)?.is_err()
                    && let Some(at) = self.again_at(act, 1)
                {
                    tx.save(&waiting_key, &WaitingEvent { attempts: 1, due_at: Some(at) })?;
                    tx.put(&layout::pack_due(merchant, &pack, self.lane, at, (subject, sequence)), [])?;
                }
            }
            self.progress.cursor = sequence;
        }
        Ok(())
    }
}
