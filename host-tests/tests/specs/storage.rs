//! What a pack has stored at a merchant: counted with each entry, told in its health, and limited.

use host_tests::{Reply, Shop, World, guest, reworded};
use serde_json::{Value, json};

use crate::following::calls;

/// What the guest `grows` has from being switched on: the key `enabled` and its version.
const ENABLED: u64 = 12;

async fn stored(shop: &Shop, pack: &str) -> u64 {
    shop.get(&format!("/v1/packs/{pack}/health")).send().await.ok()["storage_bytes"].as_u64().unwrap()
}

/// Puts so many entries with values of so many bytes, whose keys have ten.
async fn puts(shop: &Shop, count: u32, bytes: usize) -> Reply {
    shop.command("grows", "add-entries", json!({ "count": count, "text": "x".repeat(bytes) })).send().await
}

/// The same after all that were there are deleted.
async fn puts_anew(shop: &Shop, count: u32, bytes: usize) -> Reply {
    let input = json!({ "count": count, "text": "x".repeat(bytes), "fresh": true });
    shop.command("grows", "add-entries", input).send().await
}

/// Brings the guest `grows` to another version, which makes each value twelve bytes longer.
async fn upgrade(shop: &Shop) {
    let revision = shop.upload(reworded(guest("grows"), &[("1.0.0", "1.1.0")])).await.created()["revision"].clone();
    shop.post("/v1/packs/grows/upgrade", json!({ "revision": revision })).send().await.ok();
}

async fn rollback(shop: &Shop) -> Value {
    shop.post("/v1/packs/grows/rollback", json!({})).send().await.ok()
}

#[tokio::test]
async fn what_a_pack_has_stored_is_told_by_merchant_and_is_what_it_was_when_a_call_leaves_nothing() {
    let world = World::new();
    let shop = &world.shop;
    assert_eq!(stored(shop, "grows").await, 0);
    shop.enable(guest("grows")).send().await.ok();
    assert_eq!(stored(shop, "grows").await, ENABLED);
    puts(shop, 3, 5).await.ok();
    assert_eq!(stored(shop, "grows").await, ENABLED + 3 * 15);
    puts(shop, 2, 7).await.ok();
    puts(shop, 1, 1).await.ok();
    assert_eq!(stored(shop, "grows").await, ENABLED + 11 + 17 + 15);
    shop.get("/v1/packs/grows/pages/everything").send().await.ok();
    assert_eq!(stored(shop, "grows").await, ENABLED + 43, "what a page writes is dropped");
    puts_anew(shop, 1, 5).await.ok();
    world.restart();
    assert_eq!(stored(shop, "grows").await, ENABLED + 15);
    assert_eq!(stored(&world.rival, "grows").await, 0);

    let alice = shop.member("alice").enrol().await;
    let hostile = |behaviour: &str| shop.enable(guest("hostile")).settings(json!({ "behaviour": behaviour }));
    for (number, behaviour) in ["trap-after-write", "refuse-after-write", "fill-storage"].into_iter().enumerate() {
        hostile(behaviour).send().await.ok();
        let order = alice.order(&format!("till-{number}")).settle().await.created();
        assert_ne!(order["packs"][0]["failed"], Value::Null, "{behaviour}");
        assert_eq!(stored(shop, "hostile").await, 0, "{behaviour}");
    }
    world.books_balance();
}

#[tokio::test]
async fn a_pack_whose_storage_is_full_makes_no_entry_larger_until_it_has_made_room() {
    let world = World::new();
    world.restart();
    let shop = &world.shop;
    shop.enable(guest("grows")).send().await.ok();
    let quotas = &world.running().host.programme.quotas;
    quotas.set_stored(10_000);
    puts(shop, 10, 990).await.ok();
    assert_eq!(stored(shop, "grows").await, ENABLED + 10_000, "there was room for a part of the last one");
    let refused = puts(shop, 11, 990).await.problem();
    assert_eq!(refused.name(), "502 pack:host-limit");
    assert_eq!(refused.detail, "a pack stores at most 10000 bytes at a merchant, and there are 10012");
    assert_eq!(puts(shop, 1, 991).await.problem().name(), "502 pack:host-limit");
    puts(shop, 10, 990).await.ok();
    puts(shop, 1, 90).await.ok();
    assert_eq!(stored(shop, "grows").await, ENABLED + 9_100, "smaller ones are taken");
    puts(shop, 1, 200).await.ok();
    puts_anew(shop, 12, 800).await.ok();
    assert_eq!(stored(shop, "grows").await, ENABLED + 12 * 810, "what is deleted makes room");

    quotas.set_stored(1_000);
    puts(shop, 12, 800).await.ok();
    assert_eq!(puts(shop, 13, 800).await.problem().name(), "502 pack:host-limit");
    world.rival.enable(guest("grows")).send().await.ok();
    puts(&world.rival, 1, 800).await.ok();
    assert_eq!(stored(&world.rival, "grows").await, ENABLED + 810, "each merchant's is full for itself");
    quotas.set_stored(0);
    puts(shop, 20, 800).await.ok();
    world.books_balance();
}

