//! Which coupons would count for a basket, what they would take off, and why others would not.

use super::Act;
use super::redeem_coupons::{Choice, is_coupon};
use crate::domain::{
    Code, CouponDiscount, CouponType, HoldId, Label, Line, MemberId, Minor, Passed, StoreId, Unit, UnitKind, best,
    in_turn,
};
use crate::ledger::{Account, LedgerError};
use crate::store::{StoreError, Tx, layout};

/// Which coupons are looked at for a basket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SoughtCoupons {
    /// None.
    #[default]
    None,
    /// Those that the buyer has; the best of them count.
    Best,
    /// These; each one that goes with the others counts.
    Named(Vec<Choice>),
}

/// A coupon that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotedCoupon {
    /// Its type.
    pub coupon: Code,
    /// What people read on it, when there is such a type.
    pub title: Option<Label>,
    /// The reservation that it is in, when it was named by that.
    pub hold: Option<HoldId>,
    /// What it would take off, or why it would not count.
    pub says: Result<CouponDiscount, Unused>,
}

/// Why a coupon would not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Stable name of the reason.
    pub code: &'static str,
    /// The reason.
    pub explanation: String,
}

/// The most types of a buyer that are looked at.
const LOOKED_AT_MAX: usize = 50;
/// The most that can be named.
const NAMED_MAX: usize = 20;

/// A coupon that may count.
struct Candidate {
    kind: CouponType,
    hold: Option<HoldId>,
}

/// Looks at coupons for a basket whose lines are complete, takes what counts off them, and tells of each.
pub(super) fn quote_coupons(
    tx: &mut Tx,
    act: &mut Act<'_>,
    sought: &SoughtCoupons,
    buyer: Option<MemberId>,
    store: StoreId,
    lines: &mut [Line],
) -> Result<Vec<QuotedCoupon>, StoreError> {
    let mut quoted = Vec::new();
    let Some(buyer) = buyer else { return Ok(quoted) };
    let mut candidates = Vec::new();
    match sought {
        SoughtCoupons::None => return Ok(quoted),
        SoughtCoupons::Best => {
            for code in held(tx, act, buyer)? {
                consider(tx, act, (&code, None), buyer, &mut candidates, &mut quoted)?;
            }
        }
        SoughtCoupons::Named(choices) => {
            for choice in choices {
                if candidates.len() >= NAMED_MAX {
                    break;
                }
                match choice {
                    Choice::OfType(code) => consider(tx, act, (code, None), buyer, &mut candidates, &mut quoted)?,
                    Choice::Reserved(hold) => {
                        let found = reserved(tx, act, *hold, buyer)?;
                        for code in found {
                            consider(tx, act, (&code, Some(*hold)), buyer, &mut candidates, &mut quoted)?;
                        }
                    }
                }
            }
        }
    }
    let kinds: Vec<&CouponType> = candidates.iter().map(|candidate| &candidate.kind).collect();
    let outcomes = match sought {
        SoughtCoupons::Best => best(&kinds, store, lines),
        SoughtCoupons::None | SoughtCoupons::Named(_) => in_turn(&kinds, store, lines),
    };
    for (candidate, outcome) in candidates.iter().zip(outcomes) {
        let says = match outcome {
            Ok(discount) => {
                for (line, off) in lines.iter_mut().zip(&discount.lines) {
                    line.amount_minor = line.amount_minor.saturating_sub(*off);
                }
                let coupon = candidate.kind.unit.clone();
                Ok(CouponDiscount { coupon, lines: discount.lines, gift: discount.gift })
            }
            Err(passed) => Err(Unused { code: reason(&passed), explanation: passed.to_string() }),
        };
        let (coupon, title) = (candidate.kind.unit.clone(), Some(candidate.kind.title.clone()));
        quoted.push(QuotedCoupon { coupon, title, hold: candidate.hold, says });
    }
    // Those that count come first.
    quoted.sort_by_key(|quoted| quoted.says.is_err());
    Ok(quoted)
}

/// What coupons that count take off in all.
pub(super) fn taken_off(quoted: &[QuotedCoupon]) -> Minor {
    quoted.iter().flat_map(|coupon| &coupon.says).flat_map(|discount| &discount.lines).sum()
}

