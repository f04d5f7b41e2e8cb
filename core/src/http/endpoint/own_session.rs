//! `GET`, `PATCH` and `DELETE /v1/session`, `PUT /v1/session/password`

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::sessions::{SessionOut, cookie};
use super::users::given;
use crate::domain::{Action, Actor, Label, Password, StoreScope};
use crate::http::caller::Caller;
use crate::http::etag::{Expected, Versioned};
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::store::Tx;
use crate::usecase::Act;
use crate::usecase::users::{self, AcceptError, SessionTerms, SessionToken, UserError};

/// Who asks, and what they may do.
#[derive(Serialize, ToSchema)]
pub(super) struct WhoOut {
    /// The user or API key.
    staff: String,
    merchant: String,
    /// The merchant's handle, if it has one.
    handle: Option<String>,
    role: &'static str,
    /// The stores to which they are limited; null for all.
    stores: Option<Vec<String>>,
    /// The actions that the role may do, by the names in `x-needs` of this description.
    may: Vec<&'static str>,
    /// By what they sign in; null for an API key.
    name: Option<String>,
    /// What people call them; null for an API key.
    display_name: Option<String>,
    /// The language of texts that they read; null for the merchant's.
    locale: Option<String>,
    /// Their session; null for an API key.
    session: Option<SessionOut>,
    /// To be sent as `X-CSRF-Token` with every request by the session that is not GET or HEAD.
    csrf_token: Option<String>,
}

/// What somebody says of themselves; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "display_name": "王芳 Wang Fang", "locale": "zh-CN" }))]
pub(super) struct OwnPatch {
    /// What people call them.
    #[schema(value_type = Option<String>, max_length = 128)]
    display_name: Option<Label>,
    /// The language of texts that they read, as a BCP 47 tag; null for the merchant's.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 128)]
    locale: Option<Option<Label>>,
}

