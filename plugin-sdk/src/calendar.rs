//! Days of the calendar and times of the day, without time zones: the host puts the local wall clock into every call.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::types::{Expiry, LocalDate, LocalTime, Weekday};

/// A text is not of the form that was asked for, or names a day or time that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInCalendar {
    expected: &'static str,
}

impl fmt::Display for NotInCalendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for NotInCalendar {}

const DATE: NotInCalendar = NotInCalendar { expected: "an existing day as YYYY-MM-DD" };
const CLOCK: NotInCalendar = NotInCalendar { expected: "a time of the day as HH:MM" };

impl LocalDate {
    /// A day, if it exists.
    pub fn new(year: i16, month: u8, day: u8) -> Option<Self> {
        ((1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day)).then_some(Self {
            year,
            month,
            day,
        })
    }

    /// Days since 1970-01-01; negative before. Defined for days that exist.
    ///
    /// Counts in years that begin in March, so that the leap day is the last of its year.
    pub fn days_since_epoch(self) -> i32 {
        let (year, month, day) = (i32::from(self.year), i32::from(self.month), i32::from(self.day));
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * month + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * DAYS_PER_ERA + day_of_era - DAYS_FROM_ERA_TO_EPOCH
    }

    /// The day that is so many days after 1970-01-01, if its year fits.
    pub fn from_days_since_epoch(days: i32) -> Option<Self> {
        let days = days.checked_add(DAYS_FROM_ERA_TO_EPOCH)?;
        let (era, day_of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let year = era * 400 + year_of_era;
        let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
        Some(Self { year: year.try_into().ok()?, month: month.try_into().ok()?, day: day.try_into().ok()? })
    }

    /// So many days later, if the year still fits.
    pub fn plus_days(self, days: u32) -> Option<Self> {
        Self::from_days_since_epoch(self.days_since_epoch().checked_add(days.try_into().ok()?)?)
    }

    /// So many months later, if the year still fits: the same day of the month, or the last one of a shorter month.
    pub fn plus_months(self, months: u32) -> Option<Self> {
        let months = i32::from(self.year) * 12 + i32::from(self.month) - 1 + i32::try_from(months).ok()?;
        let year = i16::try_from(months.div_euclid(12)).ok()?;
        let month = u8::try_from(months.rem_euclid(12)).ok()? + 1;
        Some(Self { year, month, day: self.day.min(days_in_month(year, month)) })
    }

    /// The day of the week.
    pub fn weekday(self) -> Weekday {
        // 1970-01-01 was a Thursday.
        match self.days_since_epoch().rem_euclid(7) {
            0 => Weekday::Thursday,
            1 => Weekday::Friday,
            2 => Weekday::Saturday,
            3 => Weekday::Sunday,
            4 => Weekday::Monday,
            5 => Weekday::Tuesday,
            _ => Weekday::Wednesday,
        }
    }
}

const DAYS_PER_ERA: i32 = 146_097;
const DAYS_FROM_ERA_TO_EPOCH: i32 = 719_468;

fn days_in_month(year: i16, month: u8) -> u8 {
    match month {
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl LocalTime {
    /// The day of it.
    pub fn date(&self) -> LocalDate {
        LocalDate { year: self.year, month: self.month, day: self.day }
    }

    /// The time of the day.
    pub fn clock(&self) -> Clock {
        Clock { minute_of_day: u16::from(self.hour) * 60 + u16::from(self.minute) }
    }
}

/// `YYYY-MM-DD`.
impl fmt::Display for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// From `YYYY-MM-DD`, years 0000 to 9999.
impl FromStr for LocalDate {
    type Err = NotInCalendar;

    fn from_str(text: &str) -> Result<Self, NotInCalendar> {
        let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *text.as_bytes() else { return Err(DATE) };
        let (century, year) = (two_digits(y0, y1).ok_or(DATE)?, two_digits(y2, y3).ok_or(DATE)?);
        let (month, day) = (two_digits(m0, m1).ok_or(DATE)?, two_digits(d0, d1).ok_or(DATE)?);
        Self::new(i16::from(century) * 100 + i16::from(year), month, day).ok_or(DATE)
    }
}

/// A time of the day to the minute, from 00:00 to 23:59.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clock {
    minute_of_day: u16,
}

impl Clock {
    /// A time, if it exists.
    pub fn new(hour: u8, minute: u8) -> Option<Self> {
        (hour < 24 && minute < 60).then(|| Self { minute_of_day: u16::from(hour) * 60 + u16::from(minute) })
    }

    /// Minutes since midnight.
    pub fn minute_of_day(self) -> u16 {
        self.minute_of_day
    }
}

/// `HH:MM`.
impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minute_of_day / 60, self.minute_of_day % 60)
    }
}

/// From `HH:MM`.
impl FromStr for Clock {
    type Err = NotInCalendar;

    fn from_str(text: &str) -> Result<Self, NotInCalendar> {
        let [h0, h1, b':', m0, m1] = *text.as_bytes() else { return Err(CLOCK) };
        Self::new(two_digits(h0, h1).ok_or(CLOCK)?, two_digits(m0, m1).ok_or(CLOCK)?).ok_or(CLOCK)
    }
}

