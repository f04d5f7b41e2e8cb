//! Giving orders back.

use host_tests::{Holding, World};
use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::json;

use crate::following::calls;
use crate::{earned, with_points, with_points_set};

#[tokio::test]
async fn a_refund_takes_back_what_the_order_earned() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.order("till-1").line("bread", 1000).settle().await.created();
    let order = alice.order("till-2").settle().await.created();
    world.clock_at("2026-03-18T09:00:00+08:00");
    let refunded = world.shop.refund(&order).await.ok();
    assert_eq!((&refunded["state"], &refunded["refunded_at"]), (&json!("refunded"), &json!("2026-03-18T01:00:00Z")));
    assert_eq!(alice.holds("points").await, Holding { available: 10, ..Holding::default() });
    let read = world.shop.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).send().await.ok();
    assert_eq!(read, refunded);
}

#[tokio::test]
async fn a_refund_after_spending_leaves_a_debt_that_the_next_earning_repays() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    alice.redeem(20).await.ok();
    world.shop.refund(&order).await.ok();
    assert_eq!(alice.holds("points").await, Holding { available: 0, debt: 20, expires_next: None });
    alice.order("till-2").line("bread", 1500).settle().await.created();
    assert_eq!(alice.holds("points").await, Holding { available: 0, debt: 5, expires_next: None });
    alice.order("till-3").settle().await.created();
    assert_eq!(alice.holds("points").await, Holding { available: 19, debt: 0, expires_next: None });
}

#[tokio::test]
async fn a_refund_of_an_order_that_had_repaid_a_debt_makes_the_debt_again() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let first = alice.order("till-1").settle().await.created();
    alice.redeem(24).await.ok();
    world.shop.refund(&first).await.ok();
    let second = alice.order("till-2").line("bread", 3000).settle().await.created();
    assert_eq!(alice.holds("points").await, Holding { available: 6, debt: 0, expires_next: None });
    world.shop.refund(&second).await.ok();
    assert_eq!(alice.holds("points").await, Holding { available: 0, debt: 24, expires_next: None });
}

#[tokio::test]
async fn what_has_expired_is_not_taken_back_again() {
    let world = World::new();
    with_points_set(&world.shop, json!({ "expiry": { "days": 1 } })).await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    world.clock_at("2026-04-01T08:00:00+08:00");
    world.shop.refund(&order).await.ok();
    assert_eq!(alice.holds("points").await, Holding::default());
}

#[tokio::test]
async fn an_order_is_refunded_once() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    world.shop.refund(&order).await.ok();
    let before = world.state();
    let problem = world.shop.refund(&order).await.problem();
    assert_snapshot!(problem, @"409 already-refunded: order ord_… is refunded already");
    world.unchanged_since(&before);
}

#[tokio::test]
async fn a_refund_that_is_sent_again_with_its_key_gives_the_same_reply() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    let path = format!("/v1/orders/{}/refund", order["id"].as_str().unwrap());
    let first = world.shop.post(&path, json!({ "reason": "stale" })).key("k").send().await.ok();
    let again = world.shop.post(&path, json!({ "reason": "stale" })).key("k").send().await.ok();
    assert_eq!(first, again);
}

#[tokio::test]
async fn an_order_that_is_sent_again_after_its_refund_stays_refunded() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    world.shop.refund(&order).await.ok();
    alice.order("till-1").settle().await.created();
    let read = world.shop.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).send().await.ok();
    assert_eq!(read["state"], "refunded");
    assert_eq!(alice.points().await, 0);
}

#[tokio::test]
async fn an_order_of_a_pack_that_was_switched_off_is_refunded_all_the_same() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    world.shop.enable(host_tests::pack("points")).stores(&[]).send().await.ok();
    world.shop.refund(&order).await.ok();
    assert_eq!(alice.points().await, 0);
}

#[tokio::test]
async fn what_a_pack_gives_late_is_taken_back_as_far_as_the_order_came_back_before() {
    let world = World::new();
    // A programme of its own, so that the quota is nobody else's.
    world.restart();
    let shop = &world.shop;
    with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    world.running().host.programme.quotas.set_fuel_of_day(1);
    alice.grant(5).await.ok();
    let order = alice.order("till-1").line("cake", 3_000).line("bun", 1_000).settle().await.created();
    assert_eq!(order["packs"][0]["failed"]["code"], "quota-used-up");
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    shop.post(&format!("{path}/refund"), json!({ "lines": [{ "line": 2, "quantity": 1 }] })).send().await.ok();
    world.clock_forward(SignedDuration::from_hours(24));
    calls(&world).await;
    // 40 for all of it, of which 10 go with the bun.
    let now = shop.get(&path).send().await.ok();
    assert_eq!((earned(&now, "points"), alice.points().await), (40, 35));
    world.books_balance();
    shop.refund(&order).await.ok();
    assert_eq!(alice.points().await, 5);
    world.books_balance();
}

#[tokio::test]
async fn a_pack_that_is_off_hears_of_a_refund_when_it_is_on_again() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    world.shop.enable(host_tests::pack("points")).stores(&[]).send().await.ok();
    let called = || async { world.shop.get("/v1/packs/points/health").send().await.ok()["calls"].clone() };
    let before = called().await;
    world.shop.refund(&order).await.ok();
    world.clock_forward(SignedDuration::from_mins(1));
    assert_eq!(calls(&world).await.done, 0);
    assert_eq!(called().await, before, "what is off runs for nothing");
    with_points(&world.shop).await;
    assert_eq!(calls(&world).await.done, 1);
    assert_eq!(alice.points().await, 0);
}

#[tokio::test]
async fn an_order_that_is_claimed_keeps_what_packs_had_a_part_in_that_are_off_by_then() {
    let world = World::new();
    with_points(&world.shop).await;
    world.shop.enable(host_tests::guest("hostile")).send().await.ok();
    let order = world.shop.order("till-1").settle().await.created();
    world.shop.enable(host_tests::guest("hostile")).stores(&[]).send().await.ok();
    let alice = world.shop.member("alice").enrol().await;
    let path = format!("/v1/orders/{}/claim", order["id"].as_str().unwrap());
    let claimed = world.shop.post(&path, json!({ "member": alice.id })).send().await.ok();
    let mut packs: Vec<_> = claimed["packs"].as_array().unwrap().iter().map(|part| part["pack"].clone()).collect();
    packs.sort_by_key(ToString::to_string);
    assert_eq!(packs, ["hostile", "points"], "each once");
    assert_eq!(alice.points().await, 24);
    world.shop.refund(&claimed).await.ok();
    world.clock_forward(SignedDuration::from_mins(1));
    assert_eq!(calls(&world).await.done, 0);
    world.shop.enable(host_tests::guest("hostile")).send().await.ok();
    assert_eq!(calls(&world).await.done, 1, "it hears of what was given back");
    world.books_balance();
}

#[tokio::test]
async fn an_unknown_order_is_not_refunded() {
    let world = World::new();
    let unknown = json!({ "id": "ord_00000000000000000000000000000000" });
    assert_eq!(world.shop.refund(&unknown).await.problem().name(), "404 unknown-order");
}
