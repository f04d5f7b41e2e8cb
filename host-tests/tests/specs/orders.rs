//! Quoting and settling orders.

use host_tests::World;
use insta::assert_json_snapshot;
use punchcard::domain::Event;
use serde_json::{Value, json};

use crate::{earned, with_points, with_points_set};

#[tokio::test]
async fn an_order_is_recorded_with_what_each_pack_did() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let line = json!({ "sku": "croissant", "category": "pastry", "quantity": 2, "amount_minor": 3650 });
    let mut order = alice.order("till-1").raw_line(line).line("bag", 0).settle().await.created();
    let read = world.shop.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).send().await.ok();
    assert_eq!(read, order);
    assert_eq!((&order["member"], &order["store"]), (&json!(alice.id), &json!(world.shop.store(0))));
    for field in ["by", "id", "member", "store"] {
        order[field] = "…".into();
    }
    assert_json_snapshot!(order, @r#"
    {
      "by": "…",
      "claimed_at": null,
      "claimed_by": null,
      "coupons": [],
      "discounts": [],
      "id": "…",
      "lines": [
        {
          "amount_minor": 3650,
          "brand": null,
          "category": "pastry",
          "quantity": 2,
          "sku": "croissant"
        },
        {
          "amount_minor": 0,
          "brand": null,
          "category": null,
          "quantity": 1,
          "sku": "bag"
        }
      ],
      "member": "…",
      "ordered_at": "2026-03-18T00:00:00Z",
      "packs": [
        {
          "earned": [
            {
              "amount": 36,
              "unit": "points"
            }
          ],
          "failed": null,
          "pack": "points"
        }
      ],
      "payments": [],
      "reference": "till-1",
      "refunded_at": null,
      "refunds": [],
      "served_by": null,
      "state": "settled",
      "store": "…",
      "team": null,
      "total_minor": 3650
    }
    "#);
    assert_eq!(alice.points().await, 36);
}

#[tokio::test]
async fn a_quote_explains_what_was_applied_and_what_was_skipped() {
    let world = World::new();
    let settings = json!({
        "weekday_multipliers": [{ "weekday": "wednesday", "percent": 200 }],
        "tag_multipliers": [{ "tag": "vip", "percent": 300 }],
        "expiry": { "days": 30 },
    });
    with_points_set(&world.shop, settings).await;
    let alice = world.shop.member("alice").enrol().await;
    let quote = alice.order("till-1").quote().await.ok();
    assert_json_snapshot!(quote, @r#"
    {
      "coupons": [],
      "due_minor": 2400,
      "lines": [
        {
          "amount_minor": 2400,
          "brand": null,
          "category": null,
          "quantity": 1,
          "sku": "croissant"
        }
      ],
      "packs": [
        {
          "discounts": [],
          "earnings": [
            {
              "amount": 48,
              "expires_at": "2026-04-17T16:00:00Z",
              "unit": "points"
            }
          ],
          "failed": null,
          "findings": [
            {
              "applied": false,
              "explanation": "no multiplier for the tags of this member",
              "rule": "tag-multiplier"
            },
            {
              "applied": true,
              "explanation": "200% of the points today",
              "rule": "weekday-multiplier"
            },
            {
              "applied": true,
              "explanation": "48 points for this order",
              "rule": "points"
            }
          ],
          "kept_back": [],
          "pack": "points"
        }
      ],
      "total_minor": 2400
    }
    "#);
}

#[tokio::test]
async fn a_quote_writes_nothing_whatever_the_packs_do() {
    let world = World::new();
    with_points(&world.shop).await;
    // This pack writes into its storage and gives something, also when it is asked for a quote.
    world.shop.enable(host_tests::guest("hostile")).send().await.ok();
    let alice = world.shop.member("alice").enrol().await;
    let before = world.state();
    let quote = alice.order("till-1").quote().await.ok();
    assert_eq!(quote["packs"][0]["earnings"], json!([{ "unit": "scars", "amount": 1 }]));
    assert_eq!(quote["packs"][1]["earnings"], json!([{ "unit": "points", "amount": 24 }]));
    world.unchanged_since(&before);
}

#[tokio::test]
async fn what_a_quote_promises_is_what_an_order_earns() {
    let world = World::new();
    let settings = json!({
        "points": 3, "per_amount": 700, "rounding": "nearest", "combine": "multiply",
        "excluded_categories": ["gift-cards"],
        "weekday_multipliers": [{ "weekday": "wednesday", "percent": 150 }],
        "tag_multipliers": [{ "tag": "vip", "percent": 125 }],
    });
    with_points_set(&world.shop, settings).await;
    let member = world.shop.member("alice").tags(&["vip"]).enrol().await;
    for (index, amounts) in [[1, 0], [99, 1], [349, 2], [2400, 1700], [77_777, 1]].into_iter().enumerate() {
        let [bread, card] = amounts;
        let card = json!({ "sku": "card", "category": "gift-cards", "quantity": 1, "amount_minor": card });
        let order = member.order(&format!("till-{index}")).line("bread", bread).raw_line(card);
        let quote = order.clone().quote().await.ok();
        let promised = quote["packs"][0]["earnings"][0]["amount"].as_u64().unwrap_or(0);
        let before = member.points().await;
        let order = order.settle().await.created();
        assert_eq!(earned(&order, "points"), promised, "{amounts:?}");
        assert_eq!(member.points().await, before + promised, "{amounts:?}");
    }
}

#[tokio::test]
async fn a_late_order_counts_at_its_own_time() {
    let world = World::new();
    let settings = json!({
        "weekday_multipliers": [{ "weekday": "tuesday", "percent": 500 }, { "weekday": "wednesday", "percent": 200 }],
        "expiry": { "days": 3 },
    });
    with_points_set(&world.shop, settings).await;
    let alice = world.shop.member("alice").enrol().await;
    let wednesday = alice.order("till-1").settle().await.created();
    // Half an hour before midnight in Shanghai: still Tuesday there.
    let tuesday = alice.order("till-2").at("2026-03-17T15:30:00Z").settle().await.created();
    assert_eq!((earned(&wednesday, "points"), earned(&tuesday, "points")), (48, 120));
    assert_eq!(tuesday["ordered_at"], "2026-03-17T15:30:00Z");
    // Its points last three days from Tuesday on, and those of the other order a day longer.
    assert_eq!(alice.holds("points").await.expires_next, Some(("2026-03-20T16:00:00Z".to_owned(), 120)));
}

#[tokio::test]
async fn points_of_an_order_that_comes_after_they_would_have_expired_are_not_spendable() {
    let world = World::new();
    with_points_set(&world.shop, json!({ "expiry": { "days": 3 } })).await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").at("2026-03-01T08:00:00+08:00").settle().await.created();
    assert_eq!(earned(&order, "points"), 24);
    assert_eq!(alice.points().await, 0);
}

#[tokio::test]
async fn the_same_reference_again_is_the_same_order_and_earns_nothing_more() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1");
    let first = order.clone().settle().await.created();
    world.clock_at("2026-03-18T12:00:00+08:00");
    let again = order.clone().settle().await.created();
    assert_eq!(again, first);
    assert_eq!(alice.points().await, 24);
    let settled = world.shop.events().into_iter().filter(|event| matches!(event, Event::OrderSettled { .. }));
    assert_eq!(settled.count(), 1);
}

