//! What is kept of calls that are to be made, to be tried again, or parked.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::CallId;
use crate::pack::Timer;
use crate::store::records;

/// How far a lane of a pack has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneProgress {
    /// The last entry of the merchant's log that it has looked at.
    pub cursor: u64,
    /// How many calls have failed since the last that went well.
    pub failures: u32,
    /// Until when it rests.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub rest_until: Option<Timestamp>,
}

/// An event that waits at a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingEvent {
    /// How often it was tried: never, when it waits behind another one of its subject.
    pub attempts: u8,
    /// When it is tried again, when it is the first of its subject.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub due_at: Option<Timestamp>,
}

/// Why a call did not do its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable name.
    pub code: String,
    /// For people.
    pub message: String,
}

/// A call that waits for somebody to look at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedCall {
    /// Its name.
    pub id: CallId,
    /// Which call.
    pub call: Parked,
    /// How often it was tried.
    pub attempts: u8,
    /// What came of the last time.
    pub failure: Failure,
    /// Since when it waits.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub parked_at: Timestamp,
}

/// Which call was parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Parked {
    /// That of the event with this number in the merchant's log.
    Event(u64),
    /// That of this timer.
    Timer(Timer),
}

records! {
    LaneProgress, 1, "progress of a pack's lane";
    WaitingEvent, 1, "event that waits at a pack";
    ParkedCall, 1, "parked call";
}
