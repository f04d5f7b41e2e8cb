//! Nobody writes over what another one has changed meanwhile.

use host_tests::{Shop, World};
use serde_json::{Value, json};

use crate::with_points;

async fn put(shop: &Shop, path: &str, version: Option<&str>, body: &Value) -> host_tests::Reply {
    let request = shop.put(path, body.clone());
    match version {
        Some(version) => request.header("if-match", version).send().await,
        None => request.send().await,
    }
}

#[tokio::test]
async fn each_thing_that_people_edit_is_changed_only_in_the_version_that_was_read() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    let packs = shop.get("/v1/packs").send().await.ok();
    let revision = &packs["revisions"][0]["revision"];
    let coupon = |title: &str| json!({ "title": title, "benefit": { "amount": { "off_minor": 500 } }, "validity": { "days": 30 } });
    let enablement = |stores: Value| json!({ "revision": revision, "stores": stores, "grants": [], "settings": {} });
    let tier = format!("/v1/members/{}/tier", alice.id);
    let things = [
        (
            "/v1/attributes/size",
            json!({ "label": "Size", "kind": "text" }),
            json!({ "label": "Shoe size", "kind": "text" }),
        ),
        (
            "/v1/benefits/bag",
            json!({ "title": "A bag", "quota": 1, "period": "day" }),
            json!({ "title": "A bag", "quota": 2, "period": "day" }),
        ),
        ("/v1/coupons/welcome", coupon("5 off"), coupon("Five off")),
        (
            "/v1/teams/morning",
            json!({ "title": "Morning", "staff": [] }),
            json!({ "title": "Morning shift", "staff": [] }),
        ),
        ("/v1/goals/2026-03", json!({ "figure": "orders", "target": 5 }), json!({ "figure": "orders", "target": 6 })),
        ("/v1/packs/points/enablement", enablement(json!([])), enablement(json!([shop.store(0)]))),
        (
            "/v1/segments/gold",
            json!({ "title": "Gold", "condition": { "tier": "gold" } }),
            json!({ "title": "Golden", "condition": { "tier": "gold" } }),
        ),
        ("/v1/stores/main", json!({ "name": "One" }), json!({ "name": "Two" })),
        ("/v1/units/points/rules", json!({ "transferable": true }), json!({ "transferable": false })),
        (tier.as_str(), json!({ "tier": "gold" }), json!({ "tier": "silver" })),
    ];
    for (path, one, other) in &things {
        let first = put(shop, path, None, one).await;
        let version = first.header("etag").unwrap_or_else(|| panic!("{path} has no ETag")).to_owned();
        first.ok();
        let second = put(shop, path, Some(&version), other).await;
        let next = second.header("etag").unwrap().to_owned();
        second.ok();
        assert_ne!(version, next, "{path}");
        let before = world.state();
        let late = put(shop, path, Some(&version), one).await.problem();
        assert_eq!(late.name(), "412 other-version", "{path}");
        let broken = put(shop, path, Some("7"), one).await.problem();
        assert!(broken.name().starts_with("400"), "{path}: {broken}");
        world.unchanged_since(&before);
    }
    // Lists tell the versions of what is in them; what must not be there yet is in version 0.
    for (list, field) in
        [("attributes", "attributes"), ("benefits", "benefits"), ("coupons", "coupons"), ("segments", "segments")]
    {
        let all = shop.get(&format!("/v1/{list}")).send().await.ok();
        let version = all[field][0]["version"].as_u64().unwrap();
        assert!(version > 0 && version <= 1 << 53, "{list}: {version}");
    }
    let new = put(shop, "/v1/coupons/other", Some("\"0\""), &coupon("other")).await;
    assert_eq!(new.status, 200);
    let taken = put(shop, "/v1/coupons/other", Some("\"0\""), &coupon("another")).await.problem();
    assert_eq!(taken.name(), "412 other-version");
}

#[tokio::test]
async fn what_is_edited_in_the_version_that_was_read_is_taken_away_in_it() {
    let world = World::new();
    let shop = &world.shop;
    let described = shop.with_key(None).get("/openapi.json").send().await.ok();
    let minds = |operation: &Value| {
        operation["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == "If-Match")
    };
    let mut taken = Vec::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        let is_edited = ["put", "patch"].iter().any(|method| minds(&item[method]));
        // Signing out is about the session, not about what its user is called.
        if is_edited && item["delete"].is_object() && path != "/v1/session" {
            assert!(minds(&item["delete"]), "DELETE {path} takes no If-Match");
            taken.push(path.as_str());
        }
    }
    assert!(taken.len() >= 8, "{taken:?}");

    let template = json!({ "title": "Receipt", "channel": "sms", "texts": { "en": { "body": "Thank you." } } });
    let things = [
        ("/v1/attributes/size", json!({ "label": "Size", "kind": "text" })),
        ("/v1/benefits/bag", json!({ "title": "A bag", "quota": 1, "period": "day" })),
        ("/v1/catalogue/bun", json!({ "name": "Bun" })),
        ("/v1/segments/gold", json!({ "title": "Gold", "condition": { "tier": "gold" } })),
        ("/v1/message-templates/receipt", template),
        ("/v1/automatic-messages/order-settled", json!({ "template": "receipt" })),
        ("/v1/message-connectors/sms", json!({ "gateway": { "url": "https://example.com/" } })),
    ];
    let mut versions = Vec::new();
    for (path, body) in &things {
        let put = put(shop, path, None, body).await;
        versions.push((*path, put.header("etag").unwrap_or_else(|| panic!("{path} has no ETag")).to_owned()));
        assert!(put.status.is_success(), "{put}");
    }
    let user = json!({ "name": "dan", "display_name": "Dan", "role": "clerk" });
    let user = shop.post("/v1/users", user).send().await.created()["user"]["id"].clone();
    let webhook = json!({ "url": "https://example.com/", "kinds": ["order-settled"] });
    let webhook = shop.post("/v1/webhooks", webhook).send().await.created()["id"].clone();
    let [user, webhook] =
        [("users", user), ("webhooks", webhook)].map(|(list, id)| format!("/v1/{list}/{}", id.as_str().unwrap()));
    for path in [&user, &webhook] {
        let etag = shop.get(path).send().await.header("etag").unwrap().to_owned();
        versions.push((path.as_str(), etag));
    }
    // What uses something goes before it.
    versions.sort_by_key(|(path, _)| !path.contains("automatic"));
    for (path, version) in &versions {
        let before = world.state();
        let other = if version == r#""77""# { r#""78""# } else { r#""77""# };
        let late = shop.request("DELETE", path).header("if-match", other).send().await.problem();
        assert_eq!(late.status, 412, "{path}: {late}");
        let broken = shop.request("DELETE", path).header("if-match", "7").send().await.problem();
        assert_eq!(broken.status, 400, "{path}: {broken}");
        world.unchanged_since(&before);
        let gone = shop.request("DELETE", path).header("if-match", version).send().await;
        assert_eq!(gone.status, 204, "{gone}");
    }
}
