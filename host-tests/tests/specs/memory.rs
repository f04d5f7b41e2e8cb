//! What packs take of the host's memory is given back, for whatever they are called. `by_hand` shows it of commands; here
//! it is the other exports, by the real worker of the background, in a process in which no other spec runs.

use std::process::Command;

use host_tests::process::{ran, resident};
use host_tests::{Shop, World, guest};
use serde_json::json;

use crate::following::calls;

/// What the pack `harms` does when it is told to, and how that ends.
const HARMS: [(&str, &str); 6] = [
    ("loop", "out-of-fuel"),
    ("eat-memory", "memory-exceeded"),
    ("recurse", "stack-exhausted"),
    ("flood", "host-calls-exceeded"),
    ("fill", "written-exceeded"),
    ("trap", "trapped"),
];
/// A quote, an order, a page, an event and a timer.
const EXPORTS: usize = 5;
const ROUNDS: usize = 50;
/// So many rounds make what is kept for good: places of the pool, caches, the last recordings of calls.
const FIRST_ROUNDS: usize = 10;
/// One instance of `eat-memory` that is not given back is as much. So are 55 KiB of each of the 1,200 calls that follow, 273
/// KiB of each call of one export, and half of the 3 MiB that `fill` writes if one export leaves them behind.
const KEPT_MAX: u64 = 64 << 20;

#[tokio::test]
async fn memory_returns_after_hundreds_of_hostile_quotes_orders_pages_events_and_timers() {
    if !is_alone("memory::memory_returns_after_hundreds_of_hostile_quotes_orders_pages_events_and_timers") {
        return;
    }
    let world = World::new();
    let shop = &world.shop;
    shop.enable(guest("harms")).send().await.ok();
    for (harm, _) in HARMS {
        let behaviour = json!({ "title": harm, "schema": { "type": "object" } });
        shop.put(&format!("/v1/behaviours/{harm}"), behaviour).send().await.ok();
    }
    let mut before = 0;
    for round in 0..ROUNDS {
        if round == FIRST_ROUNDS {
            before = resident("self");
        }
        for (harm, code) in HARMS {
            at_the_till(shop, harm, code, round).await;
            on_a_page(shop, harm, code).await;
        }
        afterwards(&world, round).await;
    }
    let kept = resident("self").saturating_sub(before);
    assert!(before > 0 && kept < KEPT_MAX, "{} MiB more are held than after the first calls", kept >> 20);
    let health = shop.get("/v1/packs/harms/health").send().await.ok();
    assert_eq!((&health["faults"], &health["refused"]), (&json!(ROUNDS * HARMS.len() * EXPORTS), &json!(0)));
}

/// Quotes and settles an order that does harm, and after each one that does none, so that the pack does not rest.
async fn at_the_till(shop: &Shop, harm: &str, code: &str, round: usize) {
    for (sku, failed) in [(harm, json!(code)), ("bun", json!(null))] {
        let order = shop.order(&format!("{harm}-{sku}-{round}")).line(sku, 1_200);
        let quoted = order.clone().quote().await.ok();
        assert_eq!(quoted["packs"][0]["failed"]["code"], failed, "{quoted}");
        let settled = order.settle().await.created();
        assert_eq!(settled["packs"][0]["failed"]["code"], failed, "{settled}");
    }
}

async fn on_a_page(shop: &Shop, harm: &str, code: &str) {
    let page = |harm: &str| {
        let query: String = json!({ "harm": harm }).to_string().bytes().map(|byte| format!("%{byte:02x}")).collect();
        shop.get(&format!("/v1/packs/harms/pages/harmful?query={query}")).send()
    };
    assert_eq!(page(harm).await.problem().name(), format!("502 pack-{code}"));
    page("none").await.ok();
}

/// Events and timers. The clock stands, so that nothing is tried again: what has failed waits.
async fn afterwards(world: &World, round: usize) {
    let shop = &world.shop;
    for (harm, _) in HARMS {
        // That somebody is a member now comes first in their lane and goes well: at most one call of each of the four lanes
        // fails before one goes well, and the pack rests after five.
        let member = shop.member(&format!("{harm}-{round}")).enrol().await;
        let seen = json!({ "events": [{ "behaviour": harm, "member": member.id }] });
        shop.post("/v1/events", seen).send().await.created();
    }
    let harms: Vec<_> = HARMS.iter().flat_map(|(harm, _)| [*harm, "none"]).collect();
    shop.command("harms", "set-timers", json!({ "harms": harms })).send().await.ok();
    let round = calls(world).await;
    assert_eq!((round.done, round.failed, round.parked), (2 * HARMS.len(), 2 * HARMS.len(), 0));
}

/// Whether a spec has this process for itself. If not, it runs in one that it has, and has to go well there.
fn is_alone(spec: &str) -> bool {
    const ALONE: &str = "PUNCHCARD_SPEC_ALONE";
    if std::env::var_os(ALONE).is_some_and(|alone| alone == *spec) {
        return true;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    let told = ran(again.args([spec, "--exact"]).env(ALONE, spec)).ok();
    assert!(told.contains("1 passed"), "there is no spec `{spec}`: {told}");
    false
}
