//! Two members who turn out to be one person.

use host_tests::{Member, Receiver, Shop, World};
use serde_json::{Value, json};

use crate::messages::{gateway, hello, open_world, phoned, say_hello};
use crate::with_points;

const PHONE: &str = "+8613800138000";

fn path(survivor: &Member) -> String {
    format!("/v1/members/{}/merge", survivor.id)
}

pub(crate) async fn merge(shop: &Shop, survivor: &Member, gone: &Member) -> host_tests::Reply {
    shop.post(&path(survivor), json!({ "with": gone.id })).send().await
}

async fn preview(shop: &Shop, survivor: &Member, gone: &Member) -> host_tests::Reply {
    shop.get(&format!("{}?with={}", path(survivor), gone.id)).send().await
}

async fn found(shop: &Shop, query: &str) -> Vec<String> {
    let found = shop.get(&format!("/v1/members?{query}")).send().await.ok();
    found["members"].as_array().unwrap().iter().map(|member| member["id"].as_str().unwrap().to_owned()).collect()
}

/// Somebody who has a card since years, and joined once more in the mini-program.
async fn twice(shop: &Shop) -> (Member, Member) {
    let personal = json!({ "name": "Wang Fang", "birthday": "1990-02-28" });
    let card = shop.member("card-1").tags(&["vip"]).with("personal", personal).enrol().await;
    let personal = json!({ "name": "Fangfang", "phones": [PHONE] });
    let app = shop.member("app-7").with("personal", personal).with("channel", "mini-program").enrol().await;
    (card, app)
}

#[tokio::test]
async fn a_preview_tells_what_a_merge_does_and_changes_nothing() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let (card, app) = twice(shop).await;
    card.grant(100).await.ok();
    app.grant(50).await.ok();
    app.load(8_000).await.created();
    app.order("till-1").line("cake", 3_000).settle().await.created();
    let before = world.state();
    let seen = preview(shop, &card, &app).await;
    let etag = seen.header("etag").unwrap().to_owned();
    let told = seen.ok();
    world.unchanged_since(&before);
    assert_eq!((&told["orders"], &told["kept"]), (&json!(1), &json!(["name"])));
    let points = |of: &Value| {
        of.as_array().unwrap().iter().find(|asset| asset["unit"] == "points").unwrap()["available"].clone()
    };
    assert_eq!((points(&told["brought"]), points(&told["assets"])), (json!(80), json!(180)));
    // What the preview says is what happens.
    let request = shop.post(&path(&card), json!({ "with": app.id })).header("if-match", &etag);
    assert_eq!(request.send().await.ok(), told);
    assert_eq!((card.points().await, card.holds("stored-value").await.available), (180, 8_000));
    let again = merge(shop, &card, &app).await.problem();
    assert_eq!(again.name(), "409 member-merged");
    world.books_balance();
}

