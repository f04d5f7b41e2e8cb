//! Who acted: every record says so, and every route that writes leaves a trail of who has called it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use host_tests::{Shop, World, guest};
use jiff::SignedDuration;
use punchcard::usecase::run_due;
use serde_json::{Value, json};

use crate::every_id::{Session, furnished};
use crate::every_route::{Given, Route};
use crate::following::calls;
use crate::with_points;

/// A key of a role, and what records say when it acts.
async fn acting(shop: &Shop, role: &str) -> (Shop, String) {
    let key = shop.post("/v1/keys", json!({ "role": role })).send().await.created();
    (shop.with_key(key["secret"].as_str()), format!("hand:{}", key["id"].as_str().unwrap()))
}

async fn statement(shop: &Shop, member: &str) -> Vec<Value> {
    let all = shop.get(&format!("/v1/members/{member}/statement")).send().await.ok();
    all["postings"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_order_says_who_settled_claimed_and_refunded_it() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    let ((till, by_till), (desk, by_desk)) = (acting(shop, "clerk").await, acting(shop, "manager").await);
    let order = till.order("till-1").settle().await.created();
    assert_eq!((&order["by"], &order["claimed_by"]), (&json!(by_till), &Value::Null));
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    let claimed = desk.post(&format!("{path}/claim"), json!({ "member": alice.id })).send().await.ok();
    assert_eq!((&claimed["by"], &claimed["claimed_by"]), (&json!(by_till), &json!(by_desk)));
    desk.refund(&order).await.ok();
    let read = shop.get(&path).send().await.ok();
    assert_eq!((&read["by"], &read["refunds"][0]["by"]), (&json!(by_till), &json!(by_desk)));
    // What the pack gave was given in the name of whoever claimed, and what was taken back in that of whoever refunded.
    let told: Vec<_> = statement(shop, &alice.id).await.iter().map(|one| json!([one["cause"], one["by"]])).collect();
    assert_eq!(told, [json!(["refund", by_desk]), json!(["order", by_desk])]);
    let table = shop.get("/v1/exports/orders?format=csv").send().await;
    let table = String::from_utf8(table.body).unwrap();
    assert!(table.lines().nth(1).unwrap().contains(&format!(",refunded,{by_till},")), "{table}");
    let table = shop.get("/v1/exports/statements?format=csv").send().await;
    let table = String::from_utf8(table.body).unwrap();
    assert!(table.lines().any(|line| line.contains(&format!(",{by_desk},refund,"))), "{table}");
}

#[tokio::test]
async fn a_hold_says_who_set_aside_and_who_ended_it() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    alice.load(1_000).await.created();
    let ((till, by_till), (desk, by_desk)) = (acting(shop, "clerk").await, acting(shop, "manager").await);
    let hold = json!({ "unit": "stored-value", "amount": 100, "lapses_at": "2026-03-19T00:00:00Z" });
    let mut paths = Vec::new();
    for _ in 0..3 {
        let made = till.post(&format!("/v1/members/{}/holds", alice.id), hold.clone()).send().await.created();
        paths.push(format!("/v1/holds/{}", made["hold"].as_str().unwrap()));
    }
    let open = shop.get(&paths[0]).send().await.ok();
    assert_eq!((&open["state"], &open["by"], &open["ended_by"]), (&json!("open"), &json!(by_till), &Value::Null));
    assert_eq!(open["member"], alice.id);
    desk.post(&format!("{}/post", paths[0]), json!({ "amount": 40 })).send().await.ok();
    desk.post(&format!("{}/void", paths[1]), json!({})).send().await.ok();
    world.clock_at("2026-03-20T00:00:00Z");
    let mut seen = Vec::new();
    for path in &paths {
        let hold = shop.get(path).send().await.ok();
        seen.push(json!([hold["state"], hold["posted"], hold["by"], hold["ended_by"], hold["ended_at"]]));
    }
    let (ended, lapsed) = ("2026-03-18T00:00:00Z", "2026-03-19T00:00:00Z");
    let expected = json!([
        ["posted", 40, by_till, by_desk, ended],
        ["voided", null, by_till, by_desk, ended],
        ["lapsed", null, by_till, "host", lapsed],
    ]);
    assert_eq!(json!(seen), expected, "it has lapsed whether or not that is booked");
    run_due(&world.running().host).unwrap();
    assert_eq!(shop.get(&paths[2]).send().await.ok()["ended_by"], "host");
    let lapse = statement(shop, &alice.id).await.into_iter().find(|one| one["cause"] == "lapse").unwrap();
    assert_eq!(lapse["by"], "host");
    assert_eq!(world.rival.get(&paths[0]).send().await.problem().name(), "404 unknown-hold");
}

#[tokio::test]
async fn what_a_pack_does_is_by_whoever_ran_its_command_or_by_itself() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    shop.enable(guest("echo")).send().await.ok();
    let (till, by_till) = acting(shop, "clerk").await;
    let alice = shop.member("alice").enrol().await;
    let grant = json!({ "member": alice.id, "points": 30, "reason": "a gift" });
    till.command("points", "grant", grant).send().await.ok();
    calls(&world).await;
    let told = statement(shop, &alice.id).await;
    let of = |pack: &str| told.iter().find(|one| one["pack"] == pack).unwrap()["by"].clone();
    assert_eq!((of("points"), of("echo")), (json!(by_till), json!("pack:echo")));
}

/// Routes that write nothing, or nothing of the merchant's, with why that leaves no trail.
const NO_TRAIL: [(&str, &str); 1] = [(
    "POST /v1/webhooks/{webhook}/dead-letters/resend",
    "none has been given up: only that is kept for whoever asks again",
)];

