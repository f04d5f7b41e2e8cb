//! What other people's programs say of the messages that the host sends.

use std::io::Write as _;
use std::process::Command;

use host_tests::{Delivery, Receiver};
use punchcard::clock::Clock;
use serde_json::{Value, json};

use crate::webhooks::{deliver, hook, open_world, path};

#[tokio::test]
async fn the_official_verifiers_accept_what_the_host_sends() {
    let Some(python) = std::env::var_os("PUNCHCARD_VERIFIER_PYTHON") else {
        // Past the test's own output, which is shown only when it fails.
        let skipped = "skipped: the official verifiers are not asked here; `cargo xtask test` installs them";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    };
    let world = open_world();
    // They refuse what is older than a few minutes.
    world.clock_at(&Clock::System.now().to_string());
    let receiver = Receiver::new().await;
    let hook = hook(&world.shop, &receiver).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.load(5000).await.created();
    let order = alice.order("till-1").line("bread", 2400).settle().await.created();
    world.shop.order("till-2").line("bread", 100).settle().await.created();
    world.shop.refund(&order).await.ok();
    world.shop.post(&path(&hook, "/test"), json!({})).send().await.ok();
    deliver(&world).await;
    let first = hook["secret"].clone();
    let rotated = world.shop.post(&path(&hook, "/secret"), json!({})).send().await.created();
    world.shop.member("bob").enrol().await;
    deliver(&world).await;
    let got = receiver.got();
    assert_eq!(got.len(), 7);
    let (last, others) = got.split_last().unwrap();
    let mut messages: Vec<_> = others.iter().map(|sent| message(sent, &json!([first]))).collect();
    messages.push(message(last, &json!([first, rotated["secret"]])));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("messages.json");
    std::fs::write(&file, Value::from(messages).to_string()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/verifiers/webhooks.py");
    let checked = Command::new(python).arg(script).arg(&file).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(checked.status.success(), "{complained}");
    assert_eq!(said.lines().count(), 7, "{said}");
    for kind in ["order-settled", "order-refunded", "stored-value-loaded", "webhook-test", "member-enrolled"] {
        assert!(said.contains(&format!("punchcard.{kind}.v1")), "{said}");
    }
}

fn message(sent: &Delivery, secrets: &Value) -> Value {
    let headers: serde_json::Map<_, _> =
        sent.headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
    let wrong = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    json!({ "secrets": secrets, "wrong": wrong, "headers": headers, "body": String::from_utf8_lossy(&sent.body) })
}