/// The types of which the buyer has coupons.
fn held(tx: &mut Tx, act: &mut Act<'_>, buyer: MemberId) -> Result<Vec<Code>, StoreError> {
    let mut codes = Vec::new();
    tx.each::<Account>(&layout::accounts_of(act.merchant, buyer), |key, account| {
        if account.balance > 0 {
            codes.extend(layout::owner(key).map(|(_, unit)| unit));
        }
    })?;
    let mut found = Vec::new();
    for code in codes {
        let unit = tx.load::<Unit>(&layout::unit(act.merchant, &code))?;
        if unit.is_some_and(|unit| unit.kind == UnitKind::Coupon) && found.len() < LOOKED_AT_MAX {
            found.push(code);
        }
    }
    Ok(found)
}

/// The type of what a buyer has reserved, once for each of it; nothing when it is not theirs to use.
fn reserved(tx: &mut Tx, act: &mut Act<'_>, hold: HoldId, buyer: MemberId) -> Result<Vec<Code>, StoreError> {
    let found = act.book(tx)?.find_hold(hold).map_err(of_store)?;
    let Some(found) = found.filter(|found| found.member == buyer && found.is_open_at(act.now)) else {
        return Ok(Vec::new());
    };
    if !is_coupon(tx, act.merchant, &found.unit)? {
        return Ok(Vec::new());
    }
    let count = usize::try_from(found.amount).unwrap_or(NAMED_MAX).min(NAMED_MAX);
    Ok(vec![found.unit; count])
}

/// Adds a coupon to those that may count, or tells why it can not.
fn consider(
    tx: &mut Tx,
    act: &mut Act<'_>,
    (code, hold): (&Code, Option<HoldId>),
    buyer: MemberId,
    candidates: &mut Vec<Candidate>,
    quoted: &mut Vec<QuotedCoupon>,
) -> Result<(), StoreError> {
    let kind = tx.load::<CouponType>(&layout::coupon_type(act.merchant, code))?;
    let title = kind.as_ref().map(|kind| kind.title.clone());
    let mut unused = |code_of: &'static str, explanation: String| {
        let says = Err(Unused { code: code_of, explanation });
        quoted.push(QuotedCoupon { coupon: code.clone(), title: title.clone(), hold, says });
    };
    let Some(kind) = kind else {
        unused("unknown-coupon", format!("there is no type of coupon `{code}`"));
        return Ok(());
    };
    if hold.is_none() {
        let before = candidates.iter().filter(|candidate| candidate.hold.is_none() && candidate.kind.unit == *code);
        let named = u64::try_from(before.count()).unwrap_or(u64::MAX).saturating_add(1);
        let mut book = act.book(tx)?;
        let has = book.balance(buyer, code).map_err(of_store)?.available;
        if has < named {
            unused("not-held", format!("the buyer has {has} of `{code}`, and {named} are needed"));
            return Ok(());
        }
        match book.check_redeemable(code, named) {
            Ok(()) => {}
            Err(LedgerError::Store(error)) => return Err(error),
            Err(error @ LedgerError::CouponTooEarly { .. }) => {
                unused("coupon-too-early", error.to_string());
                return Ok(());
            }
            Err(error) => {
                unused("coupon-out-of-stock", error.to_string());
                return Ok(());
            }
        }
    }
    candidates.push(Candidate { kind, hold });
    Ok(())
}

fn reason(passed: &Passed) -> &'static str {
    use crate::domain::Inapplicable;
    match passed {
        Passed::Inapplicable(Inapplicable::OtherStore) => "coupon-other-store",
        Passed::Inapplicable(Inapplicable::NothingInScope) => "coupon-nothing-in-scope",
        Passed::Inapplicable(Inapplicable::BelowThreshold { .. }) => "coupon-below-threshold",
        Passed::Inapplicable(Inapplicable::NothingLeft) => "coupon-nothing-left",
        Passed::NotStackable(_) => "not-stackable",
        Passed::Less => "others-give-more",
    }
}

/// A failure of the ledger's reading, which refuses nothing here.
fn of_store(error: LedgerError) -> StoreError {
    match error {
        LedgerError::Store(error) => error,
        other => StoreError::corrupt(other.to_string(), &[]),
    }
}
