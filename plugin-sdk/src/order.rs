//! Orders, what they are asked for, and what a pack decides on them.

#[doc(inline)]
pub use crate::contract::{
    checking_out::exports::punchcard::pack::checkout::{Decision, Earning, Finding, Refund},
    imports::punchcard::pack::types::{Buyer, Line, Order},
    pricing_orders::exports::punchcard::pack::pricing::{Discount, Offer, Reduction, Skipped},
};

impl Line {
    /// So many percent of what it costs, rounded down to a minor unit.
    pub fn percent(&self, percent: u8) -> u64 {
        let percent = u64::from(percent);
        (self.amount / 100).saturating_mul(percent).saturating_add(self.amount % 100 * percent / 100)
    }
}

impl Offer {
    /// Nothing comes off, and why.
    pub fn none(rule: &str, explanation: impl Into<String>) -> Self {
        let skipped = Skipped { rule: rule.to_owned(), explanation: explanation.into() };
        Self { discounts: Vec::new(), skipped: vec![skipped] }
    }
}

impl Discount {
    /// Takes so much off each line of an order, in their order, in minor units. Nothing when nothing comes off at all.
    pub fn of(rule: &str, title: impl Into<String>, off: impl IntoIterator<Item = u64>) -> Option<Self> {
        let lines = (0..).zip(off).filter(|(_, amount)| *amount > 0);
        let reductions: Vec<_> = lines.map(|(line, amount)| Reduction { line, amount }).collect();
        (!reductions.is_empty()).then(|| Self { rule: rule.to_owned(), title: title.into(), reductions })
    }
}

impl Finding {
    /// A rule that counts in this order.
    pub fn applied(rule: &str, explanation: impl Into<String>) -> Self {
        Self { applied: true, rule: rule.to_owned(), explanation: explanation.into() }
    }

    /// A rule that was looked at and does not count.
    pub fn skipped(rule: &str, explanation: impl Into<String>) -> Self {
        Self { applied: false, rule: rule.to_owned(), explanation: explanation.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_line_is_rounded_down_and_never_overflows() {
        let percent = |amount, percent| {
            let line = Line { sku: String::new(), category: String::new(), quantity: 1, amount };
            line.percent(percent)
        };
        assert_eq!([percent(999, 30), percent(3, 30), percent(0, 50), percent(12_345, 100)], [299, 0, 0, 12_345]);
        assert_eq!((percent(u64::MAX, 50), percent(u64::MAX, 255)), (u64::MAX / 2, u64::MAX));
    }

    #[test]
    fn a_discount_names_the_lines_from_which_something_comes_off() {
        let discount = Discount::of("a", "A", [0, 5, 0, 7]).expect("something comes off");
        let lines: Vec<_> = discount.reductions.iter().map(|reduction| (reduction.line, reduction.amount)).collect();
        assert_eq!(lines, [(1, 5), (3, 7)]);
        assert_eq!(Discount::of("a", "A", [0, 0]), None);
    }
}
