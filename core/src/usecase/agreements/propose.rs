//! A merchant proposes an agreement to another one.

use jiff::Timestamp;
use serde_json::Value;

use super::{Agreement, merchant, tell_both, transacting};
use crate::domain::{Code, Currency, MerchantId, Minor};
use crate::store::{Direction, StoreError, Tx, layout};
use crate::usecase::Act;

/// What is proposed.
#[derive(Clone, Debug)]
pub struct ProposeAgreement {
    /// By which pack the two would work together.
    pub pack: Code,
    /// The handle of the other merchant.
    pub partner: Code,
    /// What they would agree on.
    pub terms: Value,
    /// The most that either may owe the other.
    pub credit_max_minor: Option<Minor>,
    /// Until when it would be in force, if not for ever.
    pub until: Option<Timestamp>,
}

/// Why nothing is proposed.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// The pack is not enabled, or may not work with partners.
    #[error("the pack `{0}` is not enabled with the grant agreements:transact, which it needs for work with partners")]
    NotTransacting(Code),
    /// Nobody has that handle.
    #[error("no merchant has the handle `{0}`")]
    UnknownPartner(Code),
    /// It is the merchant's own.
    #[error("an agreement is made with another merchant, and `{0}` is your own handle")]
    OwnHandle(Code),
    /// Whoever gets it has to see from whom it is.
    #[error(
        "give your own merchant a handle first (`punchcard merchant handle`): your partner sees by it from whom the proposal is"
    )]
    NoHandle,
    /// They count in different currencies.
    #[error("the currencies differ: yours is {own}, the partner's is {partner}")]
    Currencies {
        /// The merchant's own.
        own: Currency,
        /// The partner's.
        partner: Currency,
    },
    /// The terms do not fulfil the pack's schema.
    #[error("the terms do not fulfil the pack's schema: {}", .0.join("; "))]
    Terms(Vec<String>),
    /// The terms are too long.
    #[error("the terms have {bytes} bytes, at most {TERMS_MAX_BYTES} are allowed")]
    TermsTooLong {
        /// How long they are.
        bytes: usize,
    },
    /// It would be over before it begins.
    #[error("the agreement would end at {0}, which is not in the future")]
    Over(Timestamp),
    /// Too many.
    #[error("a merchant proposes at most {PROPOSED_MAX} agreements")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const TERMS_MAX_BYTES: usize = 16 << 10;
/// How many agreements a merchant proposes, over all times.
const PROPOSED_MAX: usize = 1_000;

/// Proposes an agreement. It is in force when the other one accepts it.
///
/// # Errors
/// The first refusal in the order of [`ProposeError`]'s variants.
pub fn propose_agreement(tx: &mut Tx, act: &mut Act<'_>, new: &ProposeAgreement) -> Result<Agreement, ProposeError> {
    let not_transacting = || ProposeError::NotTransacting(new.pack.clone());
    let active = transacting(tx, act, act.merchant, &new.pack)?.ok_or_else(not_transacting)?;
    let pack = active.loaded.as_ref().map_err(|_| not_transacting())?;
    let partner = tx.load::<MerchantId>(&layout::merchant_by_handle(&new.partner))?;
    let partner = partner.ok_or_else(|| ProposeError::UnknownPartner(new.partner.clone()))?;
    if partner == act.merchant {
        return Err(ProposeError::OwnHandle(new.partner.clone()));
    }
    if tx.load::<Code>(&layout::handle(act.merchant))?.is_none() {
        return Err(ProposeError::NoHandle);
    }
    let currency = act.merchant(tx)?.currency;
    let theirs = merchant(tx, partner)?.currency;
    if currency != theirs {
        return Err(ProposeError::Currencies { own: currency, partner: theirs });
    }
    pack.check_terms(&new.terms).ok_or_else(not_transacting)?.map_err(ProposeError::Terms)?;
    let terms = new.terms.to_string();
    if terms.len() > TERMS_MAX_BYTES {
        return Err(ProposeError::TermsTooLong { bytes: terms.len() });
    }
    if let Some(until) = new.until.filter(|until| *until <= act.now) {
        return Err(ProposeError::Over(until));
    }
    if tx.scan(&layout::agreements(act.merchant), Direction::Forward, PROPOSED_MAX)?.len() == PROPOSED_MAX {
        return Err(ProposeError::TooMany);
    }
    let agreement = Agreement {
        id: act.ids.agreement(),
        pack: new.pack.clone(),
        proposer: act.merchant,
        partner,
        currency,
        terms,
        credit_max_minor: new.credit_max_minor,
        proposed_at: act.now,
        accepted_at: None,
        declined_at: None,
        until: new.until,
    };
    tx.save(&layout::agreement(act.merchant, agreement.id), &agreement)?;
    tx.save(&layout::agreement_proposed(partner, agreement.id), &act.merchant)?;
    act.record(tx, "agreement", &agreement.id.to_string(), None, Some(&told(&agreement)))?;
    tell_both(tx, act, &agreement, "proposed")?;
    Ok(agreement)
}

/// An agreement as it is in the audit logs of both: without the ids of the two.
pub(super) fn told(agreement: &Agreement) -> Value {
    let Agreement { pack, terms, credit_max_minor, accepted_at, declined_at, until, .. } = agreement;
    let instant = |at: &Option<Timestamp>| at.map(|at| at.to_string());
    serde_json::json!({
        "pack": pack, "terms": serde_json::from_str::<Value>(terms).unwrap_or(Value::Null),
        "credit_max_minor": credit_max_minor, "accepted_at": instant(accepted_at),
        "declined_at": instant(declined_at), "until": instant(until),
    })
}
