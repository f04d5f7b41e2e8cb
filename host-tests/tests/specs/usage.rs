//! What packs use: limits of each call as the README says them, caps of the operator, what is counted by day, and the quota of
//! a merchant.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use host_tests::{World, guest, pack, reworded};
use jiff::SignedDuration;
use punchcard::clock::{Clock, Entropy};
use punchcard::domain::{Actor, Code, Currency, IdSource, Label, StaffId, ZoneName};
use punchcard::pack::{Limits, Packs, SigningKey, Trust, sign};
use punchcard::store::Store;
use punchcard::usecase::pack_calls::Round;
use punchcard::usecase::{
    CommandError, CreateMerchant, EnablePack, Host, MESSAGES_OF_DAY_MAX, NewStore, Quotas, RunCommand, create_merchant,
    enable_pack, run_command, upload_pack,
};
use punchcard::vault::Vault;
use serde_json::{Value, json};

use crate::by_hand::{ByHand, times};
use crate::following::{calls, noted, world_with};
use crate::{earned, with_points};

#[test]
fn the_limits_of_the_readme_are_those_of_the_host() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let thousands = |number: u64| {
        let digits = number.to_string();
        let (head, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
        rest.as_bytes().chunks(3).fold(head.to_owned(), |text, part| text + "," + std::str::from_utf8(part).unwrap())
    };
    let (default, cap) = (Limits::DEFAULT, Limits::CAP);
    let million = |fuel: u64| format!("{} million", thousands(fuel / 1_000_000));
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    let ms = |ms: u64| format!("{} ms", thousands(ms));
    let (moved, written) = (mib(Limits::MOVED_MAX_BYTES as u64), mib(Limits::WRITTEN_MAX_BYTES as u64));
    let reads = thousands(Limits::READS_MAX as u64);
    let stored = format!("{} MiB", thousands(Quotas::STORED >> 20));
    for (what, default, cap, code) in [
        ("fuel, about an instruction each", million(default.fuel_max), million(cap.fuel_max), "out-of-fuel"),
        ("wall clock", ms(default.wall_max_ms), ms(cap.wall_max_ms), "timed-out"),
        (
            "memory, all memories and tables",
            mib(default.memory_max_bytes),
            mib(cap.memory_max_bytes),
            "memory-exceeded",
        ),
        (
            "calls of host functions",
            thousands(default.host_calls_max),
            thousands(cap.host_calls_max),
            "host-calls-exceeded",
        ),
        ("answered by host functions and given to them to keep", moved.clone(), moved, "moved-exceeded"),
        ("written by host functions, in all", written.clone(), written, "written-exceeded"),
        (
            "entries and ranges read or written over by host functions, each counted once",
            reads.clone(),
            reads,
            "read-exceeded",
        ),
        ("storage of a pack at a merchant, keys and values", stored.clone(), stored, "limit"),
        (
            "timers of a pack that wait at a merchant",
            thousands(Limits::TIMERS_MAX),
            thousands(Limits::TIMERS_MAX),
            "limit",
        ),
        (
            "facts of a pack at a merchant on a day of UTC",
            thousands(Limits::FACTS_OF_DAY_MAX),
            thousands(Limits::FACTS_OF_DAY_MAX),
            "limit",
        ),
        (
            "messages of a pack at a merchant on a day of UTC",
            thousands(MESSAGES_OF_DAY_MAX),
            thousands(MESSAGES_OF_DAY_MAX),
            "limit",
        ),
    ] {
        let row = format!("| {what} | {default} | {cap} | `{code}` |");
        assert!(readme.contains(&row), "the README has no {row}");
    }
}

