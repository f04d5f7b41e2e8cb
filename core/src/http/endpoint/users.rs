//! `GET` and `POST /v1/users`, `GET`, `PATCH` and `DELETE /v1/users/{user}`, `POST /v1/users/{user}/invitation`,
//! `DELETE /v1/users/{user}/sessions`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::keys::RoleForm;
use super::own_session::stores;
use super::tags_and_tier::Page;
use crate::domain::{Action, Label, SignInName, StaffId, StoreId, StoreScope};
use crate::http::caller::Caller;
use crate::http::cursor::{cursor, page_length, place};
use crate::http::etag::{Expected, IfExpected, Versioned};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase::users::{self, ChangeUser, Invited, NewUser, SessionToken, User, UserState};

/// A user who is to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "wang.fang", "display_name": "王芳 Wang Fang", "role": "clerk" }))]
pub(super) struct UserIn {
    /// By what they sign in, unique in the merchant; kept in lower case.
    #[schema(value_type = String, max_length = 64)]
    name: SignInName,
    /// What people call them.
    #[schema(value_type = String, max_length = 128)]
    display_name: Label,
    role: RoleForm,
    /// The stores to which they are limited; all of them, those of the future too, if it is left out.
    #[schema(value_type = Option<Vec<String>>)]
    stores: Option<BTreeSet<StoreId>>,
    /// The language of texts that they read, as a BCP 47 tag; the merchant's if it is left out.
    #[schema(value_type = Option<String>, max_length = 128)]
    locale: Option<Label>,
}

/// What is to be another way; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "role": "manager" }))]
pub(super) struct UserPatch {
    #[schema(value_type = Option<String>, max_length = 128)]
    display_name: Option<Label>,
    role: Option<RoleForm>,
    /// The stores to which they are limited; null for all.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    stores: Option<Option<BTreeSet<StoreId>>>,
    /// The language of texts that they read; null for the merchant's.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 128)]
    locale: Option<Option<Label>>,
    /// Whether they may not sign in for the time being. Their sessions end at once.
    suspended: Option<bool>,
}

/// What is there, even if it is null.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A user.
#[derive(Serialize, ToSchema)]
pub(super) struct UserOut {
    id: String,
    name: String,
    display_name: String,
    role: &'static str,
    /// The stores to which they are limited; null for all.
    stores: Option<Vec<String>>,
    /// The language of texts that they read; null for the merchant's.
    locale: Option<String>,
    /// `active`; `invited` or `invitation-lapsed` when they have set no password; `suspended`.
    state: &'static str,
    /// Until when the invitation can be used, RFC 3339; null when there is none to be used.
    invited_until: Option<String>,
    /// When they were added, RFC 3339.
    added_at: String,
}

impl UserOut {
    pub(super) fn of(user: User, now: Timestamp) -> Self {
        let (state, invited_until) = match user.state(now) {
            UserState::Active => ("active", None),
            UserState::Invited(until) => ("invited", Some(until.to_string())),
            UserState::InvitationLapsed => ("invitation-lapsed", None),
            UserState::Suspended => ("suspended", None),
        };
        Self {
            id: user.id.to_string(),
            name: user.name.into(),
            display_name: user.display_name.into(),
            role: user.role.name(),
            stores: stores(&user.stores),
            locale: user.locale.map(Into::into),
            state,
            invited_until,
            added_at: user.added_at.to_string(),
        }
    }
}

/// Users of the merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct UsersOut {
    /// In the order in which they were added.
    users: Vec<UserOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// A user who may set a password.
#[derive(Serialize, ToSchema)]
pub(super) struct InvitedOut {
    user: UserOut,
    /// With what they set it, by `POST /v1/invitations`. It is shown only now, and is for nobody else.
    invitation: String,
    /// Until when, RFC 3339.
    expires_at: String,
}

impl InvitedOut {
    fn of(invited: Invited, now: Timestamp) -> Self {
        let Invited { user, secret, expires_at } = invited;
        Self { user: UserOut::of(user, now), invitation: secret, expires_at: expires_at.to_string() }
    }
}

fn scope(stores: Option<BTreeSet<StoreId>>) -> StoreScope {
    stores.map_or(StoreScope::All, StoreScope::Only)
}

