//! Whatever a path names, by an id or by a code, is its merchant's alone: for every route, by the interface's own
//! description.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use host_tests::{Delivery, Receiver, Reply, Request, Shop, guest, pack, reworded};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::agreements::{name, propose};
use crate::every_route::{Given, Route};
use crate::following::calls;
use crate::grants::{PROBE, with_whole_probe};
use crate::messages::{gateway, hello, open_world, phoned, say_hello};
use crate::rehearsals::OTHER;
use crate::webhook_failures::{list, play_out};
use crate::webhooks::hook;

/// What stands in texts of the shop, and in none of anybody else.
const MARK: &str = "Sesame";

/// Routes that ask for what the shop has not, either, and why.
const NOTHING_THERE: [(&str, &str); 2] = [
    ("GET /v1/packs/{pack}/pages/{page}", "the pack of the examples has no pages"),
    (
        "POST /v1/message-connectors/{channel}/test",
        "the example is of a channel without a connector, as it would be sent",
    ),
];

/// What a session is asked with.
pub(crate) struct Session {
    cookie: String,
    csrf_token: String,
}

impl Session {
    /// A request that is asked by it.
    pub(crate) fn sign(&self, request: Request) -> Request {
        request.header("cookie", &self.cookie).header("x-csrf-token", &self.csrf_token)
    }
}

