//! All that a merchant has goes out: what it has set up, what it says and counts, and what was paid and given back for
//! orders.

use host_tests::{Receiver, World};
use jiff::SignedDuration;
use punchcard::domain::Role;
use serde_json::json;

use crate::exports::{documents, table};
use crate::messages::{gateway, hello, open_world, phoned, say_hello};

#[tokio::test]
async fn what_a_merchant_has_set_up_says_and_counts_goes_out() {
    let world = open_world();
    let shop = &world.shop;
    gateway(shop, "sms", &Receiver::new().await).await;
    hello(shop, None).await;
    let fang = phoned(shop, "fang", "+8613800138000").await;
    let message = say_hello(shop, &fang).await;
    for (path, body) in [
        ("/v1/segments/lost", json!({ "title": "Lost", "condition": { "orders": { "at_least": 2 } } })),
        ("/v1/benefits/brow-trim", json!({ "title": "Brow trim", "quota": 3, "period": "month", "tiers": ["gold"] })),
        ("/v1/attributes/size", json!({ "label": "Size", "kind": "choice", "choices": ["S", "M"] })),
        ("/v1/behaviours/item-wanted", json!({ "title": "Wants something", "schema": { "type": "object" } })),
        ("/v1/teams/morning", json!({ "title": "Morning shift", "staff": [] })),
        ("/v1/units/stored-value/rules", json!({ "balance_max": 100_000 })),
        // Each month is a page of its own.
        ("/v1/goals/2026-03", json!({ "figure": "orders", "target": 10 })),
        ("/v1/goals/2026-05", json!({ "figure": "orders", "target": 20, "team": "morning" })),
    ] {
        shop.put(path, body).send().await.ok();
    }
    let user = json!({ "name": "dan", "display_name": "Dan", "role": "clerk", "stores": [shop.store(1)] });
    shop.post("/v1/users", user).send().await.created();
    shop.post("/v1/join-codes", json!({ "title": "Poster", "channel": "poster" })).send().await.created();
    shop.order("till-1").in_store(1).settle().await.created();

    for (kind, field, value) in [
        ("stores", "code", "corner"),
        ("users", "name", "dan"),
        ("teams", "team", "morning"),
        ("units", "unit", "stored-value"),
        ("attributes", "attribute", "size"),
        ("segments", "segment", "lost"),
        ("benefits", "benefit", "brow-trim"),
        ("behaviours", "behaviour", "item-wanted"),
        ("join-codes", "title", "Poster"),
        ("message-templates", "template", "hello"),
        ("messages", "id", message["id"].as_str().unwrap()),
        ("goals", "month", "2026-05"),
        ("figures", "day", "2026-03-18"),
    ] {
        let path = format!("/v1/exports/{kind}");
        let told = documents(shop, &path).await;
        assert!(told.iter().any(|one| one[field] == value), "{kind}: {told:?}");
        let rows = table(shop, &format!("{path}?format=csv")).await;
        assert_eq!(rows.len(), told.len(), "{kind}");
        assert!(rows.iter().any(|row| row[field] == value), "{kind}: {rows:?}");
        let theirs = documents(&world.rival, &path).await;
        let are_there_from_the_beginning = ["stores", "units"].contains(&kind);
        assert!(are_there_from_the_beginning || theirs.is_empty(), "{kind}: {theirs:?}");
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Owner) {
            let asked = shop.as_role(role).get(&path).send().await;
            assert_eq!(asked.problem().name(), "403 forbidden", "{kind} for {role}");
        }
    }

    let goals = documents(shop, "/v1/exports/goals").await;
    let told: Vec<_> = goals.iter().map(|goal| (&goal["month"], &goal["target"], &goal["reached"])).collect();
    assert_eq!(told, [(&json!("2026-03"), &json!(10), &json!(1)), (&json!("2026-05"), &json!(20), &json!(0))]);
    let figures = documents(shop, "/v1/exports/figures").await;
    let corner = figures.iter().find(|line| line["store"] == shop.store(1)).unwrap();
    assert_eq!((&corner["store_code"], &corner["orders"]), (&json!("corner"), &json!(1)));
    assert_eq!(corner["revenue_minor"], 2_400);
    let rows = table(shop, "/v1/exports/figures?format=csv").await;
    assert!(rows.iter().any(|row| row["store_code"] == "corner" && row["revenue_minor"] == "2400"), "{rows:?}");
    let units = table(shop, "/v1/exports/units?format=csv").await;
    assert!(units.iter().any(|row| row["unit"] == "stored-value" && row["balance_max"] == "100000"), "{units:?}");
    let users = documents(shop, "/v1/exports/users").await;
    let said: Vec<_> = users[0].as_object().unwrap().keys().map(String::as_str).collect();
    let known = ["added_at", "display_name", "id", "invited_until", "locale", "name", "role", "state", "stores"];
    assert!(said.iter().all(|field| known.contains(field)), "{said:?} has more than what a list of users tells");
}

