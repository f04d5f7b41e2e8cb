//! `POST` and `GET /v1/messages`, `GET /v1/messages/{message}`, `POST …/cancel` and `POST …/resend`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Action, Code, MemberId, MessageId, PlaceholderName};
use crate::http::caller::{Caller, Once};
use crate::http::cursor::{cursor, page_length, place};
use crate::http::message_wire::{MessageOut, ValueIn, values_of};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::store::layout;
use crate::usecase::messages::{self, MessageStatus, SoughtMessages, TouchError};

/// What is to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"template": "receipt", "members": ["mem_0198f2a4c1d07e3b9a5c6d7e8f901234"],
    "values": {"order": "A-17", "total": 1250}}))]
pub(super) struct MessagesIn {
    /// By which template.
    #[schema(value_type = String)]
    template: Code,
    /// To whom: 1 to 200 members, each in their own language.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 200)]
    members: Vec<MemberId>,
    /// What the template's texts ask for.
    #[schema(value_type = BTreeMap<String, ValueIn>)]
    #[serde(default)]
    values: BTreeMap<PlaceholderName, ValueIn>,
}

/// Messages that were queued, or dropped at once.
#[derive(Serialize, ToSchema)]
pub(super) struct QueuedOut {
    /// In the order of the members.
    messages: Vec<MessageOut>,
}

/// Which messages are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MessagesQuery {
    /// To whom.
    #[param(value_type = Option<String>)]
    member: Option<MemberId>,
    /// `waiting`, `deferred`, `sent`, `failed` or `dropped`.
    status: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many at most, 1 to 200; 50 if it is not said.
    limit: Option<usize>,
}

/// Messages.
#[derive(Serialize, ToSchema)]
pub(super) struct MessagesOut {
    /// Those that were queued last first.
    messages: Vec<MessageOut>,
    /// The cursor of the next page, when there may be more. A question for a status goes through 1000 messages at most,
    /// so that a page may be short and not the last.
    next: Option<String>,
}

/// That something is to be done with a message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageWish {}

/// Has something sent to members. What has to be kept from one of them (no consent, no address, too many) is recorded as
/// dropped, with the reason.
#[utoipa::path(post, path = "/v1/messages", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), request_body = MessagesIn,
    params(("Idempotency-Key" = String, Header, description = "A text of your own, new for each new thing to say.")),
    responses((status = 202, body = QueuedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn send_messages(
    State(app): State<App>,
    caller: Caller,
    Once(key): Once,
    sent: Sent<MessagesIn>,
) -> Result<(StatusCode, Json<QueuedOut>), Problem> {
    let MessagesIn { template, members, values } = sent.body;
    let values = values_of(values);
    let queued = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            let queued = host.act_once(actor, &key, &sent.content, |tx, act| {
                messages::send_messages(tx, act, &members, &template, &values)
            })?;
            let mut out = Vec::with_capacity(queued.messages.len());
            for id in queued.messages {
                let message = host.look(|tx| messages::read_message(tx, actor.merchant, id))?;
                out.push(message.ok_or_else(|| Problem::from(TouchError::Unknown(id)))?.into());
            }
            Ok::<_, Problem>(QueuedOut { messages: out })
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(queued)))
}

/// What members were told, and what waits.
#[utoipa::path(get, path = "/v1/messages", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), params(MessagesQuery),
    responses((status = 200, body = MessagesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_messages(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<MessagesQuery>, QueryRejection>,
) -> Result<Json<MessagesOut>, Problem> {
    let Query(query) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let limit = page_length(query.limit)?;
    let status = match &query.status {
        None => None,
        Some(name) => Some(MessageStatus::NAMES.into_iter().find(|known| known == name).ok_or_else(|| {
            Problem::wrong_query(&format!("`status` is expected to be one of {}", MessageStatus::NAMES.join(", ")))
        })?),
    };
    let before = place::<16>(query.cursor.as_deref())?.map(MessageId::from_bytes);
    let sought = SoughtMessages { member: query.member, status, before };
    let page = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            host.look(|tx| messages::list_messages(tx, actor.merchant, &sought, limit))
        })
        .await?;
    let next = page.next.map(|next| cursor(next.as_bytes()));
    Ok(Json(MessagesOut { messages: page.messages.into_iter().map(Into::into).collect(), next }))
}

/// A message.
#[utoipa::path(get, path = "/v1/messages/{message}", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), params(("message" = String, Path)),
    responses((status = 200, body = MessageOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_message(
    State(app): State<App>,
    caller: Caller,
    Path(message): Path<String>,
) -> Result<Json<MessageOut>, Problem> {
    let id: MessageId = message.parse()?;
    let found = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            let found = host.look(|tx| messages::read_message(tx, actor.merchant, id))?;
            found.ok_or_else(|| Problem::from(TouchError::Unknown(id)))
        })
        .await?;
    Ok(Json(found.into()))
}

/// Cancels a message that waits. One that is on its way just then may still come through.
#[utoipa::path(post, path = "/v1/messages/{message}/cancel", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), request_body = MessageWish,
    params(("message" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new wish.")),
    responses((status = 200, body = MessageOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn cancel_message(
    State(app): State<App>,
    caller: Caller,
    Path(message): Path<String>,
    Once(key): Once,
    sent: Sent<MessageWish>,
) -> Result<Json<MessageOut>, Problem> {
    let id: MessageId = message.parse()?;
    let MessageWish {} = sent.body;
    let found = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            host.act_once(actor, &key, &sent.content, |tx, act| messages::cancel_message(tx, act, id))?;
            let found = host.look(|tx| messages::read_message(tx, actor.merchant, id))?;
            found.ok_or_else(|| Problem::from(TouchError::Unknown(id)))
        })
        .await?;
    Ok(Json(found.into()))
}

/// Has a message that failed attempted again, with all attempts before it.
#[utoipa::path(post, path = "/v1/messages/{message}/resend", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), request_body = MessageWish,
    params(("message" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new wish.")),
    responses((status = 202, body = MessageOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn resend_message(
    State(app): State<App>,
    caller: Caller,
    Path(message): Path<String>,
    Once(key): Once,
    sent: Sent<MessageWish>,
) -> Result<(StatusCode, Json<MessageOut>), Problem> {
    let id: MessageId = message.parse()?;
    let MessageWish {} = sent.body;
    let found = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            host.act_once(actor, &key, &sent.content, |tx, act| messages::resend_message(tx, act, id))?;
            let found = host.look(|tx| messages::read_message(tx, actor.merchant, id))?;
            host.store.call(&layout::changes(actor.merchant));
            found.ok_or_else(|| Problem::from(TouchError::Unknown(id)))
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(found.into())))
}
