//! What members ask for themselves, with a token of their own: their profile, assets, orders and statement, and nothing
//! of anybody else.

use axum::http::StatusCode;
use host_tests::{Member, Request, Shop, World};
use jiff::SignedDuration;
use punchcard::domain::Role;
use serde_json::{Value, json};

use crate::every_id::furnished;
use crate::every_route::Route;
use crate::merges::merge;
use crate::with_points;

async fn token(shop: &Shop, member: &str) -> String {
    let path = format!("/v1/members/{member}/tokens");
    shop.post(&path, json!({})).send().await.created()["token"].as_str().unwrap().to_owned()
}

fn me(shop: &Shop, token: &str, path: &str) -> Request {
    shop.with_key(Some(token)).get(&format!("/v1/me{path}"))
}

/// What a member sees of themselves, all of it.
async fn seen(shop: &Shop, token: &str) -> String {
    let mut all = String::new();
    for path in ["", "/assets", "/benefits", "/orders", "/statement"] {
        all += &me(shop, token, path).send().await.ok().to_string();
    }
    all
}

/// Alice with an order, points and stored value.
async fn alice(shop: &Shop) -> Member {
    with_points(shop).await;
    let personal = json!({ "name": "王芳", "phones": ["+8613800138000"] });
    let alice = shop.member("alice").with("personal", personal).enrol().await;
    alice.load(5_000).await.created();
    alice
}

#[tokio::test]
async fn a_member_sees_their_own_profile_level_assets_orders_and_statement() {
    let world = World::new();
    let shop = &world.shop;
    let alice = alice(shop).await;
    world.clock_forward(SignedDuration::from_millis(1));
    let order = alice.order("till-1").settle().await.created();
    let note = json!({ "text": "a difficult one" });
    shop.post(&format!("/v1/members/{}/notes", alice.id), note).send().await.created();
    let tier = json!({ "tier": "gold", "reason": "said so" });
    shop.put(&format!("/v1/members/{}/tier", alice.id), tier).send().await.ok();
    shop.put("/v1/benefits/brow-trim", json!({ "title": "Brow trim", "quota": 3, "period": "month" }))
        .send()
        .await
        .ok();
    let token = token(&shop.as_role(Role::Integration), &alice.id).await;
    let profile = me(shop, &token, "").send().await.ok();
    assert_eq!((&profile["member"], &profile["personal"]["name"]), (&json!(alice.id), &json!("王芳")));
    assert_eq!((&profile["tier"]["tier"], &profile["reference"]), (&json!("gold"), &json!("alice")));
    assert_eq!((&profile["bought"]["orders"], &profile["bought"]["spent_minor"]), (&json!(1), &json!(2_400)));
    let assets = me(shop, &token, "/assets").send().await.ok();
    assert_eq!(assets, shop.get(&format!("/v1/members/{}/assets", alice.id)).send().await.ok());
    let orders = me(shop, &token, "/orders").send().await.ok();
    assert_eq!((&orders["orders"][0]["order"], &orders["next"]), (&order["id"], &Value::Null));
    assert_eq!(orders["orders"][0]["earned"], order["packs"][0]["earned"]);
    let statement = me(shop, &token, "/statement?limit=1").send().await.ok();
    assert_eq!(
        (&statement["postings"][0]["cause"], &statement["postings"][0]["order"]),
        (&json!("order"), &order["id"])
    );
    let next = format!("/statement?limit=1&cursor={}", statement["next"].as_str().unwrap());
    assert_eq!(me(shop, &token, &next).send().await.ok()["postings"][0]["cause"], "load");
    assert_eq!(me(shop, &token, "/benefits").send().await.ok()["benefits"][0]["benefit"], "brow-trim");
    let all = seen(shop, &token).await;
    for of_the_merchant in ["difficult", "said so", "stf_", "hand:"] {
        assert!(!all.contains(of_the_merchant), "{of_the_merchant} is none of theirs: {all}");
    }
}

#[tokio::test]
async fn a_member_sees_nothing_of_another_one() {
    let world = World::new();
    let shop = &world.shop;
    let alice = alice(shop).await;
    let bob = shop.member("bob-7").with("personal", json!({ "name": "陈明" })).enrol().await;
    bob.load(777).await.created();
    bob.order("till-bob").settle().await.created();
    let token = token(shop, &alice.id).await;
    let all = seen(shop, &token).await;
    for others in [bob.id.as_str(), "bob", "陈明", "777"] {
        assert!(!all.contains(others), "{others} is another's: {all}");
    }
    assert_eq!(me(shop, &token, "/orders").send().await.ok()["orders"], json!([]));
    assert_eq!(
        me(shop, &token, &format!("/orders?member={}", bob.id)).send().await.problem().name(),
        "400 wrong-query"
    );
}

