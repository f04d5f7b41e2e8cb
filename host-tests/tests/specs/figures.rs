//! What a merchant earns and owes, by day, store, hour and thing; and its goals.

use host_tests::{Shop, World};
use insta::assert_json_snapshot;
use jiff::civil::date;
use punchcard::domain::Role;
use punchcard::store::{Direction, layout};
use serde_json::{Value, json};

use crate::with_points;

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

async fn figures(shop: &Shop, query: &str) -> Value {
    shop.get(&format!("/v1/figures?{query}")).send().await.ok()
}

const MARCH: &str = "from=2026-03-01&to=2026-03-31";

#[tokio::test]
async fn a_range_is_summed_in_all_and_by_store_day_and_unit() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let alice = shop.member("alice").with("home_store", shop.store(0)).enrol().await;
    alice.order("till-1").settle().await.created();
    alice.order("till-2").in_store(1).line("bun", 700).settle().await.created();
    world.clock_at("2026-03-19T09:00:00+08:00");
    let back = alice.order("till-3").line("bun", 300).settle().await.created();
    shop.order("till-4").line("bun", 1_000).settle().await.created();
    shop.refund(&back).await.ok();
    alice.load(5_000).await.created();
    let found = figures(shop, MARCH).await;
    assert_json_snapshot!(found["total"], @r#"
    {
      "average_basket_minor": 1100,
      "first_days": 1,
      "member_orders": 3,
      "member_revenue_minor": 3400,
      "members_active": 2,
      "members_new": 1,
      "members_returning": 1,
      "orders": 4,
      "refunded_minor": 300,
      "refunds": 1,
      "repurchase_permille": 1000,
      "revenue_minor": 4400,
      "second_days": 1
    }
    "#);
    let of_days: Vec<_> = list(&found["days"]).map(|day| (&day["day"], &day["figures"]["revenue_minor"])).collect();
    assert_eq!(of_days, [(&json!("2026-03-18"), &json!(3_100)), (&json!("2026-03-19"), &json!(1_300))]);
    let main = list(&found["stores"]).find(|store| store["store"] == shop.store(0)).unwrap();
    assert_eq!((&main["figures"]["orders"], &main["figures"]["refunds"]), (&json!(3), &json!(1)));
    let nothing = json!({ "issued": 0, "taken_back": 0, "paid_in": 0, "spent": 0, "given_back": 0, "expired": 0 });
    let unit = |name: &str, moved: &[(&str, u64)]| {
        let mut unit = nothing.clone();
        unit["unit"] = name.into();
        for (field, amount) in moved {
            unit[field] = (*amount).into();
        }
        unit
    };
    let points = unit("points", &[("issued", 34), ("taken_back", 3)]);
    let paid_in = unit("stored-value", &[("paid_in", 5_000)]);
    assert_eq!(found["units"], json!([points, paid_in]));
    let units_of = |of: &Value| of["units"].clone();
    let of_days: Vec<_> = list(&found["days"]).map(units_of).collect();
    let of_18th = json!([unit("points", &[("issued", 31)])]);
    assert_eq!(of_days, [of_18th, json!([unit("points", &[("issued", 3), ("taken_back", 3)]), paid_in])]);
    let in_stores: Vec<_> = list(&found["stores"]).map(|of| (of["store"].clone(), units_of(of))).collect();
    let in_main = (shop.store(0).into(), json!([unit("points", &[("issued", 27), ("taken_back", 3)])]));
    let in_corner = (shop.store(1).into(), json!([unit("points", &[("issued", 7)])]));
    assert!(in_stores.contains(&in_main) && in_stores.contains(&in_corner), "{in_stores:?}");
    assert!(in_stores.contains(&(Value::Null, json!([paid_in]))), "{in_stores:?}");
    let corner = figures(shop, &format!("{MARCH}&store={}", shop.store(1))).await;
    assert_eq!((&corner["total"]["orders"], &corner["total"]["revenue_minor"]), (&json!(1), &json!(700)));
    let nothing = figures(shop, "from=2025-03-01&to=2025-03-31").await;
    assert_eq!((&nothing["total"]["orders"], &nothing["days"]), (&Value::Null, &json!([])));
    assert_eq!(figures(&world.rival, MARCH).await["days"], json!([]));
}

