//! A member gets a card: a number that the host makes, for a mini-program or a printed card.

use serde::{Deserialize, Serialize};

use super::edit_member::change_member;
use super::known::{IdentityError, read_known};
use super::{Act, Reply};
use crate::domain::{Code, MemberId, MerchantId, Reference, Standing, card_number};
use crate::store::{Key, Record, StoreError, Tx, layout};

/// A card that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardIssued {
    /// To whom.
    pub member: MemberId,
    /// Its number.
    pub number: Reference,
}

impl Record for CardIssued {
    const VERSION: u8 = 1;
    const NAME: &'static str = "issued card";
}

impl Reply for CardIssued {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::member(merchant, self.member))
    }
}

/// What a card shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Its number: the member's reference, or else the first of their cards.
    pub number: Reference,
    /// The level that counts now.
    pub tier: Option<Code>,
}

/// Why there is no card.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// They asked to be forgotten.
    #[error("{0} was erased and has no cards any more")]
    Erased(MemberId),
    /// They have no number at all.
    #[error("{0} has neither a reference nor a card; issue one")]
    NoCard(MemberId),
    /// They have as many as can be, or the number is taken.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How often another number is tried when one is taken: with ten thousand million members, one in ten thousand is.
const ATTEMPTS: u32 = 8;

/// Makes a number that nobody of the merchant has, and gives it to a member as a card.
///
/// # Errors
/// The first refusal in the order of [`CardError`]'s variants.
pub fn issue_card(tx: &mut Tx, act: &mut Act<'_>, id: MemberId) -> Result<CardIssued, CardError> {
    let before = read_known(tx, act, id)?.ok_or(CardError::UnknownMember(id))?;
    let member = before.member.id;
    if before.member.standing != Standing::Active {
        return Err(CardError::Erased(member));
    }
    let mut number = card_number(act.ids.bits());
    for _ in 0..ATTEMPTS {
        if tx.get(&layout::member_by_number(act.merchant, &number))?.is_none() {
            break;
        }
        number = card_number(act.ids.bits());
    }
    let mut after = before.clone();
    after.member.cards.insert(number.clone());
    change_member::<CardError>(tx, act, &before, after)?;
    Ok(CardIssued { member, number })
}

/// What a member's card shows.
///
/// # Errors
/// The first refusal in the order of [`CardError`]'s variants.
pub fn read_card(tx: &mut Tx, act: &Act<'_>, id: MemberId) -> Result<Card, CardError> {
    let member = read_known(tx, act, id)?.ok_or(CardError::UnknownMember(id))?.member;
    let number = member.numbers().next().cloned().ok_or(CardError::NoCard(member.id))?;
    Ok(Card { number, tier: member.tier_at(act.now).map(|tier| tier.code.clone()) })
}
