//! The merchant's own settings, its stores, its API keys, and the rules of its units.

use host_tests::{Shop, World};
use jiff::SignedDuration;
use punchcard::domain::Role;
use serde_json::{Value, json};

use crate::with_points;

#[tokio::test]
async fn a_key_is_issued_for_a_role_used_listed_and_revoked() {
    let world = World::new();
    let shop = &world.shop;
    let issued = shop.post("/v1/keys", json!({ "label": "till 3", "role": "clerk" })).send().await.created();
    let till = shop.with_key(issued["secret"].as_str());
    till.member("alice").enrol().await;
    assert_eq!(till.get("/v1/keys").send().await.problem().name(), "403 forbidden");
    let listed = shop.get("/v1/keys").send().await.ok();
    assert!(!listed.to_string().contains("pc_live_"), "a secret is shown only once");
    let key = listed["keys"].as_array().unwrap().iter().find(|key| key["id"] == issued["id"]).unwrap();
    assert_eq!((&key["label"], &key["role"], &key["stores"]), (&json!("till 3"), &json!("clerk"), &Value::Null));
    assert_eq!(listed["keys"].as_array().unwrap().len(), 6, "those that were there are listed, too");
    let path = format!("/v1/keys/{}", issued["id"].as_str().unwrap());
    assert_eq!(world.rival.request("DELETE", &path).send().await.problem().name(), "404 unknown-api-key");
    let revoked = shop.request("DELETE", &path).send().await.ok();
    assert_eq!(revoked["revoked_at"], "2026-03-18T00:00:00Z");
    assert_eq!(till.get("/v1/stores").send().await.problem().name(), "401 unknown-key");
    assert_eq!(shop.request("DELETE", &path).send().await.ok(), revoked);
    let own = listed["keys"].as_array().unwrap().iter().find(|key| key["role"] == "owner").unwrap();
    let own = format!("/v1/keys/{}", own["id"].as_str().unwrap());
    assert_eq!(shop.request("DELETE", &own).send().await.problem().name(), "409 own-key");
    let changes = shop.get("/v1/changes").send().await.ok();
    let of_key = changes["changes"].as_array().unwrap().iter().filter(|change| change["name"] == issued["id"]);
    let revoked: Vec<_> = of_key.map(|change| (&change["kind"], &change["after"]["revoked"])).collect();
    assert_eq!(revoked, [(&json!("api-key"), &json!(false)), (&json!("api-key"), &json!(true))]);
}

