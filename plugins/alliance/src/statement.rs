//! Statements: what happened under an agreement in a month, line by line, with totals that are kept with each line.

use punchcard_sdk::{LocalDate, prelude::*};

use crate::deal::balance;
use crate::rejection::Rejection;
use crate::storage;

/// A line of a statement, as one of the two merchants sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// When, in milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) kind: Kind,
    /// How much more the partner owes by it, in minor units; less than nothing when it is the own merchant.
    pub(crate) due_minor: i64,
    /// How many points it is about.
    pub(crate) points: u64,
    /// By what the till or the bank knows it.
    pub(crate) reference: String,
    /// The redemption that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) redemption: Option<String>,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Redeemed,
    Cancelled,
    Earned,
    Paid,
}

/// What the lines of a month come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Totals {
    pub(crate) lines: u64,
    pub(crate) due_minor: i64,
    pub(crate) redeemed_points: u64,
    pub(crate) cancelled_points: u64,
    pub(crate) earned_points: u64,
}

impl Totals {
    /// With one more line.
    pub(crate) fn and(mut self, line: &Line) -> Self {
        self.lines += 1;
        self.due_minor = self.due_minor.saturating_add(line.due_minor);
        let points = match line.kind {
            Kind::Redeemed => &mut self.redeemed_points,
            Kind::Cancelled => &mut self.cancelled_points,
            Kind::Earned => &mut self.earned_points,
            Kind::Paid => return self,
        };
        *points = points.saturating_add(line.points);
        self
    }

    /// As the partner sees the same month.
    pub(crate) fn mirrored(self) -> Self {
        Self { due_minor: self.due_minor.saturating_neg(), ..self }
    }
}

/// The day of UTC on which an instant falls.
pub(crate) fn day(at: u64) -> LocalDate {
    let days = i32::try_from(at / 86_400_000).unwrap_or(i32::MAX);
    LocalDate::from_days_since_epoch(days).unwrap_or(LocalDate { year: 9999, month: 12, day: 31 })
}

/// A month as callers write it.
pub(crate) fn read_month(ctx: &CallContext, text: &str) -> Result<String, Refusal> {
    let is_month = format!("{text}-01").parse::<LocalDate>().is_ok();
    if is_month { Ok(text.to_owned()) } else { Err(Rejection::WrongMonth.refusal(ctx)) }
}

/// The month of UTC in which an instant falls, as `2026-11`.
pub(crate) fn month(at: u64) -> String {
    day(at).to_string()[..7].to_owned()
}

/// Writes a line of the month in which the call is. It counts only if the host's books, which are those of both merchants,
/// have moved by it: a partner's word alone is not enough.
pub(crate) fn write(ctx: &CallContext, agreement: &str, line: &Line) -> Result<(), Refusal> {
    let booked = balance(&agreements::get(agreement)?);
    // A pack that was removed and has come back begins with what the books say.
    let before = kv::get_json::<i64>(&storage::balance(agreement))?.unwrap_or(booked.saturating_sub(line.due_minor));
    if before.saturating_add(line.due_minor) != booked {
        return Err(Rejection::NotBooked.refusal(ctx));
    }
    kv::put_json(&storage::balance(agreement), &booked)?;
    let month = month(ctx.now);
    let totals = totals(agreement, &month)?;
    kv::put_json(&storage::line(agreement, &month, totals.lines), line)?;
    kv::put_json(&storage::totals(agreement, &month), &totals.and(line))
}

/// What a month comes to.
pub(crate) fn totals(agreement: &str, month: &str) -> Result<Totals, Refusal> {
    Ok(kv::get_json(&storage::totals(agreement, month))?.unwrap_or_default())
}

/// Lines of a month, from a number on.
pub(crate) fn lines(agreement: &str, month: &str, from: u64, limit: u64) -> Result<Vec<Line>, Refusal> {
    let (start, end) = (storage::line(agreement, month, from), storage::line(agreement, month, from + limit));
    Ok(kv::scan_json(&start, &end)?.into_iter().map(|(_, line)| line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_utc() {
        assert_eq!(month(1_793_491_199_999), "2026-10");
        assert_eq!(month(1_793_491_200_000), "2026-11");
    }

    #[test]
    fn totals_are_the_sum_of_their_lines() {
        let line = |kind, due_minor, points| Line {
            at: 0,
            kind,
            due_minor,
            points,
            reference: String::new(),
            redemption: None,
        };
        let lines = [
            line(Kind::Redeemed, -1_200, 300),
            line(Kind::Cancelled, 1_200, 300),
            line(Kind::Earned, 40, 10),
            line(Kind::Paid, -40, 0),
        ];
        let sum = lines.iter().fold(Totals::default(), Totals::and);
        let expected =
            Totals { lines: 4, due_minor: 0, redeemed_points: 300, cancelled_points: 300, earned_points: 10 };
        assert_eq!(sum, expected);
        let one = Totals::default().and(&lines[0]);
        assert_eq!(one.mirrored().due_minor, 1_200);
    }
}
