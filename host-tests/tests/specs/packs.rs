//! Uploading packs, enabling them for stores, and their commands.

use host_tests::{World, pack};
use insta::assert_snapshot;
use punchcard::domain::Event;
use serde_json::json;

use crate::uploads::Tiny;
use crate::{earned, with_points, with_points_set};

#[tokio::test]
async fn a_pack_is_uploaded_with_what_it_says_of_itself() {
    let world = World::new();
    let uploaded = world.shop.upload(pack("points")).await.created();
    assert_eq!((&uploaded["pack"], &uploaded["bytes"]), (&json!("points"), &json!(pack("points").len())));
    assert_eq!(uploaded["manifest"]["title"]["zh-CN"], "积分");
    let asked: Vec<_> =
        uploaded["manifest"]["grants"].as_array().unwrap().iter().map(|asked| &asked["grant"]).collect();
    assert_eq!(asked, ["assets:write:own-units", "assets:read", "members:read"]);
    let listed = world.shop.get("/v1/packs").send().await.ok();
    assert_eq!(listed["revisions"].as_array().unwrap().len(), 1);
    assert_eq!(listed["revisions"][0]["revision"], uploaded["revision"]);
}

#[tokio::test]
async fn the_same_component_again_is_the_same_revision() {
    let world = World::new();
    let first = world.shop.upload(pack("points")).await.created();
    let before = world.state();
    world.clock_at("2026-03-19T08:00:00+08:00");
    let again = world.shop.upload(pack("points")).await.created();
    assert_eq!(first, again);
    world.unchanged_since(&before);
}

#[tokio::test]
async fn a_revision_that_one_merchant_uploaded_is_not_another_merchants() {
    let world = World::new();
    let ours = world.shop.upload(pack("points")).await.created();
    assert_eq!(world.rival.get("/v1/packs").send().await.ok(), json!({ "revisions": [], "next": null }));
    let body = json!({ "revision": ours["revision"], "stores": [world.rival.store(0)] });
    let problem = world.rival.put("/v1/packs/points/enablement", body).send().await.problem();
    assert_snapshot!(problem, @"422 unknown-revision: there is no pack revision rev_…");
}

#[tokio::test]
async fn a_pack_takes_part_in_the_orders_of_chosen_stores_only() {
    let world = World::new();
    world.shop.enable(pack("points")).stores(&[1]).send().await.ok();
    let alice = world.shop.member("alice").enrol().await;
    let elsewhere = alice.order("till-1").in_store(0).settle().await.created();
    assert_eq!(elsewhere["packs"], json!([]));
    let here = alice.order("till-2").in_store(1).settle().await.created();
    assert_eq!(earned(&here, "points"), 24);
    assert_eq!(alice.points().await, 24);
    let problem = alice.redeem(1).await.problem();
    assert_eq!(problem.name(), "404 pack-not-enabled");
}

#[tokio::test]
async fn a_pack_without_stores_is_switched_off_and_what_it_gave_stays() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.order("till-1").settle().await.created();
    world.shop.enable(pack("points")).stores(&[]).send().await.ok();
    let order = alice.order("till-2").settle().await.created();
    assert_eq!(order["packs"], json!([]));
    assert_eq!(alice.points().await, 24);
    assert_eq!(alice.redeem(1).await.problem().name(), "404 pack-not-enabled");
    let everywhere = json!({ "input": { "member": alice.id, "points": 1, "for": "a mug" } });
    let problem = world.shop.post("/v1/packs/points/commands/redeem", everywhere).send().await.problem();
    assert_eq!(problem.name(), "404 pack-not-enabled");
}

#[tokio::test]
async fn new_settings_are_in_force_from_the_next_order_on() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.order("till-1").settle().await.created();
    with_points_set(&world.shop, json!({ "points": 2 })).await;
    let order = alice.order("till-2").settle().await.created();
    assert_eq!(earned(&order, "points"), 48);
    let enabled = world.shop.events().into_iter().filter(|event| matches!(event, Event::PackEnabled { .. }));
    assert_eq!(enabled.count(), 2);
}

#[tokio::test]
async fn settings_that_break_the_schema_are_refused_with_the_place() {
    let world = World::new();
    with_points(&world.shop).await;
    let before = world.state();
    let settings = json!({
        "points": -1,
        "weekday_multipliers": [{ "weekday": "someday", "percent": 200 }],
        "bonus": true,
    });
    let problem = world.shop.enable(pack("points")).settings(settings).send().await.problem();
    assert_eq!(problem.name(), "422 wrong-settings");
    for place in ["/points: ", "/weekday_multipliers/0", "/: "] {
        assert!(problem.errors.iter().any(|error| error.starts_with(place)), "no {place} in {problem}");
    }
    assert!(problem.errors.iter().any(|error| error.contains("bonus")), "{problem}");
    world.unchanged_since(&before);
}

#[tokio::test]
async fn settings_that_are_no_object_or_too_long_are_refused() {
    let world = World::new();
    for (settings, expected) in [
        (json!([]), "422 wrong-settings"),
        (json!("points"), "422 wrong-settings"),
        (json!({ "excluded_categories": vec!["x".repeat(65)] }), "422 wrong-settings"),
    ] {
        let problem = world.shop.enable(pack("points")).settings(settings).send().await.problem();
        assert_eq!(problem.name(), expected);
    }
    let products: Vec<_> = (0..500).map(|sku| json!({ "sku": format!("{sku:0>64}"), "price_minor": 1 })).collect();
    let problem = world.shop.enable(pack("bakery")).settings(json!({ "products": products })).send().await.problem();
    assert_eq!(problem.name(), "422 settings-too-long");
}