/// Routes whose example is refused in the furnished shop: what they write has specs of its own.
const REFUSED: [(&str, &str); 21] = [
    ("POST /v1/members/{member}/benefits/{benefit}/returns", "it was not used"),
    ("POST /v1/members/{member}/coupons/redemptions", "none is left"),
    ("POST /v1/message-templates/{template}/preview", "other placeholders"),
    ("POST /v1/agreements/{agreement}/acceptance", "an own proposal"),
    ("POST /v1/message-connectors/{channel}/test", "no such connector"),
    ("PUT /v1/automatic-messages/{trigger}", "there already"),
    ("PUT /v1/message-connectors/{channel}", "there already"),
    ("PUT /v1/message-templates/{template}", "there already"),
    ("POST /v1/messages/{message}/resend", "it has not failed"),
    ("POST /v1/members/{member}/gifts", "points stay with their member"),
    ("POST /v1/members/{member}/merge", "one with itself"),
    ("POST /v1/packs/{pack}/rollback", "no revision before"),
    ("POST /v1/orders/{order}/claim", "somebody's already"),
    ("POST /v1/holds/{hold}/void", "posted already"),
    ("PUT /v1/session/password", "another password"),
    ("POST /v1/agreements", "the pack has no partners"),
    ("POST /v1/messages", "other placeholders"),
    ("POST /v1/members", "somebody has this phone"),
    ("POST /v1/packs", "no component"),
    ("DELETE /v1/packs/{pack}/enablement/before", "no revision before"),
    ("DELETE /v1/packs/{pack}", "it is enabled"),
];

#[tokio::test]
async fn every_route_that_writes_leaves_a_trail_of_who_has_called_it() {
    let (given, session) = furnished().await;
    let mut routes: Vec<_> = given.closed().filter(|route| route.method != "GET").collect();
    routes
        .sort_by_key(|route| (route.method == "DELETE", route.name == "DELETE /v1/session", Reverse(route.path.len())));
    let (mut wrong, mut refused, mut trails) = (Vec::new(), Vec::new(), 0);
    for route in routes {
        let (who, staff) = caller(&given, route, &session).await;
        let before = given.world.state();
        let reply = ask(&given, route, &who).await;
        if !reply.status.is_success() {
            refused.push(format!("{}: {reply}", route.name));
            continue;
        }
        let is_known = NO_TRAIL.iter().any(|(name, _)| *name == route.name);
        let has_written = !given.world.state().differs_from(&before).is_empty();
        match (has_written && !is_known, leads_to(&given.world.shop, &staff).await) {
            (true, false) => wrong.push(format!("{} leaves no trail of {staff}", route.name)),
            (false, true) if is_known => {
                wrong.push(format!("{} leaves a trail, and is said to leave none", route.name));
            }
            (_, found) => trails += usize::from(found),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let unknown: Vec<_> =
        refused.iter().filter(|told| REFUSED.iter().all(|(name, _)| !told.starts_with(&format!("{name}: ")))).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert!(trails > 60, "only {trails} routes left a trail");
}

/// Who calls a route: an owner's key that has done nothing yet; of a session, whoever has it.
enum Who<'s> {
    Key(Shop),
    Session(&'s Session),
}

async fn caller<'s>(given: &Given, route: &Route, session: &'s Session) -> (Who<'s>, String) {
    let shop = &given.world.shop;
    if route.path.starts_with("/v1/session") {
        let own = session.sign(shop.with_key(None).get("/v1/session")).send().await.ok();
        return (Who::Session(session), own["staff"].as_str().unwrap().to_owned());
    }
    let key = shop.post("/v1/keys", json!({ "role": "owner" })).send().await.created();
    (Who::Key(shop.with_key(key["secret"].as_str())), key["id"].as_str().unwrap().to_owned())
}

async fn ask(given: &Given, route: &Route, who: &Who<'_>) -> host_tests::Reply {
    let mut others = BTreeMap::new();
    if route.parameters().any(|parameter| parameter["name"] == "If-Match" && parameter["required"] == true) {
        let read = given.routes.iter().find(|other| other.method == "GET" && other.path == route.path).unwrap();
        let read = match who {
            Who::Key(shop) => read.ask(given, shop),
            Who::Session(session) => session.sign(read.ask(given, &given.world.shop.with_key(None))),
        };
        others.insert("If-Match", read.send().await.header("etag").unwrap().to_owned());
    }
    let request = match who {
        Who::Key(shop) => route.ask_with(given, shop, &others),
        Who::Session(session) => session.sign(route.ask_with(given, &given.world.shop.with_key(None), &others)),
    };
    request.send().await
}

/// Whether the audit log, an order, a posting or an event says that this one of the staff acted.
async fn leads_to(shop: &Shop, staff: &str) -> bool {
    let marks = [format!("\"staff\":\"{staff}\""), format!("hand:{staff}"), format!("\"by\":\"{staff}\"")];
    for kind in ["changes", "orders", "statements", "events"] {
        let all = shop.get(&format!("/v1/exports/{kind}")).send().await;
        let all = String::from_utf8(all.body).unwrap();
        if marks.iter().any(|mark| all.contains(mark.as_str())) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_trail_is_of_whoever_acted_and_of_nobody_else() {
    let world = World::new();
    let (till, by_till) = acting(&world.shop, "owner").await;
    let staff = by_till.strip_prefix("hand:").unwrap();
    assert!(!leads_to(&world.shop, staff).await, "that it was issued is no trail of its own");
    world.clock_forward(SignedDuration::from_mins(1));
    world.shop.put("/v1/stores/north", json!({ "name": "North" })).send().await.ok();
    assert!(!leads_to(&world.shop, staff).await);
    till.put("/v1/stores/north", json!({ "name": "North Gate" })).send().await.ok();
    assert!(leads_to(&world.shop, staff).await);
}
