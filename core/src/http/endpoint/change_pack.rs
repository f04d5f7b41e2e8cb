//! `POST /v1/packs/{pack}/upgrade`, `POST …/rollback`, `DELETE …/enablement/before`, `DELETE /v1/packs/{pack}`, and
//! `GET /v1/packs/{pack}/entries`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::enable_pack::EnablementOut;
use super::tags_and_tier::Page;
use crate::domain::{Action, Actor, Code, RevisionId};
use crate::http::caller::Caller;
use crate::http::cursor::{any_place, cursor, page_length};
use crate::http::etag::{IfExpected, Versioned, change};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem, at_all_stores};
use crate::pack::Grant;
use crate::store::{Tx, layout};
use crate::usecase::pack_life::{
    Entry, UpgradePack, forget_before, list_entries, remove_pack, restore_before, upgrade_pack,
};
use crate::usecase::{Act, Enablement, Host, Thing, record_export};

/// To what a pack is to be upgraded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"revision": "rev_0198f2a4c1d07e3b9a5c6d7e8f901234"}))]
pub(super) struct UpgradeIn {
    #[schema(value_type = String)]
    revision: RevisionId,
    /// What the merchant allows of what the new version asks for. Without it, what they allow already; that is refused when
    /// the new version asks for more than the one in force.
    #[schema(value_type = Option<Vec<String>>, example = json!(["members:read"]))]
    grants: Option<BTreeSet<Grant>>,
    /// Settings that fulfil the new version's schema; without them those that are in force.
    #[schema(value_type = Option<Object>)]
    settings: Option<Value>,
}

/// That the earlier revision is to be had back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(super) struct RollbackIn {}

/// What a pack has stored.
#[derive(Serialize, ToSchema)]
pub(super) struct EntriesOut {
    /// In the order of their keys.
    entries: Vec<EntryOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// An entry of a pack's own storage.
#[derive(Serialize, ToSchema)]
pub(super) struct EntryOut {
    key: String,
    /// Its value, when it is a text.
    text: Option<String>,
    /// Its value in Base64, when it is none.
    base64: Option<String>,
}

impl From<Entry> for EntryOut {
    fn from(Entry { key, value }: Entry) -> Self {
        match String::from_utf8(value) {
            Ok(text) => Self { key, text: Some(text), base64: None },
            Err(error) => Self { key, text: None, base64: Some(BASE64.encode(error.as_bytes())) },
        }
    }
}

/// Puts another revision of a pack in force where it is enabled, with the settings and grants that are in force. A version
/// that asks for more waits until its grants are named (409 `consent-needed`). What the earlier version has stored is
/// migrated, at once or in the background: `stage` of the enablement says so.
#[utoipa::path(post, path = "/v1/packs/{pack}/upgrade", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), request_body = UpgradeIn,
    params(("pack" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The version of the enablement, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = EnablementOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn upgrade(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<UpgradeIn>,
) -> Result<Versioned<Json<EnablementOut>>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let UpgradeIn { revision, grants, settings } = sent.body;
    let wanted = UpgradePack { pack: pack.clone(), revision, grants, settings };
    app.serve(caller, Action::ManagePacks, move |host, actor| {
        changed(host, actor, pack, expected, |tx, act| upgrade_pack(tx, act, &wanted))
    })
    .await
}

/// Brings the earlier revision of a pack back, with its settings and storage as they were before the change. What the pack
/// has stored since is dropped; what was booked stays booked. Grants and stores that were taken from it since do not come
/// back, and one that was switched off stays off.
#[utoipa::path(post, path = "/v1/packs/{pack}/rollback", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), request_body = RollbackIn,
    params(("pack" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The version of the enablement, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = EnablementOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn rollback(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<RollbackIn>,
) -> Result<Versioned<Json<EnablementOut>>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let RollbackIn {} = sent.body;
    app.serve(caller, Action::ManagePacks, move |host, actor| {
        changed(host, actor, pack.clone(), expected, |tx, act| restore_before(tx, act, &pack))
    })
    .await
}

/// Drops what is kept of a pack's storage from before its last upgrade, so that it can not be had back any more. After 30
/// days that happens by itself.
#[utoipa::path(delete, path = "/v1/packs/{pack}/enablement/before", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), params(("pack" = String, Path)),
    responses((status = 200, body = EnablementOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn forget(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
) -> Result<Versioned<Json<EnablementOut>>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    app.serve(caller, Action::ManagePacks, move |host, actor| {
        changed(host, actor, pack.clone(), None, |tx, act| forget_before(tx, act, &pack))
    })
    .await
}

/// Removes a pack that is switched off: its revisions, storage and timers. What it has booked and told stays.
#[utoipa::path(delete, path = "/v1/packs/{pack}", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), params(("pack" = String, Path)),
    responses((status = 204, description = "It is gone, or goes in the background."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
) -> Result<StatusCode, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    app.serve(caller, Action::ManagePacks, move |host, actor| {
        host.act(actor, |tx, act| remove_pack(tx, act, &pack))?;
        host.store.call(&layout::events(actor.merchant));
        Ok::<_, Problem>(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a pack has stored at this merchant, as it stores it: to be kept before the pack is removed. It is in the audit log
/// who has read it. A key that is limited to stores reads none, as they are those of all stores.
#[utoipa::path(get, path = "/v1/packs/{pack}/entries", tag = "packs",
    extensions(("x-needs" = json!("disclose"))), params(("pack" = String, Path), Page),
    responses((status = 200, body = EntriesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_entries(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<EntriesOut>, Problem> {
    /// A page of entries of 32 KiB is no answer any more.
    const BYTES_MAX: usize = 4 << 20;
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let after = any_place(page.cursor.as_deref())?.map(String::from_utf8).transpose();
    let after = after.map_err(|_| Problem::wrong_query(&"`cursor` is not one that this list has given"))?;
    let limit = page_length(page.limit)?;
    let page = app
        .serve(caller, Action::Disclose, move |host, actor| {
            at_all_stores(actor)?;
            let found = host.act(actor, |tx, act| {
                // Each page: a reader may begin behind any key.
                record_export(tx, act, &format!("entries of {pack}"), "json")?;
                list_entries(tx, act, &pack, after.as_deref(), limit)
            })?;
            let mut is_cut = found.len() == limit;
            let (mut entries, mut bytes, mut last) = (Vec::new(), 0, None);
            for entry in found {
                bytes += entry.key.len() + entry.value.len();
                if bytes > BYTES_MAX && !entries.is_empty() {
                    is_cut = true;
                    break;
                }
                last = Some(entry.key.clone());
                entries.push(EntryOut::from(entry));
            }
            let next = last.filter(|_| is_cut).map(|last| cursor(last.as_bytes()));
            Ok::<_, Problem>(EntriesOut { entries, next })
        })
        .await?;
    Ok(Json(page))
}

/// Changes what is in force of a pack.
fn changed<E>(
    host: &Host,
    actor: &Actor,
    pack: Code,
    expected: Option<u64>,
    use_case: impl FnMut(&mut Tx, &mut Act<'_>) -> Result<Enablement, E>,
) -> Result<Versioned<Json<EnablementOut>>, Problem>
where
    Problem: From<E>,
{
    let (enablement, version) = change(host, actor, &Thing::Enablement(pack), expected, use_case)?;
    // What is left to be done is done in the background.
    host.store.call(&layout::events(actor.merchant));
    Ok(Versioned(version, Json(enablement.into())))
}
