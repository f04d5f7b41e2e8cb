//! Webhooks: what is sent, to whom, and how they are kept.

use axum::response::IntoResponse as _;
use host_tests::{Receiver, Reply, Shop, World};
use insta::assert_snapshot;
use jiff::SignedDuration;
use punchcard::domain::Reach;
use punchcard::webhook::{Client, Round, run_webhooks};
use serde_json::{Value, json};

/// A world whose host delivers to loopback.
pub(crate) fn open_world() -> World {
    let world = World::new();
    world.reaches(Reach::Anywhere);
    world
}

/// Does all that is due.
pub(crate) async fn deliver(world: &World) -> Round {
    let client = Client::new(Reach::Anywhere).unwrap();
    run_webhooks(&world.running().host, &client).await.unwrap()
}

pub(crate) async fn hook(shop: &Shop, receiver: &Receiver) -> Value {
    shop.post("/v1/webhooks", json!({ "url": receiver.url() })).send().await.created()
}

pub(crate) fn path(webhook: &Value, rest: &str) -> String {
    format!("/v1/webhooks/{}{rest}", webhook["id"].as_str().unwrap())
}

pub(crate) async fn read(shop: &Shop, webhook: &Value) -> (String, Value) {
    let reply = shop.get(&path(webhook, "")).send().await;
    (reply.header("etag").unwrap().to_owned(), reply.ok())
}

pub(crate) async fn change(shop: &Shop, webhook: &Value, change: Value) -> Reply {
    let (etag, _) = read(shop, webhook).await;
    shop.patch(&path(webhook, ""), &etag, change).send().await
}

#[tokio::test]
async fn an_event_is_sent_as_a_signed_cloud_event() {
    let world = open_world();
    let receiver = Receiver::new().await;
    world.shop.member("before").enrol().await;
    let hook = hook(&world.shop, &receiver).await;
    let alice = world.shop.member("alice").enrol().await;
    world.clock_forward(SignedDuration::from_secs(90));
    let round = deliver(&world).await;
    assert_eq!((round.delivered, round.failed, round.lag), (1, 0, 0));
    let [sent] = receiver.got().try_into().expect("what happened before is not sent");
    let told = world.shop.get("/v1/events?after=c0000000000000001").send().await.ok()["events"][0].clone();
    assert_eq!(sent.header("content-type"), "application/cloudevents+json");
    assert_eq!(sent.header("webhook-id"), told["id"]);
    assert_eq!(sent.header("webhook-timestamp"), world.now().as_second().to_string());
    assert!(sent.is_signed_with(hook["secret"].as_str().unwrap()));
    let body = sent.json();
    assert_eq!((&body["specversion"], &body["id"]), (&json!("1.0"), &told["id"]));
    assert_eq!(body["source"], format!("urn:punchcard:merchant:{}", world.shop.id));
    assert_eq!((&body["type"], &body["subject"]), (&json!("punchcard.member-enrolled.v1"), &json!(alice.id)));
    assert_eq!((&body["time"], &body["data"]), (&told["at"], &told["data"]));
    assert!(!String::from_utf8(sent.body).unwrap().contains("alice"));
    assert_eq!(deliver(&world).await.delivered, 0);
}

#[tokio::test]
async fn a_webhook_gets_the_kinds_of_events_that_it_wants_and_only_its_merchants() {
    let world = open_world();
    let receiver = Receiver::new().await;
    let wanted = json!({ "url": receiver.url(), "kinds": ["stored-value-loaded"] });
    let hook = world.shop.post("/v1/webhooks", wanted).send().await.created();
    let alice = world.shop.member("alice").enrol().await;
    alice.load(500).await.created();
    world.rival.member("bob").enrol().await.load(700).await.created();
    deliver(&world).await;
    let kinds: Vec<_> = receiver.got().iter().map(host_tests::Delivery::kind).collect();
    assert_eq!(kinds, ["stored-value-loaded"]);
    change(&world.shop, &hook, json!({ "kinds": [] })).await.ok();
    world.shop.member("carol").enrol().await;
    deliver(&world).await;
    assert_eq!(receiver.got().last().unwrap().kind(), "member-enrolled");
}

