//! The bakery pack over HTTP: slots, deposits, codes.

use host_tests::{Member, World, pack};
use insta::{assert_json_snapshot, assert_snapshot};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::following::calls;

const SATURDAY: &str = "2026-03-21";

/// A world whose shop takes pre-orders: a slot of this capacity, a deposit of 30 %.
async fn bakery(capacity: u32) -> World {
    bakery_that_keeps_deposits(true, capacity).await
}

async fn bakery_that_keeps_deposits(keep_deposit: bool, capacity: u32) -> World {
    let world = World::new();
    let settings = json!({
        "slots": [{ "start": "10:00", "end": "11:00", "capacity": capacity }],
        "lead_hours": 24,
        "horizon_days": 7,
        "cancel_free_hours": 24,
        "deposit_percent": 30,
        "keep_deposit_if_missed": keep_deposit,
        "products": [
            { "sku": "cake", "title": "Birthday cake", "price_minor": 26800, "capacity_units": 2 },
            { "sku": "tart", "price_minor": 3333 },
        ],
    });
    world.shop.enable(pack("bakery")).stores(&[0]).settings(settings).send().await.ok();
    world
}

async fn member(world: &World, reference: &str, stored_value: u64) -> Member {
    let member = world.shop.member(reference).enrol().await;
    member.load(stored_value).await.created();
    member
}

fn wish(member: &Member, reference: &str, sku: &str, quantity: u32) -> Value {
    json!({
        "member": member.id, "date": SATURDAY, "slot": "10:00",
        "lines": [{ "sku": sku, "quantity": quantity }], "reference": reference,
    })
}

async fn slot(world: &World) -> Value {
    let slots = world.shop.command("bakery", "slots", json!({ "date": SATURDAY })).send().await.ok();
    slots["result"]["slots"][0].clone()
}

