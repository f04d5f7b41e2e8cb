//! Service benefits: what a member may have so often in a period, such as a gift bag a day or a brow trim a month.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Code, Label, Member};

/// A service benefit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceBenefit {
    /// Its name in interfaces.
    pub code: Code,
    /// What people call it.
    pub title: Label,
    /// How often in a period; 0 while it is not given.
    pub quota: u32,
    /// The period.
    pub period: Period,
    /// For members of one of these levels; for all if there are none.
    pub tiers: BTreeSet<Code>,
    /// For members who bear one of these tags; for all if there are none.
    pub tags: BTreeSet<Code>,
}

/// A period of the merchant's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Period {
    /// A day.
    Day,
    /// A week, from Monday (ISO 8601).
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
    /// All time.
    Ever,
}

impl Period {
    /// Its first day, for the period in which a day is.
    pub fn begin(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => {
                let since_monday = i32::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(jiff::Span::new().days(since_monday)).unwrap_or(day)
            }
            Self::Month => day.first_of_month(),
            Self::Year => day.first_of_year(),
            Self::Ever => Date::constant(1, 1, 1),
        }
    }
}

impl ServiceBenefit {
    /// How many benefits a merchant may have.
    pub const COUNT_MAX: usize = 100;

    /// Whether it is for a member, at an instant.
    pub fn is_for(&self, member: &Member, now: jiff::Timestamp) -> bool {
        let of_tier = self.tiers.is_empty() || member.tier_at(now).is_some_and(|tier| self.tiers.contains(&tier.code));
        let of_tag = self.tags.is_empty() || member.tags_at(now).any(|tag| self.tags.contains(tag));
        of_tier && of_tag
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn periods_begin_where_calendars_say() {
        let day = date(2026, 3, 18);
        for (period, begin) in [
            (Period::Day, day),
            (Period::Week, date(2026, 3, 16)),
            (Period::Month, date(2026, 3, 1)),
            (Period::Year, date(2026, 1, 1)),
            (Period::Ever, date(1, 1, 1)),
        ] {
            assert_eq!(period.begin(day), begin, "{period:?}");
        }
        assert_eq!(Period::Week.begin(date(2027, 1, 3)), date(2026, 12, 28), "a Sunday");
    }
}
