//! `PUT` and `DELETE /v1/members/{member}/tags/{tag}`, `PUT /v1/members/{member}/tier`, `GET /v1/members/{member}/tiers`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::member::{MemberOut, local_now};
use super::read_member::known_here;
use crate::domain::{Action, ChangeId, Code, Label, MemberId};
use crate::http::caller::Caller;
use crate::http::cursor::{any_place, cursor, page_length, place};
use crate::http::etag::{IfExpected, Versioned, change};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::store::Tx;
use crate::usecase::{self, Act, PageOf, Thing, TierChange};

/// For how long a member bears a tag.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "expires_at": "2099-12-31T16:00:00Z" }))]
pub(super) struct TagIn {
    /// From when on it does not count any more, RFC 3339; for ever if it is left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// Puts a tag on a member, or renews it.
#[utoipa::path(put, path = "/v1/members/{member}/tags/{tag}", tag = "members",
    extensions(("x-needs" = json!("serve"))), request_body = TagIn,
    params(("member" = String, Path), ("tag" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = MemberOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn put_tag(
    State(app): State<App>,
    caller: Caller,
    Path((member, tag)): Path<(String, String)>,
    IfExpected(expected): IfExpected,
    sent: Sent<TagIn>,
) -> Result<Versioned<Json<MemberOut>>, Problem> {
    let id: MemberId = member.parse()?;
    let tag = Code::new(&tag).map_err(|error| Problem::wrong_name(&error))?;
    app.serve(caller, Action::Serve, move |host, actor| {
        let edit = |tx: &mut Tx, act: &mut Act<'_>| usecase::put_tag(tx, act, id, &tag, sent.body.expires_at);
        let (known, version) = change(host, actor, &Thing::Member(id), expected, edit)?;
        Ok::<_, Problem>(Versioned(version, Json(MemberOut::new(known, actor, &local_now(host, actor)?))))
    })
    .await
}

/// Takes a tag off a member.
#[utoipa::path(delete, path = "/v1/members/{member}/tags/{tag}", tag = "members",
    extensions(("x-needs" = json!("serve"))),
    params(("member" = String, Path), ("tag" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = MemberOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_tag(
    State(app): State<App>,
    caller: Caller,
    Path((member, tag)): Path<(String, String)>,
    IfExpected(expected): IfExpected,
) -> Result<Versioned<Json<MemberOut>>, Problem> {
    let id: MemberId = member.parse()?;
    let tag = Code::new(&tag).map_err(|error| Problem::wrong_name(&error))?;
    app.serve(caller, Action::Serve, move |host, actor| {
        let edit = |tx: &mut Tx, act: &mut Act<'_>| usecase::drop_tag(tx, act, id, &tag);
        let (known, version) = change(host, actor, &Thing::Member(id), expected, edit)?;
        Ok::<_, Problem>(Versioned(version, Json(MemberOut::new(known, actor, &local_now(host, actor)?))))
    })
    .await
}

/// The level that a member is to have.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "tier": "gold", "until": "2099-12-31T16:00:00Z", "reason": "a good customer" }))]
pub(super) struct TierIn {
    /// Its code; null takes the level away.
    #[schema(value_type = Option<String>, example = "gold", max_length = 48)]
    tier: Option<Code>,
    /// From when on it does not count any more, RFC 3339; for ever if it is left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Why.
    #[schema(value_type = Option<String>, max_length = 128)]
    reason: Option<Label>,
}

/// Gives a member a level by hand, in place of the one that they have.
#[utoipa::path(put, path = "/v1/members/{member}/tier", tag = "members",
    extensions(("x-needs" = json!("manage-members"))), request_body = TierIn,
    params(("member" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = MemberOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn set_tier(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<TierIn>,
) -> Result<Versioned<Json<MemberOut>>, Problem> {
    let id: MemberId = member.parse()?;
    let TierIn { tier, until, reason } = sent.body;
    let new = usecase::SetTier { code: tier, until, reason };
    app.serve(caller, Action::ManageMembers, move |host, actor| {
        let edit = |tx: &mut Tx, act: &mut Act<'_>| usecase::set_tier(tx, act, id, &new);
        let (known, version) = change(host, actor, &Thing::Member(id), expected, edit)?;
        Ok::<_, Problem>(Versioned(version, Json(MemberOut::new(known, actor, &local_now(host, actor)?))))
    })
    .await
}

/// Where a list goes on.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// The `next` of the page before.
    pub(super) cursor: Option<String>,
    /// How many at most, 1 to 200; 50 if it is not said.
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<usize>,
}

impl Page {
    /// What a query asks for, of a list that goes on behind places of any length.
    pub(super) fn read(page: Result<Query<Self>, QueryRejection>) -> Result<PageOf, Problem> {
        let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
        Ok(PageOf { after: any_place(page.cursor.as_deref())?, limit: page_length(page.limit)? })
    }
}

/// The levels that a member was given.
#[derive(Serialize, ToSchema)]
pub(super) struct TierChangesOut {
    /// The newest first.
    changes: Vec<TierChangeOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// A level that was given or taken away.
#[derive(Serialize, ToSchema)]
pub(super) struct TierChangeOut {
    id: String,
    /// Null when it was taken away.
    tier: Option<String>,
    /// When, RFC 3339.
    at: String,
    /// Until when it was given, RFC 3339.
    until: Option<String>,
    /// Who gave it, as with tags.
    source: String,
    reason: Option<String>,
}

impl From<TierChange> for TierChangeOut {
    fn from(change: TierChange) -> Self {
        Self {
            id: change.id.to_string(),
            until: change.tier.as_ref().and_then(|tier| tier.until).map(|at| at.to_string()),
            tier: change.tier.map(|tier| tier.code.into()),
            at: change.at.to_string(),
            source: change.source.to_string(),
            reason: change.reason.map(Into::into),
        }
    }
}

/// The history of a member's levels.
#[utoipa::path(get, path = "/v1/members/{member}/tiers", tag = "members",
    extensions(("x-needs" = json!("read"))), params(("member" = String, Path), Page),
    responses((status = 200, body = TierChangesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_tiers(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<TierChangesOut>, Problem> {
    let id: MemberId = member.parse()?;
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let before = place::<16>(page.cursor.as_deref())?.map(ChangeId::from_bytes);
    let limit = page_length(page.limit)?;
    let changes = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| {
                let id = known_here(tx, actor, id)?;
                Ok::<_, Problem>(usecase::list_tier_changes(tx, actor.merchant, id, before, limit)?)
            })
        })
        .await?;
    let next = (changes.len() == limit).then(|| changes.last().map(|last| cursor(last.id.as_bytes()))).flatten();
    Ok(Json(TierChangesOut { changes: changes.into_iter().map(Into::into).collect(), next }))
}
