//! An agreement as this pack uses it.

use punchcard_sdk::{
    CallContext, HostError, Refusal,
    agreements::{self, Agreement, Obligation, Standing},
};

use crate::rejection::Rejection;
use crate::terms::Terms;

/// An agreement with its terms, seen from the calling merchant.
pub(crate) struct Deal {
    pub(crate) id: String,
    pub(crate) partner: String,
    pub(crate) terms: Terms,
    pub(crate) is_issuer: bool,
    pub(crate) in_force: bool,
    pub(crate) balance_minor: i64,
}

impl Deal {
    /// The agreement with this id.
    pub(crate) fn open(ctx: &CallContext, agreement: &str) -> Result<Self, Refusal> {
        match agreements::get(agreement) {
            Ok(agreement) => Self::of(agreement),
            Err(HostError::NotFound(_)) => Err(Rejection::UnknownAgreement.refusal(ctx)),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn of(agreement: Agreement) -> Result<Self, Refusal> {
        let terms: Terms = agreement.terms()?;
        let is_issuer = terms.is_issuer(agreement.proposed);
        let balance_minor = balance(&agreement);
        let Agreement { id, partner, in_force, .. } = agreement;
        Ok(Self { id, partner, terms, is_issuer, in_force, balance_minor })
    }

    /// The same, if the points are the calling merchant's.
    pub(crate) fn issuing(self, ctx: &CallContext) -> Result<Self, Refusal> {
        if self.is_issuer { self.while_in_force(ctx) } else { Err(Rejection::NotIssuer.refusal(ctx)) }
    }

    /// The same, if the points are redeemed at the calling merchant.
    pub(crate) fn redeeming(self, ctx: &CallContext) -> Result<Self, Refusal> {
        if self.is_issuer { Err(Rejection::NotRedeemer.refusal(ctx)) } else { self.while_in_force(ctx) }
    }

    fn while_in_force(self, ctx: &CallContext) -> Result<Self, Refusal> {
        if self.in_force { Ok(self) } else { Err(Rejection::NotInForce.refusal(ctx)) }
    }

    /// Books in the books of both that the calling merchant owes the partner so much more; nothing for nothing.
    pub(crate) fn owe(&self, ctx: &CallContext, amount: u64, reason: &str) -> Result<(), Refusal> {
        if amount == 0 {
            return Ok(());
        }
        let obligation = Obligation { agreement: self.id.clone(), amount, reason: reason.to_owned() };
        match agreements::owe(&obligation) {
            Ok(_) => Ok(()),
            Err(HostError::Limit(_)) => Err(Rejection::CreditUsedUp.refusal(ctx)),
            Err(error) => Err(error.into()),
        }
    }
}

/// How much more the partner owes than is owed to them, in minor units.
pub(crate) fn balance(agreement: &Agreement) -> i64 {
    let whole = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
    match agreement.balance {
        Standing::Even => 0,
        Standing::Due(amount) => whole(amount),
        Standing::Owed(amount) => -whole(amount),
    }
}

/// An amount as it is in a statement.
pub(crate) fn signed(ctx: &CallContext, amount: u64) -> Result<i64, Refusal> {
    i64::try_from(amount).map_err(|_| Rejection::TooMuch.refusal(ctx))
}
