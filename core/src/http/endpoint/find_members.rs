//! `GET /v1/members?reference=`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::enrol_member::MemberOut;
use crate::domain::{Action, Reference};
use crate::http::caller::Caller;
use crate::http::{App, Problem};
use crate::store::StoreError;
use crate::usecase;

/// Whom to look for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Sought {
    /// The card or customer number.
    #[param(value_type = String, example = "card-1001", min_length = 1, max_length = 128)]
    reference: Reference,
}

/// Who was found.
#[derive(Serialize, ToSchema)]
pub(super) struct Found {
    /// None or one: references are unique.
    members: Vec<MemberOut>,
}

/// Finds a member by card or customer number.
#[utoipa::path(get, path = "/v1/members", tag = "members",
    extensions(("x-needs" = json!("read"))), params(Sought),
    responses((status = 200, body = Found),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn find_members(
    State(app): State<App>,
    caller: Caller,
    sought: Result<Query<Sought>, QueryRejection>,
) -> Result<Json<Found>, Problem> {
    let Query(sought) = sought.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let found = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| match usecase::find_member(tx, actor.merchant, &sought.reference)? {
                Some(id) => usecase::read_member(tx, actor.merchant, id),
                None => Ok::<_, StoreError>(None),
            })
        })
        .await?;
    Ok(Json(Found { members: found.into_iter().map(MemberOut::from).collect() }))
}
