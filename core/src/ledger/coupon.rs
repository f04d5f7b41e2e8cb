//! Coupons: units with a definition, each coupon of a member in a lot of its own.
//!
//! Coupons are issued as their type says; reserved by a hold and redeemed by its posting, or redeemed directly by
//! spending; returned by a reversal. Of one type, those that expire first go first. The limits are read from totals
//! that are kept anyway: how many were issued in all is what ever left [`House::Issued`] and did not come back from
//! members, and how many of the stock are
//! taken is what is in [`House::Redeemed`] and [`House::Held`]. Only types that have a limit read its total, so only
//! they make two tills wait for each other.

use super::book::{credit, plus, signed};
use super::liability::kept_in;
use super::{Book, House, ISSUE_MAX, LedgerError, Transfer, lots};
use crate::domain::{Code, CouponType, MemberId, Minor, PostingId, Unit, UnitKind};
use crate::store::layout::{self, Side};

impl Book<'_> {
    pub(super) fn issue(
        &mut self,
        posting: PostingId,
        member: MemberId,
        unit: &Unit,
        count: Minor,
    ) -> Result<Vec<Transfer>, LedgerError> {
        let code = &unit.code;
        let coupon = self.coupon_type(unit)?.ok_or_else(|| LedgerError::NotCoupon(code.clone()))?;
        if count > ISSUE_MAX {
            return Err(LedgerError::TooManyCoupons(count));
        }
        let expires_at =
            coupon.expires_at(self.now, &self.zone).ok_or_else(|| LedgerError::CouponEndless(code.clone()))?;
        if self.is_over(expires_at) {
            return Err(LedgerError::CouponOver { unit: code.clone(), until: expires_at });
        }
        self.check_issued(&coupon, member, unit, count)?;
        let mut account = self.touch_to_receive(member, unit)?;
        self.count_earning(&mut account, unit, count)?;
        let mut transfers = Vec::new();
        let rest = self.repay(&mut account, member, code, count, House::Issued, &mut transfers)?;
        if rest > 0 {
            self.check_room(&account, unit, rest)?;
            let mut opened = Vec::new();
            for _ in 0..rest {
                let id = self.ids.lot();
                opened.push(lots::open(self, id, posting, member, code, 1, Some(expires_at))?);
            }
            account.balance = plus(account.balance, rest)?;
            transfers.push(credit(code, House::Issued, member, opened)?);
        }
        self.save_account(member, code, account)?;
        self.tx.add(&layout::coupons_issued(self.merchant, member, code), signed(count)?)?;
        Ok(transfers)
    }

    /// Counts issued coupons no more, because a reversal has taken them back. Used ones count for ever.
    pub(super) fn unissue(&mut self, member: MemberId, unit: &Code, count: Minor) -> Result<(), LedgerError> {
        let key = layout::coupons_issued(self.merchant, member, unit);
        Ok(self.tx.add(&key, signed(count)?.saturating_neg())?)
    }

    /// Checks that so many coupons of a type could be redeemed now, as far as that is not a matter of who has them.
    ///
    /// # Errors
    /// [`LedgerError::CouponTooEarly`], [`LedgerError::CouponOutOfStock`], and the store's failures.
    pub fn check_redeemable(&mut self, unit: &Code, amount: Minor) -> Result<(), LedgerError> {
        let unit = self.unit(unit)?;
        self.check_coupon(&unit, amount)
    }

    /// Checks that so many coupons can be redeemed or reserved; other units are no matter of this.
    pub(super) fn check_coupon(&mut self, unit: &Unit, amount: Minor) -> Result<(), LedgerError> {
        let Some(coupon) = self.coupon_type(unit)? else { return Ok(()) };
        let code = &unit.code;
        if let Some(from) = coupon.begins_at()
            && !self.is_over(from)
        {
            return Err(LedgerError::CouponTooEarly { unit: code.clone(), from });
        }
        if let Some(stock) = coupon.stock {
            let redeemed = kept_in(self.tx, self.merchant, House::Redeemed, code)?;
            let held = kept_in(self.tx, self.merchant, House::Held, code)?;
            if redeemed.saturating_add(held).saturating_add(signed(amount)?) > i64::from(stock) {
                return Err(LedgerError::CouponOutOfStock { unit: code.clone(), stock });
            }
        }
        Ok(())
    }

    fn check_issued(
        &mut self,
        coupon: &CouponType,
        member: MemberId,
        unit: &Unit,
        count: Minor,
    ) -> Result<(), LedgerError> {
        let code = &unit.code;
        if let Some(max) = coupon.per_member_max {
            let issued = self.tx.counter(&layout::coupons_issued(self.merchant, member, code))?;
            if issued.saturating_add(signed(count)?) > i64::from(max) {
                return Err(LedgerError::CouponMemberMax { unit: code.clone(), max });
            }
        }
        if let Some(max) = coupon.total_max {
            let issued = self.issued_in_all(code)?;
            if issued.saturating_add(signed(count)?) > i64::from(max) {
                return Err(LedgerError::CouponTotalMax { unit: code.clone(), max });
            }
        }
        Ok(())
    }

    /// How many coupons were issued and have not come back from members. What a reversal could not take back came to
    /// [`House::Issued`] from what is forgiven or owed, so it is added again.
    fn issued_in_all(&mut self, unit: &Code) -> Result<i64, LedgerError> {
        let mut issued = kept_in(self.tx, self.merchant, House::Issued, unit)?.saturating_neg();
        for house in [House::Forgiven, House::Debt] {
            let missing = self.tx.counter(&layout::house(self.merchant, house.letter(), Side::Debits, unit))?;
            issued = issued.saturating_add(missing);
        }
        Ok(issued)
    }

    /// The definition of a unit that is a type of coupon.
    fn coupon_type(&mut self, unit: &Unit) -> Result<Option<CouponType>, LedgerError> {
        match unit.kind {
            UnitKind::Coupon => self.must(&layout::coupon_type(self.merchant, &unit.code)).map(Some),
            UnitKind::Count | UnitKind::Money(_) => Ok(None),
        }
    }
}
