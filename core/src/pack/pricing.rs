//! What packs take off orders, checked against what the contract says in words and against what the merchant allows.

use std::collections::BTreeSet;

use super::bindings::exports::punchcard::pack::pricing as wit_pricing;
use super::bindings::punchcard::pack::types as wit;
use super::error::cut;
use super::grant::discount_max;
use super::replies::{bad_reply, refused};
use super::{CallError, Finding, Grant};
use crate::domain::{Code, Label, Minor};

/// What a pack takes off an order, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// What makes it cheaper. Together they take off no line more than it costs.
    pub discounts: Vec<Off>,
    /// What was looked at and takes nothing off.
    pub skipped: Vec<Finding>,
}

/// Something that makes an order cheaper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Off {
    /// Stable name of the rule.
    pub rule: Code,
    /// What people read on the receipt.
    pub title: Label,
    /// Which lines, from 0, and how much each, at least 1.
    pub lines: Vec<(u16, Minor)>,
}

/// What the lines of an order cost that a pack is asked about.
pub(super) struct Costs(Vec<Minor>);

impl Costs {
    pub(super) fn of(order: &wit::Order) -> Self {
        Self(order.lines.iter().map(|line| line.amount).collect())
    }
}

/// The most discounts of a pack at an order.
const DISCOUNTS_MAX: usize = 10;
/// The most lines that they take something off, each counted in each discount.
const REDUCTIONS_MAX: usize = 200;
const SKIPPED_MAX: usize = 50;

/// Checks what a pack takes off an order.
pub(super) fn check_offer(
    grants: &BTreeSet<Grant>,
    costs: &Costs,
    offer: Result<wit_pricing::Offer, wit::Refusal>,
) -> Result<Offered, CallError> {
    let wit_pricing::Offer { discounts, skipped } = offer.map_err(refused)?;
    let reductions: usize = discounts.iter().map(|discount| discount.reductions.len()).sum();
    if discounts.len() > DISCOUNTS_MAX || reductions > REDUCTIONS_MAX || skipped.len() > SKIPPED_MAX {
        return Err(bad_reply(format!(
            "{} discounts with {reductions} reductions, and {} skipped, at most {DISCOUNTS_MAX} with {REDUCTIONS_MAX}, and \
             {SKIPPED_MAX} are allowed",
            discounts.len(),
            skipped.len()
        )));
    }
    let mut left = costs.0.clone();
    let discounts =
        discounts.into_iter().map(|discount| check_discount(discount, &mut left)).collect::<Result<_, _>>()?;
    let sum = |amounts: &[Minor]| amounts.iter().fold(0, |sum: Minor, amount| sum.saturating_add(*amount));
    let total = sum(&costs.0);
    let (off, percent) = (total - sum(&left), discount_max(grants).unwrap_or(0));
    let most = portion(total, percent);
    if off > most {
        return Err(CallError::TooMuchOff { off, total, most, percent });
    }
    let skipped = skipped.into_iter().map(|rule| Finding {
        applied: false,
        rule: cut(&rule.rule, 64),
        explanation: cut(&rule.explanation, 512),
    });
    Ok(Offered { discounts, skipped: skipped.collect() })
}

/// Checks a discount, and takes it off what is left of the lines.
fn check_discount(discount: wit_pricing::Discount, left: &mut [Minor]) -> Result<Off, CallError> {
    let wit_pricing::Discount { rule, title, reductions } = discount;
    let rule = Code::new(&rule).map_err(|error| bad_reply(format!("the rule of a discount: {error}")))?;
    let wrong = |what: String| bad_reply(format!("the discount `{rule}`: {what}"));
    let title = Label::new(title).map_err(|error| wrong(format!("its title: {error}")))?;
    if reductions.is_empty() {
        return Err(wrong("nothing is taken off; without that, it belongs to what is skipped".into()));
    }
    let mut lines: Vec<(u16, Minor)> = Vec::with_capacity(reductions.len());
    for wit_pricing::Reduction { line, amount } in reductions {
        let (count, place) = (left.len(), usize::try_from(line).unwrap_or(usize::MAX));
        let Some((of_line, number)) = left.get_mut(place).zip(u16::try_from(line).ok()) else {
            return Err(wrong(format!("line {line}, but the order has {count} lines, the first of which is 0")));
        };
        if lines.iter().any(|(earlier, _)| *earlier == number) {
            return Err(wrong(format!("line {line} is there twice")));
        }
        *of_line = match of_line.checked_sub(amount) {
            Some(rest) if amount > 0 => rest,
            _ => return Err(wrong(format!("{amount} off line {line}, expected 1 to {of_line}"))),
        };
        lines.push((number, amount));
    }
    Ok(Off { rule, title, lines })
}

