//! Orders: what was bought, and what packs made of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Code, Currency, Label, MemberId, Minor, OrderId, PostingId, Reference, Seller, Source, StaffId, StoreId, shares,
};

/// What was bought of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The merchant's name for the thing.
    pub sku: Label,
    /// Its category, when the order said so.
    pub category: Option<Label>,
    /// Its brand, when the order said so.
    pub brand: Option<Label>,
    /// How many; at least 1.
    pub quantity: u32,
    /// The line's total after its discounts. Zero is fine: a gift is a line too.
    pub amount_minor: Minor,
}

/// Why a basket is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// Nothing in it.
    #[error("an order has at least one line")]
    NoLines,
    /// Too much in it.
    #[error("an order has at most {max} lines, but this one has {given}", max = Order::LINES_MAX)]
    TooManyLines {
        /// How many were given.
        given: usize,
    },
    /// A line of nothing.
    #[error("line {line}: quantity is 0, expected at least 1")]
    NoQuantity {
        /// Which line, from 1.
        line: usize,
    },
    /// A line or the sum is over the largest amount.
    #[error("line {line}: the amount, or the order's total with it, is over {max} minor units", max = Currency::AMOUNT_MAX)]
    TooLarge {
        /// Which line, from 1.
        line: usize,
    },
    /// Names of which there is no room for all.
    #[error(
        "an order's lines have at most {max} bytes of names, those of the catalogue included, but these have {given}",
        max = Order::NAMES_MAX_BYTES
    )]
    NamesTooLong {
        /// How many they have.
        given: usize,
    },
}

/// A recorded order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// The name that the system which sent it uses. Unique in the merchant.
    pub reference: Reference,
    /// Where it was made.
    pub store: StoreId,
    /// Who recorded it.
    pub by: Source,
    /// Who of the staff served the buyer, if it was said.
    pub served_by: Option<Served>,
    /// Who bought, if it is known.
    pub member: Option<MemberId>,
    /// Who made it the buyer's, if it was recorded without them.
    pub claimed_by: Option<Source>,
    /// When that was.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub claimed_at: Option<Timestamp>,
    /// When it was made. It can be long before it was recorded.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub ordered_at: Timestamp,
    /// What was bought. Of each amount is off what packs and coupons took off it.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total_minor: Minor,
    /// What packs took off it, before its coupons.
    pub discounts: Vec<PackDiscount>,
    /// The coupons that were redeemed for it.
    pub coupons: Option<UsedCoupons>,
    /// How it was paid, as far as it was said.
    pub payments: Vec<Payment>,
    /// What was given back of it, in order.
    pub refunds: Vec<Refund>,
    /// What each pack did when it was settled, in the order they were asked.
    pub outcomes: Vec<PackOutcome>,
}

impl Order {
    /// The most lines that one order may have.
    pub const LINES_MAX: usize = 200;

    /// The most bytes that the names in its lines may have together: half of a value of the store, in which an order has to
    /// fit with all that coupons, payments, packs and refunds add to it.
    pub const NAMES_MAX_BYTES: usize = 32 << 10;

    /// How many discounts of packs one order has, and of how many lines they take something off, each counted in each
    /// discount: there is room for so many in a value of the store.
    pub const DISCOUNTS_MAX: (usize, usize) = (20, 400);

    /// How often a part of one order can be given back.
    pub const REFUNDS_MAX: usize = 100;

    /// Whether it still stands.
    pub fn state(&self) -> OrderState {
        match self.refunds.last() {
            None => OrderState::Settled,
            Some(last) if last.completes => OrderState::Refunded { at: last.at },
            Some(_) => OrderState::PartlyRefunded,
        }
    }

    /// What was given back of each line so far, in pieces and minor units.
    pub fn given_back(&self) -> Vec<(u32, Minor)> {
        let mut back = vec![(0_u32, 0_u64); self.lines.len()];
        for part in self.refunds.iter().flat_map(|refund| &refund.lines) {
            if let Some((quantity, amount_minor)) = back.get_mut(usize::from(part.line)) {
                *quantity = quantity.saturating_add(part.quantity);
                *amount_minor = amount_minor.saturating_add(part.amount_minor);
            }
        }
        back
    }

