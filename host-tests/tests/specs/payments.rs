//! Orders that are paid with assets, given back in parts, claimed later, and listed.

use host_tests::{Member, OrderBuilder, Shop, World};
use serde_json::{Value, json};

use crate::grants::{MAY, PROBE, ask, well, with_whole_probe};
use crate::ledger::{LATER, hold};
use crate::{earned, with_points};

/// Three buns for ten yuan, and a cake for thirty.
fn basket(builder: OrderBuilder) -> OrderBuilder {
    let buns = json!({ "sku": "bun", "category": "bread", "quantity": 3, "amount_minor": 1_000 });
    builder.raw_line(buns).raw_line(json!({ "sku": "cake", "quantity": 1, "amount_minor": 3_000 }))
}

async fn refund(shop: &Shop, order: &Value, lines: Value) -> host_tests::Reply {
    let path = format!("/v1/orders/{}/refund", order["id"].as_str().unwrap());
    shop.post(&path, json!({ "lines": lines })).send().await
}

async fn stored(member: &Member) -> u64 {
    member.holds("stored-value").await.available
}

#[tokio::test]
async fn parts_that_are_given_back_come_to_the_whole_in_points_and_money() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    alice.load(10_000).await.created();
    let paid = json!([{ "method": "stored-value", "amount_minor": 4_000 }]);
    let order = basket(alice.order("till-1")).with("payments", paid).settle().await.created();
    assert_eq!((stored(&alice).await, alice.points().await), (6_000, 40));
    // One bun of three: 3.33 of 40.00, so 3 of 40 points and 3.33 yuan.
    let part = refund(shop, &order, json!([{ "line": 1, "quantity": 1 }])).await.ok();
    assert_eq!((&part["state"], &part["refunds"][0]["amount_minor"]), (&json!("partly-refunded"), &json!(333)));
    assert_eq!((stored(&alice).await, alice.points().await), (6_333, 37));
    // Some money for the cake, which stays.
    refund(shop, &order, json!([{ "line": 2, "amount_minor": 1_000 }])).await.ok();
    assert_eq!((stored(&alice).await, alice.points().await), (7_333, 27));
    let rest = shop.refund(&order).await.ok();
    assert_eq!((&rest["state"], rest["refunds"].as_array().unwrap().len()), (&json!("refunded"), 3));
    assert_eq!((stored(&alice).await, alice.points().await), (10_000, 0));
    assert_eq!(shop.refund(&order).await.problem().name(), "409 already-refunded");
    let figures = shop.get("/v1/figures?from=2026-03-01&to=2026-03-31").send().await.ok();
    assert_eq!((&figures["total"]["refunds"], &figures["total"]["refunded_minor"]), (&json!(3), &json!(4_000)));
    world.books_balance();
}

#[tokio::test]
async fn a_part_of_what_was_paid_with_principal_and_bonus_comes_back_to_the_last_minor_unit() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    let load = json!({ "amount_minor": 200, "bonus_minor": 100 });
    shop.post(&format!("/v1/members/{}/stored-value", alice.id), load).send().await.created();
    let paid = json!([{ "method": "stored-value", "amount_minor": 300 }]);
    let order = alice.order("till-1").line("cake", 300).with("payments", paid).settle().await.created();
    let bonus = async || alice.holds("stored-value-bonus").await.available;
    assert_eq!((stored(&alice).await, bonus().await), (0, 0));
    let part = refund(shop, &order, json!([{ "line": 1, "amount_minor": 100 }])).await.ok();
    assert_eq!(part["refunds"][0]["payments"], json!([{ "method": "stored-value", "amount_minor": 100 }]));
    assert_eq!((stored(&alice).await, bonus().await), (67, 33));
    shop.refund(&order).await.ok();
    assert_eq!((stored(&alice).await, bonus().await), (200, 100));
    world.books_balance();
}

#[tokio::test]
async fn a_refund_tells_how_much_goes_back_by_which_payment() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    alice.load(100).await.created();
    let parts = |stored: u64, cash: u64| json!([{ "method": "stored-value", "amount_minor": stored }, { "method": "cash", "amount_minor": cash }]);
    let paid = json!([
        { "method": "stored-value", "amount_minor": 100 },
        { "method": "other", "name": "cash", "amount_minor": 200 },
    ]);
    let order = alice.order("till-1").line("cake", 300).with("payments", paid).settle().await.created();
    let hundred = json!([{ "line": 1, "amount_minor": 100 }]);
    for (back, stored_now) in [(parts(33, 67), 33), (parts(34, 66), 67), (parts(33, 67), 100)] {
        let told = refund(shop, &order, hundred.clone()).await.ok();
        assert_eq!(told["refunds"].as_array().unwrap().last().unwrap()["payments"], back);
        assert_eq!(stored(&alice).await, stored_now);
    }
    let read = shop.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).send().await.ok();
    assert_eq!((&read["state"], &read["refunds"][1]["payments"]), (&json!("refunded"), &parts(34, 66)));
    // Of an order that did not say how it was paid, nothing is told.
    let order = alice.order("till-2").settle().await.created();
    assert_eq!(shop.refund(&order).await.ok()["refunds"][0]["payments"], json!([]));
    world.books_balance();
}

