//! `GET /v1/message-connectors`, and `PUT`, `DELETE`, `POST …/secret` and `POST …/test` for one of them

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use crate::domain::{Action, Label, Locale, WebhookUrl};
use crate::http::caller::Caller;
use crate::http::etag::{IfExpected, Versioned};
use crate::http::message_wire::{ChannelForm, FaultOut, channel_of};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::message::Transport;
use crate::store::layout;
use crate::usecase::messages::{
    self, Connector, ConnectorError, MailHost, Outbound, Password, PutWay, Rendered, Sender, SmtpTls, Way,
};
use crate::usecase::webhooks::Secret;

/// How many tests are under way at a time, at most.
static TESTS: Semaphore = Semaphore::const_new(8);

/// A connector as it is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schema(example = json!({"gateway": {"url": "https://example.com/punchcard-messages"}}))]
pub(super) enum ConnectorIn {
    /// A mail server, for `email`.
    Smtp(SmtpIn),
    /// A gateway: each message is sent to it as JSON, signed by Standard Webhooks.
    Gateway(GatewayIn),
}

/// A mail server.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SmtpIn {
    /// Its name, or its address.
    #[schema(value_type = String, example = "smtp.example.com")]
    host: MailHost,
    /// The port; 465 for `implicit` and 587 for `starttls` if it is not said.
    #[schema(minimum = 1)]
    port: Option<u16>,
    /// How the connection is encrypted.
    tls: TlsForm,
    /// Who we are there, if it asks.
    #[schema(value_type = Option<String>, max_length = 128)]
    user: Option<Label>,
    /// The password. It is never told again; absent, the one stays that there is for the same host and user.
    #[schema(max_length = 256)]
    password: Option<String>,
    /// From whom mails are: an address.
    #[schema(example = "shop@example.com")]
    from: String,
    /// From whom mails are: the name that people see.
    #[schema(value_type = Option<String>, max_length = 128)]
    from_name: Option<Label>,
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TlsForm {
    /// From its first byte on.
    Implicit,
    /// By STARTTLS, and not at all without.
    Starttls,
    /// Not at all: only where the operator allows private networks.
    None,
}

/// A gateway.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GatewayIn {
    /// Where it is: `https`, to a public address.
    #[schema(value_type = String, max_length = 2048)]
    url: WebhookUrl,
}

/// A connector. Its password or secret is not in it.
#[derive(Serialize, ToSchema)]
pub(super) struct ConnectorOut {
    channel: ChannelForm,
    /// The version for `If-Match`.
    version: u64,
    /// The mail server, if it is one.
    smtp: Option<SmtpOut>,
    /// The gateway, if it is one.
    gateway: Option<GatewayOut>,
}

/// A mail server.
#[derive(Serialize, ToSchema)]
pub(super) struct SmtpOut {
    host: String,
    port: u16,
    tls: TlsForm,
    user: Option<String>,
    /// Whether there is a password.
    has_password: bool,
    from: String,
    from_name: Option<String>,
}

/// A gateway.
#[derive(Serialize, ToSchema)]
pub(super) struct GatewayOut {
    url: String,
    /// What messages are signed with. It is shown when it is made, and never again; who has lost it has another one made.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// The connectors of a merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct ConnectorsOut {
    /// One for each channel that has one.
    connectors: Vec<ConnectorOut>,
}

/// That a gateway is to have another secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSecret {}

/// A message that is to be tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestIn {
    /// The address: of e-mail, a phone number, or what the gateway knows a member by.
    #[schema(value_type = String, example = "owner@example.com", max_length = 128)]
    to: Label,
}

/// What came of a test.
#[derive(Serialize, ToSchema)]
pub(super) struct TestedOut {
    /// The id that the message had.
    message: String,
    /// Whether it was taken.
    taken: bool,
    /// What went wrong otherwise.
    fault: Option<FaultOut>,
}

