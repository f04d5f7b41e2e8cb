//! The problems of use cases about packs.

use axum::http::StatusCode;

use super::Problem;
use crate::domain::Code;
use crate::pack::{self, CallError, PlayError, Quota, RefusalKind};
use crate::usecase::pack_calls::{FollowFromError, ParkedError};
use crate::usecase::pack_life::{ChangeError, RemoveError, RestoreError, UpgradeError};

use crate::usecase::{CommandError, EnableError, RecordingsError, RehearsalError, UploadError};

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Load(error) => {
                let status = match error {
                    pack::LoadError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                };
                Self::new(status, error.code(), error)
            }
            UploadError::OtherVendor { .. } => Self::conflict("pack-of-other-vendor", error),
            UploadError::VersionTaken { .. } => Self::conflict("version-taken", error),
            UploadError::UnknownEvent(_) | UploadError::UnknownFact(_) => Self::refused("unknown-event", error),
            UploadError::Store(error) => error.into(),
        }
    }
}

impl From<EnableError> for Problem {
    fn from(error: EnableError) -> Self {
        match error {
            EnableError::UnknownRevision(_) => Self::refused("unknown-revision", error),
            EnableError::OtherPack { .. } => Self::refused("other-pack", error),
            EnableError::NotTrusted(_) => Self::refused("vendor-not-trusted", error),
            EnableError::UnknownStore(_) => Self::refused("unknown-store", error),
            EnableError::BeyondOwn => Self::new(StatusCode::FORBIDDEN, "other-store", error),
            EnableError::GrantNotAsked(_) => Self::refused("grant-not-asked", error),
            EnableError::Settings(faults) => {
                let problem = Self::refused("wrong-settings", "the settings do not fulfil the pack's schema");
                Self { errors: faults, ..problem }
            }
            EnableError::SettingsTooLong { .. } => Self::refused("settings-too-long", error),
            EnableError::StoreSettings { store, faults } => {
                let detail = format!("the settings of the store {store} do not fulfil the pack's schema");
                Self { errors: faults, ..Self::refused("wrong-settings", detail) }
            }
            EnableError::Change(error) => error.into(),
            EnableError::UnitTaken(_) => Self::conflict("unit-taken", error),
            EnableError::Programme(error) => Self::internal(error),
            EnableError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::UnderWay { .. } => Self::conflict("pack-upgrading", error),
            ChangeError::Older { .. } => Self::conflict("older-version", error),
            ChangeError::Breaking { .. } => Self::conflict("breaking-version", error),
            ChangeError::ConsentNeeded { ref grants } => {
                let errors = grants.clone();
                Self { errors, ..Self::conflict("consent-needed", error) }
            }
            ChangeError::Call(error) => error.into(),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<UpgradeError> for Problem {
    fn from(error: UpgradeError) -> Self {
        match error {
            UpgradeError::NotEnabled(_) => Self::not_found("pack-not-enabled", error),
            UpgradeError::Enable(error) => error.into(),
        }
    }
}

impl From<RestoreError> for Problem {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::NotEnabled(_) => Self::not_found("pack-not-enabled", error),
            RestoreError::BeyondOwn => Self::new(StatusCode::FORBIDDEN, "other-store", error),
            RestoreError::NothingBefore(_) => Self::conflict("nothing-before", error),
            RestoreError::UnderWay { .. } => Self::conflict("pack-upgrading", error),
            RestoreError::NotTrusted(_) => Self::refused("vendor-not-trusted", error),
            RestoreError::Store(error) => error.into(),
        }
    }
}

impl From<RemoveError> for Problem {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::UnknownPack(_) => Self::not_found("unknown-pack", error),
            RemoveError::Enabled(_) => Self::conflict("pack-enabled", error),
            RemoveError::UnderWay { .. } => Self::conflict("pack-upgrading", error),
            RemoveError::Store(error) => error.into(),
        }
    }
}

impl From<FollowFromError> for Problem {
    fn from(error: FollowFromError) -> Self {
        Self::refused("wrong-follow-from", error)
    }
}

