//! What became of the money of packages, month by month. Pure.
//!
//! A movement counts for the month in which it is booked, so that a month that is over never changes; what is taken back
//! later counts against the month in which that is done.

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::AddAssign, str::FromStr};

use punchcard_sdk::LocalDate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::worth::Worth;

/// A month of the calendar, `YYYY-MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Month {
    year: i16,
    month: u8,
}

/// A text that is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAMonth;

impl Month {
    pub(crate) fn year(self) -> i16 {
        self.year
    }

    /// The first month of its year.
    pub(crate) fn first_of_year(self) -> Self {
        Self { month: 1, ..self }
    }

    /// From here to `last`, both included; `None` when that are more than `max` or none.
    pub(crate) fn to(self, last: Self, max: u32) -> Option<Vec<Self>> {
        let number = |month: Self| i32::from(month.year) * 12 + i32::from(month.month) - 1;
        let count = u32::try_from(number(last) - number(self)).ok()? + 1;
        let nth = |number: i32| {
            let (year, month) = (number.div_euclid(12), number.rem_euclid(12) + 1);
            Some(Self { year: year.try_into().ok()?, month: month.try_into().ok()? })
        };
        (count <= max).then(|| (number(self)..=number(last)).filter_map(nth).collect())
    }
}

impl From<LocalDate> for Month {
    fn from(date: LocalDate) -> Self {
        Self { year: date.year, month: date.month }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = NotAMonth;

    fn from_str(text: &str) -> Result<Self, NotAMonth> {
        format!("{text}-01").parse::<LocalDate>().map(Self::from).map_err(|_| NotAMonth)
    }
}

impl TryFrom<String> for Month {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        text.parse().map_err(|_| "expected a month as YYYY-MM")
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

impl JsonSchema for Month {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Month".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$", "examples": ["2026-03"] })
    }
}

/// Minutes and money that moved; negative when more was taken back than moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flow {
    pub(crate) minutes: i64,
    pub(crate) minor: i64,
}

impl Flow {
    /// What moved.
    pub(crate) fn of(worth: Worth) -> Self {
        // A package has less than a hundredth of what fits: its input says so.
        let signed = |amount| i64::try_from(amount).unwrap_or(i64::MAX);
        Self { minutes: signed(worth.minutes), minor: signed(worth.minor) }
    }

    /// What moved, taken back.
    pub(crate) fn back(worth: Worth) -> Self {
        let Self { minutes, minor } = Self::of(worth);
        Self { minutes: -minutes, minor: -minor }
    }
}

impl AddAssign for Flow {
    fn add_assign(&mut self, more: Self) {
        self.minutes += more.minutes;
        self.minor += more.minor;
    }
}

/// What was sold, and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flows {
    pub(crate) sold: Flow,
    /// Revenue: what was consumed.
    pub(crate) recognised: Flow,
    pub(crate) refunded: Flow,
    pub(crate) forfeited: Flow,
}

impl Flows {
    /// What is owed to students after this: sold, less what became of it.
    pub(crate) fn deferred(&self) -> Flow {
        let mut deferred = self.sold;
        for Flow { minutes, minor } in [self.recognised, self.refunded, self.forfeited] {
            deferred += Flow { minutes: -minutes, minor: -minor };
        }
        deferred
    }
}

impl AddAssign for Flows {
    fn add_assign(&mut self, more: Self) {
        self.sold += more.sold;
        self.recognised += more.recognised;
        self.refunded += more.refunded;
        self.forfeited += more.forfeited;
    }
}

/// A month as callers see it.
#[derive(Debug, Serialize)]
pub(crate) struct MonthFigures {
    month: Month,
    #[serde(flatten)]
    flows: Flows,
    /// What is owed to students at its end: the contract liability.
    deferred: Flow,
    stores: Vec<StoreFigures>,
}

/// What moved in a store: where it was sold, taught, refunded; what is forfeited, where it was sold.
#[derive(Debug, Serialize)]
struct StoreFigures {
    store: String,
    #[serde(flatten)]
    flows: Flows,
}

/// Months one after the other. `before` is all that moved before the first one, `moved` is by month and store.
pub(crate) fn tell(
    months: &[Month],
    before: Flows,
    moved: &BTreeMap<Month, BTreeMap<String, Flows>>,
) -> Vec<MonthFigures> {
    let mut so_far = before;
    let tell = |month: &Month| {
        let by_store = moved.get(month);
        let mut flows = Flows::default();
        by_store.into_iter().flat_map(BTreeMap::values).for_each(|store| flows += *store);
        so_far += flows;
        let stores = by_store.into_iter().flatten();
        let stores = stores.map(|(store, flows)| StoreFigures { store: store.clone(), flows: *flows }).collect();
        MonthFigures { month: *month, flows, deferred: so_far.deferred(), stores }
    };
    months.iter().map(tell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        text.parse().expect("a month")
    }

    #[test]
    fn months_are_counted_over_the_year() {
        let months = month("2026-11").to(month("2027-02"), 4).expect("these are four");
        let months: Vec<_> = months.iter().map(ToString::to_string).collect();
        assert_eq!(months, ["2026-11", "2026-12", "2027-01", "2027-02"]);
        assert_eq!(month("2026-11").to(month("2027-02"), 3), None);
        assert_eq!(month("2026-11").to(month("2026-10"), 3), None);
        for text in ["", "2026", "2026-13", "2026-3", "2026-03-01"] {
            assert_eq!(text.parse::<Month>(), Err(NotAMonth), "{text}");
        }
    }

    #[test]
    fn what_is_deferred_is_carried_from_month_to_month() {
        let flows = |sold, recognised, refunded, forfeited| {
            let flow = |minor| Flow { minutes: 0, minor };
            Flows {
                sold: flow(sold),
                recognised: flow(recognised),
                refunded: flow(refunded),
                forfeited: flow(forfeited),
            }
        };
        let store = |name: &str, flows| (name.to_owned(), flows);
        let moved = BTreeMap::from([
            (month("2026-03"), BTreeMap::from([store("a", flows(100, 0, 0, 0)), store("b", flows(0, 30, 10, 0))])),
            (month("2026-05"), BTreeMap::from([store("a", flows(0, -5, 0, 20))])),
        ]);
        let months = month("2026-03").to(month("2026-05"), 12).expect("these are three");
        let told = tell(&months, flows(50, 50, 0, 0), &moved);
        let deferred: Vec<_> = told.iter().map(|month| month.deferred.minor).collect();
        assert_eq!(deferred, [60, 60, 45]);
        assert_eq!(told[0].flows, flows(100, 30, 10, 0));
        assert_eq!(told[1].flows, Flows::default());
    }
}
