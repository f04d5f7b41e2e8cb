//! Which coupons would count for a basket, what they would take off, and why others would not.

use super::Act;
use super::redeem_coupons::Choice;
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
    /// These; each one that goes with the others counts, and of what a hold has reserved all or nothing.
    Named(Vec<Choice>),
}

/// A coupon that was looked at, or all that a hold has reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotedCoupon {
    /// Its type.
    pub coupon: Code,
    /// What people read on it, when there is such a type.
    pub title: Option<Label>,
    /// The reservation that it is in, when it was named by that.
    pub hold: Option<HoldId>,
    /// How many they are: one, or as many as are reserved together.
    pub count: u64,
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
/// The most coupons of a buyer that are looked at, besides one of each type.
const CANDIDATES_MAX: usize = 100;
/// The most that can be named.
const NAMED_MAX: usize = 20;

/// Coupons that may count, together or not at all.
struct Candidate {
    kind: CouponType,
    hold: Option<HoldId>,
    count: u64,
}

/// Looks at coupons for a basket whose lines are complete, takes what counts off them, and tells of each. Those that count
/// come first, in the order in which they do: named in this order for an order, they take the same off. Of the best, each
/// type that does not count is told once.
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
                let first = candidates.len();
                consider(tx, act, &code, buyer, &mut candidates, &mut quoted)?;
                if let Some(kind) = candidates.get(first).map(|candidate| candidate.kind.clone()) {
                    consider_more(tx, act, &kind, buyer, &mut candidates)?;
                }
            }
        }
        SoughtCoupons::Named(choices) => {
            for choice in choices {
                if candidates.len() >= NAMED_MAX {
                    break;
                }
                match choice {
                    Choice::OfType(code) => consider(tx, act, code, buyer, &mut candidates, &mut quoted)?,
                    Choice::Reserved(hold) => {
                        let is_named = candidates.iter().any(|candidate| candidate.hold == Some(*hold));
                        if !is_named && let Some(found) = reserved(tx, act, *hold, buyer)? {
                            candidates.push(found);
                        }
                    }
                }
            }
        }
    }
    let is_best = *sought == SoughtCoupons::Best;
    let outcomes = if is_best {
        best(&candidates.iter().map(|candidate| &candidate.kind).collect::<Vec<_>>(), store, lines)
    } else {
        let named: Vec<_> = candidates.iter().map(|candidate| (&candidate.kind, candidate.count)).collect();
        in_turn(&named, store, lines)
    };
    for (place, outcome) in outcomes {
        let Candidate { kind, hold, count } = &candidates[place];
        let coupon = kind.unit.clone();
        let says = match outcome {
            Ok(discount) => {
                for (line, off) in lines.iter_mut().zip(&discount.lines) {
                    line.amount_minor = line.amount_minor.saturating_sub(*off);
                }
                Ok(CouponDiscount { coupon: coupon.clone(), lines: discount.lines, gift: discount.gift })
            }
            Err(_) if is_best && quoted.iter().any(|told| told.coupon == coupon) => continue,
            Err(passed) => Err(Unused { code: reason(&passed), explanation: passed.to_string() }),
        };
        quoted.push(QuotedCoupon { coupon, title: Some(kind.title.clone()), hold: *hold, count: *count, says });
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

/// What a buyer has reserved, as a whole; nothing when it is not theirs to use.
fn reserved(tx: &mut Tx, act: &mut Act<'_>, hold: HoldId, buyer: MemberId) -> Result<Option<Candidate>, StoreError> {
    let found = act.book(tx)?.find_hold(hold).map_err(of_store)?;
    let Some(found) = found.filter(|found| found.member == buyer && found.is_open_at(act.now)) else {
        return Ok(None);
    };
    let kind = tx.load::<CouponType>(&layout::coupon_type(act.merchant, &found.unit))?;
    Ok(kind.map(|kind| Candidate { kind, hold: Some(hold), count: found.amount }))
}

/// Adds a coupon to those that may count, or tells why it can not.
fn consider(
    tx: &mut Tx,
    act: &mut Act<'_>,
    code: &Code,
    buyer: MemberId,
    candidates: &mut Vec<Candidate>,
    quoted: &mut Vec<QuotedCoupon>,
) -> Result<(), StoreError> {
    let kind = tx.load::<CouponType>(&layout::coupon_type(act.merchant, code))?;
    let title = kind.as_ref().map(|kind| kind.title.clone());
    let mut unused = |code_of: &'static str, explanation: String| {
        let says = Err(Unused { code: code_of, explanation });
        quoted.push(QuotedCoupon { coupon: code.clone(), title: title.clone(), hold: None, count: 1, says });
    };
    let Some(kind) = kind else {
        unused("unknown-coupon", format!("there is no type of coupon `{code}`"));
        return Ok(());
    };
    let before = candidates.iter().filter(|candidate| candidate.hold.is_none() && candidate.kind.unit == *code);
    let named = u64::try_from(before.count()).unwrap_or(u64::MAX).saturating_add(1);
    let mut book = act.book(tx)?;
    let has = book.balance(buyer, code).map_err(of_store)?.available;
    if has < named {
        unused("not-held", format!("the buyer has {has} of `{code}`, and {named} are needed"));
        return Ok(());
    }
    match book.check_redeemable(code, named) {
        Ok(()) => candidates.push(Candidate { kind, hold: None, count: 1 }),
        Err(LedgerError::Store(error)) => return Err(error),
        Err(error @ LedgerError::CouponTooEarly { .. }) => unused("coupon-too-early", error.to_string()),
        Err(error) => unused("coupon-out-of-stock", error.to_string()),
    }
    Ok(())
}

/// Adds further coupons of a type, as many as the buyer has and a basket takes.
fn consider_more(
    tx: &mut Tx,
    act: &mut Act<'_>,
    kind: &CouponType,
    buyer: MemberId,
    candidates: &mut Vec<Candidate>,
) -> Result<(), StoreError> {
    let mut book = act.book(tx)?;
    let has = book.balance(buyer, &kind.unit).map_err(of_store)?.available;
    for count in 2..=has.min(kind.basket_max()) {
        if candidates.len() >= CANDIDATES_MAX {
            break;
        }
        match book.check_redeemable(&kind.unit, count) {
            Ok(()) => candidates.push(Candidate { kind: kind.clone(), hold: None, count: 1 }),
            Err(LedgerError::Store(error)) => return Err(error),
            Err(_) => break,
        }
    }
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
        Passed::TooMany => "too-many-coupons",
    }
}

/// A failure of the ledger's reading, which refuses nothing here.
fn of_store(error: LedgerError) -> StoreError {
    match error {
        LedgerError::Store(error) => error,
        other => StoreError::corrupt(other.to_string(), &[]),
    }
}