#[tokio::test]
async fn the_id_of_the_one_who_is_gone_leads_to_the_survivor() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    let (card, app) = twice(shop).await;
    let order = app.order("till-1").line("cake", 3_000).settle().await.created();
    shop.put(&format!("/v1/members/{}/consents/marketing-sms", app.id), json!({ "given": true })).send().await.ok();
    let note = json!({ "text": "allergic to nuts" });
    shop.post(&format!("/v1/members/{}/notes", app.id), note).send().await.created();
    app.load(9_000).await.created();
    let lapses_at = "2027-01-01T00:00:00Z";
    let wanted = json!({ "unit": "stored-value", "amount": 2_000, "lapses_at": lapses_at });
    let hold = shop.post(&format!("/v1/members/{}/holds", app.id), wanted).send().await.created();
    merge(shop, &card, &app).await.ok();

    let member = shop.get(&format!("/v1/members/{}", app.id)).send().await.ok();
    assert_eq!(member["id"], json!(card.id));
    assert_eq!((&member["reference"], &member["cards"]), (&json!("card-1"), &json!(["app-7"])));
    assert_eq!((&member["personal"]["name"], &member["channel"]), (&json!("Wang Fang"), &json!("mini-program")));
    for query in ["reference=card-1", "reference=app-7", "phone=%2B8613800138000", "name=wang"] {
        assert_eq!(found(shop, query).await, [card.id.as_str()], "{query}");
    }
    assert!(found(shop, "name=fangfang").await.is_empty());
    assert_eq!(found(shop, "limit=50").await, [card.id.as_str()], "a list has each of them once");
    // The till may know either id.
    for id in [&card.id, &app.id] {
        let consents = shop.get(&format!("/v1/members/{id}/consents")).send().await.ok();
        assert_eq!(consents["consents"][0]["given"], true);
        let notes = shop.get(&format!("/v1/members/{id}/notes")).send().await.ok();
        assert_eq!(notes["notes"][0]["text"], "allergic to nuts");
        let orders = shop.get(&format!("/v1/orders?member={id}")).send().await.ok();
        assert_eq!(orders["orders"].as_array().unwrap().len(), 1);
    }
    // What was earned before is taken back from the survivor, and the hold is theirs.
    assert_eq!(card.points().await, 30);
    shop.refund(&order).await.ok();
    assert_eq!(card.points().await, 0);
    let paid = json!([{ "method": "hold", "hold": hold["hold"], "amount_minor": 2_000 }]);
    let later = app.order("till-2").line("cake", 2_000).with("payments", paid).settle().await.created();
    assert_eq!(later["member"], json!(card.id));
    assert_eq!((card.points().await, card.holds("stored-value").await.available), (20, 7_000));
    // The same order sent once more under the old id is the same order.
    app.order("till-1").line("cake", 3_000).settle().await.ok();
    let statement = shop.get(&format!("/v1/members/{}/statement", card.id)).send().await.ok();
    let sum = |unit: &str| -> i64 {
        let moves =
            statement["postings"].as_array().unwrap().iter().flat_map(|posting| posting["moves"].as_array().unwrap());
        let moves = moves.filter(|seen| seen["unit"] == unit);
        moves.map(|seen| seen["credit"].as_i64().unwrap() - seen["debit"].as_i64().unwrap()).sum()
    };
    assert_eq!((sum("points"), sum("stored-value")), (20, 7_000), "the statement comes to the balance");
    let timeline = shop.get(&format!("/v1/members/{}/timeline", card.id)).send().await.ok();
    let moves = timeline["happenings"].as_array().unwrap().iter().flat_map(|seen| seen["posting"]["moves"].as_array());
    assert!(moves.flatten().count() > 5, "{timeline}");
    // By the old id the same is told, what came and went included.
    for (what, expected) in [("statement", statement), ("timeline", timeline)] {
        let told = shop.get(&format!("/v1/members/{}/{what}", app.id)).send().await.ok();
        assert_eq!(told, expected, "{what}");
    }
    world.books_balance();
}

#[tokio::test]
async fn messages_to_both_are_found_by_either_id() {
    let world = open_world();
    let (shop, receiver) = (&world.shop, Receiver::new().await);
    gateway(shop, "sms", &receiver).await;
    hello(shop, None).await;
    let card = shop.member("card-1").enrol().await;
    let app = phoned(shop, "app-7", PHONE).await;
    let message = say_hello(shop, &app).await;
    merge(shop, &card, &app).await.ok();
    for id in [&card.id, &app.id] {
        let told = shop.get(&format!("/v1/messages?member={id}")).send().await.ok();
        let ids: Vec<_> = told["messages"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, [&message["id"]], "{id}");
    }
}

