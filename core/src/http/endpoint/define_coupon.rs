//! `GET /v1/coupons` and `PUT /v1/coupons/{coupon}`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::{Action, Benefit, Code, CouponType, Label, Scope, StoreId, Validity};
use crate::http::caller::Caller;
use crate::http::cursor::cursor;
use crate::http::etag::{IfExpected, Versioned, change, with_versions};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::wire::AmountMinor;
use crate::http::{App, Problem};
use crate::store::{StoreError, Tx};
use crate::usecase::{self, Act, Thing};

/// A type of coupon.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "5 yuan off", "benefit": {"amount": {"off_minor": 500}}, "threshold_minor": 2000,
    "scope": {"categories": ["pastry"]}, "validity": {"days": 30}, "per_member_max": 3, "stacking_group": "sale"}))]
pub(super) struct CouponIn {
    /// What people read on it.
    #[schema(value_type = String, example = "5 yuan off", max_length = 128)]
    title: Label,
    benefit: BenefitForm,
    /// What the lines in its scope must come to, at least, in minor units.
    #[schema(value_type = u64, example = 5000)]
    #[serde(default)]
    threshold_minor: AmountMinor,
    #[serde(default)]
    scope: ScopeForm,
    validity: ValidityForm,
    /// How many one member may ever get.
    #[schema(minimum = 1)]
    per_member_max: Option<u32>,
    /// How many all members together may ever get.
    #[schema(minimum = 1)]
    total_max: Option<u32>,
    /// How many may be redeemed in all; a reservation takes one until it ends.
    #[schema(minimum = 1)]
    stock: Option<u32>,
    /// Of the coupons of one group a basket takes at most one, or as many as `group_max` says.
    #[schema(value_type = Option<String>, example = "sale")]
    stacking_group: Option<Code>,
    /// How many of its group go together, itself included; one if it is not said. The strictest of a basket's counts.
    #[schema(minimum = 1)]
    group_max: Option<u32>,
    /// In which order coupons count: those with smaller numbers before those with larger ones.
    #[serde(default)]
    priority: u16,
    /// Whether it goes with no other coupon at all.
    #[serde(default)]
    exclusive: bool,
}

/// What a coupon gives.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", deny_unknown_fields)]
pub(super) enum BenefitForm {
    /// An amount off, in minor units.
    Amount {
        #[schema(value_type = u64)]
        off_minor: AmountMinor,
    },
    /// A part off, rounded down, at most the cap.
    Percent {
        /// From 1 to 100.
        percent: u8,
        #[schema(value_type = Option<u64>)]
        cap_minor: Option<AmountMinor>,
    },
    /// Something as a gift.
    Gift {
        #[schema(value_type = String)]
        sku: Label,
        quantity: u32,
    },
    /// One piece of one of these things for nothing.
    Exchange {
        #[schema(value_type = Vec<String>)]
        skus: BTreeSet<Label>,
    },
    /// What delivery costs off, at most the cap. Scope and threshold are about what is delivered.
    FreeDelivery {
        /// By which names delivery stands in a basket.
        #[schema(value_type = Vec<String>)]
        skus: BTreeSet<Label>,
        #[schema(value_type = Option<u64>)]
        cap_minor: Option<AmountMinor>,
    },
}

/// What and where a coupon counts for; what is absent is no condition.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ScopeForm {
    #[schema(value_type = Vec<String>)]
    skus: BTreeSet<Label>,
    #[schema(value_type = Vec<String>)]
    categories: BTreeSet<Label>,
    #[schema(value_type = Vec<String>)]
    brands: BTreeSet<Label>,
    #[schema(value_type = Vec<String>)]
    stores: BTreeSet<StoreId>,
}

/// When a coupon counts.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum ValidityForm {
    /// From one instant to another, RFC 3339.
    Fixed {
        #[schema(value_type = String)]
        from: Timestamp,
        #[schema(value_type = String)]
        until: Timestamp,
    },
    /// To the end of so many days after that of the issue, in the merchant's time zone.
    Days(u16),
}

/// A type of coupon that is defined.
#[derive(Serialize, ToSchema)]
pub(super) struct CouponOut {
    coupon: String,
    title: String,
    benefit: BenefitForm,
    threshold_minor: u64,
    scope: ScopeForm,
    validity: ValidityForm,
    per_member_max: Option<u32>,
    total_max: Option<u32>,
    stock: Option<u32>,
    stacking_group: Option<String>,
    group_max: Option<u32>,
    priority: u16,
    exclusive: bool,
    /// Names the state in which it is, for `If-Match`.
    version: u64,
}

/// The types of coupons of a merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct CouponsOut {
    /// In the order of their codes.
    coupons: Vec<CouponOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// Defines a type of coupon, or changes one from now on.
