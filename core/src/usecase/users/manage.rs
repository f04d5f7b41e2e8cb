//! Owners add, change and remove users.

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::records::{Invitation, User};
use super::session::{self, unhex};
use crate::domain::{Label, MerchantId, Role, SignInName, SignInNameError, StaffId, StoreId, StoreScope};
use crate::store::{Direction, StoreError, Tx, layout};
use crate::usecase::Act;
use crate::usecase::api_key::ListedKey;
use crate::usecase::host::has_store;
use crate::usecase::teams::leave_team;

/// How many users a merchant has at most.
pub(super) const USERS_MAX: usize = 2_000;
/// How long somebody may take to set a password.
const INVITATION: SignedDuration = SignedDuration::from_hours(72);
const INVITATION_PREFIX: &str = "pi_";

/// A user who is to be added.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// By what they sign in.
    pub name: SignInName,
    /// What people call them.
    pub display_name: Label,
    /// What they may do.
    pub role: Role,
    /// In which stores.
    pub stores: StoreScope,
    /// The language of texts that they read.
    pub locale: Option<Label>,
}

/// What is to be another way; what is not named stays.
#[derive(Clone, Debug, Default)]
pub struct ChangeUser {
    /// What people call them.
    pub display_name: Option<Label>,
    /// What they may do.
    pub role: Option<Role>,
    /// In which stores.
    pub stores: Option<StoreScope>,
    /// The language of texts that they read.
    pub locale: Option<Option<Label>>,
    /// Whether they may not sign in for the time being.
    pub is_suspended: Option<bool>,
}

