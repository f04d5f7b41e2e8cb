//! What a merchant sells, and what baskets take from it.

use host_tests::World;
use punchcard::domain::Role;
use serde_json::{Value, json};

#[tokio::test]
async fn an_item_is_kept_changed_listed_and_taken_out() {
    let world = World::new();
    let shop = &world.shop;
    let path = "/v1/catalogue/croissant%20%E5%A4%A7";
    let item = json!({ "name": "Croissant", "category": "pastry", "price_minor": 1_200, "member_price_minor": 1_000 });
    let put = shop.as_role(Role::Integration).put(path, item.clone()).send().await;
    assert_eq!(put.header("etag"), Some("\"0\""));
    assert_eq!(put.ok()["sku"], "croissant 大");
    let cheaper = json!({ "name": "Croissant", "price_minor": 1_100 });
    let changed = shop.put(path, cheaper.clone()).header("if-match", "\"0\"").send().await;
    assert_eq!(changed.header("etag"), Some("\"1\""));
    let late = shop.put(path, item).header("if-match", "\"0\"").send().await.problem();
    assert_eq!(late.name(), "412 other-version");
    assert_eq!(shop.get(path).send().await.ok()["price_minor"], 1_100);
    assert_eq!(world.rival.get(path).send().await.problem().name(), "404 unknown-item");
    shop.put("/v1/catalogue/bun", json!({ "name": "Bun" })).send().await.ok();
    let first = shop.get("/v1/catalogue?limit=1").send().await.ok();
    assert_eq!(first["items"][0]["sku"], "bun");
    let rest = shop.get(&format!("/v1/catalogue?cursor={}", first["next"].as_str().unwrap())).send().await.ok();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    assert_eq!(shop.as_clerk().put(path, cheaper).send().await.problem().name(), "403 forbidden");
    assert_eq!(shop.request("DELETE", path).send().await.status, 204);
    assert_eq!(shop.request("DELETE", path).send().await.problem().name(), "404 unknown-item");
}

#[tokio::test]
async fn a_line_that_names_no_category_is_of_the_one_in_the_catalogue() {
    let world = World::new();
    let shop = &world.shop;
    shop.put("/v1/catalogue/cake", json!({ "name": "Cake", "category": "cakes", "brand": "Maison" })).send().await.ok();
    let order = shop.order("till-1").line("cake", 3_000).settle().await.created();
    assert_eq!((&order["lines"][0]["category"], &order["lines"][0]["brand"]), (&json!("cakes"), &json!("Maison")));
    // The catalogue changes; the same order sent again is still the same.
    shop.put("/v1/catalogue/cake", json!({ "name": "Cake", "category": "sweets" })).send().await.ok();
    assert_eq!(shop.order("till-1").line("cake", 3_000).settle().await.created()["id"], order["id"]);
    let own = json!({ "sku": "cake", "category": "wedding", "quantity": 1, "amount_minor": 3_000 });
    let order = shop.order("till-2").raw_line(own).settle().await.created();
    assert_eq!(order["lines"][0]["category"], "wedding");
}

#[tokio::test]
async fn a_quote_takes_prices_of_the_catalogue_and_those_for_members_when_the_buyer_is_known() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    for (sku, item) in [
        (
            "croissant",
            json!({ "name": "Croissant", "category": "pastry", "price_minor": 1_200, "member_price_minor": 1_000 }),
        ),
        ("bun", json!({ "name": "Bun", "price_minor": 500 })),
        ("cake", json!({ "name": "Cake" })),
        ("gold-leaf", json!({ "name": "Gold leaf", "price_minor": 1_000_000 })),
    ] {
        shop.put(&format!("/v1/catalogue/{sku}"), item).send().await.ok();
    }
    let quote = |lines: Value, member: Option<&str>| {
        let body = json!({ "store": shop.store(0), "member": member, "lines": lines });
        shop.post("/v1/quotes", body).without_key()
    };
    let lines = json!([
        { "sku": "croissant", "quantity": 3 },
        { "sku": "bun", "quantity": 2 },
        { "sku": "croissant", "quantity": 1, "amount_minor": 900 },
    ]);
    let amounts = |quote: &Value| -> Vec<u64> {
        quote["lines"].as_array().unwrap().iter().map(|line| line["amount_minor"].as_u64().unwrap()).collect()
    };
    let of_anybody = quote(lines.clone(), None).send().await.ok();
    assert_eq!((amounts(&of_anybody), &of_anybody["total_minor"]), (vec![3_600, 1_000, 900], &json!(5_500)));
    let of_member = quote(lines, Some(&alice.id)).send().await.ok();
    assert_eq!((amounts(&of_member), &of_member["due_minor"]), (vec![3_000, 1_000, 900], &json!(4_900)));
    assert_eq!(of_member["lines"][0]["category"], "pastry");
    let order = alice.order("till-1").with("lines", of_member["lines"].clone()).settle().await.created();
    assert_eq!(order["total_minor"], 4_900, "the lines of a quote are those of an order");
    for (lines, refusal) in [
        (json!([{ "sku": "cake", "quantity": 1 }]), "422 no-price"),
        (json!([{ "sku": "bun", "quantity": 1 }, { "sku": "nowhere", "quantity": 1 }]), "422 no-price"),
        (json!([{ "sku": "gold-leaf", "quantity": u32::MAX }]), "422 amount-too-large"),
        (json!([{ "sku": "bun", "quantity": 0 }]), "422 no-quantity"),
        (json!([]), "422 no-lines"),
    ] {
        assert_eq!(quote(lines.clone(), Some(&alice.id)).send().await.problem().name(), refusal, "{lines}");
    }
}