/// What comes of a pack's command `go` at a host whose operator caps what a call gets.
fn gone(caps: Limits, component: &[u8]) -> Result<(), CommandError> {
    let (clock, entropy) = (Clock::System, Entropy::seeded(5));
    let packs = Packs::new().unwrap().capped(caps);
    let host = Host::new(Store::in_memory(), packs, clock, entropy, Vault::seeded(1)).trusting(Trust::development());
    let new = CreateMerchant {
        name: Label::new("Corner").unwrap(),
        currency: Currency::new("CNY").unwrap(),
        time_zone: ZoneName::new("Asia/Shanghai").unwrap(),
        locale: Label::new("en").unwrap(),
        stores: vec![NewStore { code: Code::new("main").unwrap(), name: Label::new("Main").unwrap() }],
    };
    let id = IdSource::new(host.clock.now(), 3).merchant();
    let created = host.operate(id, |tx, act| create_merchant(tx, act, &new)).unwrap();
    let actor = Actor::owner(id, StaffId::from_bytes([0; 16]));
    let (revision, loaded) = upload_pack(&host, &actor, component).unwrap();
    let enable = EnablePack {
        pack: revision.pack.clone(),
        revision: revision.id,
        stores: created.stores.iter().map(|store| store.id).collect(),
        grants: loaded.manifest.grants_asked(),
        settings: json!({}),
        store_settings: BTreeMap::new(),
        follow_from: None,
    };
    host.act(&actor, |tx, act| enable_pack(tx, act, &enable)).unwrap();
    let run = RunCommand { pack: enable.pack, command: Code::new("go").unwrap(), store: None, input: json!({}) };
    host.act(&actor, |tx, act| run_command(tx, act, &run)).map(drop)
}

#[test]
fn the_operator_caps_what_one_call_gets_whatever_a_pack_asks_for() {
    let cap = Limits::CAP;
    let asked = json!({ "fuel_max": cap.fuel_max, "wall_max_ms": cap.wall_max_ms,
        "memory_max_bytes": cap.memory_max_bytes, "host_calls_max": cap.host_calls_max });
    let line = "(call $write (i32.const 1) (i32.const 0) (i32.const 0))";
    let grow = |pages: u32| format!("(drop (call $grow0 (i32.const {pages})))");
    let memory_max_bytes = 2 << 20;
    for (caps, within, over, expected) in [
        (
            Limits { fuel_max: 20_000, ..cap },
            times(100, ""),
            times(u32::MAX, ""),
            "the pack used up its 20000 units of fuel",
        ),
        (Limits { wall_max_ms: 50, ..cap }, times(100, ""), times(u32::MAX, ""), "the pack ran for more than 50 ms"),
        (Limits { memory_max_bytes, ..cap }, grow(20), grow(21), "the pack wanted more than 2097152 bytes of memory"),
        (Limits { host_calls_max: 9, ..cap }, times(9, line), times(10, line), "the pack made more than 9 host calls"),
    ] {
        let gone = |go: String| gone(caps, ByHand::new(go).asks(asked.clone()).component());
        assert!(gone(within).is_ok(), "{expected}");
        assert_eq!(gone(over).unwrap_err().to_string(), expected);
    }
}

async fn usage(world: &World, format: &str) -> String {
    let path = format!("/v1/exports/usage?format={format}");
    String::from_utf8(world.shop.get(&path).send().await.body).unwrap()
}

#[tokio::test]
async fn what_packs_have_used_is_told_by_day() {
    let world = World::new();
    let shop = &world.shop;
    shop.enable(guest("grows")).send().await.ok();
    let stored = || shop.command("grows", "stored", json!({})).send();
    for _ in 0..3 {
        stored().await.ok();
    }
    shop.command("grows", "stored", json!({ "sky": "blue" })).send().await.problem();
    world.clock_forward(SignedDuration::from_hours(24));
    stored().await.ok();
    with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    alice.order("till-1").settle().await.created();
    alice.order("till-2").quote().await.ok();
    let told = usage(&world, "ndjson").await;
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let short: Vec<_> =
        lines.iter().map(|line| json!([line["day"], line["vendor"], line["pack"], line["calls"]])).collect();
    // One more on the first day is that it was switched on; a quote keeps nothing.
    let expected = [
        json!(["2026-03-18", null, "grows", 4]),
        json!(["2026-03-19", null, "grows", 1]),
        json!(["2026-03-19", null, "points", 1]),
    ];
    assert_eq!(short, expected, "{told}");
    assert!(lines.iter().all(|line| line["fuel"].as_u64().unwrap() > 1_000), "{told}");
    let table = usage(&world, "csv").await;
    let expected = format!("day,merchant,vendor,pack,calls,fuel\r\n2026-03-18,{},,grows,4,", shop.id);
    assert!(table.starts_with(&expected), "{table}");
    world.books_balance();
}