impl From<ParkedError> for Problem {
    fn from(error: ParkedError) -> Self {
        match error {
            ParkedError::UnknownCall { .. } => Self::not_found("unknown-call", error),
            ParkedError::NotEnabled(_) => Self::conflict("pack-not-enabled", error),
            ParkedError::Call(error) => error.into(),
            ParkedError::Store(error) => error.into(),
        }
    }
}

impl From<RecordingsError> for Problem {
    fn from(error: RecordingsError) -> Self {
        match error {
            RecordingsError::Unknown { .. } => Self::not_found("unknown-recording", error),
            RecordingsError::Store(error) => error.into(),
        }
    }
}

impl From<RehearsalError> for Problem {
    fn from(error: RehearsalError) -> Self {
        match error {
            RehearsalError::Revision(error) => error.into(),
            RehearsalError::Busy => {
                Self { retry_after_s: Some(10), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-busy", error) }
            }
            RehearsalError::Play(PlayError::Call(error)) => error.into(),
            RehearsalError::Play(error) => Self::internal(error),
            RehearsalError::Store(error) => error.into(),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::UnknownStore(_) => Self::refused("unknown-store", error),
            CommandError::NotEnabled(_) => Self::not_found("pack-not-enabled", error),
            CommandError::NotLoadable { .. } => Self::internal(error),
            CommandError::UnknownCommand { .. } => Self::not_found("unknown-command", error),
            CommandError::UnknownPage { .. } => Self::not_found("unknown-page", error),
            CommandError::Input(faults) => {
                let problem = Self::refused("wrong-input", "the input does not fulfil its schema");
                Self { errors: faults, ..problem }
            }
            CommandError::Call(error) => error.into(),
            CommandError::Store(error) => error.into(),
        }
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => {
                let status = match refusal.kind {
                    RefusalKind::Invalid | RefusalKind::Refused => StatusCode::UNPROCESSABLE_ENTITY,
                    RefusalKind::NotFound => StatusCode::NOT_FOUND,
                    RefusalKind::Failed => StatusCode::BAD_GATEWAY,
                };
                Self::new(status, &format!("pack:{}", refusal.code), refusal.message)
            }
            CallError::Store(error) => error.into(),
            CallError::Host(_) => {
                Self { retry_after_s: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-busy", error) }
            }
            CallError::Resting { .. } => {
                Self { retry_after_s: Some(10), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "pack-resting", error) }
            }
            CallError::QuotaUsedUp { quota, .. } => Self {
                retry_after_s: Some(match quota {
                    Quota::FuelOfDay { .. } => 3_600,
                    Quota::Fuel { .. }
                    | Quota::FuelOfPack { .. }
                    | Quota::Written { .. }
                    | Quota::WrittenByPack { .. } => 1,
                }),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "pack-quota-used-up", error)
            },
            CallError::Upgrading => {
                Self { retry_after_s: Some(5), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "pack-upgrading", error) }
            }
            CallError::NotExported { .. } => Self::not_found("unknown-command", error),
            CallError::OutOfFuel { .. }
            | CallError::TimedOut { .. }
            | CallError::MemoryExceeded { .. }
            | CallError::StackExhausted
            | CallError::HostCallsExceeded { .. }
            | CallError::MovedExceeded { .. }
            | CallError::WrittenExceeded { .. }
            | CallError::ReadExceeded { .. }
            | CallError::Trapped { .. }
            | CallError::BadReply { .. }
            | CallError::Denied { .. }
            | CallError::TooMuchOff { .. } => {
                Self::new(StatusCode::BAD_GATEWAY, &format!("pack-{}", error.code()), error)
            }
        }
    }
}

impl Problem {
    /// Of a revision that is named in the path.
    pub(in crate::http) fn of_revision(error: EnableError) -> Self {
        match error {
            EnableError::UnknownRevision(_) | EnableError::OtherPack { .. } => {
                Self::not_found("unknown-revision", error)
            }
            other => other.into(),
        }
    }

    /// Nothing of the pack is in force.
    pub(in crate::http) fn pack_not_enabled(pack: &Code) -> Self {
        Self::not_found("pack-not-enabled", format!("the pack `{pack}` was never enabled"))
    }
}
