//! Webhooks whose receivers fail: what is sent again, when, in which order, and what is given up.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use host_tests::premises::{Call, Premises};
use host_tests::process::{Server, serve_command_in_private};
use host_tests::{Delivery, Receiver, World};
use jiff::SignedDuration;
use punchcard::domain::Reach;
use punchcard::webhook::{Client, run_webhooks};
use serde_json::{Value, json};

use crate::webhooks::{change, deliver, hook, open_world, path, read};

/// A receiver whose answer a spec can change.
async fn moody(status: u16) -> (Receiver, Arc<AtomicU16>) {
    let mood = Arc::new(AtomicU16::new(status));
    let answers = Arc::clone(&mood);
    let answer = move |_: &Delivery| StatusCode::from_u16(answers.load(Ordering::SeqCst)).unwrap().into_response();
    (Receiver::answering(answer).await, mood)
}

pub(crate) async fn list(world: &World, hook: &Value, what: &str) -> Vec<Value> {
    let read = world.shop.get(&path(hook, &format!("/{what}"))).send().await.ok();
    read[what.replace('-', "_")].as_array().unwrap().clone()
}

/// Moves the clock to each instant at which something falls due, and delivers. Gives the waits, in seconds.
pub(crate) async fn play_out(world: &World) -> Vec<i64> {
    let mut waits = Vec::new();
    loop {
        let Some(due) = deliver(world).await.due_at else { return waits };
        let wait = due.duration_since(world.now());
        waits.push(wait.as_secs());
        world.clock_forward(wait);
        assert!(waits.len() < 50, "it never ends: {waits:?}");
    }
}

#[tokio::test]
async fn an_event_is_attempted_eleven_times_in_a_day_and_is_then_given_up() {
    let world = open_world();
    let (receiver, mood) = moody(500).await;
    let hook = hook(&world.shop, &receiver).await;
    let alice = world.shop.member("alice").enrol().await;
    let waits = play_out(&world).await;
    let aims = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200];
    assert_eq!(waits.len(), aims.len(), "{waits:?}");
    for (wait, aim) in waits.iter().zip(aims) {
        assert!((aim..=aim + aim / 10 + 1).contains(wait), "{wait} s instead of {aim} s");
    }
    let ids: Vec<_> = receiver.got().iter().map(|sent| sent.header("webhook-id").to_owned()).collect();
    assert!(ids.len() == 11 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let dead = list(&world, &hook, "dead-letters").await;
    assert_eq!((&dead[0]["event"], &dead[0]["attempts"]), (&json!(ids[0]), &json!(11)));
    assert_eq!((&dead[0]["type"], &dead[0]["status"]), (&json!("member-enrolled"), &json!(500)));
    // Nothing else came through meanwhile, so it is paused, and the log says so.
    let (_, paused) = read(&world.shop, &hook).await;
    assert_eq!(paused["paused"]["reason"], "failing");
    let told = world.shop.get("/v1/events?kind=webhook-paused").send().await.ok();
    assert_eq!(told["events"][0]["data"], json!({ "webhook": hook["id"], "reason": "failing" }));
    // What happens from now on waits until somebody resumes it.
    alice.load(500).await.created();
    assert_eq!(deliver(&world).await.due_at, None);
    mood.store(204, Ordering::SeqCst);
    change(&world.shop, &hook, json!({ "paused": false })).await.ok();
    deliver(&world).await;
    let mut later = receiver.sequences()[11..].to_vec();
    later.sort_unstable();
    assert_eq!(later, [2, 3]);
}