#[tokio::test]
async fn a_pre_order_takes_its_place_and_its_deposit() {
    let world = bakery(5).await;
    let alice = member(&world, "alice", 20_000).await;
    let placed = world.shop.command("bakery", "place", wish(&alice, "r1", "cake", 1)).send().await.ok();
    let placed = &placed["result"];
    assert_eq!(
        (&placed["total_minor"], &placed["deposit_minor"], &placed["balance_due_minor"]),
        (&json!(26_800), &json!(8_040), &json!(18_760))
    );
    assert_eq!(alice.holds("stored-value").await.available, 11_960);
    assert_json_snapshot!(slot(&world).await, @r#"
    {
      "capacity": 5,
      "end": "11:00",
      "free": 3,
      "orderable": true,
      "start": "10:00",
      "taken": 2
    }
    "#);
}

#[tokio::test]
async fn a_slot_is_filled_to_its_capacity_and_no_further() {
    let world = bakery(5).await;
    let alice = member(&world, "alice", 100_000).await;
    for reference in ["r1", "r2"] {
        world.shop.command("bakery", "place", wish(&alice, reference, "cake", 1)).send().await.ok();
    }
    let before = world.state();
    let problem = world.shop.command("bakery", "place", wish(&alice, "r3", "cake", 1)).send().await.problem();
    assert_snapshot!(problem, @"422 pack:slot-full: the slot has 1 capacity units free and 2 are needed");
    world.unchanged_since(&before);
    world.shop.command("bakery", "place", wish(&alice, "r4", "tart", 1)).send().await.ok();
    let full = slot(&world).await;
    assert_eq!(
        (&full["free"], &full["orderable"], &full["reason"]["code"]),
        (&json!(0), &json!(false), &json!("slot-full"))
    );
}

#[tokio::test]
async fn pre_orders_at_the_same_time_never_exceed_the_capacity() {
    const CAPACITY: u32 = 10;
    let world = bakery(CAPACITY).await;
    let alice = member(&world, "alice", 100_000).await;
    let bob = member(&world, "bob", 100_000).await;
    let placing: Vec<_> = (0..48)
        .map(|number| {
            let shop = world.shop.clone();
            let input = wish(if number % 2 == 0 { &alice } else { &bob }, &format!("r{number}"), "tart", 1);
            tokio::spawn(async move {
                loop {
                    // All of them want the same slot; who loses too often is told to come again.
                    let reply = shop.command("bakery", "place", input.clone()).send().await;
                    if reply.status != 503 {
                        return if reply.status == 200 { "200 placed".to_owned() } else { reply.problem().name() };
                    }
                }
            })
        })
        .collect();
    let mut told = std::collections::BTreeMap::new();
    for placing in placing {
        *told.entry(placing.await.unwrap()).or_insert(0) += 1;
    }
    let expected = [("200 placed".to_owned(), 10), ("422 pack:slot-full".to_owned(), 38)];
    assert_eq!(told, expected.into());
    assert_eq!(slot(&world).await["taken"], CAPACITY);
    let deposits = 200_000 - alice.holds("stored-value").await.available - bob.holds("stored-value").await.available;
    assert_eq!(deposits, 10 * 1000);
}

#[tokio::test]
async fn a_pre_order_that_is_cancelled_early_gets_its_deposit_and_its_place_back() {
    let world = bakery(5).await;
    let alice = member(&world, "alice", 20_000).await;
    let placed = world.shop.command("bakery", "place", wish(&alice, "r1", "cake", 1)).send().await.ok();
    let cancel = json!({ "preorder": placed["result"]["preorder"] });
    world.clock_at("2026-03-20T10:00:00+08:00");
    let cancelled = world.shop.command("bakery", "cancel", cancel.clone()).send().await.ok();
    assert_eq!(
        (&cancelled["result"]["returned_minor"], &cancelled["result"]["kept_minor"]),
        (&json!(8_040), &json!(0))
    );
    assert_eq!(alice.holds("stored-value").await.available, 20_000);
    assert_eq!(slot(&world).await["taken"], 0);
    let again = world.shop.command("bakery", "cancel", cancel).send().await.problem();
    assert_eq!(again.name(), "422 pack:already-cancelled");
    assert_eq!(alice.holds("stored-value").await.available, 20_000);
}

#[tokio::test]
async fn a_pre_order_that_is_cancelled_late_leaves_its_deposit() {
    let world = bakery(5).await;
    let alice = member(&world, "alice", 20_000).await;
    let placed = world.shop.command("bakery", "place", wish(&alice, "r1", "cake", 1)).send().await.ok();
    world.clock_at("2026-03-20T10:01:00+08:00");
    let cancel = json!({ "preorder": placed["result"]["preorder"], "reason": "rain" });
    let cancelled = world.shop.command("bakery", "cancel", cancel).send().await.ok();
    assert_eq!(
        (&cancelled["result"]["returned_minor"], &cancelled["result"]["kept_minor"]),
        (&json!(0), &json!(8_040))
    );
    assert_eq!(alice.holds("stored-value").await.available, 11_960);
    assert_eq!(slot(&world).await["taken"], 0);
}

#[tokio::test]
async fn a_pre_order_is_picked_up_once() {
    let world = bakery(5).await;
    let alice = member(&world, "alice", 20_000).await;
    let placed = world.shop.command("bakery", "place", wish(&alice, "r1", "cake", 1)).send().await.ok();
    world.clock_at("2026-03-21T10:05:00+08:00");
    let code = placed["result"]["code"].as_str().unwrap().to_lowercase();
    let show = json!({ "code": code, "date": SATURDAY });
    let picked_up = world.shop.command("bakery", "pick-up", show.clone()).send().await.ok();
    assert_eq!(
        (&picked_up["result"]["member"], &picked_up["result"]["balance_due_minor"]),
        (&json!(alice.id), &json!(18_760))
    );
    let again = world.shop.command("bakery", "pick-up", show).send().await.problem();
    assert_eq!(again.name(), "422 pack:already-picked-up");
    let unknown = json!({ "code": "ZZZZZ", "date": SATURDAY });
    assert_eq!(
        world.shop.command("bakery", "pick-up", unknown).send().await.problem().name(),
        "404 pack:unknown-preorder"
    );
}

#[tokio::test]
async fn a_deposit_that_is_not_there_is_refused_and_the_place_stays_free() {
    let world = bakery(5).await;
    let alice = member(&world, "alice", 8_039).await;
    let before = world.state();
    let problem = world.shop.command("bakery", "place", wish(&alice, "r1", "cake", 1)).send().await.problem();
    assert_snapshot!(problem, @"422 pack:insufficient-stored-value: the deposit is 8040 and the stored value is 8039, in minor units");
    world.unchanged_since(&before);
}

#[tokio::test]
async fn the_same_reference_places_once_whatever_the_key() {
    let world = bakery(5).await;
    let alice = member(&world, "alice", 20_000).await;
    let first = world.shop.command("bakery", "place", wish(&alice, "r1", "cake", 1)).send().await.ok();
    let again = world.shop.command("bakery", "place", wish(&alice, "r1", "cake", 1)).send().await.ok();
    assert_eq!(first, again);
    assert_eq!(alice.holds("stored-value").await.available, 11_960);
    let other = world.shop.command("bakery", "place", wish(&alice, "r1", "tart", 1)).send().await.problem();
    assert_eq!(other.name(), "422 pack:reference-reused");
}

#[tokio::test]
async fn a_wish_that_can_not_be_fulfilled_is_refused_for_its_reason() {
    let world = bakery(5).await;
    let alice = member(&world, "alice", 20_000).await;
    let on = |date: &str, slot: &str| {
        let mut wish = wish(&alice, "r", "tart", 1);
        wish["date"] = date.into();
        wish["slot"] = slot.into();
        wish
    };
    let mut nobody = wish(&alice, "r", "tart", 1);
    nobody["member"] = "mem_00000000000000000000000000000000".into();
    for (wish, expected) in [
        (on("2026-03-18", "10:00"), "422 pack:too-late"),
        (on("2026-03-26", "10:00"), "422 pack:too-early"),
        (on(SATURDAY, "12:00"), "404 pack:unknown-slot"),
        (wish(&alice, "r", "bread", 1), "404 pack:unknown-product"),
        (nobody, "404 pack:unknown-member"),
        (on("2026-02-30", "10:00"), "422 "),
        (wish(&alice, "r", "tart", 0), "422 wrong-input"),
    ] {
        let problem = world.shop.command("bakery", "place", wish.clone()).send().await.problem();
        assert!(problem.name().starts_with(expected), "{wish} was told {problem}, not {expected}");
    }
}

#[tokio::test]
async fn a_store_without_pre_orders_takes_none() {
    let world = bakery(5).await;
    let alice = member(&world, "alice", 20_000).await;
    let body = json!({ "store": world.shop.store(1), "input": wish(&alice, "r1", "cake", 1) });
    let problem = world.shop.post("/v1/packs/bakery/commands/place", body).send().await.problem();
    assert_eq!(problem.name(), "404 pack-not-enabled");
    let nowhere = json!({ "input": wish(&alice, "r1", "cake", 1) });
    let problem = world.shop.post("/v1/packs/bakery/commands/place", nowhere).send().await.problem();
    assert_eq!(problem.name(), "422 pack:store-required");
}

#[tokio::test]
async fn pre_orders_survive_a_restart() {
    let world = bakery(5).await;
    let alice = member(&world, "alice", 20_000).await;
    let placed = world.shop.command("bakery", "place", wish(&alice, "r1", "cake", 1)).send().await.ok();
    world.restart();
    assert_eq!(slot(&world).await["taken"], 2);
    let show = json!({ "code": placed["result"]["code"], "date": SATURDAY });
    world.shop.command("bakery", "pick-up", show).send().await.ok();
}

#[tokio::test]
async fn what_nobody_picks_up_is_missed_at_the_end_of_its_day_and_told() {
    for (keeps, left) in [(true, 11_960), (false, 20_000)] {
        let world = bakery_that_keeps_deposits(keeps, 5).await;
        let alice = member(&world, "alice", 20_000).await;
        let place = |reference: &str| world.shop.command("bakery", "place", wish(&alice, reference, "cake", 1)).send();
        let missed = place("r1").await.ok()["result"].clone();
        let picked_up = world.shop.command("bakery", "place", wish(&alice, "r2", "tart", 1)).send().await.ok();
        world.clock_at("2026-03-21T10:30:00+08:00");
        let code = picked_up["result"]["code"].clone();
        world.shop.command("bakery", "pick-up", json!({ "code": code, "date": SATURDAY })).send().await.ok();
        world.clock_at("2026-03-21T23:59:00+08:00");
        assert_eq!(calls(&world).await.done, 0);
        world.clock_at("2026-03-22T00:00:00+08:00");
        let round = calls(&world).await;
        assert_eq!((round.done, round.failed), (1, 0));
        assert_eq!(alice.holds("stored-value").await.available, left - 1_000);
        let told = world.shop.get("/v1/events?kind=pack-told").send().await.ok();
        let fact = &told["events"][0]["data"];
        assert_eq!(
            (&fact["pack"], &fact["kind"], &fact["member"]),
            (&json!("bakery"), &json!("pickup-missed"), &json!(alice.id))
        );
        assert_eq!(fact["data"]["preorder"], missed["preorder"]);
        assert_eq!(fact["data"]["kept_minor"], if keeps { 8_040 } else { 0 });
        assert_eq!(told["events"].as_array().unwrap().len(), 1);
        let late = json!({ "code": missed["code"], "date": SATURDAY });
        let problem = world.shop.command("bakery", "pick-up", late).send().await.problem();
        assert_eq!(problem.name(), "422 pack:pickup-missed");
        assert_eq!(calls(&world).await.done, 0);
    }
}

#[tokio::test]
async fn a_day_with_many_missed_pre_orders_is_closed_in_steps() {
    let world = bakery(500).await;
    let alice = member(&world, "alice", 1_000_000).await;
    for number in 0..120 {
        world.shop.command("bakery", "place", wish(&alice, &format!("r{number}"), "tart", 1)).send().await.ok();
    }
    world.clock_at("2026-03-22T00:00:00+08:00");
    for _ in 0..3 {
        assert_eq!(calls(&world).await.done, 1);
        world.clock_forward(SignedDuration::from_secs(1));
    }
    assert_eq!(calls(&world).await.due_at, None);
    let told = world.shop.get("/v1/events?kind=pack-told&limit=200").send().await.ok();
    assert_eq!(told["events"].as_array().unwrap().len(), 120);
}
