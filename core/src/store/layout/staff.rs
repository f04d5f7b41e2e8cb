//! The keys of people who sign in: who they are, by what they sign in, their sessions, and by what a merchant is named.
//!
//! What is the host's and no merchant's (which handle is whose) lies under the merchant of sixteen zero bytes, which is
//! nobody's id.

use jiff::Timestamp;

use jiff::civil::Date;

use super::figures::{day_bytes, day_of, store_bytes, store_of};
use super::{Code, Key, KeyRange, MerchantId, Name, SessionId, StaffId, StoreId, after, millis};
use crate::domain::{Seller, SignInName};

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

/// A team of staff.
pub fn team(merchant: MerchantId, code: &Code) -> Key {
    part(merchant, b't').bytes(code.as_str().as_bytes()).0
}

/// All teams of a merchant.
pub fn teams(merchant: MerchantId) -> KeyRange {
    part(merchant, b't').range()
}

/// The code of the team that somebody is in.
pub fn team_of_staff(merchant: MerchantId, staff: StaffId) -> Key {
    part(merchant, b'm').bytes(staff.as_bytes()).0
}

/// Who of a merchant's staff is in a team.
pub fn staff_in_teams(merchant: MerchantId) -> KeyRange {
    part(merchant, b'm').range()
}

/// The one of the staff at the end of such a key.
pub fn staff_in_team(key: &[u8]) -> Option<StaffId> {
    Some(StaffId::from_bytes(key.get(18..)?.try_into().ok()?))
}

/// A figure of what somebody or a team has sold in a store on a day.
pub fn seller_figure(merchant: MerchantId, day: Date, store: StoreId, seller: &Seller, figure: u8) -> Key {
    let key = part(merchant, b'f').bytes(&day_bytes(day)).bytes(&store_bytes(Some(store)));
    sold_by(key, seller).bytes(&[figure]).0
}

/// What was sold by anybody from one day to another, both included.
pub fn seller_figures(merchant: MerchantId, from: Date, to: Date) -> KeyRange {
    let on = |day| part(merchant, b'f').bytes(&day_bytes(day));
    KeyRange { start: on(from).0, end: on(to).range().end }
}

/// Store, seller and letter of such a key.
pub fn seller_figure_parts(key: &[u8]) -> Option<(StoreId, Seller, u8)> {
    let (_, rest) = key.get(18..)?.split_first_chunk::<4>()?;
    let (store, rest) = rest.split_first_chunk::<16>()?;
    let (seller, figure) = seller_parts(rest)?;
    Some((store_of(*store)?, seller, figure))
}

/// A goal of one of the staff or a team for a month: `day` is its first.
pub fn seller_goal(merchant: MerchantId, day: Date, seller: &Seller, figure: u8) -> Key {
    sold_by(part(merchant, b'g').bytes(&day_bytes(day)), seller).bytes(&[figure]).0
}

/// The goals of staff and teams for the month whose first day this is.
pub fn seller_goals(merchant: MerchantId, day: Date) -> KeyRange {
    part(merchant, b'g').bytes(&day_bytes(day)).range()
}

/// The goals of staff and teams for the months from a day on.
pub fn seller_goals_since(merchant: MerchantId, day: Date) -> KeyRange {
    KeyRange { start: part(merchant, b'g').bytes(&day_bytes(day)).0, end: part(merchant, b'g').range().end }
}

/// Month, seller and letter of such a key.
pub fn seller_goal_parts(key: &[u8]) -> Option<(Date, Seller, u8)> {
    let (day, rest) = key.get(18..)?.split_first_chunk::<4>()?;
    let (seller, figure) = seller_parts(rest)?;
    Some((day_of(*day)?, seller, figure))
}

fn sold_by(key: Name, seller: &Seller) -> Name {
    match seller {
        Seller::Staff(staff) => key.bytes(b"s").bytes(staff.as_bytes()),
        Seller::Team(team) => key.bytes(b"t").text(team.as_str()),
    }
}

fn seller_parts(rest: &[u8]) -> Option<(Seller, u8)> {
    let (figure, rest) = rest.split_last()?;
    let (kind, name) = rest.split_first()?;
    let seller = match kind {
        b's' => Seller::Staff(StaffId::from_bytes(name.try_into().ok()?)),
        b't' => Seller::Team(Code::new(std::str::from_utf8(name.strip_suffix(&[0])?).ok()?).ok()?),
        _ => return None,
    };
    Some((seller, *figure))
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
