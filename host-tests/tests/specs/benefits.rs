//! Service benefits with quotas.

use host_tests::World;
use serde_json::json;

#[tokio::test]
async fn a_benefit_is_used_up_to_its_quota_and_is_there_again_in_the_next_period() {
    let world = World::new();
    let shop = &world.shop;
    let trim = json!({ "title": "Brow trim", "quota": 2, "period": "week" });
    shop.put("/v1/benefits/brow-trim", trim).send().await.ok();
    let alice = shop.member("alice").enrol().await;
    let uses = format!("/v1/members/{}/benefits/brow-trim/uses", alice.id);
    let once = shop.post(&uses, json!({ "store": shop.store(0) })).key("once");
    assert_eq!(once.send().await.created(), json!({ "used": 1, "left": 1 }));
    let again = shop.post(&uses, json!({ "store": shop.store(0) })).key("once");
    assert_eq!(again.send().await.created(), json!({ "used": 1, "left": 1 }), "a retry does not use it again");
    shop.as_clerk().post(&uses, json!({})).send().await.created();
    let over = shop.post(&uses, json!({})).send().await.problem();
    assert_eq!(over.to_string(), "422 benefit-used-up: `brow-trim` is used up: 2 times in this period");
    // Monday begins at the merchant's midnight.
    world.clock_at("2026-03-22T23:59:59+08:00");
    assert_eq!(shop.post(&uses, json!({})).send().await.problem().name(), "422 benefit-used-up");
    world.clock_at("2026-03-23T00:00:00+08:00");
    shop.post(&uses, json!({})).send().await.created();
    let returns = format!("/v1/members/{}/benefits/brow-trim/returns", alice.id);
    assert_eq!(shop.post(&returns, json!({})).send().await.created(), json!({ "used": 0, "left": 2 }));
    assert_eq!(shop.post(&returns, json!({})).send().await.problem().name(), "422 benefit-not-used");
}

#[tokio::test]
async fn a_benefit_is_for_those_with_its_level_or_tag() {
    let world = World::new();
    let shop = &world.shop;
    let bag = json!({ "title": "A bag", "quota": 1, "period": "day", "tiers": ["gold"], "tags": ["vip"] });
    shop.put("/v1/benefits/bag", bag).send().await.ok();
    let alice = shop.member("alice").tags(&["vip"]).enrol().await;
    let uses = format!("/v1/members/{}/benefits/bag/uses", alice.id);
    let before = world.state();
    assert_eq!(shop.post(&uses, json!({})).send().await.problem().name(), "422 not-entitled");
    world.unchanged_since(&before);
    shop.put(&format!("/v1/members/{}/tier", alice.id), json!({ "tier": "gold" })).send().await.ok();
    shop.post(&uses, json!({})).send().await.created();
    let left = shop.get(&format!("/v1/members/{}/benefits", alice.id)).send().await.ok();
    assert_eq!(
        left["benefits"],
        json!([{ "benefit": "bag", "title": "A bag", "entitled": true, "used": 1, "left": 0 }])
    );
    let listed = shop.get("/v1/benefits").send().await.ok();
    assert_eq!(
        (&listed["benefits"][0]["period"], listed["benefits"].as_array().map(Vec::len)),
        (&json!("day"), Some(1))
    );
    assert_eq!(world.rival.get("/v1/benefits").send().await.ok()["benefits"], json!([]));
    for (path, body, expected) in [
        (format!("/v1/members/{}/benefits/cup/uses", alice.id), json!({}), "404 unknown-benefit"),
        (uses, json!({ "store": world.rival.store(0) }), "422 unknown-store"),
    ] {
        assert_eq!(shop.post(&path, body).send().await.problem().name(), expected);
    }
    let none = shop.put("/v1/benefits/bag", json!({ "title": "A bag", "quota": -1, "period": "day" })).send().await;
    assert_eq!(none.problem().name(), "422 wrong-body");
}

#[tokio::test]
async fn a_benefit_that_is_taken_away_is_nobodys_and_leaves_room_for_another() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    let trim = json!({ "title": "Brow trim", "quota": 2, "period": "week" });
    for number in 0..100 {
        shop.put(&format!("/v1/benefits/trim-{number}"), trim.clone()).send().await.ok();
    }
    let other = || shop.put("/v1/benefits/other", trim.clone());
    assert_eq!(other().send().await.problem().name(), "422 too-many-benefits");
    let uses = format!("/v1/members/{}/benefits/trim-7/uses", alice.id);
    shop.post(&uses, json!({})).send().await.created();
    let taken = || shop.request("DELETE", "/v1/benefits/trim-7");
    assert_eq!(shop.as_clerk().request("DELETE", "/v1/benefits/trim-7").send().await.problem().name(), "403 forbidden");
    assert_eq!(taken().send().await.status, 204);
    assert_eq!(taken().send().await.problem().name(), "404 unknown-benefit");
    assert_eq!(shop.post(&uses, json!({})).send().await.problem().name(), "404 unknown-benefit");
    let left = shop.get(&format!("/v1/members/{}/benefits", alice.id)).send().await.ok();
    assert_eq!(left["benefits"].as_array().unwrap().len(), 99);
    other().send().await.ok();
}
