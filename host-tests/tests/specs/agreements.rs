//! Agreements: two merchants work together by their packs, in one transaction, and see nothing else of each other.

use host_tests::{Shop, World};
use jiff::SignedDuration;
use punchcard::domain::{Code, Event};
use punchcard::usecase::users::put_handle;
use serde_json::{Value, json};

use crate::grants::{PROBE, ask, well, with_probe, with_whole_probe};

/// Gives both merchants a handle, `shop` and `rival`, and enables the guest `probe` at both with all that it asks for.
pub(crate) async fn two_with_probe(world: &World) {
    for (shop, handle) in [(&world.shop, "shop"), (&world.rival, "rival")] {
        name(world, shop, handle);
        with_whole_probe(shop).await;
    }
}

pub(crate) fn name(world: &World, shop: &Shop, handle: &str) {
    let handle = Code::new(handle).unwrap();
    let host = world.running().host;
    host.operate(shop.id, |tx, act| put_handle(tx, act, &handle)).unwrap();
}

fn proposal() -> Value {
    json!({ "pack": PROBE, "partner": "rival", "terms": { "rate": 3 }, "credit_max_minor": 1000 })
}

pub(crate) async fn propose(world: &World, body: Value) -> Value {
    world.shop.post("/v1/agreements", body).new_key().send().await.created()
}

fn id(agreement: &Value) -> String {
    agreement["id"].as_str().unwrap().to_owned()
}

async fn accept(shop: &Shop, agreement: &str) -> Value {
    shop.post(&format!("/v1/agreements/{agreement}/acceptance"), json!({})).new_key().send().await.ok()
}

/// An agreement between the two, in force.
pub(crate) async fn agreed(world: &World) -> String {
    let agreement = id(&propose(world, proposal()).await);
    accept(&world.rival, &agreement).await;
    agreement
}

/// What the partner's pack answers when it is asked to call these functions.
async fn answered(shop: &Shop, agreement: &str, steps: Value) -> Value {
    let question = json!({ "steps": steps });
    ask(shop, "agreements.ask", json!({ "agreement": agreement, "question": question })).await
}

#[tokio::test]
async fn an_agreement_is_in_force_when_both_have_accepted_it_and_until_it_ends() {
    let world = World::new();
    two_with_probe(&world).await;
    let proposed = propose(&world, proposal()).await;
    let agreement = id(&proposed);
    assert_eq!((&proposed["state"], &proposed["proposed_by_you"]), (&json!("proposed"), &json!(true)));
    let theirs = world.rival.get("/v1/agreements").send().await.ok();
    let theirs = &theirs["agreements"][0];
    assert_eq!((&theirs["partner"], &theirs["partner_handle"]), (&json!("Maixiang Bakery"), &json!("shop")));
    assert_eq!((&theirs["terms"], &theirs["proposed_by_you"]), (&json!({ "rate": 3 }), &json!(false)));
    let path = format!("/v1/agreements/{agreement}/acceptance");
    let own = world.shop.post(&path, json!({})).new_key().send().await.problem();
    assert_eq!(own.name(), "409 own-proposal");
    assert_eq!(ask(&world.shop, "agreements.all", json!({ "limit": 5 })).await, json!({ "ok": [] }));

    assert_eq!(accept(&world.rival, &agreement).await["state"], "in-force");
    let seen = well(&ask(&world.shop, "agreements.get", json!({ "agreement": agreement })).await);
    assert_eq!(
        (&seen["partner"], &seen["in_force"], &seen["proposed"]),
        (&json!("Rival Bakery"), &json!(true), &json!(true))
    );
    let listed = well(&ask(&world.rival, "agreements.all", json!({ "limit": 5 })).await);
    assert_eq!((&listed[0]["id"], &listed[0]["proposed"]), (&json!(agreement), &json!(false)));

    let tomorrow = world.now().checked_add(SignedDuration::from_hours(24)).unwrap();
    let end = |shop: &Shop, at: Value| {
        shop.post(&format!("/v1/agreements/{agreement}/end"), json!({ "at": at })).new_key().send()
    };
    let past = world.now().checked_sub(SignedDuration::from_hours(1)).unwrap();
    assert_eq!(end(&world.rival, json!(past.to_string())).await.problem().name(), "422 wrong-end");
    end(&world.rival, json!(tomorrow.to_string())).await.ok();
    assert!(answered(&world.shop, &agreement, json!([])).await.get("ok").is_some());
    world.clock_forward(SignedDuration::from_hours(24));
    let over = answered(&world.shop, &agreement, json!([])).await;
    assert!(over["invalid"].as_str().unwrap().contains("not in force"), "{over}");
    assert_eq!(end(&world.shop, Value::Null).await.problem().name(), "409 agreement-state");
    let states = |shop: &Shop| -> Vec<String> {
        let events = shop.events().into_iter();
        events
            .filter_map(|event| match event {
                Event::AgreementChanged { state, .. } => Some(state.to_string()),
                _ => None,
            })
            .collect()
    };
    for shop in [&world.shop, &world.rival] {
        assert_eq!(states(shop), ["proposed", "accepted", "ended"]);
        let changes = shop.get("/v1/changes").send().await.ok().to_string();
        let other = if shop.id == world.shop.id { world.rival.id } else { world.shop.id };
        assert!(changes.contains(&agreement) && !changes.contains(&other.to_string()));
    }
    world.books_balance();
}

