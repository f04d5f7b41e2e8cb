//! What a merchant can set: the slots of a week, the products, and the policy for deposits.

use std::num::NonZeroU32;

use punchcard_sdk::{Clock, LocalDate, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How pre-orders are taken.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-title" = {"en": "Pre-orders", "zh-CN": "预订"}))]
pub(crate) struct Settings {
    /// When members can pick up. Of two slots with the same start, the first that is open on the day counts.
    #[schemars(length(max = 100), extend("x-title" = {"en": "Pickup slots", "zh-CN": "取货时段"}))]
    pub(crate) slots: Vec<Slot>,
    /// The least hours from the order to the start of its slot.
    #[schemars(range(max = 8760), extend("x-title" = {"en": "Hours of notice", "zh-CN": "最少提前小时数"}))]
    pub(crate) lead_hours: u32,
    /// How many days ahead pre-orders are taken; 0 is today only.
    #[schemars(range(max = 366), extend("x-title" = {"en": "Days ahead", "zh-CN": "最多提前天数"}))]
    pub(crate) horizon_days: u32,
    /// Until so many hours before its slot a cancelled pre-order gets its deposit back; later it is kept.
    #[schemars(range(max = 8760), extend("x-title" = {"en": "Hours for free cancellation", "zh-CN": "可全额退定金的提前小时数"}))]
    pub(crate) cancel_free_hours: u32,
    /// Whether the deposit of a pre-order that nobody picks up on its day is kept; otherwise it goes back.
    #[schemars(extend("x-title" = {"en": "Keep the deposit of what is not picked up", "zh-CN": "逾期未取不退定金"}))]
    pub(crate) keep_deposit_if_missed: bool,
    /// The part of the price that is taken from stored value at once, rounded up to a minor unit.
    #[schemars(range(max = 100), extend("x-title" = {"en": "Deposit in percent", "zh-CN": "定金比例（%）"}))]
    pub(crate) deposit_percent: u8,
    /// What can be pre-ordered. Of two products with the same SKU, the first counts.
    #[schemars(length(max = 500), extend("x-title" = {"en": "Products", "zh-CN": "商品"}))]
    pub(crate) products: Vec<Product>,
    /// What is cheaper at the end of the day; nothing when absent.
    #[schemars(extend("x-title" = {"en": "Evening price", "zh-CN": "晚间优惠"}))]
    pub(crate) evening: Option<Evening>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            lead_hours: 24,
            horizon_days: 30,
            cancel_free_hours: 24,
            keep_deposit_if_missed: true,
            deposit_percent: 0,
            products: Vec::new(),
            evening: None,
        }
    }
}

/// When what is left of the day's goods is cheaper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evening {
    /// From when on, until midnight.
    #[schemars(extend("x-title" = {"en": "Start", "zh-CN": "开始"}))]
    pub(crate) start: Clock,
    /// By how many percent; at most what the merchant lets the pack take off orders.
    #[schemars(range(min = 1, max = 50), extend("x-title" = {"en": "Percent off", "zh-CN": "优惠比例（%）"}))]
    pub(crate) percent: u8,
    /// Of which categories; of all when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), extend("x-title" = {"en": "Categories", "zh-CN": "品类"}))]
    pub(crate) categories: Vec<String>,
}

/// A time for picking up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slot {
    /// The days of the week on which it is open; every day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-title" = {"en": "Weekdays", "zh-CN": "星期"}))]
    pub(crate) weekdays: Option<Vec<Weekday>>,
    /// From when.
    #[schemars(extend("x-title" = {"en": "Start", "zh-CN": "开始"}))]
    pub(crate) start: Clock,
    /// Until when.
    #[schemars(extend("x-title" = {"en": "End", "zh-CN": "结束"}))]
    pub(crate) end: Clock,
    /// How many capacity units of products it takes.
    #[schemars(extend("x-title" = {"en": "Capacity", "zh-CN": "产能"}))]
    pub(crate) capacity: u32,
}

/// Something to pre-order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Product {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "SKU", "zh-CN": "SKU"}))]
    pub(crate) sku: String,
    /// What people call it; the SKU when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), extend("x-title" = {"en": "Name", "zh-CN": "名称"}))]
    pub(crate) title: Option<String>,
    /// The price of one, in minor units.
    #[schemars(extend("x-title" = {"en": "Price", "zh-CN": "单价（分）"}))]
    pub(crate) price_minor: u64,
    /// How much of a slot's capacity one takes.
    #[serde(default = "one")]
    #[schemars(extend("x-title" = {"en": "Capacity units", "zh-CN": "占用产能"}))]
    pub(crate) capacity_units: NonZeroU32,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl Settings {
    /// The slots that are open on a day, by their start.
    pub(crate) fn slots_on(&self, date: LocalDate) -> Vec<&Slot> {
        let weekday = date.weekday();
        let is_open = |slot: &&Slot| slot.weekdays.as_ref().is_none_or(|weekdays| weekdays.contains(&weekday));
        let mut slots: Vec<_> = self.slots.iter().filter(is_open).collect();
        // The sort keeps the order of equal ones, so the first stays.
        slots.sort_by_key(|slot| slot.start);
        slots.dedup_by_key(|slot| slot.start);
        slots
    }

    /// The slot that starts then, if there is one on that day.
    pub(crate) fn slot(&self, date: LocalDate, start: Clock) -> Option<&Slot> {
        self.slots_on(date).into_iter().find(|slot| slot.start == start)
    }

    pub(crate) fn product(&self, sku: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.sku == sku)
    }

    /// What people call a product, also one that is no longer on offer.
    pub(crate) fn title<'a>(&'a self, sku: &'a str) -> &'a str {
        self.product(sku).and_then(|product| product.title.as_deref()).unwrap_or(sku)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Settings, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_has_a_default() {
        assert_eq!(parse("{}"), Ok(Settings::default()));
    }

    #[test]
    fn what_cannot_be_is_not_read() {
        for json in [
            r#"{"lead_hour":1}"#,
            r#"{"slots":[{"start":"25:00","end":"26:00","capacity":1}]}"#,
            r#"{"slots":[{"start":"09:00","capacity":1}]}"#,
            r#"{"products":[{"sku":"a","price_minor":-1}]}"#,
            r#"{"products":[{"sku":"a","price_minor":1,"capacity_units":0}]}"#,
        ] {
            assert!(parse(json).is_err(), "{json}");
        }
    }

    #[test]
    fn slots_are_those_of_the_weekday_in_order() {
        let settings = parse(
            r#"{"slots":[
                {"start":"15:00","end":"17:00","capacity":20},
                {"weekdays":["saturday"],"start":"09:00","end":"11:00","capacity":40},
                {"start":"09:00","end":"11:00","capacity":10},
                {"weekdays":[],"start":"12:00","end":"13:00","capacity":99}]}"#,
        )
        .expect("they are settings");
        let on = |date: &str| -> Vec<_> {
            let date = date.parse().expect("a day");
            settings.slots_on(date).iter().map(|slot| (slot.start.to_string(), slot.capacity)).collect()
        };
        assert_eq!(on("2026-10-02"), [("09:00".to_owned(), 10), ("15:00".to_owned(), 20)]);
        assert_eq!(on("2026-10-03"), [("09:00".to_owned(), 40), ("15:00".to_owned(), 20)]);
    }
}
