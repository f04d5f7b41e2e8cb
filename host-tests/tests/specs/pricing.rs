//! Packs make orders cheaper: what a quote said is what is settled, within what the merchant allows.

use host_tests::{OrderBuilder, Shop, World, guest, pack, reworded};
use punchcard::domain::Event;
use serde_json::{Value, json};

use crate::recordings::{loaded, recorded, replays_exactly};
use crate::{earned, with_points};

/// Two lines for 36.00 in all.
fn basket(shop: &Shop, reference: &str) -> OrderBuilder {
    shop.order(reference).line("croissant", 2_400).line("tea", 1_200)
}

/// What it costs when packs take something off.
async fn quoted(order: OrderBuilder) -> Value {
    order.with("discounts", true).quote().await.ok()
}

/// Something that the pack `prices` takes off.
fn off(rule: &str, lines: &[(u32, u64)]) -> Value {
    json!({ "rule": rule, "title": format!("Title of {rule}"), "lines": lines })
}

/// A world in which the pack `prices` does what these settings say.
async fn world_with(settings: Value) -> World {
    let world = World::new();
    world.shop.enable(guest("prices")).settings(settings).send().await.ok();
    world
}

/// The orders at whose recording the pack was asked, each with what it saw.
async fn seen(shop: &Shop) -> Value {
    shop.command("prices", "seen", json!({})).send().await.ok()["result"].clone()
}

/// What a quote says of a pack.
fn of<'q>(quote: &'q Value, pack: &str) -> &'q Value {
    let packs = quote["packs"].as_array().unwrap();
    packs.iter().find(|said| said["pack"] == pack).unwrap_or_else(|| panic!("{pack} is not in {quote}"))
}

#[tokio::test]
async fn what_a_quote_takes_off_is_taken_off_the_order_that_says_what_is_due() {
    let discounts = json!([off("second-half", &[(1, 600)]), off("member-day", &[(0, 240), (1, 60)])]);
    let world = world_with(json!({ "discounts": discounts, "skips": ["happy-hour"] })).await;
    let shop = &world.shop;
    with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    let order = basket(shop, "till-1").with("member", alice.id.clone());
    let before = world.state();
    let quote = quoted(order.clone()).await;
    world.unchanged_since(&before);
    assert_eq!((&quote["total_minor"], &quote["due_minor"]), (&json!(3_600), &json!(2_700)));
    assert_eq!(quote["lines"][0]["amount_minor"], 2_400, "as an order is to have them");
    let discounts = json!([
        { "pack": "prices", "rule": "second-half", "title": "Title of second-half", "amount_minor": 600,
            "lines": [{ "line": 2, "amount_minor": 600 }] },
        { "pack": "prices", "rule": "member-day", "title": "Title of member-day", "amount_minor": 300,
            "lines": [{ "line": 1, "amount_minor": 240 }, { "line": 2, "amount_minor": 60 }] },
    ]);
    let says = of(&quote, "prices");
    assert_eq!((&says["discounts"], &says["failed"]), (&discounts, &Value::Null));
    let findings = json!([
        { "applied": false, "rule": "happy-hour", "explanation": "not this one" },
        { "applied": true, "rule": "priced", "explanation": "whether it was priced" },
    ]);
    assert_eq!(says["findings"], findings, "what it writes for a price, it sees when it decides");
    assert_eq!(of(&quote, "points")["earnings"][0]["amount"], 27, "for what is left");

    let cash = json!([{ "method": "other", "name": "cash", "amount_minor": 2_700 }]);
    let order = order.with("due_minor", quote["due_minor"].clone()).with("payments", cash);
    let settled = order.clone().settle().await.created();
    assert_eq!((&settled["discounts"], &settled["total_minor"]), (&discounts, &json!(2_700)));
    let lines: Vec<_> = settled["lines"].as_array().unwrap().iter().map(|line| line["amount_minor"].clone()).collect();
    assert_eq!(lines, [2_160, 540]);
    assert_eq!((earned(&settled, "points"), alice.points().await), (27, 27));
    // What the pack wrote is kept by the order's id.
    let at = world.now().as_millisecond();
    let saw = json!({ "at": at, "total": 3_600, "lines": [2_400, 1_200], "buyer": alice.id });
    assert_eq!(seen(shop).await, json!({ settled["id"].as_str().unwrap(): saw }));

    // A till that has not asked for it is told what it costs without.
    let plain = basket(shop, "t").with("member", alice.id.clone()).quote().await.ok();
    assert_eq!((&plain["due_minor"], &of(&plain, "prices")["discounts"]), (&json!(3_600), &json!([])));

    // The same again is the same, and other prices are another order.
    assert_eq!(order.clone().settle().await.created(), settled);
    let table = [json!(2_701), json!(3_600), Value::Null];
    for due in table {
        let other = order.clone().with("due_minor", due.clone()).settle().await.problem();
        assert_eq!(other.name(), "409 reference-taken", "{due}");
    }
    let file = shop.get("/v1/exports/orders?format=csv").send().await;
    let file = String::from_utf8(file.body).unwrap();
    let line = file.lines().nth(2).unwrap();
    assert!(line.contains("prices:second-half") && line.contains("prices:member-day"), "{file}");

    // Each piece goes back for what it cost.
    let path = format!("/v1/orders/{}/refund", settled["id"].as_str().unwrap());
    let part = json!({ "lines": [{ "line": 2, "quantity": 1 }] });
    let part = shop.post(&path, part).send().await.ok();
    assert_eq!(part["refunds"][0]["amount_minor"], 540);
    assert_eq!(alice.points().await, 22);
    let whole = shop.refund(&settled).await.ok();
    assert_eq!((&whole["refunds"][1]["amount_minor"], &whole["state"]), (&json!(2_160), &json!("refunded")));
    assert_eq!(alice.points().await, 0);
    world.books_balance();
}

