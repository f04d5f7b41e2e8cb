//! Messages as they go over the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problem;
use crate::domain::{
    Channel, Code, Label, Locale, MessageTemplate, MessageText, MessageValue, MessageValues, Placeholder,
    PlaceholderKind, PlaceholderName,
};
use crate::usecase::messages::{Message, MessageFault, MessageStatus, Rendered};

/// The channel that a path names.
pub(super) fn channel_of(name: &str) -> Result<Channel, Problem> {
    Channel::of(name).ok_or_else(|| Problem::unknown_channel(name))
}

/// A way to members.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ChannelForm {
    /// Their first e-mail address.
    Email,
    /// Their first phone number.
    Sms,
    /// Their external id of the system `push`.
    Push,
    /// Their external id of the system `wechat`.
    Wechat,
}

impl From<ChannelForm> for Channel {
    fn from(channel: ChannelForm) -> Self {
        match channel {
            ChannelForm::Email => Self::Email,
            ChannelForm::Sms => Self::Sms,
            ChannelForm::Push => Self::Push,
            ChannelForm::Wechat => Self::Wechat,
        }
    }
}

impl From<Channel> for ChannelForm {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::Email,
            Channel::Sms => Self::Sms,
            Channel::Push => Self::Push,
            Channel::Wechat => Self::Wechat,
        }
    }
}

/// What values of a placeholder are.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PlaceholderKindForm {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// An amount in minor units; it is shown with the currency.
    Amount,
    /// An instant, RFC 3339; it is shown in the merchant's time zone.
    Instant,
}

impl From<PlaceholderKind> for PlaceholderKindForm {
    fn from(kind: PlaceholderKind) -> Self {
        match kind {
            PlaceholderKind::Text => Self::Text,
            PlaceholderKind::Number => Self::Number,
            PlaceholderKind::Amount => Self::Amount,
            PlaceholderKind::Instant => Self::Instant,
        }
    }
}

/// Something that texts ask for.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceholderForm {
    /// What its values are.
    kind: PlaceholderKindForm,
    /// Whether a message can be sent without it: `{% if name %}` says whether it is there.
    #[serde(default)]
    optional: bool,
}

/// A text in one language.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TextForm {
    /// The subject: of messages by `email` and `push`, and of no others.
    #[schema(max_length = 256)]
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The text: plain, with `{{ name }}` and `{% if name %} … {% else %} … {% endif %}`.
    #[schema(max_length = 8192)]
    body: String,
}

/// A template as it is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Receipt", "channel": "email",
    "placeholders": {"order": {"kind": "text"}, "total": {"kind": "amount"}, "points": {"kind": "number", "optional": true}},
    "texts": {"en": {"subject": "Your order {{ order }}", "body": "Thank you{% if member %}, {{ member }}{% endif %}!\n{{ total }} at {{ merchant }}."}}}))]
pub(super) struct TemplateIn {
    /// What people read on it.
    #[schema(value_type = String, max_length = 128)]
    title: Label,
    /// By which way its messages go.
    channel: ChannelForm,
    /// To what a member has to have said yes. Without it the messages are about the member's own order or assets: they
    /// need no consent, and mind neither quiet hours nor caps.
    #[schema(value_type = Option<String>, example = "marketing-sms")]
    purpose: Option<Code>,
    /// What the texts ask for, besides `merchant` and `member`, which are always there; `member` may be nothing.
    #[schema(value_type = BTreeMap<String, PlaceholderForm>)]
    #[serde(default)]
    placeholders: BTreeMap<PlaceholderName, PlaceholderForm>,
    /// The texts by language, as a BCP 47 tag.
    #[schema(value_type = BTreeMap<String, TextForm>)]
    texts: BTreeMap<Locale, TextForm>,
}

impl TemplateIn {
    pub(super) fn of(self, code: Code) -> MessageTemplate {
        let Self { title, channel, purpose, placeholders, texts } = self;
        let kind = |kind| match kind {
            PlaceholderKindForm::Text => PlaceholderKind::Text,
            PlaceholderKindForm::Number => PlaceholderKind::Number,
            PlaceholderKindForm::Amount => PlaceholderKind::Amount,
            PlaceholderKindForm::Instant => PlaceholderKind::Instant,
        };
        let placeholder = |it: PlaceholderForm| Placeholder { kind: kind(it.kind), optional: it.optional };
        let text = |it: TextForm| MessageText { subject: it.subject, body: it.body };
        MessageTemplate {
            code,
            version: 0,
            title,
            channel: channel.into(),
            purpose,
            placeholders: placeholders.into_iter().map(|(name, it)| (name, placeholder(it))).collect(),
            texts: texts.into_iter().map(|(locale, it)| (locale, text(it))).collect(),
        }
    }
}