#[tokio::test]
async fn whatever_a_path_names_by_its_id_is_404_for_another_merchant_and_not_for_its_own() {
    let (given, session) = furnished().await;
    let rival = &given.world.rival;
    let mut routes: Vec<_> = given.closed().filter(|route| !route.ids_in_path().is_empty()).collect();
    for route in &routes {
        for part in route.ids_in_path() {
            let made = given.parts.contains_key(part);
            assert!(made, "{}: there is no {part} of the shop: have `furnished` make one", route.name);
        }
    }
    let theirs = [("member", member(rival).await), ("webhook", text(&webhook(rival).await["id"]))];
    let before = given.world.state();
    let mut wrong = Vec::new();
    for route in &routes {
        let named = route.ids_in_path();
        // All that it names is the shop's; or only the last is, and what leads there is their own.
        let own = theirs.iter().filter(|(part, _)| named.split_last().is_some_and(|(_, led)| led.contains(part)));
        for own in [BTreeMap::new(), own.cloned().collect()] {
            let reply = route.ask_with(&given, rival, &own).send().await;
            if reply.status != StatusCode::NOT_FOUND {
                wrong.push(format!("{} of another merchant, with {own:?} of their own: {reply}", route.name));
            }
        }
    }
    given.world.unchanged_since(&before);
    // What is taken away is taken away at the end, and the inner before the outer.
    routes.sort_by_key(|route| (route.method == "DELETE", Reverse(route.path.len())));
    for route in &routes {
        let reply = of_its_own(&given, route, &session).send().await;
        wrong.extend(not_found(route, &reply));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(routes.len() > 55, "only {} routes were asked", routes.len());
}

#[tokio::test]
async fn whatever_a_path_names_by_its_code_is_that_of_who_asks() {
    let (given, session) = furnished().await;
    let (shop, rival) = (&given.world.shop, &given.world.rival);
    let by_code = |route: &&Route| route.path.contains('{') && route.ids_in_path().is_empty() && !route.is_stream();
    let mut routes: Vec<_> = given.closed().filter(by_code).collect();
    let of_the_shop = || given.world.state().with(shop.id.as_bytes());
    let before = of_the_shop();
    let mut wrong = Vec::new();
    let ids: Vec<&String> = given.ids.values().chain(given.parts.values().flatten()).collect();
    for route in &routes {
        let reply = route.ask(&given, rival).send().await;
        let sent = route.body(&given).map(|(_, body)| String::from_utf8_lossy(&body).into_owned()).unwrap_or_default();
        let told = String::from_utf8_lossy(&reply.body);
        let leaks = |id: &str| id.contains('_') && told.contains(id) && !sent.contains(id);
        if reply.status.as_u16() >= 500 || told.contains(MARK) || ids.iter().any(|id| leaks(id)) {
            wrong.push(format!("{} tells of another merchant: {reply}", route.name));
        }
        let changed = of_the_shop().differs_from(&before);
        assert!(changed.is_empty(), "{} changes what is another merchant's: {changed:#?}", route.name);
    }
    // Those are things that the shop has.
    routes.sort_by_key(|route| (route.method == "DELETE", route.method != "GET", Reverse(route.path.len())));
    let mut marked = 0;
    for route in routes.iter().filter(|route| NOTHING_THERE.iter().all(|(name, _)| *name != route.name)) {
        let reply = of_its_own(&given, route, &session).send().await;
        wrong.extend(not_found(route, &reply));
        marked += usize::from(String::from_utf8_lossy(&reply.body).contains(MARK));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(routes.len() > 35 && marked > 1, "{} routes were asked, {marked} told of the shop", routes.len());
}

/// What is wrong with the answer to somebody who asks for what is theirs, whatever else stands against it.
fn not_found(route: &Route, reply: &Reply) -> Option<String> {
    let status = reply.status.as_u16();
    let is_wrong = status >= 500 || [400, 401, 403, 404, 415].contains(&status);
    is_wrong.then(|| format!("{} of its own merchant: {reply}", route.name))
}

/// A request of the shop itself; of a session, of whoever has it.
fn of_its_own(given: &Given, route: &Route, session: &Session) -> Request {
    let shop = &given.world.shop;
    if !route.ids_in_path().contains(&"session") {
        return route.ask(given, shop);
    }
    session.sign(route.ask(given, &shop.with_key(None)))
}

/// A shop with one real thing of each kind that a path names, and a session of somebody of it. The rival has the same packs.
pub(crate) async fn furnished() -> (Given, Session) {
    let mut given = Given::of(open_world()).await;
    // Revisions are named by what is in them, so that the rival has another one.
    given.world.rival.enable(reworded(pack("points"), &[OTHER])).send().await.ok();
    // What takes time comes first.
    let (webhook, events) = dead_letters(&given).await;
    let calls = parked_calls(&given).await;
    let (sessions, session) = signed_in(&given.world.shop).await;
    let message = message(&given.world.shop).await;
    by_code(&given.world.shop).await;
    let redemption = redemption(&given).await;
    given.ids.insert("pst".to_owned(), redemption);
    let shop = &given.world.shop;
    let user = json!({ "name": "dan", "display_name": MARK, "role": "clerk", "stores": [shop.store(1)] });
    let user = shop.post("/v1/users", user).send().await.created();
    let note = json!({ "text": "of the shop" });
    let note = shop.post(&format!("/v1/members/{}/notes", given.ids["mem"]), note).send().await.created();
    let key = shop.post("/v1/keys", json!({ "role": "clerk" })).send().await.created();
    let join_code = json!({ "title": MARK, "channel": "poster", "store": shop.store(1) });
    let join_code = shop.post("/v1/join-codes", join_code).send().await.created();
    let recordings = shop.get("/v1/packs/points/recordings").send().await.ok();
    let recording = &recordings["recordings"][0]["recording"];
    let made = [
        ("member", given.ids["mem"].clone()),
        ("order", given.ids["ord"].clone()),
        ("hold", given.ids["hld"].clone()),
        ("revision", given.ids["rev"].clone()),
        ("agreement", agreement(&given).await),
        ("note", text(&note["id"])),
        ("key", text(&key["id"])),
        ("join_code", text(&join_code["join_code"])),
        ("recording", text(recording)),
        ("webhook", webhook),
        ("message", message),
        ("user", text(&user["user"]["id"])),
        ("pack-of-call", "echo".to_owned()),
    ];
    given.parts = made.into_iter().map(|(part, made)| (part.to_owned(), vec![made])).collect();
    given.parts.extend(
        [("event", events), ("call", calls), ("session", sessions)].map(|(part, made)| (part.to_owned(), made)),
    );
    (given, session)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

async fn member(shop: &Shop) -> String {
    shop.member("zoe").enrol().await.id
}

/// A webhook to nowhere.
async fn webhook(shop: &Shop) -> Value {
    let wanted = json!({ "url": "http://127.0.0.1:9/", "kinds": ["order-refunded"] });
    shop.post("/v1/webhooks", wanted).send().await.created()
}

/// A webhook, and two events that it did not take.
async fn dead_letters(given: &Given) -> (String, Vec<String>) {
    let world = &given.world;
    let refuses = |sent: &Delivery| sent.kind() == "stored-value-loaded";
    let answer = move |sent: &Delivery| if refuses(sent) { StatusCode::CONFLICT } else { StatusCode::OK };
    let receiver = Receiver::answering(move |sent: &Delivery| answer(sent).into_response()).await;
    let hook = hook(&world.shop, &receiver).await;
    for name in ["bob", "carol"] {
        world.shop.member(name).enrol().await.load(100).await.created();
    }
    play_out(world).await;
    let dead = list(world, &hook, "dead-letters").await;
    assert_eq!(dead.len(), 2, "{dead:?}");
    (text(&hook["id"]), dead.iter().map(|letter| text(&letter["event"])).collect())
}

/// Two calls of the guest `echo` that are parked.
async fn parked_calls(given: &Given) -> Vec<String> {
    let world = &given.world;
    world.rival.enable(guest("echo")).send().await.ok();
    world.shop.enable(guest("echo")).settings(json!({ "fails": "refuses" })).send().await.ok();
    for name in ["dan", "eve"] {
        world.shop.member(name).enrol().await;
    }
    loop {
        calls(world).await;
        let parked = world.shop.get("/v1/packs/echo/parked-calls").send().await.ok();
        let parked = parked["parked_calls"].as_array().unwrap();
        if parked.len() == 2 {
            return parked.iter().map(|call| text(&call["call"])).collect();
        }
        world.clock_forward(SignedDuration::from_hours(6));
    }
}

/// Somebody who has signed in twice: the second of their sessions, and what the first is asked with.
async fn signed_in(shop: &Shop) -> (Vec<String>, Session) {
    let nobody = shop.with_key(None);
    let new = json!({ "name": "owner", "display_name": MARK, "role": "owner" });
    let invited = shop.post("/v1/users", new).send().await.created();
    let password = json!({ "invitation": invited["invitation"], "password": "a few words of mine" });
    assert_eq!(nobody.post("/v1/invitations", password).send().await.status, 204);
    let sign_in = json!({ "merchant": shop.id.to_string(), "name": "owner", "password": "a few words of mine" });
    let first = nobody.post("/v1/sessions", sign_in.clone()).send().await;
    let cookie = first.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let csrf_token = text(&first.created()["csrf_token"]);
    let second = nobody.post("/v1/sessions", sign_in).send().await.created();
    (vec![text(&second["id"])], Session { cookie, csrf_token })
}

/// A posting that has redeemed a coupon.
async fn redemption(given: &Given) -> String {
    let (shop, path) = (&given.world.shop, format!("/v1/members/{}/coupons", given.ids["mem"]));
    shop.post(&path, json!({ "coupon": "welcome" })).send().await.created();
    let lines = json!([{ "sku": "bun", "quantity": 1, "amount_minor": 100 }]);
    let basket = json!({ "coupons": [{ "type": "welcome" }], "store": shop.store(0), "lines": lines });
    text(&shop.post(&format!("{path}/redemptions"), basket).send().await.created()["posting"])
}

/// A message that waits.
async fn message(shop: &Shop) -> String {
    gateway(shop, "sms", &Receiver::new().await).await;
    hello(shop, None).await;
    let fang = phoned(shop, MARK, "+8613800138000").await;
    text(&say_hello(shop, &fang).await["id"])
}

/// An agreement with a third merchant: of the rival nobody has heard.
async fn agreement(given: &Given) -> String {
    let partner = given.world.another("Partner Bakery");
    for (shop, handle) in [(&given.world.shop, "shop"), (&partner, "partner")] {
        name(&given.world, shop, handle);
        with_whole_probe(shop).await;
    }
    let proposal = json!({ "pack": PROBE, "partner": "partner", "terms": { "rate": 3 }, "credit_max_minor": 1000 });
    text(&propose(&given.world, proposal).await["id"])
}

/// Something of each kind that has a code, by those of the examples.
async fn by_code(shop: &Shop) {
    let validity = json!({ "days": 7 });
    for (path, body) in [
        (
            "/v1/coupons/welcome",
            json!({ "title": MARK, "benefit": { "amount": { "off_minor": 1 } }, "validity": validity }),
        ),
        ("/v1/segments/lost", json!({ "title": MARK, "condition": { "orders": { "at_least": 2 } } })),
        ("/v1/benefits/brow-trim", json!({ "title": MARK, "quota": 3, "period": "month" })),
        ("/v1/attributes/size", json!({ "label": MARK, "kind": "choice", "choices": ["S", "M"] })),
        ("/v1/behaviours/item-wanted", json!({ "title": MARK, "schema": { "type": "object" } })),
        ("/v1/catalogue/croissant", json!({ "name": MARK })),
        ("/v1/teams/morning", json!({ "title": MARK, "staff": [] })),
        ("/v1/stores/main", json!({ "name": MARK })),
        ("/v1/goals/2026-03", json!({ "figure": "orders", "target": 10 })),
        (
            "/v1/message-templates/receipt",
            json!({ "title": MARK, "channel": "sms", "texts": { "en": { "body": "Thank you." } } }),
        ),
        ("/v1/automatic-messages/order-settled", json!({ "template": "receipt" })),
    ] {
        shop.put(path, body).send().await.ok();
    }
}
