//! One file for each endpoint.

mod adjust_assets;
mod agreements;
mod attributes;
mod automatic_messages;
mod behaviours;
mod benefits;
mod card;
mod catalogue;
mod change_pack;
mod change_webhook;
mod claim_order;
mod consents;
mod consumption;
mod create_webhook;
mod dead_letters;
mod define_coupon;
mod delete_webhook;
mod edit_member;
mod enable_pack;
mod enrol_member;
mod export;
mod figures;
mod find_members;
mod give_assets;
mod health;
mod history;
mod hold_assets;
mod invitations;
mod issue_coupons;
mod join_codes;
mod keys;
mod list_deliveries;
mod list_events;
mod list_orders;
mod list_packs;
mod list_stores;
mod list_webhooks;
mod load_stored_value;
mod member;
mod merchant;
mod merge_members;
mod message_connectors;
mod message_policy;
mod message_templates;
mod messages;
mod notes;
mod own_openapi;
mod own_routes;
mod own_session;
mod pack_health;
mod pack_page;
mod parked_calls;
mod quote_order;
mod read_assets;
mod read_liability;
mod read_member;
mod read_order;
mod read_portrait;
mod read_revision;
mod read_webhook;
mod recordings;
mod redeem_coupons;
mod refund_order;
mod rehearsals;
mod return_coupons;
mod rotate_secret;
mod run_command;
mod segments;
mod sessions;
mod settle_order;
mod spend_stored_value;
mod statement;
mod stream_events;
mod tags_and_tier;
mod teams;
mod tell_events;
mod test_webhook;
mod units;
mod upload_pack;
mod users;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

pub(crate) use export::{Export, ExportFormat, ExportKind, Research, ResearchKind, parted, unguarded};

