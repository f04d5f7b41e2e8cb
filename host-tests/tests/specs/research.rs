//! What goes to researchers: under pseudonyms, with nothing in it that says who somebody is.

use std::collections::BTreeSet;

use host_tests::premises::{Call, Premises};
use host_tests::process::{Server, punchcard};
use host_tests::{Shop, World};
use punchcard::domain::Role;
use serde_json::{Value, json};

use crate::exports::{documents, table};
use crate::merges::merge;
use crate::with_points;

const KINDS: [&str; 4] = ["members", "orders", "events", "figures"];

/// A shop with a member of whom much is known, and with orders, events and figures.
async fn furnished(shop: &Shop) -> String {
    with_points(shop).await;
    for (code, body) in [
        ("size", json!({ "label": "Size", "kind": "choice", "choices": ["S", "M"] })),
        ("motto", json!({ "label": "Motto", "kind": "text" })),
        ("shoes", json!({ "label": "Shoes", "kind": "number", "personal": true })),
    ] {
        shop.put(&format!("/v1/attributes/{code}"), body).send().await.ok();
    }
    let alice = shop
        .member("secret-card")
        .with("personal", json!({ "name": "Secret Alice", "phones": ["+8613800138000"], "birthday": "1990-02-28" }))
        .with("attributes", json!({ "size": "M", "motto": "secret motto", "shoes": 4_321 }))
        .with("external_ids", json!([{ "system": "wechat", "id": "secret-id" }]))
        .tags(&["regular"])
        .with("home_store", shop.store(0))
        .enrol()
        .await;
    shop.post(&format!("/v1/members/{}/notes", alice.id), json!({ "text": "secret note" })).send().await.created();
    alice.load(50_000).await.created();
    let line = json!({ "sku": "bun", "category": "bread", "quantity": 2, "amount_minor": 700 });
    let order = alice.order("secret-till").raw_line(line).settle().await.created();
    let back = json!({ "lines": [{ "line": 1, "quantity": 1 }], "reason": "secret reason" });
    shop.post(&format!("/v1/orders/{}/refund", order["id"].as_str().unwrap()), back).send().await.ok();
    shop.order("secret-walk-in").settle().await.created();
    alice.id
}

#[tokio::test]
async fn nothing_of_it_says_who_somebody_is_and_all_of_it_belongs_together() {
    let world = World::new();
    let shop = &world.shop;
    let alice = furnished(shop).await;
    let ids = |text: &str| ["mem_", "ord_", "pst_", "sto_", "key_", "evt_", &alice].iter().any(|id| text.contains(id));
    for kind in KINDS {
        for format in ["ndjson", "csv"] {
            let reply = shop.get(&format!("/v1/research/spring/{kind}?format={format}")).send().await;
            let named = reply.header("content-disposition").unwrap().to_owned();
            assert_eq!(named, format!("attachment; filename=\"spring-{kind}.{format}\""));
            let body = String::from_utf8(reply.body).unwrap();
            let known = body.to_lowercase();
            assert!(!known.contains("secret") && !known.contains("13800138000") && !ids(&body), "{kind}: {body}");
            assert!(!known.contains("1990") && !known.contains("4321"), "{kind}: {body}");
            assert!(body.lines().count() > usize::from(format == "csv"), "{kind} tells nothing");
        }
    }
    let members = documents(shop, "/v1/research/spring/members").await;
    let told = &members[0];
    assert_eq!(members.len(), 1);
    assert_eq!((&told["born"], &told["joined"]), (&json!("35-44"), &json!("2026-03")), "{told}");
    assert_eq!((&told["tags"], &told["store_code"]), (&json!(["regular"]), &json!("main")));
    assert_eq!(told["attributes"], json!({ "size": "M" }));
    let born = documents(shop, "/v1/research/spring/members?ages=years").await[0]["born"].clone();
    assert_eq!(born, "1990");
    assert_eq!(table(shop, "/v1/research/spring/members?format=csv").await[0]["attributes.size"], "M");

    let orders = documents(shop, "/v1/research/spring/orders").await;
    let hers: Vec<_> = orders.iter().filter(|order| order["member"] == told["member"]).collect();
    assert_eq!((orders.len(), hers.len()), (2, 1));
    assert_eq!((&hers[0]["total_minor"], &hers[0]["refunded_minor"]), (&json!(700), &json!(350)));
    assert_eq!(
        (&hers[0]["state"], &hers[0]["ordered_at"]),
        (&json!("partly-refunded"), &json!("2026-03-18T00:00:00Z"))
    );
    assert_eq!(hers[0]["lines"][0]["sku"], "bun");
    let events = documents(shop, "/v1/research/spring/events").await;
    let of_hers: BTreeSet<_> = events
        .iter()
        .filter(|event| event["member"] == told["member"])
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert!(["member-enrolled", "order-settled", "stored-value-loaded"].iter().all(|kind| of_hers.contains(kind)));
    let loaded = events.iter().find(|event| event["type"] == "stored-value-loaded").unwrap();
    assert_eq!(loaded["data"], json!({ "amount_minor": 50_000 }));
    let settled: BTreeSet<_> = events
        .iter()
        .filter(|event| event["type"] == "order-settled")
        .map(|event| event["order"].to_string())
        .collect();
    assert_eq!(settled, orders.iter().map(|order| order["order"].to_string()).collect());
    let figures = documents(shop, "/v1/research/spring/figures").await;
    let main = figures.iter().find(|line| line["store_code"] == "main").unwrap();
    assert_eq!((&main["day"], &main["orders"], &main["members_new"]), (&json!("2026-03-18"), &json!(2), &json!(1)));
}