#[tokio::test]
async fn a_failing_event_holds_back_only_later_ones_of_the_same_member() {
    let world = open_world();
    let alice = world.shop.member("alice").enrol().await;
    let bob = world.shop.member("bob").enrol().await;
    let heals = Arc::new(AtomicBool::new(false));
    let (answers, poisoned) = (Arc::clone(&heals), alice.id.clone());
    let receiver = Receiver::answering(move |sent: &Delivery| {
        let is_alices = sent.json()["subject"] == poisoned.as_str();
        let refused = is_alices && !answers.load(Ordering::SeqCst);
        if refused { StatusCode::BAD_GATEWAY } else { StatusCode::OK }.into_response()
    })
    .await;
    let hook = hook(&world.shop, &receiver).await;
    for amount in [1, 2, 3] {
        alice.load(amount).await.created();
        bob.load(amount).await.created();
    }
    let anonymous = world.shop.order("till-1").line("bread", 500).settle().await.created();
    let round = deliver(&world).await;
    assert_eq!((round.delivered, round.failed), (4, 1));
    world.shop.refund(&anonymous).await.ok();
    alice.load(4).await.created();
    bob.load(4).await.created();
    deliver(&world).await;
    assert_eq!(read(&world.shop, &hook).await.1["deliveries"]["waiting"], 4);
    heals.store(true, Ordering::SeqCst);
    world.clock_forward(SignedDuration::from_secs(6));
    let round = deliver(&world).await;
    assert_eq!((round.delivered, round.due_at), (4, None));
    let mut of: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for sent in receiver.got() {
        of.entry(sent.json()["subject"].as_str().unwrap().to_owned()).or_default().push(sent.sequence());
    }
    assert_eq!(of[&alice.id], [3, 3, 5, 7, 11]);
    assert_eq!(of[&bob.id], [4, 6, 8, 12]);
    assert_eq!(of[anonymous["id"].as_str().unwrap()], [9, 10]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_pauses_the_webhook_and_nothing_is_lost() {
    let world = open_world();
    let (receiver, mood) = moody(410).await;
    let hook = hook(&world.shop, &receiver).await;
    world.shop.member("alice").enrol().await;
    deliver(&world).await;
    world.shop.member("bob").enrol().await;
    assert_eq!(read(&world.shop, &hook).await.1["paused"]["reason"], "gone");
    world.clock_forward(SignedDuration::from_hours(10));
    assert_eq!(deliver(&world).await.due_at, None);
    assert_eq!(receiver.got().len(), 1);
    mood.store(200, Ordering::SeqCst);
    change(&world.shop, &hook, json!({ "paused": false })).await.ok();
    deliver(&world).await;
    let mut sequences = receiver.sequences();
    sequences.sort_unstable();
    // 2 is the event that the webhook was paused.
    assert_eq!(sequences, [1, 1, 2, 3]);
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it_within_bounds() {
    let world = open_world();
    let is_busy = Arc::new(AtomicBool::new(true));
    let answers = Arc::clone(&is_busy);
    let receiver = Receiver::answering(move |_| match answers.load(Ordering::SeqCst) {
        true => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "600")]).into_response(),
        false => StatusCode::OK.into_response(),
    })
    .await;
    let hook = hook(&world.shop, &receiver).await;
    world.shop.member("alice").enrol().await;
    deliver(&world).await;
    world.shop.member("bob").enrol().await;
    is_busy.store(false, Ordering::SeqCst);
    world.clock_forward(SignedDuration::from_secs(599));
    assert_eq!(deliver(&world).await.delivered, 0);
    assert_eq!(read(&world.shop, &hook).await.1["deliveries"]["rests_until"], "2026-03-18T00:10:00Z");
    world.clock_forward(SignedDuration::from_secs(1));
    assert_eq!(deliver(&world).await.delivered, 2);
}

#[tokio::test]
async fn redirects_are_not_followed_and_huge_answers_are_not_read() {
    let world = open_world();
    let elsewhere = Receiver::new().await;
    let to = elsewhere.url();
    let redirecting =
        Receiver::answering(move |_| (StatusCode::TEMPORARY_REDIRECT, [("location", to.clone())]).into_response())
            .await;
    let huge = Receiver::answering(|_| (StatusCode::OK, vec![b'x'; 32 << 20]).into_response()).await;
    let redirected = hook(&world.shop, &redirecting).await;
    let told = hook(&world.shop, &huge).await;
    world.shop.member("alice").enrol().await;
    deliver(&world).await;
    let outcome = list(&world, &redirected, "deliveries").await;
    assert_eq!((&outcome[0]["outcome"], &outcome[0]["status"]), (&json!("refused"), &json!(307)));
    assert_eq!(list(&world, &told, "deliveries").await[0]["outcome"], "delivered");
    assert_eq!(elsewhere.got().len(), 0);
}