#[tokio::test]
async fn what_can_not_be_agreed_on_is_told() {
    let world = World::new();
    two_with_probe(&world).await;
    let with = |field: &str, value: Value| {
        let mut body = proposal();
        body[field] = value;
        body
    };
    for (body, name) in [
        (with("partner", json!("nobody")), "422 unknown-partner"),
        (with("partner", json!("shop")), "422 own-handle"),
        (with("pack", json!("points")), "422 pack-not-transacting"),
        (with("terms", json!({ "rate": "much" })), "422 wrong-terms"),
        (with("until", json!("2020-01-01T00:00:00Z")), "422 agreement-over"),
    ] {
        assert_eq!(world.shop.post("/v1/agreements", body).new_key().send().await.problem().name(), name);
    }
    let agreement = id(&propose(&world, proposal()).await);
    with_probe(&world.rival, &["members:read"]).await;
    let path = format!("/v1/agreements/{agreement}/acceptance");
    let without = world.rival.post(&path, json!({})).new_key().send().await.problem();
    assert_eq!(without.name(), "422 pack-not-transacting");
    with_whole_probe(&world.rival).await;
    let declined = world.rival.post(&format!("/v1/agreements/{agreement}/end"), json!({})).new_key().send().await.ok();
    assert_eq!(declined["state"], "declined");
    assert_eq!(world.rival.post(&path, json!({})).new_key().send().await.problem().name(), "409 agreement-state");
    assert_eq!(ask(&world.shop, "agreements.get", json!({ "agreement": agreement })).await.get("ok"), None);
}

#[tokio::test]
async fn packs_ask_and_answer_in_one_transaction() {
    let world = World::new();
    two_with_probe(&world).await;
    let agreement = agreed(&world).await;
    let put = json!([{ "call": "kv.put", "with": { "key": "asked", "value": "yes" } }]);
    let reply = well(&answered(&world.shop, &agreement, put.clone()).await);
    assert_eq!(reply["merchant"], world.rival.id.to_string(), "it is asked in the partner's name");
    let theirs = |shop: Shop| async move { well(&ask(&shop, "kv.get", json!({ "key": "asked" })).await) };
    assert_eq!(theirs(world.rival.clone()).await, json!("yes".as_bytes()));
    assert_eq!(theirs(world.shop.clone()).await, Value::Null, "the storage is the partner's");

    // What is asked of the partner is undone when whoever asks fails afterwards.
    let before = world.state();
    let later = json!([{ "call": "kv.put", "with": { "key": "asked", "value": "no" } }]);
    let question = json!({ "steps": later });
    let steps = json!([{ "call": "agreements.ask", "with": { "agreement": agreement, "question": question } }]);
    let failed = world.shop.command(PROBE, "call", json!({ "steps": steps, "fail": true })).send().await.problem();
    assert_eq!(failed.name(), "422 pack:on-purpose");
    world.unchanged_since(&before);

    // A refusal of the partner undoes what the partner has written, and the asker goes on.
    let question = json!({ "steps": later, "fail": true });
    let refused = ask(&world.shop, "agreements.ask", json!({ "agreement": agreement, "question": question })).await;
    assert_eq!(well(&refused)["refused"], "on-purpose");
    assert_eq!(theirs(world.rival.clone()).await, json!("yes".as_bytes()));
}

