//! Orders that are refused: each for its own reason, and nothing changes.

use host_tests::{OrderBuilder, World};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::with_points;

/// Settles an order that must be refused and shows the problem.
async fn refusal(change: impl FnOnce(&World, OrderBuilder) -> OrderBuilder) -> String {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let before = world.state();
    let order = change(&world, alice.order("till-1"));
    let problem = order.settle().await.problem();
    world.unchanged_since(&before);
    problem.to_string()
}

fn line(field: &str, value: impl Into<Value>) -> Value {
    let mut line = json!({ "sku": "croissant", "quantity": 1, "amount_minor": 2400 });
    line[field] = value.into();
    line
}

#[tokio::test]
async fn a_negative_amount_is_refused() {
    let refused = refusal(|_, order| order.raw_line(line("amount_minor", -5))).await;
    assert_snapshot!(refused, @"422 wrong-body: lines[0].amount_minor: invalid value: integer `-5`, expected an amount: a whole number of minor units, zero or more at line 1 column 28");
}

#[tokio::test]
async fn a_fraction_of_a_minor_unit_is_refused() {
    let refused = refusal(|_, order| order.line("a", 1).raw_line(line("amount_minor", 12.5))).await;
    assert_snapshot!(refused, @"422 wrong-body: lines[1].amount_minor: invalid type: floating point `12.5`, expected an amount: a whole number of minor units, zero or more at line 1 column 72");
}

#[tokio::test]
async fn an_amount_in_quotes_is_refused() {
    let refused = refusal(|_, order| order.raw_line(line("amount_minor", "2400"))).await;
    assert_snapshot!(refused, @r#"422 wrong-body: lines[0].amount_minor: invalid type: string "2400", expected an amount: a whole number of minor units, zero or more at line 1 column 32"#);
}

#[tokio::test]
async fn an_unknown_field_is_refused_by_name() {
    let refused = refusal(|_, order| order.with("discount", 5)).await;
    assert_snapshot!(refused, @"422 wrong-body: discount: unknown field `discount`, expected one of `reference`, `store`, `member`, `served_by`, `ordered_at`, `currency`, `lines`, `due_minor`, `coupons`, `payments` at line 1 column 11");
}

#[tokio::test]
async fn a_missing_field_is_refused_by_name() {
    let refused = refusal(|_, order| order.raw_line(json!({ "sku": "croissant", "quantity": 1 }))).await;
    assert_snapshot!(refused, @"422 wrong-body: lines[0]: missing field `amount_minor` at line 1 column 42");
}

#[tokio::test]
async fn a_line_of_nothing_is_refused() {
    let refused = refusal(|_, order| order.line("a", 1).raw_line(line("quantity", 0))).await;
    assert_snapshot!(refused, @"422 no-quantity: line 2: quantity is 0, expected at least 1");
}

#[tokio::test]
async fn a_sku_with_control_characters_is_refused() {
    let refused = refusal(|_, order| order.raw_line(line("sku", "croissant\n"))).await;
    assert_snapshot!(refused, @"422 wrong-body: lines[0].sku: a label is 1 to 128 bytes without control characters or outer blanks, but this has 10 bytes or such characters");
}

#[tokio::test]
async fn an_order_without_lines_is_refused() {
    let refused = refusal(|_, order| order.with("lines", json!([]))).await;
    assert_snapshot!(refused, @"422 no-lines: an order has at least one line");
}

#[tokio::test]
async fn an_order_with_too_many_lines_is_refused() {
    let refused = refusal(|_, order| order.with("lines", json!(vec![line("quantity", 1); 201]))).await;
    assert_snapshot!(refused, @"422 too-many-lines: an order has at most 200 lines, but this one has 201");
}

#[tokio::test]
async fn an_order_with_as_many_lines_as_allowed_is_taken() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let long = "x".repeat(54);
    let line = json!({ "sku": long, "category": long, "brand": long, "quantity": u32::MAX, "amount_minor": 100 });
    let order = alice.order("till-1").with("lines", json!(vec![line; 200])).settle().await.created();
    assert_eq!(order["total_minor"], 20_000);
    assert_eq!(alice.points().await, 200);
    assert_eq!(world.shop.refund(&order).await.ok()["state"], "refunded");
}

#[tokio::test]
async fn an_order_with_names_for_which_there_is_no_room_is_refused() {
    let world = World::new();
    let shop = &world.shop;
    let long = "x".repeat(128);
    let all = json!({ "sku": long, "category": long, "brand": long, "quantity": 1, "amount_minor": 100 });
    // What the catalogue says of a line is kept with it.
    let item = json!({ "name": "x", "category": long, "brand": long });
    shop.put(&format!("/v1/catalogue/{long}"), item).send().await.ok();
    let short = json!({ "sku": long, "quantity": 1, "amount_minor": 100 });
    let before = world.state();
    for line in [all, short] {
        let order = shop.order("till-1").with("lines", json!(vec![line; 200]));
        let problem = order.clone().settle().await.problem();
        let told =
            "an order's lines have at most 32768 bytes of names, those of the catalogue included, but these have 76800";
        assert_eq!(problem.to_string(), format!("422 names-too-long: {told}"));
        assert_eq!(order.quote().await.problem(), problem);
    }
    world.unchanged_since(&before);
}

