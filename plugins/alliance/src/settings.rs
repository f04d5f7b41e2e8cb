//! What a merchant can set.

use punchcard_sdk::prelude::*;

/// The settings of the pack at one merchant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// For how many minutes a code is good, and its points are held.
    #[schemars(range(min = 1, max = 1440), extend("x-title" = {"en": "A code is good for (minutes)", "zh-CN": "兑换码有效期（分钟）"}))]
    pub(crate) code_minutes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { code_minutes: 10 }
    }
}