#[tokio::test]
async fn a_pseudonym_is_the_same_within_a_study_and_another_in_each_other_one() {
    let world = World::new();
    let (shop, rival) = (&world.shop, &world.rival);
    furnished(shop).await;
    rival.member("eve").enrol().await;
    let all = async |shop: &Shop, study: &str| -> BTreeSet<String> {
        let told = documents(shop, &format!("/v1/research/{study}/members")).await;
        told.iter().map(|one| one["member"].as_str().unwrap().to_owned()).collect()
    };
    let spring = all(shop, "spring").await;
    assert_eq!(spring.len(), 1);
    assert_eq!(all(shop, "spring").await, spring);
    assert!(all(shop, "autumn").await.is_disjoint(&spring));
    assert!(all(rival, "spring").await.is_disjoint(&spring));
}

#[tokio::test]
async fn whoever_was_merged_or_forgotten_keeps_what_they_did_under_one_pseudonym() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").with("personal", json!({ "birthday": "1990-02-28" })).enrol().await;
    let twin = shop.member("twin").enrol().await;
    twin.order("of-twin").settle().await.created();
    alice.order("of-alice").settle().await.created();
    merge(shop, &alice, &twin).await.ok();
    let members = documents(shop, "/v1/research/spring/members").await;
    assert_eq!((members.len(), &members[0]["is_erased"]), (1, &json!(false)));
    let whose = async |kind: &str| -> BTreeSet<String> {
        let told = documents(shop, &format!("/v1/research/spring/{kind}")).await;
        told.iter().filter(|one| !one["member"].is_null()).map(|one| one["member"].to_string()).collect()
    };
    let hers = BTreeSet::from([members[0]["member"].to_string()]);
    assert_eq!((whose("orders").await, whose("events").await), (hers.clone(), hers.clone()));
    shop.request("DELETE", &format!("/v1/members/{}/personal", alice.id)).send().await.ok();
    let members = documents(shop, "/v1/research/spring/members").await;
    assert_eq!((&members[0]["is_erased"], &members[0]["born"]), (&json!(true), &Value::Null));
    assert_eq!(whose("orders").await, hers);
}

#[tokio::test]
async fn only_owners_take_it_out_and_that_is_in_the_audit_log() {
    let world = World::new();
    let shop = &world.shop;
    for role in [Role::Clerk, Role::Manager, Role::Auditor, Role::Integration] {
        let asked = shop.as_role(role).get("/v1/research/spring/orders").send().await;
        assert_eq!(asked.problem().name(), "403 forbidden");
    }
    documents(shop, "/v1/research/spring/orders").await;
    let changes = shop.get("/v1/changes").send().await.ok();
    let last = changes["changes"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["kind"], &last["name"]), (&json!("research"), &json!("spring")));
    assert_eq!(last["after"], json!({ "kind": "orders", "format": "ndjson" }));
    for (path, expected) in [
        ("spring/secrets", "404 no-such-thing"),
        ("Spring%20!/orders", "404 no-such-thing"),
        ("spring/orders?ages=days", "400 wrong-query"),
    ] {
        assert_eq!(shop.get(&format!("/v1/research/{path}")).send().await.problem().name(), expected, "{path}");
    }
}

#[test]
fn the_command_line_tells_the_same_as_the_interface() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    let body = json!({ "reference": "card-1", "personal": { "name": "Secret" } });
    premises.ask(&server, &Call::post("/v1/members", "1", &body));
    server.stop();
    let data = premises.path().to_str().unwrap();
    let told =
        |study: &str| punchcard(&["research", "members", "--study", study, "--data", data, "--format", "ndjson"]).ok();
    let spring = told("spring");
    assert!(spring.contains("\"member\":\"member-") && !spring.contains("Secret"), "{spring}");
    assert_eq!(told("spring"), spring);
    assert_ne!(told("autumn"), spring);
    let wrong = punchcard(&["research", "members", "--study", "No!", "--data", data, "--format", "csv"]).failed();
    assert!(wrong.contains("--study"), "{wrong}");
}
