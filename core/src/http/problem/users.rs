//! The problems of users, passwords and sessions.

use axum::http::StatusCode;

use super::Problem;
use crate::usecase::users::{AcceptError, SessionError, UserError};

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Unknown(_) => Self::not_found("unknown-user", error),
            UserError::OtherVersion => Self::new(StatusCode::PRECONDITION_FAILED, "other-version", error),
            UserError::Name(_) => Self::refused("wrong-body", error),
            UserError::NameTaken(_) => Self::conflict("name-taken", error),
            UserError::TooMany => Self::conflict("too-many-users", error),
            UserError::UnknownStore(_) => Self::refused("unknown-store", error),
            UserError::NoStores => Self::refused("no-stores", error),
            UserError::BeyondOwn => Self::new(StatusCode::FORBIDDEN, "other-store", error),
            UserError::Oneself(_) => Self::conflict("oneself", error),
            UserError::LastOwner(_) => Self::conflict("last-owner", error),
            UserError::Store(error) => error.into(),
        }
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Invalid => Self::not_found("invalid-invitation", error),
            AcceptError::WrongPassword => Self::refused("wrong-password", error),
            AcceptError::NoUser => Self::conflict("no-user", error),
            AcceptError::Password(_) => Self::refused("weak-password", error),
            AcceptError::Store(error) => error.into(),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Ended => Self::no_session(),
            SessionError::Unknown(_) => Self::not_found("unknown-session", error),
            SessionError::Store(error) => error.into(),
        }
    }
}
