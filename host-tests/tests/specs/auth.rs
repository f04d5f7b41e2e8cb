//! Who may ask for what.

use host_tests::{Shop, World};
use insta::assert_snapshot;
use serde_json::json;

use crate::with_points;

#[tokio::test]
async fn a_request_without_a_key_is_refused() {
    let world = World::new();
    let reply = world.shop.with_key(None).get("/v1/stores").send().await;
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    assert_eq!(reply.problem().name(), "401 no-key");
    let basic = world.shop.get("/v1/stores").header("authorization", "Basic YTpi").send().await.problem();
    assert_eq!(basic.name(), "401 no-key");
}

#[tokio::test]
async fn a_key_that_is_none_is_told_apart_from_one_that_is_not_known() {
    let world = World::new();
    let good = world.shop.owner_key().to_owned();
    let mistyped = good.replacen(&good[8..9], if &good[8..9] == "0" { "1" } else { "0" }, 1);
    for malformed in ["", "secret", "pc_live_", &good[..good.len() - 1], &mistyped, &good.to_uppercase()] {
        let problem = world.shop.with_key(Some(malformed)).get("/v1/stores").send().await.problem();
        assert_eq!(problem.name(), "401 malformed-key", "{malformed}");
    }
    // Well-formed, and nobody's: its check digits are right.
    let unknown = "pc_live_0000000000000000000000000000000000000000_f6a06e16";
    let problem = world.shop.with_key(Some(unknown)).get("/v1/stores").send().await.problem();
    assert_snapshot!(problem, @"401 unknown-key: this API key is not known");
}

#[tokio::test]
async fn a_clerk_serves_members_but_does_not_touch_packs() {
    let world = World::new();
    with_points(&world.shop).await;
    let revision = world.shop.upload(host_tests::pack("points")).await.created()["revision"].clone();
    let before = world.state();
    let clerk = world.shop.as_clerk();
    let problem = clerk.upload(host_tests::pack("points")).await.problem();
    assert_snapshot!(problem, @"403 forbidden: the role `clerk` may not do this, which needs `manage-packs`");
    let off = json!({ "revision": revision, "stores": [] });
    assert_eq!(clerk.put("/v1/packs/points/enablement", off).send().await.problem().name(), "403 forbidden");
    assert_eq!(clerk.get("/v1/packs").send().await.problem().name(), "403 forbidden");
    world.unchanged_since(&before);

    let alice = clerk.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    alice.redeem(5).await.ok();
    clerk.refund(&order).await.ok();
}

#[tokio::test]
async fn no_route_answers_without_a_key_unless_it_says_so() {
    let world = World::new();
    let nobody = world.shop.with_key(None);
    for route in routes(&world.shop).await {
        if route.is_open {
            continue;
        }
        let path = route.path.replace(['{', '}'], "");
        let problem = nobody.request(&route.method, &path).send().await.problem();
        let is_own = route.path == "/v1/me" || route.path.starts_with("/v1/me/");
        let expected = if is_own { "401 no-member-token" } else { "401 no-key" };
        assert_eq!(problem.name(), expected, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn ids_of_another_merchant_in_a_body_are_unknown() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let revision = world.shop.upload(host_tests::pack("points")).await.created()["revision"].clone();
    let before = world.state();
    let rival = &world.rival;
    let enablement = json!({ "revision": revision, "stores": [rival.store(0)] });
    let in_our_store = json!({ "store": world.shop.store(0), "input": {} });
    for (reply, expected) in [
        (rival.order("t").with("member", alice.id.clone()).settle().await, "422 unknown-member"),
        (rival.order("t").with("store", world.shop.store(0)).settle().await, "422 unknown-store"),
        (rival.order("t").with("member", alice.id.clone()).quote().await, "422 unknown-member"),
        (rival.put("/v1/packs/points/enablement", enablement).send().await, "422 unknown-revision"),
        (rival.post("/v1/packs/points/commands/redeem", in_our_store).send().await, "422 unknown-store"),
    ] {
        assert_eq!(reply.problem().name(), expected);
    }
    world.unchanged_since(&before);
}

#[tokio::test]
async fn a_pack_does_not_reach_members_of_another_merchant() {
    let world = World::new();
    with_points(&world.shop).await;
    with_points(&world.rival).await;
    let theirs = world.rival.member("alice").enrol().await;
    let input = json!({ "member": theirs.id, "points": 5, "reason": "a gift" });
    let problem = world.shop.command("points", "grant", input).send().await.problem();
    assert_eq!(problem.name(), "404 pack:unknown-member");
    assert_eq!(theirs.points().await, 0);
}

/// A route of the interface.
struct Route {
    method: String,
    path: String,
    is_open: bool,
}

/// All routes that the host describes.
async fn routes(shop: &Shop) -> Vec<Route> {
    let described = shop.with_key(None).get("/openapi.json").send().await.ok();
    let mut routes = Vec::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let is_open = operation["security"] == json!([]) || operation["security"] == json!([{}]);
            routes.push(Route { method: method.to_uppercase(), path: path.clone(), is_open });
        }
    }
    routes
}