#[tokio::test]
async fn an_order_of_a_till_with_prices_of_its_own_is_left_as_it_is() {
    let world = world_with(json!({ "discounts": [off("member-day", &[(0, 240)])] })).await;
    let order = basket(&world.shop, "till-1").settle().await.created();
    assert_eq!((&order["total_minor"], &order["discounts"]), (&json!(3_600), &json!([])));
    assert_eq!(seen(&world.shop).await, json!({}));
    assert_eq!(basket(&world.shop, "till-1").settle().await.created(), order);
}

#[tokio::test]
async fn an_order_that_comes_to_something_else_than_was_said_is_not_recorded() {
    let world = world_with(json!({ "discounts": [off("member-day", &[(0, 240)])] })).await;
    let shop = &world.shop;
    let before = world.state();
    for due in [3_600, 3_361, 3_359, 0] {
        let refused = basket(shop, "till-1").with("due_minor", due).settle().await.problem();
        let expected =
            format!("422 due-differs: the order comes to 3360, but `due_minor` is {due}; ask for a quote again");
        assert_eq!(refused.to_string(), expected);
    }
    world.unchanged_since(&before);
    assert_eq!(seen(shop).await, json!({}));
    // Without any pack that takes something off, the sum is checked all the same.
    let other = world.another("other");
    let refused = basket(&other, "till-1").with("due_minor", 3_599).settle().await.problem();
    assert_eq!(refused.name(), "422 due-differs");
    basket(&other, "till-1").with("due_minor", 3_600).settle().await.created();
}

