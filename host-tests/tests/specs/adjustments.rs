//! What staff and members do with assets besides orders: adjustments, gifts, releases, returned coupons.

use host_tests::{Member, Shop, World};
use jiff::SignedDuration;
use punchcard::domain::{Action, Role};
use serde_json::{Value, json};

use crate::with_points;

async fn adjust(shop: &Shop, member: &Member, body: Value) -> host_tests::Reply {
    shop.post(&format!("/v1/members/{}/adjustments", member.id), body).send().await
}

fn give(give: &Value) -> Value {
    json!({ "unit": "points", "give": give, "reason": "an apology" })
}

#[tokio::test]
async fn an_adjustment_gives_and_takes_and_stands_on_the_statement() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let alice = shop.member("alice").enrol().await;
    let given = adjust(shop, &alice, give(&json!({ "amount": 50 }))).await.created();
    assert_eq!((&given["available"], alice.points().await), (&json!(50), 50));
    world.clock_forward(SignedDuration::from_millis(1));
    let take = json!({ "unit": "points", "take": { "amount": 20 }, "reason": "entered twice" });
    adjust(shop, &alice, take.clone()).await.created();
    assert_eq!(alice.points().await, 30);
    let statement = shop.get(&format!("/v1/members/{}/statement", alice.id)).send().await.ok();
    let last = &statement["postings"][0];
    assert_eq!(
        (&last["cause"], &last["reason"], &last["moves"][0]["debit"]),
        (&json!("adjustment"), &json!("entered twice"), &json!(20))
    );
    let before = world.state();
    let clerk = shop.as_clerk();
    assert_eq!(adjust(&clerk, &alice, take).await.problem().name(), "403 forbidden");
    let points = |field: &str| json!({ "unit": "points", field: { "amount": 31 }, "reason": "a" });
    assert_eq!(adjust(shop, &alice, points("take")).await.problem().name(), "422 insufficient-balance");
    let neither = json!({ "unit": "points", "reason": "a" });
    assert_eq!(adjust(shop, &alice, neither).await.problem().name(), "422 give-or-take");
    let late = give(&json!({ "amount": 1, "expires_at": "2020-01-01T00:00:00Z" }));
    assert_eq!(adjust(shop, &alice, late).await.problem().name(), "422 expired-already");
    let unknown = json!({ "unit": "stars", "give": { "amount": 1 }, "reason": "a" });
    assert_eq!(adjust(shop, &alice, unknown).await.problem().name(), "422 unknown-unit");
    world.unchanged_since(&before);
    world.books_balance();
}

#[tokio::test]
async fn nothing_is_given_away_but_by_who_manages_assets() {
    let world = World::new();
    let shop = &world.shop;
    let coupon = json!({ "title": "one off", "benefit": { "amount": { "off_minor": 1 } }, "validity": { "days": 7 } });
    shop.put("/v1/coupons/welcome", coupon).send().await.ok();
    let alice = shop.member("alice").enrol().await;
    let path = |what: &str| format!("/v1/members/{}/{what}", alice.id);
    for role in Role::ALL {
        for (what, body, action) in [
            ("stored-value", json!({ "amount_minor": 500, "bonus_minor": 1 }), Action::ManageAssets),
            ("stored-value", json!({ "amount_minor": 500, "bonus_minor": 0 }), Action::Serve),
            ("coupons", json!({ "coupon": "welcome" }), Action::ManageAssets),
        ] {
            let before = world.state();
            let reply = shop.as_role(role).post(&path(what), body.clone()).send().await;
            if role.may(action) {
                reply.created();
            } else {
                let needed = format!("the role `{role}` may not do this, which needs `{action}`");
                assert_eq!(reply.problem().to_string(), format!("403 forbidden: {needed}"), "{what} {body}");
                world.unchanged_since(&before);
            }
        }
    }
    // Owner and manager.
    assert_eq!(alice.holds("stored-value-bonus").await.available, 2);
    assert_eq!(alice.holds("welcome").await.available, 2);
}

#[tokio::test]
async fn what_waits_for_an_event_is_released_by_it_once() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let (alice, bob) = (shop.member("alice").enrol().await, shop.member("bob").enrol().await);
    for member in [&alice, &bob] {
        let later = give(&json!({ "amount": 40, "release_on": "delivered-7" }));
        let given = adjust(shop, member, later).await.created();
        assert_eq!((&given["available"], &given["pending"]), (&json!(0), &json!(40)));
    }
    let release = async || shop.post("/v1/releases", json!({ "event": "delivered-7" })).send().await.ok();
    let other = world.rival.post("/v1/releases", json!({ "event": "delivered-7" })).send().await.ok();
    assert_eq!(other["released"], 0);
    assert_eq!((release().await["released"].clone(), release().await["released"].clone()), (json!(2), json!(0)));
    assert_eq!((alice.points().await, bob.points().await), (40, 40));
    world.books_balance();
}

