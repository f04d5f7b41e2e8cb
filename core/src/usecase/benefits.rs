//! A merchant defines service benefits, and members use them up to their quota.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::host::has_store;
use super::{Act, Reply};
use crate::domain::{Code, Event, Member, MemberId, MerchantId, ServiceBenefit, StoreId};
use crate::store::{Key, Record, StoreError, Tx, layout, member_of};

/// Why a benefit is not defined, or not taken away.
#[derive(Debug, thiserror::Error)]
pub enum BenefitError {
    /// More than a merchant may have.
    #[error("a merchant has at most {} benefits", ServiceBenefit::COUNT_MAX)]
    TooMany,
    /// Not a benefit of the merchant.
    #[error("there is no benefit `{0}`")]
    Unknown(Code),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a benefit is not used.
#[derive(Debug, thiserror::Error)]
pub enum UseError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// Not a benefit of the merchant.
    #[error("there is no benefit `{0}`")]
    UnknownBenefit(Code),
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// It is for others.
    #[error("`{0}` is not for this member: it asks for a level or a tag that they have not")]
    NotEntitled(Code),
    /// It is used up.
    #[error("`{benefit}` is used up: {quota} times in this period")]
    UsedUp {
        /// Which.
        benefit: Code,
        /// How often it may be used.
        quota: u32,
    },
    /// There is nothing to take back.
    #[error("`{0}` was not used in this period")]
    NotUsed(Code),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a member has of a benefit in the period that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenefitLeft {
    /// The benefit.
    pub benefit: ServiceBenefit,
    /// Whether it is for the member.
    pub entitled: bool,
    /// How often it was used.
    pub used: u32,
    /// How often it can be.
    pub left: u32,
}

/// A use of a benefit: kept with the idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenefitUsed {
    /// By whom.
    pub member: MemberId,
    /// How often it was used in the period then.
    pub used: u32,
    /// How often it could still be used then.
    pub left: u32,
}

impl Record for BenefitUsed {
    const VERSION: u8 = 1;
    const NAME: &'static str = "use of a benefit";
}

impl Reply for BenefitUsed {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::member(merchant, self.member))
    }
}

/// Defines a benefit, or changes it from now on: what was used in a period counts.
///
/// # Errors
/// The first refusal in the order of [`BenefitError`]'s variants.
pub fn define_benefit(tx: &mut Tx, act: &mut Act<'_>, new: &ServiceBenefit) -> Result<(), BenefitError> {
    let key = layout::benefit(act.merchant, &new.code);
    let before = tx.load::<ServiceBenefit>(&key)?;
    if before.is_none() && list_benefits(tx, act.merchant)?.len() >= ServiceBenefit::COUNT_MAX {
        return Err(BenefitError::TooMany);
    }
    if before.as_ref() != Some(new) {
        tx.save(&key, new)?;
        act.record(tx, "benefit", new.code.as_str(), before.as_ref(), Some(new))?;
    }
    Ok(())
}

/// Takes a benefit away: nobody has it any more. What was used of it in a period counts if it comes back in the same one.
///
/// # Errors
/// [`BenefitError::Unknown`], and the store's failures.
pub fn drop_benefit(tx: &mut Tx, act: &mut Act<'_>, code: &Code) -> Result<(), BenefitError> {
    let key = layout::benefit(act.merchant, code);
    let before = tx.load::<ServiceBenefit>(&key)?.ok_or_else(|| BenefitError::Unknown(code.clone()))?;
    tx.delete(&key);
    act.record(tx, "benefit", code.as_str(), Some(&before), None)?;
    Ok(())
}

