//! What is kept of users and their sessions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::password::PasswordHash;
use crate::domain::{Label, Role, SessionId, SignInName, StaffId, StoreScope};
use crate::store::Record;
use crate::vault::Mark;

/// A person who signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Their id.
    pub id: StaffId,
    /// By what they sign in.
    pub name: SignInName,
    /// What people call them.
    pub display_name: Label,
    /// What they may do.
    pub role: Role,
    /// In which stores.
    pub stores: StoreScope,
    /// The language of texts that they read, as a BCP 47 tag; the merchant's if there is none.
    pub locale: Option<Label>,
    /// Whether they may not sign in for the time being.
    pub is_suspended: bool,
    /// When they were added.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub added_at: Timestamp,
    /// Counts what others have changed.
    pub version: u64,
    /// Their password; none until they have set one.
    pub(super) password: Option<PasswordHash>,
    /// The invitation that can still be used.
    pub(super) invitation: Option<Invitation>,
    /// Marks of the addresses from which they have signed in last, the newest last.
    pub(super) places: Vec<Mark>,
}

impl Record for User {
    const VERSION: u8 = 1;
    const NAME: &'static str = "user";
}

/// How somebody stands with the sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// They can sign in.
    Active,
    /// They have set no password yet, and may until the instant.
    Invited(Timestamp),
    /// They have set no password, and can not any more with the invitation that they were given.
    InvitationLapsed,
    /// They may not sign in.
    Suspended,
}

impl User {
    /// How they stand at `now`.
    pub fn state(&self, now: Timestamp) -> UserState {
        match (&self.password, &self.invitation) {
            _ if self.is_suspended => UserState::Suspended,
            (Some(_), _) => UserState::Active,
            (None, Some(invitation)) if invitation.expires_at > now => UserState::Invited(invitation.expires_at),
            (None, _) => UserState::InvitationLapsed,
        }
    }
}

/// With what a user may set their password, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Invitation {
    /// The SHA-256 of its secret.
    pub(super) hash: [u8; 32],
    /// Until when.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub(super) expires_at: Timestamp,
}

/// Somebody is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: StaffId,
    /// The SHA-256 of its secret.
    pub(super) hash: [u8; 32],
    /// When they signed in.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub began_at: Timestamp,
    /// When a request came by it last, to within an eighth of the idle time.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub seen_at: Timestamp,
    /// When it ends whatever happens.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub ends_at: Timestamp,
}

impl Record for Session {
    const VERSION: u8 = 1;
    const NAME: &'static str = "session";
}
