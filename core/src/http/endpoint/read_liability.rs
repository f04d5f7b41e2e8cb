//! `GET /v1/liability`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Action, UnitKind};
use crate::http::caller::Caller;
use crate::http::{App, Problem};
use crate::ledger::Liability;
use crate::store::layout::Month;
use crate::usecase;

/// What the merchant owes its members.
#[derive(Serialize, ToSchema)]
pub(super) struct LiabilityOut {
    units: Vec<UnitLiabilityOut>,
}

/// What the merchant owes its members of one unit.
#[derive(Serialize, ToSchema)]
pub(super) struct UnitLiabilityOut {
    unit: String,
    /// The currency, when the unit is money; then amounts are in its minor unit.
    currency: Option<String>,
    /// What members can spend; what has expired counts until the job has booked it.
    outstanding: i64,
    /// What is set aside in holds.
    held: i64,
    /// What is granted, but not released yet.
    pending: i64,
    /// What members owe the merchant.
    owed: i64,
    /// What is outstanding, by the month in which it expires.
    expires: Vec<ExpiringOut>,
}

/// What expires in one month.
#[derive(Serialize, ToSchema)]
pub(super) struct ExpiringOut {
    /// As `2026-11`, in the merchant's time zone; none for what never expires.
    #[schema(example = "2026-11")]
    month: Option<String>,
    amount: i64,
}

/// What the merchant owes its members, in every unit.
#[utoipa::path(get, path = "/v1/liability", tag = "figures",
    extensions(("x-needs" = json!("read-figures"))),
    responses((status = 200, body = LiabilityOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_liability(State(app): State<App>, caller: Caller) -> Result<Json<LiabilityOut>, Problem> {
    let units = app
        .serve(caller, Action::ReadFigures, move |host, actor| {
            host.look(|tx| usecase::read_liabilities(tx, actor.merchant))
        })
        .await?;
    Ok(Json(LiabilityOut { units: units.into_iter().map(Into::into).collect() }))
}

impl From<Liability> for UnitLiabilityOut {
    fn from(liability: Liability) -> Self {
        let Liability { unit, outstanding, by_month, held, pending, owed } = liability;
        let currency = match unit.kind {
            UnitKind::Money(currency) => Some(currency.code().to_owned()),
            UnitKind::Count | UnitKind::Coupon => None,
        };
        let expires = by_month
            .into_iter()
            .map(|(month, amount)| ExpiringOut {
                month: match month {
                    Month::Of { year, month } => Some(format!("{year:04}-{month:02}")),
                    Month::Never => None,
                },
                amount,
            })
            .collect();
        Self { unit: unit.code.into(), currency, outstanding, held, pending, owed, expires }
    }
}
