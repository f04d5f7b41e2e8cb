//! Calls of packs are recorded, kept where nobody reads them who may not, and replay exactly.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use axum::http::StatusCode;
use host_tests::premises::{Call, Premises};
use host_tests::process::{Server, punchcard};
use host_tests::{Shop, World, guest, pack, reworded};
use jiff::SignedDuration;
use punchcard::domain::{Code, Role};
use punchcard::pack::{LoadedPack, Outcome, Packs, Played, Recording, RecordingError, Way};
use punchcard::usecase::{RecordingTerms, Recordings, keep_recordings, list_recordings};
use serde_json::{Value, json};

use crate::agreements::{agreed, two_with_probe};
use crate::following::{calls, world_with};
use crate::grants::{PROBE, arguments, ask, functions, with_whole_probe};
use crate::messages::{hello, phoned};
use crate::with_points;

const PHONE: &str = "+8613800138000";

fn packs() -> &'static Packs {
    static PACKS: OnceLock<Packs> = OnceLock::new();
    PACKS.get_or_init(|| Packs::new().unwrap())
}

/// A component, loaded without any store.
pub(crate) fn loaded(component: &[u8]) -> LoadedPack {
    packs().load(component).unwrap()
}

/// What is listed of a pack's recordings, the newest first.
pub(crate) async fn listed(shop: &Shop, pack: &str) -> Vec<Value> {
    let listed = shop.get(&format!("/v1/packs/{pack}/recordings?limit=200")).send().await.ok();
    listed["recordings"].as_array().unwrap().clone()
}

/// A recording, as it is taken out.
pub(crate) async fn file(shop: &Shop, pack: &str, listed: &Value) -> Vec<u8> {
    let path = format!("/v1/packs/{pack}/recordings/{}", listed["recording"].as_str().unwrap());
    let reply = shop.get(&path).send().await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, Some("application/octet-stream")));
    reply.body
}

/// All recordings of a pack, the newest first.
pub(crate) async fn recorded(shop: &Shop, pack: &str) -> Vec<Recording> {
    let mut recordings = Vec::new();
    for listed in listed(shop, pack).await {
        recordings.push(Recording::from_file(&file(shop, pack, &listed).await).unwrap());
    }
    recordings
}

#[track_caller]
fn replays(pack: &LoadedPack, recording: &Recording) -> Played {
    let played = pack.play(recording, Way::Exact).unwrap();
    assert_eq!(played.departs_in(recording), [""; 0], "{recording:?}");
    played
}

/// Plays a recording, which does the very same; and says of which export it is.
#[track_caller]
pub(crate) fn replays_exactly(pack: &LoadedPack, recording: Recording) -> String {
    let played = replays(pack, &recording);
    assert_eq!(played.recording.outcome, recording.outcome);
    assert_eq!(played.recording.fuel, recording.fuel);
    assert_eq!(played.recording.host_calls(), recording.host_calls());
    assert_ne!(recording.input(), Value::Null);
    recording.export
}

/// Recordings that are kept in a folder.
fn kept_in(dir: &Path, window: usize, failed: usize) -> Recordings {
    let terms = RecordingTerms { window, failed, ..RecordingTerms::default() };
    Recordings::in_dir(terms, dir.join("recordings"))
}

