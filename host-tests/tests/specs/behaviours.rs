//! What a merchant's own systems see people do, and what becomes of it; and what else stands in a member's history.

use host_tests::{Receiver, Shop, World, guest, reworded};
use jiff::SignedDuration;
use punchcard::domain::Role;
use serde_json::{Value, json};

use crate::exports::documents;
use crate::following::calls;
use crate::merges::merge;
use crate::messages::{gateway, hello, open_world, phoned, say_hello};
use crate::with_points;

/// Declares that something is wanted.
async fn wanted(shop: &Shop) {
    let schema = json!({ "type": "object", "properties": { "sku": { "type": "string", "maxLength": 64 } },
        "required": ["sku"], "additionalProperties": false });
    shop.put("/v1/behaviours/item-wanted", json!({ "title": "Wants", "schema": schema })).send().await.ok();
}

fn wants(sku: &str, member: Option<&str>) -> Value {
    json!({ "behaviour": "item-wanted", "member": member, "data": { "sku": sku } })
}

#[tokio::test]
async fn what_is_seen_goes_into_the_log_and_the_members_history_once() {
    let world = World::new();
    let shop = &world.shop;
    wanted(shop).await;
    let alice = shop.member("alice").enrol().await;
    let mut first = wants("bun", Some(&alice.id));
    first["store"] = json!(shop.store(0));
    first["seen_at"] = json!("2026-03-17T12:00:00Z");
    let told = json!({ "events": [first, wants("cake", None)] });
    world.clock_forward(SignedDuration::from_secs(1));
    let request = || shop.as_role(Role::Integration).post("/v1/events", told.clone()).key("page-1");
    assert_eq!(request().send().await.created(), json!({ "recorded": 2 }));
    assert_eq!(request().send().await.created(), json!({ "recorded": 2 }), "a retry records nothing more");
    let log = shop.get("/v1/events?kind=behaviour-noted").send().await.ok();
    let events = log["events"].as_array().unwrap();
    assert_eq!(events.len(), 2);
    let expected = json!({ "behaviour": "item-wanted", "member": alice.id, "store": shop.store(0),
        "seen_at": "2026-03-17T12:00:00Z", "data": { "sku": "bun" }, "by": events[0]["data"]["by"] });
    assert!(expected["by"].as_str().unwrap().starts_with("stf_"), "whose key told it");
    assert_eq!((&events[0]["data"], &events[0]["member"]), (&expected, &json!(alice.id)));
    assert_eq!((&events[1]["data"]["data"]["sku"], &events[1]["member"]), (&json!("cake"), &Value::Null));
    let history = shop.get(&format!("/v1/members/{}/timeline", alice.id)).send().await.ok();
    let told = &history["happenings"][0];
    assert_eq!((&told["kind"], &told["event"]["type"]), (&json!("event"), &json!("behaviour-noted")));
    assert_eq!(told["event"]["data"], expected);
    world.books_balance();
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_place_and_nothing_is_recorded() {
    let world = World::new();
    let shop = &world.shop;
    wanted(shop).await;
    let alice = shop.member("alice").enrol().await;
    let gone = shop.member("gone").enrol().await;
    shop.request("DELETE", &format!("/v1/members/{}/personal", gone.id)).send().await.ok();
    let rivals = world.rival.member("eve").enrol().await;
    let with = |field: &str, value: Value| {
        let mut event = wants("bun", Some(&alice.id));
        event[field] = value;
        event
    };
    let before = world.state();
    for (event, expected) in [
        (
            with("behaviour", json!("page-viewed")),
            "422 unknown-behaviour: events[1]: there is no behaviour `page-viewed`; declare it with PUT /v1/behaviours/page-viewed",
        ),
        (with("member", json!(rivals.id)), "422 unknown-member: events[1]: there is no member mem_…"),
        (
            with("member", json!(gone.id)),
            "409 member-erased: events[1]: mem_… was erased, and nothing more is recorded of them",
        ),
        (with("store", json!(world.rival.store(0))), "422 unknown-store: events[1]: there is no store sto_…"),
        (
            with("seen_at", json!("2026-03-18T00:05:00.001Z")),
            "422 in-the-future: events[1]: it was seen at 2026-03-18T00:05:00.001Z, which is in the future",
        ),
        (
            with("data", json!({ "sku": "x".repeat(4_100) })),
            "422 data-too-long: events[1]: data has 4110 bytes, at most 4096 are allowed",
        ),
        (
            with("data", json!({})),
            "422 wrong-data: events[1]: data is not of the form that `item-wanted` has\n- data: \"sku\" is a required property",
        ),
    ] {
        let reply = shop.post("/v1/events", json!({ "events": [wants("bun", None), event] })).send().await;
        assert_eq!(reply.problem().to_string(), expected);
    }
    for count in [0, 101] {
        let many: Vec<_> = (0..count).map(|_| wants("bun", None)).collect();
        let reply = shop.post("/v1/events", json!({ "events": many })).send().await.problem();
        assert_eq!(reply.to_string(), format!("422 wrong-body: events: there are {count}, expected 1 to 100"));
    }
    let auditor = shop.as_role(Role::Auditor).post("/v1/events", json!({ "events": [wants("bun", None)] }));
    assert_eq!(auditor.send().await.problem().name(), "403 forbidden");
    let rival = world.rival.post("/v1/events", json!({ "events": [wants("bun", None)] })).send().await;
    assert_eq!(rival.problem().name(), "422 unknown-behaviour", "what is declared is the merchant's own");
    world.unchanged_since(&before);
}

#[tokio::test]
async fn a_clock_that_is_five_minutes_ahead_or_less_means_now() {
    let world = World::new();
    let shop = &world.shop;
    wanted(shop).await;
    let seen_at = |at: &str| {
        let mut event = wants("bun", None);
        event["seen_at"] = at.into();
        event
    };
    let told = ["2026-03-17T23:59:59Z", "2026-03-18T00:00:00.001Z", "2026-03-18T00:05:00Z"].map(seen_at);
    shop.post("/v1/events", json!({ "events": told })).send().await.created();
    let log = shop.get("/v1/events?kind=behaviour-noted").send().await.ok();
    let kept: Vec<_> = log["events"].as_array().unwrap().iter().map(|event| &event["data"]["seen_at"]).collect();
    assert_eq!(kept, ["2026-03-17T23:59:59Z", "2026-03-18T00:00:00Z", "2026-03-18T00:00:00Z"]);
}

#[tokio::test]
async fn a_merchant_tells_no_more_than_so_many_on_a_day() {
    let world = World::new();
    let shop = &world.shop;
    wanted(shop).await;
    let many: Vec<_> = (0..100).map(|_| wants("bun", None)).collect();
    let day = punchcard::store::layout::behaviours_seen(shop.id, punchcard::store::layout::day_of_usage(world.now()));
    world.running().host.store.write(|tx| tx.add(&day, 99_950)).unwrap();
    let over = shop.post("/v1/events", json!({ "events": many })).send().await;
    assert_eq!(over.header("retry-after"), Some("86400"));
    assert_eq!(over.problem().name(), "429 too-many-behaviours-today");
    shop.post("/v1/events", json!({ "events": many[..50] })).send().await.created();
    world.clock_forward(SignedDuration::from_hours(24));
    shop.post("/v1/events", json!({ "events": many })).send().await.created();
}

#[tokio::test]
async fn kinds_are_declared_listed_and_taken_away_and_their_form_leads_nowhere() {
    let world = World::new();
    let shop = &world.shop;
    for code in ["a", "b", "c"] {
        let body = json!({ "title": code, "schema": { "type": "object" } });
        shop.put(&format!("/v1/behaviours/{code}"), body).send().await.ok();
    }
    let first = shop.get("/v1/behaviours?limit=2").send().await.ok();
    let next = first["next"].as_str().unwrap();
    let rest = shop.get(&format!("/v1/behaviours?limit=2&cursor={next}")).send().await.ok();
    let codes = |page: &Value| -> Vec<String> {
        page["behaviours"].as_array().unwrap().iter().map(|one| one["behaviour"].to_string()).collect()
    };
    assert_eq!((codes(&first), codes(&rest)), (vec!["\"a\"".into(), "\"b\"".into()], vec!["\"c\"".into()]));
    assert_eq!(rest["next"], Value::Null);
    for (schema, expected) in [
        (json!({ "$ref": "https://example.com/form" }), "422 wrong-schema"),
        (json!({ "type": "nothing" }), "422 wrong-schema"),
        (crate::uploads::bomb(), "422 wrong-schema"),
        (json!({ "title": "x".repeat(9_000) }), "422 schema-too-long"),
    ] {
        let reply = shop.put("/v1/behaviours/d", json!({ "title": "d", "schema": schema })).send().await;
        assert_eq!(reply.problem().name(), expected);
    }
    let event = json!({ "events": [{ "behaviour": "a", "data": {} }] });
    shop.post("/v1/events", event.clone()).send().await.created();
    assert_eq!(shop.request("DELETE", "/v1/behaviours/a").send().await.status, 204);
    assert_eq!(shop.request("DELETE", "/v1/behaviours/a").send().await.problem().name(), "404 unknown-behaviour");
    assert_eq!(shop.post("/v1/events", event).send().await.problem().name(), "422 unknown-behaviour");
    assert_eq!(world.rival.get("/v1/behaviours").send().await.ok()["behaviours"], json!([]));
}

#[tokio::test]
async fn a_history_tells_of_benefits_claims_facts_of_packs_and_what_was_seen_also_after_a_merge() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    wanted(shop).await;
    let alice = shop.member("alice").enrol().await;
    let twin = shop.member("twin").enrol().await;
    let path = |what: &str| format!("/v1/members/{}/{what}", twin.id);
    let types = async |member: &str| -> Vec<String> {
        let told = shop.get(&format!("/v1/members/{member}/timeline?limit=200")).send().await.ok();
        let events = told["happenings"].as_array().unwrap().iter().filter(|one| one["kind"] == "event");
        events.map(|one| one["event"]["type"].as_str().unwrap().to_owned()).collect()
    };
    shop.put("/v1/benefits/bag", json!({ "title": "A bag", "quota": 2, "period": "day" })).send().await.ok();
    shop.post(&path("benefits/bag/uses"), json!({ "store": shop.store(0) })).send().await.created();
    world.clock_forward(SignedDuration::from_secs(1));
    shop.post(&path("benefits/bag/returns"), json!({})).send().await.created();
    world.clock_forward(SignedDuration::from_secs(1));
    let order = shop.order("walk-in").settle().await.created();
    let claim = format!("/v1/orders/{}/claim", order["id"].as_str().unwrap());
    shop.post(&claim, json!({ "member": twin.id })).send().await.ok();
    world.clock_forward(SignedDuration::from_secs(1));
    shop.post("/v1/events", json!({ "events": [wants("bun", Some(&twin.id))] })).send().await.created();
    let expected = ["behaviour-noted", "order-claimed", "benefit-returned", "benefit-used"];
    assert_eq!(types(&twin.id).await, expected);
    assert!(types(&alice.id).await.is_empty());
    merge(shop, &alice, &twin).await.ok();
    assert_eq!(types(&alice.id).await, expected, "what was the other one's is hers");
    world.books_balance();
}

