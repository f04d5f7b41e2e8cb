//! A candidate revision makes recorded calls again, and what would differ is told.

use std::fs;

use host_tests::premises::{Call, Premises};
use host_tests::process::{Server, punchcard};
use host_tests::{World, guest, pack, reworded};
use punchcard::pack::{LoadedPack, Recording, Rehearsal};
use serde_json::{Value, json};

use crate::following::{calls, world_with};
use crate::recordings::{loaded, recorded};
use crate::with_points;

/// What a rehearsal tells.
fn rehearse(candidate: &LoadedPack, recordings: &[Recording]) -> Value {
    let mut rehearsal = Rehearsal::default();
    for (number, recording) in recordings.iter().enumerate() {
        rehearsal.add(candidate, number.to_string(), recording).unwrap();
    }
    rehearsal.told()
}

/// What the points pack tells of orders without a buyer, and what a candidate calls it.
pub(crate) const OTHER: (&str, &str) = ("so nobody earns points", "so NOBODY earns points");

fn other_points() -> &'static [u8] {
    reworded(pack("points"), &[OTHER])
}

/// A world in which the echo pack has heard of a member, with these settings, and its timer has fired.
async fn echoed(settings: Value) -> (World, Vec<Recording>) {
    let world = world_with(settings).await;
    world.shop.member("alice").enrol().await;
    let timer = json!({ "name": "t1", "at": world.now().as_millisecond() });
    world.shop.command("echo", "set-timer", timer).send().await.ok();
    calls(&world).await;
    let recordings = recorded(&world.shop, "echo").await;
    (world, recordings)
}

#[tokio::test]
async fn the_same_component_differs_in_nothing() {
    let (_world, recordings) = echoed(json!({ "answers": true })).await;
    let report = rehearse(&loaded(guest("echo")), &recordings);
    assert!(recordings.len() > 5, "what it tells it hears itself");
    assert_eq!((&report["differs"], &report["calls"]), (&json!(false), &json!([])), "{report}");
    assert_eq!(report["played"], recordings.len());
    assert_eq!(report["fuel"]["old"], report["fuel"]["new"]);
    assert!(report["fuel"]["old"]["median"].as_u64() > Some(0), "{report}");
}

#[tokio::test]
async fn an_effect_that_changes_is_told_as_one_that_is_lost_and_one_that_is_gained() {
    let (_world, recordings) = echoed(json!({})).await;
    let report = rehearse(&loaded(reworded(guest("echo"), &[(" try ", " TRY ")])), &recordings);
    let differing = report["calls"].as_array().unwrap();
    assert_eq!((differing.len(), &differing[0]["export"], &report["played"]), (1, &json!("on-timer.fire"), &json!(3)));
    let one = |side: &str| differing[0][side].as_array().unwrap().iter().map(Value::to_string).collect::<String>();
    assert!(one("lost").contains("kv.put") && one("lost").contains(" try 1"), "{report}");
    assert!(one("gained").contains("kv.put") && one("gained").contains(" TRY 1"), "{report}");
    assert_eq!(differing[0]["outcome"], Value::Null);
}

#[tokio::test]
async fn an_outcome_that_changes_is_told_by_its_codes() {
    let (_world, recordings) = echoed(json!({ "fails": "refuses" })).await;
    let report = rehearse(&loaded(reworded(guest("echo"), &[("not-today", "not-now-x")])), &recordings);
    let differing = report["calls"].as_array().unwrap();
    assert_eq!(differing.len(), 2, "{report}");
    for call in differing {
        assert_eq!(call["outcome"], json!({ "old": "not-today", "new": "not-now-x" }));
        assert_eq!((&call["lost"], &call["gained"]), (&json!([]), &json!([])), "what fails has no effects");
    }
}

#[tokio::test]
async fn what_was_not_recorded_diverges_and_its_fuel_does_not_count() {
    let (_world, recordings) = echoed(json!({})).await;
    let report = rehearse(&loaded(reworded(guest("echo"), &[("event-", "evenT-")])), &recordings);
    let differing = report["calls"].as_array().unwrap();
    assert_eq!((differing.len(), &report["played"], &report["differs"]), (1, &json!(2), &json!(true)), "{report}");
    assert_eq!(differing[0]["diverged"]["number"], 2);
    assert!(differing[0]["diverged"]["asked"].as_str().unwrap().starts_with("kv.get(\"evenT-"), "{report}");
}

#[tokio::test]
async fn what_a_pack_decides_is_among_its_effects_and_fuel_alone_is_no_difference() {
    let world = World::new();
    with_points(&world.shop).await;
    world.shop.order("till-1").settle().await.created();
    let mut recordings = recorded(&world.shop, "points").await;
    let report = rehearse(&loaded(other_points()), &recordings);
    let (lost, gained) = (report["calls"][0]["lost"].to_string(), report["calls"][0]["gained"].to_string());
    assert!(lost.contains(OTHER.0) && gained.contains(OTHER.1), "{report}");

    recordings[0].fuel /= 2;
    let report = rehearse(&loaded(pack("points")), &recordings);
    assert_eq!(report["differs"], json!(false));
    let worst = |side: &str| report["fuel"][side]["worst"].as_u64().unwrap();
    assert_eq!(worst("old"), worst("new") / 2);
}

#[tokio::test]
async fn a_pack_reads_what_it_writes_otherwise_than_was_recorded() {
    // The second time the echo pack notes the same key it reads what it has noted first.
    let (world, _) = echoed(json!({})).await;
    let steps = json!([
        { "call": "kv.put", "with": { "key": "a", "value": "old" } },
        { "call": "kv.get", "with": { "key": "a" } },
    ]);
    crate::grants::with_whole_probe(&world.shop).await;
    world.shop.command(crate::grants::PROBE, "call", json!({ "steps": steps })).send().await.ok();
    let recordings = recorded(&world.shop, crate::grants::PROBE).await;
    let report = rehearse(&loaded(guest("probe")), &recordings);
    assert_eq!((&report["played"], &report["differs"]), (&json!(1), &json!(false)), "{report}");
}