#[tokio::test]
async fn a_key_that_is_limited_to_a_store_works_there_and_in_no_other() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let new = json!({ "role": "manager", "stores": [shop.store(1)] });
    let corner = shop.with_key(shop.post("/v1/keys", new).send().await.created()["secret"].as_str());
    let alice = corner.member("alice").enrol().await;
    let here = alice.order("till-1").in_store(1).settle().await.created();
    let elsewhere = shop.order("till-2").settle().await.created();
    let before = world.state();
    let basket =
        json!({ "coupons": [], "store": shop.store(0), "lines": [{ "sku": "bun", "quantity": 1, "amount_minor": 1 }] });
    for reply in [
        alice.order("till-3").settle().await,
        alice.order("till-3").quote().await,
        corner.refund(&elsewhere).await,
        corner.command("points", "grant", json!({ "member": alice.id, "points": 1, "reason": "x" })).send().await,
        corner.post(&format!("/v1/members/{}/coupons/redemptions", alice.id), basket).send().await,
        corner.get(&format!("/v1/figures?from=2026-03-01&to=2026-03-31&store={}", shop.store(0))).send().await,
    ] {
        assert_eq!(reply.problem().name(), "403 other-store");
    }
    let all = corner.get("/v1/figures?from=2026-03-01&to=2026-03-31").send().await.problem();
    assert_eq!(all.name(), "400 wrong-query");
    world.unchanged_since(&before);
    // Nobody gives away more than they have, and goals of others are theirs.
    let owner = json!({ "role": "owner", "stores": [shop.store(1)] });
    let owner = shop.with_key(shop.post("/v1/keys", owner).send().await.created()["secret"].as_str());
    let goal = |store: Value| json!({ "figure": "orders", "target": 10, "store": store });
    shop.put("/v1/goals/2026-03", goal(Value::Null)).send().await.ok();
    shop.put("/v1/goals/2026-03", goal(json!(shop.store(0)))).send().await.ok();
    for reply in [
        owner.post("/v1/keys", json!({ "role": "owner" })).send().await,
        owner.post("/v1/keys", json!({ "role": "clerk", "stores": [shop.store(0)] })).send().await,
        owner.put("/v1/goals/2026-03", goal(Value::Null)).send().await,
        owner.put("/v1/goals/2026-03", goal(json!(shop.store(0)))).send().await,
    ] {
        assert_eq!(reply.problem().name(), "403 other-store");
    }
    assert_eq!(corner.get("/v1/goals/2026-03").send().await.ok()["goals"], json!([]));
    owner.put("/v1/goals/2026-03", goal(json!(shop.store(1)))).send().await.ok();
    assert_eq!(corner.get("/v1/goals/2026-03").send().await.ok()["goals"].as_array().unwrap().len(), 1);
    owner.post("/v1/keys", json!({ "role": "clerk", "stores": [shop.store(1)] })).send().await.created();
    let own =
        corner.get(&format!("/v1/figures?from=2026-03-01&to=2026-03-31&store={}", shop.store(1))).send().await.ok();
    assert_eq!(own["total"]["orders"], 1);
    corner.refund(&here).await.ok();
    for (stores, expected) in [(json!([world.rival.store(0)]), "422 unknown-store"), (json!([]), "422 no-stores")] {
        let problem = shop.post("/v1/keys", json!({ "role": "clerk", "stores": stores })).send().await.problem();
        assert_eq!(problem.name(), expected);
    }
}

/// A key of this role that is limited to a store.
async fn limited(shop: &Shop, role: &str, store: usize) -> Shop {
    let new = json!({ "role": role, "stores": [shop.store(store)] });
    shop.with_key(shop.post("/v1/keys", new).send().await.created()["secret"].as_str())
}

#[tokio::test]
async fn orders_of_other_stores_are_not_shown_and_not_claimed() {
    let world = World::new();
    let shop = &world.shop;
    let corner = limited(shop, "clerk", 1).await;
    let alice = shop.member("alice").enrol().await;
    let mut orders = Vec::new();
    for (reference, store) in [("here-1", 1), ("there-1", 0), ("here-2", 1), ("there-2", 0), ("there-3", 0)] {
        orders.push(shop.order(reference).in_store(store).settle().await.created());
        world.clock_forward(SignedDuration::from_secs(1));
    }
    let [here, there] = [&orders[0], &orders[1]].map(|order| format!("/v1/orders/{}", order["id"].as_str().unwrap()));
    let claim = |path: &str| corner.post(&format!("{path}/claim"), json!({ "member": alice.id }));
    let before = world.state();
    assert_eq!(corner.get(&there).send().await.problem().name(), "403 other-store");
    assert_eq!(claim(&there).send().await.problem().name(), "403 other-store");
    world.unchanged_since(&before);
    corner.get(&here).send().await.ok();
    claim(&here).send().await.ok();
    shop.post(&format!("{there}/claim"), json!({ "member": alice.id })).send().await.ok();
    let seen = async |query: &str| {
        let (mut seen, mut path) = (Vec::new(), format!("/v1/orders?{query}"));
        loop {
            let page = corner.get(&path).send().await.ok();
            seen.extend(page["orders"].as_array().unwrap().iter().map(|order| order["reference"].clone()));
            let Some(next) = page["next"].as_str() else { return seen };
            path = format!("/v1/orders?{query}&cursor={next}");
        }
    };
    for query in ["limit=1", "limit=2", "limit=50"] {
        assert_eq!(seen(query).await, ["here-2", "here-1"], "{query}");
    }
    assert_eq!(seen(&format!("member={}", alice.id)).await, ["here-1"]);
    assert_eq!(seen("reference=here-2").await, ["here-2"]);
    assert!(seen("reference=there-2").await.is_empty());
    // Members are the merchant's: what they did elsewhere is part of who they are.
    let timeline = corner.get(&format!("/v1/members/{}/timeline", alice.id)).send().await.ok().to_string();
    assert!(timeline.contains("here-1") && timeline.contains("there-1"), "{timeline}");
}

