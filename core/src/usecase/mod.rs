//! What people do with the platform: one file for each thing, one transaction for each call.
//!
//! A use case is a function `(tx, act, command) -> Result<reply, refusal>`: it loads, asks packs, refuses or decides,
//! writes, and replies. It never commits: [`Host::act`] and [`Host::act_once`] run it, retry it when another
//! transaction came between, and keep idempotency; so a use case runs more than once and has no effects but those on
//! its transaction.

mod api_key;
mod create_merchant;
mod enable_pack;
mod enrol_member;
mod figures;
mod host;
mod import_orders;
mod load_stored_value;
mod migrate;
mod programme;
mod quote_order;
mod read_assets;
mod refund_order;
mod run_command;
mod settle_order;
mod upload_pack;
mod verify;

pub use api_key::{ApiKey, ApiKeyError, IssuedKey, authenticate, issue_api_key};
pub use create_merchant::{CreateMerchant, Created, NewStore, create_merchant, list_merchants, list_stores};
pub use enable_pack::{EnableError, EnablePack, enable_pack, read_enablement};
pub use enrol_member::{EnrolError, EnrolMember, enrol_member, find_member, read_member};
pub use figures::{Figure, Figures, read_figures};
pub use host::{Act, Host, OnceError};
pub use import_orders::{ImportError, ImportPlan, ImportProgress, ImportSummary, OrderRow, import_orders};
pub use load_stored_value::{LoadError, LoadStoredValue, Loaded, load_stored_value};
pub use migrate::{MigrateError, migrate};
pub use programme::{Active, Enablement, Programme, ProgrammeError, Revision};
pub use quote_order::{PackQuote, Quote, QuoteError, QuoteOrder, quote_order};
pub use read_assets::{Asset, AssetsError, house_total, read_assets};
pub use refund_order::{RefundError, RefundOrder, Refunded, refund_order};
pub use run_command::{CommandError, CommandReply, RunCommand, run_command};
pub use settle_order::{SettleError, SettleOrder, Settled, find_order, read_order, settle_order};
pub use upload_pack::{UploadError, list_packs, upload_pack};
pub use verify::{MerchantReport, verify};
