//! Events out of the host: the log by cursor, and as a stream.

use host_tests::premises::{Call, Premises};
use host_tests::process::Server;
use host_tests::{Reply, Shop, World};
use insta::assert_snapshot;
use serde_json::{Value, json};

async fn page(shop: &Shop, query: &str) -> Value {
    shop.get(&format!("/v1/events{query}")).send().await.ok()
}

fn kinds(page: &Value) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

fn next(page: &Value) -> &str {
    page["next"].as_str().unwrap()
}

#[tokio::test]
async fn what_happens_is_told_in_order_with_ids_and_nothing_personal() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    alice.load(5000).await.created();
    let order = alice.order("till-1").line("bread", 2400).settle().await.created();
    let read = page(&world.shop, "").await;
    assert_eq!(kinds(&read), ["member-enrolled", "stored-value-loaded", "order-settled"]);
    let told = &read["events"][2];
    let merchant = world.shop.id.to_string();
    assert_eq!(told["id"], format!("evt_{}_3", merchant.trim_start_matches("mer_")));
    assert_eq!((&told["sequence"], &told["at"]), (&json!(3), &json!("2026-03-18T00:00:00Z")));
    assert_eq!((&told["order"], &told["member"]), (&order["id"], &json!(alice.id)));
    assert_eq!(told["data"], json!({ "order": order["id"], "member": alice.id }));
    assert!(!read.to_string().contains("alice"), "{read}");
}

#[tokio::test]
async fn a_cursor_goes_on_where_it_stands_also_when_there_is_nothing_yet() {
    let world = World::new();
    let nothing = page(&world.shop, "").await;
    assert_eq!((kinds(&nothing).len(), &nothing["is_end"]), (0, &json!(true)));
    for number in 0..5 {
        world.shop.member(&format!("m{number}")).enrol().await;
    }
    let first = page(&world.shop, &format!("?limit=2&after={}", next(&nothing))).await;
    assert_eq!((kinds(&first).len(), &first["is_end"]), (2, &json!(false)));
    let second = page(&world.shop, &format!("?after={}", next(&first))).await;
    assert_eq!((kinds(&second).len(), &second["is_end"]), (3, &json!(true)));
    let third = page(&world.shop, &format!("?after={}", next(&second))).await;
    assert_eq!((kinds(&third).len(), next(&third)), (0, next(&second)));
    world.shop.member("last").enrol().await;
    assert_eq!(kinds(&page(&world.shop, &format!("?after={}", next(&third))).await).len(), 1);
    let end = page(&world.shop, "?after=end").await;
    assert_eq!((kinds(&end).len(), next(&end)), (0, "c0000000000000006"));
}

#[tokio::test]
async fn events_are_chosen_by_kind_and_by_member() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    let bob = world.shop.member("bob").enrol().await;
    alice.load(1000).await.created();
    bob.load(1000).await.created();
    let order = bob.order("till-1").line("bread", 500).settle().await.created();
    world.shop.refund(&order).await.ok();
    let chosen = page(&world.shop, "?kind=order-settled,order-refunded").await;
    assert_eq!(kinds(&chosen), ["order-settled", "order-refunded"]);
    let bobs = page(&world.shop, &format!("?member={}&kind=member-enrolled,stored-value-loaded", bob.id)).await;
    assert_eq!(kinds(&bobs), ["member-enrolled", "stored-value-loaded"]);
    assert!(bobs["events"].as_array().unwrap().iter().all(|event| event["member"] == bob.id.as_str()));
    // What the filter leaves out is behind the cursor all the same.
    assert_eq!(next(&bobs), "c0000000000000006");
}

#[tokio::test]
async fn nobody_sees_another_merchants_events_and_a_clerk_sees_none() {
    let world = World::new();
    let theirs = world.rival.member("alice").enrol().await;
    assert_eq!(kinds(&page(&world.shop, &format!("?member={}", theirs.id)).await).len(), 0);
    let refused = world.shop.as_clerk().get("/v1/events").send().await.problem();
    assert_snapshot!(refused, @"403 forbidden: the role `clerk` may not do this, which needs `read-events`");
    let refused = world.shop.as_clerk().get("/v1/events/stream").send().await.problem();
    assert_eq!(refused.name(), "403 forbidden");
}

