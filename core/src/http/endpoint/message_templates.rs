//! `GET /v1/message-templates`, and `GET`, `PUT`, `DELETE` and `POST …/preview` for one of them

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Action, Code, Label, Locale, PlaceholderName};
use crate::http::caller::Caller;
use crate::http::cursor::{any_place, cursor, page_length};
use crate::http::etag::{IfExpected, Versioned};
use crate::http::message_wire::{RenderedOut, TemplateIn, TemplateOut, ValueIn, values_of};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase::messages;

/// Which page of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TemplatesQuery {
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many at most, 1 to 200; 50 if it is not said.
    limit: Option<usize>,
}

/// Templates of messages.
#[derive(Serialize, ToSchema)]
pub(super) struct TemplatesOut {
    /// In the order of their codes.
    templates: Vec<TemplateOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// What a template is to be tried with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"values": {"order": "A-17", "total": 1250}, "member": "Fang Wang", "locale": "en"}))]
pub(super) struct PreviewIn {
    /// Values of the placeholders.
    #[schema(value_type = BTreeMap<String, ValueIn>)]
    #[serde(default)]
    values: BTreeMap<PlaceholderName, ValueIn>,
    /// What the member is called.
    #[schema(value_type = Option<String>, max_length = 128)]
    member: Option<Label>,
    /// The language that they read, as a BCP 47 tag; the merchant's if it is not said.
    #[schema(value_type = Option<String>)]
    locale: Option<Locale>,
}

/// The templates of messages.
#[utoipa::path(get, path = "/v1/message-templates", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), params(TemplatesQuery),
    responses((status = 200, body = TemplatesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_templates(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<TemplatesQuery>, QueryRejection>,
) -> Result<Json<TemplatesOut>, Problem> {
    let Query(query) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let limit = page_length(query.limit)?;
    let after = any_place(query.cursor.as_deref())?.map(|bytes| Code::new(String::from_utf8_lossy(&bytes)));
    let after = after.transpose().map_err(|error| Problem::wrong_query(&error))?;
    let found = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            host.look(|tx| messages::list_templates(tx, actor.merchant, after.as_ref(), limit))
        })
        .await?;
    let last = found.last().filter(|_| found.len() == limit);
    let next = last.map(|last| cursor(last.code.as_str().as_bytes()));
    Ok(Json(TemplatesOut { templates: found.into_iter().map(Into::into).collect(), next }))
}

/// A template of messages.
#[utoipa::path(get, path = "/v1/message-templates/{template}", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), params(("template" = String, Path)),
    responses((status = 200, body = TemplateOut, headers(("ETag" = String, description = "The state that was read."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_template(
    State(app): State<App>,
    caller: Caller,
    Path(template): Path<String>,
) -> Result<Versioned<Json<TemplateOut>>, Problem> {
    let code = Code::new(template).map_err(|error| Problem::wrong_name(&error))?;
    let found = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            let found = host.look(|tx| messages::read_template(tx, actor.merchant, &code))?;
            found.ok_or_else(|| Problem::from(messages::TemplateError::Unknown(code)))
        })
        .await?;
    Ok(Versioned(found.version, Json(found.into())))
}

/// Writes a template of messages: a new one, or, with `If-Match`, over one that was read.
///
/// Each text is checked: one that can not be filled in, or asks for what is no placeholder, is refused with its line.
#[utoipa::path(put, path = "/v1/message-templates/{template}", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), request_body = TemplateIn,
    params(("template" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = TemplateOut, headers(("ETag" = String, description = "The state that was written."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn put_template(
    State(app): State<App>,
    caller: Caller,
    Path(template): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<TemplateIn>,
) -> Result<Versioned<Json<TemplateOut>>, Problem> {
    let code = Code::new(template).map_err(|error| Problem::wrong_name(&error))?;
    let template = sent.body.of(code);
    let written = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            host.act(actor, |tx, act| messages::put_template(tx, act, &template, expected))
        })
        .await?;
    Ok(Versioned(written.version, Json(written.into())))
}

/// Takes a template of messages away. What waits to be sent by it is dropped when it would go out.
#[utoipa::path(delete, path = "/v1/message-templates/{template}", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), params(("template" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is taken away if somebody else has changed it since.")),
    responses((status = 204, description = "It is gone."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_template(
    State(app): State<App>,
    caller: Caller,
    Path(template): Path<String>,
    IfExpected(expected): IfExpected,
) -> Result<StatusCode, Problem> {
    let code = Code::new(template).map_err(|error| Problem::wrong_name(&error))?;
    app.serve(caller, Action::ManageMessages, move |host, actor| {
        host.act(actor, |tx, act| messages::drop_template(tx, act, &code, expected))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a template would say. Nothing is sent.
#[utoipa::path(post, path = "/v1/message-templates/{template}/preview", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), request_body = PreviewIn,
    params(("template" = String, Path)),
    responses((status = 200, body = RenderedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn preview_template(
    State(app): State<App>,
    caller: Caller,
    Path(template): Path<String>,
    sent: Sent<PreviewIn>,
) -> Result<Json<RenderedOut>, Problem> {
    let code = Code::new(template).map_err(|error| Problem::wrong_name(&error))?;
    let PreviewIn { values, member, locale } = sent.body;
    let values = values_of(values);
    let rendered = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            host.view(actor, |tx, act| {
                messages::preview_template(tx, act, &code, &values, member.as_ref(), locale.as_ref())
            })
        })
        .await?;
    Ok(Json(rendered.into()))
}
