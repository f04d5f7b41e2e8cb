//! Calls of packs after the fact: events that they follow, timers that are due.
//!
//! A call moves the pack's place in the transaction of its effects, so that each event is handled once, whatever crashes.
//! Events go in lanes by their member (or order): those of one member in order, lanes beside each other. A call that fails
//! is tried again, later and later, and what comes after it for the same member waits; after the last time it is parked for
//! people to look at. A lane in which nothing goes well any more rests, and then tries one call at a time. When the merchant's
//! packs have used up a quota, all that is due waits as it is until there is more.

mod fire_timers;
mod follow_events;
mod follow_from;
mod late_orders;
mod parked;
mod records;

pub use fire_timers::fire_timers;
pub use follow_events::follow_events;
pub(super) use follow_from::start_following;
pub use follow_from::{FollowFrom, FollowFromError};
pub(super) use late_orders::{refund_later, settle_later};
pub use parked::{ParkedError, Retried, drop_parked, list_parked, retry_parked};
pub use records::{Failure, LaneProgress, Parked, ParkedCall, WaitingEvent};

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::pack_life::Stage;
use super::pack_quota::Spent;
use super::{Act, Active, Programme};
use crate::domain::{Code, Event, Merchant, MerchantId, StoreId};
use crate::pack::{CallError, LoadedPack, Scene, Verdict, next_timer};
use crate::store::{StoreError, Tx, layout};

/// In how many lanes the events of a pack are handled, beside each other.
pub const LANES: u8 = 4;
/// Where the timers of a pack have their progress: beside the lanes.
const TIMERS: u8 = LANES;
/// How many calls one round makes, at most.
const CALLS_MAX: usize = 32;
/// After so much fuel, about 50 ms of work, a round ends: long transactions come between others.
const FUEL_MAX: u64 = 50_000_000;
/// After so many bytes are written a round ends: a transaction has room for one more call then.
const BYTES_MAX: usize = 4 << 20;
/// How long after each failure a call is tried again; after the last one it is parked.
const TRIES_AFTER: [SignedDuration; 6] = [
    SignedDuration::from_secs(10),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(6),
];
/// After so many failures without a success between them a lane rests.
const REST_AFTER: u32 = 10;
/// How long it rests at first; twice as long each time, up to the longest.
const REST_FIRST: SignedDuration = SignedDuration::from_mins(1);
const REST_MAX: SignedDuration = SignedDuration::from_hours(1);

/// What a round of calls came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Calls that went well.
    pub done: usize,
    /// Calls that did not, and are tried again.
    pub failed: usize,
    /// Calls that did not, for the last time.
    pub parked: usize,
    /// Whether there is more to do at once.
    pub is_unfinished: bool,
    /// When there is something to do again.
    pub due_at: Option<Timestamp>,
    /// How many events of the log were not looked at.
    pub lag: u64,
}

impl Round {
    /// Whether nothing was done and nothing is to be done at once.
    pub fn is_idle(&self) -> bool {
        self.done + self.failed + self.parked == 0 && !self.is_unfinished
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            done: self.done + other.done,
            failed: self.failed + other.failed,
            parked: self.parked + other.parked,
            is_unfinished: self.is_unfinished || other.is_unfinished,
            due_at: [self.due_at, other.due_at].into_iter().flatten().min(),
            lag: self.lag.max(other.lag),
        }
    }
}

/// A pack that is called, and what has come of it in this round.
struct Calling {
    active: Active,
    pack: Arc<LoadedPack>,
    merchant: Merchant,
    zone: TimeZone,
    lane: u8,
    progress: LaneProgress,
    /// Progress as it was when the round began; `None` when there was none.
    before: Option<LaneProgress>,
    round: Round,
    calls_left: usize,
    fuel: u64,
    /// What the round has written so far, in bytes.
    bytes: usize,
    /// What the packs of the merchant have used up: until there is more, what is due waits as it is.
    spent: Option<Spent>,
}

impl Calling {
    /// The pack, if it is enabled and has what is asked for; whether its lane rests is for the caller to look at.
    fn find(
        tx: &mut Tx,
        act: &Act<'_>,
        pack: &Code,
        lane: u8,
        serves: impl FnOnce(&Active, &LoadedPack) -> bool,
    ) -> Result<Option<Self>, StoreError> {
        let active = act.programme.find(tx, act.merchant, pack)?;
        let active = active.filter(|active| !active.stores.is_empty() && active.stage == Stage::InForce);
        let Some((active, pack)) = active.and_then(|active| {
            let pack = active.loaded.as_ref().ok().filter(|pack| serves(&active, pack)).map(Arc::clone);
            pack.map(|pack| (active, pack))
        }) else {
            return Ok(None);
        };
        let before = tx.load::<LaneProgress>(&layout::pack_progress(act.merchant, &active.code, lane))?;
        let progress = before.clone().unwrap_or_default();
        let merchant = act.merchant(tx)?;
        let zone = merchant.time_zone.zone();
        let calls_left = if progress.failures < REST_AFTER { CALLS_MAX } else { 1 };
        let (round, spent) = (Round::default(), act.spent(tx, &active.code)?);
        let (fuel, bytes) = (0, 0);
        Ok(Some(Self { active, pack, merchant, zone, lane, progress, before, round, calls_left, fuel, bytes, spent }))
    }