#[tokio::test]
async fn a_partner_can_not_be_hurt_by_asking() {
    let world = World::new();
    two_with_probe(&world).await;
    let agreement = agreed(&world).await;
    let asking =
        |question: Value| ask(&world.shop, "agreements.ask", json!({ "agreement": agreement, "question": question }));
    for _ in 0..8 {
        let broken = asking(json!("\"trap\"")).await;
        assert!(broken["unavailable"].as_str().unwrap().contains("can not answer"), "{broken}");
    }
    let health = world.rival.get(&format!("/v1/packs/{PROBE}/health")).send().await.ok();
    assert_eq!(health["rests_until"], Value::Null, "whoever asks can not have it rest");
    assert_eq!(calls_told(&world.rival).await, 0, "a call that was not kept is in no report");
    assert_eq!((&health["faults"], &health["last_fault"]["code"]), (&json!(8), &json!("trapped")), "{health}");
    let log = world.rival.get(&format!("/v1/packs/{PROBE}/log")).send().await.ok();
    let lines = log["lines"].as_array().unwrap();
    assert!(lines.len() == 8 && lines[7]["text"].as_str().unwrap().contains("on purpose"), "{log}");
    // Whoever is asked asks nobody.
    let back = json!([{ "call": "agreements.ask", "with": { "agreement": agreement, "question": { "steps": [] } } }]);
    let reply = well(&answered(&world.shop, &agreement, back).await);
    assert_eq!(reply["did"][0]["limit"], "whoever is being asked asks nobody");
    assert_eq!((calls_told(&world.rival).await, calls_told(&world.shop).await), (1, 9), "each for its own pack");
    // Not JSON, too long, and the eleventh in a call.
    assert!(asking(json!("{")).await["invalid"].as_str().unwrap().contains("JSON"));
    let long = format!("\"{}\"", "a".repeat(16 << 10));
    assert!(asking(json!(long)).await["invalid"].as_str().unwrap().contains("16384"));
    let step = json!({ "call": "agreements.ask", "with": { "agreement": agreement, "question": { "steps": [] } } });
    let many = world.shop.command(PROBE, "call", json!({ "steps": vec![step; 11] })).send().await.ok();
    assert_eq!(many["result"][10]["limit"], "a call asks at most 10 times");
    assert!(many["result"][9].get("ok").is_some());
    // A partner who has switched it off, or takes the grant back.
    with_probe(&world.rival, &["members:read"]).await;
    assert!(asking(json!({ "steps": [] })).await.get("unavailable").is_some());
}