#[tokio::test]
async fn a_reference_with_other_content_is_refused() {
    let world = World::new();
    with_points(&world.shop).await;
    let (alice, bob) = (world.shop.member("alice").enrol().await, world.shop.member("bob").enrol().await);
    alice.order("till-1").settle().await.created();
    let before = world.state();
    for other in [
        alice.order("till-1").line("croissant", 2401),
        alice.order("till-1").in_store(1),
        alice.order("till-1").at("2026-03-17T08:00:00+08:00"),
        bob.order("till-1"),
        world.shop.order("till-1"),
    ] {
        assert_eq!(other.settle().await.problem().name(), "409 reference-taken");
    }
    world.unchanged_since(&before);
}

#[tokio::test]
async fn an_order_without_a_member_is_recorded_and_earns_nobody_anything() {
    let world = World::new();
    with_points(&world.shop).await;
    let order = world.shop.order("till-1").settle().await.created();
    assert_eq!((earned(&order, "points"), &order["member"]), (0, &Value::Null));
    let quote = world.shop.order("till-2").quote().await.ok();
    assert_eq!(quote["packs"][0]["findings"][0]["rule"], "no-buyer");
}

#[tokio::test]
async fn an_order_survives_a_restart_with_what_it_earned() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    world.restart();
    let read = world.shop.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).send().await.ok();
    assert_eq!(read, order);
    assert_eq!(alice.points().await, 24);
    // The pack is loaded from the store, and goes on.
    alice.order("till-2").settle().await.created();
    assert_eq!(alice.points().await, 48);
}

#[tokio::test]
async fn orders_of_one_member_at_the_same_time_all_earn() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let sent = (0..40).map(|number| {
        let order = alice.order(&format!("till-{number}"));
        tokio::spawn(async move {
            loop {
                // Many change the same account; who loses too often is told to come again.
                let reply = order.clone().settle().await;
                if reply.status != 503 {
                    return earned(&reply.created(), "points");
                }
            }
        })
    });
    let mut sum = 0;
    for order in sent.collect::<Vec<_>>() {
        sum += order.await.unwrap();
    }
    assert_eq!((sum, alice.points().await), (960, 960));
}