/// The files below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(found) = fs::read_dir(dir) else { return Vec::new() };
    let found = found.map(|entry| entry.unwrap().path());
    found.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn every_kind_of_call_is_recorded_and_replays_to_the_same_result_fuel_and_host_calls() {
    let world = world_with(json!({ "answers": true })).await;
    let shop = &world.shop;
    with_points(shop).await;
    let settings = json!({ "slots": [{ "start": "10:00", "end": "11:00", "capacity": 5 }], "lead_hours": 24,
        "horizon_days": 7, "deposit_percent": 30, "products": [{ "sku": "cake", "price_minor": 26800 }] });
    shop.enable(pack("bakery")).settings(settings).send().await.ok();
    let alice = shop.member("alice").enrol().await;
    alice.load(50_000).await.created();
    alice.order("till-1").with("discounts", true).quote().await.ok();
    let order = alice.order("till-1").settle().await.created();
    alice.redeem(3).await.ok();
    shop.refund(&order).await.ok();
    let wish = json!({ "member": alice.id, "date": "2026-03-21", "slot": "10:00", "reference": "r1",
        "lines": [{ "sku": "cake", "quantity": 1 }] });
    shop.command("bakery", "place", wish.clone()).send().await.ok();
    shop.command(
        "bakery",
        "place",
        json!({ "member": alice.id, "date": "2026-04-30", "slot": "10:00", "reference": "r2",
        "lines": [{ "sku": "cake", "quantity": 1 }] }),
    )
    .send()
    .await
    .problem();
    calls(&world).await;
    world.clock_forward(SignedDuration::from_hours(24));
    calls(&world).await;

    let mut exports = BTreeSet::new();
    let packs = [("points", pack("points")), ("bakery", pack("bakery")), ("echo", guest("echo"))];
    let packs = packs.map(|(name, component)| (name, loaded(component)));
    for (name, loaded) in &packs {
        let recordings = recorded(shop, name).await;
        assert!(recordings.len() >= 2, "{name}: {}", recordings.len());
        exports.extend(recordings.into_iter().map(|recording| replays_exactly(loaded, recording)));
    }
    // One whose revisions change, that is switched off, and that shows a page.
    let first = guest("grows");
    let second = reworded(first, &[("1.0.0", "1.1.0")]);
    shop.enable(first).send().await.ok();
    shop.command("grows", "add-entries", json!({ "count": 5, "text": "old" })).send().await.ok();
    shop.get("/v1/packs/grows/pages/everything").send().await.ok();
    let revision = shop.upload(second).await.created()["revision"].clone();
    shop.post("/v1/packs/grows/upgrade", json!({ "revision": revision })).send().await.ok();
    calls(&world).await;
    shop.enable(second).stores(&[]).send().await.ok();
    let revisions = [loaded(first), loaded(second)];
    let recordings = recorded(shop, "grows").await;
    let parts = recordings.iter().filter(|recording| recording.export == "lifecycle.migrate").count();
    assert_eq!((recordings.len(), parts), (7, 3), "switched on, a command, a page, three parts, switched off");
    for recording in recordings {
        let revision = revisions.iter().find(|pack| pack.manifest.version == recording.version).unwrap();
        exports.insert(replays_exactly(revision, recording));
    }
    // What a partner answers stands in the recording of whoever asks.
    let expected = [
        "checkout.quote",
        "checkout.refunded",
        "checkout.settled",
        "commands.run",
        "lifecycle.disabled",
        "lifecycle.enabled",
        "lifecycle.migrate",
        "on-event.handle",
        "on-timer.fire",
        "pages.render",
        "pricing.price",
    ];
    assert_eq!(exports.into_iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn every_host_function_is_recorded_with_its_answer_and_shown_by_its_name() {
    let world = World::new();
    let shop = &world.shop;
    hello(shop, None).await;
    let alice = phoned(shop, "alice", PHONE).await;
    let order = alice.order("till-1").settle().await.created();
    two_with_probe(&world).await;
    let agreement = agreed(&world).await;
    for function in functions() {
        let with = arguments(shop, &alice, (&order, &agreement), &function).await;
        ask(shop, &function, with).await;
    }
    ask(shop, "members.get", json!({ "member": "nobody" })).await;
    let probe = loaded(guest("probe"));
    let mut seen = BTreeSet::new();
    for recording in recorded(shop, PROBE).await {
        replays(&probe, &recording);
        for call in recording.host_calls() {
            assert!(call.arguments.is_array() && call.answer.is_object(), "{call:?}");
            seen.insert(call.function);
        }
    }
    let missing: Vec<_> = functions().into_iter().filter(|function| !seen.contains(function)).collect();
    assert_eq!(missing, [""; 0], "they are in core/src/pack/host/function.rs and are called as it says there");
}

#[tokio::test]
async fn harm_replays_to_the_same_harm() {
    let hostile = loaded(guest("hostile"));
    for (behaviour, code) in [
        ("loop", "out-of-fuel"),
        ("eat-memory", "memory-exceeded"),
        ("recurse", "stack-exhausted"),
        ("flood", "host-calls-exceeded"),
        ("trap-after-write", "trapped"),
        ("unreachable", "trapped"),
        ("long-text", "memory-exceeded"),
        ("many-earnings", "bad-reply"),
        ("earn-unknown", "denied"),
        ("refuse-after-write", "on-purpose"),
    ] {
        let world = World::new();
        world.shop.enable(guest("hostile")).settings(json!({ "behaviour": behaviour })).send().await.ok();
        world.shop.member("alice").enrol().await.order("till-1").settle().await.created();
        let recordings = recorded(&world.shop, "hostile").await;
        assert_eq!((recordings.len(), recordings[0].outcome.code()), (1, Some(code)), "{behaviour}");
        assert_eq!(recordings[0].has_failed(), behaviour != "refuse-after-write");
        let played = replays(&hostile, &recordings[0]);
        assert_eq!(played.recording.outcome, recordings[0].outcome, "{behaviour}");
    }
}

#[tokio::test]
async fn of_a_pack_that_was_removed_no_recording_log_or_health_is_kept() {
    let world = World::new();
    let enable = |stores: &'static [usize]| {
        let enabling = world.shop.enable(guest("hostile")).stores(stores);
        enabling.settings(json!({ "behaviour": "trap-after-write" })).send()
    };
    enable(&[0]).await.ok();
    let alice = world.shop.member("alice").enrol().await;
    for number in 0..5 {
        alice.order(&format!("till-{number}")).settle().await.created();
    }
    let rests = world.shop.get("/v1/packs/hostile/health").send().await.ok()["rests_until"].clone();
    assert_ne!(rests, Value::Null);
    assert_eq!(listed(&world.shop, "hostile").await.len(), 5);
    enable(&[]).await.ok();
    assert_eq!(world.shop.request("DELETE", "/v1/packs/hostile").send().await.status, StatusCode::NO_CONTENT);
    calls(&world).await;
    enable(&[0]).await.ok();
    assert_eq!(listed(&world.shop, "hostile").await, [Value::Null; 0]);
    let health = world.shop.get("/v1/packs/hostile/health").send().await.ok();
    assert_eq!((&health["calls"], &health["rests_until"]), (&json!(0), &Value::Null));
    assert_eq!(world.shop.get("/v1/packs/hostile/log").send().await.ok(), json!({ "lines": [] }));
}

#[tokio::test]
async fn a_call_that_is_too_long_is_kept_as_one_that_was_cut_and_is_not_played() {
    let world = World::new();
    world.shop.enable(guest("hostile")).settings(json!({ "behaviour": "fill-storage" })).send().await.ok();
    world.shop.member("alice").enrol().await.order("till-1").settle().await.created();
    let listed = listed(&world.shop, "hostile").await;
    assert_eq!((&listed[0]["outcome"], &listed[0]["cut"]), (&json!("written-exceeded"), &json!(true)));
    let bytes = file(&world.shop, "hostile", &listed[0]).await;
    assert!(bytes.len() < Recording::BYTES_MAX + (64 << 10), "{}", bytes.len());
    let error = loaded(guest("hostile")).play(&Recording::from_file(&bytes).unwrap(), Way::Exact).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the recording was cut, as the call was longer than 262144 bytes, so it can not be played"
    );
}