/// A template.
#[derive(Serialize, ToSchema)]
pub(super) struct TemplateOut {
    /// Its code.
    template: String,
    title: String,
    channel: ChannelForm,
    purpose: Option<String>,
    placeholders: BTreeMap<String, PlaceholderForm>,
    texts: BTreeMap<String, TextForm>,
}

impl From<MessageTemplate> for TemplateOut {
    fn from(template: MessageTemplate) -> Self {
        let placeholder = |it: Placeholder| PlaceholderForm { kind: it.kind.into(), optional: it.optional };
        let text = |it: MessageText| TextForm { subject: it.subject, body: it.body };
        Self {
            template: template.code.into(),
            title: template.title.into(),
            channel: template.channel.into(),
            purpose: template.purpose.map(Into::into),
            placeholders: template.placeholders.into_iter().map(|(name, it)| (name.into(), placeholder(it))).collect(),
            texts: template.texts.into_iter().map(|(locale, it)| (locale.into(), text(it))).collect(),
        }
    }
}

/// A value of a placeholder: a text or an instant, or a whole number.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum ValueIn {
    /// A number, or an amount in minor units.
    Number(i64),
    /// A text, or an instant in RFC 3339.
    Text(String),
}

/// The values of a message.
pub(super) fn values_of(values: BTreeMap<PlaceholderName, ValueIn>) -> MessageValues {
    let value = |it| match it {
        ValueIn::Number(number) => MessageValue::Number(number),
        ValueIn::Text(text) => MessageValue::Text(text.into()),
    };
    values.into_iter().map(|(name, it)| (name, value(it))).collect()
}

/// A text that was filled in.
#[derive(Serialize, ToSchema)]
pub(super) struct RenderedOut {
    /// In which language.
    locale: String,
    subject: Option<String>,
    body: String,
}

impl From<Rendered> for RenderedOut {
    fn from(rendered: Rendered) -> Self {
        let Rendered { locale, subject, body } = rendered;
        Self { locale: locale.into(), subject, body }
    }
}

/// What went wrong with a message.
#[derive(Serialize, ToSchema)]
pub(super) struct FaultOut {
    /// `no-connector`, `refused`, `not-resolved`, `address-not-allowed`, `not-connected`, `timed-out`, `broken-answer`,
    /// `template`, `form` or `sink`.
    reason: &'static str,
    /// The status or code that the gateway or mail server has answered with.
    answer: Option<u16>,
}

impl From<MessageFault> for FaultOut {
    fn from(fault: MessageFault) -> Self {
        Self { reason: fault.name(), answer: fault.answer() }
    }
}

/// A message to a member. What it says and where it goes is not in it.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageOut {
    #[schema(example = "msg_019d2f5e7c1e7d4cb0f6a1b2c3d4e5f6")]
    pub(super) id: String,
    /// To whom.
    member: String,
    /// By which template.
    template: String,
    channel: ChannelForm,
    /// To what the member has to have said yes.
    purpose: Option<String>,
    /// Who or what has it sent: `hand:` and a key, `operator`, `rule` (an automatic message), `pack:` and a code.
    source: String,
    /// When it was queued, RFC 3339.
    queued_at: String,
    /// From when on it is not sent any more, RFC 3339.
    expires_at: String,
    /// `waiting`, `deferred` (until the quiet hours are over), `sent`, `failed` or `dropped`.
    status: &'static str,
    /// Since when it stands so, or, of what waits, when it goes out, RFC 3339.
    at: String,
    /// Why it was dropped: `no-consent`, `capped`, `no-address`, `erased`, `expired`, `cancelled` or `no-template`.
    dropped: Option<&'static str>,
    /// How often it was attempted.
    attempts: u8,
    /// What came of the last attempt, when that was no success.
    last_fault: Option<FaultOut>,
}

impl From<Message> for MessageOut {
    fn from(message: Message) -> Self {
        let (at, dropped) = match message.status {
            MessageStatus::Waiting { due_at } | MessageStatus::Deferred { due_at } => (due_at, None),
            MessageStatus::Sent { at } | MessageStatus::Failed { at, .. } => (at, None),
            MessageStatus::Dropped { at, reason } => (at, Some(reason.name())),
        };
        Self {
            id: message.id.to_string(),
            member: message.member.to_string(),
            template: message.template.into(),
            channel: message.channel.into(),
            purpose: message.purpose.map(Into::into),
            source: message.source.to_string(),
            queued_at: message.queued_at.to_string(),
            expires_at: message.expires_at.to_string(),
            status: message.status.name(),
            at: at.to_string(),
            dropped,
            attempts: message.attempts,
            last_fault: message.last_fault.map(Into::into),
        }
    }
}
