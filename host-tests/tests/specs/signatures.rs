//! Signed packs over HTTP: whose are taken, what is refused and how, and whose a pack is.

use host_tests::{World, pack};
use punchcard::clock::Entropy;
use punchcard::domain::Code;
use punchcard::pack::{SigningKey, Trust, sign};
use serde_json::{Value, json};

use crate::following::calls;
use crate::uploads::Tiny;

fn key(vendor: &str, seed: u64) -> SigningKey {
    SigningKey::new(Code::new(vendor).unwrap(), &Entropy::seeded(seed))
}

fn trusting(keys: &[&SigningKey]) -> Trust {
    Trust::new(keys.iter().map(|key| key.vendor_key()).collect())
}

fn signed(component: &[u8], key: &SigningKey) -> Vec<u8> {
    sign(component, key).unwrap()
}

fn tiny(version: &str) -> Vec<u8> {
    Tiny::new("tiny").version(version).component()
}

/// Uploads what is going to be refused: nothing has changed then. Gives the problem as a text.
async fn refusal(world: &World, component: Vec<u8>) -> String {
    let before = world.state();
    let problem = world.shop.upload(component).await.problem();
    world.unchanged_since(&before);
    problem.to_string()
}

#[track_caller]
fn assert_told(told: &str, parts: &[&str]) {
    assert!(told.starts_with(parts[0]), "{told:?} does not begin with {:?}", parts[0]);
    for part in parts {
        assert!(told.contains(part), "{told:?} does not say {part:?}");
    }
}

#[tokio::test]
async fn a_pack_of_a_trusted_vendor_is_taken_and_told_as_theirs() {
    let (world, acme) = (World::new(), key("acme", 1));
    world.trusts(trusting(&[&key("other", 2), &acme]));
    let uploaded = world.shop.upload(signed(&tiny("1.0.0"), &acme)).await.created();
    let id = acme.public().id().to_string();
    let path = format!("/v1/packs/tiny/revisions/{}", uploaded["revision"].as_str().unwrap());
    let listed = world.shop.get("/v1/packs").send().await.ok()["revisions"][0].clone();
    let read = world.shop.get(&path).send().await.ok();
    for told in [&uploaded, &listed, &read] {
        let origin = (&told["vendor"], &told["vendor_key"], &told["trusted"]);
        assert_eq!(origin, (&json!("acme"), &json!(id), &json!(true)), "{told}");
    }
    let again = world.shop.upload(signed(&tiny("1.0.0"), &acme)).await.created();
    assert_eq!(again, uploaded, "the same component is the same revision");
}

#[tokio::test]
async fn what_nobody_has_signed_is_for_development() {
    let (world, acme) = (World::new(), key("acme", 1));
    let uploaded = world.shop.upload(tiny("1.0.0")).await.created();
    assert_eq!((&uploaded["vendor"], &uploaded["trusted"]), (&Value::Null, &json!(true)));
    world.trusts(trusting(&[&acme]));
    let told = refusal(&world, tiny("1.1.0")).await;
    let trusted = format!("acme by {}", acme.public().id());
    assert_told(&told, &["422 component-not-signed: ", &trusted, "punchcard pack sign", "--unsigned-packs allow"]);
    let told = refusal(&world, tiny("1.0.0")).await;
    assert_told(&told, &["422 component-not-signed: "]);
    assert_eq!(world.shop.get("/v1/packs").send().await.ok()["revisions"][0]["trusted"], false);
    world.trusts(Trust::default());
    assert_told(&refusal(&world, tiny("1.0.0")).await, &["422 component-not-signed: ", "it trusts no vendor"]);
}

#[tokio::test]
async fn a_signature_by_somebody_else_is_refused_in_development_as_well() {
    let (world, acme, stranger) = (World::new(), key("acme", 1), key("stranger", 2));
    let id = stranger.public().id().to_string();
    for trust in [trusting(&[&acme]), trusting(&[&acme]).with_unsigned(true), Trust::development()] {
        world.trusts(trust);
        let told = refusal(&world, signed(&tiny("1.0.0"), &stranger)).await;
        assert_told(&told, &["422 vendor-not-trusted: ", &id, "packs.vendors"]);
    }
}