#[tokio::test]
async fn points_that_are_spent_are_owed_once_when_parts_come_back() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    let order = basket(alice.order("till-1")).settle().await.created();
    alice.redeem(40).await.ok();
    refund(shop, &order, json!([{ "line": 2, "quantity": 1 }])).await.ok();
    let owes = alice.holds("points").await;
    assert_eq!((owes.available, owes.debt), (0, 30));
    shop.refund(&order).await.ok();
    assert_eq!(alice.holds("points").await.debt, 40);
    alice.grant(40).await.ok();
    assert_eq!((alice.holds("points").await.debt, alice.points().await), (0, 0));
}

#[tokio::test]
async fn more_than_is_left_of_a_line_is_refused() {
    let world = World::new();
    let shop = &world.shop;
    let order = basket(shop.order("till-1")).settle().await.created();
    refund(shop, &order, json!([{ "line": 1, "quantity": 2 }])).await.ok();
    let before = world.state();
    for (lines, expected) in [
        (json!([{ "line": 1, "quantity": 2 }]), "422 too-many-pieces: line 1: 2 pieces are given back, but 1 are left"),
        (json!([{ "line": 1, "amount_minor": 335 }]), "422 too-much: line 1: 335 are given back, but 334 are left"),
        (json!([{ "line": 3, "quantity": 1 }]), "422 unknown-line: the order has lines 1 to 2, but 3 is named"),
        (json!([{ "line": 0, "quantity": 1 }]), "422 unknown-line: the order has lines 1 to 2, but 0 is named"),
        (
            json!([{ "line": 2, "quantity": 1 }, { "line": 2, "amount_minor": 1 }]),
            "422 line-twice: line 2 is named twice",
        ),
        (json!([{ "line": 2 }]), "422 nothing-to-refund: line 2: say how many pieces, or how much money"),
        (json!([]), "422 no-lines: no line is named; leave `lines` out to give back all that is left"),
    ] {
        assert_eq!(refund(shop, &order, lines).await.problem().to_string(), expected);
    }
    world.unchanged_since(&before);
}

#[tokio::test]
async fn an_order_is_paid_with_a_hold_and_coupons_and_all_of_it_comes_back() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    alice.load(5_000).await.created();
    let coupon = json!({ "title": "5 off", "benefit": { "amount": { "off_minor": 500 } }, "validity": { "days": 7 } });
    shop.put("/v1/coupons/five", coupon).send().await.ok();
    shop.post(&format!("/v1/members/{}/coupons", alice.id), json!({ "coupon": "five" })).send().await.created();
    let hold = json!({ "unit": "stored-value", "amount": 2_500, "lapses_at": "2026-03-18T12:00:00+08:00" });
    let hold = shop.post(&format!("/v1/members/{}/holds", alice.id), hold).send().await.created()["hold"].clone();
    let payments = json!([
        { "method": "hold", "hold": hold, "amount_minor": 2_500 },
        { "method": "other", "name": "cash", "amount_minor": 1_000 },
    ]);
    let builder = basket(alice.order("till-1")).with("coupons", json!([{ "type": "five" }]));
    let order = builder.clone().with("payments", payments.clone()).settle().await.created();
    assert_eq!((&order["total_minor"], earned(&order, "points")), (&json!(3_500), 35));
    assert_eq!(order["payments"][1], json!({ "method": "cash", "amount_minor": 1_000 }));
    assert_eq!(order["coupons"][0]["coupon"], "five");
    // Sent again by a till that was offline, it is the same order.
    let again = builder.with("payments", payments).settle().await.created();
    assert_eq!((&again["id"], stored(&alice).await), (&order["id"], 2_500));
    refund(shop, &order, json!([{ "line": 2, "quantity": 1 }])).await.ok();
    assert_eq!(alice.holds("five").await.available, 0, "a coupon comes back with the last part");
    shop.refund(&order).await.ok();
    assert_eq!((stored(&alice).await, alice.points().await), (5_000, 0));
    assert_eq!(alice.holds("five").await.available, 1);
}