/// How many calls of packs the report of what was used has.
async fn calls_told(shop: &Shop) -> u64 {
    let told = String::from_utf8(shop.get("/v1/exports/usage?format=ndjson").send().await.body).unwrap();
    let lines = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["calls"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn a_partner_that_writes_without_end_does_no_harm_to_whoever_asks() {
    let world = World::new();
    two_with_probe(&world).await;
    let agreement = agreed(&world).await;
    let asking = |question: &str| {
        let with = json!({ "agreement": agreement, "question": format!("\"{question}\"") });
        json!({ "call": "agreements.ask", "with": with })
    };
    let put = json!({ "call": "kv.put", "with": { "key": "own", "value": "v".repeat(8 << 10) } });
    let did = async |steps: Value| {
        let reply = world.shop.command(PROBE, "call", json!({ "steps": steps })).send().await.ok();
        let told = reply["result"].as_array().unwrap().iter();
        told.map(|told| told.as_object().unwrap().keys().next().unwrap().clone()).collect::<Vec<_>>()
    };
    for _ in 0..6 {
        assert_eq!(did(json!([asking("flood"), put])).await, ["unavailable", "ok"]);
    }
    let health = world.shop.get(&format!("/v1/packs/{PROBE}/health")).send().await.ok();
    assert_eq!((&health["faults"], &health["rests_until"]), (&json!(0), &Value::Null), "{health}");
    // All partners of a call write together as much as one call may.
    assert_eq!(did(json!([asking("much"), asking("much"), put])).await, ["ok", "unavailable", "ok"]);
}

#[tokio::test]
async fn what_an_answer_uses_is_taken_from_whoever_answers_and_leaves_them_half() {
    let world = World::new();
    // A programme of its own, so that the quota is nobody else's.
    world.restart();
    two_with_probe(&world).await;
    let agreement = agreed(&world).await;
    let put = async |shop: &Shop| ask(shop, "kv.put", json!({ "key": "own", "value": "v" })).await;
    let asked =
        async || ask(&world.shop, "agreements.ask", json!({ "agreement": agreement, "question": "\"much\"" })).await;
    world.running().host.programme.quotas.set_written_a_second(512 << 10);
    assert!(asked().await.get("ok").is_some());
    assert!(asked().await.get("unavailable").is_some(), "answers have written more than half of what the partner may");
    for shop in [&world.shop, &world.rival] {
        assert!(put(shop).await.get("ok").is_some(), "their own packs go on");
    }
    world.clock_forward(SignedDuration::from_secs(10));
    assert!(asked().await.get("ok").is_some());
}

#[tokio::test]
async fn whoever_asks_is_not_the_one_who_tries_a_pack_that_has_rested() {
    let world = World::new();
    two_with_probe(&world).await;
    let agreement = agreed(&world).await;
    let own = || world.rival.command(PROBE, "call", json!({ "steps": [] })).send();
    well(&ask(&world.rival, "kv.put", json!({ "key": "k", "value": "a".repeat(8 << 10) })).await);
    let too_much = json!([{ "call": "kv.get-many", "with": { "keys": vec!["k"; 100] } }]);
    for _ in 0..5 {
        let harm = world.rival.command(PROBE, "call", json!({ "steps": too_much })).send().await.problem();
        assert_eq!(harm.name(), "502 pack-memory-exceeded");
    }
    assert_eq!(own().await.problem().name(), "503 pack-resting");
    let asked = async || answered(&world.shop, &agreement, json!([])).await;
    assert!(asked().await.get("unavailable").is_some(), "a partner who rests answers nobody");
    world.clock_forward(SignedDuration::from_secs(10));
    for _ in 0..3 {
        assert!(asked().await.get("ok").is_some());
    }
    own().await.ok();
    let health = world.rival.get(&format!("/v1/packs/{PROBE}/health")).send().await.ok();
    assert_eq!(health["rests_until"], Value::Null, "it was tried, and is well again");
}

#[tokio::test]
async fn what_is_owed_is_in_the_books_of_both_up_to_the_credit() {
    let world = World::new();
    two_with_probe(&world).await;
    let agreement = agreed(&world).await;
    let owe = |amount: u64| json!({ "agreement": agreement, "amount": amount, "reason": "cakes" });
    assert!(ask(&world.shop, "agreements.owe", owe(700)).await.get("ok").is_some());
    let more = ask(&world.shop, "agreements.owe", owe(400)).await;
    assert!(more["limit"].as_str().unwrap().contains("1100"), "{more}");
    assert!(ask(&world.shop, "agreements.owe", owe(0)).await.get("invalid").is_some());
    let balance = |shop: Shop| async move {
        let path = format!(
            "/v1/agreements/{}",
            shop.get("/v1/agreements").send().await.ok()["agreements"][0]["id"].as_str().unwrap()
        );
        shop.get(&path).send().await.ok()["balance_minor"].as_i64().unwrap()
    };
    assert_eq!((balance(world.shop.clone()).await, balance(world.rival.clone()).await), (-700, 700));
    // Only whoever owes can say so: the rival books what it owes itself, when it is asked.
    let steps = json!([{ "call": "agreements.owe", "with": owe(900) }]);
    assert!(well(&answered(&world.shop, &agreement, steps).await)["did"][0].get("ok").is_some());
    assert_eq!((balance(world.shop.clone()).await, balance(world.rival.clone()).await), (200, -200));
    let seen = well(&ask(&world.rival, "agreements.get", json!({ "agreement": agreement })).await);
    assert_eq!(seen["balance"], json!({ "owed": 200 }));
    world.books_balance();
}

#[tokio::test]
async fn a_member_is_known_to_each_partner_by_an_alias() {
    let world = World::new();
    two_with_probe(&world).await;
    let agreement = agreed(&world).await;
    let alice = world.shop.member("alice").enrol().await;
    let of = |member: &str| json!({ "agreement": agreement, "member": member });
    let alias = well(&ask(&world.shop, "agreements.alias-of", of(&alice.id)).await);
    assert_eq!(well(&ask(&world.shop, "agreements.alias-of", of(&alice.id)).await), alias, "always the same");
    let text = alias.as_str().unwrap();
    assert!(text.starts_with("als_") && !text.contains(&alice.id[4..]), "{text}");
    let by = |alias: &str| json!({ "agreement": agreement, "alias": alias });
    assert_eq!(well(&ask(&world.shop, "agreements.member-of", by(text)).await), json!(alice.id));
    assert_eq!(well(&ask(&world.rival, "agreements.member-of", by(text)).await), Value::Null, "it leads nowhere there");
    assert_eq!(well(&ask(&world.shop, "agreements.member-of", by("als_zz")).await), Value::Null);
    // A second agreement of the two is with the same partner.
    let second = agreed(&world).await;
    let again = ask(&world.shop, "agreements.alias-of", json!({ "agreement": second, "member": alice.id })).await;
    assert_eq!(well(&again), alias);
    let foreign = ask(&world.rival, "agreements.alias-of", of(&alice.id)).await;
    assert!(foreign.get("not-found").is_some(), "{foreign}");
    world.shop.request("DELETE", &format!("/v1/members/{}/personal", alice.id)).send().await;
    let forgotten = ask(&world.shop, "agreements.alias-of", of(&alice.id)).await;
    assert!(forgotten.get("invalid").is_some(), "{forgotten}");
}

#[tokio::test]
async fn two_partners_can_not_tell_that_they_know_the_same_member() {
    let world = World::new();
    two_with_probe(&world).await;
    let third = world.another("Third Bakery");
    name(&world, &third, "third");
    with_whole_probe(&third).await;
    let with_rival = agreed(&world).await;
    let mut proposal = proposal();
    proposal["partner"] = "third".into();
    let with_third = id(&propose(&world, proposal).await);
    accept(&third, &with_third).await;
    let alice = world.shop.member("alice").enrol().await;
    let alias = async |agreement: &str| {
        let of = json!({ "agreement": agreement, "member": alice.id });
        well(&ask(&world.shop, "agreements.alias-of", of).await)
    };
    let (to_rival, to_third) = (alias(&with_rival).await, alias(&with_third).await);
    assert_ne!(to_rival, to_third);
    let known = async |shop: &Shop, agreement: &str, alias: &Value| {
        ask(shop, "agreements.member-of", json!({ "agreement": agreement, "alias": alias })).await
    };
    assert_eq!(well(&known(&world.shop, &with_third, &to_third).await), json!(alice.id));
    // What one partner has heard leads nowhere under the agreement with the other, and nobody asks under one of others.
    assert_eq!(well(&known(&world.shop, &with_third, &to_rival).await), Value::Null);
    assert_eq!(well(&known(&third, &with_third, &to_rival).await), Value::Null);
    assert!(known(&third, &with_rival, &to_rival).await.get("not-found").is_some());
}
