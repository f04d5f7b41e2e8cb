//! Compiled packs are kept from one start to the next, and nothing is run that this host has not compiled.

use std::fs;
use std::path::{Path, PathBuf};

use host_tests::pack;
use host_tests::premises::{Call, Premises};
use host_tests::process::Server;
use punchcard::pack::{CacheTally, Packs};
use punchcard::vault::SecretKey;
use serde_json::json;

/// Loads packs as after a start, with this key: each tells its manifest from its own code, so each has run.
fn load(dir: &Path, key: u8, names: &[&str]) -> (u64, u64, u64) {
    let packs = Packs::with_cache(dir.to_owned(), SecretKey::from_bytes([key; 32])).unwrap();
    for name in names {
        assert_eq!(packs.load(pack(name)).unwrap().manifest.id.as_str(), *name);
    }
    let CacheTally { hits, misses, refused } = packs.cache_tally();
    (hits, misses, refused)
}

/// The one file of the cache.
fn only_file(dir: &Path) -> PathBuf {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[test]
fn a_pack_is_compiled_once_and_found_at_the_next_start() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("compiled");
    assert_eq!(load(&dir, 1, &["points", "points"]), (1, 1, 0));
    assert_eq!(load(&dir, 1, &["points", "bakery"]), (1, 1, 0));
    assert_eq!(load(&dir, 1, &["points", "bakery"]), (2, 0, 0));
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
}

#[test]
fn what_was_forged_cut_off_or_kept_under_another_key_is_compiled_anew() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("compiled");
    load(&dir, 1, &["points"]);
    let file = only_file(&dir);
    let good = fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut changed = good.clone();
        changed[at] ^= 1;
        changed
    };
    let end = good.len() - 1;
    let middle = good.len() / 2;
    let bad = [
        flipped(0),
        flipped(31),
        flipped(32),
        flipped(middle),
        flipped(end),
        good[..end].to_vec(),
        good[..9].to_vec(),
        vec![],
    ];
    for (number, bytes) in bad.into_iter().enumerate() {
        fs::write(&file, bytes).unwrap();
        assert_eq!(load(&dir, 1, &["points"]), (0, 0, 1), "the bad file {number}");
        assert_eq!(load(&dir, 1, &["points"]), (1, 0, 0), "it is written anew");
    }
    assert_eq!(load(&dir, 2, &["points"]), (0, 0, 1), "under another key");
    assert_eq!(load(&dir, 2, &["points"]), (1, 0, 0));
}

#[test]
fn what_was_compiled_of_one_pack_is_not_run_as_another() {
    let place = tempfile::tempdir().unwrap();
    let dirs = ["points", "bakery"].map(|name| place.path().join(name));
    load(&dirs[0], 1, &["points"]);
    load(&dirs[1], 1, &["bakery"]);
    let [points, bakery] = dirs.clone().map(|dir| only_file(&dir));
    let (own, others) = (fs::read(&points).unwrap(), fs::read(&bakery).unwrap());
    fs::write(&points, others).unwrap();
    fs::write(&bakery, own).unwrap();
    assert_eq!(load(&dirs[0], 1, &["points"]), (0, 0, 1));
    assert_eq!(load(&dirs[1], 1, &["bakery"]), (0, 0, 1));
}

#[test]
fn without_a_place_to_keep_them_packs_run_all_the_same() {
    let place = tempfile::tempdir().unwrap();
    let taken = place.path().join("compiled");
    fs::write(&taken, b"a file").unwrap();
    for dir in [taken.clone(), taken.join("below"), place.path().join("not/there")] {
        assert_eq!(load(&dir, 1, &["points"]), (0, 1, 0), "{}", dir.display());
        assert_eq!(load(&dir, 1, &["points"]), (0, 1, 0), "{}", dir.display());
    }
}

#[test]
fn a_served_host_finds_its_packs_compiled_after_a_restart_and_a_snapshot_has_none() {
    let premises = Premises::new();
    let cached = |server: &Server| {
        let body =
            json!({ "store": premises.store(), "lines": [{ "sku": "bun", "quantity": 1, "amount_minor": 700 }] });
        premises.ask(server, &Call::post("/v1/quotes", "", &body));
        let address = server.address();
        let told = ureq::get(format!("{address}/metrics")).call().unwrap().body_mut().read_to_string().unwrap();
        let cached = told.lines().filter(|line| line.starts_with("punchcard_pack_cache_total{"));
        cached.map(str::to_owned).collect::<Vec<_>>()
    };
    let server = Server::start(premises.path());
    premises.enable_points(&server);
    assert_eq!(cached(&server), ["punchcard_pack_cache_total{outcome=\"miss\"} 1"]);
    assert!(server.stop().success());
    let server = Server::start(premises.path());
    assert_eq!(cached(&server), ["punchcard_pack_cache_total{outcome=\"hit\"} 1"]);
    assert!(server.stop().success());

    let data = premises.path().to_str().unwrap();
    host_tests::process::punchcard(&["snapshot", "--data", data]).ok();
    let elsewhere = tempfile::tempdir().unwrap();
    let into = elsewhere.path().join("data");
    host_tests::process::punchcard(&["restore", "--from", data, "--into", into.to_str().unwrap()]).ok();
    assert!(premises.path().join("compiled").is_dir() && !into.join("compiled").exists());
    assert!(premises.verify().status.success());
}
