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

/// Settles what was quoted: the lines and the coupons that count as they are listed, paid with what is due.
async fn settle_as_quoted(member: &Member, reference: &str, quote: &Value) {
    let counts = quote["coupons"].as_array().unwrap().iter().filter(|coupon| coupon["applied"] == true);
    let named: Vec<Value> = counts
        .map(|coupon| match &coupon["hold"] {
            Value::Null => json!({ "type": coupon["coupon"] }),
            hold => json!({ "hold": hold }),
        })
        .collect();
    let paid = json!([{ "method": "other", "name": "cash", "amount_minor": quote["due_minor"] }]);
    let order = member.order(reference).with("lines", quote["lines"].clone()).with("coupons", named);
    let order = order.with("payments", paid).settle().await.created();
    assert_eq!(order["total_minor"], quote["due_minor"]);
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
            ("five", json!(500)),
            ("birthday", json!(200)),
            ("three", json!("not-stackable")),
            ("large", json!("coupon-below-threshold")),
            ("tea", json!("coupon-nothing-in-scope")),
            ("alone", json!("others-give-more")),
        ])
    );
    // What the quote says counts is what the order redeems.
    settle_as_quoted(&alice, "till-1", &best).await;
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
            ("first", json!(300)),
            ("last", json!(500)),
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

#[tokio::test]
async fn a_quote_lists_coupons_in_the_order_in_which_an_order_with_them_comes_to_what_is_due() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    let tenth = json!({ "title": "a tenth", "benefit": { "percent": { "percent": 10 } }, "validity": { "days": 30 } });
    shop.put("/v1/coupons/a-tenth", tenth).send().await.ok();
    define(shop, "b-six", 600, json!({})).await;
    for coupon in ["a-tenth", "b-six"] {
        issue(shop, &alice, coupon, 1).await;
    }
    // Of one priority, the one that gives more by itself counts first: 6.00 off, then a tenth of 44.00.
    let best = quote(shop, &alice, json!("best")).await;
    assert_eq!(told(&best), expected(&[("b-six", json!(600)), ("a-tenth", json!(440))]));
    assert_eq!(best["due_minor"], 3_960);
    settle_as_quoted(&alice, "till-1", &best).await;
    world.books_balance();
}

#[tokio::test]
async fn the_best_are_several_of_one_type_as_far_as_they_go_together() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    define(shop, "five", 500, json!({})).await;
    define(shop, "sale", 100, json!({ "stacking_group": "sale", "group_max": 2 })).await;
    issue(shop, &alice, "five", 2).await;
    issue(shop, &alice, "sale", 3).await;
    let best = quote(shop, &alice, json!("best")).await;
    let (five, sale) = (("five", json!(500)), ("sale", json!(100)));
    assert_eq!(told(&best), expected(&[five.clone(), five, sale.clone(), sale]));
    assert_eq!(best["due_minor"], 3_800);
    settle_as_quoted(&alice, "till-1", &best).await;
    assert_eq!((alice.holds("five").await.available, alice.holds("sale").await.available), (0, 1));
    // A basket takes twenty coupons; those that are left of a type that counts are not told.
    define(shop, "tiny", 1, json!({})).await;
    issue(shop, &alice, "tiny", 25).await;
    let best = quote(shop, &alice, json!("best")).await;
    let counted = [vec![("sale", json!(100))], vec![("tiny", json!(1)); 19]].concat();
    assert_eq!(told(&best), expected(&counted));
    settle_as_quoted(&alice, "till-2", &best).await;
    world.books_balance();
}

#[tokio::test]
async fn of_coupons_that_are_reserved_together_all_count_or_none() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    define(shop, "two", 2_000, json!({})).await;
    issue(shop, &alice, "two", 5).await;
    let reserve = async |amount: u64| {
        let hold = json!({ "unit": "two", "amount": amount, "lapses_at": "2027-01-01T00:00:00Z" });
        let path = format!("/v1/members/{}/holds", alice.id);
        json!({ "hold": shop.post(&path, hold).send().await.created()["hold"] })
    };
    let (pair, three) = (reserve(2).await, reserve(3).await);
    // The basket comes to 50.00: a fourth coupon would give nothing, so that with the pair the three do not count.
    let quoted = quote(shop, &alice, json!([pair, three, pair])).await;
    assert_eq!(told(&quoted), expected(&[("two", json!(4_000)), ("two", json!("coupon-nothing-left"))]));
    assert_eq!((&quoted["coupons"][0]["hold"], &quoted["coupons"][0]["count"]), (&pair["hold"], &json!(2)));
    assert_eq!((&quoted["coupons"][1]["hold"], &quoted["coupons"][1]["count"]), (&three["hold"], &json!(3)));
    settle_as_quoted(&alice, "till-1", &quoted).await;
    // Three count for a basket by themselves, the third for what is left.
    let quoted = quote(shop, &alice, json!([three])).await;
    assert_eq!((told(&quoted), &quoted["due_minor"]), (expected(&[("two", json!(5_000))]), &json!(0)));
    world.books_balance();
}

#[tokio::test]
async fn what_was_set_aside_is_good_for_the_order_of_a_till_that_was_offline_and_an_expired_coupon_is_not() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    define(shop, "today", 500, json!({ "validity": { "days": 0 } })).await;
    issue(shop, &alice, "today", 2).await;
    let hold = json!({ "unit": "today", "amount": 1, "lapses_at": "2026-03-25T00:00:00+08:00" });
    let hold = shop.post(&format!("/v1/members/{}/holds", alice.id), hold).send().await.created()["hold"].clone();
    world.clock_at("2026-03-19T09:00:00+08:00");
    let order = alice.order("till-1").at("2026-03-18T20:00:00+08:00").line("cake", 3_000);
    let before = world.state();
    let refused = order.clone().with("coupons", json!([{ "type": "today" }])).settle().await.problem();
    assert_eq!(refused.status, 422, "{refused}");
    world.unchanged_since(&before);
    let settled = order.with("coupons", json!([{ "hold": hold }])).settle().await.created();
    assert_eq!((&settled["total_minor"], &settled["ordered_at"]), (&json!(2_500), &json!("2026-03-18T12:00:00Z")));
    world.books_balance();
}