#[tokio::test]
async fn what_was_changed_after_it_was_signed_is_refused() {
    let (world, acme) = (World::new(), key("acme", 1));
    world.trusts(trusting(&[&acme]));
    let component = tiny("1.0.0");
    // The manifest's text is among the bytes: a digit of the version is another one.
    let at = component.windows(5).position(|bytes| bytes == b"1.0.0").unwrap();
    let good = signed(&component, &acme);
    let mut changed = good.clone();
    changed[at] = b'2';
    let told = refusal(&world, changed).await;
    assert_told(&told, &["422 wrong-signature: ", "`acme`", &acme.public().id().to_string(), "from the vendor again"]);
    for flipped in (8..good.len()).step_by(97) {
        let mut changed = good.clone();
        changed[flipped] ^= 0x10;
        let told = refusal(&world, changed).await;
        assert!(told.starts_with("422 "), "byte {flipped}: {told}");
    }
    let longer = [good.as_slice(), b"\0\x05\x04name"].concat();
    assert_told(&refusal(&world, longer).await, &["422 bad-signature-section: ", "is not the last part"]);
    let cut = good[..good.len() - 1].to_vec();
    assert_told(&refusal(&world, cut).await, &["422 invalid-component: "]);
    world.shop.upload(good).await.created();
}

#[tokio::test]
async fn a_vendor_changes_keys_while_both_are_trusted() {
    let (world, old, new) = (World::new(), key("acme", 1), key("acme", 2));
    world.trusts(trusting(&[&old, &new]));
    world.shop.upload(signed(&tiny("1.0.0"), &old)).await.created();
    world.shop.upload(signed(&tiny("1.1.0"), &new)).await.created();
    world.trusts(trusting(&[&new]));
    world.shop.upload(signed(&tiny("1.2.0"), &new)).await.created();
    assert_told(&refusal(&world, signed(&tiny("1.3.0"), &old)).await, &["422 vendor-not-trusted: "]);
    let told = world.shop.get("/v1/packs").send().await.ok();
    let trusted: Vec<_> = told["revisions"].as_array().unwrap().iter().map(|told| told["trusted"].clone()).collect();
    assert_eq!(trusted, [false, true, true]);
}

#[tokio::test]
async fn a_version_is_one_component_for_ever() {
    let (world, acme) = (World::new(), key("acme", 1));
    world.trusts(trusting(&[&acme]));
    world.shop.upload(signed(&tiny("1.0.0"), &acme)).await.created();
    let other = || Tiny::new("tiny").unit("stamps");
    let told = refusal(&world, signed(&other().version("1.0.0").component(), &acme)).await;
    assert_told(&told, &["409 version-taken: ", "1.0.0", "as revision rev_…", "raise it"]);
    world.shop.upload(signed(&other().version("1.0.1").component(), &acme)).await.created();
    // Another merchant has versions of their own.
    world.rival.upload(signed(&other().version("1.0.0").component(), &acme)).await.created();
}

#[tokio::test]
async fn a_pack_stays_with_the_vendor_who_first_brought_it() {
    let (world, acme, other) = (World::new(), key("acme", 1), key("other", 2));
    world.trusts(trusting(&[&acme, &other]).with_unsigned(true));
    world.shop.upload(signed(&tiny("1.0.0"), &acme)).await.created();
    let told = refusal(&world, signed(&tiny("1.1.0"), &other)).await;
    assert_told(&told, &["409 pack-of-other-vendor: ", "`tiny`", "`acme`", "signed by `other`"]);
    let told = refusal(&world, tiny("1.1.0")).await;
    assert_told(&told, &["409 pack-of-other-vendor: ", "signed by nobody"]);
    world.rival.upload(signed(&tiny("1.1.0"), &other)).await.created();
    world.shop.upload(signed(&tiny("1.1.0"), &acme)).await.created();
}

#[tokio::test]
async fn a_pack_that_was_removed_stays_its_vendors() {
    let (world, acme, other) = (World::new(), key("acme", 1), key("other", 2));
    world.trusts(trusting(&[&acme, &other]).with_unsigned(true));
    let points: &'static [u8] = signed(pack("points"), &acme).leak();
    world.shop.enable(points).send().await.ok();
    world.shop.enable(points).stores(&[]).send().await.ok();
    assert_eq!(world.shop.request("DELETE", "/v1/packs/points").send().await.status, 204);
    calls(&world).await;
    world.restart();
    let told = refusal(&world, signed(pack("points"), &other)).await;
    assert_told(&told, &["409 pack-of-other-vendor: ", "`points`", "`acme`", "signed by `other`"]);
    assert_told(&refusal(&world, pack("points").to_vec()).await, &["409 pack-of-other-vendor: ", "signed by nobody"]);
    world.shop.enable(points).send().await.ok();

    // It need not have been enabled, and what nobody has signed owns no name.
    world.shop.upload(signed(&tiny("1.0.0"), &acme)).await.created();
    assert_eq!(world.shop.request("DELETE", "/v1/packs/tiny").send().await.status, 204);
    assert_told(&refusal(&world, signed(&tiny("1.1.0"), &other)).await, &["409 pack-of-other-vendor: "]);
    world.rival.upload(tiny("1.0.0")).await.created();
    assert_eq!(world.rival.request("DELETE", "/v1/packs/tiny").send().await.status, 204);
    world.rival.upload(signed(&tiny("1.1.0"), &other)).await.created();
}

