//! `GET` and `PATCH /v1/merchant`, `PUT /v1/stores/{store}`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list_stores::StoreOut;
use crate::domain::{Action, Code, Label, Merchant, SpendingOrder};
use crate::http::caller::Caller;
use crate::http::etag::{Expected, IfExpected, Versioned, change};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::store::{Tx, encode};
use crate::usecase::{self, Act, Thing};

/// Which part of stored value members spend first.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SpendingOrderForm {
    /// What was paid in, then what was given on top.
    PrincipalFirst,
    /// What was given on top, then what was paid in.
    BonusFirst,
    /// Both in proportion to what there is of them.
    Proportional,
}

/// What is to be another way; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "stored_value_order": "bonus-first" }))]
pub(super) struct MerchantPatch {
    #[schema(value_type = Option<String>, max_length = 128)]
    name: Option<Label>,
    /// The language of its people, as a BCP 47 tag such as `zh-CN`.
    #[schema(value_type = Option<String>, max_length = 128)]
    locale: Option<Label>,
    stored_value_order: Option<SpendingOrderForm>,
}

/// The merchant.
#[derive(Serialize, ToSchema)]
pub(super) struct MerchantOut {
    id: String,
    name: String,
    /// ISO 4217. It never changes.
    currency: &'static str,
    /// Where its day begins and ends, by IANA. It never changes.
    time_zone: String,
    locale: String,
    stored_value_order: SpendingOrderForm,
}

fn shown(merchant: Merchant) -> Versioned<Json<MerchantOut>> {
    let version = version(&merchant);
    let out = MerchantOut {
        id: merchant.id.to_string(),
        name: merchant.name.into(),
        currency: merchant.currency.code(),
        time_zone: merchant.time_zone.into(),
        locale: merchant.locale.into(),
        stored_value_order: match merchant.stored_value_order {
            SpendingOrder::PrincipalFirst => SpendingOrderForm::PrincipalFirst,
            SpendingOrder::BonusFirst => SpendingOrderForm::BonusFirst,
            SpendingOrder::Proportional => SpendingOrderForm::Proportional,
        },
    };
    Versioned(version, Json(out))
}

/// Names the state of the settings: a checksum of the record.
fn version(merchant: &Merchant) -> u64 {
    crc32c::crc32c(&encode(merchant)).into()
}

/// The merchant whose key this is.
#[utoipa::path(get, path = "/v1/merchant", tag = "staff",
    extensions(("x-needs" = json!("read"))),
    responses((status = 200, body = MerchantOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_merchant(
    State(app): State<App>,
    caller: Caller,
) -> Result<Versioned<Json<MerchantOut>>, Problem> {
    let merchant =
        app.serve(caller, Action::Read, move |host, actor| host.view(actor, |tx, act| act.merchant(tx))).await?;
    Ok(shown(merchant))
}

/// Changes the merchant's settings.
#[utoipa::path(patch, path = "/v1/merchant", tag = "staff",
    extensions(("x-needs" = json!("manage-staff"))), request_body = MerchantPatch,
    params(("If-Match" = String, Header, description = "The ETag of the merchant as it was read.")),
    responses((status = 200, body = MerchantOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn edit_merchant(
    State(app): State<App>,
    caller: Caller,
    Expected(expected): Expected,
    sent: Sent<MerchantPatch>,
) -> Result<Versioned<Json<MerchantOut>>, Problem> {
    let MerchantPatch { name, locale, stored_value_order } = sent.body;
    let stored_value_order = stored_value_order.map(|order| match order {
        SpendingOrderForm::PrincipalFirst => SpendingOrder::PrincipalFirst,
        SpendingOrderForm::BonusFirst => SpendingOrder::BonusFirst,
        SpendingOrderForm::Proportional => SpendingOrder::Proportional,
    });
    let edit = usecase::EditMerchant { name, locale, stored_value_order };
    let merchant = app
        .serve(caller, Action::ManageStaff, move |host, actor| {
            host.act(actor, |tx, act| usecase::edit_merchant(tx, act, |merchant| version(merchant) == expected, &edit))
        })
        .await?;
    Ok(shown(merchant))
}

/// A store as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Nanjing Road" }))]
pub(super) struct StoreIn {
    /// What people call it.
    #[schema(value_type = String, max_length = 128, example = "Nanjing Road")]
    name: Label,
}

/// Opens a store with this code, or renames the one that has it.
#[utoipa::path(put, path = "/v1/stores/{store}", tag = "stores",
    extensions(("x-needs" = json!("manage-staff"))), request_body = StoreIn,
    params(("store" = String, Path, description = "Its code, such as `main`."),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = StoreOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn put_store(
    State(app): State<App>,
    caller: Caller,
    Path(code): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<StoreIn>,
) -> Result<Versioned<Json<StoreOut>>, Problem> {
    let code = Code::new(&code).map_err(|error| Problem::wrong_name(&error))?;
    app.serve(caller, Action::ManageStaff, move |host, actor| {
        let put = |tx: &mut Tx, act: &mut Act<'_>| usecase::put_store(tx, act, &code, &sent.body.name);
        let (store, version) = change(host, actor, &Thing::Store(code.clone()), expected, put)?;
        Ok::<_, Problem>(Versioned(version, Json((store, version).into())))
    })
    .await
}
