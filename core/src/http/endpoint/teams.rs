//! `GET /v1/teams`, `PUT` and `DELETE /v1/teams/{team}`, `GET /v1/figures/staff`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::figures::{CountsOut, SELLING_DAYS_MAX, checked, visible};
use super::tags_and_tier::Page;
use crate::domain::{Action, Code, Label, Seller, StaffId, StoreId};
use crate::http::caller::Caller;
use crate::http::cursor::{any_place, cursor, page_length};
use crate::http::etag::{IfExpected, Versioned, change, with_versions};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::store::Tx;
use crate::usecase::{self, Act, TEAM_STAFF_MAX, Team, TeamError, Thing};

/// A team as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "title": "Morning shift", "staff": [] }))]
pub(super) struct TeamIn {
    /// What people call it.
    #[schema(value_type = String, max_length = 128, example = "Morning shift")]
    title: Label,
    /// Who is in it: users, and API keys of tills. Nobody is in two teams.
    #[schema(value_type = Vec<String>, max_items = 200)]
    staff: BTreeSet<StaffId>,
}

/// A team of staff.
#[derive(Serialize, ToSchema)]
pub(super) struct TeamOut {
    team: String,
    title: String,
    staff: Vec<String>,
    /// Names the state in which it is, for `If-Match`.
    version: u64,
}

impl From<(Team, u64)> for TeamOut {
    fn from((Team { code, title, staff }, version): (Team, u64)) -> Self {
        let staff = staff.iter().map(ToString::to_string).collect();
        Self { team: code.into(), title: title.into(), staff, version }
    }
}

/// Teams of a merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct TeamsOut {
    /// In the order of their codes.
    teams: Vec<TeamOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

fn code(text: &str) -> Result<Code, Problem> {
    Code::new(text).map_err(|error| Problem::wrong_name(&error))
}

/// The teams of the merchant.
#[utoipa::path(get, path = "/v1/teams", tag = "staff", extensions(("x-needs" = json!("read-figures"))), params(Page),
    responses((status = 200, body = TeamsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_teams(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<TeamsOut>, Problem> {
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let (after, limit) = (any_place(page.cursor.as_deref())?, page_length(page.limit)?);
    let teams = app
        .serve(caller, Action::ReadFigures, move |host, actor| {
            host.look(|tx| {
                let teams = usecase::list_teams(tx, actor.merchant, after.as_deref(), limit)?;
                with_versions(tx, actor.merchant, teams, |team| Thing::Team(team.code.clone()))
            })
        })
        .await?;
    let next = teams.last().filter(|_| teams.len() == limit).map(|(last, _)| cursor(last.code.as_str().as_bytes()));
    Ok(Json(TeamsOut { teams: teams.into_iter().map(Into::into).collect(), next }))
}

/// Makes a team, or changes it from now on: orders stay with the team in which whoever served was then.
#[utoipa::path(put, path = "/v1/teams/{team}", tag = "staff", extensions(("x-needs" = json!("manage-staff"))),
    request_body = TeamIn,
    params(("team" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = TeamOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn put_team(
    State(app): State<App>,
    caller: Caller,
    Path(team): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<TeamIn>,
) -> Result<Versioned<Json<TeamOut>>, Problem> {
    let TeamIn { title, staff } = sent.body;
    if staff.len() > TEAM_STAFF_MAX {
        return Err(TeamError::TooManyStaff(staff.len()).into());
    }
    let team = Team { code: code(&team)?, title, staff };
    app.serve(caller, Action::ManageStaff, move |host, actor| {
        let put = |tx: &mut Tx, act: &mut Act<'_>| usecase::put_team(tx, act, &team);
        let ((), version) = change(host, actor, &Thing::Team(team.code.clone()), expected, put)?;
        Ok::<_, Problem>(Versioned(version, Json((team, version).into())))
    })
    .await
}

/// Removes a team. What it sold stays counted for it.
#[utoipa::path(delete, path = "/v1/teams/{team}", tag = "staff", extensions(("x-needs" = json!("manage-staff"))),
    params(("team" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is taken away if somebody else has changed it since.")),
    responses((status = 204, description = "It is removed."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_team(
    State(app): State<App>,
    caller: Caller,
    Path(team): Path<String>,
    IfExpected(expected): IfExpected,
) -> Result<StatusCode, Problem> {
    let team = code(&team)?;
    app.serve(caller, Action::ManageStaff, move |host, actor| {
        let drop = |tx: &mut Tx, act: &mut Act<'_>| usecase::drop_team(tx, act, &team);
        change(host, actor, &Thing::Team(team.clone()), expected, drop)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which days, where, and how many.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TopQuery {
    /// The first day, in the merchant's time zone.
    #[param(value_type = String, format = Date, example = "2026-03-01")]
    pub(super) from: Date,
    /// The last day, included.
    #[param(value_type = String, format = Date, example = "2026-03-31")]
    pub(super) to: Date,
    /// One store only.
    #[param(value_type = Option<String>)]
    pub(super) store: Option<StoreId>,
    /// How many of each list at most, 1 to 200; 50 if it is not said.
    pub(super) limit: Option<usize>,
}

/// What one of the staff has sold.
#[derive(Serialize, ToSchema)]
pub(super) struct StaffFigures {
    /// A user or an API key.
    staff: String,
    figures: CountsOut,
}

/// What a team has sold.
#[derive(Serialize, ToSchema)]
pub(super) struct TeamFigures {
    team: String,
    figures: CountsOut,
}

/// What staff and teams have sold.
#[derive(Serialize, ToSchema)]
pub(super) struct SellersFiguresOut {
    /// By revenue, the most first.
    staff: Vec<StaffFigures>,
    /// By revenue, the most first.
    teams: Vec<TeamFigures>,
}

/// What staff and teams have sold in a range of at most 92 days: orders, revenue, those of members, and what was given
/// back of them. Counted are orders that name who has served (`served_by`).
#[utoipa::path(get, path = "/v1/figures/staff", tag = "figures",
    extensions(("x-needs" = json!("read-figures"))), params(TopQuery),
    responses((status = 200, body = SellersFiguresOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_staff_figures(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<TopQuery>, QueryRejection>,
) -> Result<Json<SellersFiguresOut>, Problem> {
    let Query(TopQuery { from, to, store, limit }) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let (days, limit) = (checked(from, to, SELLING_DAYS_MAX)?, page_length(limit)?);
    let sold = app
        .serve(caller, Action::ReadFigures, move |host, actor| {
            visible(actor, store)?;
            host.look(|tx| Ok::<_, Problem>(usecase::read_sellers(tx, actor.merchant, days, store)?))
        })
        .await?;
    let mut out = SellersFiguresOut { staff: Vec::new(), teams: Vec::new() };
    for (seller, counts) in sold {
        let figures = CountsOut::from(&counts);
        match seller {
            Seller::Staff(staff) if out.staff.len() < limit => {
                out.staff.push(StaffFigures { staff: staff.to_string(), figures });
            }
            Seller::Team(team) if out.teams.len() < limit => out.teams.push(TeamFigures { team: team.into(), figures }),
            _ => {}
        }
    }
    Ok(Json(out))
}