#[tokio::test]
async fn an_amount_over_the_largest_is_refused() {
    let refused = refusal(|_, order| order.line("a", 1_000_000_000_000_000).line("b", 1)).await;
    assert_snapshot!(refused, @"422 amount-too-large: line 2: the amount, or the order's total with it, is over 1000000000000000 minor units");
}

#[tokio::test]
async fn the_largest_amount_is_taken() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.order("till-1").line("bakery", 1_000_000_000_000_000).settle().await.created();
    assert_eq!(alice.points().await, 10_000_000_000_000);
}

#[tokio::test]
async fn an_order_in_another_currency_is_refused() {
    let refused = refusal(|_, order| order.with("currency", "EUR")).await;
    assert_snapshot!(refused, @"422 other-currency: the order is in EUR, but the merchant's currency is CNY");
    let unknown = refusal(|_, order| order.with("currency", "YUAN")).await;
    assert_snapshot!(unknown, @"422 wrong-body: currency: `YUAN` is not a currency: expected an ISO 4217 code such as CNY at line 1 column 18");
}

#[tokio::test]
async fn an_order_of_the_future_is_refused() {
    let refused = refusal(|_, order| order.at("2026-03-18T08:05:00.001+08:00")).await;
    assert_snapshot!(refused, @"422 order-in-future: the order's time, 2026-03-18T00:05:00.001Z, is in the future");
}

#[tokio::test]
async fn an_order_of_before_1970_is_refused() {
    for at in ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z"] {
        let refused = refusal(|_, order| order.at(at)).await;
        let expected = "is before 1970-01-01T00:00:00Z, the first that is taken";
        assert_eq!(refused, format!("422 order-too-long-ago: the order's time, {at}, {expected}"));
    }
    let world = World::new();
    world.shop.order("till-1").at("1970-01-01T00:00:00Z").settle().await.created();
}

#[tokio::test]
async fn a_tills_clock_may_be_five_minutes_ahead() {
    let world = World::new();
    world.shop.order("till-1").at("2026-03-18T08:05:00+08:00").settle().await.created();
}

#[tokio::test]
async fn a_time_that_is_none_is_refused() {
    let refused = refusal(|_, order| order.at("yesterday")).await;
    assert!(refused.starts_with("422 wrong-body: ordered_at: "), "{refused}");
}

#[tokio::test]
async fn another_merchants_store_and_member_are_unknown() {
    let refused = refusal(|world, order| order.with("store", world.rival.store(0))).await;
    assert_snapshot!(refused, @"422 unknown-store: there is no store sto_…");
    let refused = refusal(|_, order| order.with("member", "mem_00000000000000000000000000000000")).await;
    assert_snapshot!(refused, @"422 unknown-member: there is no member mem_…");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let world = World::new();
    let before = world.state();
    let deep = "[".repeat(100_000);
    for body in [&b"{\"reference\":"[..], b"", b"{} {}", b"\xff", deep.as_bytes()] {
        let problem = world.shop.post("/v1/orders", Value::Null).body(body.to_vec()).send().await.problem();
        assert!(["400 not-json", "422 wrong-body"].contains(&problem.name().as_str()), "{problem}");
    }
    let problem = world.shop.post("/v1/orders", Value::Null).body("{\"reference\": 1,}").send().await.problem();
    assert_eq!(problem.status / 100, 4);
    world.unchanged_since(&before);
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let world = World::new();
    let body = world.shop.order("till-1").body();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let problem = world.shop.post("/v1/orders", body.clone()).content_type(kind).send().await.problem();
        assert_eq!(problem.name(), "415 not-json-type", "{kind}");
    }
    let with_charset = world.shop.post("/v1/orders", body).content_type("application/json; charset=utf-8");
    with_charset.send().await.created();
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let world = World::new();
    let body = vec![b' '; (1 << 20) + 1];
    let problem = world.shop.post("/v1/orders", Value::Null).body(body).send().await.problem();
    assert_eq!(problem.name(), "413 body-too-large");
}

#[tokio::test]
async fn a_quote_is_refused_for_the_same_reasons() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    for (order, expected) in [
        (alice.order("q").with("lines", json!([])), "422 no-lines"),
        (alice.order("q").raw_line(line("amount_minor", -5)), "422 wrong-body"),
        (alice.order("q").with("store", world.rival.store(0)), "422 unknown-store"),
        (alice.order("q").with("member", "mem_00000000000000000000000000000000"), "422 unknown-member"),
    ] {
        assert_eq!(order.quote().await.problem().name(), expected);
    }
}
