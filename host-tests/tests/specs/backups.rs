//! Snapshots, restoring, compacting, and data that an older version has written.

use std::fs;
use std::path::{Path, PathBuf};

use host_tests::premises::{Call, Premises};
use host_tests::process::{Server, punchcard};
use serde_json::json;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn enrol(premises: &Premises, server: &Server, number: usize) {
    let body = json!({ "reference": format!("card-{number}") });
    premises.ask(server, &Call::post("/v1/members", format!("enrol-{number}"), &body));
}

fn verified(data: &Path) -> String {
    punchcard(&["verify", "--deep", "--data", text(data)]).ok()
}

fn newest_segment(data: &Path) -> PathBuf {
    fs::read_dir(data.join("journal")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap()
}

#[test]
fn a_snapshot_is_made_while_the_host_serves_and_leads_to_the_same_books() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    let stop = std::sync::atomic::AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        let tills = scope.spawn(|| {
            let mut number = 0;
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                number += 1;
                enrol(&premises, &server, number);
            }
            number
        });
        for _ in 0..3 {
            let told = punchcard(&["snapshot", "--data", text(premises.path())]).ok();
            assert!(told.starts_with("snapshot of record ") && told.ends_with("written and read back\n"), "{told}");
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        tills.join().unwrap()
    });
    server.stop();
    // The state is lost: the newest snapshot and the journal after it build it again.
    fs::remove_dir_all(premises.path().join("sled")).unwrap();
    let told = verified(premises.path());
    assert!(told.contains(&format!("{made} members")), "{told}");
    assert!(told.contains("each as snapshot and journal say") && told.ends_with("the books balance\n"), "{told}");
}

#[test]
fn a_store_is_restored_to_a_record_and_to_a_moment_and_goes_on_from_there() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    (1..=5).for_each(|number| enrol(&premises, &server, number));
    server.stop();
    let copies = tempfile::tempdir().unwrap();
    let from = text(premises.path());

    // The merchant was made in the first records; each member came in one of its own.
    let whole = copies.path().join("whole");
    let told = punchcard(&["restore", "--from", from, "--into", text(&whole)]).ok();
    let number: u64 = told.split_whitespace().nth(3).unwrap().parse().unwrap();
    assert!(verified(&whole).contains("5 members"), "{told}");
    let earlier = copies.path().join("earlier");
    let record = (number - 2).to_string();
    punchcard(&["restore", "--from", from, "--into", text(&earlier), "--to-record", &record]).ok();
    assert!(verified(&earlier).contains("3 members"));
    let before = copies.path().join("before");
    punchcard(&["restore", "--from", from, "--into", text(&before), "--to-moment", "2020-01-01T00:00:00Z"]).ok();
    assert_eq!(punchcard(&["merchant", "list", "--data", text(&before)]).ok(), "");

    // The key has a backup of its own: with that of the data alone, nobody reads what is personal.
    let refused = punchcard(&["serve", "--listen", "127.0.0.1:0", "--data", text(&earlier)]).failed();
    assert!(refused.contains("bring the file back from its own backup"), "{refused}");
    fs::copy(premises.path().join("master.key"), earlier.join("master.key")).unwrap();
    let server = Server::start(&earlier);
    (3..=4).for_each(|number| enrol(&premises, &server, number));
    server.stop();
    assert!(verified(&earlier).contains("4 members"), "one was there, and one is new");
    assert!(verified(premises.path()).contains("5 members"), "what it was restored from is as it was");
}

#[test]
fn damage_in_the_middle_of_the_journal_stops_the_start_and_says_the_way_on() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    (1..=5).for_each(|number| enrol(&premises, &server, number));
    server.stop();
    fs::remove_dir_all(premises.path().join("sled")).unwrap();
    let segment = newest_segment(premises.path());
    let mut bytes = fs::read(&segment).unwrap();
    // Somewhere in the third member's record.
    let needle = b"card-3";
    let place = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    bytes[place] ^= 1;
    fs::write(&segment, bytes).unwrap();

    let refused = punchcard(&["serve", "--data", text(premises.path()), "--listen", "127.0.0.1:0"]).failed();
    assert!(refused.contains("is damaged at byte"), "{refused}");
    assert!(refused.contains("punchcard restore --from DIR --into NEW_DIR --to-record N"), "{refused}");
    let damaged = refused.split("(record ").nth(1).and_then(|rest| rest.split(')').next()).unwrap();
    let last_whole = (damaged.parse::<u64>().unwrap() - 1).to_string();
    let copies = tempfile::tempdir().unwrap();
    let into = copies.path().join("saved");
    let args = ["restore", "--from", text(premises.path()), "--into", text(&into), "--to-record", &last_whole];
    punchcard(&args).ok();
    assert!(verified(&into).contains("2 members"));
}

#[test]
fn compacting_changes_nothing_but_the_size() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    (1..=20).for_each(|number| enrol(&premises, &server, number));
    server.stop();
    let before = verified(premises.path());
    let told = punchcard(&["compact", "--data", text(premises.path())]).ok();
    assert!(told.starts_with("the state had ") && told.ends_with(" now\n"), "{told}");
    let after = verified(premises.path());
    let line = |told: &str| told.lines().find(|line| line.starts_with("merchant")).unwrap().to_owned();
    assert_eq!(line(&before), line(&after));
}

#[test]
fn a_key_of_the_state_that_is_not_as_the_journal_says_is_found() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    enrol(&premises, &server, 1);
    server.stop();
    let state = sled::open(premises.path().join("sled")).unwrap();
    // The first key after the mark, which says how far the state has come.
    let (key, value) = state.iter().nth(1).unwrap().unwrap();
    let mut changed = value.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    state.insert(&key, changed).unwrap();
    state.flush().unwrap();
    drop(state);
    let ran = punchcard(&["verify", "--deep", "--data", text(premises.path())]);
    assert!(ran.stdout.contains("has another value than in the journal"), "{ran:?}");
    assert!(ran.failed().contains("the state is not what the journal says"));
    // The way on that it tells.
    fs::remove_dir_all(premises.path().join("sled")).unwrap();
    assert!(verified(premises.path()).ends_with("the books balance\n"));
}

#[test]
fn without_deep_only_what_every_start_checks_is_looked_at() {
    let premises = Premises::new();
    let told = punchcard(&["verify", "--data", text(premises.path())]).ok();
    assert!(told.ends_with("what every start checks is sound; --deep proves the rest\n"), "{told}");
}

#[test]
fn data_that_version_0_1_0_has_written_is_migrated_and_every_promise_holds() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    fs::create_dir(data.join("journal")).unwrap();
    fs::write(data.join("FORMAT"), "punchcard data 1\n").unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/data-version-1.journal.zst");
    let journal = zstd::decode_all(fs::File::open(fixture).unwrap()).unwrap();
    fs::write(data.join("journal/00000000000000000001.journal"), journal).unwrap();
    let told = punchcard(&["--log", "info", "verify", "--deep", "--data", text(data)]);
    assert!(told.stderr.contains("migrated the data"), "{}", told.stderr);
    let told = told.ok();
    assert!(told.contains("6 members, 7 orders, 18 postings with 19 transfers, 8 accounts, 9 lots"), "{told}");
    assert!(told.ends_with("the books balance\n"), "{told}");
    let again = punchcard(&["--log", "info", "verify", "--deep", "--data", text(data)]);
    assert!(!again.stderr.contains("migrated the data"), "{}", again.stderr);
    again.ok();
}
