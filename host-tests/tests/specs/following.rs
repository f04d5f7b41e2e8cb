//! Packs that follow what happens: each event once, in order for each member, whatever goes wrong.

use host_tests::premises::{Call, Premises};
use host_tests::process::Server;
use host_tests::{Shop, World, guest};
use jiff::SignedDuration;
use punchcard::domain::Event;
use punchcard::pack_calls::run_pack_calls;
use punchcard::usecase::pack_calls::Round;
use serde_json::{Value, json};

use crate::merges::merge;

/// Has the packs do all that is due.
pub(crate) async fn calls(world: &World) -> Round {
    run_pack_calls(&world.running().host).await.unwrap()
}

/// A world in which the echo pack follows what happens, with these settings.
pub(crate) async fn world_with(settings: Value) -> World {
    let world = World::new();
    set(&world, settings).await;
    world
}

async fn set(world: &World, settings: Value) {
    world.shop.enable(guest("echo")).settings(settings).send().await.ok();
}

/// What the echo pack has noted under keys that begin so: what, and how often.
pub(crate) async fn noted(shop: &Shop, prefix: &str) -> Vec<(String, u64)> {
    let noted = shop.command("echo", "noted", json!({ "prefix": prefix })).send().await.ok();
    let notes = noted["result"].as_array().unwrap().iter();
    notes.map(|note| (note["what"].as_str().unwrap().to_owned(), note["times"].as_u64().unwrap())).collect()
}

