//! What packs use: limits of each call as the README says them, caps of the operator, what is counted by day, and the quota of
//! a merchant.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use host_tests::{World, guest, pack};
use jiff::SignedDuration;
use punchcard::clock::{Clock, Entropy};
use punchcard::domain::{Actor, Code, Currency, IdSource, Label, StaffId, ZoneName};
use punchcard::pack::{CallError, Limits, Packs, Trust};
use punchcard::store::Store;
use punchcard::usecase::{
    CommandError, CreateMerchant, EnablePack, Host, NewStore, RunCommand, create_merchant, enable_pack, run_command,
    upload_pack,
};
use punchcard::vault::Vault;
use serde_json::{Value, json};

use crate::following::calls;
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
        ("read and written by host functions", moved.clone(), moved, "moved-exceeded"),
        ("written by host functions, in all", written.clone(), written, "written-exceeded"),
    ] {
        let row = format!("| {what} | {default} | {cap} | `{code}` |");
        assert!(readme.contains(&row), "the README has no {row}");
    }
}

#[test]
fn the_operator_caps_what_one_call_gets_whatever_a_pack_asks_for() {
    let caps = Limits { fuel_max: 20_000, ..Limits::CAP };
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
    let (revision, loaded) = upload_pack(&host, &actor, guest("grows")).unwrap();
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
    let run = |count: u32| {
        let input = json!({ "count": count, "text": "a" });
        let run =
            RunCommand { pack: enable.pack.clone(), command: Code::new("add-entries").unwrap(), store: None, input };
        host.act(&actor, |tx, act| run_command(tx, act, &run))
    };
    assert!(run(1).is_ok());
    let over = run(1_000).unwrap_err();
    assert!(matches!(over, CommandError::Call(CallError::OutOfFuel { fuel_max: 20_000 })), "{over}");
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
    assert!(table.starts_with("day,vendor,pack,calls,fuel\r\n2026-03-18,,grows,4,"), "{table}");
    world.books_balance();
}

#[tokio::test]
async fn a_merchant_whose_packs_have_used_up_their_day_goes_on_without_them_until_the_next() {
    let world = World::new();
    // A programme of its own, so that the quota is nobody else's.
    world.restart();
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    world.running().host.programme.health.set_quota(1);
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
