//! What a member has bought in a period, however it was paid.

use host_tests::{Shop, World};
use punchcard::domain::Role;
use serde_json::{Value, json};

async fn told(shop: &Shop, member: &str, query: &str) -> Value {
    shop.get(&format!("/v1/members/{member}/consumption?{query}")).send().await.ok()
}

fn references(told: &Value) -> Vec<&str> {
    told["orders"].as_array().unwrap().iter().map(|order| order["reference"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_statement_has_the_orders_of_its_days_and_what_they_come_to() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    alice.load(50_000).await.created();
    // The days are those of the merchant's clocks: the first of March begins at 16:00 of the day before.
    for (reference, at, amount) in [
        ("february", "2026-02-28T15:59:59.999Z", 100),
        ("first", "2026-02-28T16:00:00Z", 1_000),
        ("last", "2026-03-15T15:59:59.999Z", 2_000),
        ("late", "2026-03-15T16:00:00Z", 300),
    ] {
        alice.order(reference).at(at).line("bun", amount).settle().await.created();
    }
    let paid = json!([{ "method": "other", "name": "cash", "amount_minor": 3_000 },
        { "method": "stored-value", "amount_minor": 1_000 }]);
    let order = alice.order("paid").at("2026-03-10T00:00:00Z").line("cake", 4_000).with("payments", paid);
    let order = order.settle().await.created();
    shop.member("bob").enrol().await.order("of-bob").at("2026-03-10T00:00:00Z").settle().await.created();
    let back = json!({ "lines": [{ "line": 1, "amount_minor": 500 }] });
    shop.post(&format!("/v1/orders/{}/refund", order["id"].as_str().unwrap()), back).send().await.ok();
    let march = told(shop, &alice.id, "from=2026-03-01&to=2026-03-15").await;
    let mut found = references(&march);
    found.sort_unstable();
    assert_eq!(found, ["first", "last", "paid"]);
    let expected = json!({ "orders": 3, "total_minor": 7_000, "refunded_minor": 500,
        "payments": [{ "method": "cash", "amount_minor": 3_000 }, { "method": "stored-value", "amount_minor": 1_000 }] });
    assert_eq!((&march["sums"], &march["currency"], &march["next"]), (&expected, &json!("CNY"), &Value::Null));
    let none = told(shop, &alice.id, "from=2027-01-01&to=2027-01-31").await;
    assert_eq!((references(&none).len(), &none["sums"]["total_minor"]), (0, &json!(0)));
}

#[tokio::test]
async fn an_order_of_a_till_whose_clock_is_ahead_is_in_the_statement_of_its_own_day() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    world.clock_at("2026-03-31T23:58:00+08:00");
    alice.order("ahead").at("2026-04-01T00:02:00+08:00").settle().await.created();
    alice.order("right").settle().await.created();
    assert_eq!(references(&told(shop, &alice.id, "from=2026-03-01&to=2026-03-31").await), ["right"]);
    assert_eq!(references(&told(shop, &alice.id, "from=2026-04-01&to=2026-04-30").await), ["ahead"]);
}

#[tokio::test]
async fn pages_of_a_statement_add_up_to_all_of_it() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    for number in 0..7 {
        let at = if number % 3 == 2 { "2026-02-10T00:00:00Z" } else { "2026-03-10T00:00:00Z" };
        alice.order(&format!("till-{number}")).at(at).line("bun", 100 + number).settle().await.created();
    }
    let (mut orders, mut total, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = told(shop, &alice.id, &format!("from=2026-03-01&to=2026-03-31&limit=2{cursor}")).await;
        assert!(page["orders"].as_array().unwrap().len() <= 2);
        orders.extend(references(&page).into_iter().map(str::to_owned));
        total += page["sums"]["total_minor"].as_u64().unwrap();
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    orders.sort();
    assert_eq!(orders, ["till-0", "till-1", "till-3", "till-4", "till-6"]);
    assert_eq!(total, 500 + 1 + 3 + 4 + 6);
}

#[tokio::test]
async fn a_statement_is_of_the_stores_in_which_one_may_act_and_of_ones_own_members() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    alice.order("here").settle().await.created();
    alice.order("there").in_store(1).settle().await.created();
    let key = shop.post("/v1/keys", json!({ "role": "clerk", "stores": [shop.store(1)] })).send().await.created();
    let clerk = shop.with_key(key["secret"].as_str());
    assert_eq!(references(&told(&clerk, &alice.id, "from=2026-03-01&to=2026-03-31").await), ["there"]);
    assert_eq!(
        told(&shop.as_role(Role::Auditor), &alice.id, "from=2026-03-01&to=2026-03-31").await["sums"]["orders"],
        2
    );
    let path = |query: &str| format!("/v1/members/{}/consumption?{query}", alice.id);
    let rival = world.rival.get(&path("from=2026-03-01&to=2026-03-31")).send().await.problem();
    assert_eq!(rival.name(), "404 unknown-member");
    for (query, expected) in [
        ("from=2026-03-31&to=2026-03-01", "`to` is 2026-03-01, which is before `from`, 2026-03-31"),
        ("from=2024-01-01&to=2026-03-01", "are more than 400 days"),
        ("from=2026-03-01", "to"),
    ] {
        let refused = shop.get(&path(query)).send().await.problem();
        assert_eq!(refused.name(), "400 wrong-query", "{query}");
        assert!(refused.detail.contains(expected), "{query}: {refused}");
    }
}
