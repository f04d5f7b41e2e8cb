//! What is kept of webhooks.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::{Label, WebhookId, WebhookUrl};
use crate::store::layout::Subject;
use crate::store::records;
use crate::usecase::EventKind;
use crate::vault::Sealed;

/// The most webhooks of one merchant.
pub const WEBHOOKS_MAX: usize = 20;
/// When so many events wait at a webhook for another attempt, nothing new is begun.
pub const WAITING_MAX: u32 = 1000;
/// When so many events were given up, the webhook is paused, so that none is lost.
pub const DEAD_MAX: u32 = 1000;
/// How many attempts are remembered.
pub const ATTEMPTS_KEPT: u64 = 200;

/// An address to which events are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where it is.
    pub url: WebhookUrl,
    /// Which events it gets; all if there are none.
    pub kinds: BTreeSet<EventKind>,
    /// What people read on it.
    pub description: Option<Label>,
    /// Whether it is delivered to.
    pub state: WebhookState,
    /// What its messages are signed with.
    pub secret: Sealed,
    /// What they are signed with as well, until its receiver knows the other one.
    pub previous: Option<Previous>,
    /// When it was made.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// Moves with every change of it.
    pub version: u64,
}

impl Webhook {
    /// What the audit log tells of it. Of its URL only whose host it is: the rest of one may be a secret.
    pub(super) fn told(&self) -> Value {
        let uri = self.url.uri();
        json!({
            "host": format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default()),
            "kinds": self.kinds,
            "description": self.description,
            "paused": matches!(self.state, WebhookState::Paused { .. }),
            "version": self.version,
        })
    }
}

/// A secret that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// The secret.
    pub secret: Sealed,
    /// Until when it is used.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub until: Timestamp,
}

/// Whether a webhook is delivered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WebhookState {
    /// It is.
    Active,
    /// It is not. What happens meanwhile waits in the log.
    Paused {
        /// Why.
        reason: PauseReason,
        /// Since when.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
}

/// Why a webhook is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PauseReason {
    /// Somebody has paused it.
    ByHand,
    /// Nothing reached it for as long as an event is attempted.
    Failing,
    /// It answered that it is gone for good.
    Gone,
    /// As many events as can be kept were given up.
    DeadLettersFull,
}

impl PauseReason {
    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ByHand => "by-hand",
            Self::Failing => "failing",
            Self::Gone => "gone",
            Self::DeadLettersFull => "dead-letters-full",
        }
    }
}

/// How far a webhook has come. Apart from the webhook itself, as it moves with every delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Every event up to this one is settled.
    pub cursor: u64,
    /// Events after that which are settled as well, in order.
    pub ahead: Vec<u64>,
    /// How many events wait.
    pub waiting: u32,
    /// How many were given up.
    pub dead: u32,
    /// Until when it asked to be left alone.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub rests_until: Option<Timestamp>,
    /// When something was delivered last.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub succeeded_at: Option<Timestamp>,
    /// How many attempts were made.
    pub attempts: u64,
}

/// An event that waits for its turn. The first of a subject has an instant, the others wait for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// How often it was attempted.
    pub attempts: u8,
    /// When that was first.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub first_at: Option<Timestamp>,
    /// When to attempt it next, if it is the first of its subject.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub due_at: Option<Timestamp>,
    /// Not before this instant.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub not_before: Option<Timestamp>,
    /// When a test was asked for; the log tells the instant of an event.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub asked_at: Option<Timestamp>,
}

/// An event that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its number.
    pub sequence: u64,
    /// What kind of event it is.
    pub kind: EventKind,
    /// For what it is kept in order.
    pub subject: Subject,
    /// How often it was attempted.
    pub attempts: u8,
    /// When that was first.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub first_at: Timestamp,
    /// When it was given up.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub given_up_at: Timestamp,
    /// What came of the last attempt.
    pub outcome: Outcome,
}

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageRef {
    /// An event, by its number.
    Event(u64),
    /// A test.
    Test([u8; 16]),
}

/// An attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Its number: 1, 2, 3 … of this webhook.
    pub number: u64,
    /// What was sent.
    pub message: MessageRef,
    /// The how-manieth attempt of it.
    pub attempt: u8,
    /// When it began.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The receiver answered with this HTTP status. One that begins with 2 says that it has the event.
    Answered(u16),
    /// The host's name could not be resolved.
    NotResolved,
    /// It leads only to addresses that the host does not send to.
    NotAllowed,
    /// There is no connection, or no trusted one; the reason, as the machine gives it.
    NotConnected(String),
    /// No answer came in time.
    TimedOut,
    /// The answer is no HTTP, or breaks off.
    Broken(String),
}

impl Outcome {
    /// Whether the receiver has the event.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Answered(200..=299))
    }

    /// Its stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answered(200..=299) => "delivered",
            Self::Answered(_) => "refused",
            Self::NotResolved => "not-resolved",
            Self::NotAllowed => "address-not-allowed",
            Self::NotConnected(_) => "not-connected",
            Self::TimedOut => "timed-out",
            Self::Broken(_) => "broken-answer",
        }
    }
}

records! {
    Webhook, 1, "webhook";
    Progress, 1, "progress of a webhook";
    Waiting, 1, "waiting event";
    DeadLetter, 1, "dead letter";
    AttemptRecord, 1, "attempt to deliver";
}