#[tokio::test]
async fn a_pack_that_follows_what_is_seen_is_told_of_it_and_what_it_answers_is_in_the_history() {
    let world = World::new();
    let shop = &world.shop;
    wanted(shop).await;
    let follows = reworded(guest("echo"), &[("member-enrolled", "behaviour-noted")]);
    shop.enable(follows).settings(json!({ "answers": true })).send().await.ok();
    let alice = shop.member("alice").enrol().await;
    shop.post("/v1/events", json!({ "events": [wants("bun", Some(&alice.id))] })).send().await.created();
    calls(&world).await;
    assert_eq!(alice.holds("echoes").await.available, 1, "it gives an echo for what it hears");
    let told = shop.get(&format!("/v1/members/{}/timeline", alice.id)).send().await.ok();
    let told = told["happenings"].as_array().unwrap();
    let fact = told.iter().find(|one| one["event"]["type"] == "pack-told").unwrap_or_else(|| panic!("{told:?}"));
    assert_eq!((&fact["event"]["data"]["pack"], &fact["event"]["data"]["kind"]), (&json!("echo"), &json!("heard")));
}

#[tokio::test]
async fn a_members_own_export_has_what_packs_have_stored_about_them_and_nobody_else() {
    let world = World::new();
    let shop = &world.shop;
    shop.enable(guest("echo")).send().await.ok();
    let alice = shop.member("alice").enrol().await;
    let bob = shop.member("bob").enrol().await;
    calls(&world).await;
    let told = documents(shop, &format!("/v1/members/{}/export", alice.id)).await;
    let stored: Vec<_> =
        told.iter().filter(|part| part["kind"] == "pack-entry").map(|part| &part["pack-entry"]).collect();
    assert_eq!(stored.len(), 1, "{told:?}");
    assert_eq!(stored[0]["pack"], "echo");
    let text = stored[0]["text"].as_str().unwrap();
    assert!(text.contains(&alice.id) && !text.contains(&bob.id), "{text}");
}

#[tokio::test]
async fn a_portrait_has_consents_notes_and_messages() {
    let world = open_world();
    let shop = &world.shop;
    gateway(shop, "sms", &Receiver::new().await).await;
    hello(shop, None).await;
    let fang = phoned(shop, "Fang", "+8613800138000").await;
    let path = |what: &str| format!("/v1/members/{}/{what}", fang.id);
    for given in [true, false] {
        shop.put(&path("consents/news"), json!({ "given": given })).send().await.ok();
        world.clock_forward(SignedDuration::from_secs(1));
    }
    shop.post(&path("notes"), json!({ "text": "likes tea" })).send().await.created();
    let message = say_hello(shop, &fang).await;
    let portrait = shop.get(&path("portrait")).send().await.ok();
    assert_eq!(
        (&portrait["consents"][0]["given"], portrait["consents"].as_array().map(Vec::len)),
        (&json!(false), Some(1))
    );
    assert_eq!(portrait["notes"][0]["text"], "likes tea");
    assert_eq!(portrait["messages"][0]["id"], message["id"]);
}
