//! `GET /v1/units` and `PUT /v1/units/{unit}/rules`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::{Action, Code, Currency, Shortfall, Unit, UnitKind, UnitRules};
use crate::http::caller::Caller;
use crate::http::cursor::cursor;
use crate::http::etag::{IfExpected, Versioned, change, with_versions};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::store::{StoreError, Tx};
use crate::usecase::{self, Act, Thing};

/// What becomes of the part of an earning that can not be taken back, because it is spent already.
#[derive(Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ShortfallForm {
    /// The member owes it; later earnings repay it first.
    #[default]
    Owe,
    /// The merchant bears it.
    Forgive,
    /// The refund is refused.
    Refuse,
}

/// What members may do with a unit, and how much of it. What is left out has no limit.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "transferable": false, "earn_per_day_max": 1000, "shortfall": "owe" }))]
pub(super) struct RulesForm {
    /// Whether members may give it to each other.
    #[serde(default)]
    transferable: bool,
    /// The most that one member may have: spendable, held and pending together.
    #[schema(maximum = 1_000_000_000_000_000_u64)]
    balance_max: Option<u64>,
    /// The most that one member may earn on one day of the merchant.
    #[schema(maximum = 1_000_000_000_000_000_u64)]
    earn_per_day_max: Option<u64>,
    /// The most that one member may spend on one day of the merchant.
    #[schema(maximum = 1_000_000_000_000_000_u64)]
    spend_per_day_max: Option<u64>,
    /// What becomes of what can not be taken back.
    #[serde(default)]
    shortfall: ShortfallForm,
}

/// A unit.
#[derive(Serialize, ToSchema)]
pub(super) struct UnitOut {
    unit: String,
    /// `count`, `money` or `coupon`.
    kind: &'static str,
    /// The pack that declared it; null for the merchant's own.
    declared_by: Option<String>,
    rules: RulesForm,
    /// Names the state in which it is, for `If-Match`.
    version: u64,
}

/// The units of a merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct UnitsOut {
    /// In the order of their codes.
    units: Vec<UnitOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

impl From<(Unit, u64)> for UnitOut {
    fn from((unit, version): (Unit, u64)) -> Self {
        let UnitRules { transferable, balance_max, earn_per_day_max, spend_per_day_max, shortfall } = unit.rules;
        let shortfall = match shortfall {
            Shortfall::Owe => ShortfallForm::Owe,
            Shortfall::Forgive => ShortfallForm::Forgive,
            Shortfall::Refuse => ShortfallForm::Refuse,
        };
        Self {
            unit: unit.code.into(),
            kind: match unit.kind {
                UnitKind::Count => "count",
                UnitKind::Money(_) => "money",
                UnitKind::Coupon => "coupon",
            },
            declared_by: unit.declared_by.map(Into::into),
            rules: RulesForm { transferable, balance_max, earn_per_day_max, spend_per_day_max, shortfall },
            version,
        }
    }
}

/// The units in which the merchant's members hold something.
#[utoipa::path(get, path = "/v1/units", tag = "assets",
    extensions(("x-needs" = json!("read"))), params(Page),
    responses((status = 200, body = UnitsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_units(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<UnitsOut>, Problem> {
    let which = Page::read(page)?;
    let (units, next) = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| {
                let (found, next) = usecase::page_units(tx, actor.merchant, &which)?;
                Ok::<_, StoreError>((
                    with_versions(tx, actor.merchant, found, |one| Thing::Unit(one.code.clone()))?,
                    next,
                ))
            })
        })
        .await?;
    let next = next.map(|place| cursor(&place));
    Ok(Json(UnitsOut { units: units.into_iter().map(Into::into).collect(), next }))
}

/// Puts the rules of a unit in force, all of them, from the next posting on.
#[utoipa::path(put, path = "/v1/units/{unit}/rules", tag = "assets",
    extensions(("x-needs" = json!("manage-assets"))), request_body = RulesForm,
    params(("unit" = String, Path, description = "Its code, such as `points`."),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = UnitOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn set_rules(
    State(app): State<App>,
    caller: Caller,
    Path(unit): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<RulesForm>,
) -> Result<Versioned<Json<UnitOut>>, Problem> {
    let unit = Code::new(&unit).map_err(|error| Problem::wrong_name(&error))?;
    let RulesForm { transferable, balance_max, earn_per_day_max, spend_per_day_max, shortfall } = sent.body;
    for (field, limit) in
        [("balance_max", balance_max), ("earn_per_day_max", earn_per_day_max), ("spend_per_day_max", spend_per_day_max)]
    {
        if let Some(limit) = limit.filter(|limit| *limit > Currency::AMOUNT_MAX) {
            let max = Currency::AMOUNT_MAX;
            return Err(Problem::wrong_body(field, &format!("{limit} is more than {max}; leave it out for no limit")));
        }
    }
    let shortfall = match shortfall {
        ShortfallForm::Owe => Shortfall::Owe,
        ShortfallForm::Forgive => Shortfall::Forgive,
        ShortfallForm::Refuse => Shortfall::Refuse,
    };
    let rules = UnitRules { transferable, balance_max, earn_per_day_max, spend_per_day_max, shortfall };
    app.serve(caller, Action::ManageAssets, move |host, actor| {
        let set = |tx: &mut Tx, act: &mut Act<'_>| usecase::set_unit_rules(tx, act, &unit, &rules);
        let (unit, version) = change(host, actor, &Thing::Unit(unit.clone()), expected, set)?;
        Ok::<_, Problem>(Versioned(version, Json((unit, version).into())))
    })
    .await
}
