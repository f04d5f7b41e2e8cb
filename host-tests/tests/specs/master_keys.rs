//! `punchcard key rotate`: another master key, and the old one taken out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use host_tests::premises::{Call, Premises};
use host_tests::process::{Server, punchcard};
use serde_json::json;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn key_file(premises: &Premises) -> PathBuf {
    premises.path().join("master.key")
}

/// The keys in the file, the newest first.
fn keys(premises: &Premises) -> Vec<String> {
    let file = fs::read_to_string(key_file(premises)).unwrap();
    file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

fn rotate(premises: &Premises) -> String {
    punchcard(&["key", "rotate", "--data", text(premises.path())]).ok()
}

/// Who has this phone number, as the server tells.
fn named(premises: &Premises, phone: &str) -> String {
    let server = Server::start(premises.path());
    let found = premises.ask(&server, &Call::get(format!("/v1/members?phone=%2B{phone}")));
    server.stop();
    found["members"][0]["personal"]["name"].as_str().unwrap_or_else(|| panic!("{found}")).to_owned()
}

fn enrol(premises: &Premises, name: &str, phone: &str) {
    let server = Server::start(premises.path());
    let body = json!({ "personal": { "name": name, "phones": [format!("+{phone}")] } });
    premises.ask(&server, &Call::post("/v1/members", name, &body));
    server.stop();
}

#[test]
fn what_is_personal_is_read_by_the_new_key_and_the_old_one_can_be_taken_out() {
    let premises = Premises::new();
    enrol(&premises, "Fang", "8613800138000");
    let before = keys(&premises);
    assert_eq!(before.len(), 1);
    let told = rotate(&premises);
    assert!(told.contains("is the newest in") && !keys(&premises).iter().any(|key| told.contains(key)), "{told}");
    let [new, old] = keys(&premises).try_into().unwrap();
    assert_eq!((&old, new == old), (&before[0], false), "the new one stands before the old one");
    assert_eq!(fs::metadata(key_file(&premises)).unwrap().permissions().mode() & 0o777, 0o600);
    // The next start seals by the new key; whoever comes later is sealed by it anyway.
    assert_eq!(named(&premises, "8613800138000"), "Fang");
    enrol(&premises, "Li", "8613800138001");
    let file = fs::read_to_string(key_file(&premises)).unwrap();
    fs::write(key_file(&premises), file.replace(&old, "")).unwrap();
    assert_eq!(keys(&premises), std::slice::from_ref(&new));
    for (phone, name) in [("8613800138000", "Fang"), ("8613800138001", "Li")] {
        assert_eq!(named(&premises, phone), name);
    }
    premises.verify().ok();
    // The old key alone opens nothing any more, and the host says which one it wants.
    fs::write(key_file(&premises), format!("{old}\n")).unwrap();
    let refused = punchcard(&["export", "members", "--data", text(premises.path()), "--format", "csv"]).failed();
    assert!(refused.contains("is sealed by the master key") && refused.contains("put that key back"), "{refused}");
    assert!(!refused.contains(&old) && !refused.contains("Fang"), "{refused}");
    fs::write(key_file(&premises), format!("{new}\n")).unwrap();
    assert_eq!(named(&premises, "8613800138001"), "Li");
}

#[test]
fn an_old_key_that_is_taken_out_before_the_host_has_started_again_is_missed() {
    let premises = Premises::new();
    enrol(&premises, "Fang", "8613800138000");
    rotate(&premises);
    let [new, old] = keys(&premises).try_into().unwrap();
    fs::write(key_file(&premises), format!("{new}\n")).unwrap();
    let refused = punchcard(&["export", "members", "--data", text(premises.path()), "--format", "csv"]).failed();
    assert!(refused.contains("put that key back"), "{refused}");
    fs::write(key_file(&premises), format!("{new}\n{old}\n")).unwrap();
    assert_eq!(named(&premises, "8613800138000"), "Fang");
}

#[test]
fn without_a_key_file_there_is_nothing_to_rotate() {
    let dir = tempfile::tempdir().unwrap();
    let refused = punchcard(&["key", "rotate", "--data", text(dir.path())]).failed();
    assert!(refused.contains("master.key can not be used"), "{refused}");
    assert!(!dir.path().join("master.key").exists());
}
