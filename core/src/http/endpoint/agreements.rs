//! `POST /v1/agreements`, `GET /v1/agreements`, and for one of them `GET`, `POST …/acceptance` and `POST …/end`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::{Action, Actor, AgreementId, Code, Minor};
use crate::http::caller::{Caller, Once};
use crate::http::cursor::{cursor, page_length, place};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase::Host;
use crate::usecase::agreements::{self, ProposeAgreement, SeenByPeople};

/// What is proposed to a partner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pack": "alliance", "partner": "corner-cafe", "terms": {}, "credit_max_minor": 100_000}))]
pub(super) struct NewAgreement {
    /// By which pack the two would work together.
    #[schema(value_type = String)]
    pack: Code,
    /// The handle of the other merchant.
    #[schema(value_type = String)]
    partner: Code,
    /// What they would agree on: it fulfils the schema of terms in the pack's manifest.
    #[schema(value_type = Object)]
    terms: Value,
    /// The most that either may owe the other, in minor units; without it there is no such limit.
    credit_max_minor: Option<Minor>,
    /// From when on it would not be in force any more, RFC 3339.
    #[schema(value_type = Option<String>)]
    until: Option<Timestamp>,
}

/// That a proposal is accepted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(super) struct AcceptanceIn {}

/// That an agreement is to end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(super) struct EndIn {
    /// When, RFC 3339; without it now.
    #[schema(value_type = Option<String>)]
    at: Option<Timestamp>,
}

/// A contract with another merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct AgreementOut {
    id: String,
    pack: String,
    /// What the other merchant is called.
    partner: String,
    /// The handle of the other merchant: unlike the name, nobody else has it.
    partner_handle: Option<String>,
    /// Whether you have proposed it, so that the partner is who accepts it.
    proposed_by_you: bool,
    /// `proposed`, `declined`, `in-force` or `ended`.
    state: String,
    #[schema(value_type = Object)]
    terms: Value,
    /// ISO 4217.
    currency: String,
    /// The most that either may owe the other, in minor units.
    credit_max_minor: Option<Minor>,
    /// How much more the partner owes you than you owe them, in minor units; less than nothing when it is you who owes.
    balance_minor: i64,
    /// RFC 3339.
    proposed_at: String,
    /// RFC 3339.
    accepted_at: Option<String>,
    /// RFC 3339.
    declined_at: Option<String>,
    /// From when on it is not in force any more, RFC 3339.
    until: Option<String>,
}

/// Contracts with other merchants.
#[derive(Serialize, ToSchema)]
pub(super) struct AgreementsOut {
    /// Those that were proposed first come first.
    agreements: Vec<AgreementOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

impl AgreementOut {
    fn new(seen: SeenByPeople, now: Timestamp) -> Self {
        let SeenByPeople { agreement, proposed, partner, partner_handle, balance_minor } = seen;
        let instant = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            id: agreement.id.to_string(),
            state: agreement.state(now).name().to_owned(),
            pack: agreement.pack.to_string(),
            partner: partner.into(),
            partner_handle: partner_handle.map(Into::into),
            proposed_by_you: proposed,
            terms: serde_json::from_str(&agreement.terms).unwrap_or(Value::Null),
            currency: agreement.currency.to_string(),
            credit_max_minor: agreement.credit_max_minor,
            balance_minor,
            proposed_at: agreement.proposed_at.to_string(),
            accepted_at: instant(agreement.accepted_at),
            declined_at: instant(agreement.declined_at),
            until: instant(agreement.until),
        }
    }
}

