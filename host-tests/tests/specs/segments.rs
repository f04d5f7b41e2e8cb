//! Segments: members by what they have in common, and the tags that follow from it.

use host_tests::{Member, Shop, World};
use jiff::SignedDuration;
use punchcard::usecase;
use serde_json::{Value, json};

use crate::merges::merge;

const LOST: &str = "/v1/segments/lost";

fn lost() -> Value {
    let condition = json!({ "all": [{ "orders": { "at_least": 2 } }, { "days_since_last": { "at_least": 90 } }] });
    json!({ "title": "Not seen for long", "condition": condition, "tag": "lost" })
}

fn regular() -> Value {
    json!({ "title": "Regulars", "condition": { "spent_minor": { "at_least": 5_000 } }, "tag": "regular" })
}

/// What the caretaker of a serving host does.
fn follow(world: &World) -> usize {
    usecase::follow_segments(&world.running().host).unwrap()
}

async fn tags(member: &Member, shop: &Shop) -> Vec<String> {
    let member = shop.get(&format!("/v1/members/{}", member.id)).send().await.ok();
    member["tags"].as_array().unwrap().iter().map(|tag| tag["tag"].as_str().unwrap().to_owned()).collect()
}

async fn found(shop: &Shop, query: &str) -> Vec<String> {
    let found = shop.get(&format!("/v1/members?{query}")).send().await.ok();
    found["members"].as_array().unwrap().iter().map(|member| member["id"].as_str().unwrap().to_owned()).collect()
}

