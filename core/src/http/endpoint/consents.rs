//! `PUT /v1/members/{member}/consents/{purpose}` and `GET /v1/members/{member}/consents`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::read_member::known_here;
use crate::domain::{Action, Code, Label, MemberId};
use crate::http::caller::Caller;
use crate::http::cursor::{any_place, cursor, page_length};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase::{self, ConsentReceipt, GiveConsent, PageOf};

/// What a member says to a purpose.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "given": true, "channel": "till", "text": "privacy 2026-01" }))]
pub(super) struct ConsentIn {
    /// Yes or no.
    given: bool,
    /// Where or how it was said.
    #[schema(value_type = Option<String>, example = "till")]
    channel: Option<Code>,
    /// The version of the text that they were shown.
    #[schema(value_type = Option<String>, max_length = 128)]
    text: Option<Label>,
}

/// The receipt of what a member has said.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsentOut {
    /// The receipt's id.
    id: String,
    purpose: String,
    given: bool,
    /// When, RFC 3339.
    at: String,
    /// Who wrote it down: `hand:` and who of the staff, `operator`, `pack:` and a code.
    source: String,
    channel: Option<String>,
    text: Option<String>,
}

/// What a member has said.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsentsOut {
    /// By purpose.
    consents: Vec<ConsentOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// What is to be told.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ConsentsQuery {
    /// Whether earlier receipts are wanted, too.
    #[serde(default)]
    history: bool,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many at most, 1 to 200; 50 if it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl From<ConsentReceipt> for ConsentOut {
    fn from(receipt: ConsentReceipt) -> Self {
        Self {
            id: receipt.id.to_string(),
            purpose: receipt.purpose.into(),
            given: receipt.given,
            at: receipt.at.to_string(),
            source: receipt.source.to_string(),
            channel: receipt.channel.map(Into::into),
            text: receipt.text.map(Into::into),
        }
    }
}

/// Writes down what a member says to a purpose. The same again gives the receipt that there is.
#[utoipa::path(put, path = "/v1/members/{member}/consents/{purpose}", tag = "members",
    extensions(("x-needs" = json!("serve"))), request_body = ConsentIn,
    params(("member" = String, Path), ("purpose" = String, Path, description = "To what, such as `marketing-sms`.")),
    responses((status = 200, body = ConsentOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn give_consent(
    State(app): State<App>,
    caller: Caller,
    Path((member, purpose)): Path<(String, String)>,
    sent: Sent<ConsentIn>,
) -> Result<Json<ConsentOut>, Problem> {
    let purpose = Code::new(&purpose).map_err(|error| Problem::wrong_name(&error))?;
    let ConsentIn { given, channel, text } = sent.body;
    let new = GiveConsent { member: member.parse()?, purpose, given, channel, text };
    let receipt = app
        .serve(caller, Action::Serve, move |host, actor| {
            host.act(actor, |tx, act| usecase::give_consent(tx, act, &new))
        })
        .await?;
    Ok(Json(receipt.into()))
}

/// What a member has said, by purpose.
#[utoipa::path(get, path = "/v1/members/{member}/consents", tag = "members",
    extensions(("x-needs" = json!("read"))),
    params(("member" = String, Path), ConsentsQuery),
    responses((status = 200, body = ConsentsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_consents(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    query: Result<Query<ConsentsQuery>, QueryRejection>,
) -> Result<Json<ConsentsOut>, Problem> {
    let id: MemberId = member.parse()?;
    let Query(ConsentsQuery { history, cursor: place, limit }) =
        query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let which = PageOf { after: any_place(place.as_deref())?, limit: page_length(limit)? };
    let (receipts, next) = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| {
                let id = known_here(tx, actor, id)?;
                Ok::<_, Problem>(usecase::page_consents(tx, actor.merchant, id, history, &which)?)
            })
        })
        .await?;
    let next = next.map(|place| cursor(&place));
    Ok(Json(ConsentsOut { consents: receipts.into_iter().map(Into::into).collect(), next }))
}
