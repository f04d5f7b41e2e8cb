//! What has to be made for a day, by product and by slot. Pure.

use std::collections::BTreeMap;

use punchcard_sdk::Clock;
use serde::Serialize;

use crate::{
    preorder::{Preorder, State},
    settings::Settings,
};

/// The confirmed lines of a day. What was picked up stays on it; what was cancelled leaves it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DaySheet {
    products: Vec<ProductCount>,
    slots: Vec<SlotSheet>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct ProductCount {
    sku: String,
    title: String,
    quantity: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct SlotSheet {
    start: Clock,
    end: Clock,
    /// How many pre-orders there are.
    preorders: u64,
    /// How many of them have been picked up.
    picked_up: u64,
    products: Vec<ProductCount>,
}

impl DaySheet {
    pub(crate) fn new(settings: &Settings, preorders: &[Preorder]) -> Self {
        let mut day = Counts::default();
        let mut slots: BTreeMap<Clock, (SlotSheet, Counts<'_>)> = BTreeMap::new();
        for preorder in preorders.iter().filter(|preorder| preorder.is_confirmed()) {
            let (sheet, counts) = slots.entry(preorder.start).or_insert_with(|| {
                let Preorder { start, end, .. } = *preorder;
                (SlotSheet { start, end, preorders: 0, picked_up: 0, products: Vec::new() }, Counts::default())
            });
            sheet.preorders += 1;
            sheet.picked_up += u64::from(matches!(preorder.state, State::PickedUp { .. }));
            counts.add(preorder);
            day.add(preorder);
        }
        let with_products =
            |(sheet, counts): (SlotSheet, Counts<'_>)| SlotSheet { products: counts.list(settings), ..sheet };
        Self { products: day.list(settings), slots: slots.into_values().map(with_products).collect() }
    }
}

/// Quantities by SKU.
#[derive(Default)]
struct Counts<'a>(BTreeMap<&'a str, u64>);

impl<'a> Counts<'a> {
    fn add(&mut self, preorder: &'a Preorder) {
        for line in &preorder.lines {
            *self.0.entry(&line.sku).or_default() += u64::from(line.quantity.get());
        }
    }

    fn list(self, settings: &Settings) -> Vec<ProductCount> {
        let count = |(sku, quantity): (&str, u64)| ProductCount {
            sku: sku.to_owned(),
            title: settings.title(sku).to_owned(),
            quantity,
        };
        self.0.into_iter().map(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preorder::tests::preorder;

    #[test]
    fn a_sheet_is_the_sum_of_its_confirmed_lines() {
        let settings: Settings =
            serde_json::from_str(r#"{"products":[{"sku":"cake","title":"Birthday cake","price_minor":1}]}"#)
                .expect("they are settings");
        let picked_up = Preorder { state: State::PickedUp { at: 1 }, ..preorder("10:00", &[("cake", 1)], 0) };
        let cancelled = Preorder {
            state: State::Cancelled { at: 1, returned_minor: 0, reason: None },
            ..preorder("16:00", &[("cake", 9)], 0)
        };
        let preorders = [
            preorder("15:00", &[("cake", 2), ("tart", 1)], 0),
            preorder("10:00", &[("tart", 3), ("tart", 1)], 0),
            picked_up,
            cancelled,
        ];
        let cakes = |quantity| serde_json::json!({"sku": "cake", "title": "Birthday cake", "quantity": quantity});
        let tarts = |quantity| serde_json::json!({"sku": "tart", "title": "tart", "quantity": quantity});
        assert_eq!(
            serde_json::to_value(DaySheet::new(&settings, &preorders)).expect("it is JSON"),
            serde_json::json!({
                "products": [cakes(3), tarts(5)],
                "slots": [
                    {"start": "10:00", "end": "12:00", "preorders": 2, "picked_up": 1, "products": [cakes(1), tarts(4)]},
                    {"start": "15:00", "end": "12:00", "preorders": 1, "picked_up": 0, "products": [cakes(2), tarts(1)]},
                ],
            })
        );
    }

    #[test]
    fn a_day_without_preorders_has_an_empty_sheet() {
        let empty = DaySheet::new(&Settings::default(), &[]);
        assert_eq!(empty, DaySheet { products: vec![], slots: vec![] });
    }
}
