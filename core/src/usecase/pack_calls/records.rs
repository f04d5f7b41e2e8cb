//! What is kept of calls that are to be made, to be tried again, or parked.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::CallId;
use crate::pack::{Timer, Timer1};
use crate::store::{records, whole};

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

/// Before timers had a depth.
#[derive(Deserialize)]
struct ParkedCall1 {
    id: CallId,
    call: Parked1,
    attempts: u8,
    failure: Failure,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    parked_at: Timestamp,
}

#[derive(Deserialize)]
enum Parked1 {
    Event(u64),
    Timer(Timer1),
}

fn older(version: u8, body: &[u8]) -> Option<ParkedCall> {
    let ParkedCall1 { id, call, attempts, failure, parked_at } = (version == 1).then(|| whole(body))??;
    let call = match call {
        Parked1::Event(sequence) => Parked::Event(sequence),
        Parked1::Timer(timer) => Parked::Timer(timer.into()),
    };
    Some(ParkedCall { id, call, attempts, failure, parked_at })
}

records! {
    LaneProgress, 1, "progress of a pack's lane";
    WaitingEvent, 1, "event that waits at a pack";
    ParkedCall, 2, "parked call", older;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Label;
    use crate::pack::TimerKind;
    use crate::store::{decode, encode};

    #[test]
    fn a_parked_call_of_a_host_that_knew_no_depth_is_read() {
        let at = Timestamp::from_second(90).unwrap();
        let parked = |depth: u8| {
            let (kind, name) = (TimerKind::Own, Label::new("t").unwrap());
            let (payload, rule) = (String::new(), String::new());
            let timer = Timer { kind, name, due: at, at, payload, store: None, attempts: 7, rule, depth };
            let failure = Failure { code: "trapped".to_owned(), message: "it broke off".to_owned() };
            let id = CallId::from_bytes([7; 16]);
            ParkedCall { id, call: Parked::Timer(timer), attempts: 7, failure, parked_at: at }
        };
        let mut bytes = encode(&parked(5));
        let depth = encode(&parked(6)).iter().zip(&bytes).position(|(one, other)| one != other);
        bytes.remove(depth.unwrap());
        bytes[0] = 1;
        assert_eq!(decode::<ParkedCall>(b"k", &bytes).unwrap(), parked(0));
    }
}