#[tokio::test]
async fn a_member_joins_and_belongs_where_one_may_act() {
    let world = World::new();
    let shop = &world.shop;
    let corner = limited(shop, "clerk", 1).await;
    let elsewhere = corner.member("bob").with("home_store", shop.store(0)).send().await;
    assert_eq!(elsewhere.problem().name(), "403 other-store");
    let alice = corner.member("alice").with("home_store", shop.store(1)).enrol().await;
    let path = format!("/v1/members/{}", alice.id);
    let etag = shop.get(&path).send().await.header("etag").unwrap().to_owned();
    let moved = json!({ "home_store": shop.store(0) });
    assert_eq!(corner.patch(&path, &etag, moved.clone()).send().await.problem().name(), "403 other-store");
    let moved = shop.patch(&path, &etag, moved).send().await;
    let etag = moved.header("etag").unwrap().to_owned();
    // What stays as it is may be said again.
    let edit = json!({ "home_store": shop.store(0), "channel": "till" });
    corner.patch(&path, &etag, edit).send().await.ok();
}

#[tokio::test]
async fn nobody_changes_what_is_of_other_stores_or_takes_out_what_is_of_all() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let corner = limited(shop, "owner", 1).await;
    let key = shop.post("/v1/keys", json!({ "role": "clerk", "stores": [shop.store(0)] })).send().await.created();
    let coupon = |stores: &[usize]| {
        json!({ "title": "one off", "benefit": { "amount": { "off_minor": 1 } }, "validity": { "days": 7 },
            "scope": { "stores": stores.iter().map(|store| shop.store(*store)).collect::<Vec<_>>() } })
    };
    shop.put("/v1/coupons/theirs", coupon(&[0])).send().await.ok();
    let in_force = shop.get("/v1/packs/points/enablement").send().await.ok();
    let stores = |wanted: &[usize], of: &Value| {
        let mut wanted = json!({ "stores": wanted.iter().map(|store| shop.store(*store)).collect::<Vec<_>>() });
        for field in ["revision", "grants", "settings"] {
            wanted[field] = of[field].clone();
        }
        wanted
    };
    let enablement = "/v1/packs/points/enablement";
    let revision = json!({ "revision": in_force["revision"] });
    let before = world.state();
    for request in [
        corner.put(enablement, stores(&[0, 1], &in_force)),
        // To switch it off elsewhere is to change something there, too.
        corner.put(enablement, stores(&[1], &in_force)),
        corner.put(enablement, stores(&[], &in_force)),
        corner.post("/v1/packs/points/upgrade", revision),
        corner.get("/v1/packs/points/entries"),
        corner.put("/v1/stores/north", json!({ "name": "North" })),
        corner.put(&format!("/v1/stores/{}", code(shop, 0).await), json!({ "name": "Mine" })),
        corner.put("/v1/coupons/mine", coupon(&[0])),
        corner.put("/v1/coupons/theirs", coupon(&[1])),
        corner.request("DELETE", &format!("/v1/keys/{}", key["id"].as_str().unwrap())),
    ] {
        assert_eq!(request.send().await.problem().name(), "403 other-store");
    }
    for kind in ["members", "orders", "statements", "events", "changes", "usage"] {
        let reply = corner.get(&format!("/v1/exports/{kind}")).send().await;
        assert_eq!(reply.problem().name(), "403 other-store", "{kind}");
    }
    world.unchanged_since(&before);
    // In their own they may.
    shop.put(enablement, stores(&[1], &in_force)).send().await.ok();
    corner.put(enablement, stores(&[], &in_force)).send().await.ok();
    corner.put(enablement, stores(&[1], &in_force)).send().await.ok();
    corner.put(&format!("/v1/stores/{}", code(shop, 1).await), json!({ "name": "Mine" })).send().await.ok();
    corner.put("/v1/coupons/mine", coupon(&[1])).send().await.ok();
    corner.put("/v1/coupons/anywhere", coupon(&[])).send().await.ok();
}