#[tokio::test]
async fn whatever_goes_wrong_on_the_way_has_a_name() {
    let world = open_world();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    // It takes connections, and says nothing.
    let silent = format!("http://{}/", listener.local_addr().unwrap());
    let closed = {
        let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/", nobody.local_addr().unwrap())
    };
    let plain = Receiver::new().await.url().replace("http://", "https://");
    let mut hooks = Vec::new();
    for url in [silent.as_str(), &closed, &plain, "http://nowhere.invalid/"] {
        hooks.push(world.shop.post("/v1/webhooks", json!({ "url": url })).send().await.created());
    }
    world.shop.member("alice").enrol().await;
    let client = Client::new(Reach::Anywhere).unwrap().within(Duration::from_secs(2));
    run_webhooks(&world.running().host, &client).await.unwrap();
    let mut outcomes = Vec::new();
    for hook in &hooks {
        outcomes.push(list(&world, hook, "deliveries").await[0]["outcome"].as_str().unwrap().to_owned());
    }
    assert_eq!(outcomes, ["timed-out", "not-connected", "not-connected", "not-resolved"]);
}

#[tokio::test]
async fn dead_letters_are_sent_again_one_by_one_or_since_an_instant_or_dropped() {
    let world = open_world();
    let heals = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&heals);
    let receiver = Receiver::answering(move |sent: &Delivery| {
        let refused = sent.kind() == "stored-value-loaded" && !answers.load(Ordering::SeqCst);
        if refused { StatusCode::CONFLICT } else { StatusCode::OK }.into_response()
    })
    .await;
    let hook = hook(&world.shop, &receiver).await;
    for name in ["alice", "bob", "carol"] {
        world.shop.member(name).enrol().await.load(100).await.created();
    }
    play_out(&world).await;
    // Others came through, so the webhook is not paused.
    assert_eq!(read(&world.shop, &hook).await.1["paused"], json!(null));
    let dead = list(&world, &hook, "dead-letters").await;
    let ids: Vec<_> = dead.iter().map(|letter| letter["event"].as_str().unwrap()).collect();
    let [first, second, third] = ids.as_slice() else { panic!("three were given up: {dead:?}") };
    let page = world.shop.get(&path(&hook, "/dead-letters?limit=2")).send().await.ok();
    let rest = path(&hook, &format!("/dead-letters?after={}", page["next"].as_str().unwrap()));
    assert_eq!(world.shop.get(&rest).send().await.ok()["dead_letters"][0]["event"], *third);
    heals.store(true, Ordering::SeqCst);
    let one = |event: &str, rest: &str| path(&hook, &format!("/dead-letters/{event}{rest}"));
    let resent = world.shop.post(&one(first, "/resend"), json!({})).send().await;
    assert_eq!((resent.status.as_u16(), resent.ok()), (202, json!({ "count": 1 })));
    assert_eq!(world.shop.request("DELETE", &one(second, "")).send().await.status, 204);
    for event in [first, second] {
        let gone = world.shop.post(&one(event, "/resend"), json!({})).send().await.problem();
        assert_eq!(gone.name(), "404 unknown-dead-letter");
    }
    let unknown = world.shop.request("DELETE", &one("evt_1", "")).send().await.problem();
    assert_eq!(unknown.name(), "404 no-such-thing");
    let all = path(&hook, "/dead-letters/resend");
    let later = json!({ "since": "2030-01-01T00:00:00Z" });
    assert_eq!(world.shop.post(&all, later).send().await.ok()["count"], 0);
    let ever = json!({ "since": dead[2]["given_up_at"] });
    assert_eq!(world.shop.post(&all, ever).send().await.ok()["count"], 1);
    let before = receiver.got().len();
    assert_eq!(deliver(&world).await.delivered, 2);
    let mut got: Vec<_> = receiver.got()[before..].iter().map(|sent| sent.header("webhook-id").to_owned()).collect();
    got.sort();
    assert_eq!(got, [*first, *third]);
    assert_eq!(list(&world, &hook, "dead-letters").await, Vec::<Value>::new());
    // Who did so is in the audit log.
    let changes = world.shop.get("/v1/changes?limit=200").send().await.ok();
    let of_letters = |change: &&Value| change["kind"].as_str().unwrap().starts_with("dead-letter");
    let told = changes["changes"].as_array().unwrap().iter().filter(of_letters);
    let told: Vec<_> = told.map(|change| json!([change["name"], change["after"]])).collect();
    let expected = json!([
        [first, { "webhook": hook["id"], "resent": true }],
        [second, null],
        [hook["id"], { "since": dead[2]["given_up_at"], "resent": 1 }],
    ]);
    assert_eq!(json!(told), expected);
}

