//! By which ways a merchant's messages leave.

use crate::domain::{Channel, Email, Label, MerchantId, Reach, WebhookUrl, WebhookUrlError};
use crate::store::{Direction, StoreError, Tx, layout};
use crate::usecase::Act;
use crate::usecase::keys::unreadable;
use crate::usecase::webhooks::Secret;
use crate::vault::Sealed;
use serde_json::json;

use super::records::{Connector, MailHost, Sender, Smtp, SmtpTls, Way};

/// The longest password of a mail server, in bytes.
const PASSWORD_BYTES_MAX: usize = 256;

/// A connector as somebody wants it.
#[derive(Clone, Debug)]
pub enum PutWay {
    /// A mail server.
    Smtp {
        /// Its name or address.
        host: MailHost,
        /// The port.
        port: u16,
        /// How the connection is encrypted.
        tls: SmtpTls,
        /// Who we are there, if it asks.
        user: Option<Label>,
        /// The password; absent, the one stays that there is for the same host and user.
        password: Option<Password>,
        /// From whom mails are.
        from: Sender,
    },
    /// A gateway. The secret with which messages to it are signed stays, if it has one.
    Gateway {
        /// Where it is.
        url: WebhookUrl,
    },
}

/// A password. Shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Why a connector is not as somebody wants it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// There is none for the channel.
    #[error("there is no connector for {0}")]
    Unknown(Channel),
    /// Somebody else has changed it meanwhile.
    #[error("this connector has been changed meanwhile; read it again, and make the change on what it is now")]
    Changed,
    /// It is not for mails.
    #[error("messages by {0} leave by a gateway: mail servers are for `email`")]
    NotMail(Channel),
    /// The sender is no address.
    #[error("`from` is no e-mail address such as `shop@example.com`")]
    From,
    /// User and password do not go together.
    #[error("a mail server is given a user with a password of 1 to {PASSWORD_BYTES_MAX} bytes, or neither")]
    Credentials,
    /// A password would be sent in the open, or everything would.
    #[error(
        "this host speaks to mail servers in private networks only without encryption, and does not reach into these: expected `implicit` or `starttls`"
    )]
    NotEncrypted,
    /// The host does not go there.
    #[error(transparent)]
    Url(#[from] WebhookUrlError),
    /// It is no gateway.
    #[error("the connector of {0} is no gateway, and has no secret")]
    NoSecret(Channel),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the connector of a channel, or changes the one that was read in the version `expected`. A gateway that is new is
/// given `secret`, which is in the answer only then.
///
/// # Errors
/// The first refusal in the order of [`ConnectorError`]'s variants.
pub fn put_connector(
    tx: &mut Tx,
    act: &mut Act<'_>,
    channel: Channel,
    way: &PutWay,
    expected: Option<u64>,
    secret: &Secret,
    reach: Reach,
) -> Result<(Connector, bool), ConnectorError> {
    let key = layout::message_connector(act.merchant, channel);
    let before = tx.load::<Connector>(&key)?;
    match (&before, expected) {
        (None, Some(_)) => return Err(ConnectorError::Unknown(channel)),
        (before, expected) if before.as_ref().map(|before| before.version) != expected => {
            return Err(ConnectorError::Changed);
        }
        _ => {}
    }
    let (way, is_new_secret) = match way {
        PutWay::Smtp { host, port, tls, user, password, from } => {
            if channel != Channel::Email {
                return Err(ConnectorError::NotMail(channel));
            }
            Email::new(&from.address).map_err(|_| ConnectorError::From)?;
            if *tls == SmtpTls::None && reach == Reach::Public {
                return Err(ConnectorError::NotEncrypted);
            }
            check_host(host, reach)?;
            let kept = match before.as_ref().map(|before| &before.way) {
                // A password is for one server and one user: it does not go to another one.
                Some(Way::Smtp(old)) if (&old.host, &old.user) == (host, user) => old.password.clone(),
                _ => None,
            };
            let password = match password {
                Some(Password(text)) if text.is_empty() || text.len() > PASSWORD_BYTES_MAX => {
                    return Err(ConnectorError::Credentials);
                }
                Some(Password(text)) => Some(seal(tx, act, channel, text.as_bytes())?),
                None => kept.filter(|_| user.is_some()),
            };
            if user.is_some() != password.is_some() {
                return Err(ConnectorError::Credentials);
            }
            let (host, user, from) = (host.clone(), user.clone(), from.clone());
            (Way::Smtp(Smtp { host, port: *port, tls: *tls, user, password, from }), false)
        }
        PutWay::Gateway { url } => {
            url.check(reach)?;
            let kept = match before.as_ref().map(|before| &before.way) {
                Some(Way::Gateway { secret, .. }) => Some(secret.clone()),
                _ => None,
            };
            let is_new = kept.is_none();
            let secret = match kept {
                Some(kept) => kept,
                None => seal(tx, act, channel, secret.text().as_bytes())?,
            };
            (Way::Gateway { url: url.clone(), secret }, is_new)
        }
    };
    let version = before.as_ref().map_or(1, |before| before.version + 1);
    let after = Connector { channel, version, way };
    tx.save(&key, &after)?;
    told(tx, act, before.as_ref(), Some(&after))?;
    Ok((after, is_new_secret))
}

/// Gives a gateway a new secret. Messages are signed with it at once.
///
/// # Errors
/// When the channel has no gateway, and the store's failures.
pub fn rotate_connector_secret(
    tx: &mut Tx,
    act: &mut Act<'_>,
    channel: Channel,
    secret: &Secret,
) -> Result<Connector, ConnectorError> {
    let key = layout::message_connector(act.merchant, channel);
    let before = tx.load::<Connector>(&key)?.ok_or(ConnectorError::Unknown(channel))?;
    let Way::Gateway { url, .. } = &before.way else { return Err(ConnectorError::NoSecret(channel)) };
    let way = Way::Gateway { url: url.clone(), secret: seal(tx, act, channel, secret.text().as_bytes())? };
    let after = Connector { version: before.version + 1, way, ..before.clone() };
    tx.save(&key, &after)?;
    told(tx, act, Some(&before), Some(&after))?;
    Ok(after)
}

/// Takes the connector of a channel away: its messages wait until there is one again, or they expire.
///
/// # Errors
/// When there is none, and the store's failures.
pub fn drop_connector(
    tx: &mut Tx,
    act: &mut Act<'_>,
    channel: Channel,
    expected: Option<u64>,
) -> Result<(), ConnectorError> {
    let key = layout::message_connector(act.merchant, channel);
    let before = tx.load::<Connector>(&key)?.ok_or(ConnectorError::Unknown(channel))?;
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(ConnectorError::Changed);
    }
    tx.delete(&key);
    told(tx, act, Some(&before), None)?;
    Ok(())
}