/// So many percent of an amount, rounded down.
fn portion(amount: Minor, percent: u8) -> Minor {
    let exact = u128::from(amount) * u128::from(percent) / 100;
    Minor::try_from(exact).unwrap_or(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discount(rule: &str, title: &str, lines: &[(u32, u64)]) -> wit_pricing::Discount {
        let reductions = lines.iter().map(|(line, amount)| wit_pricing::Reduction { line: *line, amount: *amount });
        wit_pricing::Discount { rule: rule.to_owned(), title: title.to_owned(), reductions: reductions.collect() }
    }

    fn check(percent: u8, discounts: Vec<wit_pricing::Discount>, skipped: usize) -> Result<Offered, String> {
        let none = wit_pricing::Skipped { rule: "r".repeat(70), explanation: String::new() };
        let offer = wit_pricing::Offer { discounts, skipped: vec![none; skipped] };
        let grants = BTreeSet::from([Grant::Discount(percent), Grant::ReadMembers]);
        check_offer(&grants, &Costs(vec![1_000, 0, 501]), Ok(offer)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_the_contract_and_the_grant_allow_is_taken_off() {
        let offered = check(30, vec![discount("a", "A", &[(2, 1), (0, 400)]), discount("a", "B", &[(2, 49)])], 50);
        let offered = offered.unwrap();
        assert_eq!(offered.discounts[0].lines, [(2, 1), (0, 400)]);
        assert_eq!((offered.discounts[1].title.as_str(), &offered.discounts[1].lines), ("B", &vec![(2, 49)]));
        assert_eq!((offered.skipped.len(), offered.skipped[0].rule.len()), (50, 64));
        assert_eq!(check(100, vec![discount("all", "All", &[(0, 1_000), (2, 501)])], 0).unwrap().discounts.len(), 1);
        assert!(check(1, Vec::new(), 0).unwrap().discounts.is_empty());
    }

    #[test]
    fn what_is_wrong_is_told() {
        let one = |rule: &str, title: &str, lines: &[(u32, u64)]| vec![discount(rule, title, lines)];
        let contract = "the pack returned what the contract does not allow: ";
        let long = "x".repeat(129);
        let many = vec![discount("a", "A", &[(0, 1)]); 11];
        let wide = vec![discount("a", "A", &vec![(0, 1); 201])];
        let table: [(Vec<wit_pricing::Discount>, usize, &str); 10] = [
            (
                one("a", "A", &[(3, 1)]),
                0,
                "the discount `a`: line 3, but the order has 3 lines, the first of which is 0",
            ),
            (one("a", "A", &[(0, 1), (0, 1)]), 0, "the discount `a`: line 0 is there twice"),
            (one("a", "A", &[(0, 0)]), 0, "the discount `a`: 0 off line 0, expected 1 to 1000"),
            (one("a", "A", &[(1, 1)]), 0, "the discount `a`: 1 off line 1, expected 1 to 0"),
            (
                [one("a", "A", &[(2, 500)]), one("b", "B", &[(2, 2)])].concat(),
                0,
                "the discount `b`: 2 off line 2, expected 1 to 1",
            ),
            (
                one("a", "A", &[]),
                0,
                "the discount `a`: nothing is taken off; without that, it belongs to what is skipped",
            ),
            (one("a", &long, &[(0, 1)]), 0, "the discount `a`: its title: "),
            (one("A b", "A", &[(0, 1)]), 0, "the rule of a discount: "),
            (many, 0, "11 discounts with 11 reductions, and 0 skipped, at most 10 with 200, and 50 are allowed"),
            (wide, 51, "1 discounts with 201 reductions, and 51 skipped, at most 10 with 200, and 50 are allowed"),
        ];
        for (discounts, skipped, expected) in table {
            let told = check(100, discounts, skipped).unwrap_err();
            assert!(told.starts_with(&format!("{contract}{expected}")), "{told}");
        }
    }

    #[test]
    fn more_than_the_merchant_allows_is_denied() {
        let take = |amount| vec![discount("a", "A", &[(0, amount)])];
        // 33 % of 1501 is 495.33.
        assert!(check(33, take(495), 0).is_ok());
        let told = check(33, take(496), 0).unwrap_err();
        assert_eq!(told, "the pack takes 496 off an order of 1501, but `orders:discount:33` allows 495");
        let offer = wit_pricing::Offer { discounts: take(1), skipped: Vec::new() };
        let told = check_offer(&BTreeSet::new(), &Costs(vec![1_000]), Ok(offer)).unwrap_err();
        assert_eq!(told.code(), "denied");
    }
}
