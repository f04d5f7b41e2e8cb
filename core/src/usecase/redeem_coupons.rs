//! A member uses coupons for a basket, and gets them back when the basket comes back.

use serde::{Deserialize, Serialize};

use super::host::{has_member, has_store};
use super::{Act, Reply};
use crate::domain::{
    Code, CouponType, Event, Inapplicable, Line, LineFault, MemberId, MerchantId, Minor, NotStackable, Order,
    PostingId, StoreId, check_stacking,
};
use crate::ledger::{Cause, House, LedgerError, Move, NewPosting, Posting};
use crate::store::{Key, Record, StoreError, Tx, layout};

/// Which coupons are used for what.
#[derive(Clone, Debug)]
pub struct RedeemCoupons {
    /// Whose coupons.
    pub member: MemberId,
    /// Of which types, in the order in which they count; a type may be named more than once.
    pub coupons: Vec<Code>,
    /// In which store.
    pub store: StoreId,
    /// For which basket.
    pub lines: Vec<Line>,
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

/// What one coupon gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponDiscount {
    /// Of which type it is.
    pub coupon: Code,
    /// What it takes off each line.
    pub lines: Vec<Minor>,
    /// What is given on top, and how many.
    pub gift: Option<(crate::domain::Label, u32)>,
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
    /// None is named.
    #[error("no coupon is named")]
    NoCoupons,
    /// More than a basket takes.
    #[error("a basket takes at most {COUPONS_MAX} coupons, but {0} are named")]
    TooManyCoupons(usize),
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
const COUPONS_MAX: usize = 20;

/// Redeems coupons for a basket, all or none. Each one counts on what the ones before it have left of the lines, so that
/// together they never take off more than the basket costs.
///
/// # Errors
/// The first refusal in the order of [`RedeemError`]'s variants.
pub fn redeem_coupons(tx: &mut Tx, act: &mut Act<'_>, redeem: &RedeemCoupons) -> Result<Redeemed, RedeemError> {
    if !has_member(tx, act.merchant, redeem.member)? {
        return Err(RedeemError::UnknownMember(redeem.member));
    }
    Order::total(&redeem.lines)?;
    if !has_store(tx, act.merchant, redeem.store)? {
        return Err(RedeemError::UnknownStore(redeem.store));
    }
    match redeem.coupons.len() {
        0 => return Err(RedeemError::NoCoupons),
        1..=COUPONS_MAX => {}
        more => return Err(RedeemError::TooManyCoupons(more)),
    }
    let mut types = Vec::new();
    for code in &redeem.coupons {
        let found = tx.load::<CouponType>(&layout::coupon_type(act.merchant, code))?;
        types.push(found.ok_or_else(|| RedeemError::UnknownCoupon(code.clone()))?);
    }
    check_stacking(&types)?;
    let (discounts, total_minor) = discounts(&types, redeem)?;
    let posting = act.ids.posting();
    let member = redeem.member;
    let moves = redeem
        .coupons
        .iter()
        .map(|unit| Move::Spend { member, unit: unit.clone(), amount: 1, to: House::Redeemed })
        .collect();
    act.book(tx)?.post(&NewPosting { id: posting, cause: Cause::Coupon, pack: None, reason: None, moves })?;
    let (coupons, at) = (redeem.coupons.clone(), act.now);
    act.tell(tx, &Event::CouponsRedeemed { member, coupons, discount_minor: total_minor, posting, at })?;
    Ok(Redeemed { posting, discounts, total_minor })
}

/// Gives redeemed coupons back: each is again what it was, and expires when it would have.
///
/// # Errors
/// [`LedgerError::UnknownPosting`] when that is no redemption of coupons, and what the ledger refuses.
pub fn return_coupons(tx: &mut Tx, act: &mut Act<'_>, redeemed: PostingId) -> Result<PostingId, LedgerError> {
    let posting = tx.load::<Posting>(&layout::posting(act.merchant, redeemed))?;
    let is_redemption = posting.is_some_and(|posting| {
        posting.cause == Cause::Coupon
            && posting.entries.iter().all(|entry| matches!(entry.wanted, Move::Spend { .. } | Move::PostHold { .. }))
    });
    if !is_redemption {
        return Err(LedgerError::UnknownPosting(redeemed));
    }
    let id = act.ids.posting();
    let moves = vec![Move::Reverse { posting: redeemed }];
    act.book(tx)?.post(&NewPosting { id, cause: Cause::Coupon, pack: None, reason: None, moves })?;
    Ok(id)
}

fn discounts(types: &[CouponType], redeem: &RedeemCoupons) -> Result<(Vec<CouponDiscount>, Minor), RedeemError> {
    let (mut left, mut total, mut all) = (redeem.lines.clone(), 0, Vec::new());
    for coupon in types {
        let discount = coupon
            .discount(redeem.store, &left)
            .map_err(|reason| RedeemError::Inapplicable { coupon: coupon.unit.clone(), reason })?;
        for (line, off) in left.iter_mut().zip(&discount.lines) {
            line.amount_minor -= off;
        }
        total += discount.total_minor;
        all.push(CouponDiscount { coupon: coupon.unit.clone(), lines: discount.lines, gift: discount.gift });
    }
    Ok((all, total))
}
