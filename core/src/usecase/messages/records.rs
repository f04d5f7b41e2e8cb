//! What is kept of messages.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{Channel, Code, Label, MemberId, MessageId, MessagePolicy, MessageTemplate, Source, WebhookUrl};
use crate::store::{records, whole};
use crate::vault::Sealed;

/// A message to a member. Neither its text nor where it went is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id, by which a receiver knows it again when it comes twice.
    pub id: MessageId,
    /// To whom.
    pub member: MemberId,
    /// By which template.
    pub template: Code,
    /// By which way.
    pub channel: Channel,
    /// To what the member has to have said yes; none when no consent is needed.
    pub purpose: Option<Code>,
    /// Who or what has it sent.
    pub source: Source,
    /// The number of the event that it follows, of automatic messages.
    pub event: Option<u64>,
    /// How many handlings of events by packs have led to it, one after the other.
    pub depth: u8,
    /// When it was queued.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub queued_at: Timestamp,
    /// From when on it is not worth sending.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub expires_at: Timestamp,
    /// How often it was attempted.
    pub attempts: u8,
    /// What came of the last attempt, when that was no success.
    pub last_fault: Option<MessageFault>,
    /// How it stands.
    pub status: MessageStatus,
    /// What its texts ask for, sealed by the member's key. It is dropped when the message is sent or dropped.
    pub values: Option<Sealed>,
}

/// How a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageStatus {
    /// It is to go out, or to be attempted again.
    Waiting {
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        due_at: Timestamp,
    },
    /// It waits for the end of the quiet hours.
    Deferred {
        /// Until when.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        due_at: Timestamp,
    },
    /// It is on its way: whoever takes messages for the channel has taken it.
    Sent {
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// It was given up.
    Failed {
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
        /// Why.
        fault: MessageFault,
    },
    /// It is not sent.
    Dropped {
        /// When that was decided.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
        /// Why.
        reason: DropReason,
    },
}

impl MessageStatus {
    /// When it is to go out, if it is.
    pub fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting { due_at } | Self::Deferred { due_at } => Some(*due_at),
            Self::Sent { .. } | Self::Failed { .. } | Self::Dropped { .. } => None,
        }
    }

    /// Its stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Deferred { .. } => "deferred",
            Self::Sent { .. } => "sent",
            Self::Failed { .. } => "failed",
            Self::Dropped { .. } => "dropped",
        }
    }

    /// All names of states.
    pub const NAMES: [&'static str; 5] = ["waiting", "deferred", "sent", "failed", "dropped"];
}

/// Why a message is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DropReason {
    /// The member has not said yes to the purpose, or no since.
    NoConsent,
    /// They have got as many as they may.
    Capped,
    /// There is nothing known that leads to them on this channel.
    NoAddress,
    /// Nothing personal is known of them any more.
    Erased,
    /// It could not leave in time.
    Expired,
    /// Somebody has cancelled it.
    Cancelled,
    /// Its template is gone.
    NoTemplate,
}

impl DropReason {
    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoConsent => "no-consent",
            Self::Capped => "capped",
            Self::NoAddress => "no-address",
            Self::Erased => "erased",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::NoTemplate => "no-template",
        }
    }
}

/// Why an attempt to send came to nothing. What receivers say in words is not kept: it may name the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageFault {
    /// The merchant has no connector for the channel.
    NoConnector,
    /// The gateway has answered with this HTTP status.
    Http(u16),
    /// The mail server has answered with this code.
    Smtp(u16),
    /// The connector's host can not be resolved.
    NotResolved,
    /// It leads only to addresses that this host does not connect to.
    NotAllowed,
    /// There is no connection, or no trusted one.
    NotConnected,
    /// No answer came in time.
    TimedOut,
    /// The answer is none of the protocol, or breaks off.
    Broken,
    /// Template and values do not make a text any more.
    Template,
    /// The address or the text can not be put into a message of the channel.
    Form,
    /// A file could not be written, where messages go into files.
    Sink,
}

impl MessageFault {
    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoConnector => "no-connector",
            Self::Http(_) | Self::Smtp(_) => "refused",
            Self::NotResolved => "not-resolved",
            Self::NotAllowed => "address-not-allowed",
            Self::NotConnected => "not-connected",
            Self::TimedOut => "timed-out",
            Self::Broken => "broken-answer",
            Self::Template => "template",
            Self::Form => "form",
            Self::Sink => "sink",
        }
    }

    /// The status or code that the receiver has answered with.
    pub const fn answer(self) -> Option<u16> {
        match self {
            Self::Http(status) | Self::Smtp(status) => Some(status),
            _ => None,
        }
    }

    /// Whether attempting it again may help. A mail server's refusal of whoever sends is mended by the merchant, that of
    /// the message is not.
    pub const fn may_pass(self) -> bool {
        match self {
            Self::Http(status) => !matches!(status, 400 | 422),
            Self::Smtp(code) => code < 500 || matches!(code, 530 | 534 | 535 | 538),
            Self::Template | Self::Form => false,
            _ => true,
        }
    }
}

