//! Grants: each function of the contract that a pack may call, with what it needs.
//!
//! The functions are read from the contract, so that none is forgotten: one that is not listed here, or that the guest
//! `probe` does not know, fails the test.

use std::path::Path;

use host_tests::{Member, Shop, World, guest};
use punchcard::pack::CONTRACT_VERSION;
use serde_json::{Value, json};
use wit_parser::{Resolve, WorldItem};

use crate::agreements::{agreed, two_with_probe};
use crate::messages::{hello, phoned};

/// The name of the guest `probe` and of its unit.
pub(crate) const PROBE: &str = "probe-one";

/// All that the guest `probe` asks for.
const ASKED: [&str; 11] = [
    "members:read",
    "members:contact",
    "members:tag",
    "members:tier",
    "orders:read",
    "messages:send",
    "events:emit",
    "agreements:transact",
    "assets:read",
    "assets:write:own-units",
    "assets:write:five-off",
];

/// What a function needs.
enum Needs {
    /// This grant.
    Grant(&'static str),
    /// Nothing, and why that is so.
    Nothing(&'static str),
}

use Needs::{Grant, Nothing};

const OWN: &str = "nobody else sees what is in the pack's own storage";

const OWN_TIME: &str = "it is called by itself, with what it has written";

const FUNCTIONS: &[(&str, Needs)] = &[
    ("members.get", Grant("members:read")),
    ("members.get-many", Grant("members:read")),
    ("members.profile", Grant("members:read")),
    ("members.contact", Grant("members:contact")),
    ("members.find-by", Grant("members:contact")),
    ("members.tag", Grant("members:tag")),
    ("members.untag", Grant("members:tag")),
    ("members.set-tier", Grant("members:tier")),
    ("assets.balance-of", Grant("assets:read")),
    ("assets.lots-of", Grant("assets:read")),
    ("assets.earn", Grant("assets:write:own-units")),
    ("assets.spend", Grant("assets:write:own-units")),
    ("assets.reverse", Grant("assets:write:own-units")),
    ("assets.hold", Grant("assets:write:own-units")),
    ("assets.post-hold", Grant("assets:write:own-units")),
    ("assets.void-hold", Grant("assets:write:own-units")),
    ("orders.get", Grant("orders:read")),
    ("orders.orders-of", Grant("orders:read")),
    ("stores.get", Nothing("names of places of sale are no secret, and every order names one")),
    ("stores.all", Nothing("names of places of sale are no secret, and every order names one")),
    ("messages.send", Grant("messages:send")),
    ("kv.get", Nothing(OWN)),
    ("kv.get-many", Nothing(OWN)),
    ("kv.put", Nothing(OWN)),
    ("kv.delete", Nothing(OWN)),
    ("kv.scan", Nothing(OWN)),
    ("events.emit", Grant("events:emit")),
    ("timers.set", Nothing(OWN_TIME)),
    ("timers.cancel", Nothing(OWN_TIME)),
    ("timers.get", Nothing(OWN_TIME)),
    ("agreements.get", Grant("agreements:transact")),
    ("agreements.all", Grant("agreements:transact")),
    ("agreements.alias-of", Grant("agreements:transact")),
    ("agreements.member-of", Grant("agreements:transact")),
    ("agreements.ask", Grant("agreements:transact")),
    ("agreements.owe", Grant("agreements:transact")),
    ("settings.get", Nothing("the merchant made them for this pack")),
    ("log.write", Nothing("a line changes nothing, and lines are limited")),
];

/// All functions of the newest contract that a pack may import, as `interface.function`.
pub(crate) fn functions() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit").join(CONTRACT_VERSION);
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(folder).unwrap();
    let world = resolve.select_world(&[package], Some("imports")).unwrap();
    let interfaces = resolve.worlds[world].imports.values().filter_map(|item| match item {
        WorldItem::Interface { id, .. } => Some(&resolve.interfaces[*id]),
        _ => None,
    });
    let named = interfaces.flat_map(|interface| {
        let name = interface.name.clone().unwrap();
        interface.functions.keys().map(move |function| format!("{name}.{function}"))
    });
    named.collect()
}

/// Enables the guest `probe` with these grants.
pub(crate) async fn with_probe(shop: &Shop, grants: &[&str]) {
    shop.enable(guest("probe")).grants(grants).send().await.ok();
}

/// Enables the guest `probe` with all that it asks for.
pub(crate) async fn with_whole_probe(shop: &Shop) {
    with_probe(shop, &ASKED).await;
}

/// What a pack made of the probe is answered by a host function.
pub(crate) async fn ask_as(shop: &Shop, pack: &str, function: &str, with: Value) -> Value {
    let input = json!({ "steps": [{ "call": function, "with": with }] });
    shop.command(pack, "call", input).send().await.ok()["result"][0].clone()
}

/// What the probe is answered by a host function.
pub(crate) async fn ask(shop: &Shop, function: &str, with: Value) -> Value {
    ask_as(shop, PROBE, function, with).await
}

/// What the probe is told by a host function that does what it is asked.
#[track_caller]
pub(crate) fn well(answer: &Value) -> Value {
    assert!(answer.get("ok").is_some(), "{answer}");
    answer["ok"].clone()
}

/// In May 2026, two months after worlds begin.
pub(crate) const MAY: u64 = 1_780_000_000_000;

/// Ten of the probe's units: to be given, taken, or held until May.
fn give(member: &Member) -> Value {
    json!({ "member": member.id, "unit": PROBE, "amount": 10, "reason": "tried", "lapses_at": MAY })
}

/// The arguments with which a function does what it is asked.
pub(crate) async fn arguments(
    shop: &Shop,
    alice: &Member,
    (order, agreement): (&Value, &str),
    function: &str,
) -> Value {
    let give = give(alice);
    let made = match function {
        "assets.spend" | "assets.reverse" | "assets.hold" => ask(shop, "assets.earn", give.clone()).await,
        "assets.post-hold" | "assets.void-hold" => {
            well(&ask(shop, "assets.earn", give.clone()).await);
            ask(shop, "assets.hold", give.clone()).await
        }
        _ => json!({ "ok": null }),
    };
    let made = well(&made);
    match function {
        "members.get-many" => json!({ "members": [alice.id] }),
        "members.find-by" => json!({ "kind": "phone", "text": "+8613800138000" }),
        "members.tag" | "members.untag" => json!({ "member": alice.id, "tag": "tried" }),
        "members.set-tier" => json!({ "member": alice.id, "tier": "gold", "reason": "tried" }),
        "assets.balance-of" | "assets.earn" | "assets.spend" | "assets.hold" => give,
        "assets.lots-of" => json!({ "member": alice.id, "unit": PROBE, "limit": 5 }),
        "assets.reverse" => json!({ "posting": made, "reason": "tried" }),
        "assets.post-hold" | "assets.void-hold" => json!({ "hold": made, "reason": "tried" }),
        "orders.get" => json!({ "order": order["id"] }),
        "stores.get" => json!({ "store": shop.store(0) }),
        "messages.send" => json!({ "member": alice.id, "template": "hello", "values": { "points": 3 } }),
        "kv.get-many" => json!({ "keys": ["a"] }),
        "kv.scan" => json!({ "start": "a", "end": "b", "limit": 5 }),
        "agreements.ask" => json!({ "agreement": agreement, "question": { "steps": [] } }),
        "agreements.owe" => json!({ "agreement": agreement, "amount": 5, "reason": "tried" }),
        "agreements.get" | "agreements.alias-of" | "agreements.member-of" => {
            json!({ "agreement": agreement, "member": alice.id, "alias": "als_00" })
        }
        _ => json!({ "member": alice.id, "key": "a", "value": "b", "limit": 5, "line": "tried", "at": MAY }),
    }
}

#[tokio::test]
async fn every_function_is_denied_without_its_grant_and_does_what_it_is_asked_with_it() {
    let world = World::new();
    let shop = &world.shop;
    hello(shop, None).await;
    let alice = phoned(shop, "alice", "+8613800138000").await;
    let order = alice.order("till-1").settle().await.created();
    two_with_probe(&world).await;
    let agreement = agreed(&world).await;
    let functions = functions();
    assert!(functions.len() >= 38, "{functions:?}");
    for function in &functions {
        let needs = FUNCTIONS.iter().find(|(name, _)| name == function);
        let Some((_, needs)) = needs else { panic!("{function} is not listed here with what it needs") };
        with_whole_probe(shop).await;
        let with = arguments(shop, &alice, (&order, &agreement), function).await;
        match needs {
            Grant(grant) => {
                let others: Vec<_> = ASKED.into_iter().filter(|asked| asked != grant).collect();
                with_probe(shop, &others).await;
                let before = world.state();
                assert_eq!(ask_without_trace(shop, function, &with).await, json!({ "denied": grant }), "{function}");
                world.unchanged_since(&before);
            }
            Nothing(reason) => {
                assert!(!reason.is_empty());
                with_probe(shop, &[]).await;
                assert!(ask(shop, function, with.clone()).await.get("ok").is_some(), "{function}");
            }
        }
        with_whole_probe(shop).await;
        let answer = ask(shop, function, with).await;
        assert!(answer.get("ok").is_some(), "{function}: {answer}");
    }
    for (function, _) in FUNCTIONS {
        assert!(functions.iter().any(|known| known == function), "the contract has no {function}");
    }
}

/// What the probe is answered in a call that it refuses afterwards, so that not even the call itself is recorded.
async fn ask_without_trace(shop: &Shop, function: &str, with: &Value) -> Value {
    let input = json!({ "steps": [{ "call": function, "with": with }], "fail": true });
    let problem = shop.command(PROBE, "call", input).send().await.problem();
    assert_eq!(problem.name(), "422 pack:on-purpose");
    let told = problem.detail.split_once("after ").map(|(_, told)| told.to_owned()).unwrap();
    serde_json::from_str::<Value>(&told).unwrap()[0].clone()
}

#[tokio::test]
async fn a_grant_that_was_not_asked_for_can_not_be_given() {
    let world = World::new();
    let reply = world.shop.enable(guest("probe")).grants(&["assets:write:stored-value"]).send().await;
    assert_eq!(reply.problem().name(), "422 grant-not-asked");
}

#[tokio::test]
async fn a_call_that_fails_leaves_nothing_of_what_its_functions_did() {
    let world = World::new();
    let shop = &world.shop;
    hello(shop, None).await;
    let alice = phoned(shop, "alice", "+8613800138000").await;
    with_whole_probe(shop).await;
    let give = give(&alice);
    let step = |call: &str, with: &Value| json!({ "call": call, "with": with });
    let steps = json!([
        step("assets.earn", &give),
        step("assets.hold", &give),
        step("members.tag", &json!({ "member": alice.id, "tag": "tried" })),
        step("members.set-tier", &json!({ "member": alice.id, "tier": "gold" })),
        step("messages.send", &json!({ "member": alice.id, "template": "hello" })),
        step("kv.put", &json!({ "key": "a", "value": "b" })),
        step("members.profile", &json!({ "member": alice.id })),
    ]);
    let before = world.state();
    let input = json!({ "steps": steps, "fail": true });
    let problem = shop.command(PROBE, "call", input).send().await.problem();
    assert_eq!(problem.name(), "422 pack:on-purpose");
    world.unchanged_since(&before);

    // The same that ends well reads its own writes, and they stay.
    let done = shop.command(PROBE, "call", json!({ "steps": steps })).send().await.ok();
    let profile = &done["result"][6]["ok"];
    assert_eq!((&profile["tier"]["code"], &profile["tags"][0]["code"]), (&json!("gold"), &json!("tried")));
    assert_eq!(alice.holds(PROBE).await.available, 0);
    let queued = shop.get("/v1/messages").send().await.ok();
    assert_eq!(queued["messages"].as_array().unwrap().len(), 1);
}