async fn segments(member: &Member, shop: &Shop) -> Vec<String> {
    let told = shop.get(&format!("/v1/members/{}/segments", member.id)).send().await.ok();
    told["segments"].as_array().unwrap().iter().map(|told| told["segment"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_tag_comes_and_goes_with_what_a_member_buys() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    shop.put("/v1/segments/regular", regular()).send().await.ok();
    assert_eq!(follow(&world), 0);
    let order = alice.order("till-1").line("cake", 6_000).settle().await.created();
    // Whoever asks knows at once; the tag follows.
    assert_eq!(segments(&alice, shop).await, ["regular"]);
    assert!(tags(&alice, shop).await.is_empty());
    assert_eq!(follow(&world), 1);
    assert_eq!(tags(&alice, shop).await, ["regular"]);
    assert_eq!(found(shop, "tag=regular").await, [alice.id.as_str()]);
    assert_eq!(found(shop, "segment=regular").await, [alice.id.as_str()]);
    let member = shop.get(&format!("/v1/members/{}", alice.id)).send().await.ok();
    assert_eq!(member["tags"][0]["source"], "rule");
    assert_eq!(follow(&world), 0, "its own changes come to an end");
    shop.refund(&order).await.ok();
    assert_eq!(follow(&world), 1);
    assert!(tags(&alice, shop).await.is_empty());
    world.books_balance();
}

#[tokio::test]
async fn a_tag_comes_in_one_round_however_much_has_happened_before() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").enrol().await;
    shop.put("/v1/segments/regular", regular()).send().await.ok();
    shop.put("/v1/behaviours/seen", json!({ "title": "Seen", "schema": { "type": "object" } })).send().await.ok();
    assert_eq!(follow(&world), 0, "all members are looked at for today");
    let many = vec![json!({ "behaviour": "seen" }); 100];
    for _ in 0..3 {
        shop.post("/v1/events", json!({ "events": many })).send().await.created();
    }
    alice.order("till-1").line("cake", 6_000).settle().await.created();
    assert_eq!(follow(&world), 1);
    assert_eq!(tags(&alice, shop).await, ["regular"]);
}

#[tokio::test]
async fn days_that_pass_are_noticed_once_a_day() {
    let world = World::new();
    let shop = &world.shop;
    let (alice, bob) = (shop.member("alice").enrol().await, shop.member("bob").enrol().await);
    for (member, reference) in [(&alice, "till-1"), (&alice, "till-2"), (&bob, "till-3")] {
        member.order(reference).line("bun", 500).settle().await.created();
    }
    shop.put(LOST, lost()).send().await.ok();
    assert_eq!(follow(&world), 0);
    world.clock_forward(SignedDuration::from_hours(24 * 89));
    assert_eq!(follow(&world), 0);
    world.clock_forward(SignedDuration::from_hours(24));
    assert_eq!(follow(&world), 1);
    assert_eq!((tags(&alice, shop).await, tags(&bob, shop).await), (vec!["lost".to_owned()], vec![]));
    alice.order("till-4").line("bun", 500).settle().await.created();
    assert_eq!(follow(&world), 1);
    assert!(tags(&alice, shop).await.is_empty());
    // Over a restart it goes on where it was.
    world.clock_forward(SignedDuration::from_hours(24 * 91));
    world.restart();
    assert_eq!(follow(&world), 1);
    assert_eq!(tags(&alice, &world.shop).await, ["lost"]);
}

#[tokio::test]
async fn a_tag_that_somebody_put_on_stays_whatever_segments_say() {
    let world = World::new();
    let shop = &world.shop;
    let alice = shop.member("alice").tags(&["regular"]).enrol().await;
    shop.put("/v1/segments/regular", regular()).send().await.ok();
    assert_eq!(follow(&world), 0);
    assert_eq!(tags(&alice, shop).await, ["regular"]);
    // A condition that asks for a tag means those that people put on: what segments do can not go round in circles.
    let circle = json!({ "title": "Others", "condition": { "not": { "tag": "regular" } }, "tag": "other" });
    shop.put("/v1/segments/other", circle).send().await.ok();
    let bob = shop.member("bob").enrol().await;
    bob.order("till-1").line("cake", 6_000).settle().await.created();
    assert_eq!(follow(&world), 1);
    assert_eq!(tags(&bob, shop).await, ["other", "regular"]);
    assert_eq!(tags(&alice, shop).await, ["regular"]);
}

fn bread(quantity: u32, amount_minor: u64) -> Value {
    json!({ "sku": "sourdough", "category": "bread", "brand": "Mill", "quantity": quantity, "amount_minor": amount_minor })
}

#[tokio::test]
async fn a_tag_of_a_category_or_brand_comes_with_what_is_bought_of_it_and_expires() {
    let world = World::new();
    let shop = &world.shop;
    // The till names a SKU only; the catalogue knows of which brand it is.
    shop.put("/v1/catalogue/rye", json!({ "name": "Rye", "category": "bread", "brand": "Mill" })).send().await.ok();
    let fan = json!({ "of": { "brand": "Mill" }, "orders": { "at_least": 2 }, "days_since_last": { "at_most": 30 } });
    let fan = json!({ "title": "Fans of Mill", "condition": { "bought": fan }, "tag": "mill" });
    assert_eq!(shop.put("/v1/segments/mill", fan.clone()).send().await.ok()["condition"], fan["condition"]);
    let many = json!({ "bought": { "of": { "category": "bread" }, "pieces": { "at_least": 5 } } });
    shop.put("/v1/segments/bread", json!({ "title": "Bread", "condition": many, "tag": "bread" })).send().await.ok();
    let (alice, bob) = (shop.member("alice").enrol().await, shop.member("bob").enrol().await);
    let order = alice.order("till-1").raw_line(bread(4, 2_000)).line("cup", 900).settle().await.created();
    assert_eq!(segments(&alice, shop).await, Vec::<String>::new());
    alice.order("till-2").line("rye", 600).settle().await.created();
    bob.order("till-3").line("cup", 900).settle().await.created();
    assert_eq!(follow(&world), 1);
    assert_eq!((tags(&alice, shop).await, tags(&bob, shop).await), (vec!["bread".to_owned(), "mill".into()], vec![]));
    assert_eq!(found(shop, "segment=mill").await, [alice.id.as_str()]);
    let portrait = shop.get(&format!("/v1/members/{}/portrait", alice.id)).send().await.ok();
    let day = portrait["bought"]["last_day"].clone();
    let of = |of: Value| json!({ "of": of, "orders": 2, "pieces": 5, "spent_minor": 2_600, "last_day": day });
    assert_eq!(portrait["bought_of"], json!([of(json!({ "category": "bread" })), of(json!({ "brand": "Mill" }))]));
    // A piece that comes back is not bought, an order of which nothing is left neither.
    let refunds = format!("/v1/orders/{}/refund", order["id"].as_str().unwrap());
    let part = json!({ "lines": [{ "line": 1, "quantity": 1 }] });
    shop.post(&refunds, part).send().await.ok();
    assert_eq!(segments(&alice, shop).await, ["mill"]);
    let rest = json!({ "lines": [{ "line": 1, "quantity": 3 }] });
    shop.post(&refunds, rest).send().await.ok();
    assert_eq!(segments(&alice, shop).await, Vec::<String>::new());
    alice.order("till-4").raw_line(bread(9, 4_500)).settle().await.created();
    assert_eq!(segments(&alice, shop).await, ["bread", "mill"]);
    // Who does not buy it any more loses the tag, without anything happening to them.
    follow(&world);
    world.clock_forward(SignedDuration::from_hours(24 * 31));
    assert_eq!(follow(&world), 1);
    assert_eq!(tags(&alice, shop).await, ["bread"]);
    world.books_balance();
}

#[tokio::test]
async fn what_was_bought_of_a_kind_follows_who_bought_it() {
    let world = World::new();
    let shop = &world.shop;
    let condition = json!({ "bought": { "of": { "category": "bread" }, "spent_minor": { "at_least": 3_000 } } });
    shop.put("/v1/segments/bread", json!({ "title": "Bread", "condition": condition })).send().await.ok();
    let (alice, ally) = (shop.member("alice").enrol().await, shop.member("ally").enrol().await);
    alice.order("till-1").raw_line(bread(2, 1_000)).settle().await.created();
    let order = shop.order("till-2").raw_line(bread(2, 1_000)).settle().await.created();
    let claim = format!("/v1/orders/{}/claim", order["id"].as_str().unwrap());
    shop.post(&claim, json!({ "member": alice.id })).send().await.ok();
    let order = ally.order("till-3").raw_line(bread(2, 1_000)).settle().await.created();
    assert_eq!(segments(&alice, shop).await, Vec::<String>::new());
    merge(shop, &alice, &ally).await.ok();
    assert_eq!(segments(&alice, shop).await, ["bread"]);
    world.books_balance();
    // An order of somebody who turned out to be another.
    shop.refund(&order).await.ok();
    assert_eq!(segments(&alice, shop).await, Vec::<String>::new());
    world.books_balance();
}

#[tokio::test]
async fn a_segment_that_is_changed_or_removed_takes_its_tag_along() {
    let world = World::new();
    let shop = &world.shop;
    let mut members = Vec::new();
    // More than one step of the job.
    for number in 0..130 {
        members.push(shop.member(&format!("card-{number}")).with("channel", "till").enrol().await);
    }
    let all = |tag: &str| json!({ "title": "All", "condition": { "channel": "till" }, "tag": tag });
    shop.put("/v1/segments/all", all("one")).send().await.ok();
    assert_eq!(follow(&world), 130);
    shop.put("/v1/segments/all", all("two")).send().await.ok();
    assert_eq!(follow(&world), 130);
    assert_eq!(tags(&members[129], shop).await, ["two"]);
    assert_eq!(shop.request("DELETE", "/v1/segments/all").send().await.status, 204);
    assert_eq!(follow(&world), 130);
    assert!(tags(&members[129], shop).await.is_empty());
    assert_eq!(follow(&world), 0);
    world.books_balance();
}

#[tokio::test]
async fn who_is_in_a_segment_is_found_by_page() {
    let world = World::new();
    let shop = &world.shop;
    let mut gold = Vec::new();
    for number in 0..9 {
        let member = shop.member(&format!("card-{number}")).enrol().await;
        if number % 2 == 0 {
            shop.put(&format!("/v1/members/{}/tier", member.id), json!({ "tier": "gold" })).send().await.ok();
            gold.push(member.id);
        }
    }
    gold.sort();
    let segment = json!({ "title": "Gold", "condition": { "tier": "gold" } });
    shop.put("/v1/segments/gold", segment).send().await.ok();
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("/v1/members?segment=gold&limit=2{cursor}")).send().await.ok();
        all.extend(page["members"].as_array().unwrap().iter().map(|member| member["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(all, gold);
    assert_eq!(shop.get("/v1/members?segment=none").send().await.problem().name(), "404 unknown-segment");
    assert_eq!(world.rival.get("/v1/members?segment=gold").send().await.problem().name(), "404 unknown-segment");
}

#[tokio::test]
async fn a_condition_that_can_not_be_asked_is_refused() {
    let world = World::new();
    let shop = &world.shop;
    shop.put("/v1/attributes/size", json!({ "label": "Size", "kind": "choice", "choices": ["S", "L"] }))
        .send()
        .await
        .ok();
    shop.put("/v1/segments/regular", regular()).send().await.ok();
    let before = world.state();
    let foreign = world.rival.store(0);
    for (condition, tag, expected) in [
        (json!({ "all": [] }), "a", "422 wrong-condition: `all` and `any` want one condition at least"),
        (
            json!({ "orders": {} }),
            "a",
            "422 wrong-condition: a range has `at_least`, `at_most` or both, the least before the most",
        ),
        (
            json!({ "attribute": { "code": "size", "is": { "choice": "XL" } } }),
            "a",
            "422 wrong-attribute: the attribute `size` is one of `L`, `S`",
        ),
        (
            json!({ "attribute": { "code": "weight", "is": { "flag": true } } }),
            "a",
            "422 unknown-attribute: there is no attribute `weight`",
        ),
        (json!({ "tag": "vip" }), "regular", "409 tag-taken: the tag `regular` is that of the segment `regular`"),
    ] {
        let segment = json!({ "title": "A", "condition": condition, "tag": tag });
        assert_eq!(shop.put("/v1/segments/a", segment).send().await.problem().to_string(), expected);
    }
    let segment = json!({ "title": "A", "condition": { "home_store": foreign } });
    assert_eq!(shop.put("/v1/segments/a", segment).send().await.problem().name(), "422 unknown-store");
    let segment = json!({ "title": "A", "condition": { "moon": "full" } });
    let problem = shop.put("/v1/segments/a", segment).send().await.problem();
    assert!(problem.to_string().starts_with("422 "), "{problem}");
    world.unchanged_since(&before);
}

#[tokio::test]
async fn a_portrait_has_all_on_one_page() {
    let world = World::new();
    let shop = &world.shop;
    shop.put("/v1/segments/regular", regular()).send().await.ok();
    shop.put("/v1/benefits/bag", json!({ "title": "A bag", "quota": 2, "period": "month" })).send().await.ok();
    let alice = shop.member("alice").with("personal", json!({ "name": "Alice Smith" })).enrol().await;
    alice.load(9_000).await.created();
    alice.order("till-1").line("cake", 6_000).at("2026-03-01T09:00:00+08:00").settle().await.created();
    alice.order("till-2").line("bun", 500).at("2026-03-05T09:00:00+08:00").settle().await.created();
    let portrait = shop.get(&format!("/v1/members/{}/portrait", alice.id)).send().await.ok();
    assert_eq!(portrait["member"]["personal"]["name"], "Alice Smith");
    let bought =
        json!({ "orders": 2, "spent_minor": 6_500, "days": 2, "first_day": "2026-03-01", "last_day": "2026-03-05" });
    assert_eq!(portrait["bought"], bought);
    assert_eq!((&portrait["benefits"][0]["left"], &portrait["segments"][0]["segment"]), (&json!(2), &json!("regular")));
    assert_eq!(
        portrait["assets"].as_array().unwrap().iter().filter(|asset| asset["unit"] == "stored-value").count(),
        1
    );
}