#[tokio::test]
async fn coupons_count_on_what_packs_have_left_and_each_pack_on_what_the_one_before_has() {
    let world = world_with(json!({ "discounts": [off("member-day", &[(0, 1_000)])] })).await;
    let shop = &world.shop;
    let second = reworded(guest("prices"), &[("prices", "zrices")]);
    shop.enable(second).settings(json!({ "discounts": [off("more", &[(0, 400)])] })).send().await.ok();
    let alice = shop.member("alice").enrol().await;
    for (coupon, threshold) in [("reached", 2_200), ("missed", 2_201)] {
        let body = json!({ "title": coupon, "benefit": { "amount": { "off_minor": 200 } },
            "threshold_minor": threshold, "validity": { "days": 30 } });
        shop.put(&format!("/v1/coupons/{coupon}"), body).send().await.ok();
        let body = json!({ "coupon": coupon, "count": 1 });
        shop.post(&format!("/v1/members/{}/coupons", alice.id), body).send().await.created();
    }
    let order = basket(shop, "till-1").with("member", alice.id.clone());
    let quote = quoted(order.clone().with("coupons", "best")).await;
    assert_eq!((&quote["due_minor"], &quote["coupons"][0]["coupon"]), (&json!(2_000), &json!("reached")));
    assert_eq!(quote["coupons"][1]["skipped"]["code"], "coupon-below-threshold");
    let order = order.with("coupons", json!([{ "type": "reached" }]));
    let settled = order.with("due_minor", 2_000).settle().await.created();
    assert_eq!(settled["total_minor"], 2_000);
    let id = settled["id"].as_str().unwrap();
    assert_eq!(seen(shop).await[id]["total"], 3_600);
    let saw = shop.command("zrices", "seen", json!({})).send().await.ok()["result"][id].clone();
    assert_eq!((&saw["total"], &saw["lines"]), (&json!(2_600), &json!([1_400, 1_200])));
    world.books_balance();
}

#[tokio::test]
async fn a_pack_that_fails_takes_nothing_off_and_writes_nothing() {
    for (fails, code) in [("panics", "trapped"), ("refuses", "not-today"), ("loops", "out-of-fuel")] {
        let discounts = json!([off("member-day", &[(0, 240)])]);
        let world = world_with(json!({ "discounts": discounts, "fails": fails })).await;
        let shop = &world.shop;
        let second = reworded(guest("prices"), &[("prices", "zrices")]);
        shop.enable(second).settings(json!({ "discounts": discounts })).send().await.ok();
        let quote = quoted(basket(shop, "t")).await;
        assert_eq!((of(&quote, "prices")["failed"]["code"].as_str(), &quote["due_minor"]), (Some(code), &json!(3_360)));
        assert_eq!((&of(&quote, "prices")["discounts"], &of(&quote, "zrices")["failed"]), (&json!([]), &Value::Null));
        let before = world.state();
        let refused = basket(shop, "till-1").with("due_minor", 3_120).settle().await.problem().to_string();
        let expected = "422 due-differs: the order comes to 3360, but `due_minor` is 3120, as the pack `prices` takes nothing off: ";
        assert!(refused.starts_with(expected) && refused.ends_with("; ask for a quote again"), "{refused}");
        world.unchanged_since(&before);
        let order = basket(shop, "till-1").with("due_minor", 3_360).settle().await.created();
        assert_eq!(order["discounts"].as_array().unwrap().len(), 1);
        assert_eq!(seen(shop).await, json!({}), "{fails}");
        let failed = shop.events().into_iter().filter_map(|event| match event {
            Event::PackFailed { pack, code, .. } => Some((pack.to_string(), code)),
            _ => None,
        });
        assert_eq!(failed.collect::<Vec<_>>(), [("prices".to_owned(), code.to_owned())], "of the order that stands");
        world.books_balance();
    }
}

