//! What people do with the platform: one file for each thing, one transaction for each call.
//!
//! A use case is a function `(tx, act, command) -> Result<reply, refusal>`: it loads, asks packs, refuses or decides,
//! writes, and replies. It never commits: [`Host::act`] and [`Host::act_once`] run it, retry it when another
//! transaction came between, and keep idempotency; so a use case runs more than once and has no effects but those on
//! its transaction.

mod adjust_assets;
pub mod agreements;
mod api_key;
mod attributes;
mod behaviours;
mod benefits;
mod bought_of;
mod call_pack;
mod catalogue;
mod changes;
mod claim_order;
mod consents;
mod create_merchant;
mod define_coupon;
mod edit_member;
mod edit_merchant;
mod enable_pack;
mod enrol_member;
mod erase_member;
mod export;
mod figures;
mod find_members;
mod follow_segments;
mod give_assets;
mod goals;
mod health;
mod hold_assets;
mod host;
mod import;
mod import_assets;
mod import_members;
mod import_orders;
mod issue_card;
mod issue_coupons;
mod join_codes;
mod keys;
mod known;
mod liability;
mod list_events;
mod list_orders;
mod load_stored_value;
mod member_token;
mod merge_members;
pub mod messages;
mod migrate;
mod notes;
mod offered_commands;
mod other_clocks;
pub mod pack_calls;
mod pack_decisions;
pub mod pack_life;
mod pack_quota;
mod pack_services;
mod pack_turns;
mod pages;
mod price_order;
mod programme;
mod public_event;
mod quote_coupons;
mod quote_order;
mod read_assets;
mod read_consumption;
mod read_statement;
mod recordings;
mod redeem_coupons;
mod refund_order;
mod render_page;
mod research;
mod run_command;
mod run_due;
mod same_order;
mod segments;
mod set_rules;
mod set_tier;
mod settle_order;
mod spend_stored_value;
mod tag_member;
mod teams;
#[cfg(test)]
mod tests;
mod timeline;
mod upload_pack;
mod usage;
pub mod users;
mod verify;
mod versions;
mod visits;
pub mod webhooks;