/// Proposes a contract to another merchant, under which packs of both work together. It is in force when they accept it.
#[utoipa::path(post, path = "/v1/agreements", tag = "agreements",
    extensions(("x-needs" = json!("manage-packs"))), request_body = NewAgreement,
    params(("Idempotency-Key" = String, Header, description = "A text of your own, new for each new proposal.")),
    responses((status = 201, body = AgreementOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn propose_agreement(
    State(app): State<App>,
    caller: Caller,
    Once(key): Once,
    sent: Sent<NewAgreement>,
) -> Result<(StatusCode, Json<AgreementOut>), Problem> {
    let NewAgreement { pack, partner, terms, credit_max_minor, until } = sent.body;
    let new = ProposeAgreement { pack, partner, terms, credit_max_minor, until };
    let made = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            let made =
                host.act_once(actor, &key, &sent.content, |tx, act| agreements::propose_agreement(tx, act, &new))?;
            shown(host, actor, made.id)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// The contracts with other merchants, those that you have proposed and those that were proposed to you.
#[utoipa::path(get, path = "/v1/agreements", tag = "agreements",
    extensions(("x-needs" = json!("manage-packs"))), params(Page),
    responses((status = 200, body = AgreementsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_agreements(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<AgreementsOut>, Problem> {
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let after = place::<16>(page.cursor.as_deref())?.map(AgreementId::from_bytes);
    let limit = page_length(page.limit)?;
    let page = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            let found = host.look(|tx| agreements::list_agreements(tx, actor.merchant, after, limit))?;
            let last = found.last().filter(|_| found.len() == limit);
            let next = last.map(|last| cursor(last.agreement.id.as_bytes()));
            let now = host.clock.now();
            let agreements = found.into_iter().map(|seen| AgreementOut::new(seen, now)).collect();
            Ok::<_, Problem>(AgreementsOut { agreements, next })
        })
        .await?;
    Ok(Json(page))
}

/// A contract with another merchant.
#[utoipa::path(get, path = "/v1/agreements/{agreement}", tag = "agreements",
    extensions(("x-needs" = json!("manage-packs"))), params(("agreement" = String, Path)),
    responses((status = 200, body = AgreementOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_agreement(
    State(app): State<App>,
    caller: Caller,
    Path(agreement): Path<String>,
) -> Result<Json<AgreementOut>, Problem> {
    let id: AgreementId = agreement.parse()?;
    let found = app.serve(caller, Action::ManagePacks, move |host, actor| shown(host, actor, id)).await?;
    Ok(Json(found))
}

/// Accepts what a partner has proposed: from now on it is in force.
#[utoipa::path(post, path = "/v1/agreements/{agreement}/acceptance", tag = "agreements",
    extensions(("x-needs" = json!("manage-packs"))), request_body = AcceptanceIn,
    params(("agreement" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new acceptance.")),
    responses((status = 200, body = AgreementOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn accept_agreement(
    State(app): State<App>,
    caller: Caller,
    Path(agreement): Path<String>,
    Once(key): Once,
    sent: Sent<AcceptanceIn>,
) -> Result<Json<AgreementOut>, Problem> {
    let id: AgreementId = agreement.parse()?;
    let AcceptanceIn {} = sent.body;
    let accepted = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            host.act_once(actor, &key, &sent.content, |tx, act| agreements::accept_agreement(tx, act, id))?;
            shown(host, actor, id)
        })
        .await?;
    Ok(Json(accepted))
}

/// Ends a contract, now or later. A proposal is declined by that, or taken back by whoever has made it. What either owes the
/// other stays owed.
#[utoipa::path(post, path = "/v1/agreements/{agreement}/end", tag = "agreements",
    extensions(("x-needs" = json!("manage-packs"))), request_body = EndIn,
    params(("agreement" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new end.")),
    responses((status = 200, body = AgreementOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn end_agreement(
    State(app): State<App>,
    caller: Caller,
    Path(agreement): Path<String>,
    Once(key): Once,
    sent: Sent<EndIn>,
) -> Result<Json<AgreementOut>, Problem> {
    let id: AgreementId = agreement.parse()?;
    let EndIn { at } = sent.body;
    let ended = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            host.act_once(actor, &key, &sent.content, |tx, act| agreements::end_agreement(tx, act, id, at))?;
            shown(host, actor, id)
        })
        .await?;
    Ok(Json(ended))
}

/// An agreement as it is now.
fn shown(host: &Host, actor: &Actor, id: AgreementId) -> Result<AgreementOut, Problem> {
    let found = host.look(|tx| agreements::read_agreement(tx, actor.merchant, id))?;
    found.map(|seen| AgreementOut::new(seen, host.clock.now())).ok_or_else(|| Problem::unknown_agreement(id))
}
