//! Timers of packs: those that they set, and those of the calendar.

use host_tests::{Shop, World, guest};
use jiff::{SignedDuration, Timestamp};
use punchcard::domain::{Code, Event};
use punchcard::pack::Limits;
use punchcard::store::layout::{self, PackUse};
use punchcard::store::{Key, StoreError};
use punchcard::usecase::MESSAGES_OF_DAY_MAX;
use punchcard::usecase::pack_calls::Round;
use serde_json::{Value, json};

use crate::following::{calls, noted, world_with};
use crate::grants::{PROBE, ask, well, with_whole_probe};
use crate::messages::{hello, phoned};

async fn set_timer(shop: &Shop, name: &str, at: Option<Timestamp>) -> Value {
    let input = json!({ "name": name, "at": at.map(Timestamp::as_millisecond) });
    shop.command("echo", "set-timer", input).send().await.ok()["result"]["at"].clone()
}

/// What was noted of timers that the pack has set.
async fn fired(world: &World) -> Vec<String> {
    noted(&world.shop, "timer-t").await.into_iter().map(|(what, _)| what).collect()
}

fn in_seconds(world: &World, seconds: i64) -> Timestamp {
    world.now().checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

/// What is due but for the night.
fn work((done, failed): (usize, usize), round: Round) {
    assert_eq!((round.done, round.failed, round.parked), (done, failed, 0));
}

#[tokio::test]
async fn a_timer_fires_once_and_not_before_its_time() {
    let world = world_with(json!({})).await;
    let at = in_seconds(&world, 90);
    assert_eq!(set_timer(&world.shop, "t1", Some(at)).await, Value::Null);
    let round = calls(&world).await;
    work((0, 0), round);
    assert_eq!(round.due_at, Some(at), "nobody has to look before");
    world.clock_forward(SignedDuration::from_secs(89));
    work((0, 0), calls(&world).await);
    world.restart();
    world.clock_forward(SignedDuration::from_secs(6));
    work((1, 0), calls(&world).await);
    assert_eq!(fired(&world).await, [format!("set at {} try 1", world.now().as_millisecond())]);
    work((0, 0), calls(&world).await);
}

#[tokio::test]
async fn a_timer_of_the_same_name_replaces_the_one_before_and_can_be_taken_back() {
    let world = world_with(json!({})).await;
    let (soon, late) = (in_seconds(&world, 10), in_seconds(&world, 3600));
    set_timer(&world.shop, "t1", Some(soon)).await;
    assert_eq!(set_timer(&world.shop, "t1", Some(late)).await, soon.as_millisecond());
    world.clock_forward(SignedDuration::from_secs(60));
    work((0, 0), calls(&world).await);
    assert_eq!(set_timer(&world.shop, "t1", None).await, late.as_millisecond());
    assert_eq!(set_timer(&world.shop, "t1", None).await, Value::Null);
    world.clock_forward(SignedDuration::from_secs(7200));
    work((0, 0), calls(&world).await);
    let past = set_timer(&world.shop, "t2", Some(in_seconds(&world, -100))).await;
    assert_eq!(past, Value::Null);
    work((1, 0), calls(&world).await);
}

#[tokio::test]
async fn a_timer_that_fails_is_tried_again_and_keeps_what_it_was_due() {
    let world = world_with(json!({ "fails": "refuses", "fails_at": "t1" })).await;
    let at = in_seconds(&world, 5);
    set_timer(&world.shop, "t1", Some(at)).await;
    set_timer(&world.shop, "t2", Some(at)).await;
    world.clock_forward(SignedDuration::from_secs(5));
    work((1, 1), calls(&world).await);
    world.shop.enable(guest("echo")).send().await.ok();
    world.clock_forward(SignedDuration::from_secs(10));
    work((1, 0), calls(&world).await);
    let note = noted(&world.shop, &format!("timer-t1-{}", at.as_millisecond())).await;
    assert_eq!(note, [(format!("set at {} try 2", world.now().as_millisecond()), 1)]);
}

#[tokio::test]
async fn a_timer_that_fails_for_the_last_time_is_parked_and_can_be_made_to_fire() {
    let world = world_with(json!({ "fails": "panics", "fails_at": "t1" })).await;
    let at = in_seconds(&world, 5);
    set_timer(&world.shop, "t1", Some(at)).await;
    while calls(&world).await.parked == 0 {
        world.clock_forward(SignedDuration::from_hours(6));
        assert!(world.now() < at.checked_add(SignedDuration::from_hours(200)).unwrap());
    }
    let listed = world.shop.get("/v1/packs/echo/parked-calls").send().await.ok();
    let call = &listed["parked_calls"][0];
    assert_eq!((&call["timer"], &call["due"], &call["event"]), (&json!("t1"), &json!(at.to_string()), &Value::Null));
    world.shop.enable(guest("echo")).send().await.ok();
    let path = format!("/v1/packs/echo/parked-calls/{}/retry", call["call"].as_str().unwrap());
    let retried = world.shop.post(&path, json!({})).new_key().send().await.ok();
    assert_eq!(retried["done"], true);
    assert_eq!(fired(&world).await.len(), 1);
}

#[tokio::test]
async fn a_timer_that_sets_itself_again_for_at_once_leaves_a_second_for_others() {
    let world = world_with(json!({ "fails": "rearms", "fails_at": "t1" })).await;
    set_timer(&world.shop, "t1", Some(world.now())).await;
    let round = calls(&world).await;
    work((1, 0), round);
    assert_eq!(round.due_at, Some(in_seconds(&world, 1)));
    world.clock_forward(SignedDuration::from_secs(1));
    work((1, 0), calls(&world).await);
}

#[tokio::test]
async fn a_rule_of_the_calendar_fires_each_night_of_the_merchant() {
    let world = world_with(json!({})).await;
    let round = calls(&world).await;
    work((0, 0), round);
    assert_eq!(round.due_at.unwrap().to_string(), "2026-03-18T18:00:00Z", "two in the morning in Shanghai");
    for _ in 0..3 {
        world.clock_at(&calls(&world).await.due_at.unwrap().to_string());
        work((1, 0), calls(&world).await);
    }
    // A host that was away for a week fires once, and then as before.
    world.clock_forward(SignedDuration::from_hours(7 * 24 + 1));
    let round = calls(&world).await;
    work((1, 0), round);
    assert_eq!(round.due_at.unwrap().to_string(), "2026-03-28T18:00:00Z");
    assert_eq!(noted(&world.shop, "timer-nightly").await.len(), 4);
}

#[tokio::test]
async fn a_night_that_fails_is_tried_again_beside_the_nights_that_follow() {
    let world = world_with(json!({ "fails": "refuses", "fails_at": "nightly" })).await;
    calls(&world).await;
    world.clock_at("2026-03-18T18:00:00Z");
    work((0, 1), calls(&world).await);
    world.shop.enable(guest("echo")).send().await.ok();
    world.clock_at("2026-03-18T18:00:10Z");
    let round = calls(&world).await;
    work((1, 0), round);
    assert_eq!(round.due_at.unwrap().to_string(), "2026-03-19T18:00:00Z");
}

#[tokio::test]
async fn a_pack_that_is_switched_off_does_nothing_at_its_time() {
    let world = world_with(json!({})).await;
    set_timer(&world.shop, "t1", Some(in_seconds(&world, 5))).await;
    world.shop.enable(guest("echo")).stores(&[]).send().await.ok();
    world.clock_forward(SignedDuration::from_secs(60));
    work((0, 0), calls(&world).await);
    world.shop.enable(guest("echo")).send().await.ok();
    work((1, 0), calls(&world).await);
}

#[tokio::test]
async fn timers_that_are_not_due_cost_nothing() {
    let world = world_with(json!({})).await;
    for number in 0..300 {
        set_timer(&world.shop, &format!("t{number}"), Some(in_seconds(&world, 86_400 + number))).await;
    }
    calls(&world).await;
    let before = world.state();
    assert_eq!(calls(&world).await.due_at, Some("2026-03-18T18:00:00Z".parse().unwrap()));
    world.unchanged_since(&before);
}

/// How many facts packs have told at the merchant.
fn facts(world: &World) -> usize {
    world.shop.events().iter().filter(|event| matches!(event, Event::PackTold { .. })).count()
}

#[tokio::test]
async fn packs_whose_timers_answer_their_own_events_come_to_an_end_when_that_is_soon() {
    for seconds in [0, 60] {
        let world = world_with(json!({ "answers_after": seconds })).await;
        world.shop.member("alice").enrol().await;
        for _ in 0..12 {
            assert_eq!(calls(&world).await.parked, 0);
            world.clock_forward(SignedDuration::from_secs(seconds));
        }
        assert_eq!(facts(&world), 8, "after {seconds} seconds each");
    }
    let world = world_with(json!({ "answers_after": 61 })).await;
    world.shop.member("alice").enrol().await;
    for turn in 0..12 {
        assert_eq!((calls(&world).await.failed, facts(&world)), (0, turn), "what is due later begins anew");
        world.clock_forward(SignedDuration::from_secs(61));
    }
}

/// Moves a counter as much work would.
fn count(world: &World, counter: &Key, by: i64) {
    world
        .running()
        .host
        .operate(world.shop.id, |tx, _| tx.add(counter, by))
        .map_err(|error: StoreError| error)
        .unwrap();
}

#[tokio::test]
async fn a_pack_has_100_000_timers_that_wait_and_no_more() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let at = in_seconds(&world, 3_600).as_millisecond();
    let set = |name: &'static str| ask(shop, "timers.set", json!({ "key": name, "at": at }));
    let waiting = layout::pack_timer_count(shop.id, &Code::new(PROBE).unwrap());
    assert_eq!(set("t1").await, json!({ "ok": null }));
    let others = i64::try_from(Limits::TIMERS_MAX).unwrap() - 2;
    count(&world, &waiting, others);
    assert_eq!(set("t2").await, json!({ "ok": null }));
    assert_eq!(set("t3").await, json!({ "limit": "at most 100000 timers of a pack wait" }));
    assert_eq!(set("t1").await, json!({ "ok": null }), "it takes the place of the one before");
    assert_eq!(ask(shop, "timers.cancel", json!({ "key": "t1" })).await, json!({ "ok": true }));
    assert_eq!(set("t3").await, json!({ "ok": null }));
    count(&world, &waiting, -others);
    world.books_balance();
    // What a host has left that did not count yet is counted once.
    let gone = world.running().host.operate(shop.id, |tx, _| {
        tx.delete(&waiting);
        Ok::<_, StoreError>(())
    });
    gone.unwrap();
    assert_eq!(set("t4").await, json!({ "ok": null }));
    let counted = world.running().host.look(|tx| tx.counter(&waiting)).map_err(|error: StoreError| error).unwrap();
    assert_eq!(counted, 3);
    world.clock_forward(SignedDuration::from_secs(3_600));
    work((3, 0), calls(&world).await);
    world.books_balance();
}

