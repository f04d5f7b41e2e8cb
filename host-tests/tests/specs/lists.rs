//! What holds for every list of the interface, by its own description: it comes a page at a time.

use std::collections::{BTreeMap, BTreeSet};

use host_tests::World;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::every_id::furnished;
use crate::every_route::{Given, Route};

/// Answers that have one list in them and no pages, and why.
const WHOLE: [(&str, &str); 11] = [
    ("GET /v1/automatic-messages", "one for each thing for which the host can send one"),
    ("GET /v1/figures/best-sellers", "the first of a ranking, as many as are asked for"),
    ("GET /v1/figures/hours", "24 hours"),
    ("GET /v1/goals/{month}", "one for each figure and store, and as many of staff and teams as were set"),
    ("GET /v1/liability", "what is owed at one instant, a line for each unit"),
    ("GET /v1/members/{member}/assets", "what a member holds at one instant, a line for each unit"),
    ("GET /v1/members/{member}/benefits", "one for each benefit, of which there are 100 at most"),
    ("GET /v1/members/{member}/segments", "one for each segment, of which there are 100 at most"),
    ("GET /v1/message-connectors", "one for each channel"),
    ("GET /v1/packs/{pack}/log", "the last 200 lines, or those of them behind one"),
    ("GET /v1/sessions", "one's own, of which there are 20 at most"),
];

/// The field of an answer that is a list of its own, if it has one besides where to go on.
fn list_of(given: &Given, route: &Route) -> Option<String> {
    let schema = &route.operation["responses"]["200"]["content"]["application/json"]["schema"];
    let fields = given.resolved(schema)["properties"].as_object()?;
    let mut fields = fields.iter().filter(|(name, _)| !["next", "is_end"].contains(&name.as_str()));
    let (name, field) = fields.next()?;
    let is_list = field["type"] == "array" && fields.next().is_none();
    is_list.then(|| name.clone())
}

#[tokio::test]
async fn every_list_takes_a_limit_and_a_cursor() {
    let (given, _) = furnished().await;
    let mut whole = BTreeSet::new();
    let mut asked = 0;
    for route in given.closed().filter(|route| route.method == "GET" && !route.is_stream()) {
        let Some(list) = list_of(&given, route) else { continue };
        let takes: BTreeSet<&str> = route.parameters().filter_map(|one| one["name"].as_str()).collect();
        let place = ["cursor", "after"].into_iter().find(|name| takes.contains(name));
        let Some(place) = place.filter(|_| takes.contains("limit")) else {
            whole.insert(route.name.as_str());
            continue;
        };
        let ask = async |parameters: &[(&'static str, &str)]| {
            let parameters: BTreeMap<_, _> =
                parameters.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
            route.ask_with(&given, &given.world.shop, &parameters).send().await
        };
        let one = ask(&[("limit", "1")]).await;
        assert!(one.status.is_success(), "{one}");
        assert!(
            one.json()[&list].as_array().is_some_and(|found| found.len() <= 1),
            "{} gives more than one",
            route.name
        );
        for wrong in [&[("limit", "0")][..], &[("limit", "201")], &[(place, "nowhere")]] {
            let refused = ask(wrong).await.problem();
            assert_eq!(refused.name(), "400 wrong-query", "{} with {wrong:?}", route.name);
        }
        asked += 1;
    }
    assert_eq!(whole, WHOLE.iter().map(|(name, _)| *name).collect(), "lists without pages");
    assert!(asked > 20, "only {asked} lists were asked");
}

#[tokio::test]
async fn pages_of_short_lists_are_all_of_it_in_order() {
    let world = World::new();
    let shop = &world.shop;
    for code in ["a", "b", "c", "d", "e"] {
        let coupon =
            json!({ "title": code, "benefit": { "amount": { "off_minor": 500 } }, "validity": { "days": 30 } });
        shop.put(&format!("/v1/coupons/{code}"), coupon).send().await.ok();
        shop.put(&format!("/v1/attributes/{code}"), json!({ "label": code, "kind": "text" })).send().await.ok();
        shop.put(&format!("/v1/benefits/{code}"), json!({ "title": code, "quota": 1, "period": "day" }))
            .send()
            .await
            .ok();
        let segment = json!({ "title": code, "condition": { "tier": "gold" } });
        shop.put(&format!("/v1/segments/{code}"), segment).send().await.ok();
        shop.put(&format!("/v1/stores/{code}"), json!({ "name": code })).send().await.ok();
        shop.post("/v1/keys", json!({ "role": "clerk", "label": code })).send().await.created();
        let webhook = json!({ "url": format!("https://example.com/{code}") });
        shop.post("/v1/webhooks", webhook).send().await.created();
    }
    for list in ["attributes", "benefits", "coupons", "keys", "segments", "stores", "units", "webhooks"] {
        let all = shop.get(&format!("/v1/{list}?limit=200")).send().await.ok();
        let all = all[list].as_array().unwrap().clone();
        assert!(all.len() >= 5, "{list}: {all:?}");
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = shop.get(&format!("/v1/{list}?limit=2{cursor}")).send().await.ok();
            found.extend(page[list].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found, all, "{list}");
    }
}

#[tokio::test]
async fn pages_of_consents_tell_each_purpose_once_or_all_receipts() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    let path = format!("/v1/members/{}/consents", alice.id);
    for purpose in ["mail", "news", "news-at-night"] {
        for given in [true, false, true] {
            shop.put(&format!("{path}/{purpose}"), json!({ "given": given })).send().await.ok();
            world.clock_forward(SignedDuration::from_secs(1));
        }
    }
    for (history, expected) in [(false, 3), (true, 9)] {
        let (mut found, mut cursor) = (Vec::<Value>::new(), String::new());
        loop {
            let page = shop.get(&format!("{path}?history={history}&limit=2{cursor}")).send().await.ok();
            found.extend(page["consents"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let ids: BTreeSet<_> = found.iter().map(|receipt| receipt["id"].to_string()).collect();
        assert_eq!((found.len(), ids.len()), (expected, expected), "history={history}");
        if !history {
            assert!(found.iter().all(|receipt| receipt["given"] == true), "{found:?}");
        }
    }
}
