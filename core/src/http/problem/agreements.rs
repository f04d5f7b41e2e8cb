//! The problems of use cases about agreements with partners.

use super::Problem;
use crate::domain::AgreementId;
use crate::usecase::agreements::{AnswerError, ProposeError};

impl From<ProposeError> for Problem {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::NotTransacting(_) => Self::refused("pack-not-transacting", error),
            ProposeError::UnknownPartner(_) => Self::refused("unknown-partner", error),
            ProposeError::OwnHandle(_) => Self::refused("own-handle", error),
            ProposeError::NoHandle => Self::conflict("no-handle", error),
            ProposeError::Currencies { .. } => Self::refused("other-currency", error),
            ProposeError::Terms(faults) => {
                let problem = Self::refused("wrong-terms", "the terms do not fulfil the pack's schema");
                Self { errors: faults, ..problem }
            }
            ProposeError::TermsTooLong { .. } => Self::refused("terms-too-long", error),
            ProposeError::Over(_) => Self::refused("agreement-over", error),
            ProposeError::TooMany => Self::conflict("too-many-agreements", error),
            ProposeError::Store(error) => error.into(),
        }
    }
}

impl From<AnswerError> for Problem {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::UnknownAgreement(id) => Self::unknown_agreement(id),
            AnswerError::State { .. } => Self::conflict("agreement-state", error),
            AnswerError::OwnProposal(_) => Self::conflict("own-proposal", error),
            AnswerError::NotTransacting(_) => Self::refused("pack-not-transacting", error),
            AnswerError::Terms(faults) => {
                let detail = "the terms do not fulfil the schema of your revision of the pack";
                Self { errors: faults, ..Self::refused("wrong-terms", detail) }
            }
            AnswerError::UnitTaken => Self::conflict("unit-taken", error),
            AnswerError::WrongEnd(_) => Self::refused("wrong-end", error),
            AnswerError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    /// Of an agreement that is named in the path.
    pub(in crate::http) fn unknown_agreement(id: AgreementId) -> Self {
        Self::not_found("unknown-agreement", format!("there is no agreement {id}"))
    }
}