#[tokio::test]
async fn a_gift_moves_what_may_be_given() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let (alice, bob) = (shop.member("alice").enrol().await, shop.member("bob").enrol().await);
    alice.grant(100).await.ok();
    let path = format!("/v1/members/{}/gifts", alice.id);
    let gift = json!({ "to": bob.id, "unit": "points", "amount": 30 });
    let refused = shop.post(&path, gift.clone()).send().await.problem();
    assert_eq!(refused.name(), "422 not-transferable");
    shop.put("/v1/units/points/rules", json!({ "transferable": true })).send().await.ok();
    shop.post(&path, gift).key("gift-1").send().await.created();
    assert_eq!((alice.points().await, bob.points().await), (70, 30));
    let stranger = world.rival.member("carol").enrol().await;
    let gift = json!({ "to": stranger.id, "unit": "points", "amount": 1 });
    assert_eq!(shop.post(&path, gift).send().await.problem().name(), "404 unknown-member");
    let kinds = shop.get("/v1/events?kind=assets-given").send().await.ok();
    assert_eq!(kinds["events"].as_array().unwrap().len(), 1);
    world.books_balance();
}

#[tokio::test]
async fn coupons_of_an_order_come_back_with_it_only() {
    let world = World::new();
    let shop = &world.shop;
    let coupon = json!({ "title": "5 off", "benefit": { "amount": { "off_minor": 500 } }, "validity": { "days": 30 } });
    let defined = shop.put("/v1/coupons/welcome", coupon).send().await.ok();
    let listed = shop.get("/v1/coupons").send().await.ok();
    assert_eq!(listed["coupons"], json!([defined]));
    assert_eq!(listed["coupons"][0]["benefit"], json!({ "amount": { "off_minor": 500 } }));
    let alice = shop.member("alice").enrol().await;
    let issue = format!("/v1/members/{}/coupons", alice.id);
    shop.post(&issue, json!({ "coupon": "welcome" })).send().await.created();
    let order = alice.order("till-1").line("cake", 3_000).with("coupons", json!([{ "type": "welcome" }]));
    let order = order.settle().await.created();
    let statement = shop.get(&format!("/v1/members/{}/statement", alice.id)).send().await.ok();
    let postings = statement["postings"].as_array().unwrap();
    let redemption = postings.iter().find(|posting| posting["order"] == order["id"]).unwrap();
    assert_eq!((&redemption["cause"], &redemption["moves"][0]["debit"]), (&json!("order"), &json!(1)));
    let path = format!("/v1/members/{}/coupons/returns", alice.id);
    let refused = shop.post(&path, json!({ "redemption": redemption["id"] })).send().await.problem();
    assert_eq!(refused.name(), "409 coupons-of-order");
    shop.refund(&order).await.ok();
    assert_eq!(alice.holds("welcome").await.available, 1);
    world.books_balance();
}

#[tokio::test]
async fn a_form_for_the_settings_of_a_pack_can_be_made_from_what_it_says() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let packs = shop.get("/v1/packs").send().await.ok();
    let revision = packs["revisions"][0]["revision"].as_str().unwrap();
    let told = shop.get(&format!("/v1/packs/points/revisions/{revision}")).send().await.ok();
    let manifest = &told["manifest"];
    assert!(manifest["title"]["zh-CN"].is_string() && manifest["grants"][0]["reason"]["en"].is_string(), "{manifest}");
    assert_eq!(manifest["settings"]["type"], "object");
    let enabled = shop.get("/v1/packs/points/enablement").send().await.ok();
    assert_eq!(enabled["revision"], revision);
    assert!(enabled["settings"].is_object());
    let other = shop.get(&format!("/v1/packs/bakery/revisions/{revision}")).send().await.problem();
    assert!(other.name().starts_with("4"), "{other}");
    let theirs = world.rival.get(&format!("/v1/packs/points/revisions/{revision}")).send().await.problem();
    assert!(theirs.name().starts_with("404"), "{theirs}");
    assert_eq!(world.rival.get("/v1/packs/points/enablement").send().await.problem().name(), "404 pack-not-enabled");
}
