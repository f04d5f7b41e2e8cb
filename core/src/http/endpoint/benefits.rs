//! `GET /v1/benefits`, `PUT` and `DELETE /v1/benefits/{benefit}`, `GET /v1/members/{member}/benefits`, and uses of them

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::{Action, Code, Label, MemberId, Period, ServiceBenefit, StoreId};
use crate::http::caller::{Caller, Once};
use crate::http::cursor::cursor;
use crate::http::etag::{IfExpected, Versioned, change, with_versions};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem, at_store};
use crate::store::{StoreError, Tx};
use crate::usecase::{self, Act, BenefitLeft, Thing};

/// A period of the merchant's calendar.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PeriodForm {
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
    /// All time.
    Ever,
}

/// A benefit as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "title": "Brow trim", "quota": 1, "period": "month", "tiers": ["gold"] }))]
pub(super) struct ServiceBenefitIn {
    /// What people call it.
    #[schema(value_type = String, max_length = 128, example = "Brow trim")]
    title: Label,
    /// How often in a period; 0 while it is not given.
    #[schema(example = 1)]
    quota: u32,
    period: PeriodForm,
    /// For members of one of these levels; for all if there are none.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    tiers: BTreeSet<Code>,
    /// For members who bear one of these tags; for all if there are none.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    tags: BTreeSet<Code>,
}

/// A benefit.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceBenefitOut {
    benefit: String,
    title: String,
    quota: u32,
    period: PeriodForm,
    tiers: Vec<String>,
    tags: Vec<String>,
    /// Names the state in which it is, for `If-Match`.
    version: u64,
}

/// The benefits of a merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceBenefitsOut {
    /// In the order of their codes.
    benefits: Vec<ServiceBenefitOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// What a member has of a benefit in the period that is.
#[derive(Serialize, ToSchema)]
pub(super) struct BenefitLeftOut {
    benefit: String,
    title: String,
    /// Whether it is for this member.
    entitled: bool,
    /// How often it was used.
    used: u32,
    /// How often it can be used yet.
    left: u32,
}

/// What a member has of each benefit.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberBenefitsOut {
    /// In the order of their codes.
    benefits: Vec<BenefitLeftOut>,
}

/// Where a benefit is given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(super) struct BenefitUse {
    /// In which store, if it matters.
    #[schema(value_type = Option<String>)]
    store: Option<StoreId>,
}

/// What became of a benefit.
#[derive(Serialize, ToSchema)]
pub(super) struct BenefitUsedOut {
    /// How often it was used in this period.
    used: u32,
    /// How often it can be used yet.
    left: u32,
}

impl From<(ServiceBenefit, u64)> for ServiceBenefitOut {
    fn from((benefit, version): (ServiceBenefit, u64)) -> Self {
        Self {
            benefit: benefit.code.into(),
            title: benefit.title.into(),
            quota: benefit.quota,
            period: match benefit.period {
                Period::Day => PeriodForm::Day,
                Period::Week => PeriodForm::Week,
                Period::Month => PeriodForm::Month,
                Period::Year => PeriodForm::Year,
                Period::Ever => PeriodForm::Ever,
            },
            tiers: benefit.tiers.into_iter().map(Into::into).collect(),
            tags: benefit.tags.into_iter().map(Into::into).collect(),
            version,
        }
    }
}

impl From<Vec<BenefitLeft>> for MemberBenefitsOut {
    fn from(all: Vec<BenefitLeft>) -> Self {
        Self { benefits: all.into_iter().map(Into::into).collect() }
    }
}

impl From<BenefitLeft> for BenefitLeftOut {
    fn from(BenefitLeft { benefit, entitled, used, left }: BenefitLeft) -> Self {
        Self { benefit: benefit.code.into(), title: benefit.title.into(), entitled, used, left }
    }
}

fn code(text: &str) -> Result<Code, Problem> {
    Code::new(text).map_err(|error| Problem::wrong_name(&error))
}