/// Adds a user. The invitation in the answer is for them, to set their password with: nobody else is to know it.
#[utoipa::path(post, path = "/v1/users", tag = "staff", extensions(("x-needs" = json!("manage-staff"))),
    request_body = UserIn,
    responses((status = 201, body = InvitedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn add_user(
    State(app): State<App>,
    caller: Caller,
    sent: Sent<UserIn>,
) -> Result<(StatusCode, Json<InvitedOut>), Problem> {
    let UserIn { name, display_name, role, stores, locale } = sent.body;
    let new = NewUser { name, display_name, role: role.into(), stores: scope(stores), locale };
    let out = app
        .serve(caller, Action::ManageStaff, move |host, actor| {
            let secret = SessionToken::entropy(&host.entropy);
            let invited = host.act(actor, |tx, act| users::add_user(tx, act, &new, secret))?;
            Ok::<_, Problem>(InvitedOut::of(invited, host.clock.now()))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(out)))
}

/// The users of the merchant.
#[utoipa::path(get, path = "/v1/users", tag = "staff", extensions(("x-needs" = json!("manage-staff"))), params(Page),
    responses((status = 200, body = UsersOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_users(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<UsersOut>, Problem> {
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let after = place::<16>(page.cursor.as_deref())?.map(StaffId::from_bytes);
    let limit = page_length(page.limit)?;
    let (found, now) = app
        .serve(caller, Action::ManageStaff, move |host, actor| {
            let found = host.look(|tx| users::list_users(tx, actor.merchant, after, limit))?;
            Ok::<_, Problem>((found, host.clock.now()))
        })
        .await?;
    let next = (found.len() == limit).then(|| found.last().map(|user| cursor(user.id.as_bytes()))).flatten();
    Ok(Json(UsersOut { users: found.into_iter().map(|user| UserOut::of(user, now)).collect(), next }))
}

/// A user.
#[utoipa::path(get, path = "/v1/users/{user}", tag = "staff", extensions(("x-needs" = json!("manage-staff"))),
    params(("user" = String, Path)),
    responses((status = 200, body = UserOut, headers(("ETag" = String, description = "The state that was read."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_user(
    State(app): State<App>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<Versioned<Json<UserOut>>, Problem> {
    let id: StaffId = user.parse()?;
    app.serve(caller, Action::ManageStaff, move |host, actor| {
        let user = host.look(|tx| users::read_user(tx, actor.merchant, id))?;
        Ok::<_, Problem>(Versioned(user.version, Json(UserOut::of(user, host.clock.now()))))
    })
    .await
}

/// Changes what a user may do, from their next request on.
#[utoipa::path(patch, path = "/v1/users/{user}", tag = "staff", extensions(("x-needs" = json!("manage-staff"))),
    request_body = UserPatch,
    params(("user" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = UserOut, headers(("ETag" = String, description = "The new state."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change_user(
    State(app): State<App>,
    caller: Caller,
    Path(user): Path<String>,
    Expected(version): Expected,
    sent: Sent<UserPatch>,
) -> Result<Versioned<Json<UserOut>>, Problem> {
    let id: StaffId = user.parse()?;
    let UserPatch { display_name, role, stores, locale, suspended } = sent.body;
    let role = role.map(Into::into);
    let change = ChangeUser { display_name, role, stores: stores.map(scope), locale, is_suspended: suspended };
    app.serve(caller, Action::ManageStaff, move |host, actor| {
        let user = host.act(actor, |tx, act| users::change_user(tx, act, id, version, &change))?;
        Ok::<_, Problem>(Versioned(user.version, Json(UserOut::of(user, host.clock.now()))))
    })
    .await
}

/// Removes a user. Their sessions end; what they did stays in the audit log, under their id.
#[utoipa::path(delete, path = "/v1/users/{user}", tag = "staff", extensions(("x-needs" = json!("manage-staff"))),
    params(("user" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is taken away if somebody else has changed it since.")),
    responses((status = 204, description = "They are removed."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove_user(
    State(app): State<App>,
    caller: Caller,
    Path(user): Path<String>,
    IfExpected(expected): IfExpected,
) -> Result<StatusCode, Problem> {
    let id: StaffId = user.parse()?;
    app.serve(caller, Action::ManageStaff, move |host, actor| {
        host.act(actor, |tx, act| users::remove_user(tx, act, id, expected))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a user a new invitation, to set a new password with. The old password, and all their sessions, end at once.
#[utoipa::path(post, path = "/v1/users/{user}/invitation", tag = "staff",
    extensions(("x-needs" = json!("manage-staff"))), params(("user" = String, Path)),
    responses((status = 201, body = InvitedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn invite_again(
    State(app): State<App>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<(StatusCode, Json<InvitedOut>), Problem> {
    let id: StaffId = user.parse()?;
    let out = app
        .serve(caller, Action::ManageStaff, move |host, actor| {
            let secret = SessionToken::entropy(&host.entropy);
            let invited = host.act(actor, |tx, act| users::invite_again(tx, act, id, secret))?;
            Ok::<_, Problem>(InvitedOut::of(invited, host.clock.now()))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(out)))
}

/// Ends all sessions of a user.
#[utoipa::path(delete, path = "/v1/users/{user}/sessions", tag = "staff",
    extensions(("x-needs" = json!("manage-staff"))), params(("user" = String, Path)),
    responses((status = 204, description = "They have ended."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn end_sessions_of(
    State(app): State<App>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: StaffId = user.parse()?;
    app.serve(caller, Action::ManageStaff, move |host, actor| {
        host.act(actor, |tx, act| users::end_sessions_of(tx, act, id))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