#[tokio::test]
async fn what_the_contract_does_not_allow_or_the_merchant_has_not_granted_is_not_taken_off() {
    let world = World::new();
    let shop = &world.shop;
    let enable =
        |grants: &[&str], settings: Value| shop.enable(guest("prices")).grants(grants).settings(settings).send();
    let one = |lines: &[(u32, u64)]| json!({ "discounts": [off("a", lines)] });
    let all = ["orders:discount:40"];
    for (grants, settings, code) in [
        (all, one(&[(2, 1)]), "bad-reply"),
        (all, one(&[(0, 2_401)]), "bad-reply"),
        (all, one(&[(0, 1), (0, 1)]), "bad-reply"),
        (all, one(&[]), "bad-reply"),
        (all, json!({ "discounts": [off("a", &[(0, 1)])], "times": 11 }), "bad-reply"),
        (all, json!({ "discounts": [{ "rule": "a", "title": "", "lines": [[0, 1]] }] }), "bad-reply"),
        (all, json!({ "skips": vec!["x"; 51] }), "bad-reply"),
        // 40 % of 36.00 are 14.40, and 10 % are 3.60.
        (all, one(&[(0, 1_441)]), "denied"),
        (["orders:discount:10"], one(&[(0, 361)]), "denied"),
    ] {
        enable(&grants, settings.clone()).await.ok();
        let quote = quoted(basket(shop, "t")).await;
        assert_eq!(of(&quote, "prices")["failed"]["code"], code, "{settings}");
        assert_eq!((&quote["due_minor"], &of(&quote, "prices")["discounts"]), (&json!(3_600), &json!([])));
        // It would rest if all its calls did harm.
        enable(&all, json!({})).await.ok();
        quoted(basket(shop, "t")).await;
    }
    for (grants, settings, due) in [
        (all, one(&[(0, 1_440)]), 2_160),
        (["orders:discount:10"], one(&[(0, 360)]), 3_240),
        (all, json!({ "discounts": [off("a", &[(0, 1)])], "times": 10, "skips": vec!["x"; 50] }), 3_590),
    ] {
        enable(&grants, settings.clone()).await.ok();
        let quote = quoted(basket(shop, "t")).await;
        assert_eq!((&quote["due_minor"], &of(&quote, "prices")["failed"]), (&json!(due), &Value::Null), "{settings}");
    }
    // Whoever was not granted anything is not asked.
    enable(&[], one(&[(0, 1)])).await.ok();
    let quote = quoted(basket(shop, "t")).await;
    assert_eq!((&quote["due_minor"], &of(&quote, "prices")["discounts"]), (&json!(3_600), &json!([])));
    assert_eq!(of(&quote, "prices")["findings"][0]["applied"], false);
    let refused = enable(&["orders:discount:41"], json!({})).await.problem();
    let expected = "422 grant-not-asked: the pack does not ask for the grant `orders:discount:41`";
    assert_eq!(refused.to_string(), expected);
}

