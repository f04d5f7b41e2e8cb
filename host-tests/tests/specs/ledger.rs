//! Holds, coupons, stored value with a bonus, what the merchant owes, and the job of what is due.

use host_tests::{Member, Shop, World};
use insta::{assert_json_snapshot, assert_snapshot};
use punchcard::domain::{Code, MemberId, SpendingOrder, UnitRules};
use punchcard::usecase;
use serde_json::{Value, json};

use crate::{with_points, with_points_set};

/// The instant at which worlds begin is in March 2026; this is a while after it.
const LATER: &str = "2026-06-01T00:00:00Z";

async fn hold(shop: &Shop, member: &Member, unit: &str, amount: u64, lapses_at: &str) -> Value {
    let body = json!({ "unit": unit, "amount": amount, "lapses_at": lapses_at });
    shop.post(&format!("/v1/members/{}/holds", member.id), body).send().await.created()
}

#[tokio::test]
async fn a_hold_is_posted_in_part_and_the_rest_is_free_again() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.grant(100).await.ok();
    let held = hold(&world.shop, &alice, "points", 60, LATER).await;
    assert_eq!(alice.points().await, 40);
    let path = format!("/v1/holds/{}/post", held["hold"].as_str().unwrap());
    world.shop.post(&path, json!({ "amount": 50 })).key("till-1").send().await.ok();
    assert_eq!(alice.points().await, 50);
    // The same request again is the same; another till comes too late.
    world.shop.post(&path, json!({ "amount": 50 })).key("till-1").send().await.ok();
    let problem = world.shop.post(&path, json!({})).key("till-2").send().await.problem();
    assert_eq!(problem.name(), "409 hold-posted");
    world.books_balance();
}

#[tokio::test]
async fn a_hold_that_is_voided_or_lapses_is_free_again() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.grant(100).await.ok();
    let first = hold(&world.shop, &alice, "points", 60, LATER).await;
    let second = hold(&world.shop, &alice, "points", 30, LATER).await;
    world.shop.post(&format!("/v1/holds/{}/void", first["hold"].as_str().unwrap()), json!({})).send().await.ok();
    assert_eq!(alice.points().await, 70);
    world.clock_at(LATER);
    assert_eq!(alice.points().await, 100);
    let path = format!("/v1/holds/{}/post", second["hold"].as_str().unwrap());
    assert_eq!(world.shop.post(&path, json!({})).send().await.problem().name(), "409 hold-lapsed");
    let done = usecase::run_due(&world.running().host).unwrap();
    assert_eq!((done.booked, done.failed.len()), (1, 0));
    assert_eq!(alice.points().await, 100);
    world.books_balance();
}