    /// How much of each refund, in their order, goes back by each payment: in proportion to what is left of the payments, by
    /// the largest remainder, so that the parts of a refund add up to it, and those of a payment to the payment. Nothing
    /// when it was not said how the order was paid.
    pub fn back_by_payment(&self) -> Vec<Vec<Minor>> {
        let payments = self.payments.iter().map(|payment| payment.amount_minor).collect();
        back_by_payment(payments, self.refunds.iter().map(|refund| refund.amount_minor))
    }

    /// The lines as they were sent, before packs and coupons took something off.
    pub fn lines_as_sent(&self) -> Vec<Line> {
        let mut lines = self.lines.clone();
        for (place, off) in self.discounts.iter().flat_map(|discount| &discount.lines) {
            if let Some(line) = lines.get_mut(usize::from(*place)) {
                line.amount_minor = line.amount_minor.saturating_add(*off);
            }
        }
        for discount in self.coupons.iter().flat_map(|coupons| &coupons.discounts) {
            for (line, off) in lines.iter_mut().zip(&discount.lines) {
                line.amount_minor = line.amount_minor.saturating_add(*off);
            }
        }
        lines
    }

    /// Checks that there is room for all names in the lines: of things, categories and brands.
    ///
    /// # Errors
    /// [`LineFault::NamesTooLong`].
    pub fn check_names(lines: &[Line]) -> Result<(), LineFault> {
        let names = lines.iter().flat_map(|line| [Some(&line.sku), line.category.as_ref(), line.brand.as_ref()]);
        let given: usize = names.flatten().map(|name| name.as_str().len()).sum();
        if given > Self::NAMES_MAX_BYTES {
            return Err(LineFault::NamesTooLong { given });
        }
        Ok(())
    }

    /// Checks the lines, but for the length of their names, and adds them up.
    ///
    /// # Errors
    /// The first fault, in the order of [`LineFault`]'s variants for each line.
    pub fn total(lines: &[Line]) -> Result<Minor, LineFault> {
        if lines.is_empty() {
            return Err(LineFault::NoLines);
        }
        if lines.len() > Self::LINES_MAX {
            return Err(LineFault::TooManyLines { given: lines.len() });
        }
        let mut total: Minor = 0;
        for (index, line) in lines.iter().enumerate() {
            if line.quantity == 0 {
                return Err(LineFault::NoQuantity { line: index + 1 });
            }
            total = total
                .checked_add(line.amount_minor)
                .filter(|sum| *sum <= Currency::AMOUNT_MAX)
                .ok_or(LineFault::TooLarge { line: index + 1 })?;
        }
        Ok(total)
    }
}

fn back_by_payment(mut left: Vec<Minor>, refunds: impl Iterator<Item = Minor>) -> Vec<Vec<Minor>> {
    let back = refunds.map(|amount| {
        let parts = shares(amount, &left);
        for (left, part) in left.iter_mut().zip(&parts) {
            *left = left.saturating_sub(*part);
        }
        parts
    });
    back.collect()
}

/// Whether an order still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// It was recorded.
    Settled,
    /// Parts of it were given back.
    PartlyRefunded,
    /// It was given back as a whole, at once or in parts.
    Refunded {
        /// When the last of it was.
        at: Timestamp,
    },
}

/// What a pack took off an order by one of its rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackDiscount {
    /// The pack.
    pub pack: Code,
    /// The pack's name of the rule.
    pub rule: Code,
    /// What people read on the receipt.
    pub title: Label,
    /// Of which lines, from 0, it took how much.
    pub lines: Vec<(u16, Minor)>,
}

impl PackDiscount {
    /// What it took off in all.
    pub fn total_minor(&self) -> Minor {
        self.lines.iter().map(|(_, off)| off).sum()
    }
}

/// The coupons that were redeemed for an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedCoupons {
    /// The posting that redeemed them.
    pub posting: PostingId,
    /// What each gave.
    pub discounts: Vec<CouponDiscount>,
}

/// What one coupon gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponDiscount {
    /// Of which type it is.
    pub coupon: Code,
    /// What it takes off each line.
    pub lines: Vec<Minor>,
    /// What is given on top, and how many.
    pub gift: Option<(Label, u32)>,
}

/// A part of what was paid for an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// How: `stored-value`, `hold`, or what the till calls it, such as `cash`.
    pub method: Code,
    /// How much.
    pub amount_minor: Minor,
    /// The posting that took it from the member, when it was an asset of theirs.
    pub posting: Option<PostingId>,
}

