//! The walkthroughs of the README, typed in as they stand.

use std::fs;
use std::path::Path;
use std::process::Command;

use host_tests::packs_dir;

#[test]
fn the_walkthroughs_of_the_readme_can_be_typed_in_as_they_stand() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: there is no curl here");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let below = |heading: &str| {
        let section = readme.split(heading).nth(1).unwrap();
        section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap()
    };
    let typed = below("## A till by hand").to_owned() + below("## A school by hand") + below("## An alliance by hand");
    // What is built first is built already: the program and the components that are uploaded further down. The port that
    // is free here is another one.
    let build = typed.lines().next().unwrap();
    assert!(build.starts_with("cargo xtask packs "), "who types it in on a fresh clone has no packs: {build}");
    let typed = typed.split_once('\n').unwrap().1;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let typed = typed
        .replace("target/release/punchcard serve", &format!("target/release/punchcard serve --listen 127.0.0.1:{port}"))
        .replace("localhost:8080", &format!("127.0.0.1:{port}"))
        .replace(
            "sleep 3\n",
            &format!("for _ in $(seq 300); do curl -s 127.0.0.1:{port}/readyz && break; sleep 0.1; done\n"),
        );
    let dir = tempfile::tempdir().unwrap();
    let script = format!("set -euo pipefail\ntrap 'kill $(jobs -p) && wait' EXIT\n{typed}");
    let packs = dir.path().join("target/packs");
    fs::create_dir_all(&packs).unwrap();
    fs::create_dir_all(dir.path().join("target/release")).unwrap();
    std::os::unix::fs::symlink(packs_dir(), packs.join("components")).unwrap();
    let binary = host_tests::binary();
    std::os::unix::fs::symlink(binary, dir.path().join("target/release/punchcard")).unwrap();
    let ran = Command::new("bash").arg("-c").arg(script).current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap();
    assert!(ran.status.success(), "{said}");
    for expected in [
        "\"earnings\":[{\"unit\":\"points\",\"amount\":24",
        "\"state\":\"partly-refunded\"",
        "\"available\":12",
        "\"state\":\"refunded\"",
        "\"kind\":\"change\"",
        "\"left_minutes\":600,\"marked_at\"",
        "\"returned_minor\":20000,\"returned_minutes\":60",
        "\"left_minutes\":660",
        "\"deferred\":{\"minor\":200000,\"minutes\":660}",
        "\"state\":\"in-force\"",
        "\"reimbursed_minor\":1600,\"value_minor\":2000",
        "\"same\":true",
        "\"balance_minor\":-1600",
    ] {
        assert!(said.contains(expected), "there is no {expected} in what it said: {said}");
    }
}
