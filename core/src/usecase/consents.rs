//! A member says yes or no to a purpose, and a receipt of it is kept.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Act;
use crate::domain::{ChangeId, Code, Event, Label, MemberId, MerchantId, Source};
use crate::store::{Direction, KeyRange, Record, StoreError, Tx, layout, member_of};

/// What a member says.
#[derive(Clone, Debug)]
pub struct GiveConsent {
    /// Who.
    pub member: MemberId,
    /// To what, such as `marketing-sms`.
    pub purpose: Code,
    /// Yes or no.
    pub given: bool,
    /// Where or how it was said: `till`, `mini-program`.
    pub channel: Option<Code>,
    /// The version of the text that they were shown.
    pub text: Option<Label>,
}

/// The receipt of what a member has said. Receipts are kept when a member is erased: they are the proof, and hold
/// nothing personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentReceipt {
    /// Its id.
    pub id: ChangeId,
    /// To what.
    pub purpose: Code,
    /// Yes or no.
    pub given: bool,
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: jiff::Timestamp,
    /// Who wrote it down.
    pub source: Source,
    /// Where or how it was said.
    pub channel: Option<Code>,
    /// The version of the text that they were shown.
    pub text: Option<Label>,
}

impl Record for ConsentReceipt {
    const VERSION: u8 = 1;
    const NAME: &'static str = "receipt of a consent";
}

/// Why it is not written down.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes down what a member says, if it is not what they said before to a text of the same version.
///
/// # Errors
/// The first refusal in the order of [`ConsentError`]'s variants.
pub fn give_consent(tx: &mut Tx, act: &mut Act<'_>, new: &GiveConsent) -> Result<ConsentReceipt, ConsentError> {
    let GiveConsent { member, purpose, given, channel, text } = new;
    let member = member_of(tx, act.merchant, *member)?.ok_or(ConsentError::UnknownMember(*member))?.id;
    let before = last(tx, &layout::consents_to(act.merchant, member, purpose))?;
    if let Some(before) = &before
        && (before.given, &before.text) == (*given, text)
    {
        return Ok(before.clone());
    }
    let receipt = ConsentReceipt {
        id: act.ids.change(),
        purpose: purpose.clone(),
        given: *given,
        at: act.now,
        source: act.source(),
        channel: channel.clone(),
        text: text.clone(),
    };
    tx.save(&layout::consent(act.merchant, member, purpose, receipt.id), &receipt)?;
    let told = |receipt: &ConsentReceipt| json!({ "purpose": receipt.purpose, "given": receipt.given });
    act.record_of(tx, member, "consent", (before.as_ref().map(told), Some(told(&receipt))), None)?;
    let (purpose, at) = (purpose.clone(), act.now);
    act.tell(tx, &Event::ConsentGiven { member, purpose, given: *given, at })?;
    Ok(receipt)
}

/// What a member says today, by purpose; with all earlier receipts when `history` is wanted. At most `limit` receipts.
///
/// # Errors
/// The store's failures.
pub fn list_consents(
    tx: &mut Tx,
    merchant: MerchantId,
    member: MemberId,
    history: bool,
    limit: usize,
) -> Result<Vec<ConsentReceipt>, StoreError> {
    let all = tx.load_scan::<ConsentReceipt>(&layout::consents(merchant, member), Direction::Forward, limit)?;
    let mut receipts: Vec<ConsentReceipt> = Vec::new();
    for (_, receipt) in all {
        match receipts.last_mut() {
            Some(last) if !history && last.purpose == receipt.purpose => *last = receipt,
            _ => receipts.push(receipt),
        }
    }
    Ok(receipts)
}

/// Whether a member has said yes to a purpose, and not no since.
///
/// # Errors
/// The store's failures.
pub fn has_consented(tx: &mut Tx, merchant: MerchantId, member: MemberId, purpose: &Code) -> Result<bool, StoreError> {
    Ok(last(tx, &layout::consents_to(merchant, member, purpose))?.is_some_and(|receipt| receipt.given))
}

fn last(tx: &mut Tx, range: &KeyRange) -> Result<Option<ConsentReceipt>, StoreError> {
    Ok(tx.load_scan::<ConsentReceipt>(range, Direction::Backward, 1)?.into_iter().next().map(|(_, receipt)| receipt))
}