#[tokio::test]
async fn an_order_settles_without_a_pack_whose_storage_is_full() {
    let world = World::new();
    world.restart();
    let shop = &world.shop;
    let behaves = |behaviour: &str| shop.enable(guest("hostile")).settings(json!({ "behaviour": behaviour }));
    let failed =
        async |reference: &str| shop.order(reference).settle().await.created()["packs"][0]["failed"]["code"].clone();
    let quotas = &world.running().host.programme.quotas;
    quotas.set_stored(3 << 20);
    behaves("write-much").send().await.ok();
    assert_eq!(
        [failed("till-1").await, failed("till-2").await],
        [Value::Null, Value::Null],
        "it writes the same again"
    );
    let much = stored(shop, "hostile").await;
    assert_eq!(much, 90 * (32 << 10) + 10 * 6 + 80 * 7);
    quotas.set_stored(much);
    behaves("fill-storage").send().await.ok();
    assert_eq!(failed("till-3").await, "host-limit");
    assert_eq!(stored(shop, "hostile").await, much);
    world.books_balance();
}

#[tokio::test]
async fn the_way_back_to_an_earlier_revision_gives_storage_back_and_removal_all_of_it() {
    let world = World::new();
    let shop = &world.shop;
    shop.enable(guest("grows")).settings(json!({ "migrates": "at-once" })).send().await.ok();
    puts(shop, 900, 3).await.ok();
    assert_eq!(stored(shop, "grows").await, ENABLED + 900 * 13);
    upgrade(shop).await;
    assert_eq!(stored(shop, "grows").await, ENABLED + 900 * 25);
    puts_anew(shop, 1_300, 1).await.ok();
    assert_eq!(stored(shop, "grows").await, ENABLED + 1_300 * 11);
    assert_eq!(rollback(shop).await["stage"], "restoring");
    world.books_balance();
    world.restart();
    calls(&world).await;
    assert_eq!(stored(shop, "grows").await, ENABLED + 900 * 13);
    world.books_balance();

    shop.enable(guest("grows")).stores(&[]).send().await.ok();
    let removed = shop.request("DELETE", "/v1/packs/grows").send().await;
    assert_eq!(removed.status.as_u16(), 204);
    assert!(stored(shop, "grows").await > 0, "a part of it is removed");
    world.books_balance();
    calls(&world).await;
    assert_eq!(stored(shop, "grows").await, 0);
    world.books_balance();
    shop.enable(guest("grows")).send().await.ok();
    assert_eq!(stored(shop, "grows").await, ENABLED);
    world.books_balance();
}

#[tokio::test]
async fn what_comes_and_goes_after_a_change_of_revisions_leaves_nothing_that_is_kept() {
    let world = World::new();
    let shop = &world.shop;
    shop.enable(guest("grows")).settings(json!({ "migrates": "at-once" })).send().await.ok();
    puts(shop, 3, 3).await.ok();
    upgrade(shop).await;
    let kept = world.state().keys_with(b"grows~");
    puts_anew(shop, 50, 1).await.ok();
    assert_eq!(world.state().keys_with(b"grows~"), kept + 47);
    puts_anew(shop, 0, 1).await.ok();
    assert_eq!(world.state().keys_with(b"grows~"), kept);
    rollback(shop).await;
    assert_eq!(stored(shop, "grows").await, ENABLED + 3 * 13);
    world.books_balance();
}