#[tokio::test]
async fn another_component_departs_where_it_asks_for_something_else() {
    let world = world_with(json!({})).await;
    world.shop.member("alice").enrol().await;
    calls(&world).await;
    let recordings = recorded(&world.shop, "echo").await;
    let other = loaded(reworded(guest("echo"), &[("event-", "evenT-")]));
    let played = other.play(&recordings[0], Way::Exact).unwrap();
    let told = played.departs_in(&recordings[0]).join("; ");
    assert!(told.starts_with("host call 2: kv.get(\"event-") && told.contains("and kv.get(\"evenT-"), "{told}");
    let points = loaded(pack("points")).play(&recordings[0], Way::Exact).unwrap_err();
    assert_eq!(points.to_string(), "this is a call of `echo`, but the component is `points`");
}

#[tokio::test]
async fn of_calls_that_went_well_the_last_ones_are_kept_and_those_that_failed_beside_them() {
    let world = world_with(json!({ "fails": "panics", "fails_at": "t1" })).await;
    world.records_into(Recordings::in_memory(RecordingTerms { window: 3, failed: 2, ..RecordingTerms::default() }));
    let set = |name: &'static str| {
        let input = json!({ "name": name, "at": world.now().as_millisecond() });
        world.shop.command("echo", "set-timer", input).send()
    };
    set("t1").await.ok();
    calls(&world).await;
    for _ in 0..5 {
        set("t2").await.ok();
        world.clock_forward(SignedDuration::from_secs(1));
    }
    let kept = listed(&world.shop, "echo").await;
    let told: Vec<_> =
        kept.iter().map(|one| (one["export"].as_str().unwrap(), one["outcome"].as_str().unwrap())).collect();
    let well = ("commands.run", "ok");
    assert_eq!(told, [well, well, well, ("on-timer.fire", "trapped")]);
    world.clock_forward(SignedDuration::from_hours(1));
    for _ in 0..3 {
        set("t1").await.ok();
        calls(&world).await;
        world.clock_forward(SignedDuration::from_hours(12));
    }
    let failed = listed(&world.shop, "echo").await.into_iter().filter(|one| one["failed"] == true).count();
    assert_eq!(failed, 2);
}