impl ConnectorOut {
    fn of(connector: Connector, secret: Option<&Secret>) -> Self {
        let Connector { channel, version, way } = connector;
        let (smtp, gateway) = match way {
            Way::Smtp(smtp) => {
                let tls = match smtp.tls {
                    SmtpTls::Implicit => TlsForm::Implicit,
                    SmtpTls::StartTls => TlsForm::Starttls,
                    SmtpTls::None => TlsForm::None,
                };
                let Sender { address, name } = smtp.from;
                let out = SmtpOut {
                    host: smtp.host.into(),
                    port: smtp.port,
                    tls,
                    user: smtp.user.map(Into::into),
                    has_password: smtp.password.is_some(),
                    from: address,
                    from_name: name.map(Into::into),
                };
                (Some(out), None)
            }
            Way::Gateway { url, .. } => {
                (None, Some(GatewayOut { url: url.to_string(), secret: secret.map(Secret::text) }))
            }
        };
        Self { channel: channel.into(), version, smtp, gateway }
    }
}

impl ConnectorIn {
    fn way(self) -> Result<PutWay, Problem> {
        Ok(match self {
            Self::Smtp(smtp) => {
                let (tls, usual) = match smtp.tls {
                    TlsForm::Implicit => (SmtpTls::Implicit, 465),
                    TlsForm::Starttls => (SmtpTls::StartTls, 587),
                    TlsForm::None => (SmtpTls::None, 25),
                };
                let port = smtp.port.unwrap_or(usual);
                if port == 0 {
                    return Err(Problem::wrong_body("smtp.port", &"a port is 1 to 65535"));
                }
                PutWay::Smtp {
                    host: smtp.host,
                    port,
                    tls,
                    user: smtp.user,
                    password: smtp.password.map(Password),
                    from: Sender { address: smtp.from, name: smtp.from_name },
                }
            }
            Self::Gateway(GatewayIn { url }) => PutWay::Gateway { url },
        })
    }
}

