//! A merchant defines a type of coupon.

use super::Act;
use crate::domain::{Code, CouponFault, CouponType, Shortfall, Unit, UnitKind, UnitRules};
use crate::store::{StoreError, Tx, layout};

/// Why a type of coupon is not defined.
#[derive(Debug, thiserror::Error)]
pub enum DefineError {
    /// The definition is wrong by itself.
    #[error(transparent)]
    Coupon(#[from] CouponFault),
    /// Something else bears the code.
    #[error("the code `{0}` is that of another unit")]
    UnitTaken(Code),
    /// It counts, or would count, in stores of others.
    #[error("whoever is limited to stores defines no coupons that name other ones")]
    BeyondOwn,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Defines a type of coupon, or changes one. A change counts for what is issued and redeemed from now on; coupons that
/// members have keep their expiry.
///
/// A used coupon whose issue is reversed is forgiven: nobody owes a coupon.
///
/// # Errors
/// The first refusal in the order of [`DefineError`]'s variants.
pub fn define_coupon(tx: &mut Tx, act: &mut Act<'_>, coupon: &CouponType) -> Result<(), DefineError> {
    coupon.check()?;
    let key = layout::unit(act.merchant, &coupon.unit);
    match tx.load::<Unit>(&key)? {
        Some(unit) if unit.kind == UnitKind::Coupon => {}
        Some(_) => return Err(DefineError::UnitTaken(coupon.unit.clone())),
        None => {
            let rules = UnitRules { shortfall: Shortfall::Forgive, ..UnitRules::default() };
            tx.save(&key, &Unit { rules, ..Unit::new(coupon.unit.clone(), UnitKind::Coupon, None) })?;
        }
    }
    let key = layout::coupon_type(act.merchant, &coupon.unit);
    let before = tx.load::<CouponType>(&key)?;
    if !act.may_in(before.iter().chain([coupon]).flat_map(|coupon| &coupon.scope.stores)) {
        return Err(DefineError::BeyondOwn);
    }
    if before.as_ref() != Some(coupon) {
        tx.save(&key, coupon)?;
        act.record(tx, "coupon-type", coupon.unit.as_str(), before.as_ref(), Some(coupon))?;
    }
    Ok(())
}