pub use adjust_assets::{AdjustAssets, AdjustError, Adjusted, Adjustment, adjust_assets, release_grants};
pub use api_key::{
    ApiKey, ApiKeyError, IssuedKey, KeyError, ListedKey, NewKey, authenticate, issue_api_key, revoke_api_key,
};
pub use attributes::{AttributeError, define_attribute, drop_attribute, list_attributes};
pub use behaviours::{
    BehaviourError, Seen, SeenError, SeenRecorded, define_behaviour, drop_behaviour, record_behaviours,
};
pub use benefits::{
    BenefitError, BenefitLeft, BenefitUsed, UseError, define_benefit, drop_benefit, read_benefits, return_benefit,
    use_benefit,
};
pub use bought_of::read_bought_of;
pub use catalogue::{ItemError, PutItem, drop_item, put_item, read_item};
use changes::record_change;
pub use changes::{Change, ReadChange, list_changes};
pub use claim_order::{ClaimError, Claimed, claim_order};
pub use consents::{ConsentError, ConsentReceipt, GiveConsent, give_consent, has_consented, list_consents};
pub use create_merchant::{CreateMerchant, Created, NewStore, create_merchant, list_merchants, list_stores};
pub use define_coupon::{DefineError, define_coupon};
pub use edit_member::{EditError, EditMember, edit_member};
pub use edit_merchant::{EditMerchant, MerchantError, PutStoreError, edit_merchant, put_store};
pub use enable_pack::{EnableError, EnablePack, enable_pack, read_enablement, read_manifest};
pub use enrol_member::{EnrolError, EnrolMember, Enrolled, enrol_member};
pub use erase_member::{EraseError, erase_member};
pub use export::{
    Exported, HeldLot, export_accounts, export_consents, export_coupon_types, export_items, export_lots,
    export_members, export_orders, export_postings, export_tiers, record_disclosure, record_export, record_research,
};
pub use figures::{
    Counts, DayCounts, Figure, Figures, Flows, Sold, UnitFlow, UnitFlows, export_figures, read_best_sellers,
    read_figures, read_flows, read_hours, read_sellers,
};
pub use find_members::{FindError, FoundMembers, Sought, find_member, find_members};
pub use follow_segments::follow_segments;
pub use give_assets::{GiveAssets, GiveError, Given, give_assets};
pub use goals::{Goal, GoalError, GoalOf, GoalProgress, export_goals, list_goals, set_goal};
pub use health::{Fault, Health, KeptLine, PackHealth};
pub use hold_assets::{
    HoldAssets, HoldError, HoldOut, HoldSeen, PostHold, hold_assets, post_hold, read_hold, void_hold,
};
pub use host::{Act, Host, OnceError, Reply};
pub use import::ImportPlan;
pub use import_assets::{AssetBrought, AssetRow, Holding, ImportAssetError, Owner, import_asset};
pub use import_members::{ImportMemberError, MemberBrought, MemberRow, import_member};
pub use import_orders::{ImportOrderError, OrderBrought, OrderRow, import_order};
pub use issue_card::{Card, CardError, CardIssued, issue_card, read_card};
pub use issue_coupons::{IssueCoupons, IssueError, Issued, issue_coupons};
pub use join_codes::{
    ChangeJoinCode, JoinCode, JoinCodeError, NewJoinCode, change_join_code, list_join_codes, make_join_code,
    read_join_code, read_joins,
};
pub use keys::{has_secrets, renew_secrets};
pub use known::{IdentityError, Known, read_known};
pub use liability::read_liabilities;
pub use list_events::{EventFilter, EventPage, EventStart, EventsError, list_events};
pub use list_orders::{OrderPage, SoughtOrders, list_orders};
pub use load_stored_value::{LoadError, LoadStoredValue, Loaded, load_stored_value};
pub use member_token::{
    IssuedToken, MEMBER_TOKEN_PREFIX, MEMBER_TOKEN_SECONDS, MemberToken, MemberTokenError, check_member_token,
    issue_member_token,
};
pub use merge_members::{MergeError, Merged, MergedAsset, merge_members};
pub use migrate::{MigrateError, migrate};
pub use notes::{Note, NoteError, NoteWritten, export_notes, list_notes, remove_note, write_note};
pub use offered_commands::{OfferedCommand, list_offered_commands};
pub use pack_quota::Quotas;
pub use pages::{
    PageOf, Paged, page_attributes, page_behaviours, page_benefits, page_consents, page_coupon_types, page_items,
    page_join_codes, page_keys, page_messages, page_revisions, page_segments, page_stores, page_teams, page_templates,
    page_units, page_users,
};
pub use programme::{Active, Enablement, Programme, ProgrammeError, Revision};
pub use public_event::{EventData, EventKind, PublicEvent, UnknownKind, event_id, event_sequence};
pub use quote_coupons::{QuotedCoupon, SoughtCoupons, Unused};
pub use quote_order::{PackQuote, Quote, QuoteError, QuoteLine, QuoteOrder, quote_order};
pub use read_assets::{Asset, AssetsError, house_total, read_assets};
pub use read_consumption::{Consumption, ConsumptionSums, read_consumption};
pub use read_statement::read_statement;
pub use recordings::{
    Recorder, RecordingSummary, RecordingTerms, Recordings, RecordingsError, RehearsalError, RehearsalReport,
    keep_recordings, list_recordings, read_recording, recordings_of_pack, rehearse_pack,
};
pub use redeem_coupons::{
    Choice, CouponsReturned, RedeemCoupons, RedeemError, Redeemed, ReturnCoupons, ReturnError, redeem_coupons,
    return_coupons,
};
pub use refund_order::{RefundError, RefundLine, RefundOrder, Refunded, refund_order};
pub use render_page::{RenderPage, render_page};
pub use research::{Ages, Study, begin_study, event_fields};
pub use run_command::{CommandError, CommandReply, RunCommand, run_command};
pub use run_due::{DueSummary, run_due};
pub use segments::{SegmentError, define_segment, drop_segment, segments_of};
pub use set_rules::{RulesError, set_unit_rules};
pub use set_tier::{SetTier, TierChange, TierError, list_tier_changes, set_tier};
pub use settle_order::{Pay, SettleError, SettleOrder, Settled, find_order, read_order, settle_order};
pub use spend_stored_value::{SpendError, SpendStoredValue, Spent, spend_stored_value};
pub use tag_member::{TagError, drop_tag, put_tag};
pub use teams::{TEAM_STAFF_MAX, Team, TeamError, drop_team, list_teams, put_team};
pub use timeline::{Happening, Moment, read_timeline};
pub use upload_pack::{UploadError, upload_pack};
pub use usage::{MESSAGES_OF_DAY_MAX, PackUsage, read_usage};
pub use verify::{MerchantReport, Verified, verify};
pub use versions::{Thing, VersionError};
pub use visits::{Visits, read_visits};
