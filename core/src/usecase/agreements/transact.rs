//! What packs do under agreements: who the partner knows, what is asked and answered, and what is owed.

use data_encoding::HEXLOWER;

use super::list_agreements::{balance, page};
use super::{Agreement, AgreementState, PARTNER_MONEY, find, in_name_of, merchant, transacting};
use crate::domain::{AgreementId, Code, Label, MemberId, Minor, PostingId, Standing};
use crate::ledger::{Cause, LedgerError, Move, NewPosting};
use crate::pack::{Allowance, Asked, CallError, PartnerReply, Scene, SeenAgreement, ServiceError};
use crate::store::{StoreError, Tx, layout, member_of};
use crate::usecase::Act;

/// What an alias begins with.
const ALIAS: &str = "als_";

/// An agreement of the pack that both have accepted; one that is not the pack's is not there.
fn accepted(tx: &mut Tx, act: &Act<'_>, id: AgreementId) -> Result<Agreement, ServiceError> {
    let found = find(tx, act.merchant, id)?;
    let own = found.filter(|agreement| act.pack.as_ref() == Some(&agreement.pack) && agreement.accepted_at.is_some());
    own.ok_or_else(|| ServiceError::NotFound(format!("there is no agreement {id} of this pack")))
}

/// An agreement, as a pack sees it.
pub(in crate::usecase) fn read_for_pack(
    tx: &mut Tx,
    act: &Act<'_>,
    id: AgreementId,
) -> Result<SeenAgreement, ServiceError> {
    let agreement = accepted(tx, act, id)?;
    Ok(seen(tx, act, agreement)?)
}

/// The agreements of a pack that both have accepted.
pub(in crate::usecase) fn list_for_pack(
    tx: &mut Tx,
    act: &Act<'_>,
    mut after: Option<AgreementId>,
    limit: usize,
) -> Result<Vec<SeenAgreement>, ServiceError> {
    const PAGE: usize = 100;
    let mut found = Vec::new();
    while found.len() < limit {
        let next = page(tx, act.merchant, after, PAGE)?;
        let Some(last) = next.last() else { break };
        after = Some(last.id);
        for agreement in next {
            if act.pack.as_ref() == Some(&agreement.pack) && agreement.accepted_at.is_some() && found.len() < limit {
                found.push(seen(tx, act, agreement)?);
            }
        }
    }
    Ok(found)
}

fn seen(tx: &mut Tx, act: &Act<'_>, agreement: Agreement) -> Result<SeenAgreement, StoreError> {
    let partner = merchant(tx, agreement.partner_of(act.merchant))?.name;
    let balance = balance(tx, act.merchant, &agreement)?;
    Ok(SeenAgreement {
        id: agreement.id,
        partner,
        proposed: agreement.proposer == act.merchant,
        since: agreement.accepted_at.unwrap_or(agreement.proposed_at),
        until: agreement.until,
        in_force: agreement.state(act.now) == AgreementState::InForce,
        terms: agreement.terms,
        balance,
    })
}

/// By which name a member is known to the partner: it follows from the two merchants and the member by a key of the own
/// merchant, and leads back by an index that only that one has.
pub(in crate::usecase) fn alias_of(
    tx: &mut Tx,
    act: &Act<'_>,
    id: AgreementId,
    member: MemberId,
) -> Result<String, ServiceError> {
    let partner = accepted(tx, act, id)?.partner_of(act.merchant);
    let found = member_of(tx, act.merchant, member)?
        .ok_or_else(|| ServiceError::NotFound(format!("there is no member {member}")))?;
    if matches!(found.standing, Standing::Erased { .. }) {
        return Err(ServiceError::Invalid(format!("{member} asked to be forgotten and has no alias any more")));
    }
    let alias = act.keys(tx)?.mark("alias", &[partner.as_bytes().as_slice(), found.id.as_bytes()].concat());
    let key = layout::agreement_alias(act.merchant, partner, alias);
    if tx.get(&key)?.is_none() {
        tx.save(&key, &found.id)?;
    }
    Ok(format!("{ALIAS}{}", HEXLOWER.encode(&alias)))
}

