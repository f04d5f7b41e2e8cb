//! The interface as a whole: its description, its problems, its health.

use std::sync::mpsc;

use axum::http::StatusCode;
use host_tests::World;
use insta::assert_snapshot;
use serde_json::{Value, json};

#[tokio::test]
async fn the_interface_is_described_as_openapi_3_1() {
    let world = World::new();
    let reply = world.shop.with_key(None).get("/openapi.json").send().await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let described = reply.ok();
    assert!(described["openapi"].as_str().unwrap().starts_with("3.1."), "{}", described["openapi"]);
    assert_eq!(described["info"]["title"], "Punchcard");
    let routes: Vec<_> = operations(&described).map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_snapshot!(routes.join("\n"), @r"
    get /livez
    get /metrics
    get /readyz
    get /v1/agreements
    post /v1/agreements
    get /v1/agreements/{agreement}
    post /v1/agreements/{agreement}/acceptance
    post /v1/agreements/{agreement}/end
    get /v1/attributes
    delete /v1/attributes/{attribute}
    put /v1/attributes/{attribute}
    get /v1/automatic-messages
    delete /v1/automatic-messages/{trigger}
    put /v1/automatic-messages/{trigger}
    get /v1/behaviours
    delete /v1/behaviours/{behaviour}
    put /v1/behaviours/{behaviour}
    get /v1/benefits
    delete /v1/benefits/{benefit}
    put /v1/benefits/{benefit}
    get /v1/catalogue
    delete /v1/catalogue/{sku}
    get /v1/catalogue/{sku}
    put /v1/catalogue/{sku}
    get /v1/changes
    get /v1/coupons
    put /v1/coupons/{coupon}
    get /v1/events
    post /v1/events
    get /v1/events/stream
    get /v1/exports/{kind}
    get /v1/figures
    get /v1/figures/best-sellers
    get /v1/figures/hours
    get /v1/figures/joins
    get /v1/figures/staff
    get /v1/goals/{month}
    put /v1/goals/{month}
    get /v1/holds/{hold}
    post /v1/holds/{hold}/post
    post /v1/holds/{hold}/void
    post /v1/invitations
    get /v1/join-codes
    post /v1/join-codes
    get /v1/join-codes/{join_code}
    patch /v1/join-codes/{join_code}
    get /v1/keys
    post /v1/keys
    delete /v1/keys/{key}
    get /v1/liability
    get /v1/me
    get /v1/me/assets
    get /v1/me/benefits
    get /v1/me/orders
    get /v1/me/statement
    get /v1/members
    post /v1/members
    get /v1/members/{member}
    patch /v1/members/{member}
    post /v1/members/{member}/adjustments
    get /v1/members/{member}/assets
    get /v1/members/{member}/benefits
    post /v1/members/{member}/benefits/{benefit}/returns
    post /v1/members/{member}/benefits/{benefit}/uses
    get /v1/members/{member}/card
    post /v1/members/{member}/card
    get /v1/members/{member}/consents
    put /v1/members/{member}/consents/{purpose}
    get /v1/members/{member}/consumption
    post /v1/members/{member}/coupons
    post /v1/members/{member}/coupons/redemptions
    post /v1/members/{member}/coupons/returns
    get /v1/members/{member}/export
    post /v1/members/{member}/gifts
    post /v1/members/{member}/holds
    get /v1/members/{member}/merge
    post /v1/members/{member}/merge
    get /v1/members/{member}/notes
    post /v1/members/{member}/notes
    delete /v1/members/{member}/notes/{note}
    delete /v1/members/{member}/personal
    get /v1/members/{member}/portrait
    get /v1/members/{member}/segments
    get /v1/members/{member}/statement
    post /v1/members/{member}/stored-value
    post /v1/members/{member}/stored-value/payments
    delete /v1/members/{member}/tags/{tag}
    put /v1/members/{member}/tags/{tag}
    put /v1/members/{member}/tier
    get /v1/members/{member}/tiers
    get /v1/members/{member}/timeline
    post /v1/members/{member}/tokens
    get /v1/merchant
    patch /v1/merchant
    get /v1/message-connectors
    delete /v1/message-connectors/{channel}
    put /v1/message-connectors/{channel}
    post /v1/message-connectors/{channel}/secret
    post /v1/message-connectors/{channel}/test
    get /v1/message-policy
    put /v1/message-policy
    get /v1/message-templates
    delete /v1/message-templates/{template}
    get /v1/message-templates/{template}
    put /v1/message-templates/{template}
    post /v1/message-templates/{template}/preview
    get /v1/messages
    post /v1/messages
    get /v1/messages/{message}
    post /v1/messages/{message}/cancel
    post /v1/messages/{message}/resend
    get /v1/openapi.json
    get /v1/orders
    post /v1/orders
    get /v1/orders/{order}
    post /v1/orders/{order}/claim
    post /v1/orders/{order}/refund
    get /v1/packs
    post /v1/packs
    delete /v1/packs/{pack}
    post /v1/packs/{pack}/commands/{command}
    get /v1/packs/{pack}/enablement
    put /v1/packs/{pack}/enablement
    delete /v1/packs/{pack}/enablement/before
    get /v1/packs/{pack}/entries
    get /v1/packs/{pack}/health
    get /v1/packs/{pack}/log
    get /v1/packs/{pack}/pages/{page}
    get /v1/packs/{pack}/parked-calls
    delete /v1/packs/{pack}/parked-calls/{call}
    post /v1/packs/{pack}/parked-calls/{call}/retry
    get /v1/packs/{pack}/recordings
    get /v1/packs/{pack}/recordings/{recording}
    post /v1/packs/{pack}/rehearsals
    get /v1/packs/{pack}/revisions/{revision}
    post /v1/packs/{pack}/rollback
    post /v1/packs/{pack}/upgrade
    post /v1/quotes
    post /v1/releases
    get /v1/research/{study}/{kind}
    get /v1/segments
    delete /v1/segments/{segment}
    put /v1/segments/{segment}
    delete /v1/session
    get /v1/session
    patch /v1/session
    put /v1/session/password
    get /v1/sessions
    post /v1/sessions
    delete /v1/sessions/{session}
    get /v1/stores
    put /v1/stores/{store}
    get /v1/teams
    delete /v1/teams/{team}
    put /v1/teams/{team}
    get /v1/units
    put /v1/units/{unit}/rules
    get /v1/users
    post /v1/users
    delete /v1/users/{user}
    get /v1/users/{user}
    patch /v1/users/{user}
    post /v1/users/{user}/invitation
    delete /v1/users/{user}/sessions
    get /v1/webhooks
    post /v1/webhooks
    delete /v1/webhooks/{webhook}
    get /v1/webhooks/{webhook}
    patch /v1/webhooks/{webhook}
    get /v1/webhooks/{webhook}/dead-letters
    post /v1/webhooks/{webhook}/dead-letters/resend
    delete /v1/webhooks/{webhook}/dead-letters/{event}
    post /v1/webhooks/{webhook}/dead-letters/{event}/resend
    get /v1/webhooks/{webhook}/deliveries
    post /v1/webhooks/{webhook}/secret
    delete /v1/webhooks/{webhook}/secret/previous
    post /v1/webhooks/{webhook}/test
    ");
}

#[tokio::test]
async fn every_route_is_described_with_its_parameters_replies_and_problems() {
    let world = World::new();
    let described = world.shop.get("/openapi.json").send().await.ok();
    for (method, path, operation) in operations(&described) {
        let route = format!("{method} {path}");
        let text = |field: &str| operation[field].as_str().unwrap_or_default().to_owned();
        assert!(!(text("summary") + &text("description")).is_empty(), "{route} has no description");
        assert!(!text("operationId").is_empty(), "{route} has no name");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let is_there = parameters.iter().any(|one| one["name"] == part && one["in"] == "path");
            assert!(is_there, "{route} does not describe {part}");
        }
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{route} has no good reply");
        if path.starts_with("/v1") {
            for status in ["4XX", "5XX"] {
                let problem = &responses[status]["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(problem, "#/components/schemas/Problem", "{route} {status}");
            }
        }
    }
}

#[tokio::test]
async fn every_reference_in_the_description_leads_somewhere() {
    let world = World::new();
    let described = world.shop.get("/openapi.json").send().await.ok();
    let mut seen = 0;
    for_each_reference(&described, &mut |reference| {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(described.pointer(pointer).is_some(), "{reference} leads nowhere");
        seen += 1;
    });
    assert!(seen > 20, "only {seen} references");
}

#[tokio::test]
async fn every_write_at_a_till_says_that_it_needs_an_idempotency_key_and_does() {
    let world = World::new();
    let described = world.shop.get("/openapi.json").send().await.ok();
    let mut asked = 0;
    for (method, path, operation) in operations(&described).filter(|(method, ..)| *method == "post") {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        if !parameters.into_iter().any(|one| one["name"] == "Idempotency-Key") {
            continue;
        }
        let path = path.replace(['{', '}'], "");
        let problem = world.shop.post(&path, json!({})).without_key().send().await.problem();
        assert_eq!(problem.name(), "400 no-idempotency-key", "{method} {path}");
        asked += 1;
    }
    assert_eq!(asked, 33);
}

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let world = World::new();
    for path in ["/", "/v1", "/v1/nothing", "/v2/members", "/v1/members/", "/openapi.yaml", "/%2e%2e/etc"] {
        let problem = world.shop.get(path).send().await.problem();
        assert_eq!(problem.name(), "404 no-such-path", "{path}");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_a_problem() {
    let world = World::new();
    let described = world.shop.get("/openapi.json").send().await.ok();
    for path in described["paths"].as_object().unwrap().keys().map(String::as_str).chain(["/openapi.json"]) {
        let takes = |method: &&str| described["paths"][path].get(method.to_lowercase()).is_some();
        for method in ["DELETE", "PATCH", "PUT"].into_iter().filter(|method| !takes(method)) {
            let reply = world.shop.request(method, &path.replace(['{', '}'], "")).send().await;
            assert!(reply.header("allow").is_some(), "{method} {path} does not say what it takes");
            assert_eq!(reply.problem().name(), "405 wrong-method", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_reply_names_its_request() {
    let world = World::new();
    let reply = world.shop.get("/v1/stores").send().await;
    assert!(reply.header("x-request-id").is_some_and(|id| id.len() == 36));
    let reply = world.shop.get("/nothing").header("x-request-id", "mine").send().await;
    assert_eq!(reply.header("x-request-id"), Some("mine"));
}

#[tokio::test]
async fn a_host_that_runs_is_live_and_ready() {
    let world = World::new();
    let nobody = world.shop.with_key(None);
    for path in ["/livez", "/readyz"] {
        let reply = nobody.get(path).send().await;
        assert_eq!((reply.status, reply.body.as_slice()), (StatusCode::OK, &b"ok"[..]));
    }
}

#[tokio::test]
async fn a_host_whose_store_is_closed_is_live_but_not_ready_and_takes_no_writes() {
    let world = World::new();
    world.running().host.store.close().unwrap();
    assert_eq!(world.shop.get("/livez").send().await.status, StatusCode::OK);
    let reply = world.shop.get("/readyz").send().await;
    assert_eq!(reply.header("retry-after"), Some("30"));
    assert_eq!(reply.problem().name(), "503 unavailable");
    let problem = world.shop.member("alice").send().await.problem();
    assert_snapshot!(problem, @"503 unavailable: the host can not write any more; it is not known whether this was recorded: send it again, with the same idempotency key, when the host is back");
    world.restart();
    world.shop.member("alice").enrol().await;
}

#[test]
fn a_host_with_as_much_to_do_as_it_can_turns_requests_away_and_loses_none() {
    const AT_ONCE: usize = 512;
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_time().build().unwrap();
    runtime.block_on(async {
        let world = World::new();
        // The only worker waits, so whatever comes stays in the queue.
        let (release, released) = mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || released.recv());
        let waiting: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(world.shop.get("/v1/stores").send())).collect();
        for _ in 0..AT_ONCE {
            tokio::task::yield_now().await;
        }
        let reply = world.shop.get("/v1/stores").send().await;
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert_eq!(reply.problem().name(), "503 too-busy");
        release.send(()).unwrap();
        busy.await.unwrap().unwrap();
        for reply in waiting {
            reply.await.unwrap().ok();
        }
        world.shop.get("/v1/stores").send().await.ok();
    });
}

#[tokio::test]
async fn the_stores_of_a_merchant_are_listed() {
    let world = World::new();
    let listed = world.shop.get("/v1/stores").send().await.ok();
    let stores: Vec<_> =
        listed["stores"].as_array().unwrap().iter().map(|store| (&store["id"], &store["code"])).collect();
    let (main, corner) = (json!(world.shop.store(0)), json!(world.shop.store(1)));
    assert_eq!(stores.len(), 2);
    assert!(stores.contains(&(&main, &json!("main"))) && stores.contains(&(&corner, &json!("corner"))));
}

/// Method, path and description of every operation.
fn operations(described: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = described["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    })
}

fn for_each_reference(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("$ref", Value::String(reference)) => found(reference),
                    _ => for_each_reference(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| for_each_reference(value, found)),
        _ => {}
    }
}