#[tokio::test]
async fn what_was_sent_and_not_recorded_is_sent_again_after_a_crash() {
    let world = open_world();
    let (arrived, answered) = (Arc::new(tokio::sync::Notify::new()), Arc::new(AtomicBool::new(false)));
    let (tells, first) = (Arc::clone(&arrived), Arc::clone(&answered));
    let receiver = Receiver::answering(move |_| {
        tells.notify_one();
        match first.swap(true, Ordering::SeqCst) {
            // The first answer never ends, so the attempt is never recorded.
            false => Response::new(axum::body::Body::from_stream(futures_util::stream::pending::<
                Result<axum::body::Bytes, std::io::Error>,
            >())),
            true => StatusCode::OK.into_response(),
        }
    })
    .await;
    hook(&world.shop, &receiver).await;
    world.shop.member("alice").enrol().await;
    let host = world.running().host;
    let attempt = tokio::spawn(async move {
        let client = Client::new(Reach::Anywhere).unwrap();
        run_webhooks(&host, &client).await
    });
    arrived.notified().await;
    attempt.abort();
    assert!(attempt.await.unwrap_err().is_cancelled());
    world.restart();
    deliver(&world).await;
    let got = receiver.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"));
    assert_eq!(deliver(&world).await.delivered, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_delivers_by_itself_and_loses_nothing_when_it_is_killed() {
    let (receiver, mood) = moody(204).await;
    let url = receiver.url();
    let (premises, server) = tokio::task::spawn_blocking(move || {
        let premises = Premises::new();
        let server = Server::listening(&mut serve_command_in_private(premises.path())).unwrap();
        premises.ask(&server, &Call::post("/v1/webhooks", "hook", &json!({ "url": url })));
        premises.ask(&server, &Call::post("/v1/members", "alice", &json!({ "reference": "alice" })));
        (premises, server)
    })
    .await
    .unwrap();
    assert_eq!(receiver.wait_for(1).await[0].kind(), "member-enrolled");
    mood.store(500, Ordering::SeqCst);
    let (premises, mut server) = tokio::task::spawn_blocking(move || {
        premises.ask(&server, &Call::post("/v1/members", "bob", &json!({ "reference": "bob" })));
        (premises, server)
    })
    .await
    .unwrap();
    receiver.wait_for(2).await;
    server.kill();
    mood.store(204, Ordering::SeqCst);
    let server = tokio::task::spawn_blocking(move || {
        Server::listening(&mut serve_command_in_private(premises.path())).map(|server| (premises, server)).unwrap()
    });
    let (premises, server) = server.await.unwrap();
    let got = receiver.wait_for(3).await;
    assert_eq!(got[1].header("webhook-id"), got[2].header("webhook-id"));
    let (stopped, verified) = tokio::task::spawn_blocking(move || (server.stop(), premises.verify())).await.unwrap();
    assert!(stopped.success());
    verified.ok();
}

#[test]
fn a_server_that_ends_while_a_receiver_is_silent_sends_again_when_it_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let premises = Premises::new();
    let start = || Server::listening(&mut serve_command_in_private(premises.path())).unwrap();
    let server = start();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    premises.ask(&server, &Call::post("/v1/webhooks", "hook", &json!({ "url": url })));
    premises.ask(&server, &Call::post("/v1/members", "alice", &json!({ "reference": "alice" })));
    let (unanswered, _) = listener.accept().unwrap();
    let first = webhook_id(&unanswered);
    assert!(server.stop().success());
    let server = start();
    let (again, _) = listener.accept().unwrap();
    assert_eq!(webhook_id(&again), first);
    drop(again);
    assert!(server.stop().success());
    premises.verify().ok();
}

/// The id of the message that a connection brings.
fn webhook_id(connection: &TcpStream) -> String {
    let mut lines = BufReader::new(connection).lines().map(Result::unwrap);
    lines.find_map(|line| line.strip_prefix("webhook-id: ").map(str::to_owned)).expect("a message has an id")
}