#[tokio::test]
async fn what_a_pack_has_used_is_told_by_its_vendor_also_when_it_was_removed() {
    let world = World::new();
    let acme = SigningKey::new(Code::new("acme").unwrap(), &Entropy::seeded(1));
    world.trusts(Trust::new(vec![acme.vendor_key()]).with_unsigned(true));
    let stored = || world.shop.command("grows", "stored", json!({})).send();
    world.shop.enable(guest("grows")).send().await.ok();
    stored().await.ok();
    world.clock_forward(SignedDuration::from_hours(24));
    let signed = sign(reworded(guest("grows"), &[("1.0.0", "1.1.0")]), &acme).unwrap();
    let signed = world.shop.upload(signed).await.created();
    world.shop.post("/v1/packs/grows/upgrade", json!({ "revision": signed["revision"] })).send().await.ok();
    stored().await.ok();
    let told = async || {
        let told = usage(&world, "csv").await;
        told.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    let off = reworded(guest("grows"), &[("1.0.0", "1.1.0")]);
    world.shop.enable(sign(off, &acme).unwrap().leak()).stores(&[]).send().await.ok();
    assert_eq!(world.shop.request("DELETE", "/v1/packs/grows").send().await.status.as_u16(), 204);
    calls(&world).await;
    assert_eq!(world.shop.get("/v1/packs").send().await.ok()["revisions"], json!([]));
    let merchant = world.shop.id;
    let expected = [format!("2026-03-18,{merchant},,grows,2"), format!("2026-03-19,{merchant},acme,grows,3")];
    assert_eq!(told().await, expected);
}

#[tokio::test]
async fn a_merchant_whose_packs_have_used_up_their_day_goes_on_without_them_until_the_next() {
    let world = World::new();
    // A programme of its own, so that the quota is nobody else's.
    world.restart();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    world.running().host.programme.quotas.set_fuel_of_day(1);
    alice.grant(5).await.ok();
    assert_eq!(alice.grant(5).await.problem().name(), "429 pack-quota-used-up");
    let order = alice.order("till-1").settle().await.created();
    assert_eq!(order["packs"][0]["failed"]["code"], "quota-used-up");
    let rival = world.rival.enable(pack("points")).send().await;
    rival.ok();
    world.rival.member("bob").enrol().await.grant(5).await.ok();
    world.clock_forward(SignedDuration::from_hours(24));
    calls(&world).await;
    let id = order["id"].as_str().unwrap();
    let now = world.shop.get(&format!("/v1/orders/{id}")).send().await.ok();
    assert_eq!(
        (earned(&now, "points"), alice.points().await),
        (24, 29),
        "what was left undone is done on the next day"
    );
}

#[tokio::test]
async fn who_writes_too_much_waits_alone_and_the_other_packs_of_the_merchant_only_when_that_is_too_much_for_all() {
    let world = World::new();
    world.restart();
    with_points(&world.shop).await;
    world.shop.enable(guest("grows")).send().await.ok();
    let alice = world.shop.member("alice").enrol().await;
    let quotas = &world.running().host.programme.quotas;
    let write =
        || world.shop.command("grows", "add-entries", json!({ "count": 100, "text": "x".repeat(1_000) })).send();
    quotas.set_written_a_second(20 << 10);
    write().await.ok();
    let refused = write().await;
    assert_eq!(refused.headers["retry-after"], "1");
    let refused = refused.problem();
    assert_eq!(refused.name(), "429 pack-quota-used-up");
    let told = "the packs of the merchant have used up the 10240 bytes that one of them may write a second";
    assert!(refused.detail.starts_with(told), "{}", refused.detail);
    for _ in 0..100 {
        alice.grant(1).await.ok();
    }
    world.clock_forward(SignedDuration::from_secs(60));
    quotas.set_written_a_second(5 << 10);
    write().await.ok();
    assert_eq!(alice.grant(1).await.problem().name(), "429 pack-quota-used-up");
    let order = alice.order("till-1").settle().await.created();
    assert_eq!(order["packs"][0]["failed"]["code"], "quota-used-up");
    world.rival.enable(pack("points")).send().await.ok();
    world.rival.member("bob").enrol().await.grant(5).await.ok();
    let round = calls(&world).await;
    assert!(round.done == 0 && round.due_at.is_some_and(|at| at > world.now()), "{round:?}");
    world.clock_forward(SignedDuration::from_secs(60));
    calls(&world).await;
    let now = world.shop.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).send().await.ok();
    assert_eq!((earned(&now, "points"), alice.points().await), (24, 124), "the pack has caught up");
    world.books_balance();
}