/// Who served, and in which team they were then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Who of the staff.
    pub staff: StaffId,
    /// Their team, if they were in one.
    pub team: Option<Code>,
}

impl Served {
    /// For whom it counts.
    pub fn sellers(&self) -> impl Iterator<Item = Seller> {
        [Seller::Staff(self.staff)].into_iter().chain(self.team.clone().map(Seller::Team))
    }
}

/// What was given back of an order at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// Who gave it back.
    pub by: Source,
    /// Why, as staff said it.
    pub reason: Option<Label>,
    /// What of which lines.
    pub lines: Vec<RefundedLine>,
    /// The sum of that.
    pub amount_minor: Minor,
    /// Whether nothing is left of the order after it.
    pub completes: bool,
    /// The ledger's reversals, in the order in which they were booked.
    pub reversals: Vec<PostingId>,
}

/// What was given back of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundedLine {
    /// Which line of the order, from 0.
    pub line: u16,
    /// How many pieces; none when only money was given back.
    pub quantity: u32,
    /// How much.
    pub amount_minor: Minor,
}

/// What one pack made of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackOutcome {
    /// The pack.
    pub pack: Code,
    /// What came of it.
    pub result: PackResult,
}

/// How a pack's part in an order ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PackResult {
    /// It did its part.
    Done {
        /// The posting of what it gave, if it gave anything.
        posting: Option<PostingId>,
        /// What the buyer earned, as unit and amount.
        earned: Vec<(Code, Minor)>,
    },
    /// It failed; the order stands without it and nothing of its work is kept.
    Failed {
        /// Stable name of the failure, such as `out-of-fuel`.
        code: String,
        /// What happened, for the people who run the pack.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(quantity: u32, amount_minor: Minor) -> Line {
        Line { sku: Label::new("bun").unwrap(), category: None, brand: None, quantity, amount_minor }
    }

    #[test]
    fn a_basket_is_refused_for_what_is_wrong_with_it() {
        let max = Currency::AMOUNT_MAX;
        for (lines, expected) in [
            (vec![], Err(LineFault::NoLines)),
            (vec![line(1, 0); 201], Err(LineFault::TooManyLines { given: 201 })),
            (vec![line(1, 5), line(0, 5)], Err(LineFault::NoQuantity { line: 2 })),
            (vec![line(1, max), line(1, 1)], Err(LineFault::TooLarge { line: 2 })),
            (vec![line(1, u64::MAX)], Err(LineFault::TooLarge { line: 1 })),
            (vec![line(2, 0)], Ok(0)),
            (vec![line(2, 700), line(1, 55)], Ok(755)),
        ] {
            assert_eq!(Order::total(&lines), expected);
        }
    }

    #[test]
    fn names_are_counted_together() {
        let long = Label::new("x".repeat(128)).unwrap();
        let line = Line { sku: long.clone(), category: Some(long.clone()), brand: Some(long), ..line(1, 1) };
        assert_eq!(Order::check_names(&vec![line.clone(); 85]), Ok(()));
        assert_eq!(Order::check_names(&vec![line; 86]), Err(LineFault::NamesTooLong { given: 86 * 3 * 128 }));
    }

    #[test]
    fn what_goes_back_by_each_payment_adds_up_to_the_refunds_and_to_the_payments() {
        assert_eq!(back_by_payment(vec![100, 200], [100].into_iter()), [[33, 67]]);
        assert_eq!(back_by_payment(Vec::new(), [5, 5].into_iter()), [Vec::<Minor>::new(), Vec::new()]);
        let cases: [(&[Minor], &[Minor]); 4] =
            [(&[100, 200], &[1, 99, 0, 150, 50]), (&[1, 1, 1], &[1, 1, 1]), (&[7, 0, 3], &[3, 3, 4]), (&[0], &[0])];
        for (payments, refunds) in cases {
            let back = back_by_payment(payments.to_vec(), refunds.iter().copied());
            for (parts, refund) in back.iter().zip(refunds) {
                assert_eq!(parts.iter().sum::<Minor>(), *refund, "{payments:?} {refunds:?}");
            }
            for (place, payment) in payments.iter().enumerate() {
                assert_eq!(back.iter().map(|parts| parts[place]).sum::<Minor>(), *payment, "{payments:?} {refunds:?}");
            }
        }
    }
}
