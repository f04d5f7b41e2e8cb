//! Signing in, setting a password by an invitation, and changing one's own.
//!
//! The hashing of passwords takes long and is done between transactions. So what it has found is checked again against
//! the user as they are then.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::json;

use super::password::PasswordHash;
use super::records::{Session, User};
use super::session::{self, SessionTerms, SessionToken};
use super::{find_merchant, manage};
use crate::domain::{Actor, MerchantId, Password, PasswordError, SessionId, SignInName, StaffId};
use crate::store::{StoreError, Tx, layout};
use crate::usecase::{Act, keys};
use crate::vault::{Mark, MerchantKeys, Vault};

/// How many addresses of a user are remembered.
const PLACES_MAX: usize = 8;

/// Somebody tries to sign in as a user whom there is.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The user's merchant.
    pub merchant: MerchantId,
    /// The user.
    pub user: StaffId,
    /// Their password; none when they have set none.
    pub password: Option<PasswordHash>,
    /// Whether they have signed in from this address before.
    pub is_known_place: bool,
    /// From where they try.
    address: Option<IpAddr>,
}

/// Somebody has signed in.
pub struct Began {
    /// The session.
    pub session: Session,
    /// What it is known by.
    pub token: SessionToken,
    /// Who they are.
    pub actor: Actor,
}

/// Why no password is set.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// It was used, it has lapsed, there is a newer one, or there never was one.
    #[error("this invitation can not be used: it is valid for 72 hours and once; ask an owner for a new one")]
    Invalid,
    /// The present password is another.
    #[error("this is not your present password")]
    WrongPassword,
    /// Only people have passwords.
    #[error("an API key has no password: this is for somebody who has signed in")]
    NoUser,
    /// The password may not be chosen.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whom somebody means who wants to sign in; none when there is no such merchant or no such user.
///
/// # Errors
/// The store's failures.
pub fn find_attempt(
    tx: &mut Tx,
    vault: &Vault,
    merchant: &str,
    name: &str,
    address: Option<IpAddr>,
) -> Result<Option<Attempt>, StoreError> {
    let Some(merchant) = find_merchant(tx, merchant)? else { return Ok(None) };
    let Ok(name) = SignInName::new(name) else { return Ok(None) };
    let Some(id) = tx.load::<StaffId>(&layout::user_by_name(merchant, &name))? else { return Ok(None) };
    let Some(user) = tx.load::<User>(&layout::user(merchant, id))? else { return Ok(None) };
    // A merchant without keys has marked no place yet.
    let is_known_place = match (address, keys::opened(tx, vault, merchant)?) {
        (Some(address), Some(keys)) => user.places.contains(&place(&keys, address)),
        _ => false,
    };
    Ok(Some(Attempt { merchant, user: id, password: user.password, is_known_place, address }))
}

/// The mark of an address, by which it is known again and can not be told from what is kept.
fn place(keys: &MerchantKeys, address: IpAddr) -> Mark {
    keys.mark("sign-in address", address.to_string().as_bytes())
}

/// Begins a session of a user whose password was found to be right; none when they may not sign in, or have changed it
/// meanwhile. `renewed` is the password hashed anew, when the hash is of an older kind.
///
/// # Errors
/// The store's failures.
pub fn begin_session(
    tx: &mut Tx,
    act: &mut Act<'_>,
    attempt: &Attempt,
    renewed: Option<&PasswordHash>,
    secret: [u8; 32],
    terms: &SessionTerms,
) -> Result<Option<Began>, StoreError> {
    let key = layout::user(act.merchant, attempt.user);
    let Some(mut user) = tx.load::<User>(&key)? else { return Ok(None) };
    if user.is_suspended || user.password.is_none() || user.password != attempt.password {
        return Ok(None);
    }
    let before = user.clone();
    if let Some(renewed) = renewed {
        user.password = Some(renewed.clone());
    }
    if let Some(address) = attempt.address {
        let place = place(&act.keys(tx)?, address);
        if !user.places.contains(&place) {
            if user.places.len() >= PLACES_MAX {
                user.places.remove(0);
            }
            user.places.push(place);
        }
    }
    if user != before {
        tx.save(&key, &user)?;
    }
    let (session, token) = session::begin(tx, act, user.id, secret, terms)?;
    let actor = Actor { merchant: act.merchant, staff: user.id, role: user.role, stores: user.stores };
    act.actor = Some(actor.clone());
    act.record(tx, "sign-in", &user.id.to_string(), None, Some(&json!({ "session": session.id })))?;
    Ok(Some(Began { session, token, actor }))
}

