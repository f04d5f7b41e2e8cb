//! The problems of use cases about webhooks.

use axum::http::StatusCode;

use super::Problem;
use crate::domain::{WebhookId, WebhookUrlError};
use crate::usecase::webhooks::{
    ChangeWebhookError, CreateWebhookError, DeadLetterError, RotateError, TestWebhookError,
};

impl From<WebhookUrlError> for Problem {
    fn from(error: WebhookUrlError) -> Self {
        let kind = match error {
            WebhookUrlError::Form { .. } => "wrong-url",
            WebhookUrlError::Scheme { .. } => "url-not-encrypted",
            WebhookUrlError::UserInfo => "url-with-user",
            WebhookUrlError::Private { .. } => "private-address",
        };
        Self::refused(kind, error)
    }
}

impl From<CreateWebhookError> for Problem {
    fn from(error: CreateWebhookError) -> Self {
        match error {
            CreateWebhookError::Url(error) => error.into(),
            CreateWebhookError::TooMany => Self::conflict("too-many-webhooks", error),
            CreateWebhookError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeWebhookError> for Problem {
    fn from(error: ChangeWebhookError) -> Self {
        match error {
            ChangeWebhookError::Unknown(webhook) => Self::unknown_webhook(webhook),
            ChangeWebhookError::Changed => Self::new(StatusCode::PRECONDITION_FAILED, "changed-meanwhile", error),
            ChangeWebhookError::Url(error) => error.into(),
            ChangeWebhookError::Store(error) => error.into(),
        }
    }
}

impl From<RotateError> for Problem {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::Unknown(webhook) => Self::unknown_webhook(webhook),
            RotateError::Store(error) => error.into(),
        }
    }
}

impl From<TestWebhookError> for Problem {
    fn from(error: TestWebhookError) -> Self {
        match error {
            TestWebhookError::Unknown(webhook) => Self::unknown_webhook(webhook),
            TestWebhookError::Paused => Self::conflict("webhook-paused", error),
            TestWebhookError::TooMuchWaits => Self::conflict("too-much-waits", error),
            TestWebhookError::Store(error) => error.into(),
        }
    }
}

impl From<DeadLetterError> for Problem {
    fn from(error: DeadLetterError) -> Self {
        match error {
            DeadLetterError::UnknownWebhook(webhook) => Self::unknown_webhook(webhook),
            DeadLetterError::Unknown { .. } => Self::not_found("unknown-dead-letter", error),
            DeadLetterError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    pub(in crate::http) fn unknown_webhook(webhook: WebhookId) -> Self {
        Self::not_found("unknown-webhook", format!("there is no webhook {webhook}"))
    }

    pub(in crate::http) fn unknown_event(given: &str) -> Self {
        let given: String = given.chars().take(64).collect();
        Self::not_found(
            "no-such-thing",
            format!("`{given}` is the id of no event of this merchant: expected `evt_…_7`"),
        )
    }
}