#[tokio::test]
async fn a_pack_tells_100_000_facts_at_a_merchant_on_a_day_and_no_more() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    with_whole_probe(&world.rival).await;
    let alice = shop.member("alice").enrol().await;
    let tell = || ask(shop, "events.emit", json!({ "member": alice.id }));
    assert_eq!(tell().await, json!({ "ok": null }));
    let day = layout::day_of_usage(world.now());
    let told = layout::pack_usage(shop.id, day, &Code::new(PROBE).unwrap(), PackUse::Facts);
    count(&world, &told, i64::try_from(Limits::FACTS_OF_DAY_MAX).unwrap() - 2);
    assert_eq!(tell().await, json!({ "ok": null }));
    assert_eq!(tell().await, json!({ "limit": "a pack tells at most 100000 facts on a day" }));
    let bob = world.rival.member("bob").enrol().await;
    let theirs = ask(&world.rival, "events.emit", json!({ "member": bob.id })).await;
    assert_eq!(theirs, json!({ "ok": null }), "others have a day of their own");
    world.clock_forward(SignedDuration::from_hours(24));
    assert_eq!(tell().await, json!({ "ok": null }));
    let used = shop.get("/v1/exports/usage").send().await;
    assert_eq!(String::from_utf8(used.body).unwrap().lines().count(), 2, "what is billed is calls and fuel");
}