#[tokio::test]
async fn with_a_window_of_none_nothing_is_recorded() {
    let world = World::new();
    world.records_into(Recordings::in_memory(RecordingTerms { window: 0, ..RecordingTerms::default() }));
    with_points(&world.shop).await;
    world.shop.member("alice").enrol().await.order("till-1").settle().await.created();
    assert_eq!(listed(&world.shop, "points").await.len(), 0);
}

#[tokio::test]
async fn what_is_in_memory_is_bounded_over_all_packs_and_failures_go_last() {
    let world = world_with(json!({})).await;
    with_points(&world.shop).await;
    world.records_into(Recordings::in_memory(RecordingTerms { bytes_max: 12 << 10, ..RecordingTerms::default() }));
    let alice = world.shop.member("alice").enrol().await;
    for number in 0..40 {
        alice.order(&format!("till-{number}")).settle().await.created();
    }
    calls(&world).await;
    let (points, echo) = (listed(&world.shop, "points").await.len(), listed(&world.shop, "echo").await.len());
    assert!(points < 10 && (5..30).contains(&echo), "{points} {echo}");
}

#[tokio::test]
async fn recordings_are_the_owners_alone_and_taking_one_out_is_in_the_audit_log() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    shop.member("alice").enrol().await.order("till-1").settle().await.created();
    let listed = listed(shop, "points").await;
    let path = format!("/v1/packs/points/recordings/{}", listed[0]["recording"].as_str().unwrap());
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Owner) {
        assert_eq!(shop.as_role(role).get(&path).send().await.problem().name(), "403 forbidden");
    }
    assert_eq!(world.rival.get(&path).send().await.problem().name(), "404 unknown-recording");
    let other_pack = path.replace("points", "bakery");
    assert_eq!(shop.get(&other_pack).send().await.problem().name(), "404 unknown-recording");
    file(shop, "points", &listed[0]).await;
    let changes = shop.get("/v1/changes?limit=200").send().await.ok();
    let taken: Vec<_> =
        changes["changes"].as_array().unwrap().iter().filter(|change| change["kind"] == "pack-recording").collect();
    assert_eq!(taken.len(), 1);
    assert_eq!((&taken[0]["name"], &taken[0]["after"]["pack"]), (&listed[0]["recording"], &json!("points")));
}

