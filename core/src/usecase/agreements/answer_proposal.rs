//! A proposal is accepted or declined, and an agreement ends.

use jiff::Timestamp;

use super::propose::told;
use super::{Agreement, AgreementState, PARTNER_MONEY, find, in_name_of, tell_both, transacting};
use crate::domain::{AgreementId, Code, Unit, UnitKind};
use crate::store::{StoreError, Tx, layout};
use crate::usecase::Act;

/// Why an agreement stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Not one of the merchant's.
    #[error("there is no agreement {0}")]
    UnknownAgreement(AgreementId),
    /// It is not in a state in which that can be done.
    #[error("the agreement {agreement} is {}, so this can not be done", .state.name())]
    State {
        /// Which.
        agreement: AgreementId,
        /// How it stands.
        state: AgreementState,
    },
    /// The one who has proposed it has accepted it by that.
    #[error("you have proposed {0}: it is for the partner to accept it")]
    OwnProposal(AgreementId),
    /// The pack is not enabled, or may not work with partners.
    #[error("the pack `{0}` is not enabled with the grant agreements:transact, which it needs for work with partners")]
    NotTransacting(Code),
    /// The merchant's revision of the pack does not know such terms.
    #[error("the terms do not fulfil the schema of your revision of the pack: {}", .0.join("; "))]
    Terms(Vec<String>),
    /// The unit in which it would be counted is somebody else's.
    #[error("the unit `{PARTNER_MONEY}`, in which agreements are counted, is declared by the merchant or a pack")]
    UnitTaken,
    /// It would end later than it does, or in the past.
    #[error("an agreement can be made to end earlier, and not before now; {0} is neither")]
    WrongEnd(Timestamp),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Accepts what was proposed: from now on it is in force.
///
/// # Errors
/// The first refusal in the order of [`AnswerError`]'s variants.
pub fn accept_agreement(tx: &mut Tx, act: &mut Act<'_>, id: AgreementId) -> Result<Agreement, AnswerError> {
    let agreement = find(tx, act.merchant, id)?.ok_or(AnswerError::UnknownAgreement(id))?;
    if agreement.state(act.now) != AgreementState::Proposed {
        return Err(AnswerError::State { agreement: id, state: agreement.state(act.now) });
    }
    if agreement.proposer == act.merchant {
        return Err(AnswerError::OwnProposal(id));
    }
    let not_transacting = || AnswerError::NotTransacting(agreement.pack.clone());
    let active = transacting(tx, act, act.merchant, &agreement.pack)?.ok_or_else(not_transacting)?;
    let pack = active.loaded.as_ref().map_err(|_| not_transacting())?;
    let terms = serde_json::from_str(&agreement.terms).unwrap_or_default();
    pack.check_terms(&terms).ok_or_else(not_transacting)?.map_err(AnswerError::Terms)?;
    let unit = Code::new(PARTNER_MONEY).expect("a word is a code");
    for merchant in [agreement.proposer, agreement.partner] {
        let key = layout::unit(merchant, &unit);
        let wanted = Unit::new(unit.clone(), UnitKind::Money(agreement.currency), None);
        match tx.load::<Unit>(&key)? {
            None => tx.save(&key, &wanted)?,
            Some(there) if there.kind == wanted.kind && there.declared_by.is_none() => {}
            Some(_) => return Err(AnswerError::UnitTaken),
        }
    }
    let accepted = Agreement { accepted_at: Some(act.now), ..agreement.clone() };
    change(tx, act, &agreement, &accepted, "accepted")?;
    Ok(accepted)
}

/// Ends an agreement at an instant, or now. A proposal is declined by that, or taken back.
///
/// # Errors
/// The first refusal in the order of [`AnswerError`]'s variants.
pub fn end_agreement(
    tx: &mut Tx,
    act: &mut Act<'_>,
    id: AgreementId,
    at: Option<Timestamp>,
) -> Result<Agreement, AnswerError> {
    let agreement = find(tx, act.merchant, id)?.ok_or(AnswerError::UnknownAgreement(id))?;
    let (after, state) = match agreement.state(act.now) {
        AgreementState::Proposed => (Agreement { declined_at: Some(act.now), ..agreement.clone() }, "declined"),
        AgreementState::InForce => {
            let until = at.unwrap_or(act.now);
            if until < act.now || agreement.until.is_some_and(|end| end < until) {
                return Err(AnswerError::WrongEnd(until));
            }
            (Agreement { until: Some(until), ..agreement.clone() }, "ended")
        }
        state @ (AgreementState::Declined | AgreementState::Ended) => {
            return Err(AnswerError::State { agreement: id, state });
        }
    };
    change(tx, act, &agreement, &after, state)?;
    Ok(after)
}

/// Keeps what an agreement has become, in the audit logs of both.
fn change(
    tx: &mut Tx,
    act: &mut Act<'_>,
    before: &Agreement,
    after: &Agreement,
    state: &str,
) -> Result<(), StoreError> {
    tx.save(&layout::agreement(after.proposer, after.id), after)?;
    let (name, before, shown) = (after.id.to_string(), told(before), told(after));
    act.record(tx, "agreement", &name, Some(&before), Some(&shown))?;
    let other = after.partner_of(act.merchant);
    in_name_of(act, other, &after.pack, |theirs| theirs.record(tx, "agreement", &name, Some(&before), Some(&shown)))?;
    tell_both(tx, act, after, state)
}
