//! All that a merchant has goes out: what members hold, were given and have said, and what is offered to them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host_tests::premises::{Call, Premises};
use host_tests::process::{Server, punchcard};
use host_tests::{Shop, World};
use jiff::SignedDuration;
use punchcard::domain::Role;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::with_points;

pub(crate) async fn documents(shop: &Shop, path: &str) -> Vec<Value> {
    let reply = shop.get(path).send().await;
    assert!(reply.status.is_success(), "{reply}");
    String::from_utf8(reply.body).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) async fn table(shop: &Shop, path: &str) -> Vec<BTreeMap<String, String>> {
    let reply = shop.get(path).send().await;
    assert!(reply.status.is_success(), "{reply}");
    csv::Reader::from_reader(reply.body.as_slice()).deserialize().map(|row| row.unwrap()).collect()
}

#[tokio::test]
async fn what_members_hold_were_given_and_have_said_goes_out_with_whose_it_is() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    let bob = json!({ "external_ids": [{ "system": "wechat", "id": "o:1" }] });
    let bob = shop.post("/v1/members", bob).send().await.created()["id"].clone();
    alice.load(50_000).await.created();
    alice.order("till-1").settle().await.created();
    let coupon = json!({ "title": "5 off", "benefit": { "amount": { "off_minor": 500 } }, "validity": { "days": 30 } });
    shop.put("/v1/coupons/welcome", coupon).send().await.ok();
    let bobs = format!("/v1/members/{}", bob.as_str().unwrap());
    for _ in 0..2 {
        shop.post(&format!("{bobs}/coupons"), json!({ "coupon": "welcome" })).send().await.created();
    }
    let hold = json!({ "unit": "points", "amount": 4, "lapses_at": "2100-01-01T00:00:00Z" });
    shop.post(&format!("/v1/members/{}/holds", alice.id), hold).send().await.created();
    for given in [true, false] {
        shop.put(&format!("{bobs}/consents/news"), json!({ "given": given })).send().await.ok();
        world.clock_forward(SignedDuration::from_secs(1));
    }
    shop.put(&format!("{bobs}/tier"), json!({ "tier": "gold", "reason": "=1+1" })).send().await.ok();
    shop.post(&format!("{bobs}/notes"), json!({ "text": "likes tea" })).send().await.created();
    shop.put("/v1/catalogue/bun", json!({ "name": "Bun", "price_minor": 300 })).send().await.ok();

    let accounts = documents(shop, "/v1/exports/accounts").await;
    let of = |unit: &str| accounts.iter().find(|account| account["unit"] == unit).unwrap();
    let points = of("points");
    assert_eq!((&points["available"], &points["held"]), (&json!(20), &json!(4)), "{points}");
    assert_eq!((&points["member"], &points["customer"]), (&json!(alice.id), &json!("alice")));
    assert_eq!((&of("welcome")["available"], &of("welcome")["customer"]), (&json!(2), &Value::Null));
    assert_eq!(of("stored-value")["currency"], "CNY");

    let balances = documents(shop, "/v1/exports/balances").await;
    let mut told: Vec<_> = balances.iter().map(|lot| (lot["unit"].as_str(), lot["amount"].as_u64())).collect();
    told.sort_unstable();
    assert_eq!(told, [(Some("points"), Some(20)), (Some("stored-value"), Some(50_000))], "coupons are apart");
    assert!(balances.iter().all(|lot| lot["member"] == "alice" && lot["external_id"].is_null()), "{balances:?}");

    let coupons = documents(shop, "/v1/exports/coupons").await;
    assert_eq!(coupons.len(), 2);
    for coupon in &coupons {
        let named = (&coupon["coupon"], &coupon["count"], &coupon["member"], &coupon["external_id"]);
        assert_eq!(named, (&json!("welcome"), &json!(1), &Value::Null, &json!("wechat:o:1")));
        assert_eq!(coupon["expires_at"], "2026-04-17T16:00:00Z", "{coupon}");
    }
    let types = documents(shop, "/v1/exports/coupon-types").await;
    assert_eq!((types.len(), &types[0]["coupon"], &types[0]["title"]), (1, &json!("welcome"), &json!("5 off")));
    let items = documents(shop, "/v1/exports/catalogue").await;
    assert_eq!((items.len(), &items[0]["sku"], &items[0]["price_minor"]), (1, &json!("bun"), &json!(300)));

    let consents = documents(shop, "/v1/exports/consents").await;
    let said: Vec<_> = consents.iter().map(|receipt| (&receipt["member"], receipt["given"].as_bool())).collect();
    assert_eq!(said, [(&bob, Some(true)), (&bob, Some(false))]);
    let notes = documents(shop, "/v1/exports/notes").await;
    assert_eq!((notes.len(), &notes[0]["text"], &notes[0]["member"]), (1, &json!("likes tea"), &bob));
    let tiers = documents(shop, "/v1/exports/tiers").await;
    assert_eq!((tiers.len(), &tiers[0]["tier"], &tiers[0]["member"]), (1, &json!("gold"), &bob));
    let cells = table(shop, "/v1/exports/tiers?format=csv").await;
    assert_eq!(cells[0]["reason"], "'=1+1", "no cell is a formula");

    // A note of somebody who was forgotten is no more.
    shop.request("DELETE", &format!("{bobs}/personal")).send().await.ok();
    assert!(documents(shop, "/v1/exports/notes").await.is_empty());
    assert_eq!(documents(shop, "/v1/exports/consents").await.len(), 2, "receipts are proof");

    for kind in ["accounts", "balances", "coupons", "coupon-types", "catalogue", "consents", "notes", "tiers"] {
        assert_eq!(documents(&world.rival, &format!("/v1/exports/{kind}")).await, Vec::<Value>::new(), "{kind}");
        for role in [Role::Clerk, Role::Manager, Role::Auditor, Role::Integration] {
            let asked = shop.as_role(role).get(&format!("/v1/exports/{kind}")).send().await;
            assert_eq!(asked.problem().name(), "403 forbidden", "{kind} for {role}");
        }
    }
}

