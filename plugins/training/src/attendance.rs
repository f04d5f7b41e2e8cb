//! Whether a student was there, and what that took. Pure.

use punchcard_sdk::{Clock, LocalDate, minutes_between};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{lot::Kind, names::Reference, rejection::Rejection, session::Session, settings::Settings, worth::Worth};

/// How a student took part in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mark {
    Present,
    Late,
    /// Told in time that they would not come.
    Leave,
    Absent,
}

impl Mark {
    /// The minutes that it takes for a session. Who comes late takes all of it.
    pub(crate) fn minutes_of(self, session: &Session, settings: &Settings) -> u64 {
        let deducts = match self {
            Self::Present | Self::Late => true,
            Self::Absent => settings.absence_deducts,
            Self::Leave => false,
        };
        if deducts { u64::from(session.minutes) } else { 0 }
    }

    /// Refuses leave after its deadline, and everything else before the day of the session.
    pub(crate) fn check_time(
        self,
        session: &Session,
        settings: &Settings,
        (today, now): (LocalDate, Clock),
    ) -> Result<(), Rejection> {
        match self {
            Self::Leave => {
                let notice = minutes_between((today, now), (session.date, session.start));
                if notice < i64::from(settings.leave_hours) * 60 {
                    return Err(Rejection::LeaveTooLate { hours: settings.leave_hours });
                }
            }
            Self::Present | Self::Late | Self::Absent => {
                if today.days_since_epoch() < session.date.days_since_epoch() {
                    return Err(Rejection::TooEarly { date: session.date });
                }
            }
        }
        Ok(())
    }

    /// As people read it in English.
    pub(crate) fn english(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Late => "late",
            Self::Leave => "leave",
            Self::Absent => "absent",
        }
    }

    /// As people read it in Chinese.
    pub(crate) fn chinese(self) -> &'static str {
        match self {
            Self::Present => "到课",
            Self::Late => "迟到",
            Self::Leave => "请假",
            Self::Absent => "缺勤",
        }
    }
}

/// Minutes that were taken from a lot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) package: String,
    pub(crate) kind: Kind,
    #[serde(flatten)]
    pub(crate) worth: Worth,
    /// What the ledger booked.
    pub(crate) posting: String,
}

/// A student's attendance of a session. There is one, whatever is corrected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attendance {
    pub(crate) student: Reference,
    /// None after it was taken back.
    pub(crate) mark: Option<Mark>,
    pub(crate) marked_at: u64,
    pub(crate) taken: Vec<Taken>,
    /// How often it was taken back.
    pub(crate) corrections: u32,
    /// Why it was taken back the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// The sum of what was taken.
pub(crate) fn sum(taken: &[Taken]) -> Worth {
    let parts = taken.iter().map(|taken| taken.worth);
    parts.fold(Worth::default(), |sum, part| sum.plus(part).expect("these are parts of packages"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::session;

    #[test]
    fn present_and_late_take_all_minutes_absence_by_the_policy_and_leave_none() {
        let session = session("2026-03-21", "10:00", 60);
        for (mark, absence_deducts, expected) in [
            (Mark::Present, false, 60),
            (Mark::Late, false, 60),
            (Mark::Absent, false, 0),
            (Mark::Absent, true, 60),
            (Mark::Leave, true, 0),
        ] {
            let settings = Settings { absence_deducts, ..Settings::default() };
            assert_eq!(mark.minutes_of(&session, &settings), expected, "{mark:?} {absence_deducts}");
        }
    }

    #[test]
    fn leave_is_taken_in_time_and_the_rest_is_marked_from_the_day_on() {
        let session = session("2026-03-21", "10:00", 60);
        let settings = Settings { leave_hours: 12, ..Settings::default() };
        let late = Err(Rejection::LeaveTooLate { hours: 12 });
        let early = Err(Rejection::TooEarly { date: session.date });
        for (mark, date, clock, expected) in [
            (Mark::Leave, "2026-03-20", "22:00", Ok(())),
            (Mark::Leave, "2026-03-20", "22:01", late.clone()),
            (Mark::Leave, "2026-03-22", "10:00", late),
            (Mark::Present, "2026-03-20", "23:59", early.clone()),
            (Mark::Absent, "2026-03-20", "23:59", early),
            (Mark::Late, "2026-03-21", "00:00", Ok(())),
            (Mark::Present, "2026-05-01", "00:00", Ok(())),
        ] {
            let now = (date.parse().expect("a day"), clock.parse().expect("a time"));
            assert_eq!(mark.check_time(&session, &settings, now), expected, "{mark:?} on {date} at {clock}");
        }
    }
}