/// All endpoints with their documentation.
pub(super) fn all() -> OpenApiRouter<App> {
    let packs = OpenApiRouter::new()
        .routes(routes!(upload_pack::upload_pack, list_packs::list_packs))
        .layer(DefaultBodyLimit::max(upload_pack::COMPONENT_BODY_MAX_BYTES));
    OpenApiRouter::new()
        .routes(routes!(enrol_member::enrol_member, find_members::find_members))
        .routes(routes!(join_codes::make_join_code, join_codes::list_join_codes))
        .routes(routes!(join_codes::read_join_code, join_codes::change_join_code))
        .routes(routes!(join_codes::read_joins))
        .routes(routes!(read_member::read_member, edit_member::edit_member))
        .routes(routes!(edit_member::erase_member))
        .routes(routes!(card::read_card, card::issue_card))
        .routes(routes!(merge_members::preview_merge, merge_members::merge_members))
        .routes(routes!(tags_and_tier::put_tag, tags_and_tier::drop_tag))
        .routes(routes!(tags_and_tier::set_tier))
        .routes(routes!(tags_and_tier::list_tiers))
        .routes(routes!(consents::give_consent))
        .routes(routes!(consents::list_consents))
        .routes(routes!(notes::write_note, notes::list_notes))
        .routes(routes!(notes::remove_note))
        .routes(routes!(history::read_timeline))
        .routes(routes!(history::list_changes))
        .routes(routes!(statement::read_statement))
        .routes(routes!(consumption::read_consumption))
        .routes(routes!(segments::list_segments))
        .routes(routes!(segments::define_segment, segments::drop_segment))
        .routes(routes!(segments::read_segments))
        .routes(routes!(read_portrait::read_portrait))
        .routes(routes!(benefits::list_benefits))
        .routes(routes!(benefits::define_benefit, benefits::drop_benefit))
        .routes(routes!(benefits::read_benefits))
        .routes(routes!(benefits::use_benefit))
        .routes(routes!(benefits::return_benefit))
        .routes(routes!(catalogue::list_items))
        .routes(routes!(catalogue::read_item, catalogue::put_item, catalogue::drop_item))
        .routes(routes!(units::list_units))
        .routes(routes!(units::set_rules))
        .routes(routes!(merchant::read_merchant, merchant::edit_merchant))
        .routes(routes!(merchant::put_store))
        .routes(routes!(keys::issue_key, keys::list_keys))
        .routes(routes!(keys::revoke_key))
        .routes(routes!(users::add_user, users::list_users))
        .routes(routes!(users::read_user, users::change_user, users::remove_user))
        .routes(routes!(users::invite_again))
        .routes(routes!(users::end_sessions_of))
        .routes(routes!(invitations::accept_invitation))
        .routes(routes!(sessions::sign_in, sessions::list_sessions))
        .routes(routes!(sessions::end_session))
        .routes(routes!(own_session::read_own, own_session::change_own, own_session::sign_out))
        .routes(routes!(own_session::change_password))
        .routes(routes!(own_openapi::read_openapi))
        .routes(routes!(own_routes::issue_token))
        .routes(routes!(own_routes::read_me))
        .routes(routes!(own_routes::read_own_assets))
        .routes(routes!(own_routes::read_own_benefits))
        .routes(routes!(own_routes::list_own_orders))
        .routes(routes!(own_routes::read_own_statement))
        .routes(routes!(figures::read_figures))
        .routes(routes!(figures::read_hours))
        .routes(routes!(figures::read_best_sellers))
        .routes(routes!(figures::list_goals, figures::set_goal))
        .routes(routes!(teams::read_staff_figures))
        .routes(routes!(teams::list_teams))
        .routes(routes!(teams::put_team, teams::drop_team))
        .routes(routes!(export::export))
        .routes(routes!(export::export_member))
        .routes(routes!(export::export_research))
        .routes(routes!(attributes::define_attribute, attributes::drop_attribute))
        .routes(routes!(attributes::list_attributes))
        .routes(routes!(read_assets::read_assets))
        .routes(routes!(load_stored_value::load_stored_value))
        .routes(routes!(spend_stored_value::spend_stored_value))
        .routes(routes!(hold_assets::hold_assets))
        .routes(routes!(hold_assets::read_hold))
        .routes(routes!(hold_assets::post_hold))
        .routes(routes!(hold_assets::void_hold))
        .routes(routes!(define_coupon::define_coupon))
        .routes(routes!(define_coupon::list_coupons))
        .routes(routes!(issue_coupons::issue_coupons))
        .routes(routes!(redeem_coupons::redeem_coupons))
        .routes(routes!(return_coupons::return_coupons))
        .routes(routes!(adjust_assets::adjust_assets))
        .routes(routes!(adjust_assets::release_grants))
        .routes(routes!(give_assets::give_assets))
        .routes(routes!(read_liability::read_liability))
        .routes(routes!(quote_order::quote_order))
        .routes(routes!(settle_order::settle_order, list_orders::list_orders))
        .routes(routes!(claim_order::claim_order))
        .routes(routes!(read_order::read_order))
        .routes(routes!(refund_order::refund_order))
        .routes(routes!(list_stores::list_stores))
        .routes(routes!(tell_events::tell_events, list_events::list_events))
        .routes(routes!(behaviours::list_behaviours))
        .routes(routes!(behaviours::define_behaviour, behaviours::drop_behaviour))
        .routes(routes!(stream_events::stream_events))
        .routes(routes!(create_webhook::create_webhook, list_webhooks::list_webhooks))
        .routes(routes!(read_webhook::read_webhook, change_webhook::change_webhook, delete_webhook::delete_webhook))
        .routes(routes!(rotate_secret::rotate_secret))
        .routes(routes!(rotate_secret::drop_previous_secret))
        .routes(routes!(test_webhook::test_webhook))
        .routes(routes!(list_deliveries::list_deliveries))
        .routes(routes!(dead_letters::list_dead_letters))
        .routes(routes!(dead_letters::resend_dead_letters))
        .routes(routes!(dead_letters::resend_dead_letter))
        .routes(routes!(dead_letters::drop_dead_letter))
        .routes(routes!(message_templates::list_templates))
        .routes(routes!(
            message_templates::read_template,
            message_templates::put_template,
            message_templates::drop_template
        ))
        .routes(routes!(message_templates::preview_template))
        .routes(routes!(messages::send_messages, messages::list_messages))
        .routes(routes!(messages::read_message))
        .routes(routes!(messages::cancel_message))
        .routes(routes!(messages::resend_message))
        .routes(routes!(message_policy::read_policy, message_policy::set_policy))
        .routes(routes!(automatic_messages::list_automatics))
        .routes(routes!(automatic_messages::put_automatic, automatic_messages::drop_automatic))
        .routes(routes!(message_connectors::list_connectors))
        .routes(routes!(message_connectors::put_connector, message_connectors::drop_connector))
        .routes(routes!(message_connectors::rotate_connector_secret))
        .routes(routes!(message_connectors::test_connector))
        .routes(routes!(enable_pack::enable_pack, read_revision::read_enablement))
        .routes(routes!(read_revision::read_revision))
        .routes(routes!(change_pack::upgrade))
        .routes(routes!(change_pack::rollback))
        .routes(routes!(change_pack::forget))
        .routes(routes!(change_pack::remove))
        .routes(routes!(change_pack::read_entries))
        .routes(routes!(pack_page::read_page))
        .routes(routes!(agreements::propose_agreement, agreements::list_agreements))
        .routes(routes!(agreements::read_agreement))
        .routes(routes!(agreements::accept_agreement))
        .routes(routes!(agreements::end_agreement))
        .routes(routes!(run_command::run_command))
        .routes(routes!(pack_health::read_pack_health))
        .routes(routes!(pack_health::read_pack_log))
        .routes(routes!(recordings::list_pack_recordings))
        .routes(routes!(recordings::read_pack_recording))
        .routes(routes!(rehearsals::rehearse))
        .routes(routes!(parked_calls::list_parked_calls))
        .routes(routes!(parked_calls::retry_parked_call))
        .routes(routes!(parked_calls::drop_parked_call))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::figures))
        .merge(packs)
}
