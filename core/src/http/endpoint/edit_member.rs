//! `PATCH /v1/members/{member}` and `DELETE /v1/members/{member}/personal`

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::member::{ExternalIdForm, MemberOut, external_ids, local_now};
use super::read_member::shown;
use crate::domain::{Action, Birthday, Code, Email, Label, MemberId, Phone, Reference, Remark, StoreId};
use crate::http::caller::Caller;
use crate::http::etag::{Expected, Versioned};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase;

/// What is to be another way. What is left out stays; null takes away (RFC 7396); a list is given whole.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "personal": { "phones": ["+8613800138001"] }, "channel": "mini-program" }))]
pub(super) struct MemberPatch {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 128)]
    reference: Option<Option<Reference>>,
    #[schema(value_type = Option<Vec<String>>, max_items = 20)]
    cards: Option<BTreeSet<Reference>>,
    #[schema(max_items = 20)]
    external_ids: Option<Vec<ExternalIdForm>>,
    #[serde(default)]
    personal: PersonalPatch,
    /// By code; null takes a value away.
    #[schema(value_type = BTreeMap<String, Value>, example = json!({}))]
    #[serde(default)]
    attributes: BTreeMap<Code, Value>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    home_store: Option<Option<StoreId>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    channel: Option<Option<Code>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    referrer: Option<Option<MemberId>>,
}

/// What is to be another way of what is personal.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonalPatch {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 128)]
    name: Option<Option<Label>>,
    #[schema(value_type = Option<Vec<String>>, max_items = 5)]
    phones: Option<Vec<Phone>>,
    #[schema(value_type = Option<Vec<String>>, max_items = 5)]
    emails: Option<Vec<Email>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    birthday: Option<Option<Birthday>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    address: Option<Option<Remark>>,
}

/// A value that was given, null included: what is left out is told apart by the default.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

impl From<MemberPatch> for usecase::EditMember {
    fn from(patch: MemberPatch) -> Self {
        let PersonalPatch { name, phones, emails, birthday, address } = patch.personal;
        Self {
            reference: patch.reference,
            cards: patch.cards,
            external_ids: patch.external_ids.map(external_ids),
            name,
            phones,
            emails,
            birthday,
            address,
            attributes: patch.attributes,
            home_store: patch.home_store,
            channel: patch.channel,
            referrer: patch.referrer,
        }
    }
}

/// Changes what is known of a member.
#[utoipa::path(patch, path = "/v1/members/{member}", tag = "members",
    extensions(("x-needs" = json!("serve"))), request_body = MemberPatch,
    params(("member" = String, Path), ("If-Match" = String, Header, description = "The ETag of the member as it was read.")),
    responses((status = 200, body = MemberOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn edit_member(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    Expected(version): Expected,
    sent: Sent<MemberPatch>,
) -> Result<Versioned<Json<MemberOut>>, Problem> {
    let id: MemberId = member.parse()?;
    let edit = sent.body.into();
    app.serve(caller, Action::Serve, move |host, actor| {
        let known = host.act(actor, |tx, act| usecase::edit_member(tx, act, id, version, &edit))?;
        let shown = MemberOut::new(known.clone(), actor, &local_now(host, actor)?);
        Ok::<_, usecase::EditError>(Versioned(known.member.version, Json(shown)))
    })
    .await
}

/// Forgets who a member is: everything personal, all that leads to them, notes, attributes, tags, level. Orders, assets
/// and the receipts of consents stay under an id that leads to nobody.
#[utoipa::path(delete, path = "/v1/members/{member}/personal", tag = "members",
    extensions(("x-needs" = json!("disclose"))), params(("member" = String, Path)),
    responses((status = 200, body = MemberOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn erase_member(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
) -> Result<Versioned<Json<MemberOut>>, Problem> {
    let id: MemberId = member.parse()?;
    app.serve(caller, Action::Disclose, move |host, actor| {
        host.act(actor, |tx, act| usecase::erase_member(tx, act, id))?;
        shown(host, actor, id)
    })
    .await
}
