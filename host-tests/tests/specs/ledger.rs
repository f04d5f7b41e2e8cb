//! Holds, stored value with a bonus, limits, what the merchant owes, and the job of what is due.

use host_tests::{Member, Shop, World};
use insta::{assert_json_snapshot, assert_snapshot};
use punchcard::domain::{Code, Event, MemberId, SpendingOrder, UnitRules};
use punchcard::ledger::LedgerError;
use punchcard::usecase::{self, EditMerchant};
use serde_json::{Value, json};

use crate::{earned, with_points, with_points_set};

/// The instant at which worlds begin is in March 2026; this is a while after it.
pub(crate) const LATER: &str = "2026-06-01T00:00:00Z";

pub(crate) async fn hold(shop: &Shop, member: &Member, unit: &str, amount: u64, lapses_at: &str) -> Value {
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
        let edit = EditMerchant { stored_value_order: Some(order), ..EditMerchant::default() };
        host.operate(world.shop.id, |tx, act| usecase::edit_merchant(tx, act, |_| true, &edit)).unwrap();
    };
    set(SpendingOrder::Proportional);
    assert_eq!(pay(90).await, json!({ "posting": null, "principal_minor": 80, "bonus_minor": 10 }));
    set(SpendingOrder::BonusFirst);
    assert_eq!(pay(60).await, json!({ "posting": null, "principal_minor": 20, "bonus_minor": 40 }));
    let problem = world.shop.post(&format!("{path}/payments"), json!({ "amount_minor": 301 })).send().await.problem();
    assert_snapshot!(problem, @"422 insufficient-balance: 301 of `stored-value` are needed, but 300 are available");
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
    let give = usecase::GiveAssets {
        from: id(&alice),
        to: id(&bob),
        unit: points.clone(),
        amount: 30,
        store: None,
        reason: None,
    };
    let host = world.running().host;
    let refused = host.operate(world.shop.id, |tx, act| usecase::give_assets(tx, act, &give)).unwrap_err();
    assert_snapshot!(refused, @"`points` can not be given to another member");
    let rules = UnitRules { transferable: true, ..UnitRules::default() };
    host.operate(world.shop.id, |tx, act| usecase::set_unit_rules(tx, act, &points, &rules)).unwrap();
    host.operate(world.shop.id, |tx, act| usecase::give_assets(tx, act, &give)).unwrap();
    assert_eq!((alice.points().await, bob.points().await), (70, 30));
    world.books_balance();
}

#[tokio::test]
async fn an_order_earns_what_the_limits_of_the_unit_leave() {
    let world = World::new();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    let host = world.running().host;
    let rules = UnitRules { earn_per_day_max: Some(30), ..UnitRules::default() };
    let points = Code::new("points").unwrap();
    host.operate(world.shop.id, |tx, act| usecase::set_unit_rules(tx, act, &points, &rules)).unwrap();
    let order = |reference: &str| alice.order(reference).line("bread", 2000);
    assert_eq!(earned(&order("till-1").settle().await.created(), "points"), 20);
    let quote = order("till-2").quote().await.ok();
    assert_eq!(
        (&quote["packs"][0]["earnings"][0]["amount"], &quote["packs"][0]["kept_back"][0]["amount"]),
        (&json!(10), &json!(10)),
    );
    let second = order("till-2").settle().await.created();
    assert_eq!(earned(&second, "points"), 10);
    assert_eq!(earned(&order("till-3").settle().await.created(), "points"), 0);
    let told = world.shop.events().into_iter().filter_map(|event| match event {
        Event::EarningLimited { kept_back, unit, .. } => Some((unit.to_string(), kept_back)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [("points".to_owned(), 10), ("points".to_owned(), 20)]);
    // What is given back makes room on the same day, and takes back what it had earned.
    world.shop.refund(&second).await.ok();
    assert_eq!(alice.points().await, 20);
    assert_eq!(earned(&order("till-4").settle().await.created(), "points"), 10);
    world.books_balance();
}

#[tokio::test]
async fn what_holds_pays_and_gives_nothing_is_named() {
    let world = World::new();
    with_points(&world.shop).await;
    let (alice, theirs) = (world.shop.member("alice").enrol().await, world.rival.member("bob").enrol().await);
    alice.grant(10).await.ok();
    let too_much = 1_000_000_000_000_001_u64;
    for (member, unit, amount, lapses_at, expected) in [
        (&theirs, "none", 0, LATER, "404 unknown-member"),
        (&alice, "none", 0, LATER, "422 amount-zero"),
        (&alice, "none", too_much, LATER, "422 amount-too-large"),
        (&alice, "none", 1, LATER, "422 unknown-unit"),
        (&alice, "points", 11, "2026-01-01T00:00:00Z", "422 hold-over"),
        (&alice, "points", 11, LATER, "422 insufficient-balance"),
    ] {
        let body = json!({ "unit": unit, "amount": amount, "lapses_at": lapses_at });
        let reply = world.shop.post(&format!("/v1/members/{}/holds", member.id), body).send().await;
        assert_eq!(reply.problem().name(), expected, "{unit} {amount}");
    }
    for (member, amount, expected) in [
        (&theirs, 0, "404 unknown-member"),
        (&alice, 0, "422 amount-zero"),
        (&alice, too_much, "422 amount-too-large"),
        (&alice, 1, "422 insufficient-balance"),
    ] {
        let path = format!("/v1/members/{}/stored-value/payments", member.id);
        let reply = world.shop.post(&path, json!({ "amount_minor": amount })).send().await;
        assert_eq!(reply.problem().name(), expected, "{amount}");
    }
    let id = |member: &Member| member.id.parse::<MemberId>().unwrap();
    let host = world.running().host;
    let give = |from: &Member, to: &Member| {
        let unit = Code::new("points").unwrap();
        let give = usecase::GiveAssets { from: id(from), to: id(to), unit, amount: 11, store: None, reason: None };
        host.operate(world.shop.id, |tx, act| usecase::give_assets(tx, act, &give)).unwrap_err()
    };
    let stranger = id(&theirs);
    assert!(matches!(give(&theirs, &alice), usecase::GiveError::UnknownMember(member) if member == stranger));
    assert!(matches!(give(&alice, &theirs), usecase::GiveError::UnknownMember(member) if member == stranger));
    assert!(matches!(give(&alice, &alice), usecase::GiveError::Ledger(LedgerError::NotTransferable(_))));
    let (none, rules) = (Code::new("none").unwrap(), UnitRules::default());
    let refused = host.operate(world.shop.id, |tx, act| usecase::set_unit_rules(tx, act, &none, &rules)).unwrap_err();
    assert!(matches!(refused, usecase::RulesError::UnknownUnit(unit) if unit == none));
    world.books_balance();
}