#[tokio::test]
async fn a_list_goes_on_behind_each_page() {
    let world = World::new();
    let shop = &world.shop;
    for number in 0..201 {
        let code = json!({ "title": format!("Poster {number}"), "channel": "poster" });
        shop.post("/v1/join-codes", code).send().await.created();
    }
    let told = documents(shop, "/v1/exports/join-codes").await;
    let mut titles: Vec<_> = told.iter().map(|code| code["title"].to_string()).collect();
    titles.sort();
    titles.dedup();
    assert_eq!((told.len(), titles.len()), (201, 201));
}

#[tokio::test]
async fn a_table_of_orders_loses_nothing_that_was_paid_or_given_back() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    alice.load(5_000).await.created();
    let coupon = json!({ "title": "4 off", "benefit": { "amount": { "off_minor": 400 } }, "validity": { "days": 7 } });
    shop.put("/v1/coupons/four", coupon).send().await.ok();
    shop.post(&format!("/v1/members/{}/coupons", alice.id), json!({ "coupon": "four" })).send().await.created();
    let payments = json!([
        { "method": "stored-value", "amount_minor": 1_500 },
        { "method": "other", "name": "cash", "amount_minor": 500 },
    ]);
    let order = alice
        .order("till-1")
        .raw_line(json!({ "sku": "bun", "quantity": 2, "amount_minor": 2_400 }))
        .with("coupons", json!([{ "type": "four" }]))
        .with("payments", payments)
        .settle()
        .await
        .created();
    let part = json!({ "lines": [{ "line": 1, "quantity": 1 }], "reason": "stale" });
    shop.post(&format!("/v1/orders/{}/refund", order["id"].as_str().unwrap()), part).send().await.ok();
    world.clock_forward(SignedDuration::from_secs(1));
    shop.order("till-2").settle().await.created();

    let orders = table(shop, "/v1/exports/orders?format=csv").await;
    let told: Vec<_> = orders.iter().map(|row| (&*row["amount"], &*row["total"], &*row["coupons"])).collect();
    assert_eq!(told, [("20.00", "20.00", "four"), ("24.00", "24.00", "")]);
    let payments = table(shop, "/v1/exports/order-payments?format=csv").await;
    let told: Vec<_> = payments.iter().map(|row| (&*row["payment"], &*row["method"], &*row["amount"])).collect();
    assert_eq!(told, [("1", "stored-value", "15.00"), ("2", "cash", "5.00")]);
    let of = &payments[0];
    assert_eq!((&*of["reference"], &*of["store_code"], &*of["customer"]), ("till-1", "main", "alice"));
    assert!(of["posting"].starts_with("pst_") && payments[1]["posting"].is_empty(), "{payments:?}");
    let refunds = table(shop, "/v1/exports/order-refunds?format=csv").await;
    assert_eq!(refunds.len(), 1, "{refunds:?}");
    let back = &refunds[0];
    assert_eq!((&*back["order"], &*back["reason"]), (order["id"].as_str().unwrap(), "stale"));
    assert_eq!((&*back["line"], &*back["sku"], &*back["quantity"], &*back["amount"]), ("1", "bun", "1", "10.00"));
    // As documents they tell the same, in minor units.
    let payments = documents(shop, "/v1/exports/order-payments").await;
    assert_eq!((payments.len(), &payments[0]["amount_minor"]), (2, &json!(1_500)));
    let refunds = documents(shop, "/v1/exports/order-refunds").await;
    assert_eq!((refunds.len(), &refunds[0]["amount_minor"]), (1, &json!(1_000)));
}
