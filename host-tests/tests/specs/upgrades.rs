//! Revisions: one takes the place of another with all that was stored, comes back, and a pack is removed.

use host_tests::{Shop, World, guest, reworded};
use jiff::SignedDuration;
use punchcard::domain::Event;
use punchcard::pack::Trust;
use serde_json::{Value, json};

use crate::earned;
use crate::following::calls;
use crate::grants::PROBE;

/// The guest `grows` in another version.
fn version(number: &str) -> &'static [u8] {
    reworded(guest("grows"), &[("1.0.0", number)])
}

/// A world in which the guest `grows` 1.0.0 has stored so many entries, to be migrated like this.
async fn world_with(count: u32, migrates: &str) -> World {
    let world = World::new();
    world.shop.enable(guest("grows")).settings(json!({ "migrates": migrates })).send().await.ok();
    add(&world.shop, count, "old", false).await;
    world
}

async fn add(shop: &Shop, count: u32, text: &str, fresh: bool) {
    let input = json!({ "count": count, "text": text, "fresh": fresh });
    shop.command("grows", "add-entries", input).send().await.ok();
}

/// What the guest has stored: the values of its entries.
async fn stored(shop: &Shop) -> Vec<String> {
    let all = shop.command("grows", "stored", json!({})).send().await.ok()["result"].clone();
    let entries = all.as_object().unwrap().iter().filter(|(key, _)| key.starts_with("entry-"));
    entries.map(|(_, value)| value.as_str().unwrap().to_owned()).collect()
}

async fn upload(shop: &Shop, component: &'static [u8]) -> Value {
    shop.upload(component).await.created()["revision"].clone()
}

async fn upgrade(shop: &Shop, component: &'static [u8]) -> Value {
    let revision = upload(shop, component).await;
    shop.post("/v1/packs/grows/upgrade", json!({ "revision": revision })).send().await.ok()
}

async fn enablement(shop: &Shop) -> Value {
    shop.get("/v1/packs/grows/enablement").send().await.ok()
}

async fn rollback(shop: &Shop) -> Value {
    shop.post("/v1/packs/grows/rollback", json!({})).send().await.ok()
}

