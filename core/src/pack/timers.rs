//! Timers of packs: each is a record with an entry in the order of instants, so that what is not due costs nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{Code, Label, MerchantId, StoreId};
use crate::store::{Direction, StoreError, Tx, layout, records, whole};

/// A call of a pack that is to come at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// Where it comes from.
    pub kind: TimerKind,
    /// Its name.
    pub name: Label,
    /// When it is to fire.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub due: Timestamp,
    /// When it is tried next: `due`, or later when that has failed.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// For the call.
    pub payload: String,
    /// Whose wall clock and settings the call gets.
    pub store: Option<StoreId>,
    /// How often it was tried.
    pub attempts: u8,
    /// The rule of the manifest that it follows, as JSON; empty for others.
    pub rule: String,
    /// How many handlings of events have led to it: those of the call that has set it, when it is due so soon that it
    /// belongs to what that call began.
    pub depth: u8,
}

/// Before it had a depth.
#[derive(Deserialize)]
pub(crate) struct Timer1 {
    kind: TimerKind,
    name: Label,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    due: Timestamp,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    at: Timestamp,
    payload: String,
    store: Option<StoreId>,
    attempts: u8,
    rule: String,
}

impl From<Timer1> for Timer {
    fn from(timer: Timer1) -> Self {
        let Timer1 { kind, name, due, at, payload, store, attempts, rule } = timer;
        Self { kind, name, due, at, payload, store, attempts, rule, depth: 0 }
    }
}

fn older(version: u8, body: &[u8]) -> Option<Timer> {
    (version == 1).then(|| whole::<Timer1>(body))?.map(Into::into)
}

/// Where a timer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimerKind {
    /// The pack has set it.
    Own,
    /// It follows a rule of the manifest.
    Calendar,
    /// It followed one, and the call has failed: it is tried again beside those that follow.
    Retry,
    /// A part of an order that the pack could not do in time; its name is the order's id.
    Settled,
    /// What a pack could not be told of a refund; its name is the order's id.
    Refunded,
    /// What was before a change of revisions is forgotten; its payload is the number of the change.
    Forget,
}

records! {
    Timer, 2, "timer of a pack", older;
}

impl TimerKind {
    const fn letter(self) -> u8 {
        match self {
            Self::Own => b'o',
            Self::Calendar => b'c',
            Self::Retry => b'r',
            Self::Settled => b's',
            Self::Refunded => b'f',
            Self::Forget => b'g',
        }
    }
}

impl Timer {
    /// Its place among the timers of its pack: a timer that is put there replaces the one that was.
    pub fn place(&self) -> Vec<u8> {
        let due = match self.kind {
            TimerKind::Retry => self.due.as_millisecond(),
            TimerKind::Own | TimerKind::Calendar | TimerKind::Settled | TimerKind::Refunded | TimerKind::Forget => 0,
        };
        place(self.kind, due, &self.name)
    }
}

fn place(kind: TimerKind, due: i64, name: &Label) -> Vec<u8> {
    [&[kind.letter()], due.to_be_bytes().as_slice(), name.as_str().as_bytes()].concat()
}

/// The place of a timer that the pack has set, or that follows a rule.
pub(crate) fn named_place(kind: TimerKind, name: &Label) -> Vec<u8> {
    place(kind, 0, name)
}

/// Sets a timer, in place of what was there.
///
/// # Errors
/// The store's failures.
pub fn put_timer(tx: &mut Tx, merchant: MerchantId, pack: &Code, timer: &Timer) -> Result<(), StoreError> {
    let place = timer.place();
    take_timer(tx, merchant, pack, &place)?;
    count(tx, merchant, pack, 1)?;
    tx.put(&layout::pack_timer_due(merchant, pack, timer.at, &place), [])?;
    tx.save(&layout::pack_timer(merchant, pack, &place), timer)
}

/// Takes out the timer at a place, if there is one.
///
/// # Errors
/// The store's failures.
pub fn take_timer(tx: &mut Tx, merchant: MerchantId, pack: &Code, place: &[u8]) -> Result<Option<Timer>, StoreError> {
    let key = layout::pack_timer(merchant, pack, place);
    let found = tx.load::<Timer>(&key)?;
    if let Some(timer) = &found {
        count(tx, merchant, pack, -1)?;
        tx.delete(&key);
        tx.delete(&layout::pack_timer_due(merchant, pack, timer.at, place));
    }
    Ok(found)
}

/// How many timers of a pack wait: about, as what is under way at the same time does not count.
///
/// # Errors
/// The store's failures.
pub(super) fn timers_waiting(tx: &mut Tx, merchant: MerchantId, pack: &Code) -> Result<u64, StoreError> {
    count(tx, merchant, pack, 0)?;
    let count = tx.counter_about(&layout::pack_timer_count(merchant, pack))?.unwrap_or(0);
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Moves the counter of a pack's timers. A host that did not count yet has left none: it begins with those that there are.
fn count(tx: &mut Tx, merchant: MerchantId, pack: &Code, delta: i64) -> Result<(), StoreError> {
    let key = layout::pack_timer_count(merchant, pack);
    if tx.counter_about(&key)?.is_none() {
        let there = tx.scan(&layout::pack_timers(merchant, pack), Direction::Forward, usize::MAX)?.len();
        tx.put(&key, i64::try_from(there).unwrap_or(i64::MAX).to_le_bytes())?;
    }
    if delta == 0 { Ok(()) } else { tx.add(&key, delta) }
}

/// Up to `limit` timers that are due at `now`, soonest first.
///
/// # Errors
/// The store's failures.
pub fn due_timers(
    tx: &mut Tx,
    merchant: MerchantId,
    pack: &Code,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Timer>, StoreError> {
    let dues = tx.scan(&layout::pack_timer_dues_until(merchant, pack, now), Direction::Forward, limit)?;
    let timer = |(key, _): (Vec<u8>, _)| {
        let corrupt = || StoreError::corrupt("timer that is due (it is missing)", &key);
        let (_, place) = layout::pack_timer_due_parts(&key, pack).ok_or_else(corrupt)?;
        tx.load::<Timer>(&layout::pack_timer(merchant, pack, place))?.ok_or_else(corrupt)
    };
    dues.into_iter().map(timer).collect()
}

/// When the next timer of a pack is due.
///
/// # Errors
/// The store's failures.
pub fn next_timer(tx: &mut Tx, merchant: MerchantId, pack: &Code) -> Result<Option<Timestamp>, StoreError> {
    let first = tx.scan(&layout::pack_timer_dues(merchant, pack), Direction::Forward, 1)?;
    let Some((key, _)) = first.first() else { return Ok(None) };
    let (at, _) = layout::pack_timer_due_parts(key, pack).ok_or_else(|| StoreError::corrupt("key of a timer", key))?;
    Ok(Some(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{decode, encode};

    #[test]
    fn a_timer_of_a_host_that_knew_no_depth_is_read_as_one_that_began_anew() {
        let (due, name) = (Timestamp::from_second(90).unwrap(), Label::new("t").unwrap());
        let (payload, rule) = ("p".to_owned(), String::new());
        let timer =
            Timer { kind: TimerKind::Own, name, due, at: due, payload, store: None, attempts: 2, rule, depth: 3 };
        let mut bytes = encode(&timer);
        assert_eq!(decode::<Timer>(b"k", &bytes).unwrap(), timer);
        (bytes[0], _) = (1, bytes.pop());
        assert_eq!(decode::<Timer>(b"k", &bytes).unwrap(), Timer { depth: 0, ..timer });
    }
}
