//! What is cheaper at the end of the day, so that less of it is left.

use punchcard_sdk::prelude::*;

use crate::settings::Evening;

const RULE: &str = "evening-price";

/// What an order costs less by the store's wall clock. Nothing is said of it when the merchant has no such time.
pub(crate) fn price(evening: Option<&Evening>, ctx: &CallContext, order: &Order) -> Offer {
    let language = Language::of(ctx);
    let Some(Evening { start, percent, categories }) = evening else {
        return Offer { discounts: Vec::new(), skipped: Vec::new() };
    };
    if ctx.local.clock() < *start {
        let why = match language {
            Language::English => format!("cheaper from {start} on"),
            Language::Chinese => format!("{start} 起优惠"),
        };
        return Offer::none(RULE, why);
    }
    let title = match language {
        Language::English => format!("From {start} on: {percent}% off"),
        Language::Chinese => format!("{start} 后优惠 {percent}%"),
    };
    let off = order.lines.iter().map(|line| {
        let counts = categories.is_empty() || categories.contains(&line.category);
        // Rounded down, and so within what the merchant allows.
        if counts { line.percent(*percent) } else { 0 }
    });
    match Discount::of(RULE, title, off) {
        Some(discount) => Offer { discounts: vec![discount], skipped: Vec::new() },
        None => {
            let why = Text::new("nothing in this basket is cheaper in the evening", "没有参加晚间优惠的商品");
            Offer::none(RULE, why.wording(language))
        }
    }
}

#[cfg(test)]
mod tests {
    use punchcard_sdk::testing;

    use super::*;

    fn evening(categories: &[&str]) -> Evening {
        let categories = categories.iter().map(|category| (*category).to_owned()).collect();
        Evening { start: "19:30".parse().expect("a time"), percent: 30, categories }
    }

    fn at(clock: &str, evening: Option<&Evening>, lines: &[(&str, u64)]) -> Offer {
        price(evening, &testing::context("2026-10-02", clock), &testing::order(lines))
    }

    fn off(offer: &Offer) -> Vec<(u32, u64)> {
        let reductions = offer.discounts.iter().flat_map(|discount| &discount.reductions);
        reductions.map(|reduction| (reduction.line, reduction.amount)).collect()
    }

    #[test]
    fn chosen_categories_are_cheaper_from_then_on() {
        let (bread, basket) = (evening(&["bread"]), [("cakes", 1_000), ("bread", 1_005), ("bread", 3)]);
        let before = at("19:29", Some(&bread), &basket);
        assert_eq!((off(&before), before.skipped.len()), (Vec::new(), 1));
        assert_eq!(off(&at("19:30", Some(&bread), &basket)), [(1, 301)]);
        assert_eq!(off(&at("23:59", Some(&evening(&[])), &basket)), [(0, 300), (1, 301)]);
        let none = at("20:00", Some(&evening(&["tea"])), &basket);
        assert_eq!((off(&none), none.skipped.len()), (Vec::new(), 1));
        assert_eq!(at("20:00", None, &basket), Offer { discounts: Vec::new(), skipped: Vec::new() });
    }
}
