//! The keys of what is kept about members, sealed data and its indexes included, and of who changed what.

use jiff::civil::Date;

use super::{ChangeId, Code, ExternalId, Key, KeyRange, MemberId, MerchantId, Name, NoteId, StoreId};
use crate::vault::Mark;

/// Which contact a blind index is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// Phone numbers.
    Phone,
    /// E-mail addresses.
    Email,
}

impl Contact {
    const fn letter(self) -> u8 {
        match self {
            Self::Phone => b'p',
            Self::Email => b'e',
        }
    }
}

/// A merchant's secret, sealed.
pub fn merchant_secret(merchant: MerchantId) -> Key {
    Name::of(b'X', merchant).0
}

/// All merchants' secrets.
pub fn merchant_secrets() -> KeyRange {
    Name::new(b'X').range()
}

/// A member's key, sealed.
pub fn member_key(merchant: MerchantId, member: MemberId) -> Key {
    Name::of(b'x', merchant).bytes(member.as_bytes()).0
}

/// All members' keys of a merchant.
pub fn member_keys(merchant: MerchantId) -> KeyRange {
    Name::of(b'x', merchant).range()
}

/// What is personal about a member, sealed.
pub fn personal(merchant: MerchantId, member: MemberId) -> Key {
    Name::of(b'N', merchant).bytes(member.as_bytes()).0
}

/// All that is personal about a merchant's members.
pub fn personals(merchant: MerchantId) -> KeyRange {
    Name::of(b'N', merchant).range()
}

/// A member's id by the mark of a contact.
pub fn contact(merchant: MerchantId, contact: Contact, mark: &Mark) -> Key {
    Name::of(b'b', merchant).bytes(&[contact.letter()]).bytes(mark).0
}

/// All marks of contacts of a merchant's members.
pub fn contacts(merchant: MerchantId) -> KeyRange {
    Name::of(b'b', merchant).range()
}

/// That a member's name begins with what has this mark.
pub fn name_start(merchant: MerchantId, mark: &Mark, member: MemberId) -> Key {
    Name::of(b'z', merchant).bytes(mark).bytes(member.as_bytes()).0
}

/// The members whose names begin with what has this mark.
pub fn members_named(merchant: MerchantId, mark: &Mark) -> KeyRange {
    Name::of(b'z', merchant).bytes(mark).range()
}

/// All marks of beginnings of names of a merchant's members.
pub fn name_starts(merchant: MerchantId) -> KeyRange {
    Name::of(b'z', merchant).range()
}

/// A member's id by what another system calls them.
pub fn member_by_external_id(merchant: MerchantId, external: &ExternalId) -> Key {
    Name::of(b'I', merchant).text(external.system.as_str()).bytes(external.id.as_str().as_bytes()).0
}

/// All names of a merchant's members in other systems.
pub fn external_ids(merchant: MerchantId) -> KeyRange {
    Name::of(b'I', merchant).range()
}

/// That a member bears a tag, or did until it expired.
pub fn tagged(merchant: MerchantId, tag: &Code, member: MemberId) -> Key {
    Name::of(b'g', merchant).text(tag.as_str()).bytes(member.as_bytes()).0
}

/// The members that bear a tag, or did until it expired.
pub fn members_tagged(merchant: MerchantId, tag: &Code) -> KeyRange {
    Name::of(b'g', merchant).text(tag.as_str()).range()
}

/// All tags of a merchant's members.
pub fn all_tagged(merchant: MerchantId) -> KeyRange {
    Name::of(b'g', merchant).range()
}

/// That a store is where a member joined.
pub fn at_home(merchant: MerchantId, store: StoreId, member: MemberId) -> Key {
    Name::of(b'4', merchant).bytes(store.as_bytes()).bytes(member.as_bytes()).0
}

/// The members that joined in a store.
pub fn members_at_home(merchant: MerchantId, store: StoreId) -> KeyRange {
    Name::of(b'4', merchant).bytes(store.as_bytes()).range()
}

/// All members by the stores where they joined.
pub fn all_at_home(merchant: MerchantId) -> KeyRange {
    Name::of(b'4', merchant).range()
}

/// That a member has a level, or had it until it expired.
pub fn in_tier(merchant: MerchantId, tier: &Code, member: MemberId) -> Key {
    Name::of(b'5', merchant).text(tier.as_str()).bytes(member.as_bytes()).0
}

/// The members that have a level, or had it until it expired.
pub fn members_in_tier(merchant: MerchantId, tier: &Code) -> KeyRange {
    Name::of(b'5', merchant).text(tier.as_str()).range()
}