#[tokio::test]
async fn an_order_has_room_for_so_many_discounts_and_whoever_comes_too_late_takes_nothing_off() {
    let world = World::new();
    let shop = &world.shop;
    for name in ["aaices", "bbices", "ccices"] {
        let settings = json!({ "discounts": [off("a", &[(0, 1)])], "times": 10 });
        shop.enable(reworded(guest("prices"), &[("prices", name)])).settings(settings).send().await.ok();
    }
    let quote = quoted(basket(shop, "t")).await;
    assert_eq!(quote["due_minor"], 3_580);
    assert_eq!(of(&quote, "bbices")["discounts"].as_array().unwrap().len(), 10);
    let late = of(&quote, "ccices");
    assert_eq!((late["failed"]["code"].as_str(), &late["discounts"]), (Some("too-many-discounts"), &json!([])));
    let order = basket(shop, "till-1").with("due_minor", 3_580).settle().await.created();
    assert_eq!(order["discounts"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn the_largest_order_with_discounts_is_recorded_and_given_back() {
    let world = World::new();
    let shop = &world.shop;
    let lines: Vec<(u32, u64)> = (0..200).map(|line| (line, 1)).collect();
    for name in ["aaices", "bbices", "ccices"] {
        let discounts: Vec<_> = (0..10)
            .map(|part| json!({ "rule": "r".repeat(32), "title": "面".repeat(42), "lines": lines[part * 20..][..20] }))
            .collect();
        let settings = json!({ "discounts": discounts });
        shop.enable(reworded(guest("prices"), &[("prices", name)])).settings(settings).send().await.ok();
    }
    let order = (0..200)
        .fold(shop.order("till-1"), |order, line| order.line(&format!("{line:03}{}", "x".repeat(120)), 99_999_999));
    let quote = quoted(order.clone()).await;
    let due = 200 * 99_999_999_u64 - 400;
    assert_eq!(
        (&quote["due_minor"], &of(&quote, "ccices")["failed"]["code"]),
        (&json!(due), &json!("too-many-discounts"))
    );
    let settled = order.with("due_minor", due).settle().await.created();
    let path = format!("/v1/orders/{}/refund", settled["id"].as_str().unwrap());
    let part: Vec<_> = (1..=200).map(|line| json!({ "line": line, "amount_minor": 1_000 })).collect();
    for _ in 0..5 {
        shop.post(&path, json!({ "lines": part })).send().await.ok();
    }
    assert_eq!(shop.refund(&settled).await.ok()["state"], "refunded");
    world.books_balance();
}

#[tokio::test]
async fn a_pack_whose_prices_do_harm_rests_though_its_decisions_do_not() {
    let world = world_with(json!({ "fails": "panics" })).await;
    let shop = &world.shop;
    for turn in 0..6 {
        let quote = quoted(basket(shop, "t")).await;
        let expected = if turn < 5 { "trapped" } else { "resting" };
        assert_eq!(of(&quote, "prices")["failed"]["code"], expected, "{turn}");
    }
}

#[tokio::test]
async fn whoever_made_an_order_cheaper_hears_of_its_refund_whatever_else_it_did() {
    let discounts = json!([off("member-day", &[(0, 240)])]);
    let world = world_with(json!({ "discounts": discounts, "decides_nothing": true })).await;
    let shop = &world.shop;
    let order = basket(shop, "till-1").with("due_minor", 3_360).settle().await.created();
    assert_eq!(order["packs"][0]["failed"]["code"], "not-today");
    assert_eq!(seen(shop).await.as_object().unwrap().len(), 1);
    shop.refund(&order).await.ok();
    assert_eq!(seen(shop).await, json!({}));
}

#[tokio::test]
async fn the_bakery_is_cheaper_in_the_evening_by_the_stores_wall_clock() {
    let world = World::new();
    let shop = &world.shop;
    let settings = json!({ "evening": { "start": "19:30", "percent": 30, "categories": ["bread"] } });
    shop.enable(pack("bakery")).settings(settings).send().await.ok();
    let order = |reference: &str| {
        let bread = json!({ "sku": "baguette", "category": "bread", "quantity": 1, "amount_minor": 1_000 });
        shop.order(reference).raw_line(bread).line("cake", 2_000)
    };
    world.clock_at("2026-03-18T19:29:59+08:00");
    let quote = quoted(order("t")).await;
    assert_eq!(
        (&quote["due_minor"], &quote["packs"][0]["findings"][0]["rule"]),
        (&json!(3_000), &json!("evening-price"))
    );
    world.clock_at("2026-03-18T19:30:00+08:00");
    let quote = quoted(order("t")).await;
    assert_eq!(quote["due_minor"], 2_700);
    let settled = order("till-1").with("due_minor", 2_700).settle().await.created();
    assert_eq!(settled["discounts"][0]["lines"], json!([{ "line": 1, "amount_minor": 300 }]));
    // One that was made before is priced as then, however late it comes.
    let late = order("till-2").at("2026-03-18T19:00:00+08:00").with("due_minor", 2_700).settle().await.problem();
    assert_eq!(late.name(), "422 due-differs");
    order("till-3").at("2026-03-18T19:00:00+08:00").with("due_minor", 3_000).settle().await.created();
}

#[tokio::test]
async fn prices_are_recorded_and_replayed() {
    let world = world_with(json!({ "discounts": [off("member-day", &[(0, 240)])] })).await;
    let shop = &world.shop;
    quoted(basket(shop, "t")).await;
    basket(shop, "till-1").with("due_minor", 3_360).settle().await.created();
    let pack = loaded(guest("prices"));
    let recordings = recorded(shop, "prices").await.into_iter().filter(|one| one.export.starts_with("pricing"));
    let recordings: Vec<_> = recordings.collect();
    assert_eq!(recordings.len(), 2);
    for recording in recordings {
        assert_eq!(recording.ending()["returned"]["discounts"][0]["rule"], "member-day");
        assert_eq!(replays_exactly(&pack, recording), "pricing.price");
    }
}
