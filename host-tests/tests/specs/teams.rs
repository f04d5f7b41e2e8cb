//! Staff who serve, their teams, what they sell, and their goals.

use host_tests::{Shop, World};
use serde_json::{Value, json};

const MARCH: &str = "from=2026-03-01&to=2026-03-31";

/// Somebody of the staff, by their id, who works in these stores.
async fn staff(shop: &Shop, name: &str, stores: &[usize]) -> String {
    let stores: Vec<_> = stores.iter().map(|index| shop.store(*index)).collect();
    let mut new = json!({ "name": name, "display_name": name, "role": "clerk" });
    if !stores.is_empty() {
        new["stores"] = json!(stores);
    }
    shop.post("/v1/users", new).send().await.created()["user"]["id"].as_str().unwrap().to_owned()
}

async fn sold(shop: &Shop, query: &str) -> Value {
    let found = shop.get(&format!("/v1/figures/staff?{query}")).send().await.ok();
    let told = |list: &Value, who: &str| -> Value {
        let figures = |one: &Value| {
            json!([one["figures"]["orders"], one["figures"]["revenue_minor"], one["figures"]["refunded_minor"]])
        };
        list.as_array().unwrap().iter().map(|one| json!([one[who], figures(one)])).collect()
    };
    json!({ "staff": told(&found["staff"], "staff"), "teams": told(&found["teams"], "team") })
}

#[tokio::test]
async fn what_staff_sell_counts_for_them_and_for_the_team_they_are_in_then() {
    let world = World::new();
    let shop = &world.shop;
    let (fang, ming) = (staff(shop, "fang", &[]).await, staff(shop, "ming", &[1]).await);
    let alice = shop.member("alice").enrol().await;
    let morning = json!({ "title": "Morning shift", "staff": [fang, ming] });
    shop.put("/v1/teams/morning", morning.clone()).send().await.ok();
    let first = alice.order("till-1").with("served_by", &*fang).settle().await.created();
    assert_eq!((&first["served_by"], &first["team"]), (&json!(fang), &json!("morning")));
    alice.order("till-2").line("bun", 700).in_store(1).with("served_by", &*ming).settle().await.created();
    shop.order("till-3").settle().await.created();
    // She changes the team: what she sold stays where it was, what comes back of it as well.
    shop.put("/v1/teams/morning", json!({ "title": "Morning shift", "staff": [ming] })).send().await.ok();
    shop.put("/v1/teams/evening", json!({ "title": "Evening shift", "staff": [fang] })).send().await.ok();
    shop.order("till-4").line("tea", 1_000).with("served_by", &*fang).settle().await.created();
    shop.refund(&first).await.ok();
    let expected = json!({
        "staff": [[fang, [2, 3_400, 2_400]], [ming, [1, 700, null]]],
        "teams": [["morning", [2, 3_100, 2_400]], ["evening", [1, 1_000, null]]],
    });
    assert_eq!(sold(shop, MARCH).await, expected);
    let expected = json!({ "staff": [[ming, [1, 700, null]]], "teams": [["morning", [1, 700, null]]] });
    assert_eq!(sold(shop, &format!("{MARCH}&store={}", shop.store(1))).await, expected);
    assert_eq!(sold(shop, &format!("{MARCH}&limit=1")).await["staff"].as_array().unwrap().len(), 1);
    assert_eq!(sold(shop, "from=2026-04-01&to=2026-04-30").await, json!({ "staff": [], "teams": [] }));
    let members = shop.get(&format!("/v1/figures/staff?{MARCH}")).send().await.ok();
    assert_eq!(members["staff"][0]["figures"]["member_orders"], 1, "one of hers was a member's");
    assert_eq!(sold(&world.rival, MARCH).await, json!({ "staff": [], "teams": [] }));
}