#[tokio::test]
async fn the_history_of_both_is_one_and_is_forgotten_as_one() {
    let world = World::new();
    let shop = &world.shop;
    let (card, app) = twice(shop).await;
    app.order("till-1").line("cake", 3_000).settle().await.created();
    card.order("till-2").line("bun", 500).settle().await.created();
    merge(shop, &card, &app).await.ok();
    let timeline = shop.get(&format!("/v1/members/{}/timeline", card.id)).send().await.ok();
    let orders = timeline["happenings"].as_array().unwrap().iter().filter(|seen| seen["kind"] == "order").count();
    assert_eq!(orders, 2);
    assert!(timeline.to_string().contains("Fangfang"), "what the other record said can be looked up: {timeline}");
    let export = shop.get(&format!("/v1/members/{}/export", app.id)).send().await;
    let text = String::from_utf8(export.body.to_vec()).unwrap();
    assert!(text.contains("Wang Fang") && text.contains("till-1") && text.contains("till-2"), "{text}");
    shop.request("DELETE", &format!("/v1/members/{}/personal", app.id)).send().await.ok();
    let timeline = shop.get(&format!("/v1/members/{}/timeline", card.id)).send().await.ok().to_string();
    assert!(!timeline.contains("Fang") && !timeline.contains(PHONE), "{timeline}");
    world.books_balance();
}

#[tokio::test]
async fn days_quotas_and_limits_count_for_both_together() {
    let world = World::new();
    let shop = &world.shop;
    let (card, app) = twice(shop).await;
    let benefit = json!({ "title": "A bag", "quota": 3, "period": "month" });
    shop.put("/v1/benefits/bag", benefit).send().await.ok();
    for (member, times) in [(&card, 1), (&app, 2)] {
        for _ in 0..times {
            shop.post(&format!("/v1/members/{}/benefits/bag/uses", member.id), json!({})).send().await.created();
        }
    }
    for (member, reference, at) in [
        (&card, "till-1", "2026-03-01T08:00:00+08:00"),
        (&app, "till-2", "2026-03-01T09:00:00+08:00"),
        (&app, "till-3", "2026-03-04T09:00:00+08:00"),
    ] {
        member.order(reference).line("cake", 1_000).at(at).settle().await.created();
    }
    merge(shop, &card, &app).await.ok();
    let used = shop.post(&format!("/v1/members/{}/benefits/bag/uses", card.id), json!({})).send().await.problem();
    assert_eq!(used.name(), "422 benefit-used-up");
    assert_eq!(found(shop, "seen_since=2026-03-04").await, [card.id.as_str()]);
    assert!(found(shop, "not_seen_since=2026-03-04").await.is_empty());
    world.books_balance();
}

#[tokio::test]
async fn what_can_not_be_merged_is_refused_and_stays() {
    let world = World::new();
    let shop = &world.shop;
    let (card, app) = twice(shop).await;
    let gone = shop.member("gone").enrol().await;
    shop.request("DELETE", &format!("/v1/members/{}/personal", gone.id)).send().await.ok();
    let stranger = world.rival.member("card-1").enrol().await;
    let phones: Vec<String> = (0..5).map(|number| format!("+861380013810{number}")).collect();
    let full = shop.member("full").with("personal", json!({ "phones": phones })).enrol().await;
    let before = world.state();
    for (survivor, other, expected) in [
        (&card, &card, "422 same-member"),
        (&card, &gone, "409 member-erased"),
        (&gone, &card, "409 member-erased"),
        (&card, &stranger, "404 unknown-member"),
        (&app, &full, "422 too-many-contacts"),
    ] {
        assert_eq!(merge(shop, survivor, other).await.problem().name(), expected);
        assert_eq!(preview(shop, survivor, other).await.problem().name(), expected);
    }
    assert_eq!(merge(&world.rival, &card, &app).await.problem().name(), "404 unknown-member");
    let stale = shop.post(&path(&card), json!({ "with": app.id })).header("if-match", "\"7\"").send().await;
    assert_eq!(stale.problem().name(), "412 other-version");
    world.unchanged_since(&before);
}
