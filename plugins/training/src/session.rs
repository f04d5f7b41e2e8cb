//! Sessions of classes, and when rooms and teachers are taken. Pure.
//!
//! All times are the wall clock of the class's store. A session ends on the day on which it begins.

use std::{fmt, str::FromStr};

use punchcard_sdk::{Clock, LocalDate};
use serde::{Deserialize, Serialize};

use crate::names::{Code, Reference, Room};

/// What callers name a session by: `piano-a@2026-03-21T10:00`. A class has one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionId {
    pub(crate) class: Code,
    pub(crate) date: LocalDate,
    pub(crate) start: Clock,
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}T{}", self.class, self.date, self.start)
    }
}

/// A text that names no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotASession;

impl FromStr for SessionId {
    type Err = NotASession;

    fn from_str(text: &str) -> Result<Self, NotASession> {
        let (class, begin) = text.split_once('@').ok_or(NotASession)?;
        let (date, start) = begin.split_once('T').ok_or(NotASession)?;
        Ok(Self {
            class: class.to_owned().try_into().map_err(|_| NotASession)?,
            date: date.parse().map_err(|_| NotASession)?,
            start: start.parse().map_err(|_| NotASession)?,
        })
    }
}

/// A lesson that a class has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) class: Code,
    pub(crate) course: Code,
    pub(crate) date: LocalDate,
    pub(crate) start: Clock,
    pub(crate) minutes: u16,
    pub(crate) room: Room,
    pub(crate) teacher: Reference,
    #[serde(default)]
    pub(crate) cancelled: bool,
}

impl Session {
    pub(crate) fn id(&self) -> SessionId {
        SessionId { class: self.class.clone(), date: self.date, start: self.start }
    }

    /// When it is over; none when that is not on its day.
    pub(crate) fn end(&self) -> Option<Clock> {
        let minute = self.start.minute_of_day().checked_add(self.minutes)?;
        Clock::new(u8::try_from(minute / 60).ok()?, u8::try_from(minute % 60).ok()?)
    }
}

/// A time of a day at which a room or a teacher is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Booking {
    class: Code,
    start: Clock,
    minutes: u16,
}

/// The bookings of one room, or of one teacher, on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bookings(Vec<Booking>);

impl Bookings {
    /// Books a session.
    ///
    /// # Errors
    /// The class that has the time or a part of it already.
    pub(crate) fn book(&mut self, session: &Session) -> Result<(), Code> {
        let span = |start: Clock, minutes: u16| {
            let start = u32::from(start.minute_of_day());
            (start, start + u32::from(minutes))
        };
        let (begin, end) = span(session.start, session.minutes);
        let overlaps = |other: &&Booking| {
            let (other_begin, other_end) = span(other.start, other.minutes);
            begin < other_end && other_begin < end
        };
        if let Some(other) = self.0.iter().find(overlaps) {
            return Err(other.class.clone());
        }
        let Session { class, start, minutes, .. } = session;
        self.0.push(Booking { class: class.clone(), start: *start, minutes: *minutes });
        Ok(())
    }

    /// Frees the time of a session.
    pub(crate) fn free(&mut self, session: &Session) {
        self.0.retain(|booking| (&booking.class, booking.start) != (&session.class, session.start));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn session(date: &str, start: &str, minutes: u16) -> Session {
        Session {
            class: "piano-a".to_owned().try_into().expect("a code"),
            course: "piano".to_owned().try_into().expect("a code"),
            date: date.parse().expect("a day"),
            start: start.parse().expect("a time"),
            minutes,
            room: "301".to_owned().try_into().expect("a room"),
            teacher: "t1".to_owned().try_into().expect("a reference"),
            cancelled: false,
        }
    }

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = session("2026-03-21", "10:00", 60).id();
        assert_eq!(id.to_string(), "piano-a@2026-03-21T10:00");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "piano-a",
            "piano-a@2026-03-21",
            "Piano@2026-03-21T10:00",
            "a@2026-02-30T10:00",
            "a/b@2026-03-21T10:00",
        ] {
            assert_eq!(text.parse::<SessionId>(), Err(NotASession), "{text}");
        }
    }

    #[test]
    fn a_session_ends_on_its_day() {
        let end = |start: &str, minutes| session("2026-03-21", start, minutes).end().map(|end| end.to_string());
        assert_eq!(end("10:00", 90).as_deref(), Some("11:30"));
        assert_eq!(end("23:00", 59).as_deref(), Some("23:59"));
        assert_eq!(end("23:00", 60), None);
        assert_eq!(end("23:00", u16::MAX), None);
    }

    #[test]
    fn a_room_is_not_booked_twice_and_free_when_the_session_before_ends() {
        let mut bookings = Bookings::default();
        let on = |start, minutes| session("2026-03-21", start, minutes);
        bookings.book(&on("10:00", 60)).expect("it is free");
        for (start, minutes, is_free) in [
            ("09:00", 60, true),
            ("09:30", 31, false),
            ("10:00", 1, false),
            ("10:59", 60, false),
            ("11:00", 60, true),
            ("08:00", 300, false),
        ] {
            assert_eq!(bookings.clone().book(&on(start, minutes)).is_ok(), is_free, "{start} for {minutes}");
        }
        bookings.free(&on("10:00", 60));
        assert!(bookings.is_empty());
    }
}