#[tokio::test]
async fn an_export_goes_on_behind_each_page_and_tells_everything_once() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let mut all = std::collections::BTreeSet::new();
    for number in 0..201 {
        let member = shop.member(&format!("card-{number}")).enrol().await;
        member.grant(1 + number).await.ok();
        shop.put(&format!("/v1/members/{}/consents/news", member.id), json!({ "given": true })).send().await.ok();
        all.insert((member.id.clone(), 1 + number));
    }
    let lots = documents(shop, "/v1/exports/balances").await;
    let told: std::collections::BTreeSet<_> = lots
        .iter()
        .map(|lot| (lot["member_id"].as_str().unwrap().to_owned(), lot["amount"].as_u64().unwrap()))
        .collect();
    assert_eq!((lots.len(), &told), (201, &all));
    for kind in ["accounts", "consents"] {
        let records = documents(shop, &format!("/v1/exports/{kind}")).await;
        let owners: std::collections::BTreeSet<_> = records.iter().map(|one| one["member"].to_string()).collect();
        assert_eq!((records.len(), owners.len()), (201, 201), "{kind}");
        assert_eq!(table(shop, &format!("/v1/exports/{kind}?format=csv")).await.len(), 201, "{kind}");
    }
}

#[tokio::test]
async fn what_has_expired_is_no_balance() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    let coupon = json!({ "title": "5 off", "benefit": { "amount": { "off_minor": 500 } }, "validity": { "days": 1 } });
    shop.put("/v1/coupons/welcome", coupon).send().await.ok();
    shop.post(&format!("/v1/members/{}/coupons", alice.id), json!({ "coupon": "welcome" })).send().await.created();
    assert_eq!(documents(shop, "/v1/exports/coupons").await.len(), 1);
    world.clock_at("2026-03-21T00:00:00+08:00");
    assert!(documents(shop, "/v1/exports/coupons").await.is_empty());
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn taken_out(from: &Premises, kind: &str, format: &str, files: &TempDir) -> PathBuf {
    let path = files.path().join(format!("{kind}.{format}"));
    let out = ["export", kind, "--data", text(from.path()), "--format", format, "--out", text(&path)];
    punchcard(&out).ok();
    path
}

