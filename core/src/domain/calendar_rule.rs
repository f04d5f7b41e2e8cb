//! Rules of the calendar: every day at two, every Monday, the last day of each month, on a wall clock.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// When something happens again and again.
///
/// Each day that the rule names has it exactly once, also when clocks are changed: a time that the day does not have comes
/// as much later as the clock is put forward, of one that it has twice the first counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "every", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CalendarRule {
    /// `{"every": "day", "at": "02:00"}`
    Day {
        /// The time of the day.
        at: ClockTime,
    },
    /// `{"every": "week", "on": "monday", "at": "02:00"}`
    Week {
        /// The day of the week.
        on: DayOfWeek,
        /// The time of the day.
        at: ClockTime,
    },
    /// `{"every": "month", "on": 31, "at": "02:00"}`
    Month {
        /// The day of the month, 1 to 31; months that are shorter have it on their last day.
        on: DayOfMonth,
        /// The time of the day.
        at: ClockTime,
    },
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "their names say it")]
pub enum DayOfWeek {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A day of the month, 1 to 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct DayOfMonth(u8);

/// A time of the day, such as `02:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime(Time);

/// A time or day that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// Not a time of the day.
    #[error("`{0}` is no time of the day: expected hours and minutes, such as `02:00`")]
    Time(String),
    /// Not a day of a month.
    #[error("a month has no day {0}: expected 1 to 31")]
    Day(u8),
}

impl TryFrom<u8> for DayOfMonth {
    type Error = RuleFault;

    fn try_from(day: u8) -> Result<Self, RuleFault> {
        if (1..=31).contains(&day) { Ok(Self(day)) } else { Err(RuleFault::Day(day)) }
    }
}

impl From<DayOfMonth> for u8 {
    fn from(day: DayOfMonth) -> Self {
        day.0
    }
}

impl FromStr for ClockTime {
    type Err = RuleFault;

    fn from_str(text: &str) -> Result<Self, RuleFault> {
        let time = Time::strptime("%H:%M", text).ok().map(Self).filter(|time| time.to_string() == text);
        time.ok_or_else(|| RuleFault::Time(text.chars().take(16).collect()))
    }
}

impl TryFrom<String> for ClockTime {
    type Error = RuleFault;

    fn try_from(text: String) -> Result<Self, RuleFault> {
        text.parse()
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> Self {
        time.to_string()
    }
}

/// Within so many days each rule has a day.
const DAYS_MAX: u32 = 40;

impl CalendarRule {
    /// The first instant after `after` that the rule names, in a time zone; `None` at the end of the calendar.
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut day = zone.to_datetime(after).date().yesterday().ok()?;
        for _ in 0..DAYS_MAX {
            if self.has(day) {
                let at = day.to_datetime(self.at().0).to_zoned(zone.clone()).ok()?.timestamp();
                if at > after {
                    return Some(at);
                }
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }

    fn at(&self) -> ClockTime {
        match self {
            Self::Day { at } | Self::Week { at, .. } | Self::Month { at, .. } => *at,
        }
    }

    fn has(&self, day: Date) -> bool {
        match self {
            Self::Day { .. } => true,
            Self::Week { on, .. } => day.weekday() == on.weekday(),
            Self::Month { on, .. } => day.day() == i8::try_from(on.0).unwrap_or(31).min(day.days_in_month()),
        }
    }
}

impl DayOfWeek {
    const fn weekday(self) -> Weekday {
        match self {
            Self::Monday => Weekday::Monday,
            Self::Tuesday => Weekday::Tuesday,
            Self::Wednesday => Weekday::Wednesday,
            Self::Thursday => Weekday::Thursday,
            Self::Friday => Weekday::Friday,
            Self::Saturday => Weekday::Saturday,
            Self::Sunday => Weekday::Sunday,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn rule(json: &str) -> CalendarRule {
        serde_json::from_str(json).unwrap()
    }

    fn next(json: &str, after: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let next = rule(json).next_after(after.parse().unwrap(), &zone).unwrap();
        next.to_zoned(zone).strftime("%a %F %H:%M %z").to_string()
    }

    #[test]
    fn a_rule_names_the_next_instant_on_the_wall_clock() {
        let day = r#"{"every":"day","at":"02:00"}"#;
        assert_eq!(next(day, "2026-03-18T01:59:59+08:00", "Asia/Shanghai"), "Wed 2026-03-18 02:00 +0800");
        assert_eq!(next(day, "2026-03-18T02:00:00+08:00", "Asia/Shanghai"), "Thu 2026-03-19 02:00 +0800");
        let week = r#"{"every":"week","on":"monday","at":"23:59"}"#;
        assert_eq!(next(week, "2026-03-18T02:00:00+08:00", "Asia/Shanghai"), "Mon 2026-03-23 23:59 +0800");
        let month = r#"{"every":"month","on":31,"at":"00:00"}"#;
        assert_eq!(next(month, "2026-01-31T00:00:00+08:00", "Asia/Shanghai"), "Sat 2026-02-28 00:00 +0800");
    }

    #[test]
    fn a_day_has_its_instant_once_also_when_clocks_are_changed() {
        let zone = TimeZone::get("America/New_York").unwrap();
        for at in ["00:00", "01:30", "02:30", "03:00", "23:59"] {
            let rule = rule(&format!(r#"{{"every":"day","at":"{at}"}}"#));
            let mut days: BTreeMap<Date, u32> = BTreeMap::new();
            let mut instant: Timestamp = "2026-01-01T00:00:00-05:00".parse().unwrap();
            instant = instant.checked_sub(1.second()).unwrap();
            let end: Timestamp = "2027-01-01T00:00:00-05:00".parse().unwrap();
            loop {
                instant = rule.next_after(instant, &zone).unwrap();
                if instant >= end {
                    break;
                }
                *days.entry(zone.to_datetime(instant).date()).or_default() += 1;
            }
            assert_eq!((days.len(), days.values().all(|count| *count == 1)), (365, true), "{at}");
        }
        let half_past_two = r#"{"every":"day","at":"02:30"}"#;
        let spring = next(half_past_two, "2026-03-08T00:00:00-05:00", "America/New_York");
        assert_eq!(spring, "Sun 2026-03-08 03:30 -0400");
        let half_past_one = r#"{"every":"day","at":"01:30"}"#;
        let autumn = next(half_past_one, "2026-11-01T00:00:00-04:00", "America/New_York");
        assert_eq!(autumn, "Sun 2026-11-01 01:30 -0400");
    }

    #[test]
    fn a_time_or_day_that_there_is_not_is_refused_with_what_would_be_one() {
        for (json, expected) in [
            (r#"{"every":"day","at":"24:00"}"#, "`24:00` is no time of the day"),
            (r#"{"every":"day","at":"2:00"}"#, "`2:00` is no time of the day"),
            (r#"{"every":"month","on":0,"at":"02:00"}"#, "a month has no day 0: expected 1 to 31"),
            (r#"{"every":"month","on":32,"at":"02:00"}"#, "a month has no day 32"),
            (r#"{"every":"week","on":"someday","at":"02:00"}"#, "unknown variant `someday`"),
            (r#"{"every":"second"}"#, "unknown variant `second`"),
        ] {
            let error = serde_json::from_str::<CalendarRule>(json).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{json}: {error}");
        }
        let rule = rule(r#"{"every":"month","on":1,"at":"02:00"}"#);
        assert_eq!(serde_json::to_string(&rule).unwrap(), r#"{"every":"month","on":1,"at":"02:00"}"#);
    }
}