#[tokio::test]
async fn a_grant_that_the_pack_does_not_ask_for_is_refused() {
    let world = World::new();
    let grants = ["assets:write:own-units", "assets:write:stored-value"];
    let problem = world.shop.enable(pack("points")).grants(&grants).send().await.problem();
    assert_snapshot!(problem, @"422 grant-not-asked: the pack does not ask for the grant `assets:write:stored-value`");
    let problem = world.shop.enable(pack("points")).grants(&["everything"]).send().await.problem();
    assert_eq!(problem.name(), "422 wrong-body");
}

#[tokio::test]
async fn a_unit_of_another_pack_or_of_the_merchant_is_taken() {
    let world = World::new();
    with_points(&world.shop).await;
    for unit in ["points", "stored-value"] {
        let rogue = Tiny::new("rogue").unit(unit).component().leak();
        let problem = world.shop.enable(rogue).send().await.problem();
        assert_eq!(
            problem.to_string(),
            format!("409 unit-taken: the unit `{unit}` is declared by another pack or by the merchant")
        );
    }
}

#[tokio::test]
async fn a_revision_is_enabled_under_its_own_name_only() {
    let world = World::new();
    let revision = world.shop.upload(pack("points")).await.created()["revision"].clone();
    let body = json!({ "revision": revision, "stores": [world.shop.store(0)] });
    let other = world.shop.put("/v1/packs/bakery/enablement", body.clone()).send().await.problem();
    assert_snapshot!(other, @"422 other-pack: revision rev_… is one of the pack `points`, not of `bakery`");
    let no_name = world.shop.put("/v1/packs/Bakery!/enablement", body).send().await.problem();
    assert_eq!(no_name.name(), "404 no-such-thing");
}

#[tokio::test]
async fn an_unknown_store_or_revision_is_refused() {
    let world = World::new();
    let revision = world.shop.upload(pack("points")).await.created()["revision"].clone();
    let body = json!({ "revision": revision, "stores": [world.rival.store(0)] });
    let store = world.shop.put("/v1/packs/points/enablement", body).send().await.problem();
    assert_eq!(store.name(), "422 unknown-store");
    let body = json!({ "revision": "rev_00000000000000000000000000000000", "stores": [] });
    let revision = world.shop.put("/v1/packs/points/enablement", body).send().await.problem();
    assert_eq!(revision.name(), "422 unknown-revision");
}

#[tokio::test]
async fn an_unknown_command_is_404() {
    let world = World::new();
    with_points(&world.shop).await;
    let problem = world.shop.command("points", "steal", json!({})).send().await.problem();
    assert_snapshot!(problem, @"404 unknown-command: the pack `points` has no command `steal`");
    let pack = world.shop.command("nothing", "redeem", json!({})).send().await.problem();
    assert_snapshot!(pack, @"404 pack-not-enabled: the pack `nothing` is not enabled here");
}

#[tokio::test]
async fn input_that_breaks_the_schema_is_refused_with_the_places() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let before = world.state();
    let input = json!({ "member": alice.id, "points": 0, "also": 1 });
    let problem = world.shop.command("points", "redeem", input).send().await.problem();
    assert_eq!(problem.name(), "422 wrong-input");
    for part in ["/points: ", "\"for\"", "also"] {
        assert!(problem.errors.iter().any(|error| error.contains(part)), "no {part} in {problem}");
    }
    world.unchanged_since(&before);
}

#[tokio::test]
async fn a_command_that_is_sent_again_with_its_key_runs_once() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let input = json!({ "member": alice.id, "points": 7, "reason": "a gift" });
    let first = world.shop.command("points", "grant", input.clone()).key("k").send().await.ok();
    let again = world.shop.command("points", "grant", input.clone()).key("k").send().await.ok();
    assert_eq!(first, again);
    assert_eq!(alice.points().await, 7);
    let run = world.shop.events().into_iter().filter(|event| matches!(event, Event::CommandRun { .. }));
    assert_eq!(run.count(), 1);
    world.shop.command("points", "grant", input).send().await.ok();
    assert_eq!(alice.points().await, 14);
}

#[tokio::test]
async fn a_pack_that_is_enabled_is_loaded_again_after_a_restart() {
    let world = World::new();
    with_points_set(&world.shop, json!({ "points": 3 })).await;
    let alice = world.shop.member("alice").enrol().await;
    world.restart();
    assert_eq!(earned(&alice.order("till-1").settle().await.created(), "points"), 72);
}

#[tokio::test]
async fn orders_that_come_at_once_after_a_restart_wait_for_one_loading_of_the_pack() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    world.restart();
    // Loading takes a second or so of all processors: for each order by itself, this would take minutes.
    let orders: Vec<_> =
        (0..128).map(|number| tokio::spawn(world.shop.order(&format!("till-{number}")).settle())).collect();
    for order in orders {
        assert_eq!(order.await.unwrap().created()["packs"][0]["failed"], json!(null));
    }
    assert_eq!(earned(&alice.order("hers").settle().await.created(), "points"), 24);
}
