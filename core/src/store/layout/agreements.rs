//! The keys of what merchants do together: each agreement lies with the merchant who has proposed it.

use super::{AgreementId, Key, KeyRange, MerchantId, Name};

/// An agreement that the merchant has proposed.
pub fn agreement(proposer: MerchantId, agreement: AgreementId) -> Key {
    part(proposer, b'a').bytes(agreement.as_bytes()).0
}

/// The agreements that a merchant has proposed.
pub fn agreements(proposer: MerchantId) -> KeyRange {
    part(proposer, b'a').range()
}

/// Who has proposed an agreement to this merchant.
pub fn agreement_proposed(partner: MerchantId, agreement: AgreementId) -> Key {
    part(partner, b'p').bytes(agreement.as_bytes()).0
}

/// All agreements that were proposed to a merchant.
pub fn agreements_proposed(partner: MerchantId) -> KeyRange {
    part(partner, b'p').range()
}

/// How much more the partner owes the one who has proposed it than is owed to them.
pub fn agreement_balance(proposer: MerchantId, agreement: AgreementId) -> Key {
    part(proposer, b'b').bytes(agreement.as_bytes()).0
}

/// The member who is known to a partner by an alias.
pub fn agreement_alias(merchant: MerchantId, partner: MerchantId, alias: [u8; 16]) -> Key {
    part(merchant, b'l').bytes(partner.as_bytes()).bytes(&alias).0
}

/// All aliases of a merchant's members.
pub fn agreement_aliases_all(merchant: MerchantId) -> KeyRange {
    part(merchant, b'l').range()
}

fn part(merchant: MerchantId, letter: u8) -> Name {
    Name::of(b'~', merchant).bytes(&[letter])
}