/// Who asks: role, stores, and what they may do.
#[utoipa::path(get, path = "/v1/session", tag = "sessions", extensions(("x-needs" = json!("read"))),
    responses((status = 200, body = WhoOut,
            headers(("ETag" = String, description = "The state of the user that was read."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_own(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    let (token, terms) = (caller.session().cloned(), app.settings().sessions);
    let out = app
        .serve(caller, Action::Read, move |host, actor| {
            host.view(actor, |tx, act| who(tx, act, actor, token.as_ref(), &terms))
        })
        .await?;
    Ok(answer(out))
}

/// Changes what people call the user who asks, and the language of texts that they read. Their password:
/// `PUT /v1/session/password`.
#[utoipa::path(patch, path = "/v1/session", tag = "sessions", extensions(("x-needs" = json!("read"))),
    request_body = OwnPatch, params(("If-Match" = String, Header)),
    responses((status = 200, body = WhoOut, headers(("ETag" = String, description = "The new state."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change_own(
    State(app): State<App>,
    caller: Caller,
    Expected(version): Expected,
    sent: Sent<OwnPatch>,
) -> Result<Response, Problem> {
    let (token, terms) = (caller.session().cloned(), app.settings().sessions);
    let OwnPatch { display_name, locale } = sent.body;
    let out = app
        .serve(caller, Action::Read, move |host, actor| {
            let token = token.ok_or(AcceptError::NoUser)?;
            host.act(actor, |tx, act| {
                users::change_own(tx, act, actor.staff, version, display_name.as_ref(), locale.as_ref())?;
                who(tx, act, actor, Some(&token), &terms)
            })
        })
        .await?;
    Ok(answer(out))
}

/// Who asks, and the version in which they are as a user; 0 for an API key.
fn who(
    tx: &mut Tx,
    act: &Act<'_>,
    actor: &Actor,
    token: Option<&SessionToken>,
    terms: &SessionTerms,
) -> Result<(u64, WhoOut), Problem> {
    let user = match users::read_user(tx, actor.merchant, actor.staff) {
        Ok(user) => Some(user),
        Err(UserError::Unknown(_)) => None,
        Err(error) => return Err(Problem::from(error)),
    };
    let asking = token.map(SessionToken::session);
    let sessions = users::list_sessions(tx, act, actor.staff, terms)?;
    let session = sessions.iter().find(|session| Some(session.id) == asking);
    let out = WhoOut {
        staff: actor.staff.to_string(),
        merchant: actor.merchant.to_string(),
        handle: users::find_handle(tx, actor.merchant)?.map(Into::into),
        role: actor.role.name(),
        stores: stores(&actor.stores),
        may: Action::ALL.into_iter().filter(|action| actor.role.may(*action)).map(Action::name).collect(),
        name: user.as_ref().map(|user| user.name.to_string()),
        display_name: user.as_ref().map(|user| user.display_name.to_string()),
        locale: user.as_ref().and_then(|user| user.locale.clone()).map(Into::into),
        session: session.map(|session| SessionOut::of(session, asking)),
        csrf_token: token.map(SessionToken::csrf_token),
    };
    Ok((user.map_or(0, |user| user.version), out))
}

fn answer((version, out): (u64, WhoOut)) -> Response {
    let out = ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(out));
    Versioned(version, out).into_response()
}

/// The stores of a scope; none for all.
pub(super) fn stores(scope: &StoreScope) -> Option<Vec<String>> {
    match scope {
        StoreScope::All => None,
        StoreScope::Only(stores) => Some(stores.iter().map(ToString::to_string).collect()),
    }
}

/// Signs out: ends the session of this request.
#[utoipa::path(delete, path = "/v1/session", tag = "sessions", extensions(("x-needs" = json!("read"))),
    responses((status = 204, description = "It has ended."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn sign_out(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    let session = caller.session().map(SessionToken::session);
    app.serve(caller, Action::Read, move |host, actor| {
        let session = session.ok_or(AcceptError::NoUser)?;
        host.act(actor, |tx, act| users::end_session(tx, act, session)).map_err(Problem::from)
    })
    .await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(&app, None))]).into_response())
}

/// A password as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "current": "a few words of yours", "new": "some other words of yours" }))]
pub(super) struct PasswordIn {
    /// The present one.
    #[schema(max_length = 128, format = Password)]
    current: String,
    /// The new one: 12 to 128 characters, none of those that are guessed first.
    #[schema(max_length = 128, format = Password)]
    new: String,
}

/// Changes the password of the user who asks. All their other sessions end.
#[utoipa::path(put, path = "/v1/session/password", tag = "sessions", extensions(("x-needs" = json!("read"))),
    request_body = PasswordIn,
    responses((status = 204, description = "It is changed."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change_password(
    State(app): State<App>,
    caller: Caller,
    sent: Sent<PasswordIn>,
) -> Result<StatusCode, Problem> {
    let (current, new) = (Password::new(&sent.body.current), Password::new(&sent.body.new));
    let session = caller.session().map(SessionToken::session);
    let trail = caller.trail().clone();
    let chosen = new.clone();
    let (before, actor) = app
        .serve(caller.clone(), Action::Read, move |host, actor| {
            if session.is_none() {
                return Err(AcceptError::NoUser);
            }
            Ok((host.look(|tx| users::own_password(tx, actor, &chosen))?, actor.clone()))
        })
        .await?;
    // Whoever has found a machine where somebody is signed in is not to find out the password as well.
    let who = *actor.staff.as_bytes();
    app.count_sign_in(who, false, &trail)?;
    let present = before.clone();
    let after = app
        .hash(move |host| users::is_password(&current, &present).then(|| users::hash_password(&new, &host.entropy)))
        .await?;
    let after = after.ok_or(AcceptError::WrongPassword)?;
    app.forget_sign_in(who, false, &trail);
    app.serve_further(caller, Action::Read, move |host, actor| {
        let session = session.ok_or(AcceptError::NoUser)?;
        host.act(actor, |tx, act| users::change_password(tx, act, &before, &after, session))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