#[tokio::test]
async fn what_a_call_is_answered_is_counted_whichever_function_answers() {
    let world = World::new();
    with_whole_probe(&world.shop).await;
    let at = world.now().checked_add(SignedDuration::from_hours(1)).unwrap().as_millisecond();
    let timer = json!({ "key": "long", "at": at, "reason": "x".repeat(4 << 10) });
    well(&ask(&world.shop, "timers.set", timer).await);
    let asked = |times: usize| {
        let step = json!({ "call": "timers.get", "with": { "key": "long" }, "times": times });
        world.shop.command(PROBE, "call", json!({ "steps": [step] })).send()
    };
    // Each answer has 4 KiB, and some bytes for the name and the time.
    let most = Limits::MOVED_MAX_BYTES / (4 << 10);
    asked(most - 100).await.ok();
    assert_eq!(asked(most).await.problem().name(), "502 pack-moved-exceeded");
}

#[tokio::test]
async fn a_pack_sends_10_000_messages_at_a_merchant_on_a_day_and_no_more() {
    let world = World::new();
    for shop in [&world.shop, &world.rival] {
        with_whole_probe(shop).await;
        hello(shop, None).await;
    }
    let alice = phoned(&world.shop, "alice", "+8613800138000").await;
    let send = || ask(&world.shop, "messages.send", json!({ "member": alice.id, "template": "hello" }));
    assert!(send().await.get("ok").is_some());
    let day = layout::day_of_usage(world.now());
    let sent = layout::pack_usage(world.shop.id, day, &Code::new(PROBE).unwrap(), PackUse::Messages);
    count(&world, &sent, i64::try_from(MESSAGES_OF_DAY_MAX).unwrap() - 2);
    assert!(send().await.get("ok").is_some(), "the last one");
    let before = world.shop.get("/v1/messages").send().await.ok();
    assert_eq!(send().await, json!({ "limit": "a pack sends at most 10000 messages on a day" }));
    assert_eq!(world.shop.get("/v1/messages").send().await.ok(), before);
    let bob = phoned(&world.rival, "bob", "+8613800138001").await;
    let theirs = ask(&world.rival, "messages.send", json!({ "member": bob.id, "template": "hello" })).await;
    assert!(theirs.get("ok").is_some(), "others have a day of their own");
    world.clock_forward(SignedDuration::from_hours(24));
    assert!(send().await.get("ok").is_some());
}