/// By which ways messages leave.
#[utoipa::path(get, path = "/v1/message-connectors", tag = "messages",
    extensions(("x-needs" = json!("manage-connections"))),
    responses((status = 200, body = ConnectorsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_connectors(State(app): State<App>, caller: Caller) -> Result<Json<ConnectorsOut>, Problem> {
    let found = app
        .serve(caller, Action::ManageConnections, move |host, actor| {
            host.look(|tx| messages::list_connectors(tx, actor.merchant))
        })
        .await?;
    Ok(Json(ConnectorsOut { connectors: found.into_iter().map(|it| ConnectorOut::of(it, None)).collect() }))
}

/// Says by which way the messages of a channel leave: a new connector, or, with `If-Match`, a change of one.
///
/// A gateway gets each message by POST as JSON with `id`, `merchant`, `channel`, `to`, `subject`, `text`, `locale` and
/// `queued_at`, signed by Standard Webhooks; `webhook-id` is the message's id, the same when it comes twice. 2xx says
/// that it is taken. 400 and 422 say that it never will be; after anything else it is attempted again after 30 s, 2 min,
/// 10 min, 30 min, 1 h, 2 h, 4 h and 8 h, or when `Retry-After` says, as long as it is worth sending.
#[utoipa::path(put, path = "/v1/message-connectors/{channel}", tag = "messages",
    extensions(("x-needs" = json!("manage-connections"))), request_body = ConnectorIn,
    params(("channel" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = ConnectorOut, headers(("ETag" = String, description = "The state that was written."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn put_connector(
    State(app): State<App>,
    caller: Caller,
    Path(channel): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<ConnectorIn>,
) -> Result<Versioned<Json<ConnectorOut>>, Problem> {
    let channel = channel_of(&channel)?;
    let way = sent.body.way()?;
    let (connector, secret) = app
        .serve(caller, Action::ManageConnections, move |host, actor| {
            let (secret, reach) = (Secret::new(host.entropy.secret()), host.reach);
            let (connector, is_new) =
                host.act(actor, |tx, act| messages::put_connector(tx, act, channel, &way, expected, &secret, reach))?;
            host.store.call(&layout::changes(actor.merchant));
            Ok::<_, ConnectorError>((connector, is_new.then_some(secret)))
        })
        .await?;
    Ok(Versioned(connector.version, Json(ConnectorOut::of(connector, secret.as_ref()))))
}

/// Takes the connector of a channel away. Its messages wait until there is one again, as long as they are worth sending.
#[utoipa::path(delete, path = "/v1/message-connectors/{channel}", tag = "messages",
    extensions(("x-needs" = json!("manage-connections"))), params(("channel" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is taken away if somebody else has changed it since.")),
    responses((status = 204, description = "It is gone."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_connector(
    State(app): State<App>,
    caller: Caller,
    Path(channel): Path<String>,
    IfExpected(expected): IfExpected,
) -> Result<StatusCode, Problem> {
    let channel = channel_of(&channel)?;
    app.serve(caller, Action::ManageConnections, move |host, actor| {
        host.act(actor, |tx, act| messages::drop_connector(tx, act, channel, expected))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a gateway another secret. Messages are signed with it at once, and with the one before no more.
#[utoipa::path(post, path = "/v1/message-connectors/{channel}/secret", tag = "messages",
    extensions(("x-needs" = json!("manage-connections"))), request_body = NewSecret,
    params(("channel" = String, Path)),
    responses((status = 201, body = ConnectorOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn rotate_connector_secret(
    State(app): State<App>,
    caller: Caller,
    Path(channel): Path<String>,
    sent: Sent<NewSecret>,
) -> Result<(StatusCode, Json<ConnectorOut>), Problem> {
    let channel = channel_of(&channel)?;
    let NewSecret {} = sent.body;
    let (connector, secret) = app
        .serve(caller, Action::ManageConnections, move |host, actor| {
            let secret = Secret::new(host.entropy.secret());
            let rotated = host.act(actor, |tx, act| messages::rotate_connector_secret(tx, act, channel, &secret))?;
            Ok::<_, ConnectorError>((rotated, secret))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(ConnectorOut::of(connector, Some(&secret)))))
}

/// Sends a test to an address, at once, and says what came of it. Nothing is recorded.
#[utoipa::path(post, path = "/v1/message-connectors/{channel}/test", tag = "messages",
    extensions(("x-needs" = json!("manage-connections"))), request_body = TestIn,
    params(("channel" = String, Path, example = "push")),
    responses((status = 200, body = TestedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn test_connector(
    State(app): State<App>,
    caller: Caller,
    Path(channel): Path<String>,
    sent: Sent<TestIn>,
) -> Result<Json<TestedOut>, Problem> {
    let channel = channel_of(&channel)?;
    let to = sent.body.to.to_string();
    let _place = TESTS.try_acquire().map_err(|_| Problem::too_busy())?;
    let (merchant, message, route, transport) = app
        .serve(caller, Action::ManageConnections, move |host, actor| {
            let transport = Transport::new(host.reach, host.sink.clone());
            let (message, route) = host.view(actor, |tx, act| {
                let route = messages::route(tx, act, channel)?;
                let locale = Locale::new("en").expect("`en` is a language");
                let merchant = act.merchant(tx)?;
                let text = Rendered {
                    locale,
                    subject: channel.has_subject().then(|| "Test".to_owned()),
                    body: format!("This is a test of {}; nothing has happened.", merchant.name),
                };
                let (id, queued_at) = (act.ids.message(), act.now);
                Ok::<_, ConnectorError>((Outbound { id, channel, to: to.clone(), text, queued_at }, route))
            })?;
            if route.is_none() && !transport.has_sink() {
                return Err(ConnectorError::Unknown(channel));
            }
            Ok((actor.merchant, message, route, transport))
        })
        .await?;
    let delivered = transport.deliver(merchant, &message, route.as_ref(), message.queued_at).await;
    let (message, taken) = (message.id.to_string(), delivered.fault.is_none());
    Ok(Json(TestedOut { message, taken, fault: delivered.fault.map(Into::into) }))
}
