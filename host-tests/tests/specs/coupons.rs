//! Coupons: defined, issued, reserved, redeemed for a basket, returned.

use host_tests::{Member, World};
use insta::assert_snapshot;
use punchcard::usecase;
use serde_json::{Value, json};

use crate::ledger::{LATER, hold};

async fn define(world: &World, coupon: &str, fields: Value) {
    let mut body = json!({
        "title": "5 yuan off", "benefit": { "amount": { "off_minor": 500 } }, "validity": { "days": 7 }
    });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    world.shop.put(&format!("/v1/coupons/{coupon}"), body).send().await.ok();
}

#[tokio::test]
async fn coupons_are_issued_and_redeemed_for_what_they_count_for() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    define(&world, "welcome", json!({ "threshold_minor": 1000, "per_member_max": 1, "stacking_group": "sale" })).await;
    let scope = json!({ "brands": ["Maison"] });
    define(&world, "maison", json!({ "benefit": { "percent": { "percent": 10, "cap_minor": 300 } }, "scope": scope }))
        .await;
    let issue = async |coupon: &str| {
        let path = format!("/v1/members/{}/coupons", alice.id);
        world.shop.post(&path, json!({ "coupon": coupon })).send().await
    };
    assert_eq!(issue("welcome").await.created()["available"], 1);
    assert_eq!(issue("maison").await.created()["available"], 1);
    assert_snapshot!(issue("welcome").await.problem(), @"422 coupon-member-max: a member gets at most 1 coupons of `welcome`");
    assert_eq!(issue("points").await.problem().name(), "422 unknown-unit");

    let redeem = async |coupons: &[&str], amount: u64| {
        let lines = json!([
            { "sku": "bun", "quantity": 2, "amount_minor": amount },
            { "sku": "cake", "brand": "Maison", "quantity": 1, "amount_minor": 8000 },
        ]);
        let coupons: Vec<_> = coupons.iter().map(|coupon| json!({ "type": coupon })).collect();
        let body = json!({ "coupons": coupons, "store": world.shop.store(0), "lines": lines });
        world.shop.post(&format!("/v1/members/{}/coupons/redemptions", alice.id), body).send().await
    };
    let refused = redeem(&["welcome", "welcome"], 1000).await.problem();
    assert_eq!(refused.name(), "422 not-stackable");
    let redeemed = redeem(&["welcome", "maison"], 1000).await.created();
    assert_eq!((&redeemed["total_minor"], &redeemed["discounts"][0]["lines"]), (&json!(800), &json!([56, 444])));
    assert_eq!(redeemed["discounts"][1]["lines"], json!([0, 300]));
    assert_eq!(redeem(&["welcome"], 1000).await.problem().name(), "422 insufficient-balance");

    let give_back = async |redemption: &Value| {
        let path = format!("/v1/members/{}/coupons/returns", alice.id);
        world.shop.post(&path, json!({ "redemption": redemption })).send().await
    };
    let returned = give_back(&redeemed["posting"]).await.created();
    let refused = give_back(&returned["posting"]).await.problem();
    assert_eq!(refused.name(), "404 unknown-redemption", "only redemptions are given back");
    redeem(&["maison"], 1000).await.created();
    let assets = world.shop.get(&format!("/v1/members/{}/assets", alice.id)).send().await.ok();
    let units: Vec<_> = assets["assets"].as_array().unwrap().iter().map(|asset| &asset["unit"]).collect();
    assert_eq!(units, ["welcome"], "coupons that are used up are not told");
    world.books_balance();
}