#[tokio::test]
async fn a_token_ends_by_its_time_with_whoever_obtained_it_and_with_the_member() {
    let world = World::new();
    let shop = &world.shop;
    let alice = alice(shop).await;
    let path = format!("/v1/members/{}/tokens", alice.id);
    let ended = "401 invalid-member-token";
    let short = shop.post(&path, json!({ "valid_seconds": 60 })).send().await.created();
    assert_eq!(short["expires_at"], "2026-03-18T00:01:00Z");
    let short = short["token"].as_str().unwrap();
    world.clock_forward(SignedDuration::from_secs(59));
    me(shop, short, "").send().await.ok();
    world.clock_forward(SignedDuration::from_secs(1));
    assert_eq!(me(shop, short, "").send().await.problem().name(), ended);
    let key = shop.post("/v1/keys", json!({ "role": "integration" })).send().await.created();
    let of_key = token(&shop.with_key(key["secret"].as_str()), &alice.id).await;
    let of_shop = token(shop, &alice.id).await;
    me(shop, &of_key, "").send().await.ok();
    shop.request("DELETE", &format!("/v1/keys/{}", key["id"].as_str().unwrap())).send().await.ok();
    assert_eq!(me(shop, &of_key, "").send().await.problem().name(), ended);
    world.restart();
    me(shop, &of_shop, "").send().await.ok();
    let erased = shop.request("DELETE", &format!("/v1/members/{}/personal", alice.id)).send().await;
    assert!(erased.status.is_success(), "{erased}");
    assert_eq!(me(shop, &of_shop, "").send().await.problem().name(), ended);
    assert_eq!(shop.post(&path, json!({})).send().await.problem().name(), "404 unknown-member");
}

#[tokio::test]
async fn a_token_that_was_changed_is_none_and_writes_nothing() {
    let world = World::new();
    let shop = &world.shop;
    let (alice, bob) = (alice(shop).await, shop.member("bob").enrol().await);
    let before = world.state();
    let token = token(shop, &alice.id).await;
    for seconds in [0, 59, 3_601] {
        let path = format!("/v1/members/{}/tokens", alice.id);
        let refused = shop.post(&path, json!({ "valid_seconds": seconds })).send().await;
        assert_eq!(refused.problem().name(), "422 wrong-body", "{seconds}");
    }
    // Each digit counts: merchant, member, by whom, until when, and the tag.
    let digits = |id: &str| id.split_once('_').unwrap().1.to_owned();
    let others = token.replace(&digits(&alice.id), &digits(&bob.id));
    let rivals = token.replace(&digits(&shop.id.to_string()), &digits(&world.rival.id.to_string()));
    let mut wrong = vec![others, rivals, token[..token.len() - 2].to_owned(), format!("{token}00"), "pm_".to_owned()];
    for place in (3..token.len()).step_by(7) {
        let mut changed = token.clone();
        let other = if &token[place..=place] == "0" { "1" } else { "0" };
        changed.replace_range(place..=place, other);
        wrong.push(changed);
    }
    for token in wrong {
        let refused = me(shop, &token, "").send().await;
        assert_eq!(refused.problem().name(), "401 invalid-member-token", "{token}");
    }
    me(shop, &token, "").send().await.ok();
    world.unchanged_since(&before);
}

#[tokio::test]
async fn who_was_merged_is_the_one_into_whom_they_were() {
    let world = World::new();
    let shop = &world.shop;
    let (alice, twin) = (alice(shop).await, shop.member("twin").enrol().await);
    let token = token(shop, &twin.id).await;
    merge(shop, &alice, &twin).await.ok();
    assert_eq!(me(shop, &token, "").send().await.ok()["member"], alice.id);
}

#[tokio::test]
async fn members_tokens_and_keys_are_for_routes_of_their_own() {
    let (given, session) = furnished().await;
    let shop = &given.world.shop;
    let token = token(shop, &given.ids["mem"]).await;
    let bearer = shop.with_key(Some(&token));
    let before = given.world.state();
    let mut of_members = 0;
    let members = |route: &&Route| route.is_of_members();
    for route in given.routes.iter().filter(members) {
        assert_eq!(route.ask(&given, &bearer).send().await.status, StatusCode::OK, "{}", route.name);
        for asking in [
            route.ask(&given, &shop.with_key(None)),
            route.ask(&given, shop),
            session.sign(route.ask(&given, &shop.with_key(None))),
        ] {
            assert_eq!(asking.send().await.problem().name(), "401 no-member-token", "{}", route.name);
        }
        of_members += 1;
    }
    assert_eq!(of_members, 5);
    for route in given.closed() {
        let problem = route.ask(&given, &bearer).send().await.problem();
        assert_eq!(problem.name(), "403 members-token", "{}", route.name);
    }
    given.world.unchanged_since(&before);
}
