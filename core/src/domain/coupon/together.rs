//! Several coupons for one basket: which go together, in which order they count, and which are best.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{CouponType, Discount, Inapplicable};
use crate::domain::{Code, Line, Minor, StoreId};

/// Why coupons do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStackable {
    /// There are too many of a stacking group.
    #[error("a basket takes at most {max} of the coupons of the group `{group}`, and `{coupon}` would be one more")]
    Group {
        /// The group.
        group: Code,
        /// How many go together.
        max: u32,
        /// The one that is too many.
        coupon: Code,
    },
    /// One of them goes with no other.
    #[error("`{coupon}` goes with no other coupon, `{other}` included")]
    Exclusive {
        /// Which.
        coupon: Code,
        /// Another one.
        other: Code,
    },
}

/// Why a coupon was passed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Passed {
    /// It gives nothing for the basket.
    #[error(transparent)]
    Inapplicable(#[from] Inapplicable),
    /// It does not go with those that count.
    #[error(transparent)]
    NotStackable(#[from] NotStackable),
    /// Others, with which it does not go, give more.
    #[error("it goes with no other coupon, and the others give more together")]
    Less,
    /// With it there would be more than a basket takes.
    #[error("a basket takes at most {max} coupons", max = CouponType::BASKET_MAX)]
    TooMany,
}

/// Coupons that count for a basket, and how many of each group there are.
#[derive(Clone, Default)]
struct Taken<'a> {
    coupons: Vec<&'a CouponType>,
    groups: BTreeMap<&'a Code, (u32, u32)>,
}

impl<'a> Taken<'a> {
    /// Whether one more goes with those that are there.
    fn check(&self, coupon: &CouponType) -> Result<(), NotStackable> {
        let other = self.coupons.iter().find(|other| coupon.exclusive || other.exclusive);
        if let Some(other) = other {
            let (one, other) = if coupon.exclusive { (coupon, *other) } else { (*other, coupon) };
            return Err(NotStackable::Exclusive { coupon: one.unit.clone(), other: other.unit.clone() });
        }
        let Some(group) = &coupon.stacking_group else { return Ok(()) };
        let (count, max) = self.groups.get(group).copied().unwrap_or((0, u32::MAX));
        let max = max.min(coupon.group_max.unwrap_or(1));
        if count < max {
            return Ok(());
        }
        Err(NotStackable::Group { group: group.clone(), max, coupon: coupon.unit.clone() })
    }

    fn add(&mut self, coupon: &'a CouponType) {
        self.coupons.push(coupon);
        if let Some(group) = &coupon.stacking_group {
            let (count, max) = self.groups.entry(group).or_insert((0, u32::MAX));
            (*count, *max) = (*count + 1, (*max).min(coupon.group_max.unwrap_or(1)));
        }
    }
}

/// Checks that coupons may be used for one basket together. Coupons without a group go with everything that is not
/// exclusive.
///
/// # Errors
/// The first that does not go with those before it.
pub fn check_stacking<'a>(coupons: impl IntoIterator<Item = &'a CouponType>) -> Result<(), NotStackable> {
    let mut taken = Taken::default();
    for coupon in coupons {
        taken.check(coupon)?;
        taken.add(coupon);
    }
    Ok(())
}

/// The basket that coupons have left.
#[derive(Clone)]
struct Left(Vec<Line>);

impl Left {
    fn take(&mut self, coupon: &CouponType, store: StoreId) -> Result<Discount, Inapplicable> {
        let discount = coupon.discount(store, &self.0)?;
        for (line, off) in self.0.iter_mut().zip(&discount.lines) {
            line.amount_minor = line.amount_minor.saturating_sub(*off);
        }
        if let Some(line) = discount.free_piece.and_then(|line| self.0.get_mut(line)) {
            line.quantity = line.quantity.saturating_sub(1);
        }
        Ok(discount)
    }
}

/// The places of coupons in the order in which they count: by priority, those of one priority as they are given.
fn by_priority<'a>(coupons: impl IntoIterator<Item = &'a CouponType>) -> Vec<usize> {
    let mut order: Vec<(u16, usize)> =
        coupons.into_iter().enumerate().map(|(place, coupon)| (coupon.priority, place)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, place)| place).collect()
}

/// What coupons take off one basket, in the order given. They count by priority, and each counts on what the ones before it
/// have left of the lines, and a piece that is free is no piece of its line any more; so together they never take off more
/// than the basket costs.
///
/// # Errors
/// The first coupon that gives nothing, by its place from 0, and why.
pub fn discounts(
    coupons: &[&CouponType],
    store: StoreId,
    lines: &[Line],
) -> Result<Vec<Discount>, (usize, Inapplicable)> {
    let mut left = Left(lines.to_vec());
    let mut found: Vec<(usize, Discount)> = Vec::with_capacity(coupons.len());
    for place in by_priority(coupons.iter().copied()) {
        found.push((place, left.take(coupons[place], store).map_err(|reason| (place, reason))?));
    }
    found.sort_unstable_by_key(|(place, _)| *place);
    Ok(found.into_iter().map(|(_, discount)| discount).collect())
}

