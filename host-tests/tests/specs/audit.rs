//! The audit log: what is in it of connections, packs, and what was taken out; and that it can be taken out itself.

use host_tests::{Shop, World};
use punchcard::domain::Role;
use serde_json::{Value, json};

/// The entries of these kinds, without ids and instants of their own.
async fn changes(shop: &Shop, kinds: &[&str]) -> Vec<Value> {
    let all = shop.get("/v1/changes?limit=200").send().await.ok();
    let of_kind = |change: &&Value| kinds.contains(&change["kind"].as_str().unwrap());
    let told = |change: &Value| json!([change["kind"], change["before"], change["after"]]);
    all["changes"].as_array().unwrap().iter().filter(of_kind).map(told).collect()
}

#[tokio::test]
async fn changes_of_webhooks_are_in_the_audit_log_without_what_is_secret_of_them() {
    let world = World::new();
    let shop = &world.shop;
    let new = json!({ "url": "https://example.com/hooks/s3cr3t?token=t0k3n", "kinds": ["order-settled"] });
    let made = shop.post("/v1/webhooks", new).send().await;
    let etag = made.header("etag").unwrap_or("\"1\"").to_owned();
    let made = made.created();
    let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    shop.patch(&path, &etag, json!({ "paused": true })).send().await.ok();
    let rotated = shop.post(&format!("{path}/secret"), json!({})).send().await.created();
    assert_eq!(shop.request("DELETE", &format!("{path}/secret/previous")).send().await.status, 204);
    assert_eq!(shop.request("DELETE", &path).send().await.status, 204);
    let told = changes(shop, &["webhook", "webhook-secret"]).await;
    let webhook = |paused: bool, version: u64| {
        let host = "https://example.com";
        json!({ "description": null, "host": host, "kinds": ["order-settled"], "paused": paused, "version": version })
    };
    let until = json!({ "previous_until": "2026-03-19T00:00:00Z" });
    let expected = json!([
        ["webhook", null, webhook(false, 1)],
        ["webhook", webhook(false, 1), webhook(true, 2)],
        ["webhook-secret", null, until],
        ["webhook-secret", until, null],
        ["webhook", webhook(true, 4), null],
    ]);
    assert_eq!(json!(told), expected);
    let all = shop.get("/v1/changes?limit=200").send().await.ok().to_string();
    for secret in ["s3cr3t", "t0k3n", made["secret"].as_str().unwrap(), rotated["secret"].as_str().unwrap()] {
        assert!(!all.contains(secret), "{secret} is told: {all}");
    }
}

#[tokio::test]
async fn what_staff_put_right_by_hand_is_in_the_audit_log_without_their_words() {
    let world = World::new();
    let shop = &world.shop;
    crate::with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    let path = format!("/v1/members/{}/adjustments", alice.id);
    let give = json!({ "amount": 50, "release_on": "delivered-7" });
    for by in [("give", json!({ "amount": 30 })), ("give", give), ("take", json!({ "amount": 20 }))] {
        let body = json!({ "unit": "points", by.0: by.1, "reason": "said sorry to Alice" });
        shop.post(&path, body).send().await.created();
    }
    for _ in 0..2 {
        shop.post("/v1/releases", json!({ "event": "delivered-7" })).send().await.ok();
    }
    let told = changes(shop, &["adjustment", "release"]).await;
    let adjusted = |by: &str, amount: u64| json!({ "member": alice.id, "unit": "points", by: amount });
    let expected = json!([
        ["adjustment", null, adjusted("give", 30)],
        ["adjustment", null, adjusted("give", 50)],
        ["adjustment", null, adjusted("take", 20)],
        ["release", null, { "released": 1 }],
    ]);
    assert_eq!(json!(told), expected);
    assert!(!shop.get("/v1/changes?limit=200").send().await.ok().to_string().contains("sorry"));
}