/// The member who is known to the partner by a name.
pub(in crate::usecase) fn member_by_alias(
    tx: &mut Tx,
    act: &Act<'_>,
    id: AgreementId,
    alias: &str,
) -> Result<Option<MemberId>, ServiceError> {
    let partner = accepted(tx, act, id)?.partner_of(act.merchant);
    let bytes = alias.strip_prefix(ALIAS).and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok());
    let Some(alias) = bytes.and_then(|bytes| bytes.try_into().ok()) else { return Ok(None) };
    let Some(member) = tx.load::<MemberId>(&layout::agreement_alias(act.merchant, partner, alias))? else {
        return Ok(None);
    };
    Ok(member_of(tx, act.merchant, member)?.map(|member| member.id))
}

/// Has the pack of the partner answer a question, in the same transaction, with what the partner and the asker allow it.
pub(in crate::usecase) fn ask_partner(
    tx: &mut Tx,
    act: &mut Act<'_>,
    id: AgreementId,
    question: String,
    depth: u8,
    allowance: Allowance,
) -> Result<PartnerReply, ServiceError> {
    let agreement = accepted(tx, act, id)?;
    if agreement.state(act.now) != AgreementState::InForce {
        return Err(ServiceError::Invalid(format!("the agreement {id} is not in force any more")));
    }
    let other = agreement.partner_of(act.merchant);
    let away = |why: &str| ServiceError::Unavailable(format!("the partner {why}"));
    let active = transacting(tx, act, other, &agreement.pack)?;
    let active = active.ok_or_else(|| away("has not enabled the pack for work with partners"))?;
    let pack = active.loaded.as_ref().map_err(|_| away("has a pack that can not be used"))?;
    let partner = merchant(tx, other)?;
    let asked = Asked { agreement: id, text: question };
    let verdict = in_name_of(act, other, &agreement.pack, |theirs| {
        let scene = active.scene(theirs, &partner, &partner.time_zone.zone(), None, theirs.now);
        let scene = Scene { asked: Some(allowance), depth, ..scene };
        theirs.call_asked(tx, &active, |tx| pack.answer(tx, &scene, &asked))
    });
    match verdict.and_then(|verdict| verdict.result) {
        Ok(answer) => Ok(PartnerReply::Answer(answer)),
        Err(CallError::Refused(refusal)) => Ok(PartnerReply::Refused(refusal)),
        Err(CallError::Store(error)) => Err(ServiceError::Store(error)),
        Err(error) => {
            tracing::warn!(pack = %active.code, code = error.code(), "a pack did not answer a partner");
            Err(away("has a pack that can not answer now"))
        }
    }
}

/// Books in the books of both that the merchant owes the partner an amount more.
pub(in crate::usecase) fn owe_partner(
    tx: &mut Tx,
    act: &mut Act<'_>,
    id: AgreementId,
    amount: Minor,
    reason: Option<&Label>,
) -> Result<PostingId, ServiceError> {
    let agreement = accepted(tx, act, id)?;
    let owed = i64::try_from(amount).map_err(|_| ServiceError::Invalid(format!("{amount} is too much")))?;
    if let Some(most) = agreement.credit_max_minor {
        let then = balance(tx, act.merchant, &agreement)?.saturating_sub(owed);
        if then < 0 && then.unsigned_abs() > most {
            let owed = then.unsigned_abs();
            return Err(ServiceError::Limit(format!("{owed} would be owed, and the agreement allows {most}")));
        }
    }
    let post = |tx: &mut Tx, act: &mut Act<'_>, to_us: bool| -> Result<PostingId, LedgerError> {
        let unit = Code::new(PARTNER_MONEY).expect("a word is a code");
        let (id, cause) = (act.ids.posting(), Cause::Agreement(agreement.id));
        let moves = vec![Move::Owe { agreement: agreement.id, unit, amount, to_us }];
        let pack = Some(agreement.pack.clone());
        Ok(act.book(tx)?.post(&NewPosting { id, cause, pack, reason: reason.cloned(), moves })?.id)
    };
    let booked = post(tx, act, false).map_err(refused)?;
    let other = agreement.partner_of(act.merchant);
    in_name_of(act, other, &agreement.pack, |theirs| post(tx, theirs, true)).map_err(refused)?;
    let of_proposer = if agreement.proposer == act.merchant { -owed } else { owed };
    tx.add(&layout::agreement_balance(agreement.proposer, agreement.id), of_proposer)?;
    Ok(booked)
}

fn refused(error: LedgerError) -> ServiceError {
    match error {
        LedgerError::Store(error) => ServiceError::Store(error),
        other => ServiceError::Invalid(other.to_string()),
    }
}