#[tokio::test]
async fn who_burns_too_much_fuel_waits_and_light_calls_are_not_counted() {
    let world = World::new();
    world.restart();
    with_points(&world.shop).await;
    world.shop.enable(guest("hostile")).settings(json!({ "behaviour": "burn" })).send().await.ok();
    let alice = world.shop.member("alice").enrol().await;
    let quotas = &world.running().host.programme.quotas;
    quotas.set_fuel_a_second(1_000_000);
    let failed = async |reference: &str| {
        let order = alice.order(reference).settle().await.created();
        let outcomes = order["packs"].as_array().unwrap().iter();
        outcomes.map(|outcome| outcome["failed"]["code"].clone()).collect::<Vec<_>>()
    };
    let (well, used_up) = (Value::Null, json!("quota-used-up"));
    assert_eq!(failed("till-1").await, [well.clone(), used_up.clone()], "the one leaves nothing for the other");
    assert_eq!(failed("till-2").await, [used_up.clone(), used_up]);
    world.clock_forward(SignedDuration::from_secs(600));
    quotas.set_fuel_a_second(u64::from(u32::MAX));
    for number in 0..20 {
        assert_eq!(failed(&format!("later-{number}")).await, [well.clone(), well.clone()]);
    }
    world.books_balance();
}

/// What all packs of the merchant have used today, in units of fuel.
async fn fuel(world: &World) -> u64 {
    let told = usage(world, "ndjson").await;
    let lines = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["fuel"].as_u64().unwrap()).sum()
}

/// Has the packs do what is due: so many calls go well, none fails, and nobody has to look again before the next day.
async fn until_tomorrow(world: &World, done: usize) {
    let round = calls(world).await;
    let tomorrow = Some("2026-03-19T00:00:00Z".parse().unwrap());
    assert_eq!((round.done, round.failed, round.parked, round.due_at), (done, 0, 0, tomorrow));
    assert!(!round.is_unfinished);
    let before = world.state();
    assert_eq!(calls(world).await, Round { done: 0, ..round });
    world.unchanged_since(&before);
}