#[tokio::test]
async fn what_is_done_with_assets_in_a_store_is_told_there() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    shop.put("/v1/units/points/rules", json!({ "transferable": true })).send().await.ok();
    let coupon = json!({ "title": "one off", "benefit": { "amount": { "off_minor": 1 } }, "validity": { "days": 7 } });
    shop.put("/v1/coupons/welcome", coupon).send().await.ok();
    let (alice, bob) = (shop.member("alice").enrol().await, shop.member("bob").enrol().await);
    let path = |what: &str| format!("/v1/members/{}/{what}", alice.id);
    let at_corner = async |path: &str, mut body: Value| {
        body["store"] = json!(shop.store(1));
        shop.post(path, body).send().await
    };
    at_corner(&path("stored-value"), json!({ "amount_minor": 1_000, "bonus_minor": 100 })).await.created();
    at_corner(&path("stored-value/payments"), json!({ "amount_minor": 300 })).await.created();
    let hold = json!({ "unit": "stored-value", "amount": 200, "lapses_at": "2026-03-18T12:00:00+08:00" });
    let hold = shop.post(&path("holds"), hold).send().await.created();
    at_corner(&format!("/v1/holds/{}/post", hold["hold"].as_str().unwrap()), json!({})).await.ok();
    let given = json!({ "unit": "points", "give": { "amount": 50 }, "reason": "an apology" });
    at_corner(&path("adjustments"), given.clone()).await.created();
    let gift = json!({ "to": bob.id, "unit": "points", "amount": 20 });
    at_corner(&path("gifts"), gift.clone()).await.created();
    at_corner(&path("coupons"), json!({ "coupon": "welcome" })).await.created();
    let lines = json!([{ "sku": "bun", "quantity": 1, "amount_minor": 100 }]);
    let redemption = json!({ "coupons": [{ "type": "welcome" }], "lines": lines });
    let redeemed = at_corner(&path("coupons/redemptions"), redemption).await.created();
    let back = json!({ "redemption": redeemed["posting"] });
    at_corner(&path("coupons/returns"), back.clone()).await.created();

    let corner = figures(shop, &format!("{MARCH}&store={}", shop.store(1))).await;
    let told = |unit: &str, what: &str| list(&corner["units"]).find(|one| one["unit"] == unit).unwrap()[what].clone();
    assert_eq!((told("stored-value", "paid_in"), told("stored-value", "spent")), (json!(1_000), json!(500)));
    assert_eq!((told("stored-value-bonus", "issued"), told("points", "issued")), (json!(100), json!(50)));
    let of_coupons = ["issued", "spent", "given_back"].map(|what| told("welcome", what));
    assert_eq!(of_coupons, [json!(1), json!(1), json!(1)]);
    let all = figures(shop, MARCH).await;
    let is_elsewhere = |of: &Value| of["store"] != shop.store(1) && of["units"] != json!([]);
    assert!(!list(&all["stores"]).any(is_elsewhere), "{all}");

    let before = world.state();
    for (what, mut body) in [
        ("stored-value", json!({ "amount_minor": 1_000 })),
        ("stored-value/payments", json!({ "amount_minor": 1 })),
        ("adjustments", given),
        ("gifts", gift),
        ("coupons", json!({ "coupon": "welcome" })),
        ("coupons/returns", back),
    ] {
        body["store"] = json!(world.rival.store(0));
        assert_eq!(shop.post(&path(what), body).send().await.problem().name(), "422 unknown-store", "{what}");
    }
    world.unchanged_since(&before);
}

#[tokio::test]
async fn a_member_counts_once_a_day_and_comes_back_on_another_one() {
    let world = World::new();
    let shop = &world.shop;
    let (alice, bob) = (shop.member("alice").enrol().await, shop.member("bob").enrol().await);
    world.clock_at("2026-03-25T12:00:00+08:00");
    for (member, reference, day) in [
        (&alice, "a1", "2026-03-20T23:59:59+08:00"),
        (&alice, "a2", "2026-03-20T08:00:00+08:00"),
        (&alice, "a3", "2026-03-21T00:00:00+08:00"),
        (&bob, "b1", "2026-03-21T09:00:00+08:00"),
        // Sent late: bob was here before.
        (&bob, "b2", "2026-03-19T09:00:00+08:00"),
        (&bob, "b3", "2026-03-21T10:00:00+08:00"),
    ] {
        member.order(reference).at(day).settle().await.created();
    }
    let total = figures(shop, MARCH).await["total"].clone();
    let counted = |name: &str| total[name].as_i64().unwrap_or(0);
    assert_eq!((counted("members_active"), counted("first_days"), counted("second_days")), (4, 2, 2));
    assert_eq!((counted("members_returning"), counted("repurchase_permille")), (1, 1000));
    for (query, expected) in [
        ("seen_since=2026-03-21", 2),
        ("seen_since=2026-03-22", 0),
        ("not_seen_since=2026-03-22", 2),
        ("not_seen_since=2026-03-21", 0),
    ] {
        let found = shop.get(&format!("/v1/members?{query}")).send().await.ok();
        assert_eq!(found["members"].as_array().unwrap().len(), expected, "{query}");
    }
}

