//! People who sign in: users of a merchant, their passwords, and their sessions.
//!
//! Nobody but the user knows a password: who makes a user gets an invitation for them, with which they set it
//! themselves. A session is kept by the host, so that it can be ended at once; it reads the user's record each time, so
//! that what they may do changes from the next request on.

mod handle;
mod manage;
mod password;
mod records;
mod session;
mod sign_in;

pub use handle::{HandleError, find_handle, find_merchant, put_handle};
pub use manage::{
    ChangeUser, Invited, NewUser, UserError, add_user, change_own, change_user, invite_again, list_users, read_user,
    remove_user,
};
pub use password::{PasswordHash, hash_password, is_password, stand_in};
pub use records::{Session, User, UserState};
pub use session::{
    LastSeen, SESSIONS_MAX, SessionError, SessionTerms, SessionToken, authenticate_session, drop_ended_sessions,
    end_session, end_sessions_of, list_sessions, touch_session,
};
pub use sign_in::{
    AcceptError, Attempt, Began, accept_invitation, begin_session, change_password, find_attempt, own_password,
    record_failure, set_password,
};

pub(super) use manage::check_owner_stays;