#[utoipa::path(put, path = "/v1/coupons/{coupon}", tag = "coupons",
    extensions(("x-needs" = json!("manage-assets"))), request_body = CouponIn,
    params(("coupon" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = CouponOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn define_coupon(
    State(app): State<App>,
    caller: Caller,
    Path(coupon): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<CouponIn>,
) -> Result<Versioned<Json<CouponOut>>, Problem> {
    let unit = Code::new(coupon).map_err(|error| Problem::wrong_name(&error))?;
    let coupon = sent.body.of(unit);
    app.serve(caller, Action::ManageAssets, move |host, actor| {
        let thing = Thing::Coupon(coupon.unit.clone());
        let define = |tx: &mut Tx, act: &mut Act<'_>| usecase::define_coupon(tx, act, &coupon);
        let ((), version) = change(host, actor, &thing, expected, define)?;
        Ok::<_, Problem>(Versioned(version, Json((coupon, version).into())))
    })
    .await
}

/// The types of coupons of the merchant.
#[utoipa::path(get, path = "/v1/coupons", tag = "coupons",
    extensions(("x-needs" = json!("read"))), params(Page),
    responses((status = 200, body = CouponsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_coupons(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<CouponsOut>, Problem> {
    let which = Page::read(page)?;
    let (coupons, next) = app
        .serve(caller, Action::Read, move |host, actor| {
            host.look(|tx| {
                let (found, next) = usecase::page_coupon_types(tx, actor.merchant, &which)?;
                Ok::<_, StoreError>((
                    with_versions(tx, actor.merchant, found, |one| Thing::Coupon(one.unit.clone()))?,
                    next,
                ))
            })
        })
        .await?;
    let next = next.map(|place| cursor(&place));
    Ok(Json(CouponsOut { coupons: coupons.into_iter().map(Into::into).collect(), next }))
}

impl From<(CouponType, u64)> for CouponOut {
    fn from((coupon, version): (CouponType, u64)) -> Self {
        let Scope { skus, categories, brands, stores } = coupon.scope;
        Self {
            coupon: coupon.unit.into(),
            title: coupon.title.into(),
            benefit: match coupon.benefit {
                Benefit::Amount { off_minor } => BenefitForm::Amount { off_minor: AmountMinor(off_minor) },
                Benefit::Percent { percent, cap_minor } => {
                    BenefitForm::Percent { percent, cap_minor: cap_minor.map(AmountMinor) }
                }
                Benefit::Gift { sku, quantity } => BenefitForm::Gift { sku, quantity },
                Benefit::Exchange { skus } => BenefitForm::Exchange { skus },
                Benefit::FreeDelivery { skus, cap_minor } => {
                    BenefitForm::FreeDelivery { skus, cap_minor: cap_minor.map(AmountMinor) }
                }
            },
            threshold_minor: coupon.threshold_minor,
            scope: ScopeForm { skus, categories, brands, stores },
            validity: match coupon.validity {
                Validity::Fixed { from, until } => ValidityForm::Fixed { from, until },
                Validity::Days { days } => ValidityForm::Days(days),
            },
            per_member_max: coupon.per_member_max,
            total_max: coupon.total_max,
            stock: coupon.stock,
            stacking_group: coupon.stacking_group.map(Into::into),
            group_max: coupon.group_max,
            priority: coupon.priority,
            exclusive: coupon.exclusive,
            version,
        }
    }
}

impl CouponIn {
    fn of(self, unit: Code) -> CouponType {
        let benefit = match self.benefit {
            BenefitForm::Amount { off_minor } => Benefit::Amount { off_minor: off_minor.0 },
            BenefitForm::Percent { percent, cap_minor } => {
                Benefit::Percent { percent, cap_minor: cap_minor.map(|cap| cap.0) }
            }
            BenefitForm::Gift { sku, quantity } => Benefit::Gift { sku, quantity },
            BenefitForm::Exchange { skus } => Benefit::Exchange { skus },
            BenefitForm::FreeDelivery { skus, cap_minor } => {
                Benefit::FreeDelivery { skus, cap_minor: cap_minor.map(|cap| cap.0) }
            }
        };
        let ScopeForm { skus, categories, brands, stores } = self.scope;
        let validity = match self.validity {
            ValidityForm::Fixed { from, until } => Validity::Fixed { from, until },
            ValidityForm::Days(days) => Validity::Days { days },
        };
        CouponType {
            unit,
            title: self.title,
            benefit,
            threshold_minor: self.threshold_minor.0,
            scope: Scope { skus, categories, brands, stores },
            validity,
            per_member_max: self.per_member_max,
            total_max: self.total_max,
            stock: self.stock,
            stacking_group: self.stacking_group,
            group_max: self.group_max,
            priority: self.priority,
            exclusive: self.exclusive,
        }
    }
}
