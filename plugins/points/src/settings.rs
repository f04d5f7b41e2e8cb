//! What a merchant can set, with defaults: one point for every 100 minor units, rounded down, that never expires.

use std::num::{NonZeroU32, NonZeroU64};

use punchcard_sdk::{Expiry, LocalDate, Weekday};
use schemars::JsonSchema;
use serde::Deserialize;

/// How members earn points.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-title" = {"en": "Points", "zh-CN": "积分"}))]
pub(crate) struct Settings {
    /// Points for every `per_amount` that a member spends.
    #[schemars(range(max = 1_000_000), extend("x-title" = {"en": "Points", "zh-CN": "积分数"}))]
    pub(crate) points: u32,
    /// The amount that earns `points`, in minor units (cents, fen).
    #[schemars(extend("x-title" = {"en": "for every amount of", "zh-CN": "每消费金额（分）"}))]
    pub(crate) per_amount: NonZeroU64,
    /// What becomes of a fraction of a point.
    #[schemars(extend("x-title" = {"en": "Rounding", "zh-CN": "取整方式"}))]
    pub(crate) rounding: Rounding,
    /// Orders with a lower total, in minor units, earn nothing.
    #[schemars(extend("x-title" = {"en": "Minimum order amount", "zh-CN": "最低消费金额（分）"}))]
    pub(crate) minimum_order_amount: u64,
    /// Lines of these categories earn nothing.
    #[schemars(length(max = 100), inner(length(max = 64)), extend("x-title" = {"en": "Excluded categories", "zh-CN": "不积分的品类"}))]
    pub(crate) excluded_categories: Vec<String>,
    /// More, or fewer, points on some days of the week.
    #[schemars(length(max = 7), extend("x-title" = {"en": "Weekday multipliers", "zh-CN": "星期倍数"}))]
    pub(crate) weekday_multipliers: Vec<WeekdayMultiplier>,
    /// More, or fewer, points for members with some tags.
    #[schemars(length(max = 20), extend("x-title" = {"en": "Tag multipliers", "zh-CN": "标签倍数"}))]
    pub(crate) tag_multipliers: Vec<TagMultiplier>,
    /// What happens when several multipliers apply to one order.
    #[schemars(extend("x-title" = {"en": "Several multipliers", "zh-CN": "多个倍数同时满足时"}))]
    pub(crate) combine: Combine,
    /// How long points can be spent.
    #[schemars(extend("x-title" = {"en": "Expiry", "zh-CN": "有效期"}))]
    pub(crate) expiry: Lifetime,
}

impl Default for Settings {
    fn default() -> Self {
        const HUNDRED: NonZeroU64 = NonZeroU64::new(100).expect("100 is not zero");
        Self {
            points: 1,
            per_amount: HUNDRED,
            rounding: Rounding::Down,
            minimum_order_amount: 0,
            excluded_categories: Vec::new(),
            weekday_multipliers: Vec::new(),
            tag_multipliers: Vec::new(),
            combine: Combine::Highest,
            expiry: Lifetime::Never,
        }
    }
}

/// What becomes of a fraction of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rounding {
    /// It is dropped.
    Down,
    /// Half a point and more counts as one.
    Nearest,
    /// It counts as one.
    Up,
}

/// What happens when several multipliers apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Combine {
    /// The highest one counts alone.
    Highest,
    /// All count, one after the other.
    Multiply,
}

/// A multiplier for a day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeekdayMultiplier {
    pub(crate) weekday: Weekday,
    /// 200 doubles.
    #[schemars(range(max = 10_000))]
    pub(crate) percent: u16,
}

/// A multiplier for members with a tag.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagMultiplier {
    #[schemars(length(min = 1, max = 64))]
    pub(crate) tag: String,
    /// 200 doubles.
    #[schemars(range(max = 10_000))]
    pub(crate) percent: u16,
}

/// How long points can be spent: through the end of the last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Lifetime {
    /// For ever.
    Never,
    /// So many days after the day on which they were earned.
    Days(#[schemars(range(max = 36_500))] NonZeroU32),
    /// So many months after the day on which they were earned; a shorter month ends on its last day.
    Months(#[schemars(range(max = 1_200))] NonZeroU32),
}

impl Lifetime {
    /// Until when points that are earned on a day can be spent, unless that lies beyond the calendar.
    pub(crate) fn from(self, earned_on: LocalDate) -> Option<Expiry> {
        match self {
            Self::Never => Some(Expiry::Never),
            Self::Days(days) => earned_on.plus_days(days.get()).map(Expiry::EndOfDay),
            Self::Months(months) => earned_on.plus_months(months.get()).map(Expiry::EndOfDay),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parse(json: &str) -> Result<Settings, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_has_a_default() {
        assert_eq!(parse("{}"), Ok(Settings::default()));
    }

    #[test]
    fn all_settings_are_read() {
        let settings = parse(
            r#"{"points":2,"per_amount":1000,"rounding":"nearest","minimum_order_amount":500,
                "excluded_categories":["gift-cards"],"weekday_multipliers":[{"weekday":"wednesday","percent":200}],
                "tag_multipliers":[{"tag":"vip","percent":150}],"combine":"multiply","expiry":{"months":12}}"#,
        )
        .expect("they are settings");
        assert_eq!(settings.weekday_multipliers, [WeekdayMultiplier { weekday: Weekday::Wednesday, percent: 200 }]);
        assert_eq!(settings.expiry, Lifetime::Months(NonZeroU32::new(12).expect("12 is not zero")));
        assert_eq!(settings.combine, Combine::Multiply);
    }

    #[test]
    fn what_cannot_be_is_not_read() {
        for json in [
            r#"{"point":1}"#,
            r#"{"points":-1}"#,
            r#"{"points":1.5}"#,
            r#"{"per_amount":0}"#,
            r#"{"rounding":"sideways"}"#,
            r#"{"expiry":{"days":0}}"#,
            r#"{"expiry":{"weeks":1}}"#,
            r#"{"weekday_multipliers":[{"weekday":"someday","percent":200}]}"#,
        ] {
            assert!(parse(json).is_err(), "{json}");
        }
    }

    #[test]
    fn points_last_through_the_end_of_a_day() {
        let day = |text: &str| text.parse::<LocalDate>().expect("a day");
        let months = |months| Lifetime::Months(NonZeroU32::new(months).expect("not zero"));
        let days = |days| Lifetime::Days(NonZeroU32::new(days).expect("not zero"));
        for (lifetime, earned_on, last) in [
            (days(1), "2026-12-31", "2027-01-01"),
            (days(365), "2027-03-01", "2028-02-29"),
            (months(1), "2026-01-31", "2026-02-28"),
            (months(12), "2028-02-29", "2029-02-28"),
        ] {
            assert_eq!(lifetime.from(day(earned_on)), Some(Expiry::EndOfDay(day(last))), "{lifetime:?} {earned_on}");
        }
        assert_eq!(Lifetime::Never.from(day("2026-01-31")), Some(Expiry::Never));
        assert_eq!(days(u32::MAX).from(day("2026-01-31")), None);
    }
}
