//! Enrolling members, finding them again, and idempotency keys.

use std::sync::Arc;

use host_tests::{Running, World};
use insta::{assert_json_snapshot, assert_snapshot};
use jiff::SignedDuration;
use punchcard::domain::{Actor, Reference, StaffId};
use punchcard::store::StoreError;
use punchcard::usecase::CommandReply;
use serde_json::{Value, json};

#[tokio::test]
async fn members_are_found_by_the_store_where_they_joined() {
    let world = World::new();
    let shop = &world.shop;
    let mut joined = Vec::new();
    for (name, store) in [("alice", 0), ("bob", 1), ("carol", 0)] {
        joined.push(shop.member(name).with("home_store", shop.store(store)).enrol().await.id);
        // Of one instant any of them may come first.
        world.clock_forward(SignedDuration::from_millis(1));
    }
    shop.member("nowhere").enrol().await;
    let found = async |query: &str| {
        let found = shop.get(&format!("/v1/members?{query}")).send().await.ok();
        let found: Vec<_> = found["members"].as_array().unwrap().iter().map(|member| member["id"].clone()).collect();
        json!(found)
    };
    assert_eq!(found(&format!("store={}", shop.store(0))).await, json!([joined[0], joined[2]]));
    assert_eq!(found(&format!("store={}", shop.store(1))).await, json!([joined[1]]));
    assert_eq!(found(&format!("store={}", world.rival.store(0))).await, json!([]));
}

