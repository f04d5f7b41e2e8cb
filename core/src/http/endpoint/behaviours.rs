//! `GET /v1/behaviours`, and `PUT` and `DELETE /v1/behaviours/{behaviour}`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::{Action, Behaviour, Code, Label};
use crate::http::caller::Caller;
use crate::http::cursor::cursor;
use crate::http::etag::{IfExpected, Versioned, change, with_versions};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::store::{StoreError, Tx};
use crate::usecase::{self, Act, Thing};

/// A kind of behaviour as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "title": "Wants something", "schema": { "type": "object",
    "properties": { "sku": { "type": "string", "maxLength": 64 } }, "required": ["sku"], "additionalProperties": false } }))]
pub(super) struct BehaviourIn {
    /// What people call it.
    #[schema(value_type = String, max_length = 128)]
    title: Label,
    /// The form of what is to be known of it: a JSON Schema of at most 8 KiB that refers to nothing outside of it. Leave no
    /// room in it for what is personal.
    #[schema(value_type = Object)]
    schema: Map<String, Value>,
}

/// A kind of behaviour.
#[derive(Serialize, ToSchema)]
pub(super) struct BehaviourOut {
    behaviour: String,
    title: String,
    /// The form of what is to be known of it: a JSON Schema.
    #[schema(value_type = Object)]
    schema: Value,
    /// Names the state in which it is, for `If-Match`.
    version: u64,
}

/// The kinds of behaviour of a merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct BehavioursOut {
    /// In the order of their codes.
    behaviours: Vec<BehaviourOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

impl From<(Behaviour, u64)> for BehaviourOut {
    fn from((Behaviour { code, title, schema }, version): (Behaviour, u64)) -> Self {
        let schema = serde_json::from_str(&schema).unwrap_or_default();
        Self { behaviour: code.into(), title: title.into(), schema, version }
    }
}

fn code(text: &str) -> Result<Code, Problem> {
    Code::new(text).map_err(|error| Problem::wrong_name(&error))
}

/// Declares a kind of behaviour that the merchant's own systems may tell of, such as that a page was viewed or something is
/// wanted; or changes it from now on. 100 at most.
#[utoipa::path(put, path = "/v1/behaviours/{behaviour}", tag = "events",
    extensions(("x-needs" = json!("manage-members"))), request_body = BehaviourIn,
    params(("behaviour" = String, Path, description = "Its code.", example = "item-wanted"),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = BehaviourOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn define_behaviour(
    State(app): State<App>,
    caller: Caller,
    Path(behaviour): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<BehaviourIn>,
) -> Result<Versioned<Json<BehaviourOut>>, Problem> {
    let BehaviourIn { title, schema } = sent.body;
    let new = Behaviour { code: code(&behaviour)?, title, schema: Value::from(schema).to_string() };
    app.serve(caller, Action::ManageMembers, move |host, actor| {
        let thing = Thing::Behaviour(new.code.clone());
        let define = |tx: &mut Tx, act: &mut Act<'_>| usecase::define_behaviour(tx, act, &new);
        let ((), version) = change(host, actor, &thing, expected, define)?;
        Ok::<_, Problem>(Versioned(version, Json((new, version).into())))
    })
    .await
}

/// Takes a kind of behaviour away: it can not be told any more. What was told stays.
#[utoipa::path(delete, path = "/v1/behaviours/{behaviour}", tag = "events",
    extensions(("x-needs" = json!("manage-members"))),
    params(("behaviour" = String, Path, description = "Its code.", example = "item-wanted"),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is taken away if somebody else has changed it since.")),
    responses((status = 204, description = "It is gone."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_behaviour(
    State(app): State<App>,
    caller: Caller,
    Path(behaviour): Path<String>,
    IfExpected(expected): IfExpected,
) -> Result<StatusCode, Problem> {
    let behaviour = code(&behaviour)?;
    app.serve(caller, Action::ManageMembers, move |host, actor| {
        let drop = |tx: &mut Tx, act: &mut Act<'_>| usecase::drop_behaviour(tx, act, &behaviour);
        change(host, actor, &Thing::Behaviour(behaviour.clone()), expected, drop)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The kinds of behaviour that the merchant has declared.
#[utoipa::path(get, path = "/v1/behaviours", tag = "events",
    extensions(("x-needs" = json!("read"))), params(Page),
    responses((status = 200, body = BehavioursOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_behaviours(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<BehavioursOut>, Problem> {
    let which = Page::read(page)?;
    let (found, next) = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| {
                let (found, next) = usecase::page_behaviours(tx, actor.merchant, &which)?;
                let found = with_versions(tx, actor.merchant, found, |one| Thing::Behaviour(one.code.clone()))?;
                Ok::<_, StoreError>((found, next))
            })
        })
        .await?;
    let next = next.map(|place| cursor(&place));
    Ok(Json(BehavioursOut { behaviours: found.into_iter().map(Into::into).collect(), next }))
}
