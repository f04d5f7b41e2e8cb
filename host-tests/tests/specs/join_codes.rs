//! Codes by which people join: for a store or a campaign, and what is counted by them.

use host_tests::{Shop, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

const MARCH: &str = "from=2026-03-01&to=2026-03-31";

async fn code(shop: &Shop, channel: &str, store: Option<String>) -> String {
    let new = json!({ "title": format!("by {channel}"), "channel": channel, "store": store });
    shop.post("/v1/join-codes", new).send().await.created()["join_code"].as_str().unwrap().to_owned()
}

async fn joins(shop: &Shop, query: &str) -> Value {
    let found = shop.get(&format!("/v1/figures/joins?{query}")).send().await.ok();
    let told = |list: &Value, by: &str| -> Value {
        list.as_array().unwrap().iter().map(|one| json!([one[by], one["members_new"]])).collect()
    };
    json!([told(&found["channels"], "channel"), told(&found["join_codes"], "join_code")])
}

#[tokio::test]
async fn who_joins_by_a_code_comes_by_its_channel_and_in_its_store_and_is_counted() {
    let world = World::new();
    let shop = &world.shop;
    let (door, flyer) = (code(shop, "poster", Some(shop.store(1))).await, code(shop, "flyer", None).await);
    let alice = shop.member("alice").with("join_code", &*door).enrol().await;
    let read = shop.get(&format!("/v1/members/{}", alice.id)).send().await.ok();
    assert_eq!((&read["channel"], &read["home_store"]), (&json!("poster"), &json!(shop.store(1))));
    shop.member("bob").with("join_code", &*door).with("channel", "poster").enrol().await;
    let carol = shop.member("carol").with("join_code", &*flyer).with("home_store", shop.store(0)).enrol().await;
    let read = shop.get(&format!("/v1/members/{}", carol.id)).send().await.ok();
    assert_eq!((&read["channel"], &read["home_store"]), (&json!("flyer"), &json!(shop.store(0))));
    shop.member("dan").with("channel", "poster").enrol().await;
    shop.member("eve").enrol().await;
    let expected = json!([[["poster", 3], ["flyer", 1]], [[door, 2], [flyer, 1]]]);
    assert_eq!(joins(shop, MARCH).await, expected);
    let expected = json!([[["poster", 2]], [[door, 2]]]);
    assert_eq!(joins(shop, &format!("{MARCH}&store={}", shop.store(1))).await, expected);
    assert_eq!(joins(shop, &format!("{MARCH}&limit=1")).await, json!([[["poster", 3]], [[door, 2]]]));
    assert_eq!(joins(shop, "from=2026-04-01&to=2026-04-30").await, json!([[], []]));
    assert_eq!(joins(&world.rival, MARCH).await, json!([[], []]));
}

#[tokio::test]
async fn who_is_sent_again_with_the_same_key_joins_and_counts_once() {
    let world = World::new();
    let shop = &world.shop;
    let door = code(shop, "poster", None).await;
    let new = || shop.post("/v1/members", json!({ "reference": "alice", "join_code": door })).key("once");
    let first = new().send().await.created();
    assert_eq!(new().send().await.created()["id"], first["id"]);
    assert_eq!(joins(shop, MARCH).await, json!([[["poster", 1]], [[door, 1]]]));
}

#[tokio::test]
async fn a_code_is_the_merchants_says_what_it_says_and_can_be_switched_off() {
    let world = World::new();
    let shop = &world.shop;
    let door = code(shop, "poster", Some(shop.store(1))).await;
    let theirs = code(&world.rival, "poster", None).await;
    let before = world.state();
    for (fields, refusal) in [
        (json!({ "join_code": theirs }), "422 unknown-join-code"),
        (json!({ "join_code": "jcd_1" }), "422 wrong-body"),
        (json!({ "join_code": door, "channel": "till" }), "422 not-of-join-code"),
        (json!({ "join_code": door, "home_store": shop.store(0) }), "422 not-of-join-code"),
    ] {
        let reply = shop.post("/v1/members", fields.clone()).send().await;
        assert_eq!(reply.problem().name(), refusal, "{fields}");
    }
    world.unchanged_since(&before);
    let elsewhere = json!({ "role": "manager", "stores": [shop.store(0)] });
    let elsewhere = shop.with_key(shop.post("/v1/keys", elsewhere).send().await.created()["secret"].as_str());
    let joining = elsewhere.post("/v1/members", json!({ "join_code": door })).send().await;
    assert_eq!(joining.problem().name(), "403 other-store");
    let of_all = json!({ "title": "Flyer", "channel": "flyer" });
    assert_eq!(elsewhere.post("/v1/join-codes", of_all).send().await.problem().name(), "403 other-store");
    let path = format!("/v1/join-codes/{door}");
    let read = shop.get(&path).send().await;
    let etag = read.header("etag").unwrap().to_owned();
    assert_eq!(read.ok()["off"], false);
    assert_eq!(elsewhere.patch(&path, &etag, json!({ "off": true })).send().await.problem().name(), "403 other-store");
    shop.patch(&path, &etag, json!({ "off": true, "title": "Old poster" })).send().await.ok();
    let late = shop.patch(&path, &etag, json!({ "off": false })).send().await;
    assert_eq!(late.problem().name(), "412 other-version");
    let off = shop.post("/v1/members", json!({ "join_code": door })).send().await;
    assert_eq!(off.problem().name(), "409 join-code-off");
    world.clock_forward(SignedDuration::from_secs(1));
    let flyer = code(shop, "flyer", None).await;
    let page = shop.get("/v1/join-codes?limit=1").send().await.ok();
    assert_eq!(page["join_codes"][0]["join_code"], flyer, "what was made last comes first");
    let next = shop.get(&format!("/v1/join-codes?limit=1&cursor={}", page["next"].as_str().unwrap())).send().await.ok();
    assert_eq!(next["join_codes"][0]["title"], "Old poster");
    let changes = shop.get("/v1/changes?limit=200").send().await.ok();
    let of_codes = changes["changes"].as_array().unwrap().iter().filter(|change| change["kind"] == "join-code");
    let told: Vec<_> = of_codes.map(|change| (&change["before"]["is_off"], &change["after"]["is_off"])).collect();
    assert_eq!(told, [(&Value::Null, &json!(false)), (&json!(false), &json!(true)), (&Value::Null, &json!(false))]);
}