#[tokio::test]
async fn a_secret_is_shown_once_and_never_again() {
    let world = open_world();
    let receiver = Receiver::new().await;
    let new = json!({ "url": receiver.url(), "description": "the till's mirror" });
    let made = world.shop.post("/v1/webhooks", new.clone()).key("k").send().await.created();
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let again = world.shop.post("/v1/webhooks", new).key("k").send().await.created();
    assert_eq!((&again["id"], &again["secret"]), (&made["id"], &json!(null)));
    let listed = world.shop.get("/v1/webhooks").send().await.ok();
    assert_eq!(listed["webhooks"].as_array().unwrap().len(), 1);
    let (_, one) = read(&world.shop, &made).await;
    assert_eq!(listed["webhooks"][0], one);
    assert_eq!((&one["description"], &one["paused"]), (&json!("the till's mirror"), &json!(null)));
    assert!(!listed.to_string().contains("whsec_"));
}

#[tokio::test]
async fn a_change_is_made_on_the_version_that_was_read() {
    let world = open_world();
    let receiver = Receiver::new().await;
    let hook = hook(&world.shop, &receiver).await;
    let (etag, _) = read(&world.shop, &hook).await;
    let at = path(&hook, "");
    let changed = world.shop.patch(&at, &etag, json!({ "kinds": ["order-settled"], "description": "new" }));
    let changed = changed.send().await;
    assert_ne!(changed.header("etag").unwrap(), etag);
    let changed = changed.ok();
    assert_eq!((&changed["kinds"], &changed["description"]), (&json!(["order-settled"]), &json!("new")));
    let late = world.shop.patch(&at, &etag, json!({ "paused": true })).send().await.problem();
    assert_snapshot!(late, @"412 changed-meanwhile: this webhook has been changed meanwhile; read it again, and make the change on what it is now");
    let without = world.shop.request("PATCH", &at).content_type("application/json").body("{}").send().await.problem();
    assert_eq!(without.name(), "428 no-version");
    let cleared = change(&world.shop, &hook, json!({ "description": null })).await.ok();
    assert_eq!((&cleared["description"], &cleared["kinds"]), (&json!(null), &json!(["order-settled"])));
}

#[tokio::test]
async fn urls_that_the_host_does_not_send_to_are_refused_by_name() {
    let world = World::new();
    for (url, name) in [
        ("http://example.com/", "422 url-not-encrypted"),
        ("https://127.0.0.1/", "422 private-address"),
        ("https://[::ffff:10.0.0.1]:8443/", "422 private-address"),
        ("https://localhost/", "422 private-address"),
        ("https://user:word@example.com/", "422 wrong-body"),
        ("https://2130706433/", "422 wrong-body"),
        ("example.com", "422 wrong-body"),
    ] {
        let problem = world.shop.post("/v1/webhooks", json!({ "url": url })).send().await.problem();
        assert_eq!(problem.name(), name, "{url}");
    }
    let kinds = json!({ "url": "https://example.com/", "kinds": ["order-lost"] });
    assert_eq!(world.shop.post("/v1/webhooks", kinds).send().await.problem().name(), "422 wrong-body");
    let good = world.shop.post("/v1/webhooks", json!({ "url": "https://example.com:8443/x" })).send().await.created();
    let moved = change(&world.shop, &good, json!({ "url": "https://10.0.0.1/" })).await.problem();
    assert_snapshot!(moved, @"422 private-address: 10.0.0.1 is not a public address, and this host does not deliver to private networks");
}

#[tokio::test]
async fn nothing_is_sent_to_a_private_address_that_was_allowed_before() {
    let world = open_world();
    let receiver = Receiver::new().await;
    let hook = hook(&world.shop, &receiver).await;
    world.shop.member("alice").enrol().await;
    let client = Client::new(Reach::Public).unwrap();
    let round = run_webhooks(&world.running().host, &client).await.unwrap();
    assert_eq!((round.delivered, round.failed), (0, 1));
    let log = world.shop.get(&path(&hook, "/deliveries")).send().await.ok();
    assert_eq!(log["deliveries"][0]["outcome"], "address-not-allowed");
    assert_eq!(receiver.got().len(), 0);
}

