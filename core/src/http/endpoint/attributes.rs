//! `GET /v1/attributes`, and `PUT` and `DELETE /v1/attributes/{attribute}`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::{Action, AttributeKind, AttributeType, Code, Label};
use crate::http::caller::Caller;
use crate::http::cursor::cursor;
use crate::http::etag::{IfExpected, Versioned, change, with_versions};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::store::{StoreError, Tx};
use crate::usecase::{self, Act, Thing};

/// What the values of an attribute are.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum KindForm {
    /// A text of at most 1,024 bytes.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// A day such as `2026-03-18`.
    Date,
    /// One of `choices`.
    Choice,
}

/// An attribute as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "label": "Size", "kind": "choice", "choices": ["S", "M", "L"], "personal": false }))]
pub(super) struct AttributeIn {
    /// What people call it.
    #[schema(value_type = String, example = "Size", max_length = 128)]
    label: Label,
    /// Never changes.
    kind: KindForm,
    /// For the kind `choice`: its possible values. They may grow, and never shrink.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 100)]
    choices: BTreeSet<Label>,
    /// Whether it says who somebody is: then its values are kept sealed and shown like a name. Never changes.
    #[serde(default)]
    personal: bool,
}

/// An attribute.
#[derive(Serialize, ToSchema)]
pub(super) struct AttributeOut {
    attribute: String,
    label: String,
    kind: KindForm,
    choices: Vec<String>,
    personal: bool,
    /// Names the state in which it is, for `If-Match`.
    version: u64,
}

/// The attributes of a merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct AttributesOut {
    /// In the order of their codes; 100 at most.
    attributes: Vec<AttributeOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

impl From<(AttributeType, u64)> for AttributeOut {
    fn from((attribute, version): (AttributeType, u64)) -> Self {
        let (kind, choices) = match attribute.kind {
            AttributeKind::Text => (KindForm::Text, BTreeSet::new()),
            AttributeKind::Number => (KindForm::Number, BTreeSet::new()),
            AttributeKind::Flag => (KindForm::Flag, BTreeSet::new()),
            AttributeKind::Date => (KindForm::Date, BTreeSet::new()),
            AttributeKind::Choice(choices) => (KindForm::Choice, choices),
        };
        Self {
            attribute: attribute.code.into(),
            label: attribute.label.into(),
            kind,
            choices: choices.into_iter().map(Into::into).collect(),
            personal: attribute.personal,
            version,
        }
    }
}

/// Defines an attribute of members, or changes its label or adds to its choices.
#[utoipa::path(put, path = "/v1/attributes/{attribute}", tag = "members",
    extensions(("x-needs" = json!("manage-members"))), request_body = AttributeIn,
    params(("attribute" = String, Path, description = "Its code."),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = AttributeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn define_attribute(
    State(app): State<App>,
    caller: Caller,
    Path(attribute): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<AttributeIn>,
) -> Result<Versioned<Json<AttributeOut>>, Problem> {
    let AttributeIn { label, kind, choices, personal } = sent.body;
    let is_choice = matches!(kind, KindForm::Choice);
    if !is_choice && !choices.is_empty() {
        return Err(Problem::wrong_body("choices", &"only the kind `choice` has choices"));
    }
    let kind = match kind {
        KindForm::Text => AttributeKind::Text,
        KindForm::Number => AttributeKind::Number,
        KindForm::Flag => AttributeKind::Flag,
        KindForm::Date => AttributeKind::Date,
        KindForm::Choice => AttributeKind::Choice(choices),
    };
    let code = Code::new(&attribute).map_err(|error| Problem::wrong_name(&error))?;
    let new = AttributeType { code, label, kind, personal };
    app.serve(caller, Action::ManageMembers, move |host, actor| {
        let thing = Thing::Attribute(new.code.clone());
        let define = |tx: &mut Tx, act: &mut Act<'_>| usecase::define_attribute(tx, act, &new);
        let ((), version) = change(host, actor, &thing, expected, define)?;
        Ok::<_, Problem>(Versioned(version, Json((new, version).into())))
    })
    .await
}

/// Takes an attribute away, unless a segment asks for it. What is said of members by it stays with them, sealed if it
/// is, until they are edited the next time.
#[utoipa::path(delete, path = "/v1/attributes/{attribute}", tag = "members",
    extensions(("x-needs" = json!("manage-members"))),
    params(("attribute" = String, Path, description = "Its code."),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is taken away if somebody else has changed it since.")),
    responses((status = 204, description = "It is gone."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_attribute(
    State(app): State<App>,
    caller: Caller,
    Path(attribute): Path<String>,
    IfExpected(expected): IfExpected,
) -> Result<StatusCode, Problem> {
    let attribute = Code::new(&attribute).map_err(|error| Problem::wrong_name(&error))?;
    app.serve(caller, Action::ManageMembers, move |host, actor| {
        let drop = |tx: &mut Tx, act: &mut Act<'_>| usecase::drop_attribute(tx, act, &attribute);
        change(host, actor, &Thing::Attribute(attribute.clone()), expected, drop)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The attributes that a merchant has defined.
#[utoipa::path(get, path = "/v1/attributes", tag = "members",
    extensions(("x-needs" = json!("read"))), params(Page),
    responses((status = 200, body = AttributesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_attributes(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<AttributesOut>, Problem> {
    let which = Page::read(page)?;
    let (all, next) = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| {
                let (found, next) = usecase::page_attributes(tx, actor.merchant, &which)?;
                Ok::<_, StoreError>((
                    with_versions(tx, actor.merchant, found, |one| Thing::Attribute(one.code.clone()))?,
                    next,
                ))
            })
        })
        .await?;
    let next = next.map(|place| cursor(&place));
    Ok(Json(AttributesOut { attributes: all.into_iter().map(Into::into).collect(), next }))
}
