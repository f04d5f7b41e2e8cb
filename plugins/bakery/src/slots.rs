//! Whether a slot can still be ordered, and what is left of it. Pure.

use punchcard_sdk::{Clock, Language, LocalDate, LocalTime, minutes_between};
use serde::Serialize;

use crate::{
    rejection::Rejection,
    settings::{Settings, Slot},
};

/// A minute on the store's wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) date: LocalDate,
    pub(crate) clock: Clock,
}

impl From<&LocalTime> for Moment {
    fn from(local: &LocalTime) -> Self {
        Self { date: local.date(), clock: local.clock() }
    }
}

impl Moment {
    /// Whether there are at least so many hours from here to `later`.
    pub(crate) fn is_hours_before(self, hours: u32, later: Self) -> bool {
        minutes_between((self.date, self.clock), (later.date, later.clock)) >= i64::from(hours) * 60
    }
}

/// Refuses a slot that begins too soon or lies too far ahead.
pub(crate) fn check_time(settings: &Settings, now: Moment, slot: Moment) -> Result<(), Rejection> {
    if !now.is_hours_before(settings.lead_hours, slot) {
        return Err(Rejection::TooLate { lead_hours: settings.lead_hours });
    }
    let days_ahead = slot.date.days_since_epoch() - now.date.days_since_epoch();
    if i64::from(days_ahead) > i64::from(settings.horizon_days) {
        return Err(Rejection::TooEarly { horizon_days: settings.horizon_days });
    }
    Ok(())
}

/// Refuses more than what is left of a slot. `taken` may be above a capacity that was lowered later.
pub(crate) fn check_capacity(slot: &Slot, taken: u64, needed: u64) -> Result<(), Rejection> {
    let free = u64::from(slot.capacity).saturating_sub(taken);
    if needed > free {
        return Err(Rejection::SlotFull { free, needed });
    }
    Ok(())
}

/// A slot as callers see it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SlotOffer {
    start: Clock,
    end: Clock,
    capacity: u32,
    taken: u64,
    free: u64,
    /// Whether one capacity unit could still be ordered.
    orderable: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Reason {
    code: &'static str,
    message: String,
}

impl SlotOffer {
    pub(crate) fn new(
        settings: &Settings,
        now: Moment,
        date: LocalDate,
        slot: &Slot,
        taken: u64,
        language: Language,
    ) -> Self {
        let checked =
            check_time(settings, now, Moment { date, clock: slot.start }).and_then(|()| check_capacity(slot, taken, 1));
        Self {
            start: slot.start,
            end: slot.end,
            capacity: slot.capacity,
            taken,
            free: u64::from(slot.capacity).saturating_sub(taken),
            orderable: checked.is_ok(),
            reason: checked
                .err()
                .map(|rejection| Reason { code: rejection.code(), message: rejection.message(language) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(date: &str, clock: &str) -> Moment {
        Moment { date: date.parse().expect("a day"), clock: clock.parse().expect("a time") }
    }

    fn settings() -> Settings {
        Settings { lead_hours: 24, horizon_days: 7, ..Settings::default() }
    }

    fn slot(capacity: u32) -> Slot {
        let clock = |text: &str| text.parse().expect("a time");
        Slot { weekdays: None, start: clock("10:00"), end: clock("12:00"), capacity }
    }

    #[test]
    fn a_slot_is_open_between_notice_and_horizon() {
        let late = Err(Rejection::TooLate { lead_hours: 24 });
        let early = Err(Rejection::TooEarly { horizon_days: 7 });
        for (date, clock, expected) in [
            ("2026-09-30", "10:00", late.clone()),
            ("2026-10-01", "10:00", late.clone()),
            ("2026-10-02", "09:59", late),
            ("2026-10-02", "10:00", Ok(())),
            ("2026-10-08", "23:59", Ok(())),
            ("2026-10-09", "00:00", early),
        ] {
            let checked = check_time(&settings(), moment("2026-10-01", "10:00"), moment(date, clock));
            assert_eq!(checked, expected, "{date} {clock}");
        }
    }

    #[test]
    fn a_slot_takes_no_more_than_its_capacity() {
        for (capacity, taken, needed, expected) in [
            (10, 0, 10, Ok(())),
            (10, 9, 1, Ok(())),
            (10, 10, 1, Err(Rejection::SlotFull { free: 0, needed: 1 })),
            (10, 8, 3, Err(Rejection::SlotFull { free: 2, needed: 3 })),
            (5, 8, 1, Err(Rejection::SlotFull { free: 0, needed: 1 })),
            (0, 0, 1, Err(Rejection::SlotFull { free: 0, needed: 1 })),
        ] {
            assert_eq!(
                check_capacity(&slot(capacity), taken, needed),
                expected,
                "{taken} of {capacity}, {needed} more"
            );
        }
    }

    #[test]
    fn an_offer_says_why_it_cannot_be_ordered() {
        let offer = |date: &str, taken| {
            let date = date.parse().expect("a day");
            let now = moment("2026-10-01", "10:00");
            serde_json::to_value(SlotOffer::new(&settings(), now, date, &slot(10), taken, Language::English))
                .expect("it is JSON")
        };
        assert_eq!(
            offer("2026-10-02", 4),
            serde_json::json!({"start": "10:00", "end": "12:00", "capacity": 10, "taken": 4, "free": 6, "orderable": true})
        );
        assert_eq!(offer("2026-10-02", 10)["reason"]["code"], "slot-full");
        assert_eq!(offer("2026-10-01", 10)["reason"]["code"], "too-late");
        assert_eq!(offer("2026-11-01", 0)["reason"]["code"], "too-early");
    }
}