#[tokio::test]
async fn what_is_paid_in_and_what_is_given_on_top_are_spent_in_the_merchants_order_and_told_apart() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    let path = format!("/v1/members/{}/stored-value", alice.id);
    let load = json!({ "amount_minor": 500, "bonus_minor": 50 });
    assert_eq!(world.shop.post(&path, load).send().await.created()["available_minor"], 550);
    let pay = async |amount: u64| {
        let path = format!("{path}/payments");
        let mut paid = world.shop.post(&path, json!({ "amount_minor": amount })).send().await.created();
        paid["posting"] = Value::Null;
        paid
    };
    assert_eq!(pay(100).await, json!({ "posting": null, "principal_minor": 100, "bonus_minor": 0 }));
    let set = |order| {
        let host = world.running().host;
        host.operate(world.shop.id, |tx, act| usecase::set_spending_order(tx, act, order)).unwrap();
    };
    set(SpendingOrder::Proportional);
    assert_eq!(pay(90).await, json!({ "posting": null, "principal_minor": 80, "bonus_minor": 10 }));
    set(SpendingOrder::BonusFirst);
    assert_eq!(pay(60).await, json!({ "posting": null, "principal_minor": 20, "bonus_minor": 40 }));
    let problem = world.shop.post(&format!("{path}/payments"), json!({ "amount_minor": 301 })).send().await.problem();
    assert_snapshot!(problem, @"422 insufficient-balance: 301 of `stored-value` are needed, but 300 are available");
    world.books_balance();
}

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
        let body = json!({ "coupons": coupons, "store": world.shop.store(0), "lines": lines });
        world.shop.post(&format!("/v1/members/{}/coupons/redemptions", alice.id), body).send().await
    };
    let refused = redeem(&["welcome", "welcome"], 1000).await.problem();
    assert_eq!(refused.name(), "422 not-stackable");
    let redeemed = redeem(&["welcome", "maison"], 1000).await.created();
    assert_eq!((&redeemed["total_minor"], &redeemed["discounts"][0]["lines"]), (&json!(800), &json!([56, 444])));
    assert_eq!(redeemed["discounts"][1]["lines"], json!([0, 300]));
    assert_eq!(redeem(&["welcome"], 1000).await.problem().name(), "422 insufficient-balance");

    let posting = redeemed["posting"].as_str().unwrap().parse().unwrap();
    let host = world.running().host;
    let returned = host.operate(world.shop.id, |tx, act| usecase::return_coupons(tx, act, posting)).unwrap();
    let refused = host.operate(world.shop.id, |tx, act| usecase::return_coupons(tx, act, returned)).unwrap_err();
    assert_eq!(refused.to_string(), format!("there is no posting {returned}"), "only redemptions are given back");
    redeem(&["maison"], 1000).await.created();
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
async fn a_clerk_defines_no_coupon_and_reads_no_liability() {
    let world = World::new();
    let clerk = world.shop.as_clerk();
    let body = json!({ "title": "all", "benefit": { "percent": { "percent": 100 } }, "validity": { "days": 1 } });
    assert_eq!(clerk.put("/v1/coupons/all", body).send().await.problem().name(), "403 forbidden");
    assert_eq!(clerk.get("/v1/liability").send().await.problem().name(), "403 forbidden");
}

#[tokio::test]
async fn what_the_merchant_owes_is_told_by_unit_and_month_and_the_job_takes_off_what_has_expired() {
    let world = World::new();
    with_points_set(&world.shop, json!({ "expiry": { "months": 1 } })).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.order("till-1").line("cake", 3_000).settle().await.created();
    alice.load(500).await.created();
    hold(&world.shop, &alice, "points", 10, "2026-03-31T00:00:00Z").await;
    let read = async || world.shop.get("/v1/liability").send().await.ok();
    assert_json_snapshot!(read().await["units"][0], @r#"
    {
      "currency": null,
      "expires": [
        {
          "amount": 20,
          "month": "2026-04"
        }
      ],
      "held": 10,
      "outstanding": 20,
      "owed": 0,
      "pending": 0,
      "unit": "points"
    }
    "#);
    world.clock_at(LATER);
    let done = usecase::run_due(&world.running().host).unwrap();
    assert_eq!(done.failed.len(), 0);
    assert!(done.booked >= 2, "{}", done.booked);
    let after = read().await;
    assert_eq!((&after["units"][0]["outstanding"], &after["units"][0]["held"]), (&json!(0), &json!(0)));
    assert_eq!(after["units"][1]["outstanding"], 500);
    assert_eq!(usecase::run_due(&world.running().host).unwrap().booked, 0);
    world.books_balance();
}

#[tokio::test]
async fn points_go_to_another_member_where_the_unit_allows_it() {
    let world = World::new();
    with_points(&world.shop).await;
    let (alice, bob) = (world.shop.member("alice").enrol().await, world.shop.member("bob").enrol().await);
    alice.grant(100).await.ok();
    let id = |member: &Member| member.id.parse::<MemberId>().unwrap();
    let points = Code::new("points").unwrap();
    let give = usecase::GiveAssets { from: id(&alice), to: id(&bob), unit: points.clone(), amount: 30, reason: None };
    let host = world.running().host;
    let refused = host.operate(world.shop.id, |tx, act| usecase::give_assets(tx, act, &give)).unwrap_err();
    assert_snapshot!(refused, @"`points` can not be given to another member");
    let rules = UnitRules { transferable: true, ..UnitRules::default() };
    host.operate(world.shop.id, |tx, act| usecase::set_unit_rules(tx, act, &points, &rules)).unwrap();
    host.operate(world.shop.id, |tx, act| usecase::give_assets(tx, act, &give)).unwrap();
    assert_eq!((alice.points().await, bob.points().await), (70, 30));
    world.books_balance();
}
