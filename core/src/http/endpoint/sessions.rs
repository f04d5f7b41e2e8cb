//! `GET` and `POST /v1/sessions`, `DELETE /v1/sessions/{session}`

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::domain::{Action, Password, SessionId};
use crate::http::caller::{Caller, Visitor, cookie_name};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase::users::{self, Attempt, Began, Session, SessionToken};

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "merchant": "maixiang", "name": "wang.fang", "password": "a few words of yours" }))]
pub(super) struct SignIn {
    /// The merchant's handle or id.
    #[schema(max_length = 64)]
    merchant: String,
    /// The user's name, in any case.
    #[schema(max_length = 64)]
    name: String,
    #[schema(max_length = 128, format = Password)]
    password: String,
}

/// Somebody has signed in. The session itself is in the cookie.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedIn {
    #[serde(flatten)]
    session: SessionOut,
    /// Who signed in.
    user: String,
    /// To be sent as `X-CSRF-Token` with every request by the session that is not GET or HEAD.
    csrf_token: String,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionOut {
    id: String,
    /// When it began, RFC 3339.
    began_at: String,
    /// When a request came by it last, RFC 3339, to within an eighth of the time after which idle sessions end.
    seen_at: String,
    /// When it ends whatever happens, RFC 3339.
    ends_at: String,
    /// Whether it is the one of this request.
    is_this: bool,
}

/// Sessions.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionsOut {
    /// In the order in which they began.
    sessions: Vec<SessionOut>,
}

impl SessionOut {
    pub(super) fn of(session: &Session, asking: Option<SessionId>) -> Self {
        Self {
            id: session.id.to_string(),
            began_at: session.began_at.to_string(),
            seen_at: session.seen_at.to_string(),
            ends_at: session.ends_at.to_string(),
            is_this: asking == Some(session.id),
        }
    }
}

/// The header that has a browser keep a session, or drop it when there is none.
pub(super) fn cookie(app: &App, token: Option<&SessionToken>) -> HeaderValue {
    let settings = app.settings();
    let (text, seconds) = match token {
        Some(token) => (token.text(), settings.sessions.whole.as_secs()),
        None => (String::new().into(), 0),
    };
    let secure = if settings.secure_cookies { "; Secure" } else { "" };
    let name = cookie_name(settings.secure_cookies);
    let value = format!("{name}={}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", text.as_str());
    let mut value = HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Signs in. The cookie in the answer is the session; it ends after a time without requests, and after a longer time in
/// any case.
///
/// Whether there is such a merchant and such a user is not told, and takes the same time.
#[utoipa::path(post, path = "/v1/sessions", tag = "sessions", security(()), request_body = SignIn,
    responses((status = 201, body = SignedIn, headers(("Set-Cookie" = String, description = "The session."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn sign_in(
    State(app): State<App>,
    Visitor(trail): Visitor,
    sent: Sent<SignIn>,
) -> Result<Response, Problem> {
    let SignIn { merchant, name, password } = sent.body;
    let password = Password::new(&password);
    let digest = digest(merchant.trim(), name.trim());
    let address = trail.peer();
    let found = app
        .welcome(&trail, move |host| {
            Ok(host.look(|tx| users::find_attempt(tx, &host.vault, &merchant, &name, address))?)
        })
        .await?;
    let is_known_place = found.as_ref().is_some_and(|attempt| attempt.is_known_place);
    // One user has several names: the merchant's handle or id before theirs.
    let who = found.as_ref().map_or(digest, |attempt| *attempt.user.as_bytes());
    app.count_sign_in(who, is_known_place, &trail)?;
    let hash = found.as_ref().and_then(|attempt| attempt.password.clone());
    let (is_right, renewed) = app
        .hash(move |host| {
            let is_there = hash.is_some();
            let hash = hash.unwrap_or_else(users::stand_in);
            let is_right = users::is_password(&password, &hash) && is_there;
            let renewed = is_right && !hash.is_of_today();
            (is_right, renewed.then(|| users::hash_password(&password, &host.entropy)))
        })
        .await?;
    let began = match found.clone().filter(|_| is_right) {
        Some(attempt) => {
            let terms = app.settings().sessions;
            app.welcome(&trail, move |host| {
                let secret = SessionToken::entropy(&host.entropy);
                Ok(host.operate(attempt.merchant, |tx, act| {
                    users::begin_session(tx, act, &attempt, renewed.as_ref(), secret, &terms)
                })?)
            })
            .await?
        }
        None => None,
    };
    let Some(Began { session, token, actor }) = began else {
        if let Some(attempt) = found {
            record_failure(&app, &attempt);
        }
        return Err(Problem::wrong_sign_in());
    };
    app.forget_sign_in(who, is_known_place, &trail);
    trail.is_from(&actor);
    let session = SessionOut::of(&session, Some(session.id));
    let out = SignedIn { session, user: actor.staff.to_string(), csrf_token: token.csrf_token() };
    let headers = [
        (header::SET_COOKIE, cookie(&app, Some(&token))),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::CREATED, headers, Json(out)).into_response())
}

/// Writes down that somebody could not sign in as a user. The answer does not wait for it: that would tell that there is
/// such a user.
fn record_failure(app: &App, attempt: &Attempt) {
    let (host, merchant, user) = (app.host().clone(), attempt.merchant, attempt.user);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = host.operate(merchant, |tx, act| users::record_failure(tx, act, user)) {
            tracing::error!("a failed sign-in can not be written down: {error}");
        }
    });
}

/// A digest of a merchant and a name, as somebody has typed them.
fn digest(merchant: &str, name: &str) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(merchant.to_lowercase())
        .chain_update([0])
        .chain_update(name.to_lowercase())
        .finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

/// The sessions of the user who asks. An API key has none.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions", extensions(("x-needs" = json!("read"))),
    responses((status = 200, body = SessionsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_sessions(State(app): State<App>, caller: Caller) -> Result<Json<SessionsOut>, Problem> {
    let (asking, terms) = (caller.session().map(SessionToken::session), app.settings().sessions);
    let sessions = app
        .serve(caller, Action::Read, move |host, actor| {
            host.view(actor, |tx, act| users::list_sessions(tx, act, actor.staff, &terms))
        })
        .await?;
    Ok(Json(SessionsOut { sessions: sessions.iter().map(|session| SessionOut::of(session, asking)).collect() }))
}

/// Ends a session of the user who asks, such as one on a machine that they have left.
#[utoipa::path(delete, path = "/v1/sessions/{session}", tag = "sessions", extensions(("x-needs" = json!("read"))),
    params(("session" = String, Path)),
    responses((status = 204, description = "It has ended."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn end_session(
    State(app): State<App>,
    caller: Caller,
    Path(session): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: SessionId = session.parse()?;
    app.serve(caller, Action::Read, move |host, actor| host.act(actor, |tx, act| users::end_session(tx, act, id)))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