/// The connector of a channel.
///
/// # Errors
/// The store's failures.
pub fn read_connector(tx: &mut Tx, merchant: MerchantId, channel: Channel) -> Result<Option<Connector>, StoreError> {
    tx.load(&layout::message_connector(merchant, channel))
}

/// All connectors of a merchant.
///
/// # Errors
/// The store's failures.
pub fn list_connectors(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Connector>, StoreError> {
    let found = tx.load_scan(&layout::message_connectors(merchant), Direction::Forward, usize::MAX)?;
    Ok(found.into_iter().map(|(_, connector)| connector).collect())
}

/// A way by which messages leave, with its secret open.
#[derive(Clone, Debug)]
pub enum Route {
    /// A mail server, and the password for it.
    Smtp(Smtp, Option<Password>),
    /// A gateway, and what messages to it are signed with.
    Gateway(WebhookUrl, Secret),
}

/// The way by which the messages of a channel leave.
///
/// # Errors
/// The store's failures.
pub fn route(tx: &mut Tx, act: &Act<'_>, channel: Channel) -> Result<Option<Route>, StoreError> {
    let Some(connector) = read_connector(tx, act.merchant, channel)? else { return Ok(None) };
    Ok(Some(match connector.way {
        Way::Smtp(smtp) => {
            let password = match &smtp.password {
                Some(sealed) => Some(Password(open(tx, act, channel, sealed)?)),
                None => None,
            };
            Route::Smtp(smtp, password)
        }
        Way::Gateway { url, secret } => {
            let text = open(tx, act, channel, &secret)?;
            let key = layout::message_connector(act.merchant, channel);
            let secret = Secret::from_text(&text).map_err(|error| StoreError::corrupt(error.to_string(), &key))?;
            Route::Gateway(url, secret)
        }
    }))
}

/// Whether the host may connect to a mail server, by what its name alone tells.
fn check_host(host: &MailHost, reach: Reach) -> Result<(), WebhookUrlError> {
    WebhookUrl::new(&format!("https://{}/", host.as_str()))?.check(reach)
}

fn seal(tx: &mut Tx, act: &Act<'_>, channel: Channel, plain: &[u8]) -> Result<Sealed, StoreError> {
    Ok(act.keys(tx)?.sealing().seal(act.entropy, &place(act, channel), plain))
}

fn open(tx: &mut Tx, act: &Act<'_>, channel: Channel, sealed: &Sealed) -> Result<String, StoreError> {
    let place = place(act, channel);
    let plain = act.keys(tx)?.sealing().open(&place, sealed).map_err(|error| unreadable(error, &place))?;
    String::from_utf8(plain.to_vec()).map_err(|_| StoreError::corrupt("secret of a connector", &place))
}

fn place(act: &Act<'_>, channel: Channel) -> Vec<u8> {
    layout::message_connector(act.merchant, channel)
}

/// What the audit log tells of a connector: its secret is not in it.
fn told(
    tx: &mut Tx,
    act: &mut Act<'_>,
    before: Option<&Connector>,
    after: Option<&Connector>,
) -> Result<(), StoreError> {
    let shown = |connector: &Connector| match &connector.way {
        Way::Smtp(smtp) => json!({ "version": connector.version, "smtp": {
            "host": smtp.host, "port": smtp.port, "tls": smtp.tls.name(), "user": smtp.user, "from": smtp.from.address,
        } }),
        Way::Gateway { url, .. } => json!({ "version": connector.version, "gateway": url }),
    };
    let name = after.or(before).map_or("", |connector| connector.channel.name());
    act.record(tx, "message-connector", name, before.map(shown).as_ref(), after.map(shown).as_ref())
}
