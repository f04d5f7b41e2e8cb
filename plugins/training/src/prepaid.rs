//! How much may be prepaid at a time: the guard that the law asks for where minors are taught. Pure.

use punchcard_sdk::LocalDate;

use crate::{rejection::Rejection, settings::Settings};

/// A sale to be checked. All of it of courses that are guarded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prepayment {
    pub(crate) valid_from: LocalDate,
    pub(crate) valid_to: Option<LocalDate>,
    /// Paid minutes that are sold.
    pub(crate) minutes: u64,
    /// Paid minutes that the student has left of guarded packages.
    pub(crate) outstanding_minutes: u64,
}

/// Refuses what is valid for too long, then what is too much with what is left from before.
pub(crate) fn check(settings: &Settings, sale: Prepayment) -> Result<(), Rejection> {
    if let Some(months) = settings.prepaid_months_max {
        let ends_in_time = |last: LocalDate| {
            // The first day that is too late: three months from 1 March end with 31 May.
            let late = sale.valid_from.plus_months(months);
            late.is_none_or(|late| last.days_since_epoch() < late.days_since_epoch())
        };
        if !sale.valid_to.is_some_and(ends_in_time) {
            return Err(Rejection::PrepaidTooLong { months });
        }
    }
    if let Some(hours) = settings.prepaid_hours_max {
        let Prepayment { minutes, outstanding_minutes, .. } = sale;
        if minutes.saturating_add(outstanding_minutes) > u64::from(hours) * 60 {
            return Err(Rejection::PrepaidTooMuch { hours, outstanding_minutes });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::tests::date;

    #[test]
    fn at_most_so_many_months_or_hours_are_prepaid_at_a_time() {
        let guarded = Settings { prepaid_months_max: Some(3), prepaid_hours_max: Some(60), ..Settings::default() };
        let too_long = Err(Rejection::PrepaidTooLong { months: 3 });
        let too_much = |outstanding_minutes| Err(Rejection::PrepaidTooMuch { hours: 60, outstanding_minutes });
        for (valid_to, minutes, outstanding_minutes, expected) in [
            (Some("2026-05-31"), 3_600, 0, Ok(())),
            (Some("2026-06-01"), 3_600, 0, too_long.clone()),
            (None, 60, 0, too_long),
            (Some("2026-05-31"), 3_601, 0, too_much(0)),
            (Some("2026-05-31"), 3_540, 60, Ok(())),
            (Some("2026-05-31"), 3_541, 60, too_much(60)),
        ] {
            let valid_to = valid_to.map(date);
            let sale = Prepayment { valid_from: date("2026-03-01"), valid_to, minutes, outstanding_minutes };
            assert_eq!(check(&guarded, sale), expected, "{sale:?}");
            assert_eq!(check(&Settings::default(), sale), Ok(()), "nothing is guarded unless it is set");
        }
    }
}
