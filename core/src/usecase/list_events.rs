//! Somebody follows what happens at a merchant: a part of its log, from a place on.

use std::collections::BTreeSet;

use super::public_event::{EventKind, PublicEvent};
use crate::domain::{LoggedEvent, MemberId, MerchantId};
use crate::store::{StoreError, Tx, decode, layout, log_entry_key};

/// How many entries of the log one question goes through, at most. A filter that lets few of them through gets a page
/// with fewer events, and goes on behind it.
const WINDOW: usize = 2000;

/// Which events are wanted.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of these kinds; all if there are none.
    pub kinds: BTreeSet<EventKind>,
    /// Of this member.
    pub member: Option<MemberId>,
}

impl EventFilter {
    fn wants(&self, event: &PublicEvent) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.kind()))
            && self.member.is_none_or(|member| event.member == Some(member))
    }

    fn wants_all(&self) -> bool {
        self.kinds.is_empty() && self.member.is_none()
    }
}

/// From where on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStart {
    /// Behind the event with this number; 0 for all.
    After(u64),
    /// Behind the newest event.
    End,
}

/// A part of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// What is wanted of it, in order.
    pub events: Vec<PublicEvent>,
    /// The number of the last event that was looked at.
    pub next: u64,
    /// Whether that was the newest one.
    pub is_end: bool,
}

/// Why no events are told.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The place is behind the end of the log: it is another host's, or from before the host was brought back from a
    /// backup.
    #[error("there is no event that this cursor stands behind; begin anew, without a cursor or with `end`")]
    UnknownPlace,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Up to `limit` events from a place on. Goes through 2000 entries of the log at most.
///
/// # Errors
/// See [`EventsError`].
pub fn list_events(
    tx: &mut Tx,
    merchant: MerchantId,
    start: EventStart,
    filter: &EventFilter,
    limit: usize,
) -> Result<EventPage, EventsError> {
    let log = layout::events(merchant);
    let after = match start {
        EventStart::After(after) => after,
        EventStart::End => {
            let next = tx.log_head(&log)?.sequence;
            return Ok(EventPage { events: Vec::new(), next, is_end: true });
        }
    };
    if after > 0 && tx.get(&log_entry_key(&log, after))?.is_none() {
        return Err(EventsError::UnknownPlace);
    }
    let window = if filter.wants_all() { limit.min(WINDOW) } else { WINDOW };
    let entries = tx.log_scan(&log, after, window)?;
    let mut page = EventPage { events: Vec::new(), next: after, is_end: entries.len() < window };
    for (sequence, value) in entries {
        if page.events.len() == limit {
            page.is_end = false;
            break;
        }
        let event = PublicEvent::of(sequence, decode::<LoggedEvent>(&log_entry_key(&log, sequence), &value)?.event);
        page.next = sequence;
        if filter.wants(&event) {
            page.events.push(event);
        }
    }
    Ok(page)
}
