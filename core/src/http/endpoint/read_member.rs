//! `GET /v1/members/{member}`

use axum::Json;
use axum::extract::State;

use super::enrol_member::MemberOut;
use crate::domain::{Action, MemberId};
use crate::http::caller::Caller;
use crate::http::path::Path;
use crate::http::{App, Problem};
use crate::usecase;

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
) -> Result<Json<MemberOut>, Problem> {
    let id: MemberId = member.parse()?;
    let found = app
        .serve(caller, Action::Read, move |host, actor| host.look(|tx| usecase::read_member(tx, actor.merchant, id)))
        .await?;
    found.map(|member| Json(member.into())).ok_or_else(|| Problem::unknown_member(id))
}
