//! What people do with the platform: one file for each thing, one transaction for each call.
//!
//! A use case is a function `(tx, act, command) -> Result<reply, refusal>`: it loads, asks packs, refuses or decides,
//! writes, and replies. It never commits: [`Host::act`] and [`Host::act_once`] run it, retry it when another
//! transaction came between, and keep idempotency; so a use case runs more than once and has no effects but those on
//! its transaction.

mod api_key;
mod create_merchant;
mod define_coupon;
mod enable_pack;
mod enrol_member;
mod figures;
mod give_assets;
mod hold_assets;
mod host;
mod import_orders;
mod issue_coupons;
mod liability;
mod list_events;
mod load_stored_value;
mod migrate;
mod programme;
mod public_event;
mod quote_order;
mod read_assets;
mod redeem_coupons;
mod refund_order;
mod run_command;
mod run_due;
mod set_rules;
mod settle_order;
mod spend_stored_value;
#[cfg(test)]
mod tests;
mod upload_pack;
mod verify;
pub mod webhooks;

pub use api_key::{ApiKey, ApiKeyError, IssuedKey, authenticate, issue_api_key};
pub use create_merchant::{CreateMerchant, Created, NewStore, create_merchant, list_merchants, list_stores};
pub use define_coupon::{DefineError, define_coupon, list_coupon_types};
pub use enable_pack::{EnableError, EnablePack, enable_pack, read_enablement};
pub use enrol_member::{EnrolError, EnrolMember, enrol_member, find_member, read_member};
pub use figures::{Figure, Figures, read_figures};
pub use give_assets::{GiveAssets, GiveError, Given, give_assets};
pub use hold_assets::{HoldAssets, HoldError, HoldOut, PostHold, hold_assets, post_hold, void_hold};
pub use host::{Act, Host, OnceError, Reply};
pub use import_orders::{ImportError, ImportPlan, ImportProgress, ImportSummary, OrderRow, import_orders};
pub use issue_coupons::{IssueCoupons, IssueError, Issued, issue_coupons};
pub use liability::read_liabilities;
pub use list_events::{EventFilter, EventPage, EventStart, EventsError, list_events};
pub use load_stored_value::{LoadError, LoadStoredValue, Loaded, load_stored_value};
pub use migrate::{MigrateError, migrate};
pub use programme::{Active, Enablement, Programme, ProgrammeError, Revision};
pub use public_event::{EventData, EventKind, PublicEvent, UnknownKind, event_id, event_sequence};
pub use quote_order::{PackOffer, PackQuote, Quote, QuoteError, QuoteOrder, quote_order};
pub use read_assets::{Asset, AssetsError, house_total, read_assets};
pub use redeem_coupons::{
    Choice, CouponDiscount, RedeemCoupons, RedeemError, Redeemed, redeem_coupons, return_coupons,
};
pub use refund_order::{RefundError, RefundOrder, Refunded, refund_order};
pub use run_command::{CommandError, CommandReply, RunCommand, run_command};
pub use run_due::{DueSummary, run_due};
pub use set_rules::{RulesError, set_spending_order, set_unit_rules};
pub use settle_order::{SettleError, SettleOrder, Settled, find_order, read_order, settle_order};
pub use spend_stored_value::{SpendError, SpendStoredValue, Spent, spend_stored_value};
pub use upload_pack::{UploadError, list_packs, upload_pack};
pub use verify::{MerchantReport, Verified, verify};
