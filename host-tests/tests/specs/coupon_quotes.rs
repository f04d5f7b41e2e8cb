//! What a quote tells of coupons: which count, which do not, and why.

use host_tests::{Member, Shop, World};
use serde_json::{Value, json};

async fn define(shop: &Shop, coupon: &str, off_minor: u64, more: Value) {
    let mut body =
        json!({ "title": coupon, "benefit": { "amount": { "off_minor": off_minor } }, "validity": { "days": 30 } });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    shop.put(&format!("/v1/coupons/{coupon}"), body).send().await.ok();
}

async fn issue(shop: &Shop, member: &Member, coupon: &str, count: u64) {
    let body = json!({ "coupon": coupon, "count": count });
    shop.post(&format!("/v1/members/{}/coupons", member.id), body).send().await.created();
}

async fn quote(shop: &Shop, member: &Member, coupons: Value) -> Value {
    let lines = json!([
        { "sku": "bun", "category": "bread", "quantity": 2, "amount_minor": 1_000 },
        { "sku": "cake", "category": "cakes", "quantity": 1, "amount_minor": 4_000 },
    ]);
    let body = json!({ "store": shop.store(0), "member": member.id, "lines": lines, "coupons": coupons });
    shop.post("/v1/quotes", body).without_key().send().await.ok()
}

/// Each coupon with what it takes off, or why it does not count.
fn told(quote: &Value) -> Vec<(String, Value)> {
    let coupons = quote["coupons"].as_array().unwrap().iter();
    let told = coupons.map(|coupon| {
        let off = coupon["discount"]["lines"]
            .as_array()
            .map(|lines| lines.iter().map(|off| off.as_u64().unwrap()).sum::<u64>());
        let says = off.map_or_else(|| coupon["skipped"]["code"].clone(), Into::into);
        (coupon["coupon"].as_str().unwrap().to_owned(), says)
    });
    told.collect()
}

fn expected(all: &[(&str, Value)]) -> Vec<(String, Value)> {
    all.iter().map(|(coupon, says)| ((*coupon).to_owned(), says.clone())).collect()
}

#[tokio::test]
async fn the_best_of_what_a_buyer_has_count_and_each_other_says_why_not() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    define(shop, "five", 500, json!({ "stacking_group": "sale" })).await;
    define(shop, "three", 300, json!({ "stacking_group": "sale" })).await;
    define(shop, "birthday", 200, json!({ "scope": { "categories": ["cakes"] } })).await;
    define(shop, "large", 1_000, json!({ "threshold_minor": 9_000 })).await;
    define(shop, "alone", 650, json!({ "exclusive": true })).await;
    define(shop, "tea", 100, json!({ "scope": { "categories": ["tea"] } })).await;
    for coupon in ["five", "three", "birthday", "large", "alone", "tea"] {
        issue(shop, &alice, coupon, 1).await;
    }
    let before = world.state();
    let best = quote(shop, &alice, json!("best")).await;
    world.unchanged_since(&before);
    assert_eq!((&best["total_minor"], &best["due_minor"]), (&json!(5_000), &json!(4_300)));
    assert_eq!(
        told(&best),
        expected(&[
            ("birthday", json!(200)),
            ("five", json!(500)),
            ("alone", json!("others-give-more")),
            ("large", json!("coupon-below-threshold")),
            ("tea", json!("coupon-nothing-in-scope")),
            ("three", json!("not-stackable")),
        ])
    );
    // What the quote says counts is what the order redeems.
    let named: Vec<Value> = ["birthday", "five"].iter().map(|coupon| json!({ "type": coupon })).collect();
    let order = alice.order("till-1").with("coupons", json!(named));
    let bun = json!({ "sku": "bun", "category": "bread", "quantity": 2, "amount_minor": 1_000 });
    let cake = json!({ "sku": "cake", "category": "cakes", "quantity": 1, "amount_minor": 4_000 });
    let order = order.raw_line(bun).raw_line(cake).settle().await.created();
    assert_eq!(order["total_minor"], best["due_minor"]);
    // Now one that goes with no other gives more than what is left.
    assert_eq!(quote(shop, &alice, json!("best")).await["due_minor"], json!(4_350));
    assert_eq!(quote(shop, &alice, Value::Null).await["due_minor"], json!(5_000));
    world.books_balance();
}

#[tokio::test]
async fn named_coupons_count_by_priority_and_those_that_are_not_there_are_told() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    define(shop, "last", 500, json!({ "priority": 9, "stacking_group": "sale", "group_max": 2 })).await;
    define(shop, "first", 300, json!({ "priority": 1, "stacking_group": "sale", "group_max": 2 })).await;
    issue(shop, &alice, "last", 2).await;
    issue(shop, &alice, "first", 1).await;
    let coupons =
        json!([{ "type": "last" }, { "type": "last" }, { "type": "first" }, { "type": "first" }, { "type": "none" }]);
    let quoted = quote(shop, &alice, coupons).await;
    assert_eq!(
        told(&quoted),
        expected(&[
            ("last", json!(500)),
            ("first", json!(300)),
            ("first", json!("not-held")),
            ("none", json!("unknown-coupon")),
            ("last", json!("not-stackable")),
        ])
    );
    let hold = json!({ "unit": "last", "amount": 1, "lapses_at": "2027-01-01T00:00:00Z" });
    let hold = shop.post(&format!("/v1/members/{}/holds", alice.id), hold).send().await.created();
    let quoted = quote(shop, &alice, json!([{ "hold": hold["hold"] }])).await;
    assert_eq!((&quoted["coupons"][0]["hold"], &quoted["due_minor"]), (&hold["hold"], &json!(4_500)));
    let bob = shop.member("bob").enrol().await;
    assert_eq!(told(&quote(shop, &bob, json!([{ "hold": hold["hold"] }])).await), []);
    let wrong = json!({ "store": shop.store(0), "lines": [{ "sku": "a", "quantity": 1, "amount_minor": 1 }], "coupons": "all" });
    let problem = shop.post("/v1/quotes", wrong).send().await.problem();
    assert!(problem.name().starts_with("4"), "{problem}");
}