    /// Until when the lane rests, if it does: of itself, or as the merchant's packs have used up a quota.
    fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.progress.rest_until.filter(|until| *until > now).max(self.spent.map(|spent| spent.until))
    }

    /// Whether the round ends here.
    fn is_over(&self) -> bool {
        let is_full = self.fuel >= FUEL_MAX || self.bytes >= BYTES_MAX;
        self.calls_left == 0 || is_full || self.spent.is_some()
    }

    fn scene(&self, act: &mut Act<'_>, store: Option<StoreId>, depth: u8) -> Scene {
        let scene = self.active.scene(act, &self.merchant, &self.zone, store, act.now);
        Scene { depth, ..scene }
    }

    /// What came of a call: counted, and told apart from what is no fault of the pack.
    fn outcome(&mut self, tx: &mut Tx, act: &Act<'_>, verdict: Verdict<()>) -> Result<Result<(), Failure>, StoreError> {
        self.bytes = tx.bytes();
        self.calls_left = self.calls_left.saturating_sub(1);
        self.spent = act.spent(tx, &self.active.code)?;
        self.fuel = self.fuel.saturating_add(verdict.fuel);
        match verdict.result {
            Ok(()) => {
                self.round.done += 1;
                self.progress.failures = 0;
                self.progress.rest_until = None;
                Ok(Ok(()))
            }
            Err(CallError::Store(error)) => Err(error),
            Err(CallError::Host(reason)) => Err(StoreError::Unavailable { reason }),
            Err(error) => {
                self.progress.failures = self.progress.failures.saturating_add(1);
                if let Some(times) = self.progress.failures.checked_sub(REST_AFTER) {
                    let rest = 1_i32.checked_shl(times).and_then(|factor| REST_FIRST.checked_mul(factor));
                    let rest = rest.filter(SignedDuration::is_positive).unwrap_or(REST_MAX).min(REST_MAX);
                    self.progress.rest_until = act.now.checked_add(rest).ok();
                    self.calls_left = 0;
                }
                Ok(Err(Failure { code: error.code().to_owned(), message: error.to_string() }))
            }
        }
    }

    /// When a call is tried again that has failed so often; `None` when it is not.
    fn again_at(&mut self, act: &Act<'_>, attempts: u8) -> Option<Timestamp> {
        let after = TRIES_AFTER.get(usize::from(attempts).saturating_sub(1))?;
        self.round.failed += 1;
        Some(act.now.checked_add(*after).unwrap_or(Timestamp::MAX))
    }

    /// Puts a call aside for people to look at; `depth` is how many handlings of events have led to it.
    fn park(
        &mut self,
        tx: &mut Tx,
        act: &mut Act<'_>,
        call: Parked,
        depth: u8,
        attempts: u8,
        failure: Failure,
    ) -> Result<(), StoreError> {
        self.round.parked += 1;
        let (id, pack) = (act.ids.call(), self.active.code.clone());
        let told = Event::CallParked { pack: pack.clone(), call: id, code: failure.code.clone(), at: act.now };
        let parked = ParkedCall { id, call, attempts, failure, parked_at: act.now };
        tx.save(&layout::parked_call(act.merchant, &pack, id), &parked)?;
        act.tell_after(tx, &told, depth.saturating_add(1))
    }

    /// Keeps how far it has come.
    fn close(mut self, tx: &mut Tx, now: Timestamp, due_at: Option<Timestamp>) -> Result<Round, StoreError> {
        if self.before.as_ref() != Some(&self.progress) {
            tx.save(&layout::pack_progress(self.merchant.id, &self.active.code, self.lane), &self.progress)?;
        }
        let rests_until = self.rests_until(now);
        self.round.due_at = rests_until.or(due_at);
        self.round.is_unfinished = rests_until.is_none() && (self.round.is_unfinished || self.is_over());
        Ok(self.round)
    }
}

/// The packs of a merchant that may have something to do after the fact.
///
/// # Errors
/// The store's failures.
pub fn called_packs(tx: &mut Tx, programme: &Programme, merchant: MerchantId) -> Result<Vec<Code>, StoreError> {
    let active = programme.active(tx, merchant)?;
    let mut called = Vec::new();
    for active in active.iter() {
        let is_asleep = active.stores.is_empty() || active.loaded.is_err();
        let listens = active.loaded.as_ref().is_ok_and(|pack| pack.follows() || pack.keeps_time());
        // The others have something to do only when something is left of an order or of a change of revisions.
        let is_called =
            active.has_upkeep || !is_asleep && (listens || next_timer(tx, merchant, &active.code)?.is_some());
        if is_called {
            called.push(active.code.clone());
        }
    }
    Ok(called)
}