#[tokio::test]
async fn recordings_are_listed_page_by_page_the_newest_first() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    for number in 0..5 {
        alice.order(&format!("till-{number}")).settle().await.created();
        world.clock_forward(SignedDuration::from_mins(1));
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("/v1/packs/points/recordings?limit=2{cursor}")).send().await.ok();
        seen.extend(page["recordings"].as_array().unwrap().iter().map(|one| one["at"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let sorted: Vec<_> = seen.iter().cloned().collect::<BTreeSet<_>>().into_iter().rev().collect();
    assert_eq!((seen.len(), &seen), (5, &sorted));
}

/// A world that has recorded how the pack read Alice's contact, and how it looked at nobody, into files.
async fn with_personal_recordings(dir: &Path) -> (World, host_tests::Member) {
    let world = World::new();
    world.records_into(kept_in(dir, 256, 200));
    let alice = phoned(&world.shop, "alice", PHONE).await;
    with_whole_probe(&world.shop).await;
    let contact = ask(&world.shop, "members.contact", json!({ "member": alice.id })).await;
    assert_eq!(contact["ok"]["phone"], PHONE);
    ask(&world.shop, "stores.all", json!({ "limit": 5 })).await;
    keep_recordings(&world.running().host, false);
    (world, alice)
}

#[tokio::test]
async fn files_hold_nothing_that_can_be_read_and_are_found_again_by_the_next_host() {
    let dir = tempfile::tempdir().unwrap();
    let (world, _) = with_personal_recordings(dir.path()).await;
    let before = listed(&world.shop, PROBE).await;
    assert_eq!(before.len(), 2);
    let kept = files(dir.path());
    assert_eq!(kept.len(), 2, "{kept:?}");
    for file in &kept {
        let bytes = fs::read(file).unwrap();
        for secret in [PHONE, "alice", "contact", "steps"] {
            assert!(!bytes.windows(secret.len()).any(|at| at == secret.as_bytes()), "{secret} is in {file:?}");
        }
    }
    world.restart();
    assert_eq!(listed(&world.shop, PROBE).await.len(), 0);
    world.records_into(kept_in(dir.path(), 256, 200));
    assert_eq!(listed(&world.shop, PROBE).await, before);
    let recordings = recorded(&world.shop, PROBE).await;
    assert!(recordings[1].host_calls().iter().any(|call| call.answer.to_string().contains(PHONE)));
    recordings.iter().for_each(|recording| drop(replays(&loaded(guest("probe")), recording)));
}

#[tokio::test]
async fn what_was_recorded_of_a_member_is_gone_when_they_are_erased_and_no_copy_of_a_file_opens_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let (world, alice) = with_personal_recordings(dir.path()).await;
    let shop = &world.shop;
    // One is in a file, one is in memory only.
    ask(shop, "members.contact", json!({ "member": alice.id })).await;
    let before = listed(shop, PROBE).await;
    assert_eq!(before.len(), 3);
    let copies: Vec<_> = files(dir.path()).into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect();
    shop.request("DELETE", &format!("/v1/members/{}/personal", alice.id)).send().await.ok();
    let after = listed(shop, PROBE).await;
    assert_eq!(after, before[1..2], "what is not about her stays");
    keep_recordings(&world.running().host, false);
    assert_eq!(files(dir.path()).len(), 1);

    for (bytes, file) in &copies {
        fs::write(file, bytes).unwrap();
    }
    world.records_into(kept_in(dir.path(), 256, 200));
    assert_eq!(listed(shop, PROBE).await.len(), 2, "what is told without opening it is not personal");
    let path = format!("/v1/packs/{PROBE}/recordings/{}", before[2]["recording"].as_str().unwrap());
    assert_eq!(shop.get(&path).send().await.problem().name(), "404 unknown-recording");
    assert_eq!(recorded(shop, PROBE).await.len(), 1);
}

#[tokio::test]
async fn files_that_are_older_than_the_window_or_replaced_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new();
    with_points(&world.shop).await;
    world.records_into(kept_in(dir.path(), 3, 2));
    let alice = world.shop.member("alice").enrol().await;
    for number in 0..10 {
        alice.order(&format!("till-{number}")).settle().await.created();
        world.clock_forward(SignedDuration::from_secs(1));
        keep_recordings(&world.running().host, false);
    }
    assert_eq!(files(dir.path()).len(), 3);
    world.records_into(kept_in(dir.path(), 3, 2));
    let left = listed(&world.shop, "points").await;
    alice.order("till-10").settle().await.created();
    keep_recordings(&world.running().host, false);
    assert_eq!((files(dir.path()).len(), listed(&world.shop, "points").await[1..].to_vec()), (3, left[..2].to_vec()));
}