fn two_digits(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

/// Minutes on the wall clock from `(from, at)` to `(to, then)`; negative when it lies before. A day has 1440 minutes
/// here, also when the clocks are changed.
pub fn minutes_between(from: (LocalDate, Clock), to: (LocalDate, Clock)) -> i64 {
    let minutes =
        |(date, clock): (LocalDate, Clock)| i64::from(date.days_since_epoch()) * 1440 + i64::from(clock.minute_of_day);
    minutes(to) - minutes(from)
}

macro_rules! as_text {
    ($type:ty, $name:literal, $pattern:literal, $example:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "examples": [$example] })
            }
        }
    };
}

as_text!(LocalDate, "LocalDate", "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", "2026-10-01");
as_text!(Clock, "Clock", "^([01][0-9]|2[0-3]):[0-5][0-9]$", "09:30");

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> LocalDate {
        text.parse().expect("a date")
    }

    #[test]
    fn days_count_from_the_epoch() {
        for (day, days, weekday) in [
            ("1970-01-01", 0, Weekday::Thursday),
            ("1969-12-31", -1, Weekday::Wednesday),
            ("1970-03-01", 59, Weekday::Sunday),
            ("2000-02-29", 11_016, Weekday::Tuesday),
            ("2000-03-01", 11_017, Weekday::Wednesday),
            ("2024-12-31", 20_088, Weekday::Tuesday),
            ("2026-10-01", 20_727, Weekday::Thursday),
            ("2100-02-28", 47_540, Weekday::Sunday),
            ("2100-03-01", 47_541, Weekday::Monday),
            ("0000-03-01", -719_468, Weekday::Wednesday),
        ] {
            assert_eq!(date(day).days_since_epoch(), days, "{day}");
            assert_eq!(LocalDate::from_days_since_epoch(days), Some(date(day)), "{day}");
            assert_eq!(date(day).weekday(), weekday, "{day}");
        }
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let mut day = date("1600-01-01");
        for days in day.days_since_epoch()..date("2400-12-31").days_since_epoch() {
            let next = if let Some(next) = LocalDate::new(day.year, day.month, day.day + 1) {
                next
            } else if let Some(next) = LocalDate::new(day.year, day.month + 1, 1) {
                next
            } else {
                LocalDate::new(day.year + 1, 1, 1).expect("new year's day exists")
            };
            assert_eq!(next.days_since_epoch(), days + 1);
            assert_eq!(LocalDate::from_days_since_epoch(days + 1), Some(next));
            assert_eq!(day.plus_days(1), Some(next));
            day = next;
        }
    }

    #[test]
    fn months_end_on_their_last_day() {
        for (from, months, to) in [
            ("2026-01-31", 1, "2026-02-28"),
            ("2024-01-31", 1, "2024-02-29"),
            ("2024-02-29", 12, "2025-02-28"),
            ("2024-02-29", 48, "2028-02-29"),
            ("2026-10-31", 1, "2026-11-30"),
            ("2026-12-15", 1, "2027-01-15"),
            ("2026-11-30", 3, "2027-02-28"),
            ("2026-05-10", 0, "2026-05-10"),
        ] {
            assert_eq!(date(from).plus_months(months), Some(date(to)), "{from} and {months} months");
        }
    }

    #[test]
    fn a_day_beyond_the_calendar_is_none() {
        let last = LocalDate::new(i16::MAX, 12, 31).expect("it exists");
        assert_eq!(last.plus_days(1), None);
        assert_eq!(last.plus_months(1), None);
        assert_eq!(last.plus_days(u32::MAX), None);
        assert_eq!(last.plus_months(u32::MAX), None);
        assert_eq!(LocalDate::from_days_since_epoch(i32::MAX), None);
    }

    #[test]
    fn texts_name_existing_days_and_times() {
        for text in ["2026-02-28", "2024-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(date(text).to_string(), text);
        }
        for text in ["2026-02-29", "1900-02-29", "2026-13-01", "2026-00-01", "2026-1-01", "2026-01-32", "26-01-01", ""]
        {
            assert_eq!(text.parse::<LocalDate>(), Err(DATE), "{text}");
        }
        for text in ["00:00", "09:05", "23:59"] {
            assert_eq!(text.parse::<Clock>().expect("a time").to_string(), text);
        }
        for text in ["24:00", "9:00", "09:60", "09-00", "+9:00", ""] {
            assert_eq!(text.parse::<Clock>(), Err(CLOCK), "{text}");
        }
    }

    #[test]
    fn minutes_between_cross_midnight_and_years() {
        let at = |day: &str, clock: &str| (date(day), clock.parse::<Clock>().expect("a time"));
        for (from, to, minutes) in [
            (at("2026-10-01", "10:00"), at("2026-10-01", "10:00"), 0),
            (at("2026-10-01", "23:59"), at("2026-10-02", "00:00"), 1),
            (at("2026-12-31", "12:00"), at("2027-01-01", "12:00"), 1440),
            (at("2026-10-02", "00:00"), at("2026-10-01", "23:00"), -60),
        ] {
            assert_eq!(minutes_between(from, to), minutes);
        }
    }
}