#[tokio::test]
async fn reserved_coupons_are_redeemed_for_a_basket_and_not_posted_without_one() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    let bob = world.shop.member("bob").enrol().await;
    define(&world, "welcome", json!({ "threshold_minor": 1000 })).await;
    let issue = format!("/v1/members/{}/coupons", alice.id);
    world.shop.post(&issue, json!({ "coupon": "welcome", "count": 3 })).send().await.created();
    let two = hold(&world.shop, &alice, "welcome", 2, LATER).await;
    let post = format!("/v1/holds/{}/post", two["hold"].as_str().unwrap());
    assert_eq!(world.shop.post(&post, json!({})).send().await.problem().name(), "422 hold-of-coupons");

    let redeem = async |member: &Member, coupons: Value, amount: u64| {
        let lines = json!([{ "sku": "bun", "quantity": 2, "amount_minor": amount }]);
        let body = json!({ "coupons": coupons, "store": world.shop.store(0), "lines": lines });
        world.shop.post(&format!("/v1/members/{}/coupons/redemptions", member.id), body).send().await
    };
    let reserved = || json!([{ "hold": two["hold"] }]);
    assert_eq!(redeem(&bob, reserved(), 2000).await.problem().name(), "422 unknown-reservation");
    assert_eq!(redeem(&alice, reserved(), 1499).await.problem().name(), "422 coupon-below-threshold");
    let all = json!([{ "type": "welcome" }, { "hold": two["hold"] }]);
    let redeemed = redeem(&alice, all, 2000).await.created();
    assert_eq!((&redeemed["total_minor"], redeemed["discounts"].as_array().unwrap().len()), (&json!(1500), 3));
    assert_eq!(redeem(&alice, reserved(), 2000).await.problem().name(), "409 hold-posted");

    // Given back, they are coupons again, and free.
    let path = format!("/v1/members/{}/coupons/returns", alice.id);
    world.shop.post(&path, json!({ "redemption": redeemed["posting"] })).send().await.created();
    let again = json!([{ "type": "welcome" }, { "type": "welcome" }, { "type": "welcome" }]);
    redeem(&alice, again, 2000).await.created();
    world.books_balance();
}

#[tokio::test]
async fn what_redeems_no_coupon_is_named() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    define(&world, "welcome", json!({})).await;
    define(&world, "free-cake", json!({ "benefit": { "exchange": { "skus": ["cake"] } } })).await;
    define(&world, "elsewhere", json!({ "scope": { "stores": [world.shop.store(1)] } })).await;
    let issue = format!("/v1/members/{}/coupons", alice.id);
    world.shop.post(&issue, json!({ "coupon": "welcome", "count": 21 })).send().await.created();
    world.shop.post(&issue, json!({ "coupon": "free-cake", "count": 2 })).send().await.created();
    let many = hold(&world.shop, &alice, "welcome", 21, LATER).await;
    let bun = json!([{ "sku": "bun", "quantity": 1, "amount_minor": 500 }]);
    let cake = json!([{ "sku": "cake", "quantity": 1, "amount_minor": 500 }]);
    let (here, theirs) = (world.shop.store(0), world.rival.store(0));
    let all_gone = json!([{ "type": "free-cake" }, { "type": "free-cake" }]);
    for (coupons, store, lines, expected) in [
        (json!([]), &here, json!([]), "422 no-lines"),
        (json!([]), &theirs, bun.clone(), "422 unknown-store"),
        (json!([]), &here, bun.clone(), "422 no-coupons"),
        (json!([{ "hold": many["hold"] }]), &here, bun.clone(), "422 too-many-coupons"),
        (json!([{ "type": "bonus" }]), &here, bun.clone(), "422 unknown-coupon"),
        (json!([{ "type": "elsewhere" }]), &here, bun.clone(), "422 coupon-other-store"),
        (json!([{ "type": "free-cake" }]), &here, bun, "422 coupon-nothing-in-scope"),
        (all_gone, &here, cake.clone(), "422 coupon-nothing-left"),
        (json!([{ "type": "free-cake" }]), &here, cake, "201"),
    ] {
        let body = json!({ "coupons": coupons, "store": store, "lines": lines });
        let reply = world.shop.post(&format!("/v1/members/{}/coupons/redemptions", alice.id), body).send().await;
        let got = if reply.status.is_success() { reply.status.as_u16().to_string() } else { reply.problem().name() };
        assert_eq!(got, expected);
    }
    world.books_balance();
}

#[tokio::test]
async fn of_two_tills_that_reserve_one_coupon_one_wins() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    define(&world, "welcome", json!({})).await;
    let path = format!("/v1/members/{}/coupons", alice.id);
    world.shop.post(&path, json!({ "coupon": "welcome" })).send().await.created();
    let reserve = || {
        let body = json!({ "unit": "welcome", "amount": 1, "lapses_at": "2026-03-20T00:00:00Z" });
        world.shop.post(&format!("/v1/members/{}/holds", alice.id), body).send()
    };
    let (one, other) = tokio::join!(reserve(), reserve());
    let won = [&one, &other].into_iter().filter(|reply| reply.status.is_success()).count();
    assert_eq!(won, 1, "{one}, {other}");
    world.books_balance();
}

