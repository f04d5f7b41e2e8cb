//! `POST /v1/members`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, Code, Member, Reference, StoreId};
use crate::http::caller::{Caller, Once};
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase;

/// Who joins.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reference": "card-1001", "tags": ["vip"], "home_store": "sto_0198f2a4c1d07e3b9a5c6d7e8f901234", "channel": "till"}))]
pub(super) struct NewMember {
    /// The card or customer number, unique in the merchant.
    #[schema(value_type = Option<String>, example = "card-1001", max_length = 128)]
    reference: Option<Reference>,
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
}

/// A member.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberOut {
    id: String,
    reference: Option<String>,
    tags: Vec<String>,
    /// When they joined, RFC 3339.
    enrolled_at: String,
    home_store: Option<String>,
    channel: Option<String>,
}

impl From<Member> for MemberOut {
    fn from(member: Member) -> Self {
        Self {
            id: member.id.to_string(),
            reference: member.reference.map(Into::into),
            tags: member.tags.into_iter().map(Into::into).collect(),
            enrolled_at: member.enrolled_at.to_string(),
            home_store: member.home_store.map(|store| store.to_string()),
            channel: member.channel.map(Into::into),
        }
    }
}

/// Makes somebody a member.
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
) -> Result<(StatusCode, Json<MemberOut>), Problem> {
    let NewMember { reference, tags, home_store, channel } = sent.body;
    let new = usecase::EnrolMember { reference, tags, home_store, channel };
    let member = app
        .serve(caller, Action::Serve, move |host, actor| {
            host.act_once(actor, &key, &sent.content, |tx, act| usecase::enrol_member(tx, act, &new))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(member.into())))
}