/// The echo pack's next version, which says something else when it refuses.
fn candidate() -> &'static [u8] {
    reworded(guest("echo"), &[("not-today", "not-now-x"), ("echo0.1.0", "echo0.1.9")])
}

#[tokio::test]
async fn an_uploaded_revision_is_rehearsed_over_the_merchants_own_calls_and_nothing_changes() {
    let (world, recordings) = echoed(json!({ "fails": "refuses" })).await;
    let shop = &world.shop;
    let same = shop.get("/v1/packs").send().await.ok()["revisions"][0]["revision"].clone();
    let before = world.state();
    let path = "/v1/packs/echo/rehearsals";
    let report = shop.post(path, json!({ "revision": same })).without_key().send().await.ok();
    assert_eq!((&report["recordings"], &report["played"]), (&json!(3), &json!(3)));
    assert_eq!((&report["differs"], &report["partial"], &report["calls"]), (&json!(false), &json!(false), &json!([])));
    world.unchanged_since(&before);
    let told = rehearse(&loaded(guest("echo")), &recordings);
    for (name, value) in told.as_object().unwrap() {
        assert_eq!(&report[name], value, "what programs read of the command line is in the reply");
    }
    let uploaded = shop.upload(candidate()).await.created();
    let report = shop.post(path, json!({ "revision": uploaded["revision"] })).send().await.ok();
    assert_eq!((&report["differs"], report["calls"].as_array().map(Vec::len)), (&json!(true), Some(2)), "{report}");
    assert_eq!(report["calls"][0]["outcome"], json!({ "old": "not-today", "new": "not-now-x" }));
    let none = json!({ "revision": "rev_0198f2a4c1d07e3b9a5c6d7e8f901234" });
    assert_eq!(shop.post(path, none).send().await.problem().name(), "422 unknown-revision");
    let others = shop.post("/v1/packs/points/rehearsals", json!({ "revision": same })).send().await.problem();
    assert_eq!(others.name(), "422 other-pack");
}

#[test]
fn the_command_line_rehearses_a_data_directory_or_files_and_fails_when_it_is_asked_to() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    premises.enable_points(&server);
    for number in 0..3 {
        let lines = json!([{ "sku": "bun", "quantity": 2, "amount_minor": 2400 }]);
        let order = json!({ "store": premises.store(), "reference": format!("till-{number}"), "lines": lines });
        premises.ask(&server, &Call::post("/v1/orders", format!("settle-{number}"), &order));
    }
    let listed = premises.ask(&server, &Call::get("/v1/packs/points/recordings"));
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("calls");
    fs::create_dir(&folder).unwrap();
    for one in listed["recordings"].as_array().unwrap() {
        let id = one["recording"].as_str().unwrap();
        let reply = ureq::get(format!("{}/v1/packs/points/recordings/{id}", server.address()))
            .header("authorization", format!("Bearer {}", premises.key()))
            .call();
        fs::write(folder.join(id), reply.unwrap().body_mut().read_to_vec().unwrap()).unwrap();
    }
    assert!(server.stop().success());
    let place = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (same, candidate) = (place("same.wasm", pack("points")), place("candidate.wasm", other_points()));
    let (data, folder, json) =
        (premises.path().to_str().unwrap(), folder.to_str().unwrap(), dir.path().join("report.json"));
    for calls in [["--data", data], ["--recordings", folder]] {
        let rehearse = |component: &str, more: &[&str]| {
            punchcard(&[&["pack", "rehearse", component], calls.as_slice(), more].concat())
        };
        let told = rehearse(&same, &["--fail-on-differences"]).ok();
        assert!(told.ends_with("3 recorded calls: 3 played, 0 skipped, 0 differ\n"), "{told}");
        let told = rehearse(&candidate, &["--json", json.to_str().unwrap()]).ok();
        assert!(told.contains("  - returns ") && told.contains("  + returns "), "{told}");
        assert!(told.contains("median") && told.ends_with("3 played, 0 skipped, 3 differ\n"), "{told}");
        let report: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
        assert_eq!((&report["played"], &report["differs"]), (&json!(3), &json!(true)));
        let failed = rehearse(&candidate, &["--fail-on-differences"]).failed();
        assert!(failed.contains("3 of 3 recorded calls differ"), "{failed}");
    }
    // Where nothing was compared there is no saying that nothing differs.
    let (empty, other) = (dir.path().join("empty"), place("other.wasm", guest("echo")));
    fs::create_dir(&empty).unwrap();
    let nothing = |component: &str, calls: &[&str]| {
        let asked = punchcard(&[&["pack", "rehearse", component], calls].concat());
        asked.ok();
        punchcard(&[&["pack", "rehearse", component, "--fail-on-differences"], calls].concat()).failed()
    };
    let failed = nothing(&same, &["--recordings", empty.to_str().unwrap()]);
    assert!(failed.contains("nothing was compared") && failed.contains("no recorded calls"), "{failed}");
    let failed = nothing(&other, &["--data", data]);
    assert!(failed.contains("no recorded calls"), "{failed}");
    let failed = nothing(&other, &["--recordings", folder]);
    assert!(
        failed.contains("nothing was compared") && failed.contains("all 3 recorded calls were skipped"),
        "{failed}"
    );
    let neither = punchcard(&["pack", "rehearse", &same]).failed();
    assert!(neither.contains("--data"), "{neither}");
    assert!(premises.verify().status.success());
}
