//! Webhooks as they go over the wire.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::MerchantId;
use crate::usecase::event_id;
use crate::usecase::webhooks::{MessageRef, Outcome, Progress, Webhook, WebhookState};

/// A webhook.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookOut {
    #[schema(example = "whk_019d2f5e7c1e7d4cb0f6a1b2c3d4e5f6")]
    pub(super) id: String,
    /// Where events are sent.
    #[schema(example = "https://example.com/punchcard")]
    url: String,
    /// Which kinds of events; all if there are none.
    #[schema(example = json!(["order-settled"]))]
    kinds: Vec<&'static str>,
    description: Option<String>,
    /// Why it is paused, if it is.
    paused: Option<PausedOut>,
    /// Until when messages are signed with the secret before as well, RFC 3339.
    previous_secret_until: Option<String>,
    /// When it was made, RFC 3339.
    created_at: String,
    /// How far it has come.
    deliveries: ProgressOut,
}

/// That a webhook is paused.
#[derive(Serialize, ToSchema)]
pub(super) struct PausedOut {
    /// `by-hand`, `failing`, `gone` or `dead-letters-full`.
    reason: &'static str,
    /// Since when, RFC 3339.
    at: String,
}

/// How far a webhook has come.
#[derive(Serialize, ToSchema)]
pub(super) struct ProgressOut {
    /// How many events wait for another attempt, or for others of their subject.
    waiting: u32,
    /// How many were given up.
    dead_letters: u32,
    /// When something was delivered last, RFC 3339.
    last_delivered_at: Option<String>,
    /// Until when it asked to be left alone, RFC 3339.
    rests_until: Option<String>,
}

impl WebhookOut {
    pub(super) fn of(webhook: &Webhook, progress: &Progress, now: Timestamp) -> Self {
        let time = |at: Timestamp| at.to_string();
        Self {
            id: webhook.id.to_string(),
            url: webhook.url.to_string(),
            kinds: webhook.kinds.iter().map(|kind| kind.name()).collect::<BTreeSet<_>>().into_iter().collect(),
            description: webhook.description.clone().map(Into::into),
            paused: match webhook.state {
                WebhookState::Active => None,
                WebhookState::Paused { reason, at } => Some(PausedOut { reason: reason.name(), at: time(at) }),
            },
            previous_secret_until: webhook
                .previous
                .as_ref()
                .filter(|previous| previous.until > now)
                .map(|previous| time(previous.until)),
            created_at: time(webhook.created_at),
            deliveries: ProgressOut {
                waiting: progress.waiting,
                dead_letters: progress.dead,
                last_delivered_at: progress.succeeded_at.map(time),
                rests_until: progress.rests_until.filter(|until| *until > now).map(time),
            },
        }
    }
}

/// What came of an attempt to deliver.
#[derive(Serialize, ToSchema)]
pub(super) struct AttemptOutcomeOut {
    /// `delivered`, `refused` (an answer that is not 2xx), `not-resolved`, `address-not-allowed`, `not-connected`,
    /// `timed-out` or `broken-answer`.
    outcome: &'static str,
    /// The HTTP status of the answer, if there was one.
    status: Option<u16>,
    /// What the machine says of the failure.
    error: Option<String>,
}

impl From<&Outcome> for AttemptOutcomeOut {
    fn from(outcome: &Outcome) -> Self {
        let (status, error) = match outcome {
            Outcome::Answered(status) => (Some(*status), None),
            Outcome::NotConnected(reason) | Outcome::Broken(reason) => (None, Some(reason.clone())),
            Outcome::NotResolved | Outcome::NotAllowed | Outcome::TimedOut => (None, None),
        };
        Self { outcome: outcome.name(), status, error }
    }
}

/// The id of a message.
pub(super) fn message_id(merchant: MerchantId, message: MessageRef) -> String {
    match message {
        MessageRef::Event(sequence) => event_id(merchant, sequence),
        MessageRef::Test(id) => test_id(id),
    }
}

/// The id of a test.
pub(super) fn test_id(id: [u8; 16]) -> String {
    format!("evt_test_{:032x}", u128::from_be_bytes(id))
}
