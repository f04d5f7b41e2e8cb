//! The keys of people who sign in: who they are, by what they sign in, their sessions, and by what a merchant is named.
//!
//! What is the host's and no merchant's (which handle is whose) lies under the merchant of sixteen zero bytes, which is
//! nobody's id.

use jiff::Timestamp;

use super::{Code, Key, KeyRange, MerchantId, Name, SessionId, StaffId, after, millis};
use crate::domain::SignInName;

const NOBODY: MerchantId = MerchantId::from_bytes([0; 16]);

/// A user.
pub fn user(merchant: MerchantId, user: StaffId) -> Key {
    part(merchant, b'u').bytes(user.as_bytes()).0
}

/// All users of a merchant.
pub fn users(merchant: MerchantId) -> KeyRange {
    part(merchant, b'u').range()
}

/// A user's id by what they sign in with.
pub fn user_by_name(merchant: MerchantId, name: &SignInName) -> Key {
    part(merchant, b'n').bytes(name.as_str().as_bytes()).0
}

/// All sign-in names of a merchant's users.
pub fn user_names(merchant: MerchantId) -> KeyRange {
    part(merchant, b'n').range()
}

/// A session of a user.
pub fn session(merchant: MerchantId, user: StaffId, session: SessionId) -> Key {
    part(merchant, b's').bytes(user.as_bytes()).bytes(session.as_bytes()).0
}

/// All sessions of a user, those that began first first.
pub fn sessions_of(merchant: MerchantId, user: StaffId) -> KeyRange {
    part(merchant, b's').bytes(user.as_bytes()).range()
}

/// All sessions of a merchant's users.
pub fn sessions(merchant: MerchantId) -> KeyRange {
    part(merchant, b's').range()
}

/// When a session ends whatever happens.
pub fn session_end(merchant: MerchantId, at: Timestamp, user: StaffId, session: SessionId) -> Key {
    part(merchant, b'e').bytes(&millis(at).to_be_bytes()).bytes(user.as_bytes()).bytes(session.as_bytes()).0
}

/// All ends of a merchant's sessions.
pub fn session_ends(merchant: MerchantId) -> KeyRange {
    part(merchant, b'e').range()
}

/// The ends of sessions that have come at `now`.
pub fn session_ends_until(merchant: MerchantId, now: Timestamp) -> KeyRange {
    KeyRange { start: part(merchant, b'e').0, end: part(merchant, b'e').bytes(&after(now)).0 }
}

/// User and session at the end of the key of a session, or of its end.
pub fn session_parts(key: &[u8]) -> Option<(StaffId, SessionId)> {
    let tail = key.get(18..)?;
    let (user, session) = tail.get(tail.len().checked_sub(32)?..)?.split_first_chunk::<16>()?;
    Some((StaffId::from_bytes(*user), SessionId::from_bytes(session.try_into().ok()?)))
}

/// By what a merchant is named at the sign-in.
pub fn handle(merchant: MerchantId) -> Key {
    part(merchant, b'h').0
}

/// Which merchant has a handle.
pub fn merchant_by_handle(handle: &Code) -> Key {
    part(NOBODY, b'h').bytes(handle.as_str().as_bytes()).0
}

/// All handles of the host.
pub fn handles() -> KeyRange {
    part(NOBODY, b'h').range()
}

fn part(merchant: MerchantId, letter: u8) -> Name {
    Name::of(b'$', merchant).bytes(&[letter])
}
