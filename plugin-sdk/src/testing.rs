//! Calls and orders for native tests of a pack's rules, with everything that the rule does not mention filled in.

use crate::{
    CallContext, Clock, LocalDate, LocalTime,
    order::{Buyer, Line, Order},
};

/// A call in English at the store `s1` at that wall-clock time, in a time zone without offset.
///
/// # Panics
/// If there is no such day (`YYYY-MM-DD`) or time (`HH:MM`).
pub fn context(date: &str, clock: &str) -> CallContext {
    let date: LocalDate = date.parse().expect("a day of the calendar");
    let clock: Clock = clock.parse().expect("a time of the day");
    let [hour, minute] =
        [clock.minute_of_day() / 60, clock.minute_of_day() % 60].map(|part| u8::try_from(part).unwrap_or(0));
    let minutes = i64::from(date.days_since_epoch()) * 1440 + i64::from(clock.minute_of_day());
    CallContext {
        merchant: "m1".to_owned(),
        store: Some("s1".to_owned()),
        now: u64::try_from(minutes).unwrap_or(0) * 60_000,
        local: LocalTime { year: date.year, month: date.month, day: date.day, hour, minute, weekday: date.weekday() },
        time_zone: "UTC".to_owned(),
        locale: "en".to_owned(),
        seed: 7,
    }
}

/// The order `o1` of the member `alice`, with a line for each category and amount.
pub fn order(lines: &[(&str, u64)]) -> Order {
    Order {
        id: "o1".to_owned(),
        store: "s1".to_owned(),
        buyer: Some(Buyer { id: "alice".to_owned(), tags: Vec::new() }),
        currency: "CNY".to_owned(),
        total: lines.iter().map(|(_, amount)| amount).sum(),
        lines: lines
            .iter()
            .map(|&(category, amount)| Line {
                sku: format!("{category}-1"),
                category: category.to_owned(),
                quantity: 1,
                amount,
            })
            .collect(),
    }
}
