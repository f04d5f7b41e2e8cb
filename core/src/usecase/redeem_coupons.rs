//! A member uses coupons for a basket, and gets them back when the basket comes back.

use serde::{Deserialize, Serialize};

use super::catalogue::completed;
use super::{Act, Reply};
use crate::domain::{
    Code, CouponDiscount, CouponType, Event, HoldId, Inapplicable, Line, LineFault, MemberId, MerchantId, Minor,
    NotStackable, Order, OrderId, PostingId, StoreId, Unit, UnitKind, check_stacking, discounts,
};
use crate::ledger::{Cause, House, LedgerError, Move, NewPosting, Posting};
use crate::store::{Key, Record, StoreError, Tx, layout, member_of};

/// Which coupons are used for what.
#[derive(Clone, Debug)]
pub struct RedeemCoupons {
    /// Whose coupons.
    pub member: MemberId,
    /// Which; of one priority they count in this order, and a type may be named more than once.
    pub coupons: Vec<Choice>,
    /// In which store.
    pub store: StoreId,
    /// For which basket.
    pub lines: Vec<Line>,
    /// For which order, if they are redeemed with it.
    pub order: Option<OrderId>,
}

/// A coupon of a member, or several that are reserved together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Of this type, the one that expires first.
    OfType(Code),
    /// What this hold has reserved, all of it.
    Reserved(HoldId),
}

/// What was redeemed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeemed {
    /// The posting; its reversal gives the coupons back.
    pub posting: PostingId,
    /// What each coupon gives, in the order asked for.
    pub discounts: Vec<CouponDiscount>,
    /// What is taken off in all.
    pub total_minor: Minor,
}

impl Record for Redeemed {
    const VERSION: u8 = 1;
    const NAME: &'static str = "redeemed coupons";
}

impl Reply for Redeemed {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::posting(merchant, self.posting))
    }
}

/// Why no coupon is redeemed.
#[derive(Debug, thiserror::Error)]
pub enum RedeemError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// The basket is wrong.
    #[error(transparent)]
    Lines(#[from] LineFault),
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// Not a reservation of coupons of this member.
    #[error("{0} is no reservation of coupons of the member")]
    UnknownReservation(HoldId),
    /// None is named.
    #[error("no coupon is named")]
    NoCoupons,
    /// More than a basket takes.
    #[error("a basket takes at most {COUPONS_MAX} coupons, but {0} are named")]
    TooManyCoupons(u64),
    /// Not a type of coupon of the merchant.
    #[error("there is no type of coupon `{0}`")]
    UnknownCoupon(Code),
    /// Two do not go together.
    #[error(transparent)]
    NotStackable(#[from] NotStackable),
    /// One gives nothing for this basket.
    #[error("`{coupon}`: {reason}")]
    Inapplicable {
        /// Of which type it is.
        coupon: Code,
        /// Why.
        reason: Inapplicable,
    },
    /// The ledger refuses: the member has no such coupon, or none are left.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The most coupons that one basket takes.
const COUPONS_MAX: u64 = CouponType::BASKET_MAX;

/// Redeems coupons for a basket, all or none. Each one counts on what the ones before it have left of the lines, so that
/// together they never take off more than the basket costs.
///
/// # Errors
/// The first refusal in the order of [`RedeemError`]'s variants.
pub fn redeem_coupons(tx: &mut Tx, act: &mut Act<'_>, redeem: &RedeemCoupons) -> Result<Redeemed, RedeemError> {
    let RedeemCoupons { member, store, .. } = *redeem;
    let member = member_of(tx, act.merchant, member)?.ok_or(RedeemError::UnknownMember(member))?.id;
    Order::total(&redeem.lines)?;
    act.enter(tx, Some(store))?.map_err(RedeemError::UnknownStore)?;
    let (coupons, moves) = named(tx, act, member, &redeem.coupons)?;
    let mut types = Vec::new();
    for code in &coupons {
        let found = tx.load::<CouponType>(&layout::coupon_type(act.merchant, code))?;
        types.push(found.ok_or_else(|| RedeemError::UnknownCoupon(code.clone()))?);
    }
    check_stacking(&types)?;
    let lines = completed(tx, act.merchant, &redeem.lines)?;
    let all: Vec<&CouponType> = types.iter().collect();
    let discounts = discounts(&all, store, &lines)
        .map_err(|(place, reason)| RedeemError::Inapplicable { coupon: coupons[place].clone(), reason })?;
    let total_minor = discounts.iter().map(|discount| discount.total_minor).sum();
    let posting = act.ids.posting();
    let cause = redeem.order.map_or(Cause::Coupon, Cause::Order);
    act.book(tx)?.post(&NewPosting { id: posting, cause, pack: None, reason: None, moves })?;
    let discounts = coupons.iter().zip(discounts).map(|(coupon, discount)| CouponDiscount {
        coupon: coupon.clone(),
        lines: discount.lines,
        gift: discount.gift,
    });
    let discounts = discounts.collect();
    act.tell(tx, &Event::CouponsRedeemed { member, coupons, discount_minor: total_minor, posting, at: act.now })?;
    Ok(Redeemed { posting, discounts, total_minor })
}

/// The type of each coupon that is named, and what takes them from the member.
fn named(
    tx: &mut Tx,
    act: &mut Act<'_>,
    member: MemberId,
    choices: &[Choice],
) -> Result<(Vec<Code>, Vec<Move>), RedeemError> {
    let (mut coupons, mut moves, mut count) = (Vec::new(), Vec::new(), 0_u64);
    for choice in choices {
        let (unit, amount) = match choice {
            Choice::OfType(unit) => {
                let unit = unit.clone();
                moves.push(Move::Spend { member, unit: unit.clone(), amount: 1, to: House::Redeemed });
                (unit, 1)
            }
            Choice::Reserved(hold) => {
                let found = act.book(tx)?.find_hold(*hold)?.filter(|found| found.member == member);
                let found = found.ok_or(RedeemError::UnknownReservation(*hold))?;
                if !is_coupon(tx, act.merchant, &found.unit)? {
                    return Err(RedeemError::UnknownReservation(*hold));
                }
                moves.push(Move::PostHold { hold: *hold, amount: None, to: House::Redeemed });
                (found.unit, found.amount)
            }
        };
        count = count.saturating_add(amount);
        coupons.extend((0..amount.min(COUPONS_MAX)).map(|_| unit.clone()));
    }
    match count {
        0 => Err(RedeemError::NoCoupons),
        1..=COUPONS_MAX => Ok((coupons, moves)),
        more => Err(RedeemError::TooManyCoupons(more)),
    }
}

/// Whether a unit is a type of coupon.
pub(super) fn is_coupon(tx: &mut Tx, merchant: MerchantId, unit: &Code) -> Result<bool, StoreError> {
    let unit = tx.load::<Unit>(&layout::unit(merchant, unit))?;
    Ok(unit.is_some_and(|unit| unit.kind == UnitKind::Coupon))
}

/// Which coupons come back.
#[derive(Clone, Copy, Debug)]
pub struct ReturnCoupons {
    /// Whose.
    pub member: MemberId,
    /// The posting that redeemed them.
    pub redemption: PostingId,
    /// In which store, if in one.
    pub store: Option<StoreId>,
}

/// Coupons that were given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponsReturned {
    /// The posting that gave them back.
    pub posting: PostingId,
}

impl Record for CouponsReturned {
    const VERSION: u8 = 1;
    const NAME: &'static str = "returned coupons";
}

impl Reply for CouponsReturned {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::posting(merchant, self.posting))
    }
}