#[tokio::test]
async fn sales_are_told_by_hour_and_by_thing() {
    let world = World::new();
    let shop = &world.shop;
    world.clock_at("2026-03-19T20:00:00+08:00");
    let cake = json!({ "sku": "cake", "category": "cakes", "quantity": 2, "amount_minor": 9_000 });
    let bun = json!({ "sku": "bun", "category": "bread", "quantity": 5, "amount_minor": 1_500 });
    shop.order("a")
        .raw_line(cake.clone())
        .raw_line(bun.clone())
        .at("2026-03-18T09:59:00+08:00")
        .settle()
        .await
        .created();
    shop.order("b").raw_line(bun).at("2026-03-19T10:00:00+08:00").in_store(1).settle().await.created();
    let by = |by: &str, more: &str| format!("/v1/figures/best-sellers?{MARCH}&by={by}{more}");
    let sellers = shop.get(&by("sku", "")).send().await.ok();
    assert_eq!(
        sellers["sellers"],
        json!([{ "name": "cake", "pieces": 2, "revenue_minor": 9_000 }, { "name": "bun", "pieces": 10, "revenue_minor": 3_000 }])
    );
    let best = shop.get(&by("category", "&limit=1")).send().await.ok();
    assert_eq!(best["sellers"], json!([{ "name": "cakes", "pieces": 2, "revenue_minor": 9_000 }]));
    let hours = shop.get(&format!("/v1/figures/hours?{MARCH}")).send().await.ok();
    let orders: Vec<_> =
        hours["hours"].as_array().unwrap().iter().map(|hour| hour["orders"].as_i64().unwrap_or(0)).collect();
    assert_eq!((orders.len(), orders[9], orders[10], orders.iter().sum::<i64>()), (24, 1, 1, 2));
}

#[tokio::test]
async fn figures_are_as_many_entries_whatever_happened() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    let entries = || {
        let (merchant, day) = (shop.id, date(2026, 3, 18));
        let ranges = [
            layout::figures(merchant, day, day),
            layout::flows(merchant, day, day),
            layout::hour_figures(merchant, day, day),
            layout::sellings(merchant, day, day),
        ];
        let host = world.running().host;
        ranges.map(|range| host.look(|tx| tx.scan(&range, Direction::Forward, usize::MAX)).unwrap().len())
    };
    for number in 0..3 {
        alice.order(&format!("till-{number}")).settle().await.created();
    }
    let after_three = entries();
    assert!(after_three.iter().all(|count| *count > 0), "{after_three:?}");
    for number in 3..40 {
        alice.order(&format!("till-{number}")).settle().await.created();
    }
    assert_eq!(entries(), after_three, "what is read does not grow with the orders");
    assert_eq!(figures(shop, MARCH).await["total"]["orders"], 40);
}

#[tokio::test]
async fn a_wrong_range_and_a_role_that_may_not_are_refused() {
    let world = World::new();
    let shop = &world.shop;
    for (query, expected) in [
        ("from=2026-03-02&to=2026-03-01", "400 wrong-query: `to` is 2026-03-01, which is before `from`, 2026-03-02"),
        (
            "from=2020-01-01&to=2026-03-01",
            "400 wrong-query: from 2020-01-01 to 2026-03-01 are more than 400 days; ask for parts of them",
        ),
    ] {
        assert_eq!(shop.get(&format!("/v1/figures?{query}")).send().await.problem().to_string(), expected);
    }
    assert_eq!(shop.get("/v1/figures?from=2026-02-30&to=2026-03-01").send().await.problem().name(), "400 wrong-query");
    for role in Role::ALL {
        let reply = shop.as_role(role).get(&format!("/v1/figures?{MARCH}")).send().await;
        let allowed = matches!(role, Role::Owner | Role::Manager | Role::Auditor);
        assert_eq!(reply.status.is_success(), allowed, "{role}");
    }
}

#[tokio::test]
async fn goals_for_a_month_tell_how_far_they_are_reached() {
    let world = World::new();
    let shop = &world.shop;
    shop.order("till-1").settle().await.created();
    shop.order("till-2").in_store(1).settle().await.created();
    let corner = json!({ "figure": "orders", "target": 10, "store": shop.store(1) });
    shop.put("/v1/goals/2026-03", corner).send().await.ok();
    let goals = shop.put("/v1/goals/2026-03", json!({ "figure": "revenue_minor", "target": 10_000 })).send().await.ok();
    assert_eq!(
        goals["goals"],
        json!([
            { "store": null, "staff": null, "team": null, "figure": "revenue_minor", "target": 10_000, "reached": 4_800 },
            { "store": shop.store(1), "staff": null, "team": null, "figure": "orders", "target": 10, "reached": 1 },
        ])
    );
    assert_eq!(shop.get("/v1/goals/2026-04").send().await.ok()["goals"], json!([]));
    let less = shop.put("/v1/goals/2026-03", json!({ "figure": "revenue_minor", "target": 0 })).send().await.ok();
    assert_eq!(less["goals"].as_array().unwrap().len(), 1);
    for (path, body, expected) in [
        ("/v1/goals/march", json!({ "figure": "orders", "target": 1 }), "404 no-such-thing"),
        ("/v1/goals/2026-03", json!({ "figure": "happiness", "target": 1 }), "422 wrong-body"),
        (
            "/v1/goals/2026-03",
            json!({ "figure": "orders", "target": 1, "store": world.rival.store(0) }),
            "422 unknown-store",
        ),
    ] {
        assert_eq!(shop.put(path, body).send().await.problem().name(), expected);
    }
}