/// The benefits of a merchant, in the order of their codes.
///
/// # Errors
/// The store's failures.
pub(super) fn list_benefits(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<ServiceBenefit>, StoreError> {
    let mut benefits = Vec::new();
    tx.each::<ServiceBenefit>(&layout::benefits(merchant), |_, benefit| benefits.push(benefit))?;
    Ok(benefits)
}

/// What a member has of each benefit, today.
///
/// # Errors
/// [`UseError::UnknownMember`], and the store's failures.
pub fn read_benefits(tx: &mut Tx, act: &Act<'_>, member: MemberId) -> Result<Vec<BenefitLeft>, UseError> {
    let record = member_of(tx, act.merchant, member)?.ok_or(UseError::UnknownMember(member))?;
    let mut all = Vec::new();
    for benefit in list_benefits(tx, act.merchant)? {
        let used = used(tx, act, &benefit, record.id)?;
        let entitled = benefit.is_for(&record, act.now);
        let left = if entitled { benefit.quota.saturating_sub(used) } else { 0 };
        all.push(BenefitLeft { benefit, entitled, used, left });
    }
    Ok(all)
}

/// A member uses a benefit once. Of two tills that give away the last one at once, one wins.
///
/// # Errors
/// The first refusal in the order of [`UseError`]'s variants.
pub fn use_benefit(
    tx: &mut Tx,
    act: &mut Act<'_>,
    member: MemberId,
    code: &Code,
    store: Option<StoreId>,
) -> Result<BenefitUsed, UseError> {
    let (record, benefit) = found(tx, act, member, code)?;
    let member = record.id;
    if let Some(store) = store
        && !has_store(tx, act.merchant, store)?
    {
        return Err(UseError::UnknownStore(store));
    }
    if !benefit.is_for(&record, act.now) {
        return Err(UseError::NotEntitled(code.clone()));
    }
    let before = used(tx, act, &benefit, member)?;
    if before >= benefit.quota {
        return Err(UseError::UsedUp { benefit: code.clone(), quota: benefit.quota });
    }
    let key = uses(today(tx, act)?, act, &benefit, member);
    tx.add(&key, 1)?;
    record_uses(tx, act, member, code, (before, before + 1))?;
    act.tell(tx, &Event::BenefitUsed { member, benefit: code.clone(), store, at: act.now })?;
    Ok(BenefitUsed { member, used: before + 1, left: benefit.quota - before - 1 })
}

/// Who gave a benefit or took a use of it back is in the audit log.
fn record_uses(
    tx: &mut Tx,
    act: &mut Act<'_>,
    member: MemberId,
    code: &Code,
    (before, after): (u32, u32),
) -> Result<(), StoreError> {
    let told = |used: u32| Some(json!({ "benefit": code, "used": used }));
    act.record_of(tx, member, "benefit-use", (told(before), told(after)), None)
}

/// Takes back one use of a benefit in the period that is: it was not given after all.
///
/// # Errors
/// The first refusal in the order of [`UseError`]'s variants.
pub fn return_benefit(tx: &mut Tx, act: &mut Act<'_>, member: MemberId, code: &Code) -> Result<BenefitUsed, UseError> {
    let (Member { id: member, .. }, benefit) = found(tx, act, member, code)?;
    let before = used(tx, act, &benefit, member)?;
    if before == 0 {
        return Err(UseError::NotUsed(code.clone()));
    }
    let key = uses(today(tx, act)?, act, &benefit, member);
    tx.add(&key, -1)?;
    record_uses(tx, act, member, code, (before, before - 1))?;
    act.tell(tx, &Event::BenefitReturned { member, benefit: code.clone(), at: act.now })?;
    Ok(BenefitUsed { member, used: before - 1, left: benefit.quota.saturating_sub(before - 1) })
}

fn found(tx: &mut Tx, act: &Act<'_>, member: MemberId, code: &Code) -> Result<(Member, ServiceBenefit), UseError> {
    let record = member_of(tx, act.merchant, member)?.ok_or(UseError::UnknownMember(member))?;
    let benefit = tx.load::<ServiceBenefit>(&layout::benefit(act.merchant, code))?;
    Ok((record, benefit.ok_or_else(|| UseError::UnknownBenefit(code.clone()))?))
}

fn today(tx: &mut Tx, act: &Act<'_>) -> Result<jiff::civil::Date, StoreError> {
    Ok(act.merchant(tx)?.time_zone.zone().to_datetime(act.now).date())
}

fn uses(day: jiff::civil::Date, act: &Act<'_>, benefit: &ServiceBenefit, member: MemberId) -> Key {
    layout::benefit_uses(act.merchant, member, &benefit.code, benefit.period.begin(day))
}

fn used(tx: &mut Tx, act: &Act<'_>, benefit: &ServiceBenefit, member: MemberId) -> Result<u32, StoreError> {
    let day = today(tx, act)?;
    let count = tx.counter(&uses(day, act, benefit, member))?;
    Ok(u32::try_from(count).unwrap_or(0))
}
