//! The problems of use cases about members.

use super::Problem;
use crate::usecase::EnrolError;

impl From<EnrolError> for Problem {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::TooManyTags(_) => Self::refused("too-many-tags", error),
            EnrolError::UnknownStore(_) => Self::refused("unknown-store", error),
            EnrolError::ReferenceTaken { .. } => Self::conflict("reference-taken", error),
            EnrolError::Store(error) => error.into(),
        }
    }
}
