//! `POST /v1/members`

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::member::{ExternalIdForm, MemberOut, PersonalIn, external_ids};
use super::read_member::shown;
use crate::domain::{Action, Code, JoinCodeId, MemberId, Reference, StoreId};
use crate::http::caller::{Caller, Once};
use crate::http::etag::Versioned;
use crate::http::sent::Sent;
use crate::http::{App, Problem, at_store};
use crate::usecase;

/// Who joins.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "reference": "card-1001",
    "personal": { "name": "王芳", "phones": ["+8613800138000"], "birthday": "1990-02-28" },
    "tags": ["vip"],
    "channel": "till"
}))]
pub(super) struct NewMember {
    /// The card or customer number, unique in the merchant.
    #[schema(value_type = Option<String>, example = "card-1001", max_length = 128)]
    reference: Option<Reference>,
    /// The numbers of further cards.
    #[schema(value_type = Vec<String>, max_items = 20)]
    #[serde(default)]
    cards: BTreeSet<Reference>,
    /// What other systems call them.
    #[schema(max_items = 20)]
    #[serde(default)]
    external_ids: Vec<ExternalIdForm>,
    /// What is personal.
    #[serde(default)]
    personal: PersonalIn,
    /// Values by the codes of the merchant's attributes.
    #[schema(value_type = BTreeMap<String, Value>, example = json!({}))]
    #[serde(default)]
    attributes: BTreeMap<Code, Value>,
    /// What the merchant marks them with.
    #[schema(value_type = Vec<String>, example = json!(["vip"]))]
    #[serde(default)]
    tags: BTreeSet<Code>,
    /// The store where they join.
    #[schema(value_type = Option<String>)]
    home_store: Option<StoreId>,
    /// How they come.
    #[schema(value_type = Option<String>, example = "till")]
    channel: Option<Code>,
    /// The code by which they join: it says `channel`, and `home_store` if it is of a store.
    #[schema(value_type = Option<String>)]
    join_code: Option<JoinCodeId>,
    /// The member who brought them.
    #[schema(value_type = Option<String>)]
    referrer: Option<MemberId>,
}

/// Makes somebody a member. The same request with the same key gives the same member, as they are by then.
#[utoipa::path(post, path = "/v1/members", tag = "members",
    extensions(("x-needs" = json!("serve"))), request_body = NewMember,
    params(("Idempotency-Key" = String, Header, description = "A text of your own, new for each new member.")),
    responses((status = 201, body = MemberOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn enrol_member(
    State(app): State<App>,
    caller: Caller,
    Once(key): Once,
    sent: Sent<NewMember>,
) -> Result<(StatusCode, Versioned<Json<MemberOut>>), Problem> {
    let NewMember {
        reference,
        cards,
        external_ids: external,
        personal,
        attributes,
        tags,
        home_store,
        channel,
        join_code,
        referrer,
    } = sent.body;
    let new = usecase::EnrolMember {
        reference,
        cards,
        external_ids: external_ids(external),
        personal: personal.into(),
        attributes,
        tags,
        home_store,
        channel,
        join_code,
        referrer,
    };
    let member = app
        .serve(caller, Action::Serve, move |host, actor| {
            let code = match new.join_code {
                Some(code) => host.look(|tx| usecase::read_join_code(tx, actor.merchant, code))?,
                None => None,
            };
            for store in [new.home_store, code.and_then(|code| code.store)].into_iter().flatten() {
                at_store(actor, store)?;
            }
            let enrolled = host.act_once(actor, &key, &sent.content, |tx, act| usecase::enrol_member(tx, act, &new))?;
            shown(host, actor, enrolled.member)
        })
        .await?;
    Ok((StatusCode::CREATED, member))
}
