//! One file for each endpoint.

mod enable_pack;
mod enrol_member;
mod find_members;
mod health;
mod list_packs;
mod list_stores;
mod load_stored_value;
mod quote_order;
mod read_assets;
mod read_member;
mod read_order;
mod refund_order;
mod run_command;
mod settle_order;
mod upload_pack;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

/// All endpoints with their documentation.
pub(super) fn all() -> OpenApiRouter<App> {
    let packs = OpenApiRouter::new()
        .routes(routes!(upload_pack::upload_pack, list_packs::list_packs))
        .layer(DefaultBodyLimit::max(upload_pack::COMPONENT_BODY_MAX_BYTES));
    OpenApiRouter::new()
        .routes(routes!(enrol_member::enrol_member, find_members::find_members))
        .routes(routes!(read_member::read_member))
        .routes(routes!(read_assets::read_assets))
        .routes(routes!(load_stored_value::load_stored_value))
        .routes(routes!(quote_order::quote_order))
        .routes(routes!(settle_order::settle_order))
        .routes(routes!(read_order::read_order))
        .routes(routes!(refund_order::refund_order))
        .routes(routes!(list_stores::list_stores))
        .routes(routes!(enable_pack::enable_pack))
        .routes(routes!(run_command::run_command))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::figures))
        .merge(packs)
}
