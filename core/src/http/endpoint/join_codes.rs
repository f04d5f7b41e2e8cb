//! `POST` and `GET /v1/join-codes`, `GET` and `PATCH /v1/join-codes/{join_code}`, `GET /v1/figures/joins`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::figures::{SELLING_DAYS_MAX, checked, visible};
use super::tags_and_tier::Page;
use super::teams::TopQuery;
use crate::domain::{Action, Actor, Code, JoinCodeId, Label, StoreId, Way};
use crate::http::caller::Caller;
use crate::http::cursor::{cursor, page_length, place};
use crate::http::etag::{Expected, Versioned, change};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem, at_store};
use crate::store::{StoreError, Tx};
use crate::usecase::{self, Act, ChangeJoinCode, JoinCode, JoinCodeError, NewJoinCode, Thing};

/// A join code that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "title": "Poster at the door", "channel": "poster" }))]
pub(super) struct JoinCodeIn {
    /// What people call it.
    #[schema(value_type = String, max_length = 128)]
    title: Label,
    /// How those come who join by it: a campaign, a poster.
    #[schema(value_type = String, max_length = 48, example = "poster")]
    channel: Code,
    /// The store in which they join; left out for a code that is of no store.
    #[schema(value_type = Option<String>)]
    store: Option<StoreId>,
}

/// What is to be another way; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "off": true }))]
pub(super) struct JoinCodePatch {
    /// What people call it.
    #[schema(value_type = Option<String>, max_length = 128)]
    title: Option<Label>,
    /// Whether nobody joins by it for the time being.
    off: Option<bool>,
}

/// A code by which people join.
#[derive(Serialize, ToSchema)]
pub(super) struct JoinCodeOut {
    /// Its id, which is what the QR code holds: sent as `join_code` of `POST /v1/members`.
    join_code: String,
    title: String,
    channel: String,
    store: Option<String>,
    /// Whether nobody joins by it for the time being.
    off: bool,
    /// When it was made, RFC 3339.
    made_at: String,
}

impl From<JoinCode> for JoinCodeOut {
    fn from(code: JoinCode) -> Self {
        let JoinCode { id, title, channel, store, made_at, is_off } = code;
        let store = store.map(|store| store.to_string());
        let (title, channel) = (title.into(), channel.into());
        Self { join_code: id.to_string(), title, channel, store, off: is_off, made_at: made_at.to_string() }
    }
}

/// Join codes of a merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct JoinCodesOut {
    /// Those that were made last first.
    join_codes: Vec<JoinCodeOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// Makes a join code, for a store or a campaign.
