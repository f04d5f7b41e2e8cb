//! Stored value: what a member paid in (principal) and what the merchant gave on top (bonus), kept apart.

use serde::{Deserialize, Serialize};

use super::{Minor, shares};

/// Which part of a member's stored value is spent first: the merchant's policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpendingOrder {
    /// What was paid in, then what was given on top.
    #[default]
    PrincipalFirst,
    /// What was given on top, then what was paid in.
    BonusFirst,
    /// Both in proportion to what there is of them, rounded by the largest remainder.
    Proportional,
}

/// How an amount is split into principal and bonus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Of what was paid in.
    pub principal: Minor,
    /// Of what was given on top.
    pub bonus: Minor,
}

impl SpendingOrder {
    /// Splits `amount`; none when there is less than that. No part is over what there is of it.
    pub fn split(self, amount: Minor, principal: Minor, bonus: Minor) -> Option<Split> {
        if principal.checked_add(bonus)? < amount {
            return None;
        }
        let principal_part = match self {
            Self::PrincipalFirst => amount.min(principal),
            Self::BonusFirst => amount - amount.min(bonus),
            Self::Proportional => shares(amount, &[principal, bonus])[0],
        };
        Some(Split { principal: principal_part, bonus: amount - principal_part })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_split_in_the_merchants_order() {
        use SpendingOrder::{BonusFirst, PrincipalFirst, Proportional};
        for (order, amount, principal, bonus, expected) in [
            (PrincipalFirst, 60, 50, 20, Some((50, 10))),
            (PrincipalFirst, 40, 50, 20, Some((40, 0))),
            (BonusFirst, 60, 50, 20, Some((40, 20))),
            (BonusFirst, 15, 50, 20, Some((0, 15))),
            (Proportional, 70, 50, 20, Some((50, 20))),
            (Proportional, 7, 500, 50, Some((6, 1))),
            // Both shares end in a half: the earlier one, the principal, gets the odd unit.
            (Proportional, 1, 1, 1, Some((1, 0))),
            (Proportional, 3, 0, 9, Some((0, 3))),
            (Proportional, 0, 0, 0, Some((0, 0))),
            (PrincipalFirst, 71, 50, 20, None),
            (BonusFirst, 71, 50, 20, None),
            (Proportional, 71, 50, 20, None),
            (Proportional, 1, u64::MAX, 1, None),
        ] {
            let split = order.split(amount, principal, bonus).map(|split| (split.principal, split.bonus));
            assert_eq!(split, expected, "{amount} of {principal} and {bonus}, {order:?}");
        }
    }

    #[test]
    fn no_order_takes_more_of_a_part_than_there_is() {
        for order in [SpendingOrder::PrincipalFirst, SpendingOrder::BonusFirst, SpendingOrder::Proportional] {
            for (principal, bonus) in [(0, 7), (7, 0), (3, 11), (100, 1)] {
                for amount in 0..=principal + bonus {
                    let split = order.split(amount, principal, bonus).unwrap();
                    assert!(split.principal <= principal && split.bonus <= bonus, "{order:?} {amount} {split:?}");
                    assert_eq!(split.principal + split.bonus, amount);
                }
            }
        }
    }
}
