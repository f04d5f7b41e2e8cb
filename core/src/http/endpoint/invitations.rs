//! `POST /v1/invitations`

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::Password;
use crate::http::caller::Visitor;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase::users;

/// An invitation, and the password that its user chooses.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "invitation": "pi_0123", "password": "a few words of yours" }))]
pub(super) struct Accepted {
    /// As it was given to the user.
    #[schema(max_length = 131)]
    invitation: String,
    /// 12 to 128 characters, none of those that are guessed first.
    #[schema(max_length = 128, format = Password)]
    password: String,
}

/// Sets a user's password by an invitation, which can not be used again. All sessions of the user end.
#[utoipa::path(post, path = "/v1/invitations", tag = "sessions", security(()), request_body = Accepted,
    responses((status = 204, description = "The password is set: the user can sign in."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn accept_invitation(
    State(app): State<App>,
    Visitor(trail): Visitor,
    sent: Sent<Accepted>,
) -> Result<StatusCode, Problem> {
    let Accepted { invitation, password } = sent.body;
    let password = Password::new(&password);
    let (given, chosen) = (invitation.clone(), password.clone());
    let (merchant, _) = app
        .welcome(&trail, move |host| {
            let now = host.clock.now();
            Ok(host.look(|tx| users::accept_invitation(tx, now, &given, &chosen))?)
        })
        .await?;
    let hash = app.hash(move |host| users::hash_password(&password, &host.entropy)).await?;
    app.welcome(&trail, move |host| {
        Ok(host.operate(merchant, |tx, act| users::set_password(tx, act, &invitation, &hash))?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
