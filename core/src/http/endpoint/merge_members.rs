//! `GET` and `POST /v1/members/{member}/merge`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Action, MemberId, Minor};
use crate::http::caller::{Caller, Once};
use crate::http::etag::{IfExpected, Versioned};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase::{self, Merged, MergedAsset};

/// Who else somebody is.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MergeWith {
    /// The member who would not be used any more.
    #[param(value_type = String, pattern = "^mem_[0-9a-f]{32}$", example = "mem_0198f2a4c1d07e3b9a5c6d7e8f901234")]
    with: MemberId,
}

/// Who else somebody is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "with": "mem_0198f2a4c1d07e3b9a5c6d7e8f901234" }))]
pub(super) struct MergeIn {
    /// The member who is not used any more: their id leads to the other one from then on.
    #[schema(value_type = String)]
    with: MemberId,
}

/// What becomes of two members who are one.
#[derive(Serialize, ToSchema)]
pub(super) struct MergedOut {
    /// Who they are from then on.
    survivor: String,
    /// Who is not used any more.
    gone: String,
    /// How many orders come to the survivor.
    orders: u64,
    /// What comes to the survivor, by unit.
    brought: Vec<MergedAssetOut>,
    /// What the survivor has after it, by unit. Debts of the one are repaid by what the other has.
    assets: Vec<MergedAssetOut>,
    /// Which fields both had, each another way: what the survivor's record says is kept. `name`, `birthday`, `tier`,
    /// `attributes.<code>` and so on.
    kept: Vec<String>,
}

/// What somebody has of a unit.
#[derive(Serialize, ToSchema)]
pub(super) struct MergedAssetOut {
    unit: String,
    available: Minor,
    held: Minor,
    pending: Minor,
    debt: Minor,
}

impl From<MergedAsset> for MergedAssetOut {
    fn from(asset: MergedAsset) -> Self {
        let MergedAsset { unit, available, held, pending, debt } = asset;
        Self { unit: unit.into(), available, held, pending, debt }
    }
}

fn told(merged: Merged) -> Versioned<Json<MergedOut>> {
    let Merged { survivor, gone, seen, orders, brought, assets, kept } = merged;
    let out = MergedOut {
        survivor: survivor.to_string(),
        gone: gone.to_string(),
        orders,
        brought: brought.into_iter().map(Into::into).collect(),
        assets: assets.into_iter().map(Into::into).collect(),
        kept,
    };
    Versioned(seen, Json(out))
}

/// What would become of two members if they were made one. Nothing is changed. The ETag names the state of both records.
#[utoipa::path(get, path = "/v1/members/{member}/merge", tag = "members",
    extensions(("x-needs" = json!("manage-members"))), params(("member" = String, Path), MergeWith),
    responses((status = 200, body = MergedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn preview_merge(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    query: Result<Query<MergeWith>, QueryRejection>,
) -> Result<Versioned<Json<MergedOut>>, Problem> {
    let survivor: MemberId = member.parse()?;
    let Query(MergeWith { with }) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let merged = app
        .serve(caller, Action::ManageMembers, move |host, actor| {
            host.rehearse(actor.merchant, Some(actor), |tx, act| usecase::merge_members(tx, act, survivor, with, None))
        })
        .await?;
    Ok(told(merged))
}

/// Makes two members one: what the other one has, did and is known by becomes this one's. It can not be undone; look at
/// the preview first, and send its ETag as `If-Match`.
#[utoipa::path(post, path = "/v1/members/{member}/merge", tag = "members",
    extensions(("x-needs" = json!("manage-members"))), request_body = MergeIn,
    params(("member" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag of the preview: nothing is merged if either record was changed since."),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each merge.")),
    responses((status = 200, body = MergedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn merge_members(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    IfExpected(expected): IfExpected,
    Once(key): Once,
    sent: Sent<MergeIn>,
) -> Result<Versioned<Json<MergedOut>>, Problem> {
    let survivor: MemberId = member.parse()?;
    let gone = sent.body.with;
    let merged = app
        .serve(caller, Action::ManageMembers, move |host, actor| {
            host.act_once(actor, &key, &sent.content, |tx, act| {
                usecase::merge_members(tx, act, survivor, gone, expected)
            })
        })
        .await?;
    Ok(told(merged))
}