#[tokio::test]
async fn in_development_a_version_is_sent_again_and_again_until_a_vendor_signs_it() {
    let (world, acme, other) = (World::new(), key("acme", 1), key("other", 2));
    world.shop.upload(tiny("1.0.0")).await.created();
    world.shop.upload(Tiny::new("tiny").unit("stamps").version("1.0.0").component()).await.created();
    world.trusts(trusting(&[&acme, &other]));
    world.shop.upload(signed(&tiny("1.0.0"), &acme)).await.created();
    assert_told(&refusal(&world, signed(&tiny("2.0.0"), &other)).await, &["409 pack-of-other-vendor: "]);
}

#[tokio::test]
async fn what_is_in_force_runs_on_when_its_vendor_is_not_trusted_any_more_but_gets_no_further() {
    let (world, acme) = (World::new(), key("acme", 1));
    let (shop, rival) = (&world.shop, &world.rival);
    world.trusts(trusting(&[&acme]));
    let points: &'static [u8] = signed(pack("points"), &acme).leak();
    let in_force = shop.enable(points).stores(&[0]).send().await.ok();
    let theirs = rival.upload(points).await.created();
    let alice = shop.member("alice").enrol().await;
    world.trusts(trusting(&[&key("acme", 2)]));
    world.restart();
    alice.order("till-1").line("bun", 1000).settle().await.created();
    assert_eq!(alice.holds("points").await.available, 10, "it runs on, after a restart as well");

    let wanted = |stores: &[usize], grants: &[&str], settings: Value| {
        let stores: Vec<_> = stores.iter().map(|index| shop.store(*index)).collect();
        json!({ "revision": in_force["revision"], "stores": stores, "grants": grants, "settings": settings })
    };
    let all = ["assets:write:own-units", "assets:read", "members:read"];
    let put = |body: Value| shop.put("/v1/packs/points/enablement", body).send();
    let before = world.state();
    let told = put(wanted(&[0, 1], &all, json!({}))).await.problem().to_string();
    let (id, trusted) = (acme.public().id().to_string(), format!("acme by {}", key("acme", 2).public().id()));
    assert_told(&told, &["422 vendor-not-trusted: ", &id, "`acme`", &trusted, "not be enabled anew"]);
    let body = json!({ "revision": theirs["revision"], "stores": [rival.store(0)], "grants": all });
    let told = rival.put("/v1/packs/points/enablement", body).send().await.problem().to_string();
    assert_told(&told, &["422 vendor-not-trusted: "]);
    world.unchanged_since(&before);

    put(wanted(&[0], &all, json!({ "points": 2, "per_amount": 100 }))).await.ok();
    alice.order("till-2").line("bun", 1000).settle().await.created();
    assert_eq!(alice.holds("points").await.available, 30, "settings may be changed");
    put(wanted(&[0], &all[..2], json!({}))).await.ok();
    let told = put(wanted(&[0], &all, json!({}))).await.problem().to_string();
    assert_told(&told, &["422 vendor-not-trusted: "]);
    put(wanted(&[], &all[..2], json!({}))).await.ok();
    let told = put(wanted(&[0], &all[..2], json!({}))).await.problem().to_string();
    assert_told(&told, &["422 vendor-not-trusted: "]);
    world.trusts(trusting(&[&acme]));
    put(wanted(&[0, 1], &all, json!({}))).await.ok();
}

#[tokio::test]
async fn what_was_enabled_in_development_runs_on_and_gets_no_further() {
    let world = World::new();
    world.shop.enable(pack("points")).stores(&[0]).send().await.ok();
    let alice = world.shop.member("alice").enrol().await;
    world.trusts(Trust::default());
    alice.order("till-1").line("bun", 1000).settle().await.created();
    assert_eq!(alice.holds("points").await.available, 10);
    let in_force = world.shop.get("/v1/packs/points/enablement").send().await.ok();
    let stores = [world.shop.store(0), world.shop.store(1)];
    let body = json!({ "revision": in_force["revision"], "stores": stores, "grants": in_force["grants"] });
    let told = world.shop.put("/v1/packs/points/enablement", body).send().await.problem().to_string();
    assert_told(&told, &["422 vendor-not-trusted: ", "signed by nobody"]);
}
