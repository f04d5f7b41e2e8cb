//! What the tests of this crate share.

use crate::{CallContext, LocalTime, Weekday};

/// A call on a Thursday morning, in English.
pub(crate) fn context() -> CallContext {
    CallContext {
        merchant: "m1".to_owned(),
        store: Some("s1".to_owned()),
        now: 1_790_820_000_000,
        local: LocalTime { year: 2026, month: 10, day: 1, hour: 10, minute: 0, weekday: Weekday::Thursday },
        time_zone: "Asia/Shanghai".to_owned(),
        locale: "en".to_owned(),
        seed: 7,
    }
}