#[tokio::test]
async fn a_member_is_enrolled_with_reference_tags_and_store() {
    let world = World::new();
    let enrolling = world.shop.member("card-1001").tags(&["vip", "staff"]).with("channel", "till");
    let mut member = enrolling.with("home_store", world.shop.store(1)).send().await.created();
    assert_eq!(member["home_store"], world.shop.store(1));
    assert!(member["id"].as_str().is_some_and(|id| id.starts_with("mem_")));
    for tag in member["tags"].as_array_mut().unwrap() {
        assert!(tag["source"].as_str().is_some_and(|source| source.starts_with("hand:stf_")), "{tag}");
        tag["source"] = "hand:stf_…".into();
    }
    member["id"] = "mem_…".into();
    member["home_store"] = "sto_…".into();
    assert_json_snapshot!(member, @r#"
    {
      "attributes": {},
      "cards": [],
      "channel": "till",
      "enrolled_at": "2026-03-18T00:00:00Z",
      "external_ids": [],
      "home_store": "sto_…",
      "id": "mem_…",
      "personal": {
        "address": null,
        "age": null,
        "birthday": null,
        "emails": [],
        "name": null,
        "phones": []
      },
      "reference": "card-1001",
      "referrer": null,
      "tags": [
        {
          "at": "2026-03-18T00:00:00Z",
          "expires_at": null,
          "source": "hand:stf_…",
          "tag": "staff"
        },
        {
          "at": "2026-03-18T00:00:00Z",
          "expires_at": null,
          "source": "hand:stf_…",
          "tag": "vip"
        }
      ],
      "tier": null,
      "version": 0
    }
    "#);
}

#[tokio::test]
async fn a_member_is_read_by_id_and_found_by_reference() {
    let world = World::new();
    let alice = world.shop.member("card 7/42 面包").enrol().await;
    let read = world.shop.get(&format!("/v1/members/{}", alice.id)).send().await.ok();
    let found = world.shop.get("/v1/members?reference=card%207/42%20%E9%9D%A2%E5%8C%85").send().await.ok();
    assert_eq!(found, json!({ "members": [read], "next": null }));
}

#[tokio::test]
async fn nobody_is_found_by_a_reference_that_nobody_bears() {
    let world = World::new();
    world.shop.member("alice").enrol().await;
    let found = world.shop.get("/v1/members?reference=bob").send().await.ok();
    assert_eq!(found, json!({ "members": [], "next": null }));
}

#[tokio::test]
async fn a_search_for_nobody_in_particular_lists_everybody_of_the_merchant() {
    let world = World::new();
    world.rival.member("bob").enrol().await;
    let alice = world.shop.member("alice").enrol().await;
    let found = world.shop.get("/v1/members").send().await.ok();
    assert_eq!(found["members"].as_array().unwrap().len(), 1);
    assert_eq!(found["members"][0]["id"], alice.id);
}

#[tokio::test]
async fn a_reference_that_somebody_bears_is_refused() {
    let world = World::new();
    world.shop.member("alice").enrol().await;
    let before = world.state();
    let problem = world.shop.member("alice").send().await.problem();
    assert_snapshot!(problem, @"409 reference-taken: the number `alice` is that of mem_…");
    world.unchanged_since(&before);
}

#[tokio::test]
async fn two_merchants_may_use_the_same_reference_and_the_same_idempotency_key() {
    let world = World::new();
    let ours = world.shop.member("alice").request().key("first").send().await.created();
    let theirs = world.rival.member("alice").request().key("first").send().await.created();
    assert_ne!(ours["id"], theirs["id"]);
}

#[tokio::test]
async fn a_member_without_a_reference_is_fine() {
    let world = World::new();
    let made = world.shop.post("/v1/members", json!({})).send().await.created();
    assert_eq!(made["reference"], json!(null));
}

#[tokio::test]
async fn an_unknown_member_and_another_merchants_member_are_the_same_404() {
    let world = World::new();
    let theirs = world.rival.member("alice").enrol().await;
    let foreign = world.shop.get(&format!("/v1/members/{}", theirs.id)).send().await.problem();
    let nobody = "mem_00000000000000000000000000000000";
    let unknown = world.shop.get(&format!("/v1/members/{nobody}")).send().await.problem();
    assert_snapshot!(foreign, @"404 unknown-member: there is no member mem_…");
    assert_eq!(foreign.to_string(), unknown.to_string());
}

#[tokio::test]
async fn a_text_that_is_no_id_is_404_and_is_told_what_an_id_looks_like() {
    let world = World::new();
    for (path, expected) in [
        ("/v1/members/alice", "404 no-such-thing: `alice` is no member id: expected `mem_` and 32 hexadecimal digits"),
        (
            "/v1/members/mem_12/assets",
            "404 no-such-thing: `mem_12` is no member id: expected `mem_` and 32 hexadecimal digits",
        ),
        (
            "/v1/orders/mem_0123",
            "404 no-such-thing: `mem_0123` is no order id: expected `ord_` and 32 hexadecimal digits",
        ),
    ] {
        assert_eq!(world.shop.get(path).send().await.problem().to_string(), expected);
    }
    let not_text = world.shop.get("/v1/members/%FF").send().await.problem();
    assert_eq!(not_text.name(), "404 no-such-thing");
}

#[tokio::test]
async fn a_wrong_tag_or_store_is_refused_by_name() {
    let world = World::new();
    let before = world.state();
    let many: Vec<String> = (0..101).map(|number| format!("tag-{number}")).collect();
    for (enrolling, expected) in [
        (world.shop.member("a").tags(&["VIP!"]), "422 wrong-body"),
        (world.shop.member("a").with("tags", json!(many)), "422 too-many-tags"),
        (world.shop.member("a").with("home_store", world.rival.store(0)), "422 unknown-store"),
        (world.shop.member(&"x".repeat(129)), "422 wrong-body"),
        (world.shop.member(""), "422 wrong-body"),
        (world.shop.member("a\u{7}"), "422 wrong-body"),
    ] {
        assert_eq!(enrolling.send().await.problem().name(), expected);
    }
    world.unchanged_since(&before);
}

#[tokio::test]
async fn the_same_key_with_the_same_body_gives_the_same_reply_and_acts_once() {
    let world = World::new();
    let first = world.shop.member("alice").request().key("k").send().await;
    let before = world.state();
    world.clock_at("2026-03-19T08:00:00+08:00");
    let second = world.shop.member("alice").request().key("k").send().await;
    assert_eq!((second.status, second.json()), (first.status, first.json()));
    world.unchanged_since(&before);
}

#[tokio::test]
async fn the_same_key_gives_the_same_reply_after_a_restart() {
    let world = World::new();
    let first = world.shop.member("alice").request().key("k").send().await.created();
    world.restart();
    let second = world.shop.member("alice").request().key("k").send().await.created();
    assert_eq!(first, second);
}

#[tokio::test]
async fn the_same_key_with_another_body_or_at_another_place_is_refused() {
    let world = World::new();
    let alice = world.shop.member("alice").request().key("k").send().await.created();
    let before = world.state();
    let body = world.shop.member("bob").request().key("k").send().await.problem();
    assert_snapshot!(body, @"422 idempotency-key-reused: this idempotency key was used before, with another request; take a new one");
    let path = format!("/v1/members/{}/stored-value", alice["id"].as_str().unwrap());
    let place = world.shop.post(&path, json!({ "amount_minor": 100 })).key("k").send().await.problem();
    assert_eq!(place.name(), "422 idempotency-key-reused");
    world.unchanged_since(&before);
}

#[tokio::test]
async fn a_refused_request_does_not_use_its_key_up() {
    let world = World::new();
    world.shop.member("alice").enrol().await;
    let refused = world.shop.member("alice").request().key("k").send().await.problem();
    assert_eq!(refused.name(), "409 reference-taken");
    world.shop.member("bob").request().key("k").send().await.created();
}

#[tokio::test]
async fn a_write_without_an_idempotency_key_is_refused() {
    let world = World::new();
    let missing = world.shop.member("alice").request().without_key().send().await.problem();
    assert_eq!(missing.name(), "400 no-idempotency-key");
    let long = world.shop.member("alice").request().key(&"k".repeat(129)).send().await.problem();
    assert_eq!(long.name(), "400 bad-idempotency-key");
}

#[tokio::test]
async fn a_request_whose_key_is_under_way_is_told_to_ask_again() {
    let world = World::new();
    let Running { host, .. } = world.running();
    let actor = Actor::owner(world.shop.id, StaffId::from_bytes([0; 16]));
    let runtime = tokio::runtime::Handle::current();
    let request = Arc::new(std::sync::Mutex::new(Some(world.shop.member("alice").request().key("k"))));
    let first = tokio::task::spawn_blocking(move || {
        // While the first request does its work, the second one comes.
        host.act_once(&actor, &Reference::new("k").unwrap(), b"first", |_, _| {
            let second = request.lock().unwrap().take();
            let status = second.map(|second| runtime.block_on(second.send()).status.as_u16());
            Ok::<_, StoreError>(CommandReply { result: format!("{status:?}") })
        })
    });
    assert_eq!(first.await.unwrap().unwrap().result, "Some(409)");
}

#[tokio::test]
async fn a_card_has_a_number_of_its_own_by_which_the_till_finds_its_member() {
    let world = World::new();
    let shop = &world.shop;
    let new = shop.post("/v1/members", json!({ "personal": { "name": "Alice Smith" } })).send().await.created();
    let path = format!("/v1/members/{}/card", new["id"].as_str().unwrap());
    assert_eq!(shop.get(&path).send().await.problem().name(), "404 no-card");
    let issue = async |key: &str| shop.request("POST", &path).key(key).send().await;
    let issued = issue("card-1").await.created();
    assert_eq!(issue("card-1").await.created(), issued, "sent again it is the same card");
    let number = issued["number"].as_str().unwrap();
    assert_eq!(number.len(), 16);
    let card = shop.get(&path).send().await.ok();
    assert_eq!((&card["number"], &card["tier"]), (&issued["number"], &Value::Null));
    assert!(card["qr_svg"].as_str().unwrap().contains("<svg"), "{card}");
    let found = shop.get(&format!("/v1/members?reference={number}")).send().await.ok();
    assert_eq!(found["members"][0]["id"], new["id"]);
    assert_eq!(world.rival.get(&path).send().await.problem().name(), "404 unknown-member");
    world.books_balance();
}