#[tokio::test]
async fn a_reference_with_other_payments_or_coupons_is_refused() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    alice.load(5_000).await.created();
    let coupon = json!({ "title": "5 off", "benefit": { "amount": { "off_minor": 500 } }, "validity": { "days": 7 } });
    for coupon_type in ["five", "other-five"] {
        shop.put(&format!("/v1/coupons/{coupon_type}"), coupon.clone()).send().await.ok();
        let issue = json!({ "coupon": coupon_type, "count": 2 });
        shop.post(&format!("/v1/members/{}/coupons", alice.id), issue).send().await.created();
    }
    let (mut holds, mut reserved) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        for (unit, amount, held) in [("stored-value", 500, &mut holds), ("five", 1, &mut reserved)] {
            let hold = json!({ "unit": unit, "amount": amount, "lapses_at": "2026-03-18T12:00:00+08:00" });
            let path = format!("/v1/members/{}/holds", alice.id);
            held.push(shop.post(&path, hold).send().await.created()["hold"].clone());
        }
    }
    let stored = |amount: u64| json!({ "method": "stored-value", "amount_minor": amount });
    let held = |hold: &Value| json!({ "method": "hold", "hold": hold, "amount_minor": 500 });
    let other = |name: &str, amount: u64| json!({ "method": "other", "name": name, "amount_minor": amount });
    let order = |coupons: &Value, payments: &Value| {
        alice.order("till-1").line("cake", 3_000).with("coupons", coupons.clone()).with("payments", payments.clone())
    };
    let coupons = json!([{ "hold": reserved[0] }]);
    let payments = json!([stored(1_000), held(&holds[0]), other("cash", 1_000)]);
    let first = order(&coupons, &payments).settle().await.created();
    let before = world.state();
    for (coupons, payments) in [
        (&coupons, json!([])),
        (&coupons, json!([stored(1_000), held(&holds[1]), other("cash", 1_000)])),
        (&coupons, json!([stored(1_000), held(&holds[0]), other("card", 1_000)])),
        (&coupons, json!([stored(1_000), held(&holds[0]), other("cash", 999), other("cash", 1)])),
        (&coupons, json!([other("stored-value", 1_000), held(&holds[0]), other("cash", 1_000)])),
        (&coupons, json!([stored(900), held(&holds[0]), other("cash", 1_100)])),
        (&json!([]), payments.clone()),
        (&json!([{ "hold": reserved[1] }]), payments.clone()),
        (&json!([{ "type": "other-five" }]), payments.clone()),
        (&json!([{ "type": "five" }, { "type": "five" }]), payments.clone()),
    ] {
        let problem = order(coupons, &payments).settle().await.problem();
        assert_eq!(problem.name(), "409 reference-taken", "{coupons} {payments}");
    }
    world.unchanged_since(&before);
    assert_eq!(order(&coupons, &payments).settle().await.created(), first);
    assert_eq!(alice.holds("stored-value").await.available, 3_000);
    world.books_balance();
}

#[tokio::test]
async fn payments_that_are_wrong_leave_nothing_behind() {
    let world = World::new();
    let shop = &world.shop;
    let (alice, bob) = (shop.member("alice").enrol().await, shop.member("bob").enrol().await);
    alice.load(1_000).await.created();
    let hold = json!({ "unit": "stored-value", "amount": 100, "lapses_at": "2026-03-18T12:00:00+08:00" });
    let hold = shop.post(&format!("/v1/members/{}/holds", alice.id), hold).send().await.created()["hold"].clone();
    let before = world.state();
    let stored = |amount: u64| json!({ "method": "stored-value", "amount_minor": amount });
    let held = |amount: u64| json!({ "method": "hold", "hold": hold, "amount_minor": amount });
    let cash = |amount: u64| json!({ "method": "other", "name": "cash", "amount_minor": amount });
    for (order, payments, expected) in [
        (
            alice.order("t"),
            json!([stored(2_399)]),
            "422 payments-differ: the payments add up to 2399, but 2400 are to be paid, discounts off",
        ),
        (
            alice.order("t"),
            json!([stored(2_400)]),
            "422 insufficient-balance: 2400 of `stored-value` are needed, but 900 are available",
        ),
        (
            shop.order("t"),
            json!([stored(2_400)]),
            "422 needs-member: an order with coupons, or paid with stored value or a hold, needs the member whose they are",
        ),
        (bob.order("t"), json!([held(100), cash(2_300)]), "422 unknown-hold: hld_… is no hold of the buyer"),
        (
            alice.order("t"),
            json!([held(2_400)]),
            "422 hold-worth: hld_… holds 100, which is to be paid with it, but 2400 are given",
        ),
        (
            alice.order("t"),
            json!(vec![cash(200); 12]),
            "422 too-many-payments: an order is paid in at most 10 ways, but 12 are given",
        ),
        // What the host takes is told apart from what the till says.
        (
            alice.order("t"),
            json!([{ "method": "other", "name": "stored-value", "amount_minor": 2_400 }]),
            "422 method-taken: `stored-value` names what the host takes from the buyer; give the till's own way of paying another name",
        ),
        (
            alice.order("t"),
            json!([cash(2_000), { "method": "other", "name": "hold", "amount_minor": 400 }]),
            "422 method-taken: `hold` names what the host takes from the buyer; give the till's own way of paying another name",
        ),
    ] {
        assert_eq!(order.with("payments", payments).settle().await.problem().to_string(), expected);
    }
    world.unchanged_since(&before);
}

