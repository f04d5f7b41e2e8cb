//! The problems of use cases about messages.

use axum::http::StatusCode;

use super::Problem;
use crate::domain::Channel;
use crate::usecase::messages::{
    AutomaticError, ConnectorError, PolicyError, SendError, TemplateError, TouchError, Trigger, ValueFault,
};

impl Problem {
    fn changed_meanwhile(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "changed-meanwhile", error)
    }

    fn unknown_template(error: impl std::fmt::Display) -> Self {
        Self::not_found("unknown-template", error)
    }

    pub(in crate::http) fn unknown_channel(given: &str) -> Self {
        let given: String = given.chars().take(32).collect();
        let known: Vec<_> = Channel::ALL.iter().map(|channel| channel.name()).collect();
        Self::not_found("no-such-thing", format!("`{given}` is no channel: there are {}", known.join(", ")))
    }

    pub(in crate::http) fn unknown_trigger(given: &str) -> Self {
        let given: String = given.chars().take(48).collect();
        let known: Vec<_> = Trigger::ALL.iter().map(|trigger| trigger.name()).collect();
        Self::not_found(
            "no-such-thing",
            format!("nothing is sent by itself for `{given}`: there are {}", known.join(", ")),
        )
    }
}

impl From<ValueFault> for Problem {
    fn from(error: ValueFault) -> Self {
        Self::refused("wrong-values", error)
    }
}

impl From<TemplateError> for Problem {
    fn from(error: TemplateError) -> Self {
        match error {
            TemplateError::Unknown(_) => Self::unknown_template(error),
            TemplateError::Changed => Self::changed_meanwhile(error),
            TemplateError::TooMuch => Self::refused("template-too-large", error),
            TemplateError::Texts(ref faults) => {
                let errors = faults.iter().map(ToString::to_string).collect();
                Self { errors, ..Self::refused("wrong-text", error) }
            }
            TemplateError::Values(error) => error.into(),
            TemplateError::InUse { .. } => Self::conflict("template-in-use", error),
            TemplateError::TooMany => Self::conflict("too-many-templates", error),
            TemplateError::Store(error) => error.into(),
        }
    }
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Recipients(_) | SendError::Twice(_) => Self::refused("wrong-recipients", error),
            SendError::UnknownTemplate(_) => Self::unknown_template(error),
            SendError::UnknownMember(member) => Self::unknown_member(member),
            SendError::Values(error) => error.into(),
            SendError::Store(error) => error.into(),
        }
    }
}

impl From<TouchError> for Problem {
    fn from(error: TouchError) -> Self {
        match error {
            TouchError::Unknown(_) => Self::not_found("unknown-message", error),
            TouchError::NotWaiting(_) => Self::conflict("message-not-waiting", error),
            TouchError::NotFailed(_) => Self::conflict("message-not-failed", error),
            TouchError::Store(error) => error.into(),
        }
    }
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Changed => Self::changed_meanwhile(error),
            PolicyError::ValidHours(_) => Self::refused("wrong-validity", error),
            PolicyError::Store(error) => error.into(),
        }
    }
}

impl From<ConnectorError> for Problem {
    fn from(error: ConnectorError) -> Self {
        match error {
            ConnectorError::Unknown(_) => Self::not_found("unknown-connector", error),
            ConnectorError::Changed => Self::changed_meanwhile(error),
            ConnectorError::NotMail(_) => Self::refused("not-a-mail-channel", error),
            ConnectorError::From => Self::refused("wrong-sender", error),
            ConnectorError::Credentials => Self::refused("wrong-credentials", error),
            ConnectorError::NotEncrypted => Self::refused("not-encrypted", error),
            ConnectorError::Url(error) => error.into(),
            ConnectorError::NoSecret(_) => Self::conflict("no-gateway", error),
            ConnectorError::Store(error) => error.into(),
        }
    }
}

impl From<AutomaticError> for Problem {
    fn from(error: AutomaticError) -> Self {
        match error {
            AutomaticError::Unknown(_) => Self::not_found("unknown-automatic-message", error),
            AutomaticError::Changed => Self::changed_meanwhile(error),
            AutomaticError::UnknownTemplate(_) => Self::refused("unknown-template", error),
            AutomaticError::NotGiven { .. } => Self::refused("value-not-given", error),
            AutomaticError::Store(error) => error.into(),
        }
    }
}
