//! A pack that does harm harms itself: the order settles, the pack beside it earns, and nothing of the harm stays.

use host_tests::{World, guest};
use punchcard::domain::Event;
use serde_json::{Value, json};

use crate::{earned, with_points};

/// A world in which points are given, and beside them a pack that behaves like this.
async fn world_with(behaviour: &str) -> World {
    let world = World::new();
    with_points(&world.shop).await;
    world.shop.enable(guest("hostile")).settings(json!({ "behaviour": behaviour })).send().await.ok();
    world
}

/// What the hostile pack has in its storage.
async fn storage(world: &World) -> Value {
    world.shop.command("hostile", "peek", json!({})).send().await.ok()["result"].clone()
}

/// What the hostile pack's part in an order came to.
fn outcome(order: &Value) -> &Value {
    assert_eq!(order["packs"][0]["pack"], "hostile", "{order}");
    &order["packs"][0]
}

/// Events that tell of a failing pack: the pack and the code.
fn failures(world: &World) -> Vec<(String, String)> {
    let events = world.shop.events().into_iter();
    events
        .filter_map(|event| match event {
            Event::PackFailed { pack, code, .. } => Some((pack.to_string(), code)),
            _ => None,
        })
        .collect()
}

/// The order stands, the harm has its name and is told, and nothing of it stays.
async fn harms_only_itself(behaviour: &str, code: &str) {
    let world = world_with(behaviour).await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    assert_eq!(outcome(&order)["failed"]["code"], code, "{order}");
    assert_eq!(outcome(&order)["earned"], json!([]));
    assert_eq!((earned(&order, "points"), alice.points().await), (24, 24));
    assert_eq!(alice.holds("scars").await.available, 0);
    assert_eq!(storage(&world).await, json!([]));
    assert_eq!(failures(&world), [("hostile".to_owned(), code.to_owned())]);

    // A quote tells of it too, and writes nothing.
    let before = world.state();
    let quote = alice.order("till-2").quote().await.ok();
    assert_eq!(quote["packs"][0]["failed"]["code"], code, "{quote}");
    assert_eq!(quote["packs"][1]["earnings"][0]["amount"], 24);
    world.unchanged_since(&before);

    // It can be given back, and the host goes on.
    world.shop.refund(&order).await.ok();
    assert_eq!(alice.points().await, 0);
    alice.order("till-3").settle().await.created();
}

#[tokio::test]
async fn a_pack_that_behaves_leaves_its_writes() {
    let world = world_with("behave").await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    assert_eq!(earned(&order, "hostile"), 1);
    assert_eq!(alice.holds("scars").await.available, 1);
    assert_eq!(storage(&world).await, json!([{ "key": "mark", "value": order["id"] }]));
    assert_eq!(failures(&world), []);
}

#[tokio::test]
async fn an_endless_loop_ends_with_its_fuel() {
    harms_only_itself("loop", "out-of-fuel").await;
}

#[tokio::test]
async fn a_memory_bomb_ends_at_the_limit_of_memory() {
    harms_only_itself("eat-memory", "memory-exceeded").await;
}

#[tokio::test]
async fn an_endless_recursion_ends_with_its_stack() {
    harms_only_itself("recurse", "stack-exhausted").await;
}

#[tokio::test]
async fn a_flood_of_host_calls_ends_at_their_limit() {
    harms_only_itself("flood", "host-calls-exceeded").await;
}

#[tokio::test]
async fn a_trap_after_writing_leaves_no_trace() {
    harms_only_itself("trap-after-write", "trapped").await;
}

#[tokio::test]
async fn a_refusal_after_writing_leaves_no_trace() {
    harms_only_itself("refuse-after-write", "on-purpose").await;
}

#[tokio::test]
async fn a_unit_that_was_not_granted_is_denied() {
    let world = world_with("write-foreign-unit").await;
    let alice = world.shop.member("alice").enrol().await;
    let quote = alice.order("till-1").quote().await.ok();
    assert_eq!(quote["packs"][0]["findings"][0]["explanation"], "denied: assets:write:stored-value");
    let order = alice.order("till-1").settle().await.created();
    assert_eq!((earned(&order, "hostile"), earned(&order, "points")), (0, 24));
    assert_eq!(alice.holds("stored-value").await.available, 0);
}

#[tokio::test]
async fn a_pack_that_does_harm_at_one_merchant_does_none_at_another() {
    let world = world_with("loop").await;
    with_points(&world.rival).await;
    world.rival.enable(guest("hostile")).send().await.ok();
    let theirs = world.rival.member("alice").enrol().await;
    let ours = world.shop.member("alice").enrol().await;
    let (ours, theirs) = tokio::join!(ours.order("till-1").settle(), theirs.order("till-1").settle());
    assert_eq!(outcome(&ours.created())["failed"]["code"], "out-of-fuel");
    assert_eq!(earned(&theirs.created(), "hostile"), 1);
    assert_eq!(storage(&world).await, json!([]));
}

#[tokio::test]
async fn many_hostile_orders_at_once_all_settle() {
    let world = world_with("eat-memory").await;
    let orders: Vec<_> =
        (0..32).map(|number| tokio::spawn(world.shop.order(&format!("till-{number}")).settle())).collect();
    for order in orders {
        assert_eq!(outcome(&order.await.unwrap().created())["failed"]["code"], "memory-exceeded");
    }
}