#[tokio::test]
async fn a_merchant_has_at_most_twenty_webhooks() {
    let world = World::new();
    for number in 0..20 {
        let new = json!({ "url": format!("https://example.com/{number}") });
        world.shop.post("/v1/webhooks", new).send().await.created();
    }
    let many = world.shop.post("/v1/webhooks", json!({ "url": "https://example.com/" })).send().await.problem();
    assert_eq!(many.name(), "409 too-many-webhooks");
    world.rival.post("/v1/webhooks", json!({ "url": "https://example.com/" })).send().await.created();
}

#[tokio::test]
async fn another_merchants_webhook_is_not_found_and_a_clerk_may_do_nothing_with_them() {
    let world = open_world();
    let receiver = Receiver::new().await;
    let theirs = hook(&world.rival, &receiver).await;
    let event = punchcard::usecase::event_id(world.shop.id, 1);
    let one = format!("/dead-letters/{event}");
    let before = world.state();
    let clerk = world.shop.as_clerk();
    let resend = format!("{one}/resend");
    let routes = [
        ("GET", "", ""),
        ("PATCH", "", "{}"),
        ("DELETE", "", ""),
        ("POST", "/secret", "{}"),
        ("DELETE", "/secret/previous", ""),
        ("POST", "/test", "{}"),
        ("GET", "/deliveries", ""),
        ("GET", "/dead-letters", ""),
        ("POST", "/dead-letters/resend", r#"{"since":"2026-01-01T00:00:00Z"}"#),
        ("POST", resend.as_str(), "{}"),
        ("DELETE", one.as_str(), ""),
    ];
    let described = world.shop.get("/openapi.json").send().await.ok();
    let paths = described["paths"].as_object().unwrap().iter();
    let of_one = paths.filter(|(path, _)| path.starts_with("/v1/webhooks/{webhook}"));
    let count: usize = of_one.map(|(_, item)| item.as_object().unwrap().len()).sum();
    assert_eq!(routes.len(), count, "a route of webhooks is not asked here");
    for (method, rest, body) in routes {
        let request = |shop: &Shop| {
            let request = shop.request(method, &path(&theirs, rest)).content_type("application/json").body(body);
            request.header("if-match", "\"1\"").key(&format!("{method}{rest}"))
        };
        assert_eq!(request(&world.shop).send().await.problem().name(), "404 unknown-webhook", "{method} {rest}");
        assert_eq!(request(&clerk).send().await.problem().name(), "403 forbidden", "{method} {rest}");
    }
    assert_eq!(clerk.get("/v1/webhooks").send().await.problem().name(), "403 forbidden");
    assert_eq!(world.shop.get("/v1/webhooks").send().await.ok()["webhooks"], json!([]));
    world.unchanged_since(&before);
}

#[tokio::test]
async fn messages_bear_both_signatures_for_a_day_after_a_rotation() {
    let world = open_world();
    let receiver = Receiver::new().await;
    let hook = hook(&world.shop, &receiver).await;
    let first = hook["secret"].as_str().unwrap();
    let rotated = world.shop.post(&path(&hook, "/secret"), json!({})).key("rotate").send().await.created();
    let second = rotated["secret"].as_str().unwrap();
    assert_eq!(rotated["previous_until"], "2026-03-19T00:00:00Z");
    assert_ne!(first, second);
    let repeated = world.shop.post(&path(&hook, "/secret"), json!({})).key("rotate").send().await.created();
    assert_eq!(repeated["secret"], json!(null));
    world.shop.member("alice").enrol().await;
    deliver(&world).await;
    world.clock_forward(SignedDuration::from_hours(24));
    world.shop.member("bob").enrol().await;
    deliver(&world).await;
    let signed = |index: usize| {
        let sent = &receiver.got()[index];
        (sent.is_signed_with(first), sent.is_signed_with(second))
    };
    assert_eq!((signed(0), signed(1)), ((true, true), (false, true)));
    let third = world.shop.post(&path(&hook, "/secret"), json!({})).send().await.created();
    let dropped = world.shop.request("DELETE", &path(&hook, "/secret/previous")).send().await;
    assert_eq!(dropped.status, 204);
    world.shop.member("carol").enrol().await;
    deliver(&world).await;
    assert_eq!(signed(2), (false, false));
    assert!(receiver.got()[2].is_signed_with(third["secret"].as_str().unwrap()));
    assert_eq!(read(&world.shop, &hook).await.1["previous_secret_until"], json!(null));
}

#[tokio::test]
async fn a_test_is_sent_once_and_its_outcome_is_among_the_deliveries() {
    let world = open_world();
    let receiver = Receiver::answering(|_| axum::http::StatusCode::IM_A_TEAPOT.into_response()).await;
    let hook = hook(&world.shop, &receiver).await;
    let reply = world.shop.post(&path(&hook, "/test"), json!({})).send().await;
    assert_eq!(reply.status, 202);
    let test = reply.ok();
    deliver(&world).await;
    world.clock_forward(SignedDuration::from_hours(1));
    deliver(&world).await;
    let [sent] = receiver.got().try_into().expect("a test is attempted once");
    assert_eq!((sent.kind().as_str(), sent.header("webhook-id")), ("webhook-test", test["event"].as_str().unwrap()));
    assert!(sent.is_signed_with(hook["secret"].as_str().unwrap()));
    let log = world.shop.get(&path(&hook, "/deliveries")).send().await.ok();
    let attempt = &log["deliveries"][0];
    assert_eq!(
        (&attempt["event"], &attempt["outcome"], &attempt["status"]),
        (&test["event"], &json!("refused"), &json!(418))
    );
    assert_eq!(read(&world.shop, &hook).await.1["deliveries"]["waiting"], 0);
    change(&world.shop, &hook, json!({ "paused": true })).await.ok();
    let paused = world.shop.post(&path(&hook, "/test"), json!({})).send().await.problem();
    assert_eq!(paused.name(), "409 webhook-paused");
}

#[tokio::test]
async fn what_happens_while_a_webhook_is_paused_is_sent_when_it_is_resumed() {
    let world = open_world();
    let receiver = Receiver::new().await;
    let hook = hook(&world.shop, &receiver).await;
    let paused = change(&world.shop, &hook, json!({ "paused": true })).await.ok();
    assert_eq!(paused["paused"], json!({ "reason": "by-hand", "at": "2026-03-18T00:00:00Z" }));
    world.shop.member("alice").enrol().await;
    assert_eq!(deliver(&world).await.delivered, 0);
    change(&world.shop, &hook, json!({ "paused": false })).await.ok();
    assert_eq!(deliver(&world).await.delivered, 1);
}

#[tokio::test]
async fn the_last_two_hundred_attempts_are_listed_by_cursor() {
    let world = open_world();
    let receiver = Receiver::new().await;
    let hook = hook(&world.shop, &receiver).await;
    for number in 0..205 {
        world.shop.member(&format!("m{number}")).enrol().await;
    }
    assert_eq!(deliver(&world).await.delivered, 205);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.shop.get(&path(&hook, &format!("/deliveries?limit=90{after}"))).send().await.ok();
        seen.extend(page["deliveries"].as_array().unwrap().iter().map(|one| one["event"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (200, 200));
    let wrong = world.shop.get(&path(&hook, "/deliveries?after=end")).send().await.problem();
    assert_eq!(wrong.name(), "400 wrong-query");
}

#[tokio::test]
async fn nothing_is_left_of_a_deleted_webhook() {
    let world = open_world();
    let before = world.state();
    let receiver = Receiver::answering(|_| axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()).await;
    let doomed = hook(&world.shop, &receiver).await;
    world.shop.member("alice").enrol().await.load(100).await.created();
    deliver(&world).await;
    assert_eq!(read(&world.shop, &doomed).await.1["deliveries"]["waiting"], 2);
    let gone = world.shop.request("DELETE", &path(&doomed, "")).send().await;
    assert_eq!(gone.status, 204);
    let left = world.state().differs_from(&before);
    assert!(left.iter().all(|key| !key.starts_with(['W', 'G', 'D'])), "{left:?}");
    let again = world.shop.request("DELETE", &path(&doomed, "")).send().await.problem();
    assert_eq!(again.name(), "404 unknown-webhook");
    deliver(&world).await;
    assert_eq!(receiver.got().len(), 1);
}
