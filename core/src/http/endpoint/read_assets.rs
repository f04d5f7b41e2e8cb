//! `GET /v1/members/{member}/assets`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Action, MemberId, UnitKind};
use crate::http::caller::Caller;
use crate::http::path::Path;
use crate::http::{App, Problem};
use crate::usecase::{self, Asset};

/// What a member holds.
#[derive(Serialize, ToSchema)]
pub(super) struct AssetsOut {
    assets: Vec<AssetOut>,
}

/// What a member holds of one unit.
#[derive(Serialize, ToSchema)]
pub(super) struct AssetOut {
    unit: String,
    /// The currency, when the unit is money; then amounts are in its minor unit.
    currency: Option<String>,
    /// Spendable now.
    available: u64,
    /// Set aside in holds.
    held: u64,
    /// Granted, but not released yet.
    pending: u64,
    /// What the member owes, because something earned was taken back after it had been spent.
    debt: u64,
    /// What expires next.
    expires_next: Option<ExpiryOut>,
}

impl From<Vec<Asset>> for AssetsOut {
    fn from(assets: Vec<Asset>) -> Self {
        Self { assets: assets.into_iter().map(Into::into).collect() }
    }
}

impl From<Asset> for AssetOut {
    fn from(asset: Asset) -> Self {
        Self {
            currency: match asset.unit.kind {
                UnitKind::Money(currency) => Some(currency.code().to_owned()),
                UnitKind::Count | UnitKind::Coupon => None,
            },
            unit: asset.unit.code.into(),
            available: asset.available,
            held: asset.held,
            pending: asset.pending,
            debt: asset.debt,
            expires_next: asset.expires_next.map(|(at, amount)| ExpiryOut { at: at.to_string(), amount }),
        }
    }
}

/// An amount that expires.
#[derive(Serialize, ToSchema)]
pub(super) struct ExpiryOut {
    /// From when on it can not be spent any more, RFC 3339.
    at: String,
    amount: u64,
}

/// All that a member holds. A unit that is absent is one that they never had; of coupons only those that they have are
/// told.
#[utoipa::path(get, path = "/v1/members/{member}/assets", tag = "members",
    extensions(("x-needs" = json!("read"))), params(("member" = String, Path)),
    responses((status = 200, body = AssetsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_assets(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
) -> Result<Json<AssetsOut>, Problem> {
    let member: MemberId = member.parse()?;
    let assets = app
        .serve(caller, Action::Read, move |host, actor| {
            let now = host.clock.now();
            host.look(|tx| usecase::read_assets(tx, actor.merchant, now, member))
        })
        .await?;
    Ok(Json(assets.into()))
}