#[tokio::test]
async fn a_wrong_question_is_told_what_would_be_right() {
    let world = World::new();
    for (query, name) in [
        ("after=7", "400 wrong-query"),
        ("after=c0000000000000007", "410 unknown-place"),
        ("limit=0", "400 wrong-query"),
        ("limit=201", "400 wrong-query"),
        ("kind=order-lost", "400 wrong-query"),
        ("member=alice", "400 wrong-query"),
        ("since=1", "400 wrong-query"),
    ] {
        for path in ["/v1/events", "/v1/events/stream"] {
            let problem = world.shop.get(&format!("{path}?{query}")).send().await.problem();
            assert_eq!(problem.name(), name, "{path}?{query}");
        }
    }
    let far = world.shop.get("/v1/events?after=c0000000000000007").send().await.problem();
    assert_snapshot!(far, @"410 unknown-place: there is no event that this cursor stands behind; begin anew, without a cursor or with `end`");
    let last = world.shop.get("/v1/events/stream").header("last-event-id", "x").send().await.problem();
    assert_eq!(last.name(), "400 wrong-query");
}

#[tokio::test]
async fn a_stream_tells_what_was_and_then_what_comes() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    let mut stream = world.shop.get("/v1/events/stream").stream().await;
    let enrolled = stream.next().await.unwrap();
    assert_eq!((enrolled.event.as_str(), enrolled.id.as_str()), ("member-enrolled", "c0000000000000001"));
    assert_eq!(enrolled.data, page(&world.shop, "").await["events"][0]);
    alice.load(700).await.created();
    let loaded = stream.next().await.unwrap();
    assert_eq!((loaded.event.as_str(), &loaded.data["data"]["amount_minor"]), ("stored-value-loaded", &json!(700)));
}

#[tokio::test]
async fn a_stream_goes_on_behind_the_last_event_that_was_seen() {
    let world = World::new();
    let alice = world.shop.member("alice").enrol().await;
    let mut stream = world.shop.get("/v1/events/stream").stream().await;
    let seen = stream.next().await.unwrap();
    drop(stream);
    alice.load(700).await.created();
    let again = world.shop.get("/v1/events/stream?after=end&kind=stored-value-loaded");
    let mut again = again.header("last-event-id", &seen.id).stream().await;
    assert_eq!(again.next().await.unwrap().event, "stored-value-loaded");
}

#[tokio::test]
async fn a_stream_of_one_merchant_tells_nothing_of_another() {
    let world = World::new();
    let mut stream = world.shop.get("/v1/events/stream?after=end").stream().await;
    world.rival.member("theirs").enrol().await;
    let ours = world.shop.member("ours").enrol().await;
    assert_eq!(stream.next().await.unwrap().data["member"], ours.id.as_str());
}

#[tokio::test]
async fn a_merchant_has_only_so_many_streams_and_a_closed_one_makes_room() {
    let world = World::new();
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(world.shop.get("/v1/events/stream").stream().await);
    }
    let refused: Reply = world.shop.get("/v1/events/stream").send().await;
    assert_eq!(refused.header("retry-after"), Some("15"));
    assert_snapshot!(refused.problem(), @"429 too-many-streams: this merchant has 16 streams open, which is the most; close one, or share one");
    world.rival.get("/v1/events/stream").stream().await;
    streams.pop();
    // Its place is given up as soon as the task that fed it runs.
    let mut opened = false;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
        let reply = world.shop.get("/v1/stores").send().await;
        reply.ok();
        let router = world.running().router;
        let request = axum::http::Request::get("/v1/events/stream")
            .header("authorization", format!("Bearer {}", world.shop.owner_key()))
            .body(axum::body::Body::empty())
            .unwrap();
        let Ok(response) = tower::ServiceExt::oneshot(router, request).await;
        if response.status() == axum::http::StatusCode::OK {
            opened = true;
            break;
        }
    }
    assert!(opened, "the place of a closed stream is not given up");
}

#[test]
fn a_server_with_open_streams_ends_when_it_is_asked_to() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    premises.ask(&server, &Call::post("/v1/members", "alice", &json!({ "reference": "alice" })));
    let mut stream = premises.open(server.address(), "/v1/events/stream");
    assert_eq!(stream.line(), "id: c0000000000000001");
    assert!(server.stop().success());
    stream.to_end();
}