#[tokio::test]
async fn uploads_and_enablements_of_packs_are_in_the_audit_log_once_each() {
    let world = World::new();
    let shop = &world.shop;
    crate::with_points(shop).await;
    shop.upload(host_tests::pack("points")).await.created();
    let told = changes(shop, &["pack-revision", "enablement"]).await;
    let kinds: Vec<_> = told.iter().map(|entry| entry[0].as_str().unwrap()).collect();
    assert_eq!(kinds, ["pack-revision", "enablement"]);
    assert_eq!(told[0][2]["pack"], "points");
    assert_eq!(told[0][2]["uploaded_at"], "2026-03-18T00:00:00Z", "instants are told as everywhere");
}

#[tokio::test]
async fn who_takes_out_records_or_all_of_a_member_is_in_the_audit_log() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    assert_eq!(shop.get("/v1/exports/members?format=csv").send().await.status, 200);
    assert_eq!(shop.get(&format!("/v1/members/{}/export", alice.id)).send().await.status, 200);
    let before = world.state();
    assert_eq!(shop.as_clerk().get("/v1/exports/members").send().await.status, 403);
    assert_eq!(world.rival.get(&format!("/v1/members/{}/export", alice.id)).send().await.status, 404);
    world.unchanged_since(&before);
    let told = changes(shop, &["export", "disclosure"]).await;
    let expected = json!([["export", null, { "format": "csv" }], ["disclosure", null, { "disclosed": true }]]);
    assert_eq!(json!(told), expected);
    let timeline = shop.get(&format!("/v1/members/{}/timeline", alice.id)).send().await.ok();
    assert!(timeline.to_string().contains("disclosure"), "{timeline}");
}

#[tokio::test]
async fn the_audit_log_is_taken_out_as_a_table_with_who_what_before_and_after() {
    let world = World::new();
    let shop = &world.shop;
    shop.put("/v1/stores/north", json!({ "name": "North" })).send().await.ok();
    shop.put("/v1/stores/north", json!({ "name": "North Gate" })).send().await.ok();
    let table = shop.get("/v1/exports/changes?format=csv").send().await;
    let table = String::from_utf8(table.body).unwrap();
    let header = table.lines().next().unwrap();
    assert_eq!(header, "id,at,staff,role,kind,name,before,after,personal,pack");
    let renamed = table.lines().find(|line| line.contains("North Gate")).unwrap();
    assert!(renamed.contains(",owner,store,north,"), "{renamed}");
    assert_eq!(renamed.matches("stf_").count(), 1, "{renamed}");
}

#[tokio::test]
async fn why_somebody_has_a_level_is_sealed_and_goes_with_them() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    let path = format!("/v1/members/{}", alice.id);
    for reason in ["Alice Wang asked for it", "Alice Wang has a birthday"] {
        shop.put(&format!("{path}/tier"), json!({ "tier": "gold", "reason": reason })).send().await.ok();
    }
    let changes = shop.get("/v1/changes").send().await.ok();
    let last = changes["changes"].as_array().unwrap().last().unwrap();
    assert_eq!(last["personal"]["before"]["tier_reason"], "Alice Wang asked for it");
    assert_eq!(last["personal"]["after"]["tier_reason"], "Alice Wang has a birthday");
    let seen = shop.as_role(Role::Auditor).get("/v1/changes").send().await.ok().to_string();
    assert!(seen.contains("gold") && !seen.contains("Alice Wang"), "{seen}");
    assert!(shop.get("/v1/exports/tiers").send().await.to_string().contains("Alice Wang"));
    shop.request("DELETE", &format!("{path}/personal")).send().await.ok();
    for kind in ["tiers", "changes", "members"] {
        let told = shop.get(&format!("/v1/exports/{kind}")).send().await;
        assert!(told.status.is_success() && !told.to_string().contains("Alice Wang"), "{told}");
    }
    assert_eq!(shop.get(&format!("{path}/tiers")).send().await.ok()["changes"].as_array().unwrap().len(), 2);
}
