//! Minutes and the money that was paid for them. Integers only.

use serde::{Deserialize, Serialize};

/// Minutes with what they are worth in minor units. Gift minutes are worth nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Worth {
    pub(crate) minutes: u64,
    pub(crate) minor: u64,
}

impl Worth {
    pub(crate) fn new(minutes: u64, minor: u64) -> Self {
        Self { minutes, minor }
    }

    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }

    /// Both added; `None` when that is no number any more.
    pub(crate) fn plus(self, more: Self) -> Option<Self> {
        Some(Self::new(self.minutes.checked_add(more.minutes)?, self.minor.checked_add(more.minor)?))
    }

    /// Both taken away; `None` when there is less of either.
    pub(crate) fn minus(self, less: Self) -> Option<Self> {
        Some(Self::new(self.minutes.checked_sub(less.minutes)?, self.minor.checked_sub(less.minor)?))
    }

    /// What so many of the minutes are worth: their part of the money, rounded down, so that whoever takes the last
    /// minute takes the residue. `None` when there are fewer.
    pub(crate) fn part(self, minutes: u64) -> Option<Self> {
        if minutes > self.minutes {
            return None;
        }
        let minor = u128::from(self.minor) * u128::from(minutes) / u128::from(self.minutes.max(1));
        Some(Self::new(minutes, u64::try_from(minor).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_part_is_rounded_down_and_the_last_minute_takes_the_residue() {
        for (whole, minutes, expected) in [
            (Worth::new(3, 100), 1, Some(Worth::new(1, 33))),
            (Worth::new(2, 67), 1, Some(Worth::new(1, 33))),
            (Worth::new(1, 34), 1, Some(Worth::new(1, 34))),
            (Worth::new(3, 100), 0, Some(Worth::new(0, 0))),
            (Worth::new(3, 100), 4, None),
            (Worth::new(0, 0), 0, Some(Worth::new(0, 0))),
            (Worth::new(60, 0), 45, Some(Worth::new(45, 0))),
            (Worth::new(u64::MAX, u64::MAX), u64::MAX - 1, Some(Worth::new(u64::MAX - 1, u64::MAX - 1))),
        ] {
            assert_eq!(whole.part(minutes), expected, "{minutes} of {whole:?}");
        }
    }

    proptest! {
        /// Whatever the steps are, the parts add up to the whole, and none is off its share by more than a minor unit for
        /// each step that came before.
        #[test]
        fn parts_add_up_to_the_whole(price in 0_u64..10_000_000, steps in proptest::collection::vec(1_u64..400, 1..60)) {
            let sold = Worth::new(steps.iter().sum(), price);
            let mut left = sold;
            let mut taken = Worth::default();
            for (number, minutes) in (0_u64..).zip(&steps) {
                let part = left.part(*minutes).expect("there are as many");
                left = left.minus(part).expect("a part is in the whole");
                taken = taken.plus(part).expect("it fits");
                let share = u128::from(price) * u128::from(taken.minutes) / u128::from(sold.minutes);
                prop_assert!(u128::from(taken.minor) <= share);
                prop_assert!(share - u128::from(taken.minor) <= u128::from(number + 1));
            }
            prop_assert_eq!(taken, sold);
            prop_assert!(left.is_nothing());
        }
    }
}
