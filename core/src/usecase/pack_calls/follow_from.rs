//! From where on a pack follows what happens.

use std::str::FromStr;

use jiff::Timestamp;

use super::{LANES, LaneProgress};
use crate::domain::{Code, LoggedEvent};
use crate::store::layout;
use crate::store::{Direction, StoreError, Tx, decode, log_entry_key};
use crate::usecase::{Act, PublicEvent};

/// From where on a pack follows what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowFrom {
    /// What happens from now on.
    Now,
    /// All that ever happened.
    Beginning,
    /// What happened at this instant or later.
    At(Timestamp),
}

/// A text that says of no place in the log where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place to follow from: expected `now`, `beginning` or an instant such as 2026-11-22T08:15:00Z")]
pub struct FollowFromError(String);

impl FromStr for FollowFrom {
    type Err = FollowFromError;

    fn from_str(text: &str) -> Result<Self, FollowFromError> {
        match text {
            "now" => Ok(Self::Now),
            "beginning" => Ok(Self::Beginning),
            _ => text.parse().map(Self::At).map_err(|_| FollowFromError(text.chars().take(64).collect())),
        }
    }
}

/// Puts all lanes of a pack to a place in the log; what waited from before is dropped. Without a place, a pack goes on
/// where it was, and one that follows for the first time begins now. A place that is set is in the audit log.
pub(in crate::usecase) fn start_following(
    tx: &mut Tx,
    act: &mut Act<'_>,
    pack: &Code,
    from: Option<FollowFrom>,
) -> Result<(), StoreError> {
    let merchant = act.merchant;
    let before = tx.load::<LaneProgress>(&layout::pack_progress(merchant, pack, 0))?;
    let from = match (from, &before) {
        (None, None) => FollowFrom::Now,
        (None, Some(_)) => return Ok(()),
        (Some(from), _) => from,
    };
    let log = layout::events(merchant);
    let cursor = match from {
        FollowFrom::Now => tx.log_end(&log)?,
        FollowFrom::Beginning => 0,
        FollowFrom::At(at) => last_before(tx, &log, at)?,
    };
    let after = LaneProgress { cursor, ..LaneProgress::default() };
    act.record(tx, "pack-following", pack.as_str(), before.as_ref(), Some(&after))?;
    for lane in 0..LANES {
        for (due, _) in tx.scan(&layout::pack_dues(merchant, pack, lane), Direction::Forward, usize::MAX)? {
            tx.delete(&due);
        }
        tx.save(&layout::pack_progress(merchant, pack, lane), &after)?;
    }
    for (waiting, _) in tx.scan(&layout::pack_waiting_of_pack(merchant, pack), Direction::Forward, usize::MAX)? {
        tx.delete(&waiting);
    }
    Ok(())
}

/// The number of the last entry of a log that is older than an instant. Entries are in the order of their instants, but
/// for what was under way at the same time.
fn last_before(tx: &mut Tx, log: &[u8], at: Timestamp) -> Result<u64, StoreError> {
    let (mut older, mut end) = (0, tx.log_end(log)?.saturating_add(1));
    while end - older > 1 {
        let middle = older + (end - older) / 2;
        let entry = tx.log_scan(log, middle - 1, 1)?;
        let Some((sequence, value)) = entry.first() else { break };
        let event = PublicEvent::of(*sequence, decode::<LoggedEvent>(&log_entry_key(log, *sequence), value)?.event);
        if event.at < at {
            older = middle;
        } else {
            end = middle;
        }
    }
    Ok(older)
}