/// Why coupons are not given back.
#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// Not a redemption of coupons of this member.
    #[error("the member has redeemed no coupons in {0}")]
    UnknownRedemption(PostingId),
    /// They were redeemed for an order, and come back with it.
    #[error("these coupons were redeemed for {0}: they come back when all of it is refunded")]
    OfOrder(OrderId),
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives coupons back that a member redeemed without an order: each is again what it was, and expires when it would have.
///
/// # Errors
/// The first refusal in the order of [`ReturnError`]'s variants.
pub fn return_coupons(tx: &mut Tx, act: &mut Act<'_>, back: &ReturnCoupons) -> Result<CouponsReturned, ReturnError> {
    let ReturnCoupons { member, redemption, store } = *back;
    let member = member_of(tx, act.merchant, member)?.ok_or(ReturnError::UnknownMember(member))?.id;
    act.enter(tx, store)?.map_err(ReturnError::UnknownStore)?;
    let unknown = || ReturnError::UnknownRedemption(redemption);
    let booked = tx.load::<Posting>(&layout::posting(act.merchant, redemption))?.ok_or_else(unknown)?;
    let is_redemption = matches!(booked.cause, Cause::Coupon | Cause::Order(_))
        && booked.pack.is_none()
        && booked.entries.iter().all(|entry| matches!(entry.wanted, Move::Spend { .. } | Move::PostHold { .. }));
    let is_theirs = tx.get(&layout::member_posting(act.merchant, member, redemption))?.is_some();
    if !is_redemption || !is_theirs {
        return Err(unknown());
    }
    if let Cause::Order(order) = booked.cause {
        return Err(ReturnError::OfOrder(order));
    }
    let posting = act.ids.posting();
    let moves = vec![Move::Reverse { posting: redemption }];
    act.book(tx)?.post(&NewPosting { id: posting, cause: Cause::Coupon, pack: None, reason: None, moves })?;
    act.tell(tx, &Event::CouponsReturned { member, redemption, posting, at: act.now })?;
    Ok(CouponsReturned { posting })
}