/// Defines a service benefit with a quota, or changes it from now on.
#[utoipa::path(put, path = "/v1/benefits/{benefit}", tag = "benefits",
    extensions(("x-needs" = json!("manage-members"))), request_body = ServiceBenefitIn,
    params(("benefit" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = ServiceBenefitOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn define_benefit(
    State(app): State<App>,
    caller: Caller,
    Path(benefit): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<ServiceBenefitIn>,
) -> Result<Versioned<Json<ServiceBenefitOut>>, Problem> {
    let ServiceBenefitIn { title, quota, period, tiers, tags } = sent.body;
    let period = match period {
        PeriodForm::Day => Period::Day,
        PeriodForm::Week => Period::Week,
        PeriodForm::Month => Period::Month,
        PeriodForm::Year => Period::Year,
        PeriodForm::Ever => Period::Ever,
    };
    let new = ServiceBenefit { code: code(&benefit)?, title, quota, period, tiers, tags };
    app.serve(caller, Action::ManageMembers, move |host, actor| {
        let thing = Thing::Benefit(new.code.clone());
        let define = |tx: &mut Tx, act: &mut Act<'_>| usecase::define_benefit(tx, act, &new);
        let ((), version) = change(host, actor, &thing, expected, define)?;
        Ok::<_, Problem>(Versioned(version, Json((new, version).into())))
    })
    .await
}

/// Takes a service benefit away: nobody has it any more.
#[utoipa::path(delete, path = "/v1/benefits/{benefit}", tag = "benefits",
    extensions(("x-needs" = json!("manage-members"))),
    params(("benefit" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is taken away if somebody else has changed it since.")),
    responses((status = 204, description = "It is gone."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_benefit(
    State(app): State<App>,
    caller: Caller,
    Path(benefit): Path<String>,
    IfExpected(expected): IfExpected,
) -> Result<StatusCode, Problem> {
    let benefit = code(&benefit)?;
    app.serve(caller, Action::ManageMembers, move |host, actor| {
        let drop = |tx: &mut Tx, act: &mut Act<'_>| usecase::drop_benefit(tx, act, &benefit);
        change(host, actor, &Thing::Benefit(benefit.clone()), expected, drop)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The service benefits that a merchant has defined.
#[utoipa::path(get, path = "/v1/benefits", tag = "benefits", extensions(("x-needs" = json!("read"))), params(Page),
    responses((status = 200, body = ServiceBenefitsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_benefits(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<ServiceBenefitsOut>, Problem> {
    let which = Page::read(page)?;
    let (all, next) = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| {
                let (found, next) = usecase::page_benefits(tx, actor.merchant, &which)?;
                Ok::<_, StoreError>((
                    with_versions(tx, actor.merchant, found, |one| Thing::Benefit(one.code.clone()))?,
                    next,
                ))
            })
        })
        .await?;
    let next = next.map(|place| cursor(&place));
    Ok(Json(ServiceBenefitsOut { benefits: all.into_iter().map(Into::into).collect(), next }))
}

/// What a member has of each service benefit in the period that is.
#[utoipa::path(get, path = "/v1/members/{member}/benefits", tag = "benefits",
    extensions(("x-needs" = json!("read"))), params(("member" = String, Path)),
    responses((status = 200, body = MemberBenefitsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_benefits(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
) -> Result<Json<MemberBenefitsOut>, Problem> {
    let id: MemberId = member.parse()?;
    let all = app
        .serve(caller, Action::Read, move |host, actor| host.view(actor, |tx, act| usecase::read_benefits(tx, act, id)))
        .await?;
    Ok(Json(all.into()))
}

/// Gives a member a service benefit once.
#[utoipa::path(post, path = "/v1/members/{member}/benefits/{benefit}/uses", tag = "benefits",
    extensions(("x-needs" = json!("serve"))), request_body = BenefitUse,
    params(("member" = String, Path), ("benefit" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = BenefitUsedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn use_benefit(
    State(app): State<App>,
    caller: Caller,
    Path((member, benefit)): Path<(String, String)>,
    Once(key): Once,
    sent: Sent<BenefitUse>,
) -> Result<(StatusCode, Json<BenefitUsedOut>), Problem> {
    let (id, benefit): (MemberId, Code) = (member.parse()?, code(&benefit)?);
    let used = app
        .serve(caller, Action::Serve, move |host, actor| {
            let store = sent.body.store;
            at_store(actor, store)?;
            Ok::<_, Problem>(
                host.act_once(actor, &key, &sent.content, |tx, act| {
                    usecase::use_benefit(tx, act, id, &benefit, store)
                })?,
            )
        })
        .await?;
    Ok((StatusCode::CREATED, Json(BenefitUsedOut { used: used.used, left: used.left })))
}

/// Takes back one use of a service benefit in the period that is.
#[utoipa::path(post, path = "/v1/members/{member}/benefits/{benefit}/returns", tag = "benefits",
    extensions(("x-needs" = json!("serve"))), request_body = BenefitReturn,
    params(("member" = String, Path), ("benefit" = String, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = BenefitUsedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn return_benefit(
    State(app): State<App>,
    caller: Caller,
    Path((member, benefit)): Path<(String, String)>,
    Once(key): Once,
    sent: Sent<BenefitReturn>,
) -> Result<(StatusCode, Json<BenefitUsedOut>), Problem> {
    let (id, benefit): (MemberId, Code) = (member.parse()?, code(&benefit)?);
    let used = app
        .serve(caller, Action::Serve, move |host, actor| {
            let BenefitReturn {} = sent.body;
            host.act_once(actor, &key, &sent.content, |tx, act| usecase::return_benefit(tx, act, id, &benefit))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(BenefitUsedOut { used: used.used, left: used.left })))
}

/// Nothing needs to be said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(super) struct BenefitReturn {}
