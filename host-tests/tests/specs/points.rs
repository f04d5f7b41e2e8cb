//! The points pack through orders: multipliers, rounding, exclusions.

use host_tests::World;
use serde_json::{Value, json};

use crate::{earned, with_points_set};

/// What a vip earns for one amount on a Wednesday, with these settings.
async fn earns(settings: Value, amount_minor: u64) -> u64 {
    let world = World::new();
    with_points_set(&world.shop, settings).await;
    let alice = world.shop.member("alice").tags(&["vip"]).enrol().await;
    let order = alice.order("till-1").line("bread", amount_minor).settle().await.created();
    assert_eq!(alice.points().await, earned(&order, "points"));
    earned(&order, "points")
}

#[tokio::test]
async fn an_order_of_nothing_earns_nothing() {
    assert_eq!(earns(json!({}), 0).await, 0);
}

#[tokio::test]
async fn points_are_multiplied_on_the_weekday_of_the_store() {
    assert_eq!(earns(json!({ "weekday_multipliers": [{ "weekday": "wednesday", "percent": 200 }] }), 2400).await, 48);
    // In UTC it is still midnight of the same day, in New York it would be Tuesday.
    assert_eq!(earns(json!({ "weekday_multipliers": [{ "weekday": "tuesday", "percent": 200 }] }), 2400).await, 24);
}

#[tokio::test]
async fn points_are_multiplied_for_a_tag() {
    assert_eq!(earns(json!({ "tag_multipliers": [{ "tag": "vip", "percent": 300 }] }), 2400).await, 72);
    assert_eq!(earns(json!({ "tag_multipliers": [{ "tag": "staff", "percent": 300 }] }), 2400).await, 24);
}

#[tokio::test]
async fn a_fraction_of_a_point_is_rounded_as_the_merchant_set() {
    for (rounding, points) in [("down", 1), ("nearest", 2), ("up", 2)] {
        assert_eq!(earns(json!({ "rounding": rounding }), 150).await, points, "{rounding}");
    }
}

#[tokio::test]
async fn a_pack_without_the_grant_sees_no_tags() {
    let world = World::new();
    let settings = json!({ "tag_multipliers": [{ "tag": "vip", "percent": 300 }] });
    let enabling = world.shop.enable(host_tests::pack("points")).settings(settings);
    enabling.grants(&["assets:write:own-units", "assets:read"]).send().await.ok();
    let alice = world.shop.member("alice").tags(&["vip"]).enrol().await;
    let order = alice.order("till-1").settle().await.created();
    assert_eq!(earned(&order, "points"), 24);
}

#[tokio::test]
async fn a_pack_without_the_grant_gives_no_points_and_the_order_stands() {
    let world = World::new();
    world.shop.enable(host_tests::pack("points")).grants(&["assets:read", "members:read"]).send().await.ok();
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    assert_eq!(order["packs"][0]["failed"]["code"], "denied");
    assert_eq!(alice.points().await, 0);
}

#[tokio::test]
async fn points_are_redeemed_down_to_the_last_and_no_further() {
    let world = World::new();
    with_points_set(&world.shop, json!({})).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.order("till-1").settle().await.created();
    assert_eq!(alice.redeem(20).await.ok()["result"]["left"], 4);
    let problem = alice.redeem(5).await.problem();
    assert_eq!(problem.to_string(), "422 pack:insufficient-points: the member has 4 points and 5 are needed");
    assert_eq!(alice.redeem(4).await.ok()["result"]["left"], 0);
}
