//! Messages: what members are told by e-mail, SMS, app and WeChat.
//!
//! A message is queued in the transaction that causes it, with a template and sealed values; its text and the address are
//! made when it goes out, and stored nowhere. [`claim_messages`] makes ready what is due, and [`settle_messages`] records
//! what came of it. Between the two lies the network and no transaction: after a crash there, what was sent is sent again
//! with the same id.
//!
//! What needs a consent is checked when it is queued and again when it goes out: consent, caps and quiet hours may have
//! changed. What is about the member's own order or assets needs none, and minds neither caps nor quiet hours.

mod automatic;
mod cancel_message;
mod claim_messages;
mod connectors;
mod follow_events;
mod merge_messages;
mod policy;
mod queue;
mod read_messages;
mod recipient;
mod records;
mod send_message;
mod settle_messages;
mod templates;
mod text;

pub use automatic::{AutomaticError, Trigger, drop_automatic, list_automatics, put_automatic};
pub(super) use cancel_message::forget_messages;
pub use cancel_message::{MessageTouched, TouchError, cancel_message, resend_message};
pub use claim_messages::{Claimed, Outbound, claim_messages, next_due};
pub use connectors::{
    ConnectorError, Password, PutWay, Route, drop_connector, list_connectors, put_connector, read_connector,
    rotate_connector_secret, route,
};
pub use follow_events::{Followed, follow_events};
pub(super) use merge_messages::merge_messages;
pub use policy::{PolicyError, read_policy, set_policy};
pub use read_messages::{MessagePage, SoughtMessages, list_messages, read_message};
pub(super) use recipient::own_locale;
pub use records::{
    Automatic, Connector, DropReason, MailHost, Message, MessageCursor, MessageFault, MessageStatus, NotAHost, Sender,
    Smtp, SmtpTls, Way,
};
pub use send_message::{Queued, RECIPIENTS_MAX, SendError, SendMessage, send_message, send_messages};
pub use settle_messages::{ATTEMPTS_MAX, SendAttempt, SettledMessages, settle_messages};
pub use templates::{
    TEMPLATES_MAX, TemplateError, drop_template, list_templates, preview_template, put_template, read_template,
};
pub use text::{Rendered, TextFault, ValueFault};
