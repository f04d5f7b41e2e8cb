//! The keys of behaviours, and of the events that are told in members' histories.

use super::{Code, Key, KeyRange, MemberId, MerchantId, Name};

/// A kind of behaviour.
pub fn behaviour(merchant: MerchantId, code: &Code) -> Key {
    Name::of(b'!', merchant).bytes(b"d").bytes(code.as_str().as_bytes()).0
}

/// All kinds of behaviour that a merchant has declared.
pub fn behaviours(merchant: MerchantId) -> KeyRange {
    Name::of(b'!', merchant).bytes(b"d").range()
}

/// How many behaviours were told on a day of UTC, by the days since 1970.
pub fn behaviours_seen(merchant: MerchantId, day: u32) -> Key {
    Name::of(b'!', merchant).bytes(b"n").bytes(&day.to_be_bytes()).0
}

/// An event that is told in a member's history.
pub fn member_event(merchant: MerchantId, member: MemberId, moment: [u8; 16]) -> Key {
    Name::of(b'!', merchant).bytes(b"m").bytes(member.as_bytes()).bytes(&moment).0
}

/// All events that are told in histories of a merchant's members.
pub fn all_member_events(merchant: MerchantId) -> KeyRange {
    Name::of(b'!', merchant).bytes(b"m").range()
}

/// Whose history the key of an event belongs to.
pub fn member_of_event(key: &[u8]) -> Option<MemberId> {
    let (member, _) = key.get(18..)?.split_first_chunk::<16>()?;
    Some(MemberId::from_bytes(*member))
}

/// The events that are told in a member's history, in order.
pub fn member_events(merchant: MerchantId, member: MemberId) -> KeyRange {
    Name::of(b'!', merchant).bytes(b"m").bytes(member.as_bytes()).range()
}
