//! The specs of the host, in one program: the packs are compiled once for all of them.
//!
//! A spec's name is the rule. Its body is what is given, what happens and what must come of it, and nothing else.
#![expect(clippy::unwrap_used, reason = "the functions that specs share are tests as well")]

mod adjustments;
mod agreements;
mod alliance;
mod asset_imports;
mod assets;
mod audit;
mod auth;
mod backups;
mod bakery;
mod behaviours;
mod benefits;
mod bits;
mod by_hand;
mod catalogue;
mod commands_described;
mod compiled;
mod configuration;
mod connections;
mod consumption;
mod contract;
mod coupon_kinds;
mod coupon_quotes;
mod coupons;
mod crash;
mod demo;
mod docs;
mod durability;
mod edits;
mod events;
mod every_id;
mod every_route;
mod exchange;
mod export_kinds;
mod exports;
mod figures;
mod following;
mod grants;
mod host_functions;
mod hostile;
mod imports;
mod interface;
mod join_codes;
mod ledger;
mod lists;
mod master_keys;
mod members;
mod memory;
mod merges;
mod message_ways;
mod messages;
mod model;
mod order_refusals;
mod orders;
mod own_routes;
mod packs;
mod pages;
mod payments;
mod points;
mod pricing;
mod profiles;
mod rates;
mod recordings;
mod refunds;
mod rehearsals;
mod research;
mod school;
mod segments;
mod signatures;
mod signing;
mod staff;
mod storage;
mod store_limits;
mod strace;
mod teams;
mod timers;
mod tls;
mod traces;
mod trails;
mod training;
mod training_model;
mod training_timetable;
mod upgrades;
mod uploads;
mod usage;
mod users;
mod walkthrough;
mod watching;
mod webhook_failures;
mod webhook_standards;
mod webhooks;

use host_tests::Shop;
use serde_json::{Value, json};

/// Enables the points pack with its defaults: a point for every yuan, rounded down, that never expires.
async fn with_points(shop: &Shop) {
    with_points_set(shop, json!({})).await;
}

/// Enables the points pack with these settings.
async fn with_points_set(shop: &Shop, settings: Value) {
    shop.enable(host_tests::pack("points")).settings(settings).send().await.ok();
}

/// What the buyer earned of an order through a pack, as the order tells it.
#[track_caller]
fn earned(order: &Value, pack: &str) -> u64 {
    let packs = order["packs"].as_array().expect("an order tells of packs");
    let outcome =
        packs.iter().find(|outcome| outcome["pack"] == pack).unwrap_or_else(|| panic!("no {pack} in {order}"));
    assert_eq!(outcome["failed"], Value::Null, "{order}");
    let earned = outcome["earned"].as_array().expect("an outcome tells of earnings");
    earned.iter().map(|earned| earned["amount"].as_u64().expect("an amount is a whole number")).sum()
}
