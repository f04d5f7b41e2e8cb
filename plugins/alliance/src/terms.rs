//! What two merchants agree on, and what follows from it: prices, shares and caps. All amounts are integers; what does not
//! come out even is refused or rounded down, as each rule says.

use punchcard_sdk::prelude::*;

use crate::rejection::Rejection;

/// The terms of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Terms {
    /// Whose points they are: of the one who proposes the agreement, or of the partner who accepts it.
    #[schemars(extend("x-title" = {"en": "Whose points", "zh-CN": "积分发行方"}))]
    pub(crate) issuer: Issuer,
    /// What points are worth at the redeemer's till.
    #[schemars(extend("x-title" = {"en": "What points are worth", "zh-CN": "积分兑换价值"}))]
    pub(crate) redeem: Price,
    /// How much of that the issuer pays the redeemer, in hundredths of a percent; the rest is the redeemer's gift.
    #[schemars(range(max = 10_000), extend("x-title" = {"en": "Paid by the issuer (0.01 %)", "zh-CN": "发行方承担比例（万分之一）"}))]
    pub(crate) reimbursed: u32,
    /// What members get when they buy at the redeemer, and what the redeemer pays for it; without it they get nothing.
    #[schemars(extend("x-title" = {"en": "Points for purchases", "zh-CN": "消费返积分"}))]
    #[serde(default)]
    pub(crate) earn: Option<Earning>,
    /// The most points that one member redeems on a day of UTC.
    #[schemars(extend("x-title" = {"en": "Points a member redeems a day", "zh-CN": "会员每日兑换上限"}))]
    #[serde(default)]
    pub(crate) member_day_max: Option<u64>,
    /// The most points that all members redeem on a day of UTC.
    #[schemars(extend("x-title" = {"en": "Points all members redeem a day", "zh-CN": "每日兑换总上限"}))]
    #[serde(default)]
    pub(crate) day_max: Option<u64>,
    /// For how many days the redeemer can take a redemption back.
    #[schemars(range(max = 366), extend("x-title" = {"en": "Days to cancel", "zh-CN": "可撤销天数"}))]
    #[serde(default = "a_week")]
    pub(crate) cancel_days: u32,
}

/// Who of the two issues the points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Issuer {
    Proposer,
    Partner,
}

/// So many points for so much money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Price {
    /// So many points; they are redeemed in multiples of this.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) points: u64,
    /// Are worth so much, in minor units.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) minor: u64,
}

/// What a purchase at the redeemer gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Earning {
    /// For each so much spent, in minor units; what is left over gives nothing.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) per_minor: u64,
    /// The member gets so many points.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) points: u64,
    /// And the redeemer owes the issuer so much for them, in minor units.
    #[schemars(range(max = 1_000_000))]
    pub(crate) price_minor: u64,
}

fn a_week() -> u32 {
    7
}

/// What points come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Worth {
    /// Off the bill at the redeemer.
    pub(crate) value_minor: u64,
    /// What the issuer owes the redeemer for it, rounded down.
    pub(crate) reimbursed_minor: u64,
}

/// What a purchase comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Earned {
    /// For the member.
    pub(crate) points: u64,
    /// What the redeemer owes the issuer.
    pub(crate) price_minor: u64,
}

impl Terms {
    /// Whether the calling merchant is the issuer.
    pub(crate) fn is_issuer(&self, proposed: bool) -> bool {
        (self.issuer == Issuer::Proposer) == proposed
    }

    /// What points are worth; they are a multiple of what has a price.
    pub(crate) fn worth(&self, points: u64) -> Result<Worth, Rejection> {
        let Price { points: step, minor } = self.redeem;
        if points == 0 || points % step != 0 {
            return Err(Rejection::NoMultiple { points, step });
        }
        let value_minor = (points / step).checked_mul(minor).ok_or(Rejection::TooMuch)?;
        let reimbursed = u128::from(value_minor) * u128::from(self.reimbursed) / 10_000;
        let reimbursed_minor = u64::try_from(reimbursed).map_err(|_| Rejection::TooMuch)?;
        Ok(Worth { value_minor, reimbursed_minor })
    }

    /// What a purchase gives.
    pub(crate) fn earned(&self, amount_minor: u64) -> Result<Earned, Rejection> {
        let Earning { per_minor, points, price_minor } = self.earn.ok_or(Rejection::NoEarning)?;
        let times = amount_minor / per_minor;
        if times == 0 {
            return Err(Rejection::TooLittle { per_minor });
        }
        let total = |each: u64| times.checked_mul(each).ok_or(Rejection::TooMuch);
        Ok(Earned { points: total(points)?, price_minor: total(price_minor)? })
    }
}

#[cfg(test)]
pub(crate) fn terms() -> Terms {
    Terms {
        issuer: Issuer::Proposer,
        redeem: Price { points: 100, minor: 500 },
        reimbursed: 8_000,
        earn: Some(Earning { per_minor: 1_000, points: 5, price_minor: 20 }),
        member_day_max: None,
        day_max: None,
        cancel_days: 7,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn points_have_a_price_of_which_the_issuer_pays_a_share() {
        assert_eq!(terms().worth(300), Ok(Worth { value_minor: 1_500, reimbursed_minor: 1_200 }));
        assert_eq!(terms().worth(350), Err(Rejection::NoMultiple { points: 350, step: 100 }));
        assert_eq!(terms().worth(0), Err(Rejection::NoMultiple { points: 0, step: 100 }));
        let odd = Terms { redeem: Price { points: 1, minor: 1 }, reimbursed: 3_333, ..terms() };
        assert_eq!(odd.worth(2), Ok(Worth { value_minor: 2, reimbursed_minor: 0 }), "rounded down");
    }

    #[test]
    fn purchases_give_points_for_whole_steps() {
        assert_eq!(terms().earned(2_999), Ok(Earned { points: 10, price_minor: 40 }));
        assert_eq!(terms().earned(999), Err(Rejection::TooLittle { per_minor: 1_000 }));
        assert_eq!(Terms { earn: None, ..terms() }.earned(5_000), Err(Rejection::NoEarning));
    }

    #[test]
    fn either_of_the_two_may_be_the_issuer() {
        for (issuer, proposed, expected) in
            [(Issuer::Proposer, true, true), (Issuer::Proposer, false, false), (Issuer::Partner, false, true)]
        {
            assert_eq!(Terms { issuer, ..terms() }.is_issuer(proposed), expected);
        }
    }

    proptest! {
        #[test]
        fn the_issuer_never_pays_more_than_the_value(times in 1..1_000_u64, points in 1..1_000_000_u64, minor in 1..1_000_000_u64, share in 0..=10_000_u32) {
            let terms = Terms { redeem: Price { points, minor }, reimbursed: share, ..terms() };
            let worth = terms.worth(times * points).unwrap();
            prop_assert_eq!(worth.value_minor, times * minor);
            prop_assert!(worth.reimbursed_minor <= worth.value_minor);
            prop_assert_eq!(share == 10_000, worth.reimbursed_minor == worth.value_minor || share == 10_000);
        }
    }
}