/// The code of a store.
async fn code(shop: &Shop, index: usize) -> String {
    let stores = shop.get("/v1/stores").send().await.ok();
    let mut stores = stores["stores"].as_array().unwrap().iter();
    stores.find(|store| store["id"] == shop.store(index)).unwrap()["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_merchant_changes_its_name_and_what_is_spent_first() {
    let world = World::new();
    let shop = &world.shop;
    let reply = shop.get("/v1/merchant").send().await;
    let etag = reply.header("etag").unwrap().to_owned();
    assert_eq!(reply.ok()["stored_value_order"], "principal-first");
    let edit = json!({ "name": "Maixiang", "stored_value_order": "bonus-first" });
    let changed = shop.patch("/v1/merchant", &etag, edit.clone()).send().await.ok();
    assert_eq!((&changed["name"], &changed["currency"]), (&json!("Maixiang"), &json!("CNY")));
    assert_eq!(shop.patch("/v1/merchant", &etag, edit).send().await.problem().name(), "412 other-version");
    let alice = shop.member("alice").enrol().await;
    let path = format!("/v1/members/{}/stored-value", alice.id);
    shop.post(&path, json!({ "amount_minor": 500, "bonus_minor": 50 })).send().await.created();
    let paid = shop.post(&format!("{path}/payments"), json!({ "amount_minor": 60 })).send().await.created();
    assert_eq!((&paid["principal_minor"], &paid["bonus_minor"]), (&json!(10), &json!(50)));
    assert_eq!(
        shop.as_role(Role::Manager).patch("/v1/merchant", &etag, json!({})).send().await.problem().name(),
        "403 forbidden"
    );
}

#[tokio::test]
async fn a_store_is_opened_and_renamed() {
    let world = World::new();
    let shop = &world.shop;
    let opened = shop.put("/v1/stores/north", json!({ "name": "North" })).send().await.ok();
    let renamed = shop.put("/v1/stores/north", json!({ "name": "North Gate" })).send().await.ok();
    assert_eq!((&renamed["id"], &renamed["name"]), (&opened["id"], &json!("North Gate")));
    shop.order("till-1").with("store", opened["id"].clone()).settle().await.created();
    assert_eq!(
        shop.put("/v1/stores/North!", json!({ "name": "x" })).send().await.problem().name(),
        "404 no-such-thing"
    );
}

#[tokio::test]
async fn the_rules_of_a_unit_are_put_in_force() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let rules =
        shop.put("/v1/units/points/rules", json!({ "earn_per_day_max": 10, "shortfall": "refuse" })).send().await.ok();
    assert_eq!((&rules["declared_by"], &rules["rules"]["earn_per_day_max"]), (&json!("points"), &json!(10)));
    let alice = shop.member("alice").enrol().await;
    alice.order("till-1").settle().await.created();
    assert_eq!(alice.points().await, 10, "24 yuan would have given 24");
    let units = shop.get("/v1/units").send().await.ok();
    let codes: Vec<_> = units["units"].as_array().unwrap().iter().map(|unit| unit["unit"].as_str().unwrap()).collect();
    assert_eq!(codes, ["points", "stored-value", "stored-value-bonus"]);
    assert_eq!(shop.put("/v1/units/stars/rules", json!({})).send().await.problem().name(), "404 unknown-unit");
    let over = shop.put("/v1/units/points/rules", json!({ "balance_max": 9_000_000_000_000_000_u64 })).send().await;
    assert_eq!(over.problem().name(), "422 wrong-body");
}
