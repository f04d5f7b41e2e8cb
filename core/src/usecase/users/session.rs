//! Sessions: somebody has signed in, and is known again by a token until they sign out or it ends.
//!
//! The token says where its session is kept; of its secret only a hash is. So a session can be ended at once, which a
//! signed token could not.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::manage::{self, UserError};
use super::records::{Session, User};
use crate::clock::Entropy;
use crate::domain::{Actor, MerchantId, SessionId, StaffId};
use crate::store::{Direction, StoreError, Tx, layout};
use crate::usecase::Act;

/// How many sessions a user has at most: a further sign-in ends the oldest.
pub const SESSIONS_MAX: usize = 20;

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub struct SessionTerms {
    /// Without a request for so long, one ends.
    pub idle: SignedDuration,
    /// After so long, one ends whatever happens.
    pub whole: SignedDuration,
}

/// What a session is known by. It is in the cookie and nowhere else.
#[derive(Clone)]
pub struct SessionToken {
    merchant: MerchantId,
    user: StaffId,
    session: SessionId,
    secret: Zeroizing<[u8; 32]>,
}

/// Why a session is not accepted, or not ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// It was ended or has ended by itself, or there never was one; or its user may not sign in any more.
    #[error("this session has ended: sign in again")]
    Ended,
    /// Not a session of the user's.
    #[error("there is no session {0}")]
    Unknown(SessionId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// When a session was seen last, when that is worth writing down again.
#[derive(Clone, Copy, Debug)]
pub struct LastSeen(Timestamp);

impl SessionToken {
    /// A new one, with 256 random bits.
    pub(super) fn new(merchant: MerchantId, user: StaffId, session: SessionId, secret: [u8; 32]) -> Self {
        Self { merchant, user, session, secret: Zeroizing::new(secret) }
    }

    /// Random bytes for a new one.
    pub fn entropy(entropy: &Entropy) -> [u8; 32] {
        entropy.secret()
    }

    /// The token of this text, as [`Self::text`] gives it.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = unhex(text, 80)?;
        let (merchant, user) = first_parts(&bytes);
        let session = SessionId::from_bytes(bytes[32..48].try_into().ok()?);
        Some(Self::new(merchant, user, session, bytes[48..].try_into().ok()?))
    }

    /// Its text: 160 hexadecimal digits.
    pub fn text(&self) -> Zeroizing<String> {
        let ids = [self.merchant.as_bytes().as_slice(), self.user.as_bytes(), self.session.as_bytes()].concat();
        Zeroizing::new(HEXLOWER.encode(&ids) + &HEXLOWER.encode(&*self.secret))
    }

    /// Which session it is.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// What has to come with requests that change something, besides the cookie that a browser sends by itself: it
    /// follows from the secret, so nothing has to be kept, and nobody else can make it.
    pub fn csrf_token(&self) -> String {
        HEXLOWER.encode(&self.csrf_mac().finalize().into_bytes())
    }

    /// Whether this is its CSRF token. How long that takes says nothing of what would be right.
    pub fn has_csrf_token(&self, given: &str) -> bool {
        HEXLOWER.decode(given.as_bytes()).is_ok_and(|given| self.csrf_mac().verify_slice(&given).is_ok())
    }

    fn csrf_mac(&self) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*self.secret).expect("any length of key is taken");
        mac.update(b"punchcard CSRF token");
        mac
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_slice()).into()
    }

    fn key(&self) -> Vec<u8> {
        layout::session(self.merchant, self.user, self.session)
    }
}

/// Who has signed in, and whether the session is to be written down as seen.
///
/// # Errors
/// [`SessionError::Ended`], and the store's failures.
pub fn authenticate_session(
    tx: &mut Tx,
    token: &SessionToken,
    now: Timestamp,
    terms: &SessionTerms,
) -> Result<(Actor, Option<LastSeen>), SessionError> {
    let session = tx.load::<Session>(&token.key())?.filter(|session| session.hash == token.hash());
    let session = session.filter(|session| !has_ended(session, now, terms)).ok_or(SessionError::Ended)?;
    let user = tx.load::<User>(&layout::user(token.merchant, token.user))?;
    let user = user.filter(|user| !user.is_suspended).ok_or(SessionError::Ended)?;
    let actor = Actor { merchant: token.merchant, staff: user.id, role: user.role, stores: user.stores };
    let is_late = now.duration_since(session.seen_at).as_millis() > terms.idle.as_millis() / 8;
    Ok((actor, is_late.then_some(LastSeen(now))))
}

/// Writes down that a session was seen.
///
/// # Errors
/// The store's failures.
pub fn touch_session(tx: &mut Tx, token: &SessionToken, seen: LastSeen) -> Result<(), StoreError> {
    match tx.load::<Session>(&token.key())? {
        Some(session) if session.seen_at < seen.0 => tx.save(&token.key(), &Session { seen_at: seen.0, ..session }),
        _ => Ok(()),
    }
}

fn has_ended(session: &Session, now: Timestamp, terms: &SessionTerms) -> bool {
    session.ends_at <= now || now.duration_since(session.seen_at) >= terms.idle
}

