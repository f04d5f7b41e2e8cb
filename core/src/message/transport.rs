//! A message leaves: by a mail server, by a gateway, or into a file.

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::sink;
use super::smtp::Mailer;
use crate::describe::describe;
use crate::domain::{MerchantId, Reach};
use crate::usecase::messages::{MessageFault, Outbound, Route, SmtpTls};
use crate::usecase::webhooks::Outcome;
use crate::webhook::{Client, Parcel};

/// The ways by which messages leave this host. Clones share connections.
#[derive(Clone)]
pub struct Transport {
    client: Option<Client>,
    mailer: Mailer,
    sink: Option<Arc<Path>>,
}

/// What came of handing over a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// What went wrong; nothing when it was taken.
    pub fault: Option<MessageFault>,
    /// How long the receiver asked not to be asked again.
    pub retry_after: Option<SignedDuration>,
}

impl From<MessageFault> for Delivered {
    fn from(fault: MessageFault) -> Self {
        Self { fault: Some(fault), retry_after: None }
    }
}

/// A message as a gateway gets it.
#[derive(Serialize)]
struct Told<'a> {
    id: String,
    merchant: MerchantId,
    channel: &'static str,
    to: &'a str,
    subject: Option<&'a str>,
    text: &'a str,
    locale: &'a str,
    queued_at: Timestamp,
}

impl Transport {
    /// The ways of a host that reaches this far. With a sink, every message goes into a file of that folder instead.
    pub fn new(reach: Reach, sink: Option<Arc<Path>>) -> Self {
        let client = match Client::new(reach) {
            Ok(client) => Some(client),
            Err(error) => {
                tracing::warn!(error = describe(&error), "no messages are sent by gateways and mail servers");
                None
            }
        };
        Self { client, mailer: Mailer::default(), sink }
    }

    /// Whether every message goes into a file.
    pub fn has_sink(&self) -> bool {
        self.sink.is_some()
    }

    /// Hands over a message. It is at least once that a receiver gets it, with the message's id each time.
    pub async fn deliver(
        &self,
        merchant: MerchantId,
        message: &Outbound,
        route: Option<&Route>,
        now: Timestamp,
    ) -> Delivered {
        if let Some(dir) = &self.sink {
            let (dir, message) = (Arc::clone(dir), message.clone());
            let written = tokio::task::spawn_blocking(move || sink::write(&dir, merchant, &message)).await;
            let fault = match written {
                Ok(Ok(())) => None,
                Ok(Err(_)) | Err(_) => Some(MessageFault::Sink),
            };
            return Delivered { fault, retry_after: None };
        }
        let (Some(route), Some(client)) = (route, &self.client) else {
            return MessageFault::NoConnector.into();
        };
        match route {
            Route::Smtp(smtp, password) => {
                // The operator may have changed their mind since the connector was made.
                if smtp.tls == SmtpTls::None && client.reach() == Reach::Public {
                    return MessageFault::NotAllowed.into();
                }
                let addresses = match client.addresses(smtp.host.bare()).await {
                    Ok(addresses) => addresses,
                    Err(outcome) => return fault(&outcome).map_or(MessageFault::NotResolved, |it| it).into(),
                };
                let sent = self.mailer.send(smtp, password.as_ref(), &addresses, message, now).await;
                Delivered { fault: sent.err(), retry_after: None }
            }
            Route::Gateway(url, secret) => {
                let told = Told {
                    id: message.id.to_string(),
                    merchant,
                    channel: message.channel.name(),
                    to: &message.to,
                    subject: message.text.subject.as_deref(),
                    text: &message.text.body,
                    locale: message.text.locale.as_str(),
                    queued_at: message.queued_at,
                };
                let body = serde_json::to_vec(&told).expect("a message is made of plain values");
                let (secrets, id) = (std::slice::from_ref(secret), message.id.to_string());
                let answer =
                    client.post(Parcel { url, secrets, content_type: "application/json", id, body }, now).await;
                Delivered { fault: fault(&answer.outcome), retry_after: answer.retry_after }
            }
        }
    }
}

/// What a gateway's answer means for a message.
fn fault(outcome: &Outcome) -> Option<MessageFault> {
    match outcome {
        Outcome::Answered(200..=299) => None,
        Outcome::Answered(status) => Some(MessageFault::Http(*status)),
        Outcome::NotResolved => Some(MessageFault::NotResolved),
        Outcome::NotAllowed => Some(MessageFault::NotAllowed),
        Outcome::NotConnected(_) => Some(MessageFault::NotConnected),
        Outcome::TimedOut => Some(MessageFault::TimedOut),
        Outcome::Broken(_) => Some(MessageFault::Broken),
    }
}
