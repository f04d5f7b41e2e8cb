//! The problems of use cases about the merchant itself: goals, stores, staff.

use axum::http::StatusCode;

use super::Problem;
use crate::usecase::{
    GoalError, ItemError, KeyError, MerchantError, PutStoreError, RulesError, TeamError, VersionError,
};

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::UnknownStore(_) => Self::refused("unknown-store", error),
            KeyError::NoStores => Self::refused("no-stores", error),
            KeyError::BeyondOwn => Self::new(StatusCode::FORBIDDEN, "other-store", error),
            KeyError::UnknownKey(_) => Self::not_found("unknown-api-key", error),
            KeyError::OwnKey(_) => Self::conflict("own-key", error),
            KeyError::LastOwner(_) => Self::conflict("last-owner", error),
            KeyError::Store(error) => error.into(),
        }
    }
}

impl From<ItemError> for Problem {
    fn from(error: ItemError) -> Self {
        match error {
            ItemError::Unknown(_) => Self::not_found("unknown-item", error),
            ItemError::OtherVersion { .. } => Self::new(StatusCode::PRECONDITION_FAILED, "other-version", error),
            ItemError::Store(error) => error.into(),
        }
    }
}

impl From<MerchantError> for Problem {
    fn from(error: MerchantError) -> Self {
        match error {
            MerchantError::OtherVersion => Self::new(StatusCode::PRECONDITION_FAILED, "other-version", error),
            MerchantError::Store(error) => error.into(),
        }
    }
}

impl From<PutStoreError> for Problem {
    fn from(error: PutStoreError) -> Self {
        match error {
            PutStoreError::BeyondOwn => Self::new(StatusCode::FORBIDDEN, "other-store", error),
            PutStoreError::Store(error) => error.into(),
        }
    }
}

impl From<RulesError> for Problem {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::UnknownUnit(_) => Self::not_found("unknown-unit", error),
            RulesError::Store(error) => error.into(),
        }
    }
}

impl From<GoalError> for Problem {
    fn from(error: GoalError) -> Self {
        match error {
            GoalError::UnknownStore(_) => Self::refused("unknown-store", error),
            GoalError::UnknownStaff(_) => Self::refused("unknown-staff", error),
            GoalError::UnknownTeam(_) => Self::refused("unknown-team", error),
            GoalError::NotOfSellers(_) => Self::refused("not-of-staff", error),
            GoalError::Store(error) => error.into(),
        }
    }
}

impl From<TeamError> for Problem {
    fn from(error: TeamError) -> Self {
        match error {
            TeamError::Unknown(_) => Self::not_found("unknown-team", error),
            TeamError::TooManyStaff(_) => Self::refused("too-many-staff", error),
            TeamError::TooMany => Self::conflict("too-many-teams", error),
            TeamError::UnknownStaff(_) => Self::refused("unknown-staff", error),
            TeamError::InOtherTeam { .. } => Self::conflict("in-other-team", error),
            TeamError::BeyondOwn => Self::new(StatusCode::FORBIDDEN, "other-store", error),
            TeamError::Store(error) => error.into(),
        }
    }
}

impl From<VersionError> for Problem {
    fn from(error: VersionError) -> Self {
        match error {
            VersionError::Other { .. } => Self::new(StatusCode::PRECONDITION_FAILED, "other-version", error),
            VersionError::Store(error) => error.into(),
        }
    }
}