/// Begins a session of a user; when there are too many, the oldest ends.
pub(super) fn begin(
    tx: &mut Tx,
    act: &mut Act<'_>,
    user: StaffId,
    secret: [u8; 32],
    terms: &SessionTerms,
) -> Result<(Session, SessionToken), StoreError> {
    let all = tx.load_scan::<Session>(&layout::sessions_of(act.merchant, user), Direction::Forward, usize::MAX)?;
    for (_, oldest) in all.iter().take((all.len() + 1).saturating_sub(SESSIONS_MAX)) {
        end(tx, act.merchant, oldest);
    }
    let token = SessionToken::new(act.merchant, user, act.ids.session(), secret);
    let session = Session {
        id: token.session,
        user,
        hash: token.hash(),
        began_at: act.now,
        seen_at: act.now,
        ends_at: act.now.checked_add(terms.whole).unwrap_or(act.now),
    };
    tx.save(&token.key(), &session)?;
    tx.put(&layout::session_end(act.merchant, session.ends_at, user, session.id), Vec::new())?;
    Ok((session, token))
}

/// The sessions of a user that have not ended, those that began first first.
///
/// # Errors
/// The store's failures.
pub fn list_sessions(
    tx: &mut Tx,
    act: &Act<'_>,
    user: StaffId,
    terms: &SessionTerms,
) -> Result<Vec<Session>, StoreError> {
    let all = tx.load_scan::<Session>(&layout::sessions_of(act.merchant, user), Direction::Forward, usize::MAX)?;
    Ok(all.into_iter().map(|(_, session)| session).filter(|session| !has_ended(session, act.now, terms)).collect())
}

/// Ends a session of the user who acts.
///
/// # Errors
/// [`SessionError::Unknown`], and the store's failures.
pub fn end_session(tx: &mut Tx, act: &mut Act<'_>, id: SessionId) -> Result<(), SessionError> {
    let user = act.staff().ok_or(SessionError::Unknown(id))?;
    let session = tx.load::<Session>(&layout::session(act.merchant, user, id))?.ok_or(SessionError::Unknown(id))?;
    end(tx, act.merchant, &session);
    act.record(tx, "session", &id.to_string(), Some(&serde_json::json!({ "user": user })), None)?;
    Ok(())
}

/// Ends all sessions of a user. Returns how many there were.
///
/// # Errors
/// [`UserError::Unknown`], [`UserError::BeyondOwn`], and the store's failures.
pub fn end_sessions_of(tx: &mut Tx, act: &mut Act<'_>, user: StaffId) -> Result<usize, UserError> {
    manage::changeable(tx, act, user)?;
    let ended = end_all(tx, act.merchant, user, None)?;
    if ended > 0 {
        act.record(tx, "sessions", &user.to_string(), Some(&serde_json::json!({ "open": ended })), None)?;
    }
    Ok(ended)
}

pub(super) fn end_all(
    tx: &mut Tx,
    merchant: MerchantId,
    user: StaffId,
    but: Option<SessionId>,
) -> Result<usize, StoreError> {
    let all = tx.load_scan::<Session>(&layout::sessions_of(merchant, user), Direction::Forward, usize::MAX)?;
    let ended: Vec<_> = all.into_iter().filter(|(_, session)| Some(session.id) != but).collect();
    ended.iter().for_each(|(_, session)| end(tx, merchant, session));
    Ok(ended.len())
}

fn end(tx: &mut Tx, merchant: MerchantId, session: &Session) {
    tx.delete(&layout::session(merchant, session.user, session.id));
    tx.delete(&layout::session_end(merchant, session.ends_at, session.user, session.id));
}

/// Drops up to `limit` sessions of a merchant that have ended at last. Returns how many. Those that ended by idleness
/// are dropped when their time is over, too: a user has few.
///
/// # Errors
/// The store's failures.
pub fn drop_ended_sessions(
    tx: &mut Tx,
    merchant: MerchantId,
    now: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    let over = tx.scan(&layout::session_ends_until(merchant, now), Direction::Forward, limit)?;
    for (key, _) in &over {
        let (user, session) =
            layout::session_parts(key).ok_or_else(|| StoreError::corrupt("key of the end of a session", key))?;
        tx.delete(&layout::session(merchant, user, session));
        tx.delete(key);
    }
    Ok(over.len())
}

/// Merchant and user at the beginning of a secret that says where it is kept.
pub(super) fn first_parts(bytes: &[u8]) -> (MerchantId, StaffId) {
    let part = |at: usize| {
        let mut part = [0; 16];
        part.copy_from_slice(&bytes[at..at + 16]);
        part
    };
    (MerchantId::from_bytes(part(0)), StaffId::from_bytes(part(16)))
}

/// So many bytes of lower-case hexadecimal digits.
pub(super) fn unhex(text: &str, length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(HEXLOWER.decode(text.as_bytes()).ok()?);
    (bytes.len() == length).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_from_its_text_and_knows_its_csrf_token() {
        let token = SessionToken::new(
            MerchantId::from_bytes([1; 16]),
            StaffId::from_bytes([2; 16]),
            SessionId::from_bytes([3; 16]),
            [0xab; 32],
        );
        let text = token.text();
        let same = SessionToken::parse(&text).unwrap();
        assert_eq!((same.key(), same.hash(), same.text()), (token.key(), token.hash(), text.clone()));
        assert!(same.has_csrf_token(&token.csrf_token()));
        assert!(!same.has_csrf_token("") && !same.has_csrf_token(&"0".repeat(64)));
        for wrong in ["", &text[1..], &text.to_uppercase(), &text.replace("ab", "+b")] {
            assert!(SessionToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
