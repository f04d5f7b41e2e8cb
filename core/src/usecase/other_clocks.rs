//! What the clocks of tills and of a merchant's other systems say of when something was.

use jiff::{SignedDuration, Timestamp};

/// How far such a clock may be ahead of ours.
pub(super) const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(5);

/// The first instant at which an order may have been made: packs are told of instants by the milliseconds since then, and
/// the days between somebody's first and last order have to be few enough to be gone through.
pub(super) const SOLD_SINCE: Timestamp = Timestamp::UNIX_EPOCH;

/// Whether an instant is later than such a clock can say.
pub(super) fn is_ahead(at: Timestamp, now: Timestamp) -> bool {
    at.duration_since(now) > CLOCKS_APART
}

/// The instant as it is kept.
pub(super) fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