async fn parked(world: &World) -> Vec<Value> {
    let listed = world.shop.get("/v1/packs/echo/parked-calls").send().await.ok();
    listed["parked_calls"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_pack_hears_of_what_it_follows_once_and_of_nothing_else() {
    let world = world_with(json!({})).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.load(5_000).await.created();
    alice.order("till-1").settle().await.created();
    assert_eq!(noted(&world.shop, "event-").await, []);
    let round = calls(&world).await;
    assert_eq!((round.done, round.failed, round.lag), (2, 0, 0));
    let heard = noted(&world.shop, "event-").await;
    let expected = |kind: &str| (format!("{kind} {}", alice.id), 1);
    assert_eq!(heard, [expected("member-enrolled"), expected("order-settled")]);
    assert_eq!(alice.holds("echoes").await.available, 2);
    assert_eq!(calls(&world).await.done, 0);
    world.restart();
    assert_eq!(calls(&world).await.done, 0, "how far it has come is on disk");
}

#[tokio::test]
async fn a_pack_without_the_grant_hears_nothing_and_later_only_what_happens_then() {
    let world = World::new();
    let silent = ["assets:write:own-units", "events:emit"];
    world.shop.enable(guest("echo")).grants(&silent).send().await.ok();
    world.shop.member("alice").enrol().await;
    assert_eq!(calls(&world).await.done, 0);
    world.shop.enable(guest("echo")).with("follow_from", "now").send().await.ok();
    let bob = world.shop.member("bob").enrol().await;
    assert_eq!(calls(&world).await.done, 1);
    assert_eq!(noted(&world.shop, "event-").await, [(format!("member-enrolled {}", bob.id), 1)]);
}

#[tokio::test]
async fn a_pack_to_which_the_grant_is_given_back_is_not_told_what_happened_meanwhile() {
    let world = world_with(json!({})).await;
    let alice = world.shop.member("alice").enrol().await;
    let silent = ["assets:write:own-units", "events:emit"];
    world.shop.enable(guest("echo")).grants(&silent).send().await.ok();
    alice.order("meanwhile").settle().await.created();
    assert_eq!(calls(&world).await.done, 0);
    set(&world, json!({})).await;
    assert_eq!(calls(&world).await.done, 0);
    alice.order("later").settle().await.created();
    assert_eq!(calls(&world).await.done, 1);

    // Unless the merchant says from where on, and also when it is given back before the pack is switched on.
    world.shop.enable(guest("echo")).grants(&silent).send().await.ok();
    alice.order("meanwhile-2").settle().await.created();
    world.shop.enable(guest("echo")).with("follow_from", "beginning").send().await.ok();
    assert_eq!(calls(&world).await.done, 4);
    world.shop.enable(guest("echo")).grants(&silent).send().await.ok();
    alice.order("meanwhile-3").settle().await.created();
    world.shop.enable(guest("echo")).stores(&[]).send().await.ok();
    set(&world, json!({})).await;
    assert_eq!(calls(&world).await.done, 0);
}

#[tokio::test]
async fn orders_of_a_store_in_which_the_pack_is_not_enabled_are_not_told() {
    let world = World::new();
    world.shop.enable(guest("echo")).stores(&[1]).send().await.ok();
    let alice = world.shop.member("alice").enrol().await;
    calls(&world).await;
    alice.order("till-1").in_store(0).settle().await.created();
    assert_eq!(calls(&world).await.done, 0);
    alice.order("till-2").in_store(1).settle().await.created();
    assert_eq!(calls(&world).await.done, 1);
}

#[tokio::test]
async fn a_pack_begins_where_the_merchant_says() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    world.clock_forward(SignedDuration::from_hours(1));
    let noon = world.now();
    for number in 0..5 {
        alice.order(&format!("till-{number}")).settle().await.created();
        world.clock_forward(SignedDuration::from_mins(1));
    }
    let from = |from: String| world.shop.enable(guest("echo")).with("follow_from", from).send();
    from("now".to_owned()).await.ok();
    assert_eq!(calls(&world).await.done, 0);
    from(noon.to_string()).await.ok();
    assert_eq!(calls(&world).await.done, 5);
    from("beginning".to_owned()).await.ok();
    assert_eq!(calls(&world).await.done, 6);
    let changes = world.shop.get("/v1/changes?limit=200").send().await.ok();
    let changes = changes["changes"].as_array().unwrap().iter();
    let placed: Vec<_> = changes.filter(|change| change["kind"] == "pack-following").collect();
    assert_eq!(placed.len(), 3, "who has a pack do the past again is in the audit log");
    assert_eq!(placed[0]["by"]["role"], "owner");
    // Without a place it goes on where it was, also after it was switched off.
    world.shop.enable(guest("echo")).stores(&[]).send().await.ok();
    alice.order("meanwhile").settle().await.created();
    assert_eq!(calls(&world).await.done, 0);
    set(&world, json!({})).await;
    assert_eq!(calls(&world).await.done, 1);
    let problem = from("yesterday".to_owned()).await.problem();
    assert_eq!(
        problem.to_string(),
        "422 wrong-follow-from: `yesterday` is no place to follow from: expected `now`, `beginning` or an instant such as 2026-11-22T08:15:00Z"
    );
}

#[tokio::test]
async fn an_event_that_fails_keeps_its_members_next_ones_waiting_and_nobody_elses() {
    let world = World::new();
    let (alice, bob) = (world.shop.member("alice").enrol().await, world.shop.member("bob").enrol().await);
    set(&world, json!({ "fails": "refuses", "fails_at": alice.id })).await;
    for number in 0..3 {
        alice.order(&format!("hers-{number}")).settle().await.created();
        bob.order(&format!("his-{number}")).settle().await.created();
    }
    let round = calls(&world).await;
    assert_eq!((round.done, round.failed, round.parked), (3, 1, 0));
    assert_eq!(round.due_at.unwrap().duration_since(world.now()), SignedDuration::from_secs(10));
    assert_eq!((alice.holds("echoes").await.available, bob.holds("echoes").await.available), (0, 3));
    assert_eq!(calls(&world).await.failed, 0, "its time has not come");
    // What was wrong is mended: what waits comes in order.
    set(&world, json!({})).await;
    world.clock_forward(SignedDuration::from_secs(10));
    let round = calls(&world).await;
    assert_eq!((round.done, round.failed), (3, 0));
    assert_eq!(alice.holds("echoes").await.available, 3);
    let heard = noted(&world.shop, "event-").await;
    assert!(heard.len() == 6 && heard.iter().all(|(_, times)| *times == 1), "{heard:?}");
}

#[tokio::test]
async fn an_event_that_fails_again_and_again_is_parked_and_the_next_one_goes_on() {
    let world = world_with(json!({ "fails": "panics" })).await;
    let alice = world.shop.member("alice").enrol().await;
    let mut waits = Vec::new();
    loop {
        let round = calls(&world).await;
        if round.parked > 0 {
            break;
        }
        assert_eq!((round.done, round.failed), (0, 1));
        waits.push(round.due_at.unwrap().duration_since(world.now()).as_secs());
        world.clock_forward(SignedDuration::from_secs(*waits.last().unwrap()));
    }
    assert_eq!(waits, [10, 60, 300, 1800, 7200, 21_600]);
    let parked_calls = parked(&world).await;
    assert_eq!(parked_calls.len(), 1);
    let call = &parked_calls[0];
    assert_eq!((&call["attempts"], &call["failure"]["code"]), (&json!(7), &json!("trapped")), "{call}");
    assert!(call["event"].as_str().unwrap().starts_with("evt_"), "{call}");
    let told = world.shop.events().into_iter().filter(|event| matches!(event, Event::CallParked { .. }));
    assert_eq!(told.count(), 1);
    set(&world, json!({})).await;
    alice.order("till-1").settle().await.created();
    assert_eq!(calls(&world).await.done, 1);
    assert_eq!(alice.holds("echoes").await.available, 1, "nothing of the parked one");

    let path = format!("/v1/packs/echo/parked-calls/{}/retry", call["call"].as_str().unwrap());
    let first = world.shop.post(&path, json!({})).key("again").send().await.ok();
    assert_eq!(first, json!({ "done": true, "failure": null }));
    let again = world.shop.post(&path, json!({})).key("again").send().await.ok();
    assert_eq!((again, alice.holds("echoes").await.available), (first, 2));
    assert_eq!(parked(&world).await.len(), 0);
    let gone = world.shop.post(&path, json!({})).new_key().send().await.problem();
    assert_eq!(gone.name(), "404 unknown-call");
}

#[tokio::test]
async fn a_parked_call_that_fails_again_stays_with_why_and_can_be_dropped() {
    let world = world_with(json!({ "fails": "refuses" })).await;
    world.shop.member("alice").enrol().await;
    while calls(&world).await.parked == 0 {
        world.clock_forward(SignedDuration::from_hours(6));
    }
    let call = parked(&world).await[0]["call"].as_str().unwrap().to_owned();
    let path = format!("/v1/packs/echo/parked-calls/{call}");
    set(&world, json!({ "fails": "loops" })).await;
    let retried = world.shop.post(&format!("{path}/retry"), json!({})).new_key().send().await.ok();
    assert_eq!((&retried["done"], &retried["failure"]["code"]), (&json!(false), &json!("out-of-fuel")), "{retried}");
    assert_eq!(parked(&world).await[0]["attempts"], 8);
    assert_eq!(noted(&world.shop, "event-").await, [], "nothing of it is kept");
    let rivals = world.rival.request("DELETE", &path).send().await.problem();
    assert_eq!(rivals.name(), "404 unknown-call");
    assert_eq!(world.shop.request("DELETE", &path).send().await.status, 204);
    assert_eq!(parked(&world).await.len(), 0);
    let gone = world.shop.request("DELETE", &path).send().await.problem();
    assert_eq!(gone.name(), "404 unknown-call");
}

#[tokio::test]
async fn a_lane_in_which_nothing_goes_well_rests_and_tries_one_at_a_time() {
    let world = world_with(json!({ "fails": "refuses" })).await;
    for number in 0..200 {
        world.shop.member(&format!("member-{number}")).enrol().await;
    }
    let round = calls(&world).await;
    assert_eq!((round.done, round.failed), (0, 40), "ten in each of four lanes");
    assert!(round.lag > 100, "{round:?}");
    world.clock_forward(SignedDuration::from_mins(1));
    let round = calls(&world).await;
    assert_eq!((round.done, round.failed), (0, 4));
    assert_eq!(round.due_at.unwrap().duration_since(world.now()), SignedDuration::from_mins(2), "twice as long");
    set(&world, json!({})).await;
    let (mut done, mut turns) = (0, 0);
    while done < 200 {
        world.clock_forward(SignedDuration::from_hours(1));
        let round = calls(&world).await;
        assert_eq!((round.failed, round.parked), (0, 0));
        done += round.done;
        turns += 1;
        assert!(turns < 10, "{done}");
    }
    let heard = noted(&world.shop, "event-").await;
    assert!(heard.len() == 200 && heard.iter().all(|(_, times)| *times == 1));
}

#[tokio::test]
async fn a_lane_that_has_rested_is_not_looked_at_before_something_is_due() {
    let world = world_with(json!({ "fails": "refuses" })).await;
    for number in 0..30 {
        world.shop.member(&format!("member-{number}")).enrol().await;
    }
    // What waits for six hours is not what a rest of one hour ends with.
    let end = world.now().checked_add(SignedDuration::from_hours(96)).unwrap();
    let mut turns = 0;
    while world.now() < end {
        let due_at = calls(&world).await.due_at.unwrap();
        assert!(due_at > world.now(), "{due_at} has passed");
        world.clock_at(&due_at.to_string());
        turns += 1;
        assert!(turns < 2000);
    }
    assert!(!parked(&world).await.is_empty());
}

#[tokio::test]
async fn packs_that_answer_their_own_events_come_to_an_end() {
    let world = world_with(json!({ "answers": true })).await;
    let alice = world.shop.member("alice").enrol().await;
    let round = calls(&world).await;
    // The eighth answer to the answer is refused by the host, and then the call that wants it fails.
    assert_eq!((round.done, round.failed), (8, 1));
    let facts: Vec<_> =
        world.shop.events().into_iter().filter(|event| matches!(event, Event::PackTold { .. })).collect();
    assert_eq!(facts.len(), 8);
    let heard = world.shop.get("/v1/events?kind=pack-told&limit=1").send().await.ok();
    let fact = &heard["events"][0];
    assert_eq!((&fact["data"]["pack"], &fact["data"]["kind"]), (&json!("echo"), &json!("heard")), "{heard}");
    assert_eq!(fact["data"]["member"], json!(alice.id));
    assert!(fact["data"]["data"]["of"].is_u64(), "{fact}");
}

#[tokio::test]
async fn events_of_a_member_who_was_merged_reach_the_pack_and_what_it_gives_the_survivor() {
    let world = world_with(json!({})).await;
    let (alice, bob) = (world.shop.member("alice").enrol().await, world.shop.member("bob").enrol().await);
    alice.order("till-1").settle().await.created();
    merge(&world.shop, &bob, &alice).await.ok();
    assert_eq!(calls(&world).await.failed, 0);
    assert_eq!(bob.holds("echoes").await.available, 3);
}

#[test]
fn a_host_that_is_killed_again_and_again_handles_every_event_once() {
    const ORDERS: usize = 60;
    let premises = Premises::new();
    let mut server = Server::start(premises.path());
    premises.enable(&server, guest("echo"));
    let member = premises.ask(&server, &Call::post("/v1/members", "enrol", &json!({ "reference": "alice" })));
    for number in 0..ORDERS {
        let order = json!({
            "reference": format!("till-{number}"), "store": premises.store(), "member": member["id"],
            "lines": [{ "sku": "bun", "quantity": 1, "amount_minor": 500 }],
        });
        premises.ask(&server, &Call::post("/v1/orders", format!("order-{number}"), &order));
        if number % 12 == 11 {
            server.kill();
            server = Server::start(premises.path());
        }
    }
    let noted = |turn: usize| {
        let input = json!({ "input": { "prefix": "event-" } });
        let call = Call::post("/v1/packs/echo/commands/noted", format!("noted-{turn}"), &input);
        premises.ask(&server, &call)["result"].as_array().unwrap().clone()
    };
    let all = (0..3000).find_map(|turn| Some(noted(turn)).filter(|notes| notes.len() > ORDERS));
    let notes = all.expect("every event is handled within seconds");
    assert!(notes.len() == ORDERS + 1 && notes.iter().all(|note| note["times"] == 1), "{notes:?}");
    server.stop();
    premises.verify().ok();
}
