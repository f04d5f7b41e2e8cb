//! Contracts between two merchants, under which their packs of one name work together.
//!
//! One merchant proposes an agreement to another one, who is named by their handle; it is in force from when that one accepts
//! it until it ends. Its terms never change: other terms are another agreement. The host knows who the two are, what either
//! owes the other, and how much that may be; what else the terms mean is for the packs, which ask and answer each other in
//! one transaction. To a pack its partner is a name and an agreement: it never sees the other merchant's ids, and members
//! have an alias towards each partner.

mod answer_proposal;
mod list_agreements;
mod propose;
mod transact;

pub use answer_proposal::{AnswerError, accept_agreement, end_agreement};
pub use list_agreements::{SeenByPeople, list_agreements, read_agreement};
pub use propose::{ProposeAgreement, ProposeError, propose_agreement};
pub(super) use transact::{alias_of, ask_partner, list_for_pack, member_by_alias, owe_partner, read_for_pack};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Act, Active, Reply};
use crate::domain::{AgreementId, Code, Currency, Event, IdSource, Merchant, MerchantId, Minor};
use crate::pack::Grant;
use crate::store::{Key, Record, StoreError, Tx, layout};

/// The unit in which merchants count what partners owe them.
const PARTNER_MONEY: &str = "partner-money";

/// A contract between two merchants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Its id.
    pub id: AgreementId,
    /// By which pack they work together.
    pub pack: Code,
    /// Who has proposed it.
    pub proposer: MerchantId,
    /// To whom it was proposed.
    pub partner: MerchantId,
    /// The currency of both.
    pub currency: Currency,
    /// What they agree on, as JSON that fulfils the schema of the pack.
    pub terms: String,
    /// The most that either may owe the other, all in all; without it there is no such limit.
    pub credit_max_minor: Option<Minor>,
    /// When it was proposed.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub proposed_at: Timestamp,
    /// Since when it is in force.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub accepted_at: Option<Timestamp>,
    /// When it was declined or taken back.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub declined_at: Option<Timestamp>,
    /// From when on it is not in force any more.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub until: Option<Timestamp>,
}

impl Record for Agreement {
    const VERSION: u8 = 1;
    const NAME: &'static str = "agreement";
}

impl Reply for Agreement {
    fn about(&self, _: MerchantId) -> Option<Key> {
        Some(layout::agreement(self.proposer, self.id))
    }
}

/// How an agreement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgreementState {
    /// It waits for the partner's answer.
    Proposed,
    /// It was declined, or taken back.
    Declined,
    /// Both have accepted it.
    InForce,
    /// It is over.
    Ended,
}

impl AgreementState {
    /// Its name in interfaces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Declined => "declined",
            Self::InForce => "in-force",
            Self::Ended => "ended",
        }
    }
}

impl Agreement {
    /// How it stands at an instant.
    pub fn state(&self, now: Timestamp) -> AgreementState {
        let is_over = self.until.is_some_and(|until| until <= now);
        match (self.declined_at, self.accepted_at) {
            (Some(_), _) => AgreementState::Declined,
            (None, Some(_)) if is_over => AgreementState::Ended,
            (None, Some(_)) => AgreementState::InForce,
            (None, None) if is_over => AgreementState::Ended,
            (None, None) => AgreementState::Proposed,
        }
    }

    /// The other one of the two.
    pub fn partner_of(&self, merchant: MerchantId) -> MerchantId {
        if self.proposer == merchant { self.partner } else { self.proposer }
    }
}

/// An agreement of the merchant, whoever of the two has proposed it.
fn find(tx: &mut Tx, merchant: MerchantId, id: AgreementId) -> Result<Option<Agreement>, StoreError> {
    if let Some(own) = tx.load::<Agreement>(&layout::agreement(merchant, id))? {
        return Ok(Some(own));
    }
    let Some(proposer) = tx.load::<MerchantId>(&layout::agreement_proposed(merchant, id))? else { return Ok(None) };
    let key = layout::agreement(proposer, id);
    let found = tx.load::<Agreement>(&key)?;
    Ok(Some(found.ok_or_else(|| StoreError::corrupt("agreement (missing)", &key))?))
}

/// The record of one of the two merchants.
fn merchant(tx: &mut Tx, id: MerchantId) -> Result<Merchant, StoreError> {
    let key = layout::merchant(id);
    tx.load::<Merchant>(&key)?.ok_or_else(|| StoreError::corrupt("merchant (missing)", &key))
}

/// The pack of an agreement at one of the two merchants, if it may work with partners there.
fn transacting(tx: &mut Tx, act: &Act<'_>, merchant: MerchantId, pack: &Code) -> Result<Option<Active>, StoreError> {
    let found = act.programme.find(tx, merchant, pack)?;
    Ok(found.filter(|active| !active.stores.is_empty() && active.has_grant(&Grant::Transact)))
}

/// Runs something in the name of the other merchant, in the same transaction.
fn in_name_of<T>(act: &mut Act<'_>, merchant: MerchantId, pack: &Code, run: impl FnOnce(&mut Act<'_>) -> T) -> T {
    let spare = IdSource::new(act.now, 0);
    let mut theirs = Act {
        merchant,
        actor: None,
        pack: Some(pack.clone()),
        ids: std::mem::replace(&mut act.ids, spare),
        store: None,
        afterwards: std::mem::take(&mut act.afterwards),
        record: std::cell::OnceCell::new(),
        keys: std::cell::OnceCell::new(),
        ..*act
    };
    let done = run(&mut theirs);
    (act.ids, act.afterwards) = (theirs.ids, theirs.afterwards);
    done
}

/// Tells both merchants what became of an agreement.
fn tell_both(tx: &mut Tx, act: &mut Act<'_>, agreement: &Agreement, state: &str) -> Result<(), StoreError> {
    let state = Code::new(state).expect("a word is a code");
    let event = Event::AgreementChanged { agreement: agreement.id, state, at: act.now };
    act.tell(tx, &event)?;
    let other = agreement.partner_of(act.merchant);
    in_name_of(act, other, &agreement.pack, |theirs| theirs.tell(tx, &event))
}
