//! Which agreements a merchant has, for people.

use super::{Agreement, find, merchant};
use crate::domain::{AgreementId, Code, Label, MerchantId};
use crate::store::{Direction, KeyRange, StoreError, Tx, layout};

/// An agreement as the people of one of the two merchants see it.
#[derive(Clone, Debug)]
pub struct SeenByPeople {
    /// The agreement.
    pub agreement: Agreement,
    /// Whether this merchant has proposed it.
    pub proposed: bool,
    /// What the other one is called.
    pub partner: Label,
    /// The handle of the other one.
    pub partner_handle: Option<Code>,
    /// How much more the partner owes than is owed to them, in minor units.
    pub balance_minor: i64,
}

/// An agreement of the merchant.
///
/// # Errors
/// The store's failures.
pub fn read_agreement(tx: &mut Tx, merchant: MerchantId, id: AgreementId) -> Result<Option<SeenByPeople>, StoreError> {
    find(tx, merchant, id)?.map(|agreement| seen(tx, merchant, agreement)).transpose()
}

/// The agreements of a merchant in the order of their ids, which is that of their making.
///
/// # Errors
/// The store's failures.
pub fn list_agreements(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<AgreementId>,
    limit: usize,
) -> Result<Vec<SeenByPeople>, StoreError> {
    let found = page(tx, merchant, after, limit)?;
    found.into_iter().map(|agreement| seen(tx, merchant, agreement)).collect()
}

/// A page of agreements, those that the merchant has proposed and the others.
pub(super) fn page(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<AgreementId>,
    limit: usize,
) -> Result<Vec<Agreement>, StoreError> {
    let from = |range: KeyRange, place: Option<Vec<u8>>| match place {
        Some(place) => KeyRange { start: [place.as_slice(), &[0]].concat(), ..range },
        None => range,
    };
    let own = from(layout::agreements(merchant), after.map(|id| layout::agreement(merchant, id)));
    let mut found: Vec<Agreement> = tx
        .load_scan::<Agreement>(&own, Direction::Forward, limit)?
        .into_iter()
        .map(|(_, agreement)| agreement)
        .collect();
    let others = from(layout::agreements_proposed(merchant), after.map(|id| layout::agreement_proposed(merchant, id)));
    for (key, proposer) in tx.load_scan::<MerchantId>(&others, Direction::Forward, limit)? {
        let corrupt = || StoreError::corrupt("agreement (missing)", &key);
        let id = key.last_chunk::<16>().map(|id| AgreementId::from_bytes(*id)).ok_or_else(corrupt)?;
        found.push(tx.load::<Agreement>(&layout::agreement(proposer, id))?.ok_or_else(corrupt)?);
    }
    found.sort_by_key(|agreement| agreement.id);
    found.truncate(limit);
    Ok(found)
}

/// How much more the partner owes a merchant than is owed to them.
pub(in crate::usecase) fn balance(tx: &mut Tx, merchant: MerchantId, agreement: &Agreement) -> Result<i64, StoreError> {
    let of_proposer = tx.counter(&layout::agreement_balance(agreement.proposer, agreement.id))?;
    Ok(if agreement.proposer == merchant { of_proposer } else { of_proposer.saturating_neg() })
}

fn seen(tx: &mut Tx, own: MerchantId, agreement: Agreement) -> Result<SeenByPeople, StoreError> {
    let other = agreement.partner_of(own);
    Ok(SeenByPeople {
        proposed: agreement.proposer == own,
        partner: merchant(tx, other)?.name,
        partner_handle: tx.load(&layout::handle(other))?,
        balance_minor: balance(tx, own, &agreement)?,
        agreement,
    })
}
