//! `GET /v1/automatic-messages`, and `PUT` and `DELETE` for one of them

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, Code};
use crate::http::caller::Caller;
use crate::http::etag::{IfExpected, Versioned};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase::messages::{self, Automatic, Trigger};

/// What is sent by itself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AutomaticIn {
    /// By which template.
    #[schema(value_type = String, example = "receipt")]
    template: Code,
}

/// What is sent by itself when something happens to a member.
#[derive(Serialize, ToSchema)]
pub(super) struct AutomaticOut {
    /// What it follows.
    #[schema(example = "order-settled")]
    trigger: &'static str,
    /// By which template; none when nothing is sent.
    template: Option<String>,
    /// The version for `If-Match`; none when nothing is sent.
    version: Option<u64>,
    /// What it gives to the template: name and kind.
    values: BTreeMap<&'static str, &'static str>,
}

/// All that can be sent by itself.
#[derive(Serialize, ToSchema)]
pub(super) struct AutomaticsOut {
    /// One for each thing that can be followed.
    automatic_messages: Vec<AutomaticOut>,
}

impl AutomaticOut {
    fn of(trigger: Trigger, automatic: Option<&Automatic>) -> Self {
        Self {
            trigger: trigger.name(),
            template: automatic.map(|it| it.template.to_string()),
            version: automatic.map(|it| it.version),
            values: trigger.values().into_iter().map(|(name, kind)| (name, kind.name())).collect(),
        }
    }
}

fn trigger_of(name: &str) -> Result<Trigger, Problem> {
    Trigger::of(name).ok_or_else(|| Problem::unknown_trigger(name))
}

/// What can be sent by itself, what is, and what a template can ask for then.
#[utoipa::path(get, path = "/v1/automatic-messages", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))),
    responses((status = 200, body = AutomaticsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_automatics(State(app): State<App>, caller: Caller) -> Result<Json<AutomaticsOut>, Problem> {
    let found = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            host.look(|tx| messages::list_automatics(tx, actor.merchant))
        })
        .await?;
    let of = |trigger: &Trigger| AutomaticOut::of(*trigger, found.iter().find(|it| it.trigger == *trigger));
    Ok(Json(AutomaticsOut { automatic_messages: Trigger::ALL.iter().map(of).collect() }))
}

/// Has a message sent by itself from now on, whenever something happens to a member. What is brought in later than a
/// message may wait is not told any more.
#[utoipa::path(put, path = "/v1/automatic-messages/{trigger}", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), request_body = AutomaticIn,
    params(("trigger" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = AutomaticOut, headers(("ETag" = String, description = "The state that was written."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn put_automatic(
    State(app): State<App>,
    caller: Caller,
    Path(trigger): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<AutomaticIn>,
) -> Result<Versioned<Json<AutomaticOut>>, Problem> {
    let trigger = trigger_of(&trigger)?;
    let template = sent.body.template;
    let put = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            host.act(actor, |tx, act| messages::put_automatic(tx, act, trigger, &template, expected))
        })
        .await?;
    Ok(Versioned(put.version, Json(AutomaticOut::of(trigger, Some(&put)))))
}

/// Has nothing sent by itself for this any more.
#[utoipa::path(delete, path = "/v1/automatic-messages/{trigger}", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), params(("trigger" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is taken away if somebody else has changed it since.")),
    responses((status = 204, description = "It is gone."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_automatic(
    State(app): State<App>,
    caller: Caller,
    Path(trigger): Path<String>,
    IfExpected(expected): IfExpected,
) -> Result<StatusCode, Problem> {
    let trigger = trigger_of(&trigger)?;
    app.serve(caller, Action::ManageMessages, move |host, actor| {
        host.act(actor, |tx, act| messages::drop_automatic(tx, act, trigger, expected))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