#[tokio::test]
async fn of_many_tills_that_want_a_stock_of_three_three_win_while_the_job_runs() {
    let world = World::new();
    define(&world, "cake", json!({ "stock": 3 })).await;
    define(&world, "old", json!({ "validity": { "days": 0 } })).await;
    let mut members = Vec::new();
    for number in 0..10 {
        let member = world.shop.member(&format!("member-{number}")).enrol().await;
        for coupon in ["cake", "old"] {
            let path = format!("/v1/members/{}/coupons", member.id);
            world.shop.post(&path, json!({ "coupon": coupon })).send().await.created();
        }
        members.push(member);
    }
    // What ends with the day is due now; what lasts for seven days is not.
    world.clock_at(&world.now().checked_add(jiff::SignedDuration::from_hours(30)).unwrap().to_string());
    let host = world.running().host;
    let job = tokio::task::spawn_blocking(move || usecase::run_due(&host).unwrap());
    let tills = members.iter().map(|member| {
        let body = json!({ "unit": "cake", "amount": 1, "lapses_at": LATER });
        tokio::spawn(world.shop.post(&format!("/v1/members/{}/holds", member.id), body).send())
    });
    let (mut won, mut lost) = (0, 0);
    for till in tills.collect::<Vec<_>>() {
        let reply = till.await.unwrap();
        if reply.status.is_success() {
            won += 1;
        } else {
            assert_eq!(reply.problem().name(), "422 coupon-out-of-stock");
            lost += 1;
        }
    }
    assert_eq!((won, lost), (3, 7));
    let done = job.await.unwrap();
    assert_eq!((done.booked, done.failed.len()), (10, 0));
    world.books_balance();
}

#[tokio::test]
async fn what_defines_and_issues_no_coupon_is_named() {
    let world = World::new();
    crate::with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let amount = |off: u64| json!({ "amount": { "off_minor": off } });
    let days = json!({ "days": 7 });
    let (max, instant) = (1_000_000_000_000_000_u64, "2026-06-01T00:00:00Z");
    let backwards = json!({ "fixed": { "from": instant, "until": instant } });
    for (coupon, benefit, validity, more, expected) in [
        ("a", amount(0), days.clone(), json!({}), "422 gives-nothing"),
        ("a", json!({ "percent": { "percent": 101 } }), days.clone(), json!({}), "422 percent-too-large"),
        ("a", amount(1), days.clone(), json!({ "threshold_minor": max }), "200"),
        ("a", amount(1), backwards, json!({ "stock": 0 }), "422 ends-before-begin"),
        ("a", amount(1), days.clone(), json!({ "stock": 0 }), "422 limit-zero"),
        ("points", amount(1), days, json!({}), "409 unit-taken"),
    ] {
        let mut body = json!({ "title": "one", "benefit": benefit, "validity": validity });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = world.shop.put(&format!("/v1/coupons/{coupon}"), body).send().await;
        let got = if reply.status.is_success() { reply.status.as_u16().to_string() } else { reply.problem().name() };
        assert_eq!(got, expected);
    }
    define(
        &world,
        "old",
        json!({ "validity": { "fixed": { "from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z" } } }),
    )
    .await;
    define(&world, "few", json!({ "total_max": 1 })).await;
    let theirs = world.rival.member("bob").enrol().await;
    for (member, coupon, count, expected) in [
        (&theirs, "few", 0, "404 unknown-member"),
        (&alice, "none", 0, "422 amount-zero"),
        (&alice, "none", 1, "422 unknown-unit"),
        (&alice, "points", 1, "422 not-coupon"),
        (&alice, "old", 101, "422 too-many-coupons"),
        (&alice, "old", 1, "422 coupon-over"),
        (&alice, "few", 2, "422 coupon-total-max"),
    ] {
        let body = json!({ "coupon": coupon, "count": count });
        let reply = world.shop.post(&format!("/v1/members/{}/coupons", member.id), body).send().await;
        assert_eq!(reply.problem().name(), expected, "{coupon}");
    }
    world.books_balance();
}