/// By which way the messages of a channel leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connector {
    /// Which channel.
    pub channel: Channel,
    /// How often it was changed since it was made; names its state.
    pub version: u64,
    /// The way.
    pub way: Way,
}

/// A way by which messages leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// A mail server.
    Smtp(Smtp),
    /// A gateway, which gets each message as JSON by HTTPS.
    Gateway {
        /// Where it is.
        url: WebhookUrl,
        /// What messages are signed with, sealed by the merchant's key.
        secret: Sealed,
    },
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smtp {
    /// Its name or address.
    pub host: MailHost,
    /// The port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
    /// Who we are there, if it asks.
    pub user: Option<Label>,
    /// The password, sealed by the merchant's key.
    pub password: Option<Sealed>,
    /// From whom mails are.
    pub from: Sender,
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SmtpTls {
    /// From its first byte on: usually port 465.
    Implicit,
    /// By STARTTLS, and not at all without: usually port 587.
    StartTls,
    /// Not at all: only where the operator allows private networks.
    None,
}

impl SmtpTls {
    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::StartTls => "starttls",
            Self::None => "none",
        }
    }
}

/// The host of a mail server: a name or an address, as in a URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailHost(String);

/// A text that is no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no host of a mail server: expected a name such as `smtp.example.com`, or an address")]
pub struct NotAHost;

impl MailHost {
    /// Checks the form, which is that of the host of a URL.
    ///
    /// # Errors
    /// When it is not of the form.
    pub fn new(text: &str) -> Result<Self, NotAHost> {
        let url = WebhookUrl::new(&format!("https://{text}/")).map_err(|_| NotAHost)?;
        if url.uri().host() == Some(text) { Ok(Self(text.to_ascii_lowercase())) } else { Err(NotAHost) }
    }

    /// The host.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host as it is resolved: addresses of version 6 without brackets.
    pub fn bare(&self) -> &str {
        self.0.trim_start_matches('[').trim_end_matches(']')
    }
}

impl TryFrom<String> for MailHost {
    type Error = NotAHost;

    fn try_from(text: String) -> Result<Self, NotAHost> {
        Self::new(&text)
    }
}

impl From<MailHost> for String {
    fn from(host: MailHost) -> Self {
        host.0
    }
}

/// From whom mails are: an address, and a name that people see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The address.
    pub address: String,
    /// The name.
    pub name: Option<Label>,
}

/// What is sent by itself when something has happened to a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Automatic {
    /// What it follows.
    pub trigger: super::Trigger,
    /// How often it was changed since it was made; names its state.
    pub version: u64,
    /// By which template.
    pub template: Code,
    /// The number of the last event that it does not follow.
    pub since: u64,
}

/// How far automatic messages have come in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCursor(pub u64);

/// Before messages knew what led to them.
#[derive(Deserialize)]
struct Message1 {
    id: MessageId,
    member: MemberId,
    template: Code,
    channel: Channel,
    purpose: Option<Code>,
    source: Source,
    event: Option<u64>,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    queued_at: Timestamp,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    expires_at: Timestamp,
    attempts: u8,
    last_fault: Option<MessageFault>,
    status: MessageStatus,
    values: Option<Sealed>,
}

fn older(version: u8, body: &[u8]) -> Option<Message> {
    let message: Message1 = (version == 1).then(|| whole(body))??;
    let Message1 { id, member, template, channel, purpose, source, event, queued_at, .. } = message;
    let Message1 { expires_at, attempts, last_fault, status, values, .. } = message;
    Some(Message {
        id,
        member,
        template,
        channel,
        purpose,
        source,
        event,
        depth: 0,
        queued_at,
        expires_at,
        attempts,
        last_fault,
        status,
        values,
    })
}

records! {
    MessageTemplate, 1, "template of messages";
    MessagePolicy, 1, "policy of messages";
    Message, 2, "message", older;
    Connector, 1, "connector of messages";
    Automatic, 1, "automatic message";
    MessageCursor, 1, "place of automatic messages in the log";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{decode, encode};

    #[test]
    fn a_message_of_a_host_that_knew_no_depth_is_read() {
        let at = Timestamp::from_second(90).unwrap();
        let message = |depth: u8| Message {
            id: MessageId::from_bytes([7; 16]),
            member: MemberId::from_bytes([8; 16]),
            template: Code::new("hello").unwrap(),
            channel: Channel::Email,
            purpose: None,
            source: Source::Rule,
            event: Some(3),
            depth,
            queued_at: at,
            expires_at: at,
            attempts: 1,
            last_fault: None,
            status: MessageStatus::Waiting { due_at: at },
            values: None,
        };
        let mut bytes = encode(&message(5));
        let depth = encode(&message(6)).iter().zip(&bytes).position(|(one, other)| one != other);
        bytes.remove(depth.unwrap());
        bytes[0] = 1;
        assert_eq!(decode::<Message>(b"k", &bytes).unwrap(), message(0));
    }
}