#[tokio::test]
async fn what_a_pack_has_set_aside_pays_for_nothing_at_the_till() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let alice = shop.member("alice").enrol().await;
    let give = json!({ "member": alice.id, "unit": PROBE, "amount": 10, "reason": "a gift", "lapses_at": MAY });
    for _ in 0..2 {
        well(&ask(shop, "assets.earn", give.clone()).await);
    }
    // Whoever runs the pack's command: it is the pack's.
    let of_pack = well(&ask(shop, "assets.hold", give).await);
    let by_hand = hold(shop, &alice, PROBE, 10, LATER).await["hold"].clone();
    let paid = |hold: &Value| json!([{ "method": "hold", "hold": hold, "amount_minor": 2_400 }]);
    let before = world.state();
    let problem = alice.order("t").with("payments", paid(&of_pack)).settle().await.problem();
    assert_eq!(
        problem.to_string(),
        "422 hold-of-pack: hld_… was set aside by the pack `probe-one`, which spends it itself; pay with one that staff have set aside"
    );
    world.unchanged_since(&before);
    alice.order("t").with("payments", paid(&by_hand)).settle().await.created();
    assert_eq!(alice.holds(PROBE).await.available, 0);
    well(&ask(shop, "assets.void-hold", json!({ "hold": of_pack, "reason": "not needed" })).await);
    assert_eq!(alice.holds(PROBE).await.available, 10);
}

#[tokio::test]
async fn an_order_is_claimed_by_a_member_later() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let order = shop.order("till-1").settle().await.created();
    world.clock_at("2026-03-20T08:00:00+08:00");
    let alice = shop.member("alice").enrol().await;
    let path = format!("/v1/orders/{}/claim", order["id"].as_str().unwrap());
    let claimed = shop.as_clerk().post(&path, json!({ "member": alice.id })).send().await.ok();
    assert_eq!((&claimed["member"], earned(&claimed, "points"), alice.points().await), (&json!(alice.id), 24, 24));
    let again = shop.post(&path, json!({ "member": alice.id })).send().await.problem();
    assert_eq!(again.name(), "409 order-has-member");
    let seen = shop.get("/v1/figures?from=2026-03-18&to=2026-03-18").send().await.ok();
    assert_eq!((&seen["total"]["orders"], &seen["total"]["member_orders"]), (&json!(1), &json!(1)));
    // The till that was offline sends it again: nothing happens twice.
    assert_eq!(shop.order("till-1").at("2026-03-18T08:00:00+08:00").settle().await.created()["id"], order["id"]);
    assert_eq!(alice.points().await, 24);
    let listed = shop.get(&format!("/v1/orders?member={}", alice.id)).send().await.ok();
    assert_eq!(listed["orders"][0]["id"], order["id"]);
}

#[tokio::test]
async fn orders_are_listed_the_newest_first_and_found_by_reference() {
    let world = World::new();
    let shop = &world.shop;
    for number in 0..5 {
        world.clock_at(&format!("2026-03-18T09:0{number}:00+08:00"));
        shop.order(&format!("till-{number}")).settle().await.created();
    }
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = shop.get(&format!("/v1/orders?limit=2{cursor}")).send().await.ok();
        found.extend(
            page["orders"].as_array().unwrap().iter().map(|order| order["reference"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, ["till-4", "till-3", "till-2", "till-1", "till-0"]);
    let one = shop.get("/v1/orders?reference=till-2").send().await.ok();
    assert_eq!((one["orders"].as_array().unwrap().len(), &one["next"]), (1, &Value::Null));
    assert_eq!(world.rival.get("/v1/orders").send().await.ok()["orders"], json!([]));
}
