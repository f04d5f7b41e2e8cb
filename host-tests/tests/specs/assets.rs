//! Stored value, and points that expire.

use host_tests::{Holding, World};
use insta::{assert_json_snapshot, assert_snapshot};
use punchcard::domain::Event;
use serde_json::json;

use crate::with_points_set;

#[tokio::test]
async fn money_that_a_member_pays_in_can_be_spent() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    assert_eq!(alice.load(20_000).await.created()["available_minor"], 20_000);
    assert_eq!(alice.load(5).await.created()["available_minor"], 20_005);
    let assets = world.shop.get(&format!("/v1/members/{}/assets", alice.id)).send().await.ok();
    assert_json_snapshot!(assets, @r#"
    {
      "assets": [
        {
          "available": 20005,
          "currency": "CNY",
          "debt": 0,
          "expires_next": null,
          "held": 0,
          "pending": 0,
          "unit": "stored-value"
        }
      ]
    }
    "#);
    let loads = world.shop.events().into_iter().filter(|event| matches!(event, Event::StoredValueLoaded { .. }));
    assert_eq!(loads.count(), 2);
}

#[tokio::test]
async fn a_payment_that_is_sent_again_is_booked_once() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    let path = format!("/v1/members/{}/stored-value", alice.id);
    let first = world.shop.post(&path, json!({ "amount_minor": 500 })).key("k").send().await.created();
    alice.load(1).await.created();
    let again = world.shop.post(&path, json!({ "amount_minor": 500 })).key("k").send().await.created();
    assert_eq!(first, again);
    assert_eq!(alice.holds("stored-value").await.available, 501);
}

#[tokio::test]
async fn a_payment_of_nothing_less_than_nothing_or_too_much_is_refused() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    let before = world.state();
    assert_snapshot!(alice.load(0).await.problem(), @"422 amount-zero: the amount is 0, expected at least 1");
    assert_snapshot!(alice.load(1_000_000_000_000_001).await.problem(), @"422 amount-too-large: the amount 1000000000000001 is over the largest, 1000000000000000");
    let path = format!("/v1/members/{}/stored-value", alice.id);
    let negative = world.shop.post(&path, json!({ "amount_minor": -1 })).send().await.problem();
    assert_eq!(negative.name(), "422 wrong-body");
    world.unchanged_since(&before);
}

#[tokio::test]
async fn a_member_holds_no_more_than_the_largest_amount() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    alice.load(1_000_000_000_000_000).await.created();
    assert_eq!(alice.load(1).await.problem().name(), "422 balance-too-large");
}

#[tokio::test]
async fn nobody_pays_in_for_a_member_of_another_merchant() {
    let world = World::new();
    let theirs = world.rival.member("alice").enrol().await;
    let path = format!("/v1/members/{}/stored-value", theirs.id);
    let problem = world.shop.post(&path, json!({ "amount_minor": 500 })).send().await.problem();
    assert_eq!(problem.name(), "404 unknown-member");
    assert_eq!(theirs.holds("stored-value").await, Holding::default());
}

#[tokio::test]
async fn points_are_spendable_until_the_instant_at_which_they_expire() {
    let world = World::new();
    with_points_set(&world.shop, json!({ "expiry": { "days": 2 } })).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.order("till-1").settle().await.created();
    let midnight = ("2026-03-20T16:00:00Z".to_owned(), 24);
    assert_eq!(alice.holds("points").await.expires_next, Some(midnight));

    world.clock_at("2026-03-20T15:59:59.999Z");
    assert_eq!(alice.points().await, 24);
    alice.redeem(4).await.ok();

    world.clock_at("2026-03-20T16:00:00Z");
    assert_eq!(alice.holds("points").await, Holding::default());
    assert_eq!(alice.redeem(1).await.problem().name(), "422 pack:insufficient-points");
    // What is spent later does not come out of it either.
    alice.grant(5).await.ok();
    assert_eq!(alice.points().await, 5);
    assert_eq!(alice.redeem(6).await.problem().name(), "422 pack:insufficient-points");
    alice.redeem(5).await.ok();
}

#[tokio::test]
async fn points_that_expire_first_are_spent_first() {
    let world = World::new();
    with_points_set(&world.shop, json!({ "expiry": { "days": 10 } })).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.order("later").line("bread", 1000).settle().await.created();
    // Recorded afterwards, but older: its points expire first.
    alice.order("sooner").at("2026-03-11T08:00:00+08:00").line("bread", 700).settle().await.created();
    assert_eq!(alice.holds("points").await.expires_next, Some(("2026-03-21T16:00:00Z".to_owned(), 7)));
    alice.redeem(8).await.ok();
    assert_eq!(alice.holds("points").await.expires_next, Some(("2026-03-28T16:00:00Z".to_owned(), 9)));
    world.clock_at("2026-03-22T08:00:00+08:00");
    assert_eq!(alice.points().await, 9);
}