#[tokio::test]
async fn files_that_were_cut_off_changed_or_moved_are_misses() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new();
    with_points(&world.shop).await;
    world.records_into(kept_in(dir.path(), 256, 200));
    let alice = world.shop.member("alice").enrol().await;
    alice.order("till-1").settle().await.created();
    keep_recordings(&world.running().host, false);
    let kept = files(dir.path());
    let good = fs::read(&kept[0]).unwrap();
    let points = Code::new("points").unwrap();
    for at in [0, 5, 40, good.len() / 4, good.len() / 2, good.len() - 1] {
        let mut flipped = good.clone();
        flipped[at] ^= 4;
        for bad in [flipped, good[..at].to_vec()] {
            fs::write(&kept[0], bad).unwrap();
            world.records_into(kept_in(dir.path(), 256, 200));
            assert_eq!(recorded_or_gone(&world.shop).await, 0, "byte {at}");
        }
    }
    fs::write(&kept[0], &good).unwrap();
    let moved = kept[0].with_file_name("rec_0198f2a4c1d07e3b9a5c6d7e8f901234.sealed");
    fs::rename(&kept[0], &moved).unwrap();
    world.records_into(kept_in(dir.path(), 256, 200));
    let host = world.running().host;
    assert_eq!(list_recordings(&host.recordings, world.shop.id, &points, None, 9), []);
    fs::rename(moved, &kept[0]).unwrap();
    world.records_into(kept_in(dir.path(), 256, 200));
    assert_eq!(recorded_or_gone(&world.shop).await, 1);
}

/// How many recordings are listed and can be taken out.
async fn recorded_or_gone(shop: &Shop) -> usize {
    let mut whole = 0;
    for listed in listed(shop, "points").await {
        let path = format!("/v1/packs/points/recordings/{}", listed["recording"].as_str().unwrap());
        let reply = shop.get(&path).send().await;
        if reply.status == 200 {
            Recording::from_file(&reply.body).unwrap();
            whole += 1;
        } else {
            assert_eq!(reply.problem().name(), "404 unknown-recording");
        }
    }
    whole
}

#[test]
fn a_server_keeps_its_recordings_over_a_restart_and_a_call_replays_on_the_command_line() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    premises.enable_points(&server);
    let lines = json!([{ "sku": "bun", "quantity": 2, "amount_minor": 2400 }]);
    let quote = json!({ "store": premises.store(), "lines": lines });
    premises.ask(&server, &Call::post("/v1/quotes", "", &quote));
    let order = json!({ "store": premises.store(), "reference": "till-1", "lines": lines });
    premises.ask(&server, &Call::post("/v1/orders", "settle", &order));
    let list = Call::get("/v1/packs/points/recordings");
    let before = premises.ask(&server, &list);
    assert_eq!(before["recordings"].as_array().unwrap().len(), 2);
    assert!(server.stop().success());
    let server = Server::start(premises.path());
    assert_eq!(premises.ask(&server, &list), before);

    let id = before["recordings"][0]["recording"].as_str().unwrap();
    let reply = ureq::get(format!("{}/v1/packs/points/recordings/{id}", server.address()))
        .header("authorization", format!("Bearer {}", premises.key()))
        .call();
    let bytes = reply.unwrap().body_mut().read_to_vec().unwrap();
    assert!(server.stop().success());
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (call, component) = (place("call.recording", &bytes), place("points.wasm", pack("points")));
    let told = punchcard(&["pack", "replay", &call, &component]).ok();
    assert!(told.contains("checkout.settled of points") && told.contains("settings.get()"), "{told}");
    assert!(told.ends_with("it did the very same\n"), "{told}");

    let recording = Recording::from_file(&bytes).unwrap();
    let mut tampered = recording.clone();
    tampered.fuel += 1;
    let tampered = punchcard(&["pack", "replay", &place("tampered.recording", &tampered.to_file()), &component]);
    let differs = format!("differs: fuel: {} was recorded, and {} comes", recording.fuel + 1, recording.fuel);
    assert!(tampered.stdout.contains(&differs), "{}", tampered.stdout);
    assert!(tampered.failed().contains("did not do what was recorded"));
    for (bad, why) in [(&bytes[..bytes.len() - 1], "is damaged"), (b"\0asm".as_slice(), "does not begin as one")] {
        let refused = punchcard(&["pack", "replay", &place("bad.recording", bad), &component]).failed();
        assert!(refused.contains(why), "{refused}");
    }
    assert_eq!(Recording::from_file(&bytes[..40]).unwrap_err(), RecordingError::Damaged);
    assert!(matches!(recording.outcome, Outcome::Returned(_)));
}
