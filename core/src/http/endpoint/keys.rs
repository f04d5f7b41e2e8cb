//! `GET` and `POST /v1/keys`, `DELETE /v1/keys/{key}`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::{Action, Label, Role, StaffId, StoreId, StoreScope};
use crate::http::caller::Caller;
use crate::http::cursor::cursor;
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase::{self, IssuedKey, ListedKey, NewKey};

/// What the holder of a key is.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RoleForm {
    /// May do everything.
    Owner,
    /// Runs stores.
    Manager,
    /// Serves customers at the till.
    Clerk,
    /// Reads the books, and nothing personal.
    Auditor,
    /// A system that serves members and follows events.
    Integration,
}

impl From<RoleForm> for Role {
    fn from(form: RoleForm) -> Self {
        match form {
            RoleForm::Owner => Self::Owner,
            RoleForm::Manager => Self::Manager,
            RoleForm::Clerk => Self::Clerk,
            RoleForm::Auditor => Self::Auditor,
            RoleForm::Integration => Self::Integration,
        }
    }
}

/// A key as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "label": "till 3", "role": "clerk" }))]
pub(super) struct KeyIn {
    /// What people call it.
    #[schema(value_type = Option<String>, max_length = 128, example = "till 3")]
    label: Option<Label>,
    role: RoleForm,
    /// The stores to which it is limited; all of them, those of the future too, if it is left out.
    #[schema(value_type = Option<Vec<String>>)]
    stores: Option<BTreeSet<StoreId>>,
}

/// A key that was issued.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyIssued {
    id: String,
    /// The key as it is sent. It is shown only now.
    secret: String,
}

/// A key.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyOut {
    id: String,
    label: Option<String>,
    role: &'static str,
    /// The stores to which it is limited; null for all.
    stores: Option<Vec<String>>,
    /// When it was issued, RFC 3339; null when that was not written down yet.
    issued_at: Option<String>,
    /// When it was revoked, RFC 3339.
    revoked_at: Option<String>,
}

/// The keys of a merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct KeysOut {
    /// In the order in which they were issued.
    keys: Vec<KeyOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

impl From<ListedKey> for KeyOut {
    fn from(key: ListedKey) -> Self {
        Self {
            id: key.id.to_string(),
            label: key.label.map(Into::into),
            role: key.role.name(),
            stores: match key.stores {
                StoreScope::All => None,
                StoreScope::Only(stores) => Some(stores.iter().map(ToString::to_string).collect()),
            },
            issued_at: key.issued_at.map(|at| at.to_string()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
        }
    }
}

/// Issues an API key. Its secret is in the answer, and is shown only now.
#[utoipa::path(post, path = "/v1/keys", tag = "staff",
    extensions(("x-needs" = json!("manage-staff"))), request_body = KeyIn,
    responses((status = 201, body = KeyIssued),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn issue_key(
    State(app): State<App>,
    caller: Caller,
    sent: Sent<KeyIn>,
) -> Result<(StatusCode, Json<KeyIssued>), Problem> {
    let KeyIn { label, role, stores } = sent.body;
    let new = NewKey { label, role: role.into(), stores: stores.map_or(StoreScope::All, StoreScope::Only) };
    let issued = app
        .serve(caller, Action::ManageStaff, move |host, actor| {
            let secret = IssuedKey::entropy(&host.entropy);
            host.act(actor, |tx, act| usecase::issue_api_key(tx, act, &new, secret))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(KeyIssued { id: issued.id.to_string(), secret: issued.secret })))
}

/// The API keys of the merchant, without their secrets.
#[utoipa::path(get, path = "/v1/keys", tag = "staff",
    extensions(("x-needs" = json!("manage-staff"))), params(Page),
    responses((status = 200, body = KeysOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_keys(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<KeysOut>, Problem> {
    let which = Page::read(page)?;
    let (keys, next) = app
        .serve(caller, Action::ManageStaff, move |host, actor| {
            host.look(|tx| usecase::page_keys(tx, actor.merchant, &which))
        })
        .await?;
    let next = next.map(|place| cursor(&place));
    Ok(Json(KeysOut { keys: keys.into_iter().map(Into::into).collect(), next }))
}

/// Takes an API key out of use, from the next request on.
#[utoipa::path(delete, path = "/v1/keys/{key}", tag = "staff",
    extensions(("x-needs" = json!("manage-staff"))), params(("key" = String, Path)),
    responses((status = 200, body = KeyOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn revoke_key(
    State(app): State<App>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<KeyOut>, Problem> {
    let id: StaffId = key.parse()?;
    let revoked = app
        .serve(caller, Action::ManageStaff, move |host, actor| {
            host.act(actor, |tx, act| usecase::revoke_api_key(tx, act, id))
        })
        .await?;
    Ok(Json(revoked.into()))
}