/// Writes into the audit log that somebody could not sign in as a user. It says nothing of who tried.
///
/// # Errors
/// The store's failures.
pub fn record_failure(tx: &mut Tx, act: &mut Act<'_>, user: StaffId) -> Result<(), StoreError> {
    act.record(tx, "failed-sign-in", &user.to_string(), None, Some(&json!({ "signed_in": false })))
}

/// The user to whom an invitation was given and who may choose this password.
///
/// # Errors
/// The first refusal in the order of [`AcceptError`]'s variants.
pub fn accept_invitation(
    tx: &mut Tx,
    now: Timestamp,
    invitation: &str,
    password: &Password,
) -> Result<(MerchantId, StaffId), AcceptError> {
    let (merchant, user) = manage::invited(tx, invitation, now)?.ok_or(AcceptError::Invalid)?;
    password.check(&user.name)?;
    Ok((merchant, user.id))
}

/// Sets the password of a user by their invitation, which can not be used again.
///
/// # Errors
/// As [`accept_invitation`].
pub fn set_password(tx: &mut Tx, act: &mut Act<'_>, invitation: &str, hash: &PasswordHash) -> Result<(), AcceptError> {
    let (merchant, user) = manage::invited(tx, invitation, act.now)?.ok_or(AcceptError::Invalid)?;
    let id = user.id;
    act.actor = Some(Actor { merchant, staff: id, role: user.role, stores: user.stores.clone() });
    let user = User { password: Some(hash.clone()), invitation: None, ..user };
    tx.save(&layout::user(merchant, id), &user)?;
    session::end_all(tx, merchant, id, None)?;
    act.record(tx, "password", &id.to_string(), None, Some(&json!({ "set": true })))?;
    Ok(())
}

/// The password hash of the user who acts, who may choose the new password.
///
/// # Errors
/// The first refusal in the order of [`AcceptError`]'s variants.
pub fn own_password(tx: &mut Tx, actor: &Actor, new: &Password) -> Result<PasswordHash, AcceptError> {
    let user = tx.load::<User>(&layout::user(actor.merchant, actor.staff))?.ok_or(AcceptError::NoUser)?;
    let hash = user.password.ok_or(AcceptError::NoUser)?;
    new.check(&user.name)?;
    Ok(hash)
}

/// Changes the password of the user who acts, whose present one was found to be `before`. All their other sessions end.
///
/// # Errors
/// The first refusal in the order of [`AcceptError`]'s variants.
pub fn change_password(
    tx: &mut Tx,
    act: &mut Act<'_>,
    before: &PasswordHash,
    after: &PasswordHash,
    session: SessionId,
) -> Result<(), AcceptError> {
    let id = act.staff().ok_or(AcceptError::NoUser)?;
    let key = layout::user(act.merchant, id);
    let user = tx.load::<User>(&key)?.ok_or(AcceptError::NoUser)?;
    if user.password.as_ref() != Some(before) {
        return Err(AcceptError::WrongPassword);
    }
    tx.save(&key, &User { password: Some(after.clone()), invitation: None, places: Vec::new(), ..user })?;
    session::end_all(tx, act.merchant, id, Some(session))?;
    act.record(tx, "password", &id.to_string(), None, Some(&json!({ "changed": true })))?;
    Ok(())
}