#[tokio::test]
async fn an_order_that_is_claimed_counts_for_whoever_served_as_a_members() {
    let world = World::new();
    let shop = &world.shop;
    let fang = staff(shop, "fang", &[]).await;
    let alice = shop.member("alice").enrol().await;
    let order = shop.order("till-1").with("served_by", &*fang).settle().await.created();
    let path = format!("/v1/orders/{}/claim", order["id"].as_str().unwrap());
    shop.post(&path, json!({ "member": alice.id })).send().await.ok();
    let found = shop.get(&format!("/v1/figures/staff?{MARCH}")).send().await.ok();
    let figures = &found["staff"][0]["figures"];
    assert_eq!((&figures["orders"], &figures["member_orders"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn who_served_is_checked_and_the_same_order_again_is_the_same() {
    let world = World::new();
    let shop = &world.shop;
    let (fang, ming) = (staff(shop, "fang", &[]).await, staff(shop, "ming", &[1]).await);
    let theirs = staff(&world.rival, "fang", &[]).await;
    let before = world.state();
    for (who, refusal) in [
        (theirs.as_str(), "422 unknown-staff"),
        ("stf_00000000000000000000000000000001", "422 unknown-staff"),
        (ming.as_str(), "422 staff-elsewhere"),
        ("ming", "422 wrong-body"),
    ] {
        let reply = shop.order("till-1").with("served_by", who).settle().await;
        assert_eq!(reply.problem().name(), refusal, "{who}");
    }
    world.unchanged_since(&before);
    let first = shop.order("till-1").with("served_by", &*fang).settle().await.created();
    // Who sends it again need not say who served, also when they have left meanwhile.
    assert_eq!(shop.request("DELETE", &format!("/v1/users/{fang}")).send().await.status, 204);
    assert_eq!(shop.order("till-1").settle().await.created()["id"], first["id"]);
    assert_eq!(shop.order("till-1").with("served_by", &*fang).settle().await.created()["id"], first["id"]);
    let other = shop.order("till-1").with("served_by", &*ming).settle().await;
    assert_eq!(other.problem().name(), "409 reference-taken");
    let gone = shop.order("till-2").with("served_by", &*fang).settle().await;
    assert_eq!(gone.problem().name(), "422 unknown-staff");
}

#[tokio::test]
async fn nobody_is_in_two_teams_and_whoever_leaves_is_in_none() {
    let world = World::new();
    let shop = &world.shop;
    let (fang, ming) = (staff(shop, "fang", &[]).await, staff(shop, "ming", &[1]).await);
    let till = shop.post("/v1/keys", json!({ "role": "clerk" })).send().await.created()["id"].clone();
    let team = |staff: &[&str]| json!({ "title": "Shift", "staff": staff });
    let made = shop.put("/v1/teams/morning", team(&[&fang, till.as_str().unwrap()])).send().await;
    let etag = made.header("etag").unwrap().to_owned();
    made.ok();
    let before = world.state();
    let taken = shop.put("/v1/teams/evening", team(&[&ming, &fang])).send().await;
    assert_eq!(taken.problem().name(), "409 in-other-team");
    let unknown = shop.put("/v1/teams/evening", team(&["stf_00000000000000000000000000000001"])).send().await;
    assert_eq!(unknown.problem().name(), "422 unknown-staff");
    let corner = shop.post("/v1/keys", json!({ "role": "owner", "stores": [shop.store(1)] })).send().await.created();
    let corner = shop.with_key(corner["secret"].as_str());
    assert_eq!(corner.put("/v1/teams/morning", team(&[&ming])).send().await.problem().name(), "403 other-store");
    assert_eq!(corner.request("DELETE", "/v1/teams/morning").send().await.problem().name(), "403 other-store");
    assert_eq!(shop.request("DELETE", "/v1/teams/noon").send().await.problem().name(), "404 unknown-team");
    let teams = |shop: &Shop| {
        let shop = shop.clone();
        async move { shop.get("/v1/teams").send().await.ok()["teams"].clone() }
    };
    assert_eq!(teams(shop).await[0]["staff"].as_array().unwrap().len(), 2);
    assert!(world.state().with(b"morning").differs_from(&before.with(b"morning")).is_empty());
    corner.put("/v1/teams/corner", team(&[&ming])).send().await.ok();
    assert_eq!(shop.request("DELETE", &format!("/v1/users/{fang}")).send().await.status, 204);
    shop.request("DELETE", &format!("/v1/keys/{}", till.as_str().unwrap())).send().await.ok();
    let late = shop.put("/v1/teams/morning", team(&[])).header("if-match", &etag).send().await;
    assert_eq!(late.problem().name(), "412 other-version");
    assert_eq!(teams(shop).await[1]["staff"], json!([]), "both have left");
    assert_eq!(teams(&world.rival).await, json!([]));
    let page = shop.get("/v1/teams?limit=1").send().await.ok();
    assert_eq!(page["teams"][0]["team"], "corner");
    let next = shop.get(&format!("/v1/teams?limit=1&cursor={}", page["next"].as_str().unwrap())).send().await.ok();
    assert_eq!(next["teams"][0]["team"], "morning");
    assert_eq!(shop.request("DELETE", "/v1/teams/corner").send().await.status, 204);
    shop.put("/v1/teams/morning", team(&[&ming])).send().await.ok();
}

#[tokio::test]
async fn staff_and_teams_have_goals_of_what_is_counted_for_them() {
    let world = World::new();
    let shop = &world.shop;
    let fang = staff(shop, "fang", &[]).await;
    shop.put("/v1/teams/morning", json!({ "title": "Morning shift", "staff": [fang] })).send().await.ok();
    shop.order("till-1").with("served_by", &*fang).settle().await.created();
    let set = |goal: Value| shop.put("/v1/goals/2026-03", goal);
    let first = set(json!({ "figure": "orders", "target": 9 })).send().await;
    let etag = first.header("etag").unwrap().to_owned();
    first.ok();
    set(json!({ "staff": fang, "figure": "orders", "target": 4 })).header("if-match", &etag).send().await.ok();
    let stale = set(json!({ "team": "morning", "figure": "orders", "target": 5 })).header("if-match", &etag);
    assert_eq!(stale.send().await.problem().name(), "412 other-version", "a goal of staff is one of the month's");
    set(json!({ "team": "morning", "figure": "revenue_minor", "target": 10_000 })).send().await.ok();
    let goals = shop.get("/v1/goals/2026-03").send().await.ok();
    let goal = |staff: Option<&str>, team: Option<&str>, figure: &str, target: u64, reached: u64| json!({ "store": null, "staff": staff, "team": team, "figure": figure, "target": target, "reached": reached });
    let expected = json!([
        goal(None, None, "orders", 9, 1),
        goal(Some(&fang), None, "orders", 4, 1),
        goal(None, Some("morning"), "revenue_minor", 10_000, 2_400),
    ]);
    assert_eq!(goals["goals"], expected);
    for (goal, refusal) in [
        (json!({ "team": "noon", "figure": "orders", "target": 1 }), "422 unknown-team"),
        (
            json!({ "staff": "stf_00000000000000000000000000000001", "figure": "orders", "target": 1 }),
            "422 unknown-staff",
        ),
        (json!({ "staff": fang, "figure": "members_new", "target": 1 }), "422 not-of-staff"),
        (json!({ "staff": fang, "team": "morning", "figure": "orders", "target": 1 }), "422 wrong-body"),
    ] {
        assert_eq!(set(goal.clone()).send().await.problem().name(), refusal, "{goal}");
    }
    let corner = json!({ "role": "owner", "stores": [shop.store(1)] });
    let corner = shop.with_key(shop.post("/v1/keys", corner).send().await.created()["secret"].as_str());
    assert_eq!(corner.get("/v1/goals/2026-03").send().await.ok()["goals"], json!([]));
    let theirs = corner.put("/v1/goals/2026-03", json!({ "staff": fang, "figure": "orders", "target": 1 }));
    assert_eq!(theirs.send().await.problem().name(), "403 other-store");
    set(json!({ "staff": fang, "figure": "orders", "target": 0 })).send().await.ok();
    assert_eq!(shop.get("/v1/goals/2026-03").send().await.ok()["goals"].as_array().unwrap().len(), 2);
}