/// What of events tells of revisions: `upgraded`, or `restored` with why.
fn told(world: &World) -> Vec<String> {
    let events = world.shop.events().into_iter();
    events
        .filter_map(|event| match event {
            Event::PackUpgraded { .. } => Some("upgraded".to_owned()),
            Event::PackRestored { code, .. } => Some(format!("restored {}", code.unwrap_or_default())),
            Event::PackRemoved { .. } => Some("removed".to_owned()),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn small_storage_is_migrated_with_the_change() {
    let world = world_with(3, "at-once").await;
    let after = upgrade(&world.shop, version("1.1.0")).await;
    assert_eq!((&after["stage"], &after["before"]["version"]), (&json!("in-force"), &json!("1.0.0")));
    assert_eq!(stored(&world.shop).await, ["old 1.0.0>1.1.0"; 3]);
    assert_eq!(told(&world), ["upgraded"]);
    world.books_balance();
}

#[tokio::test]
async fn large_storage_is_migrated_part_by_part_and_the_pack_waits() {
    let world = world_with(7, "in-parts").await;
    let after = upgrade(&world.shop, version("1.1.0")).await;
    assert_eq!(after["stage"], "migrating");
    let away = world.shop.command("grows", "stored", json!({})).send().await.problem();
    assert_eq!(away.name(), "503 pack-upgrading");
    let revision = upload(&world.shop, version("1.2.0")).await;
    let again = world.shop.post("/v1/packs/grows/upgrade", json!({ "revision": revision })).send().await;
    assert_eq!(again.problem().name(), "409 pack-upgrading");
    world.restart();
    let round = calls(&world).await;
    assert_eq!((round.done, round.failed), (3, 0), "2 entries of 7 were migrated with the change");
    assert_eq!(enablement(&world.shop).await["stage"], "in-force");
    assert_eq!(stored(&world.shop).await, ["old 1.0.0>1.1.0"; 7], "each entry once");
    assert_eq!(told(&world), ["upgraded"]);
    world.books_balance();
}

#[tokio::test]
async fn the_state_before_is_had_back() {
    let world = world_with(900, "at-once").await;
    upgrade(&world.shop, version("1.1.0")).await;
    add(&world.shop, 1300, "new", true).await;
    let shown = rollback(&world.shop).await;
    assert_eq!(shown["stage"], "restoring", "1300 entries are not put back at once");
    assert_eq!(world.shop.command("grows", "stored", json!({})).send().await.problem().name(), "503 pack-upgrading");
    world.restart();
    calls(&world).await;
    let back = enablement(&world.shop).await;
    assert_eq!((&back["stage"], &back["before"], &back["failure"]), (&json!("in-force"), &Value::Null, &Value::Null));
    let entries = world.shop.get("/v1/packs/grows/entries?limit=200").send().await.ok();
    assert_eq!(entries["entries"][0], json!({ "key": "enabled", "text": "1.0.0", "base64": null }));
    assert_eq!(stored(&world.shop).await, ["old"; 900]);
    assert_eq!(told(&world), ["upgraded", "restored "]);
    let nothing = world.shop.post("/v1/packs/grows/rollback", json!({})).send().await.problem();
    assert_eq!(nothing.name(), "409 nothing-before");
    world.books_balance();
}

#[tokio::test]
async fn what_is_not_trusted_any_more_is_not_had_back() {
    let world = world_with(3, "at-once").await;
    upgrade(&world.shop, version("1.1.0")).await;
    world.trusts(Trust::default());
    let before = world.state();
    let refused = world.shop.post("/v1/packs/grows/rollback", json!({})).send().await.problem();
    assert_eq!(refused.name(), "422 vendor-not-trusted");
    world.unchanged_since(&before);
    world.trusts(Trust::development());
    assert_eq!(rollback(&world.shop).await["stage"], "in-force");
    assert_eq!(stored(&world.shop).await, ["old"; 3]);
}

#[tokio::test]
async fn a_migration_that_refuses_puts_back_what_was() {
    for (how, code, tries) in [("refuses", "not-today", 0), ("stuck", "bad-reply", 2), ("panics", "trapped", 2)] {
        let world = world_with(5, how).await;
        let before = stored(&world.shop).await;
        assert_eq!(upgrade(&world.shop, version("1.1.0")).await["stage"], "migrating", "{how}");
        calls(&world).await;
        for after in [10, 60].into_iter().take(tries) {
            assert_eq!(enablement(&world.shop).await["failure"]["code"], code, "{how}");
            world.clock_forward(SignedDuration::from_secs(after));
            calls(&world).await;
        }
        let back = enablement(&world.shop).await;
        assert_eq!((&back["stage"], &back["failure"]["code"]), (&json!("in-force"), &json!(code)), "{how}");
        assert_eq!((stored(&world.shop).await, &back["before"]), (before, &Value::Null), "{how}");
        assert_eq!(told(&world), [format!("restored {code}")]);
        world.books_balance();
    }
}

#[tokio::test]
async fn a_migration_that_never_ends_is_ended() {
    let world = world_with(1, "endless").await;
    assert_eq!(upgrade(&world.shop, version("1.1.0")).await["stage"], "migrating");
    // Each pass makes a bounded number of rounds, so that others come to their turn.
    for _ in 0..2 {
        calls(&world).await;
        world.clock_forward(SignedDuration::from_mins(2));
    }
    calls(&world).await;
    let back = enablement(&world.shop).await;
    assert_eq!((&back["stage"], &back["failure"]["code"]), (&json!("in-force"), &json!("bad-reply")));
    assert!(back["failure"]["message"].as_str().unwrap().contains("10000 parts"), "{back}");
    assert_eq!(stored(&world.shop).await, ["old"]);
}

#[tokio::test]
async fn a_new_version_that_asks_for_more_waits_for_consent() {
    let world = World::new();
    let shop = &world.shop;
    shop.enable(guest("probe")).send().await.ok();
    let newer = reworded(guest("probe"), &[("five-off", "nine-off"), ("0.1.0", "0.1.1")]);
    let revision = upload(shop, newer).await;
    let path = format!("/v1/packs/{PROBE}/upgrade");
    let waits = shop.post(&path, json!({ "revision": revision })).send().await.problem();
    assert_eq!(waits.name(), "409 consent-needed");
    assert_eq!(waits.errors, ["assets:write:nine-off: to be tried"]);
    let grants = json!(["members:read", "assets:write:nine-off"]);
    let after = shop.post(&path, json!({ "revision": revision, "grants": grants })).send().await.ok();
    assert_eq!(after["grants"], grants);
    let back = shop.post(&format!("/v1/packs/{PROBE}/rollback"), json!({})).send().await.ok();
    let mut granted: Vec<_> = back["grants"].as_array().unwrap().iter().map(|grant| grant.as_str().unwrap()).collect();
    granted.sort_unstable();
    assert_eq!(granted, ["assets:write:five-off", "members:read"], "what was withheld from the newer one stays away");
}

#[tokio::test]
async fn a_version_that_may_take_more_off_waits_for_consent_and_one_that_asks_for_less_gets_less() {
    let world = World::new();
    let shop = &world.shop;
    let version = |number: &str, percent: u8| {
        reworded(guest("prices"), &[("1.0.0", number), ("percent: 40", &format!("percent: {percent}"))])
    };
    let upgraded = async |component, more: Value| {
        let mut body = json!({ "revision": upload(shop, component).await });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        shop.post("/v1/packs/prices/upgrade", body).send().await
    };
    let back = async || shop.post("/v1/packs/prices/rollback", json!({})).send().await.ok()["grants"].clone();
    shop.enable(guest("prices")).grants(&["orders:discount:30"]).send().await.ok();
    let waits = upgraded(version("1.1.0", 41), json!({})).await.problem();
    assert_eq!(waits.name(), "409 consent-needed");
    assert!(waits.to_string().contains("orders:discount:41: to take something off"), "{waits}");
    let grants = json!(["orders:discount:41"]);
    assert_eq!(upgraded(version("1.1.0", 41), json!({ "grants": grants })).await.ok()["grants"], grants);
    // All that the later one asked for was granted, so nothing was taken away from the earlier one.
    assert_eq!(back().await, json!(["orders:discount:30"]));
    // What the merchant allows is less than what either asks for, and stays so.
    assert_eq!(upgraded(version("1.2.0", 35), json!({})).await.ok()["grants"], json!(["orders:discount:30"]));
    assert_eq!(back().await, json!(["orders:discount:30"]));
    assert_eq!(upgraded(version("1.3.0", 20), json!({})).await.ok()["grants"], json!(["orders:discount:20"]));
    assert_eq!(back().await, json!(["orders:discount:30"]));
    // What is taken away from the later one is not given back with the earlier one.
    let fourth = upgraded(version("1.4.0", 25), json!({})).await.ok();
    let revision = fourth["revision"].clone();
    let less =
        json!({ "revision": revision, "stores": fourth["stores"], "grants": ["orders:discount:10"], "settings": {} });
    shop.put("/v1/packs/prices/enablement", less).send().await.ok();
    assert_eq!(back().await, json!(["orders:discount:10"]));
}

#[tokio::test]
async fn what_a_merchant_takes_away_after_an_upgrade_does_not_come_back_with_the_earlier_revision() {
    let world = World::new();
    let shop = &world.shop;
    let first = shop.enable(guest("probe")).send().await.ok()["revision"].clone();
    let newer = reworded(guest("probe"), &[("0.1.0", "0.1.1")]);
    let revision = upload(shop, newer).await;
    shop.post(&format!("/v1/packs/{PROBE}/upgrade"), json!({ "revision": revision })).send().await.ok();
    shop.enable(newer).stores(&[1]).grants(&["members:read", "members:tag"]).send().await.ok();
    let back = shop.post(&format!("/v1/packs/{PROBE}/rollback"), json!({})).send().await.ok();
    assert_eq!(back["revision"], first);
    assert_eq!(back["grants"], json!(["members:read", "members:tag"]));
    assert_eq!(back["stores"], json!([shop.store(1)]));
}

#[tokio::test]
async fn a_pack_that_was_switched_off_or_on_after_an_upgrade_stays_so_when_the_earlier_revision_comes_back() {
    let world = world_with(3, "at-once").await;
    let shop = &world.shop;
    upgrade(shop, version("1.1.0")).await;
    shop.enable(version("1.1.0")).stores(&[]).send().await.ok();
    assert_eq!(rollback(shop).await["stores"], json!([]));
    let entries = || async {
        let read = shop.get("/v1/packs/grows/entries?limit=200").send().await.ok();
        let entries = read["entries"].as_array().unwrap().clone();
        let lives = entries.into_iter().filter(|entry| !entry["key"].as_str().unwrap().starts_with("entry-"));
        lives.map(|entry| format!("{} {}", entry["key"], entry["text"]).replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(entries().await, ["disabled 1.0.0", "enabled 1.0.0"], "it is told that it is off");

    upgrade(shop, version("1.2.0")).await;
    shop.enable(version("1.2.0")).send().await.ok();
    assert_eq!(entries().await, ["disabled 1.0.0", "enabled 1.2.0"]);
    assert_ne!(rollback(shop).await["stores"], json!([]));
    assert_eq!(entries().await, ["disabled 1.0.0", "enabled 1.0.0"]);
    assert_eq!(stored(shop).await, ["old"; 3]);
}

#[tokio::test]
async fn versions_keep_to_the_rules_of_semver() {
    let world = world_with(1, "at-once").await;
    let shop = &world.shop;
    let lacking = |number| reworded(version(number), &[("add-entries", "add-entrees")]);
    let refused = |component| async move {
        let revision = upload(shop, component).await;
        shop.post("/v1/packs/grows/upgrade", json!({ "revision": revision })).send().await.problem()
    };
    let breaking = refused(lacking("1.1.0")).await;
    assert_eq!(breaking.name(), "409 breaking-version");
    assert!(breaking.detail.contains("the command `add-entries`"), "{}", breaking.detail);
    assert_eq!(refused(version("0.9.0")).await.name(), "409 older-version");
    let by_hand = shop.enable(version("0.8.0")).send().await.problem();
    assert_eq!(by_hand.name(), "409 older-version", "there is one way back");
    upgrade(shop, lacking("2.0.0")).await;
    assert_eq!(stored(shop).await, ["old 1.0.0>2.0.0"]);
}

#[tokio::test]
async fn what_was_before_is_forgotten_after_thirty_days_or_when_people_want_it() {
    let world = world_with(600, "at-once").await;
    let shop = &world.shop;
    upgrade(shop, version("1.1.0")).await;
    upgrade(shop, version("1.2.0")).await;
    calls(&world).await;
    assert_eq!(rollback(shop).await["stage"], "restoring");
    calls(&world).await;
    assert_eq!(enablement(shop).await["stage"], "in-force");
    assert_eq!(stored(shop).await[0], "old 1.0.0>1.1.0", "one step back");

    upgrade(shop, version("1.3.0")).await;
    world.clock_forward(SignedDuration::from_hours(24 * 30));
    calls(&world).await;
    assert_eq!(enablement(shop).await["before"], Value::Null);

    upgrade(shop, version("1.4.0")).await;
    let forgotten = shop.request("DELETE", "/v1/packs/grows/enablement/before").send().await.ok();
    assert_eq!(forgotten["before"], Value::Null);
    calls(&world).await;
    let kept = world.state().keys_with(b"grows~");
    assert_eq!(kept, 0, "nothing is kept of what nobody can have back");
}

#[tokio::test]
async fn calls_under_way_finish_while_the_revision_changes() {
    let world = world_with(3, "at-once").await;
    let shop = &world.shop;
    let revision = upload(shop, version("1.1.0")).await;
    let mut under_way = tokio::task::JoinSet::new();
    for number in 0..40 {
        let shop = shop.clone();
        let revision = revision.clone();
        under_way.spawn(async move {
            if number == 20 {
                shop.post("/v1/packs/grows/upgrade", json!({ "revision": revision })).send().await.ok();
            } else {
                shop.command("grows", "stored", json!({})).send().await.ok();
            }
        });
    }
    under_way.join_all().await;
    assert_eq!(stored(shop).await, ["old 1.0.0>1.1.0"; 3]);
}

#[tokio::test]
async fn a_pack_hears_that_it_is_switched_on_and_off_and_may_refuse_the_first() {
    let world = World::new();
    let shop = &world.shop;
    let before = world.state();
    shop.upload(guest("grows")).await.created();
    let refused = shop.enable(guest("grows")).settings(json!({ "stays_off": true })).send().await.problem();
    assert_eq!(refused.name(), "422 pack:stays-off");
    drop(before);
    assert_eq!(shop.get("/v1/packs/grows/enablement").send().await.problem().name(), "404 pack-not-enabled");
    shop.enable(guest("grows")).send().await.ok();
    shop.enable(guest("grows")).stores(&[]).send().await.ok();
    let entries = shop.get("/v1/packs/grows/entries").send().await.ok();
    let keys: Vec<_> = entries["entries"].as_array().unwrap().iter().map(|entry| entry["key"].clone()).collect();
    assert_eq!(keys, ["disabled", "enabled"]);
}

#[tokio::test]
async fn a_pack_is_removed_with_all_that_it_has_stored() {
    let world = world_with(900, "at-once").await;
    let shop = &world.shop;
    upgrade(shop, version("1.1.0")).await;
    let remove = || shop.request("DELETE", "/v1/packs/grows");
    assert_eq!(remove().send().await.problem().name(), "409 pack-enabled");
    shop.enable(version("1.1.0")).stores(&[]).send().await.ok();
    let taken = shop.get("/v1/packs/grows/entries?limit=200").send().await.ok();
    assert_eq!(taken["entries"].as_array().unwrap().len(), 200);
    let next = taken["next"].as_str().unwrap();
    let more = shop.get(&format!("/v1/packs/grows/entries?cursor={next}")).send().await.ok();
    assert_eq!(more["entries"][0]["key"], "entry-0198");
    let changes = shop.get("/v1/changes?limit=200").send().await.ok();
    let taken_out = changes["changes"].as_array().unwrap().iter().filter(|change| change["kind"] == "export").count();
    assert_eq!(taken_out, 2, "each page is in the audit log");
    assert_eq!(remove().send().await.status.as_u16(), 204);
    assert_eq!(remove().send().await.problem().name(), "409 pack-upgrading");
    world.restart();
    calls(&world).await;
    assert_eq!(remove().send().await.problem().name(), "404 unknown-pack");
    assert_eq!(shop.get("/v1/packs").send().await.ok()["revisions"], json!([]));
    let left = world.state().keys_with(b"grows");
    assert_eq!(left, 3, "what it has used stays counted, calls and fuel of the day, and who had signed it");
    assert_eq!(told(&world).last().unwrap(), "removed");
    world.books_balance();
    shop.enable(guest("grows")).send().await.ok();
    assert_eq!(stored(shop).await, [""; 0], "it begins anew");
}

#[tokio::test]
async fn a_store_has_settings_of_its_own() {
    let world = World::new();
    let shop = &world.shop;
    let [main, corner] = [shop.store(0), shop.store(1)];
    let patch = json!({ corner.as_str(): { "place": "corner" } });
    let enabling = || shop.enable(guest("grows")).settings(json!({ "place": "all" }));
    let shown = enabling().with("store_settings", patch.clone()).send().await.ok();
    assert_eq!(shown["store_settings"], patch);
    let place = |store: Option<String>| async move {
        let body = json!({ "store": store, "input": {} });
        let reply = shop.post("/v1/packs/grows/commands/stored", body).new_key().send().await.ok();
        reply["result"]["~place"].as_str().unwrap().to_owned()
    };
    assert_eq!(place(Some(main)).await, "all");
    assert_eq!(place(Some(corner.clone())).await, "corner");
    assert_eq!(place(None).await, "all");
    for (wrong, name) in [
        (json!({ corner.as_str(): { "place": 3 } }), "422 wrong-settings"),
        (json!({ corner.as_str(): "corner" }), "422 wrong-settings"),
        (json!({ world.rival.store(0): {} }), "422 unknown-store"),
    ] {
        assert_eq!(enabling().with("store_settings", wrong).send().await.problem().name(), name);
    }
}

#[tokio::test]
async fn what_a_pack_could_not_do_of_an_order_is_done_later() {
    let world = World::new();
    let enable =
        |behaviour: &str| world.shop.enable(guest("hostile")).settings(json!({ "behaviour": behaviour })).send();
    enable("trap-after-write").await.ok();
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    let refunded = alice.order("till-2").settle().await.created();
    world.shop.refund(&refunded).await.ok();
    assert_eq!(order["packs"][0]["failed"]["code"], "trapped");
    calls(&world).await;
    assert_eq!(alice.holds("scars").await.available, 0, "not before ten seconds have passed");
    world.clock_forward(SignedDuration::from_secs(10));
    assert_eq!(calls(&world).await.failed, 1, "it breaks off again; what was refunded is left alone");
    enable("behave").await.ok();
    world.clock_forward(SignedDuration::from_mins(1));
    calls(&world).await;
    assert_eq!(alice.holds("scars").await.available, 1);
    let id = order["id"].as_str().unwrap();
    let now = world.shop.get(&format!("/v1/orders/{id}")).send().await.ok();
    assert_eq!(earned(&now, "hostile"), 1);
    let caught_up = |event: &Event| matches!(event, Event::PackCaughtUp { .. });
    assert_eq!(world.shop.events().iter().filter(|event| caught_up(event)).count(), 1);
    world.books_balance();
    world.shop.refund(&now).await.ok();
    assert_eq!(alice.holds("scars").await.available, 0, "and it is taken back like any other");
    world.books_balance();
}
