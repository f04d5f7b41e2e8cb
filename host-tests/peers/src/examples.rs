//! The settings and baskets that every contender is asked of.

use crate::basket::{Basket, Line, Settings, TagMultiplier, WeekdayMultiplier};

/// Each kind of rule once.
pub(crate) fn settings() -> Settings {
    Settings {
        points: 1,
        per_amount: 100,
        excluded_categories: vec!["gift-cards".into()],
        weekday_multipliers: vec![WeekdayMultiplier { weekday: "wednesday".into(), percent: 200 }],
        tag_multipliers: vec![TagMultiplier { tag: "vip".into(), percent: 150 }],
    }
}

/// The first is what is timed: every rule concerns it.
pub(crate) fn baskets() -> Vec<Basket> {
    let basket = |weekday: &str, tags: &[&str], lines| Basket {
        weekday: weekday.into(),
        tags: tags.iter().map(ToString::to_string).collect(),
        lines,
    };
    vec![
        basket("wednesday", &["vip"], lines(20, 7)),
        basket("wednesday", &["vip"], lines(5, 7)),
        basket("thursday", &["new", "vip"], lines(20, 7)),
        basket("friday", &[], lines(20, 100)),
        basket("friday", &["vip"], lines(3, 1)),
        basket("friday", &[], vec![Line { sku: "sku-1".into(), category: String::new(), quantity: 1, amount: 99 }]),
    ]
}

/// So many lines; every so many-th is of a category that earns nothing.
fn lines(count: u32, excluded: u32) -> Vec<Line> {
    (1..=count)
        .map(|number| Line {
            sku: format!("sku-{number}"),
            category: if number % excluded == 0 { "gift-cards" } else { "pastry" }.into(),
            quantity: 1 + number % 3,
            amount: 1_200 + u64::from(number) * 35,
        })
        .collect()
}
