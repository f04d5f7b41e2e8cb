//! `GET /v1/members/{member}`

use axum::Json;
use axum::extract::State;

use super::member::{MemberOut, local_now};
use crate::domain::{Action, Actor, MemberId};
use crate::http::caller::Caller;
use crate::http::etag::Versioned;
use crate::http::path::Path;
use crate::http::{App, Problem};
use crate::store::{Tx, member_of};
use crate::usecase::{self, Host};

/// A member.
#[utoipa::path(get, path = "/v1/members/{member}", tag = "members",
    extensions(("x-needs" = json!("read"))), params(("member" = String, Path)),
    responses((status = 200, body = MemberOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_member(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
) -> Result<Versioned<Json<MemberOut>>, Problem> {
    let id: MemberId = member.parse()?;
    app.serve(caller, Action::Read, move |host, actor| shown(host, actor, id)).await
}

/// A member as somebody may see them.
pub(super) fn shown(host: &Host, actor: &Actor, id: MemberId) -> Result<Versioned<Json<MemberOut>>, Problem> {
    let known = host.view(actor, |tx, act| usecase::read_known(tx, act, id))?;
    let known = known.ok_or_else(|| Problem::unknown_member(id))?;
    Ok(Versioned(known.member.version, Json(MemberOut::new(known, actor, &local_now(host, actor)?))))
}

/// Whom of the merchant's members an id means, for what is about them.
pub(super) fn known_here(tx: &mut Tx, actor: &Actor, id: MemberId) -> Result<MemberId, Problem> {
    match member_of(tx, actor.merchant, id)? {
        Some(member) => Ok(member.id),
        None => Err(Problem::unknown_member(id)),
    }
}
