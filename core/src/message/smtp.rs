//! Mails: plain text, by SMTP to an address that was checked, so that a name that leads elsewhere the next time gains
//! nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lettre::address::Address;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use parking_lot::Mutex;

use crate::usecase::messages::{MessageFault, Outbound, Password, Smtp, SmtpTls};

/// How long each step of a connection may take.
const STEP: Duration = Duration::from_secs(10);
/// How long all of an attempt may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many servers' TLS settings are remembered.
const SERVERS_MAX: usize = 256;

/// What mails are sent with.
#[derive(Clone, Default)]
pub(super) struct Mailer {
    /// Reading the machine's trusted certificates takes a while: they are read once for each server.
    tls: Arc<Mutex<HashMap<String, TlsParameters>>>,
}

impl Mailer {
    /// Sends a mail by one of the addresses of its server.
    pub(super) async fn send(
        &self,
        smtp: &Smtp,
        password: Option<&Password>,
        addresses: &[IpAddr],
        message: &Outbound,
        now: Timestamp,
    ) -> Result<(), MessageFault> {
        let (mail, domain) = mail(smtp, message, now).ok_or(MessageFault::Form)?;
        let attempt = async {
            let tls = self.tls(smtp).await?;
            let mut last = MessageFault::NotConnected;
            for address in addresses.iter().take(2) {
                let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.to_string())
                    .port(smtp.port)
                    .timeout(Some(STEP))
                    .hello_name(ClientId::Domain(domain.clone()))
                    .tls(tls.clone());
                if let (Some(user), Some(Password(password))) = (&smtp.user, password) {
                    builder = builder.credentials(Credentials::new(user.to_string(), password.clone()));
                }
                match builder.build().send(mail.clone()).await {
                    Ok(_) => return Ok(()),
                    Err(error) => last = fault(&error),
                }
                // Only another address of the same server may do better, and nothing was said to this one yet.
                if !matches!(last, MessageFault::NotConnected) {
                    break;
                }
            }
            Err(last)
        };
        tokio::time::timeout(PATIENCE, attempt).await.unwrap_or(Err(MessageFault::TimedOut))
    }

    async fn tls(&self, smtp: &Smtp) -> Result<Tls, MessageFault> {
        if smtp.tls == SmtpTls::None {
            return Ok(Tls::None);
        }
        let host = smtp.host.bare().to_owned();
        let known = self.tls.lock().get(&host).cloned();
        let parameters = match known {
            Some(known) => known,
            None => {
                let name = host.clone();
                let made = tokio::task::spawn_blocking(move || TlsParameters::new_rustls(name)).await;
                let made = made.ok().and_then(Result::ok).ok_or(MessageFault::NotConnected)?;
                let mut all = self.tls.lock();
                if all.len() >= SERVERS_MAX {
                    all.clear();
                }
                all.insert(host, made.clone());
                made
            }
        };
        Ok(match smtp.tls {
            SmtpTls::Implicit => Tls::Wrapper(parameters),
            SmtpTls::StartTls | SmtpTls::None => Tls::Required(parameters),
        })
    }
}

/// A mail, and the domain that it is from.
fn mail(smtp: &Smtp, message: &Outbound, now: Timestamp) -> Option<(lettre::Message, String)> {
    let from: Address = smtp.from.address.parse().ok()?;
    let domain = from.domain().to_owned();
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    let builder = lettre::Message::builder()
        .from(Mailbox::new(smtp.from.name.as_ref().map(ToString::to_string), from))
        .to(Mailbox::new(None, message.to.parse().ok()?))
        .message_id(Some(format!("<{}@{domain}>", message.id)))
        .date(std::time::SystemTime::from(now))
        .subject(message.text.subject.as_deref().unwrap_or_default())
        .raw_header(automatic)
        .header(ContentType::TEXT_PLAIN);
    Some((builder.body(message.text.body.clone()).ok()?, domain))
}

/// What went wrong. What the server says in words may name the member, and is not told.
fn fault(error: &lettre::transport::smtp::Error) -> MessageFault {
    if let Some(code) = error.status() {
        return MessageFault::Smtp(code.into());
    }
    if error.is_timeout() {
        return MessageFault::TimedOut;
    }
    if error.is_response() { MessageFault::Broken } else { MessageFault::NotConnected }
}