/// What everybody holds, by number and unit, with when each part expires.
fn holdings(premises: &Premises) -> Vec<(String, String, u64, String)> {
    let told = punchcard(&["export", "balances", "--data", text(premises.path()), "--format", "ndjson"]).ok();
    let coupons = punchcard(&["export", "coupons", "--data", text(premises.path()), "--format", "ndjson"]).ok();
    let mut all: Vec<_> = told
        .lines()
        .chain(coupons.lines())
        .map(|line| {
            let lot: Value = serde_json::from_str(line).unwrap();
            let owner = if lot["member"].is_null() { &lot["external_id"] } else { &lot["member"] };
            let unit = if lot["unit"].is_null() { &lot["coupon"] } else { &lot["unit"] };
            let amount = if lot["amount"].is_null() { &lot["count"] } else { &lot["amount"] };
            // Coupons count from when they came in.
            let expires =
                if lot["unit"].is_null() { "as its type says".to_owned() } else { lot["expires_at"].to_string() };
            (owner.to_string(), unit.to_string(), amount.as_u64().unwrap(), expires)
        })
        .collect();
    all.sort();
    all
}

#[test]
fn what_members_hold_comes_in_elsewhere_as_it_went_out() {
    let (from, files) = (Premises::new(), tempfile::tempdir().unwrap());
    let server = Server::start(from.path());
    from.enable_points(&server);
    let coupon = json!({ "title": "5 off", "benefit": { "amount": { "off_minor": 500 } }, "validity": { "days": 30 } });
    let put = Call { method: "PUT", ..Call::post("/v1/coupons/welcome", "-", &coupon) };
    from.ask(&server, &put);
    for body in [json!({ "reference": "card-1" }), json!({ "external_ids": [{ "system": "old", "id": "u2" }] })] {
        from.ask(&server, &Call::post("/v1/members", body.to_string().replace(['"', ' '], ""), &body));
    }
    server.stop();
    let balances = files.path().join("first.csv");
    let rows = "reference,member,external_id,unit,amount,expires_at\n\
        b1,card-1,,points,120,2099-01-01T00:00:00Z\nb2,card-1,,points,7,\nb3,,old:u2,stored-value,5000,\n";
    std::fs::write(&balances, rows).unwrap();
    punchcard(&["import", "balances", "--data", text(from.path()), "--format", "csv", text(&balances)]).ok();
    let coupons = files.path().join("coupons-first.csv");
    std::fs::write(&coupons, "reference,external_id,coupon,count\nc1,old:u2,welcome,2\n").unwrap();
    punchcard(&["import", "coupons", "--data", text(from.path()), "--format", "csv", text(&coupons)]).ok();
    let there = holdings(&from);
    assert_eq!(there.len(), 5, "{there:?}");

    for format in ["csv", "ndjson"] {
        let to = Premises::new();
        let server = Server::start(to.path());
        to.enable_points(&server);
        to.ask(&server, &put);
        server.stop();
        for (kind, expected) in
            [("members", ""), ("balances", "3 balances came in, 0"), ("coupons", "2 rows of coupons came in, 0")]
        {
            let file = taken_out(&from, kind, format, &files);
            let told = punchcard(&["import", kind, "--data", text(to.path()), "--format", format, text(&file)]).ok();
            assert!(told.contains(expected), "{told}");
        }
        assert_eq!(holdings(&to), there, "{format}");
        // The same files again are the same things.
        let again = taken_out(&from, "balances", format, &files);
        let told = punchcard(&["import", "balances", "--data", text(to.path()), "--format", format, text(&again)]).ok();
        assert!(told.contains("0 balances came in, 3 were there before"), "{told}");
        to.verify().ok();
    }
}