/// What becomes of coupons that are named for a basket, of each type so many together: by priority, each counts if it goes
/// with those that do and gives something; of those that are named together all do, or none. In the order in which they
/// count, with their places, so that those that count do the same in [`discounts`] when they are given in this order.
pub fn in_turn(
    coupons: &[(&CouponType, u64)],
    store: StoreId,
    lines: &[Line],
) -> Vec<(usize, Result<Discount, Passed>)> {
    let order = by_priority(coupons.iter().map(|(coupon, _)| *coupon));
    turn(coupons, &order, store, lines)
}

fn turn(
    coupons: &[(&CouponType, u64)],
    order: &[usize],
    store: StoreId,
    lines: &[Line],
) -> Vec<(usize, Result<Discount, Passed>)> {
    let (mut taken, mut left) = (Taken::default(), Left(lines.to_vec()));
    order.iter().map(|place| (*place, take_all(&mut taken, &mut left, coupons[*place], store))).collect()
}

/// Takes so many of a coupon, or none of them.
fn take_all<'a>(
    taken: &mut Taken<'a>,
    left: &mut Left,
    (coupon, count): (&'a CouponType, u64),
    store: StoreId,
) -> Result<Discount, Passed> {
    let there = u64::try_from(taken.coupons.len()).unwrap_or(u64::MAX);
    if there.saturating_add(count) > CouponType::BASKET_MAX {
        return Err(taken.check(coupon).map_or_else(Passed::from, |()| Passed::TooMany));
    }
    if count == 1 {
        return take_one(taken, left, coupon, store);
    }
    let (mut more, mut rest) = (taken.clone(), left.clone());
    let mut sum = Discount::nothing(rest.0.len());
    for _ in 0..count {
        sum = sum.and(take_one(&mut more, &mut rest, coupon, store)?);
    }
    (*taken, *left) = (more, rest);
    Ok(sum)
}

fn take_one<'a>(
    taken: &mut Taken<'a>,
    left: &mut Left,
    coupon: &'a CouponType,
    store: StoreId,
) -> Result<Discount, Passed> {
    taken.check(coupon)?;
    let discount = left.take(coupon, store)?;
    taken.add(coupon);
    Ok(discount)
}

/// What becomes of coupons that somebody has, when the best of them are to be used: by priority, of one priority those
/// first that give most by themselves; one that goes with no other instead, if it gives more than all these together. It
/// looks at each coupon twice, not at all combinations. In the order in which they count, as [`in_turn`].
pub fn best(coupons: &[&CouponType], store: StoreId, lines: &[Line]) -> Vec<(usize, Result<Discount, Passed>)> {
    let alone: Vec<Minor> =
        coupons.iter().map(|coupon| coupon.discount(store, lines).map_or(0, |discount| discount.total_minor)).collect();
    let mut order: Vec<usize> = (0..coupons.len()).collect();
    order.sort_by_key(|place| (coupons[*place].priority, Reverse(alone[*place]), *place));
    let (exclusive, others): (Vec<usize>, Vec<usize>) =
        order.iter().partition(|place| coupons[**place].exclusive && alone[**place] > 0);
    let each: Vec<(&CouponType, u64)> = coupons.iter().map(|coupon| (*coupon, 1)).collect();
    // Those that go with others first: an exclusive one behind them is passed over if anything counts.
    let together = turn(&each, &[others, exclusive.clone()].concat(), store, lines);
    let sum: Minor = together.iter().flat_map(|(_, outcome)| outcome).map(|discount| discount.total_minor).sum();
    let single = exclusive.iter().copied().max_by_key(|place| (alone[*place], Reverse(*place)));
    match single {
        Some(single) if alone[single] > sum => {
            let rest = order.iter().copied().filter(|place| *place != single);
            let order: Vec<usize> = [single].into_iter().chain(rest).collect();
            turn(&each, &order, store, lines)
        }
        _ => {
            let passed = |(place, outcome): (usize, Result<Discount, Passed>)| match outcome {
                Err(Passed::NotStackable(NotStackable::Exclusive { .. })) if exclusive.contains(&place) => {
                    (place, Err(Passed::Less))
                }
                outcome => (place, outcome),
            };
            together.into_iter().map(passed).collect()
        }
    }
}
