//! Saying no: constructors for [`Refusal`] and what a failed host function becomes.

use crate::{HostError, Problem, Refusal, shortened};

impl Refusal {
    /// The input is wrong whatever the state is.
    pub fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self::Invalid(Problem::new(code, message))
    }

    /// The thing named in the input does not exist.
    pub fn not_found(code: &str, message: impl Into<String>) -> Self {
        Self::NotFound(Problem::new(code, message))
    }

    /// A rule of the trade forbids it now.
    pub fn refused(code: &str, message: impl Into<String>) -> Self {
        Self::Refused(Problem::new(code, message))
    }

    /// The pack could not do its work.
    pub fn failed(code: &str, message: impl Into<String>) -> Self {
        Self::Failed(Problem::new(code, message))
    }

    /// Its code and message, whichever kind it is.
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Invalid(problem) | Self::NotFound(problem) | Self::Refused(problem) | Self::Failed(problem) => {
                problem
            }
        }
    }
}

impl Problem {
    /// The most bytes that a message may have.
    pub const MESSAGE_BYTES_MAX: usize = 512;

    /// A problem from its stable code and one sentence for people. A message that is too long is cut.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(shortened(&message, Self::MESSAGE_BYTES_MAX).len());
        Self { code: code.to_owned(), message }
    }
}

/// What a pack that has no better answer says when a host function fails: `failed`, with the code `host-denied`,
/// `host-not-found` and so on.
impl From<HostError> for Refusal {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Denied(grant) => Self::failed("host-denied", format!("the grant {grant} is missing")),
            HostError::NotFound(thing) => Self::failed("host-not-found", thing),
            HostError::Invalid(what) => Self::failed("host-invalid", what),
            HostError::Insufficient(available) => {
                Self::failed("host-insufficient", format!("only {available} is available"))
            }
            HostError::Limit(limit) => Self::failed("host-limit", limit),
            HostError::Unavailable(what) => Self::failed("host-unavailable", what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_between_characters() {
        let refusal = Refusal::refused("too-much", "面".repeat(400));
        assert_eq!(refusal.problem().message.len(), 510);
        assert!(refusal.problem().message.chars().all(|c| c == '面'));
    }
}