/// All members by their levels.
pub fn all_in_tiers(merchant: MerchantId) -> KeyRange {
    Name::of(b'5', merchant).range()
}

/// The member at the end of the key of an index of members.
pub fn listed_member(key: &[u8]) -> Option<MemberId> {
    let member: [u8; 16] = key.get(key.len().checked_sub(16)?..)?.try_into().ok()?;
    Some(MemberId::from_bytes(member))
}

/// A level that a member was given or that was taken away.
pub fn tier_change(merchant: MerchantId, member: MemberId, change: ChangeId) -> Key {
    Name::of(b'1', merchant).bytes(member.as_bytes()).bytes(change.as_bytes()).0
}

/// The levels that a member was given, in order.
pub fn tier_changes(merchant: MerchantId, member: MemberId) -> KeyRange {
    Name::of(b'1', merchant).bytes(member.as_bytes()).range()
}

/// The levels that all members were given.
pub fn all_tier_changes(merchant: MerchantId) -> KeyRange {
    Name::of(b'1', merchant).range()
}

/// The member in a key of what is a member's alone: an account, a lot, a level, a note, a receipt.
pub fn member_in(key: &[u8]) -> Option<MemberId> {
    let member: [u8; 16] = key.get(17..33)?.try_into().ok()?;
    Some(MemberId::from_bytes(member))
}

/// The definition of an attribute.
pub fn attribute(merchant: MerchantId, code: &Code) -> Key {
    Name::of(b'Q', merchant).bytes(code.as_str().as_bytes()).0
}

/// All definitions of attributes of a merchant.
pub fn attributes(merchant: MerchantId) -> KeyRange {
    Name::of(b'Q', merchant).range()
}

/// A service benefit.
pub fn benefit(merchant: MerchantId, code: &Code) -> Key {
    Name::of(b'Z', merchant).bytes(b"d").bytes(code.as_str().as_bytes()).0
}

/// All service benefits of a merchant.
pub fn benefits(merchant: MerchantId) -> KeyRange {
    Name::of(b'Z', merchant).bytes(b"d").range()
}

/// How often a member has used a service benefit in the period that begins on a day.
pub fn benefit_uses(merchant: MerchantId, member: MemberId, code: &Code, begin: Date) -> Key {
    let name = Name::of(b'Z', merchant).bytes(b"u").bytes(member.as_bytes()).text(code.as_str());
    name.bytes(&super::figures::day_bytes(begin)).0
}

/// All that a member has used of service benefits.
pub fn benefit_uses_of(merchant: MerchantId, member: MemberId) -> KeyRange {
    Name::of(b'Z', merchant).bytes(b"u").bytes(member.as_bytes()).range()
}

/// A note about a member.
pub fn note(merchant: MerchantId, member: MemberId, note: NoteId) -> Key {
    Name::of(b'O', merchant).bytes(member.as_bytes()).bytes(note.as_bytes()).0
}

/// All notes about a member, in order.
pub fn notes(merchant: MerchantId, member: MemberId) -> KeyRange {
    Name::of(b'O', merchant).bytes(member.as_bytes()).range()
}

/// All notes about members.
pub fn all_notes(merchant: MerchantId) -> KeyRange {
    Name::of(b'O', merchant).range()
}

/// A receipt: what a member has said to a purpose.
pub fn consent(merchant: MerchantId, member: MemberId, purpose: &Code, change: ChangeId) -> Key {
    Name::of(b's', merchant).bytes(member.as_bytes()).text(purpose.as_str()).bytes(change.as_bytes()).0
}

/// What a member has said to a purpose, in order.
pub fn consents_to(merchant: MerchantId, member: MemberId, purpose: &Code) -> KeyRange {
    Name::of(b's', merchant).bytes(member.as_bytes()).text(purpose.as_str()).range()
}

/// All that a member has said, by purpose.
pub fn consents(merchant: MerchantId, member: MemberId) -> KeyRange {
    Name::of(b's', merchant).bytes(member.as_bytes()).range()
}

/// All that members have said.
pub fn all_consents(merchant: MerchantId) -> KeyRange {
    Name::of(b's', merchant).range()
}

/// The log of who changed what.
pub fn changes(merchant: MerchantId) -> Key {
    Name::of(b'J', merchant).0
}

/// A change of a member, as it is in the log.
pub fn member_change(merchant: MerchantId, member: MemberId, change: ChangeId) -> Key {
    Name::of(b'Y', merchant).bytes(member.as_bytes()).bytes(change.as_bytes()).0
}

/// The changes of a member, in order.
pub fn member_changes(merchant: MerchantId, member: MemberId) -> KeyRange {
    Name::of(b'Y', merchant).bytes(member.as_bytes()).range()
}