#[tokio::test]
async fn events_and_timers_wait_for_the_next_day_when_the_day_is_used_up_and_come_in_order() {
    let world = world_with(json!({})).await;
    world.restart();
    let quotas = &world.running().host.programme.quotas;
    let alice = world.shop.member("alice").enrol().await;
    for number in 0..3 {
        alice.order(&format!("till-{number}")).settle().await.created();
    }
    quotas.set_fuel_of_day(fuel(&world).await + 1);
    until_tomorrow(&world, 1).await;
    quotas.set_fuel_of_day(0);
    let at = world.now().as_millisecond();
    world.shop.command("echo", "set-timer", json!({ "name": "t1", "at": at })).send().await.ok();
    quotas.set_fuel_of_day(1);
    until_tomorrow(&world, 0).await;
    world.clock_forward(SignedDuration::from_hours(24));
    assert_eq!(calls(&world).await.failed, 0);
    quotas.set_fuel_of_day(0);
    calls(&world).await;
    let heard = noted(&world.shop, "event-").await;
    let expected = |kind: &str| (format!("{kind} {}", alice.id), 1);
    let settled = expected("order-settled");
    assert_eq!(heard, [expected("member-enrolled"), settled.clone(), settled.clone(), settled]);
    let timer = noted(&world.shop, &format!("timer-t1-{at}")).await;
    assert_eq!(timer, [(format!("set at {} try 1", world.now().as_millisecond()), 1)]);
    assert_eq!(alice.holds("echoes").await.available, 4);
    world.books_balance();
}

#[tokio::test]
async fn a_refund_is_told_to_the_pack_on_the_next_day_when_the_day_is_used_up() {
    let world = World::new();
    world.restart();
    with_points(&world.shop).await;
    let quotas = &world.running().host.programme.quotas;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    let told = async || world.shop.get("/v1/packs/points/health").send().await.ok()["calls"].as_u64().unwrap();
    let before = told().await;
    quotas.set_fuel_of_day(1);
    world.shop.refund(&order).await.ok();
    assert_eq!((alice.points().await, told().await), (0, before), "what was booked is given back by the host");
    until_tomorrow(&world, 0).await;
    world.clock_forward(SignedDuration::from_hours(24));
    assert_eq!((calls(&world).await.done, told().await), (1, before + 1));
}

#[tokio::test]
async fn a_migration_goes_on_on_the_next_day_when_the_day_is_used_up() {
    let world = World::new();
    world.restart();
    world.shop.enable(guest("grows")).settings(json!({ "migrates": "in-parts" })).send().await.ok();
    world.shop.command("grows", "add-entries", json!({ "count": 7, "text": "old" })).send().await.ok();
    let later = world.shop.upload(reworded(guest("grows"), &[("1.0.0", "1.1.0")])).await.created();
    let change = json!({ "revision": later["revision"] });
    let changed = world.shop.post("/v1/packs/grows/upgrade", change).send().await.ok();
    assert_eq!(changed["stage"], "migrating");
    let quotas = &world.running().host.programme.quotas;
    quotas.set_fuel_of_day(1);
    until_tomorrow(&world, 0).await;
    quotas.set_fuel_of_day(u64::MAX);
    world.clock_forward(SignedDuration::from_hours(24));
    assert_eq!(calls(&world).await.done, 3);
    let now = world.shop.get("/v1/packs/grows/enablement").send().await.ok();
    assert_eq!((&now["stage"], &now["failure"]), (&json!("in-force"), &Value::Null));
}

#[tokio::test]
async fn a_parked_call_is_not_made_again_when_the_day_is_used_up() {
    let world = world_with(json!({ "fails": "refuses" })).await;
    world.restart();
    world.shop.member("alice").enrol().await;
    while calls(&world).await.parked == 0 {
        world.clock_forward(SignedDuration::from_hours(6));
    }
    let parked = async || world.shop.get("/v1/packs/echo/parked-calls").send().await.ok()["parked_calls"][0].clone();
    let before = parked().await;
    world.shop.command("echo", "noted", json!({ "prefix": "event-" })).send().await.ok();
    world.running().host.programme.quotas.set_fuel_of_day(1);
    let path = format!("/v1/packs/echo/parked-calls/{}/retry", before["call"].as_str().unwrap());
    let refused = world.shop.post(&path, json!({})).new_key().send().await.problem();
    assert_eq!((refused.name().as_str(), parked().await), ("429 pack-quota-used-up", before));
}