/// Somebody who may set a password now.
#[derive(Debug)]
pub struct Invited {
    /// Who.
    pub user: User,
    /// The secret of the invitation, which is shown once and never again.
    pub secret: String,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// Why a user is not added, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Not a user of the merchant.
    #[error("there is no user {0}")]
    Unknown(StaffId),
    /// Somebody else was faster.
    #[error("this user was changed since they were read: read them again")]
    OtherVersion,
    /// No sign-in name.
    #[error(transparent)]
    Name(#[from] SignInNameError),
    /// The name is somebody's.
    #[error("there is a user `{0}` already")]
    NameTaken(SignInName),
    /// There are enough.
    #[error("a merchant has at most {USERS_MAX} users: remove those who have left")]
    TooMany,
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// Somebody for no store could do nothing.
    #[error("a user is for all stores or for some, but not for none")]
    NoStores,
    /// Nobody gives away more than they have, or decides about people of other stores.
    #[error("whoever is limited to stores adds and changes users of these only")]
    BeyondOwn,
    /// Who demotes, suspends or removes themselves is locked out.
    #[error("{0} is who asks: have somebody else change their role, stores or suspension, or remove them")]
    Oneself(StaffId),
    /// Somebody has to be able to do everything.
    #[error("{0} is the last owner of all stores: make another one first, a user or an API key")]
    LastOwner(StaffId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds a user, who is to set a password with the invitation.
///
/// # Errors
/// The first refusal in the order of [`UserError`]'s variants.
pub fn add_user(tx: &mut Tx, act: &mut Act<'_>, new: &NewUser, secret: [u8; 32]) -> Result<Invited, UserError> {
    let by_name = layout::user_by_name(act.merchant, &new.name);
    if tx.get(&by_name)?.is_some() {
        return Err(UserError::NameTaken(new.name.clone()));
    }
    if tx.scan(&layout::users(act.merchant), Direction::Forward, USERS_MAX)?.len() >= USERS_MAX {
        return Err(UserError::TooMany);
    }
    check_stores(tx, act, &new.stores)?;
    let user = User {
        id: act.ids.staff(),
        name: new.name.clone(),
        display_name: new.display_name.clone(),
        role: new.role,
        stores: new.stores.clone(),
        locale: new.locale.clone(),
        is_suspended: false,
        added_at: act.now,
        version: 1,
        password: None,
        invitation: None,
        places: Vec::new(),
    };
    tx.save(&by_name, &user.id)?;
    act.record(tx, "user", &user.id.to_string(), None, Some(&told(&user)))?;
    invite(tx, act, user, secret)
}

/// Gives a user a new invitation, with which they set a new password. The old password and their sessions end at once.
///
/// # Errors
/// The first refusal in the order of [`UserError`]'s variants.
pub fn invite_again(tx: &mut Tx, act: &mut Act<'_>, id: StaffId, secret: [u8; 32]) -> Result<Invited, UserError> {
    let user = changeable(tx, act, id)?;
    check_oneself(act, id)?;
    // The operator helps the last owner who has forgotten their password.
    if act.actor.is_some() && is_owner(&user) {
        keep_an_owner(tx, act, id)?;
    }
    session::end_all(tx, act.merchant, id, None)?;
    act.record(tx, "invitation", &id.to_string(), None, Some(&json!({ "given": true })))?;
    invite(tx, act, User { password: None, places: Vec::new(), ..user }, secret)
}

/// Changes what a user may do, at once: sessions that they have follow.
///
/// # Errors
/// The first refusal in the order of [`UserError`]'s variants.
pub fn change_user(
    tx: &mut Tx,
    act: &mut Act<'_>,
    id: StaffId,
    version: u64,
    change: &ChangeUser,
) -> Result<User, UserError> {
    let before = changeable(tx, act, id)?;
    if before.version != version {
        return Err(UserError::OtherVersion);
    }
    let mut after = before.clone();
    if let Some(name) = &change.display_name {
        after.display_name = name.clone();
    }
    if let Some(locale) = &change.locale {
        after.locale.clone_from(locale);
    }
    after.role = change.role.unwrap_or(after.role);
    after.is_suspended = change.is_suspended.unwrap_or(after.is_suspended);
    if let Some(stores) = &change.stores {
        check_stores(tx, act, stores)?;
        after.stores = stores.clone();
    }
    if after == before {
        return Ok(before);
    }
    if (after.role, &after.stores, after.is_suspended) != (before.role, &before.stores, before.is_suspended) {
        check_oneself(act, id)?;
    }
    if is_owner(&before) && !is_owner(&after) {
        keep_an_owner(tx, act, id)?;
    }
    if after.is_suspended {
        session::end_all(tx, act.merchant, id, None)?;
    }
    after.version += 1;
    tx.save(&layout::user(act.merchant, id), &after)?;
    act.record(tx, "user", &id.to_string(), Some(&told(&before)), Some(&told(&after)))?;
    Ok(after)
}

/// Changes what a user may say of themselves: what people call them, and their language.
///
/// # Errors
/// [`UserError::Unknown`], [`UserError::OtherVersion`], and the store's failures.
pub fn change_own(
    tx: &mut Tx,
    act: &mut Act<'_>,
    id: StaffId,
    version: u64,
    display_name: Option<&Label>,
    locale: Option<&Option<Label>>,
) -> Result<User, UserError> {
    let before = read_user(tx, act.merchant, id)?;
    if before.version != version {
        return Err(UserError::OtherVersion);
    }
    let mut after = before.clone();
    if let Some(name) = display_name {
        after.display_name = name.clone();
    }
    if let Some(locale) = locale {
        after.locale.clone_from(locale);
    }
    if after == before {
        return Ok(before);
    }
    after.version += 1;
    tx.save(&layout::user(act.merchant, id), &after)?;
    act.record(tx, "user", &id.to_string(), Some(&told(&before)), Some(&told(&after)))?;
    Ok(after)
}

/// Removes a user and their sessions. What they did stays theirs, by their id.
///
/// # Errors
/// The first refusal in the order of [`UserError`]'s variants.
pub fn remove_user(tx: &mut Tx, act: &mut Act<'_>, id: StaffId, expected: Option<u64>) -> Result<(), UserError> {
    let user = changeable(tx, act, id)?;
    if expected.is_some_and(|expected| expected != user.version) {
        return Err(UserError::OtherVersion);
    }
    check_oneself(act, id)?;
    if is_owner(&user) {
        keep_an_owner(tx, act, id)?;
    }
    session::end_all(tx, act.merchant, id, None)?;
    tx.delete(&layout::user_by_name(act.merchant, &user.name));
    tx.delete(&layout::user(act.merchant, id));
    leave_team(tx, act, id)?;
    act.record(tx, "user", &id.to_string(), Some(&told(&user)), None)?;
    Ok(())
}

/// A user.
///
/// # Errors
/// [`UserError::Unknown`], and the store's failures.
pub fn read_user(tx: &mut Tx, merchant: MerchantId, id: StaffId) -> Result<User, UserError> {
    tx.load(&layout::user(merchant, id))?.ok_or(UserError::Unknown(id))
}

/// Users of a merchant after one of them, in the order in which they were added.
///
/// # Errors
/// The store's failures.
pub fn list_users(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<StaffId>,
    limit: usize,
) -> Result<Vec<User>, StoreError> {
    let all = layout::users(merchant);
    let rest = after.map_or(all.clone(), |after| all.after(&layout::user(merchant, after)));
    Ok(tx.load_scan(&rest, Direction::Forward, limit)?.into_iter().map(|(_, user)| user).collect())
}

/// The user whose invitation a secret is, when it can be used.
pub(super) fn invited(tx: &mut Tx, secret: &str, now: Timestamp) -> Result<Option<(MerchantId, User)>, StoreError> {
    let digits = secret.strip_prefix(INVITATION_PREFIX);
    let Some(bytes) = digits.and_then(|digits| unhex(digits, 64)) else { return Ok(None) };
    let (merchant, user) = session::first_parts(&bytes);
    let Some(user) = tx.load::<User>(&layout::user(merchant, user))? else { return Ok(None) };
    let hash: [u8; 32] = Sha256::digest(secret).into();
    let is_it = |invitation: &Invitation| invitation.hash == hash && invitation.expires_at > now;
    Ok((user.invitation.as_ref().is_some_and(is_it) && !user.is_suspended).then_some((merchant, user)))
}

/// Sees that somebody stays who can do everything when this one does not any more; otherwise who the last one is.
/// It costs what there are users and keys, until one is found.
pub(in crate::usecase) fn check_owner_stays(
    tx: &mut Tx,
    merchant: MerchantId,
    without: StaffId,
) -> Result<Option<StaffId>, StoreError> {
    const PAGE: usize = 100;
    let mut rest = layout::listed_keys(merchant);
    loop {
        let page = tx.load_scan::<ListedKey>(&rest, Direction::Forward, PAGE)?;
        let can = |key: &ListedKey| key.revoked_at.is_none() && key.role == Role::Owner && key.stores.is_all();
        if page.iter().any(|(_, key)| key.id != without && can(key)) {
            return Ok(None);
        }
        let Some((last, _)) = page.last() else { break };
        rest = rest.after(last);
    }
    let mut rest = layout::users(merchant);
    loop {
        let page = tx.load_scan::<User>(&rest, Direction::Forward, PAGE)?;
        if page.iter().any(|(_, user)| user.id != without && is_owner(user)) {
            return Ok(None);
        }
        let Some((last, _)) = page.last() else { return Ok(Some(without)) };
        rest = rest.after(last);
    }
}

fn keep_an_owner(tx: &mut Tx, act: &Act<'_>, id: StaffId) -> Result<(), UserError> {
    check_owner_stays(tx, act.merchant, id)?.map_or(Ok(()), |last| Err(UserError::LastOwner(last)))
}

/// Whether somebody can sign in and do everything.
fn is_owner(user: &User) -> bool {
    user.role == Role::Owner && user.stores.is_all() && !user.is_suspended && user.password.is_some()
}

fn invite(tx: &mut Tx, act: &Act<'_>, user: User, secret: [u8; 32]) -> Result<Invited, UserError> {
    let mut bytes = [act.merchant.as_bytes().as_slice(), user.id.as_bytes()].concat();
    bytes.extend_from_slice(&secret);
    let secret = format!("{INVITATION_PREFIX}{}", HEXLOWER.encode(&bytes));
    let expires_at = act.now.checked_add(INVITATION).unwrap_or(act.now);
    let invitation = Some(Invitation { hash: Sha256::digest(&secret).into(), expires_at });
    let user = User { invitation, ..user };
    tx.save(&layout::user(act.merchant, user.id), &user)?;
    Ok(Invited { user, secret, expires_at })
}

/// A user whom the one who acts may change.
pub(super) fn changeable(tx: &mut Tx, act: &Act<'_>, id: StaffId) -> Result<User, UserError> {
    let user = read_user(tx, act.merchant, id)?;
    if act.actor.as_ref().is_some_and(|actor| !actor.stores.includes(&user.stores)) {
        return Err(UserError::BeyondOwn);
    }
    Ok(user)
}

fn check_oneself(act: &Act<'_>, id: StaffId) -> Result<(), UserError> {
    if act.staff() == Some(id) { Err(UserError::Oneself(id)) } else { Ok(()) }
}

fn check_stores(tx: &mut Tx, act: &Act<'_>, scope: &StoreScope) -> Result<(), UserError> {
    if let StoreScope::Only(stores) = scope {
        for store in stores {
            if !has_store(tx, act.merchant, *store)? {
                return Err(UserError::UnknownStore(*store));
            }
        }
        if stores.is_empty() {
            return Err(UserError::NoStores);
        }
    }
    if act.actor.as_ref().is_some_and(|actor| !actor.stores.includes(scope)) {
        return Err(UserError::BeyondOwn);
    }
    Ok(())
}

/// What the audit log tells of a user: no secret, and not what they are called beyond the name by which they sign in.
fn told(user: &User) -> Value {
    json!({
        "name": user.name, "role": user.role.name(), "stores": user.stores, "locale": user.locale,
        "suspended": user.is_suspended, "version": user.version,
    })
}
