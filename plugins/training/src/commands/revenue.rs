//! Revenue and what is owed to students, month by month.

use punchcard_sdk::prelude::*;

use crate::{
    figures::{Month, MonthFigures, tell},
    rejection::Rejection,
    storage,
};

/// The most months that one reply tells of.
const MONTHS_MAX: u32 = 12;

/// Shows what was sold, recognised as revenue, refunded and forfeited in each month, and what is deferred at its end. Of
/// all stores, whatever the store of the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revenue {
    #[schemars(extend("x-title" = {"en": "From month", "zh-CN": "起始月"}))]
    from: Month,
    /// The same as the first when absent.
    #[serde(default)]
    #[schemars(extend("x-title" = {"en": "To month", "zh-CN": "截止月"}))]
    to: Option<Month>,
}

#[derive(Debug, Serialize)]
pub(crate) struct RevenueOfMonths {
    months: Vec<MonthFigures>,
}

impl Command for Revenue {
    const NAME: &'static str = "revenue";
    const TITLE: Text = Text::new("Revenue by month", "收入确认（按月）");
    type Output = RevenueOfMonths;

    fn run(self, ctx: &CallContext) -> Result<RevenueOfMonths, Refusal> {
        let to = self.to.unwrap_or(self.from);
        let months = self
            .from
            .to(to, MONTHS_MAX)
            .ok_or_else(|| Rejection::WrongMonths { max: MONTHS_MAX }.refusal(Language::of(ctx)))?;
        // Since the beginning of the year, as years are added up.
        let moved = storage::moved(self.from.first_of_year(), to)?;
        let mut before = storage::before_year_of(self.from)?;
        moved.range(..self.from).flat_map(|(_, stores)| stores.values()).for_each(|flows| before += *flows);
        Ok(RevenueOfMonths { months: tell(&months, before, &moved) })
    }
}
