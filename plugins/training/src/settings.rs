//! What a merchant can set: leave, absence, and how much may be prepaid.

use schemars::JsonSchema;
use serde::Deserialize;

/// How attendance counts and what may be sold.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-title" = {"en": "Courses", "zh-CN": "课程"}))]
pub(crate) struct Settings {
    /// Until so many hours before a session begins a student can take leave of it; later it is an absence.
    #[schemars(range(max = 8760), extend("x-title" = {"en": "Hours of notice for leave", "zh-CN": "请假最少提前小时数"}))]
    pub(crate) leave_hours: u32,
    /// Whether an absence without leave takes minutes as if the student had been there.
    #[schemars(extend("x-title" = {"en": "Absence takes minutes", "zh-CN": "缺勤扣课时"}))]
    pub(crate) absence_deducts: bool,
    /// The most months that a package of a guarded course may be valid.
    #[schemars(range(min = 1, max = 120), extend("x-title" = {"en": "Months prepaid at most", "zh-CN": "预收费最长月数"}))]
    pub(crate) prepaid_months_max: Option<u32>,
    /// The most hours of 60 minutes that a student may have paid for and not had, of guarded courses.
    #[schemars(range(min = 1, max = 10_000), extend("x-title" = {"en": "Hours prepaid at most", "zh-CN": "预收费最多小时数"}))]
    pub(crate) prepaid_hours_max: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { leave_hours: 2, absence_deducts: true, prepaid_months_max: None, prepaid_hours_max: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_default_and_what_is_not_known_is_not_read() {
        let parse = |json: &str| serde_json::from_str::<Settings>(json);
        assert_eq!(parse("{}").expect("they are settings"), Settings::default());
        for json in [r#"{"leave_hour":1}"#, r#"{"leave_hours":-1}"#, r#"{"prepaid_hours_max":"60"}"#] {
            assert!(parse(json).is_err(), "{json}");
        }
    }
}