#[utoipa::path(post, path = "/v1/join-codes", tag = "members",
    extensions(("x-needs" = json!("manage-members"))), request_body = JoinCodeIn,
    responses((status = 201, body = JoinCodeOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn make_join_code(
    State(app): State<App>,
    caller: Caller,
    sent: Sent<JoinCodeIn>,
) -> Result<(StatusCode, Json<JoinCodeOut>), Problem> {
    let JoinCodeIn { title, channel, store } = sent.body;
    let new = NewJoinCode { title, channel, store };
    let made = app
        .serve(caller, Action::ManageMembers, move |host, actor| {
            decides(actor, new.store)?;
            Ok::<_, Problem>(host.act(actor, |tx, act| usecase::make_join_code(tx, act, &new))?)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Whoever is limited to stores decides about codes of these only.
fn decides(actor: &Actor, store: Option<StoreId>) -> Result<(), Problem> {
    match store {
        Some(store) => at_store(actor, store),
        None if actor.stores.is_all() => Ok(()),
        None => Err(Problem::other_store()),
    }
}

/// The join codes of the merchant.
#[utoipa::path(get, path = "/v1/join-codes", tag = "members", extensions(("x-needs" = json!("read"))), params(Page),
    responses((status = 200, body = JoinCodesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_join_codes(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<JoinCodesOut>, Problem> {
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let before = place::<16>(page.cursor.as_deref())?.map(JoinCodeId::from_bytes);
    let limit = page_length(page.limit)?;
    let codes = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| usecase::list_join_codes(tx, actor.merchant, before, limit))
        })
        .await?;
    let next = codes.last().filter(|_| codes.len() == limit).map(|last| cursor(last.id.as_bytes()));
    Ok(Json(JoinCodesOut { join_codes: codes.into_iter().map(Into::into).collect(), next }))
}

/// A join code: how and where those come who join by it.
#[utoipa::path(get, path = "/v1/join-codes/{join_code}", tag = "members",
    extensions(("x-needs" = json!("read"))), params(("join_code" = String, Path)),
    responses((status = 200, body = JoinCodeOut, headers(("ETag" = String, description = "The state that was read."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_join_code(
    State(app): State<App>,
    caller: Caller,
    Path(code): Path<String>,
) -> Result<Versioned<Json<JoinCodeOut>>, Problem> {
    let id: JoinCodeId = code.parse()?;
    app.serve(caller, Action::Read, move |host, actor| {
        let (found, version) = host.look(|tx| {
            let version = Thing::JoinCode(id).version(tx, actor.merchant)?;
            Ok::<_, StoreError>((usecase::read_join_code(tx, actor.merchant, id)?, version))
        })?;
        let found = found.ok_or(JoinCodeError::Unknown(id))?;
        Ok::<_, Problem>(Versioned(version, Json(found.into())))
    })
    .await
}

/// Changes what a join code is called, or switches it off and on. What was printed for stays.
#[utoipa::path(patch, path = "/v1/join-codes/{join_code}", tag = "members",
    extensions(("x-needs" = json!("manage-members"))), request_body = JoinCodePatch,
    params(("join_code" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = JoinCodeOut, headers(("ETag" = String, description = "The new state."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change_join_code(
    State(app): State<App>,
    caller: Caller,
    Path(code): Path<String>,
    Expected(version): Expected,
    sent: Sent<JoinCodePatch>,
) -> Result<Versioned<Json<JoinCodeOut>>, Problem> {
    let id: JoinCodeId = code.parse()?;
    let JoinCodePatch { title, off } = sent.body;
    let wanted = ChangeJoinCode { title, is_off: off };
    app.serve(caller, Action::ManageMembers, move |host, actor| {
        let known = host.look(|tx| usecase::read_join_code(tx, actor.merchant, id))?;
        decides(actor, known.ok_or(JoinCodeError::Unknown(id))?.store)?;
        let run = |tx: &mut Tx, act: &mut Act<'_>| usecase::change_join_code(tx, act, id, &wanted);
        let (changed, version) = change(host, actor, &Thing::JoinCode(id), Some(version), run)?;
        Ok::<_, Problem>(Versioned(version, Json(changed.into())))
    })
    .await
}

/// How many came by a channel.
#[derive(Serialize, ToSchema)]
pub(super) struct ChannelJoins {
    channel: String,
    members_new: i64,
}

/// How many came by a join code.
#[derive(Serialize, ToSchema)]
pub(super) struct CodeJoins {
    join_code: String,
    members_new: i64,
}

/// How members came.
#[derive(Serialize, ToSchema)]
pub(super) struct JoinsOut {
    /// The most first. Who came by no channel that was named is in none.
    channels: Vec<ChannelJoins>,
    /// The most first. They are counted for their channels, too.
    join_codes: Vec<CodeJoins>,
}

/// How members came who joined in a range of at most 92 days: by channel, and by join code.
#[utoipa::path(get, path = "/v1/figures/joins", tag = "figures",
    extensions(("x-needs" = json!("read-figures"))), params(TopQuery),
    responses((status = 200, body = JoinsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_joins(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<TopQuery>, QueryRejection>,
) -> Result<Json<JoinsOut>, Problem> {
    let Query(TopQuery { from, to, store, limit }) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let (days, limit) = (checked(from, to, SELLING_DAYS_MAX)?, page_length(limit)?);
    let joins = app
        .serve(caller, Action::ReadFigures, move |host, actor| {
            visible(actor, store)?;
            host.look(|tx| Ok::<_, Problem>(usecase::read_joins(tx, actor.merchant, days, store)?))
        })
        .await?;
    let mut out = JoinsOut { channels: Vec::new(), join_codes: Vec::new() };
    for (way, members_new) in joins {
        match way {
            Way::Channel(channel) if out.channels.len() < limit => {
                out.channels.push(ChannelJoins { channel: channel.into(), members_new });
            }
            Way::Code(code) if out.join_codes.len() < limit => {
                out.join_codes.push(CodeJoins { join_code: code.to_string(), members_new });
            }
            _ => {}
        }
    }
    Ok(Json(out))
}
