//! `GET /v1/catalogue`, and `GET`, `PUT` and `DELETE /v1/catalogue/{sku}`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::{Action, Currency, Item, Label};
use crate::http::caller::Caller;
use crate::http::cursor::cursor;
use crate::http::etag::{IfExpected, Versioned};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::wire::AmountMinor;
use crate::http::{App, Problem};
use crate::usecase::{self, PutItem};

/// What something is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Butter croissant", "category": "pastry", "price_minor": 1200, "member_price_minor": 1000 }))]
pub(super) struct ItemIn {
    /// What people call it.
    #[schema(value_type = String, max_length = 128)]
    name: Label,
    /// Lines of a basket that name no category are of this one.
    #[schema(value_type = Option<String>, max_length = 128)]
    category: Option<Label>,
    /// Lines of a basket that name no brand are of this one.
    #[schema(value_type = Option<String>, max_length = 128)]
    brand: Option<Label>,
    /// What one costs, in minor units.
    #[schema(value_type = Option<u64>)]
    price_minor: Option<AmountMinor>,
    /// What one costs a member, in minor units.
    #[schema(value_type = Option<u64>)]
    member_price_minor: Option<AmountMinor>,
}

/// Something that is sold.
#[derive(Serialize, ToSchema)]
pub(super) struct ItemOut {
    sku: String,
    name: String,
    category: Option<String>,
    brand: Option<String>,
    price_minor: Option<u64>,
    member_price_minor: Option<u64>,
}

/// A part of the catalogue.
#[derive(Serialize, ToSchema)]
pub(super) struct CatalogueOut {
    /// In the order of the SKUs.
    items: Vec<ItemOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

impl From<Item> for ItemOut {
    fn from(item: Item) -> Self {
        Self {
            sku: item.sku.into(),
            name: item.name.into(),
            category: item.category.map(Into::into),
            brand: item.brand.map(Into::into),
            price_minor: item.price_minor,
            member_price_minor: item.member_price_minor,
        }
    }
}

fn sku(text: &str) -> Result<Label, Problem> {
    Label::new(text).map_err(|error| Problem::wrong_name(&error))
}

/// What is sold.
#[utoipa::path(get, path = "/v1/catalogue", tag = "catalogue",
    extensions(("x-needs" = json!("read"))), params(Page),
    responses((status = 200, body = CatalogueOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_items(
    State(app): State<App>,
    caller: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<CatalogueOut>, Problem> {
    let which = Page::read(page)?;
    let (items, next) = app
        .serve(caller, Action::Read, move |host, actor| host.look(|tx| usecase::page_items(tx, actor.merchant, &which)))
        .await?;
    let next = next.map(|place| cursor(&place));
    Ok(Json(CatalogueOut { items: items.into_iter().map(Into::into).collect(), next }))
}

/// Something that is sold.
#[utoipa::path(get, path = "/v1/catalogue/{sku}", tag = "catalogue",
    extensions(("x-needs" = json!("read"))), params(("sku" = String, Path)),
    responses((status = 200, body = ItemOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_item(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Versioned<Json<ItemOut>>, Problem> {
    let sku = sku(&text)?;
    let item = app
        .serve(caller, Action::Read, move |host, actor| {
            let found = host.look(|tx| usecase::read_item(tx, actor.merchant, &sku))?;
            found.ok_or_else(|| usecase::ItemError::Unknown(sku.clone()))
        })
        .await?;
    Ok(Versioned(item.version, Json(item.into())))
}

/// Puts something into the catalogue, or changes what is there. With `If-Match` only if it is as it was read.
#[utoipa::path(put, path = "/v1/catalogue/{sku}", tag = "catalogue",
    extensions(("x-needs" = json!("manage-catalogue"))), request_body = ItemIn,
    params(("sku" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = ItemOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn put_item(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<ItemIn>,
) -> Result<Versioned<Json<ItemOut>>, Problem> {
    let ItemIn { name, category, brand, price_minor, member_price_minor } = sent.body;
    let amount = |field: &str, amount: Option<AmountMinor>| match amount.map(|amount| amount.0) {
        Some(amount) if amount > Currency::AMOUNT_MAX => {
            Err(Problem::wrong_body(field, &format!("{amount} is more than {}", Currency::AMOUNT_MAX)))
        }
        amount => Ok(amount),
    };
    let (price_minor, member_price_minor) =
        (amount("price_minor", price_minor)?, amount("member_price_minor", member_price_minor)?);
    let new = PutItem { sku: sku(&text)?, name, category, brand, price_minor, member_price_minor };
    let item = app
        .serve(caller, Action::ManageCatalogue, move |host, actor| {
            host.act(actor, |tx, act| usecase::put_item(tx, act, &new, expected))
        })
        .await?;
    Ok(Versioned(item.version, Json(item.into())))
}

/// Takes something out of the catalogue. What was sold stays what it was.
#[utoipa::path(delete, path = "/v1/catalogue/{sku}", tag = "catalogue",
    extensions(("x-needs" = json!("manage-catalogue"))), params(("sku" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is taken away if somebody else has changed it since.")),
    responses((status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_item(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    IfExpected(expected): IfExpected,
) -> Result<StatusCode, Problem> {
    let sku = sku(&text)?;
    app.serve(caller, Action::ManageCatalogue, move |host, actor| {
        host.act(actor, |tx, act| usecase::drop_item(tx, act, &sku, expected))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
