//! Coupons that take nothing off what is bought: a gift on top, and free delivery.

use host_tests::{Member, Shop, World};
use serde_json::{Value, json};

/// A member with one coupon of a type.
async fn with_coupon(shop: &Shop, coupon: &str, fields: Value) -> Member {
    let mut body = json!({ "title": coupon, "validity": { "days": 30 } });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    shop.put(&format!("/v1/coupons/{coupon}"), body).send().await.ok();
    let alice = shop.member("alice").enrol().await;
    shop.post(&format!("/v1/members/{}/coupons", alice.id), json!({ "coupon": coupon })).send().await.created();
    alice
}

fn basket(cake: u64, delivery: Option<u64>) -> Value {
    let mut lines = vec![json!({ "sku": "cake", "category": "cakes", "quantity": 1, "amount_minor": cake })];
    lines.extend(delivery.map(|cost| json!({ "sku": "delivery", "quantity": 1, "amount_minor": cost })));
    json!(lines)
}

async fn quote(shop: &Shop, alice: &Member, lines: Value) -> Value {
    let body = json!({ "store": shop.store(0), "member": alice.id, "lines": lines, "coupons": "best" });
    shop.post("/v1/quotes", body).without_key().send().await.ok()
}

#[tokio::test]
async fn a_gift_is_told_in_the_quote_and_given_with_the_order_once() {
    let world = World::new();
    let shop = &world.shop;
    let gift = json!({ "benefit": { "gift": { "sku": "macaron", "quantity": 2 } }, "threshold_minor": 3_000 });
    let alice = with_coupon(shop, "sweet", gift).await;
    let small = quote(shop, &alice, basket(2_000, None)).await;
    assert_eq!(small["coupons"][0]["skipped"]["code"], "coupon-below-threshold");
    let quoted = quote(shop, &alice, basket(4_000, None)).await;
    let given = json!({ "sku": "macaron", "quantity": 2 });
    assert_eq!((&quoted["coupons"][0]["discount"]["gift"], &quoted["due_minor"]), (&given, &json!(4_000)));
    let order = |reference: &str| {
        let order = alice.order(reference).with("lines", basket(4_000, None));
        order.with("coupons", json!([{ "type": "sweet" }]))
    };
    let settled = order("till-1").settle().await.created();
    assert_eq!((&settled["coupons"][0]["gift"], &settled["total_minor"]), (&given, &json!(4_000)));
    assert_eq!(order("till-2").settle().await.problem().name(), "422 insufficient-balance", "it is used up");
    shop.refund(&settled).await.ok();
    assert_eq!(alice.holds("sweet").await.available, 1, "it comes back with the order");
}

#[tokio::test]
async fn free_delivery_takes_off_what_delivery_costs_and_nothing_of_the_goods() {
    let world = World::new();
    let shop = &world.shop;
    let free = json!({
        "benefit": { "free-delivery": { "skus": ["delivery"], "cap_minor": 800 } },
        "threshold_minor": 3_000, "scope": { "categories": ["cakes"] }
    });
    let alice = with_coupon(shop, "to-the-door", free.clone()).await;
    let read = shop.get("/v1/coupons").send().await.ok();
    assert_eq!(read["coupons"][0]["benefit"], free["benefit"]);
    for (lines, says) in [
        (basket(4_000, None), json!("coupon-nothing-left")),
        (basket(2_900, Some(600)), json!("coupon-below-threshold")),
        (basket(4_000, Some(600)), json!([0, 600])),
        (basket(4_000, Some(1_000)), json!([0, 800])),
    ] {
        let quoted = quote(shop, &alice, lines.clone()).await;
        let coupon = &quoted["coupons"][0];
        let told = if coupon["applied"] == true { &coupon["discount"]["lines"] } else { &coupon["skipped"]["code"] };
        assert_eq!(*told, says, "{lines}");
    }
    let order = alice.order("till-1").with("lines", basket(4_000, Some(1_000)));
    let settled = order.with("coupons", json!([{ "type": "to-the-door" }])).settle().await.created();
    assert_eq!((&settled["total_minor"], &settled["lines"][1]["amount_minor"]), (&json!(4_200), &json!(200)));
    let back = shop.post(
        &format!("/v1/orders/{}/refund", settled["id"].as_str().unwrap()),
        json!({ "lines": [{ "line": 2, "quantity": 1 }] }),
    );
    assert_eq!(back.send().await.ok()["refunds"][0]["amount_minor"], 200, "no more comes back than was paid");
    for (benefit, refusal) in [
        (json!({ "free-delivery": { "skus": [] } }), "422 gives-nothing"),
        (json!({ "free-delivery": { "skus": ["delivery"], "cap_minor": 0 } }), "422 gives-nothing"),
        (json!({ "gift": { "sku": "macaron", "quantity": 0 } }), "422 gives-nothing"),
    ] {
        let body = json!({ "title": "none", "benefit": benefit, "validity": { "days": 1 } });
        let reply = shop.put("/v1/coupons/none", body).send().await;
        assert_eq!(reply.problem().name(), refusal, "{benefit}");
    }
}
