//! What is known of members: who they are, what is personal, tags, levels, consents, notes, and who changed it.

use host_tests::{Member, Shop, World};
use insta::{assert_json_snapshot, assert_snapshot};
use punchcard::domain::Role;
use punchcard::store::{Direction, KeyRange};
use serde_json::{Value, json};

const PHONE: &str = "+8613800138000";

async fn fang(shop: &Shop) -> Member {
    let personal =
        json!({ "name": "Wang Fang", "phones": [PHONE], "emails": ["Fang@Example.com"], "birthday": "1990-02-28" });
    shop.member("card-1").with("personal", personal).enrol().await
}

async fn read(shop: &Shop, member: &Member) -> (String, Value) {
    let reply = shop.get(&format!("/v1/members/{}", member.id)).send().await;
    let etag = reply.header("etag").expect("a member has an ETag").to_owned();
    (etag, reply.ok())
}

async fn edit(shop: &Shop, member: &Member, body: Value) -> Value {
    let (etag, _) = read(shop, member).await;
    shop.patch(&format!("/v1/members/{}", member.id), &etag, body).send().await.ok()
}

async fn ids(shop: &Shop, query: &str) -> Vec<String> {
    let found = shop.get(&format!("/v1/members?{query}")).send().await.ok();
    let members = found["members"].as_array().unwrap().iter();
    members.map(|member| member["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_member_is_found_by_phone_address_card_external_id_and_the_beginning_of_a_name() {
    let world = World::new();
    let shop = &world.shop;
    let fang = fang(shop).await;
    let others = json!({ "cards": ["card-2"], "external_ids": [{ "system": "wechat", "id": "oXyz" }] });
    edit(shop, &fang, others).await;
    for query in [
        "phone=%2B86%20138-0013-8000",
        "email=FANG@example.com",
        "reference=card-1",
        "reference=card-2",
        "external_id=wechat:oXyz",
        "name=wa",
        "name=Wang%20F",
        "name=fang",
    ] {
        assert_eq!(ids(shop, query).await, [fang.id.as_str()], "{query}");
    }
    for query in ["phone=%2B8613800138001", "name=ang", "external_id=alipay:oXyz"] {
        assert!(ids(shop, query).await.is_empty(), "{query}");
        assert!(ids(&world.rival, query).await.is_empty(), "{query}");
    }
    assert!(ids(&world.rival, "phone=%2B8613800138000").await.is_empty());
    for (query, expected) in [
        ("name=w", "400 wrong-query: a name is sought by two letters at least, or one Chinese character"),
        ("tag=vip&reference=card-1", "400 wrong-query: members are sought by one thing at a time"),
        ("limit=0", "400 wrong-query: `limit` is 0, expected 1 to 200"),
        ("cursor=x", "400 wrong-query: `cursor` is not one that this list has given; leave it out to begin anew"),
        ("external_id=oXyz", "400 wrong-query: `external_id` is a system, a colon, and the name there"),
    ] {
        let problem = shop.get(&format!("/v1/members?{query}")).send().await.problem();
        assert_eq!(problem.to_string(), expected);
    }
}

#[tokio::test]
async fn a_list_of_members_goes_on_where_its_cursor_says() {
    let world = World::new();
    let shop = &world.shop;
    let mut all = Vec::new();
    for number in 0..7 {
        all.push(shop.member(&format!("card-{number}")).tags(&["vip"]).enrol().await.id);
    }
    all.sort();
    for list in ["limit=3", "tag=vip&limit=3"] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        for _ in 0..3 {
            let page = shop.get(&format!("/v1/members?{list}{cursor}")).send().await.ok();
            found.extend(
                page["members"].as_array().unwrap().iter().map(|member| member["id"].as_str().unwrap().to_owned()),
            );
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(found, all, "{list}");
    }
}

#[tokio::test]
async fn what_leads_to_a_member_can_not_lead_to_another_one() {
    let world = World::new();
    let shop = &world.shop;
    let fang = fang(shop).await;
    edit(shop, &fang, json!({ "external_ids": [{ "system": "wechat", "id": "oXyz" }] })).await;
    let before = world.state();
    for (field, value, expected) in [
        (
            "personal",
            json!({ "phones": ["+8613900139000", PHONE] }),
            "409 phone-taken: phone number 2 of those given is that of mem_…",
        ),
        (
            "personal",
            json!({ "emails": ["fang@example.com"] }),
            "409 email-taken: e-mail address 1 of those given is that of mem_…",
        ),
        ("cards", json!(["card-1"]), "409 reference-taken: the number `card-1` is that of mem_…"),
        (
            "external_ids",
            json!([{ "system": "wechat", "id": "oXyz" }]),
            "409 external-id-taken: `oXyz` of `wechat` is mem_…",
        ),
    ] {
        let problem = shop.member("other").with(field, value).send().await.problem();
        assert_eq!(problem.to_string(), expected);
    }
    let phone = shop.member("other").with("personal", json!({ "phones": ["13800138000"] })).send().await.problem();
    assert_eq!(phone.name(), "422 wrong-body");
    assert!(!phone.to_string().contains("13800138000") || phone.to_string().contains("such as +8613800138000"));
    world.unchanged_since(&before);
    // What a member gives up is free again.
    edit(shop, &fang, json!({ "personal": { "phones": [] } })).await;
    shop.member("other").with("personal", json!({ "phones": [PHONE] })).send().await.created();
}

#[tokio::test]
async fn an_edit_keeps_what_it_does_not_name_and_needs_the_state_that_was_read() {
    let world = World::new();
    let shop = &world.shop;
    let fang = fang(shop).await;
    let path = format!("/v1/members/{}", fang.id);
    let (etag, _) = read(shop, &fang).await;
    let edited = shop.patch(&path, &etag, json!({ "personal": { "birthday": null }, "channel": "till" })).send().await;
    assert_eq!(edited.header("etag"), Some("\"1\""));
    let edited = edited.ok();
    assert_eq!((&edited["personal"]["name"], &edited["personal"]["birthday"]), (&json!("Wang Fang"), &Value::Null));
    assert_eq!(edited["channel"], "till");
    let before = world.state();
    let late = shop.patch(&path, &etag, json!({ "channel": "online" })).send().await.problem();
    assert_snapshot!(late, @"412 other-version: mem_… is in version 1, not in 0: read it again");
    let blind = shop.request("PATCH", &path).content_type("application/json").body("{}").send().await.problem();
    assert_eq!(blind.name(), "428 no-version");
    let weak = shop.patch(&path, "*", json!({})).send().await.problem();
    assert_eq!(weak.name(), "400 wrong-version");
    // Nothing to do is no new version.
    let same = shop.patch(&path, "\"1\"", json!({ "channel": "till" })).send().await;
    assert_eq!(same.header("etag"), Some("\"1\""));
    world.unchanged_since(&before);
}

#[tokio::test]
async fn attributes_have_the_types_that_the_merchant_gave_them() {
    let world = World::new();
    let shop = &world.shop;
    let size = json!({ "label": "Size", "kind": "choice", "choices": ["S", "M"] });
    shop.put("/v1/attributes/size", size.clone()).send().await.ok();
    shop.put("/v1/attributes/visits-goal", json!({ "label": "Goal", "kind": "number" })).send().await.ok();
    shop.put("/v1/attributes/id-card", json!({ "label": "ID", "kind": "text", "personal": true })).send().await.ok();
    let attributes = json!({ "size": "M", "visits-goal": 7, "id-card": "3101" });
    let fang = shop.member("card-1").with("attributes", attributes.clone()).enrol().await;
    assert_eq!(read(shop, &fang).await.1["attributes"], attributes);
    let seen_by_auditor = read(&shop.as_role(Role::Auditor), &fang).await.1;
    assert_eq!(seen_by_auditor["attributes"], json!({ "size": "M", "visits-goal": 7 }));
    for (attributes, expected) in [
        (json!({ "size": "L" }), "422 wrong-attribute: the attribute `size` is one of `M`, `S`"),
        (json!({ "visits-goal": "7" }), "422 wrong-attribute: the attribute `visits-goal` is a whole number"),
        (json!({ "shoe": 1 }), "422 unknown-attribute: there is no attribute `shoe`"),
    ] {
        let problem = shop.member("card-2").with("attributes", attributes).send().await.problem();
        assert_eq!(problem.to_string(), expected);
    }
    let text = shop.put("/v1/attributes/size", json!({ "label": "Size", "kind": "text" })).send().await.problem();
    assert_eq!(text.name(), "409 attribute-differs");
    let longer = json!({ "label": "Size", "kind": "choice", "choices": ["S", "M", "L"] });
    shop.put("/v1/attributes/size", longer).send().await.ok();
    let edited = edit(shop, &fang, json!({ "attributes": { "size": "L", "visits-goal": null } })).await;
    assert_eq!(edited["attributes"], json!({ "size": "L", "id-card": "3101" }));
    let listed = shop.get("/v1/attributes").send().await.ok();
    assert_eq!(listed["attributes"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn tags_say_who_put_them_on_and_expire() {
    let world = World::new();
    let shop = &world.shop;
    let fang = shop.member("card-1").tags(&["regular"]).enrol().await;
    let path = format!("/v1/members/{}/tags/vip", fang.id);
    let until = json!({ "expires_at": "2026-03-20T00:00:00+08:00" });
    let tagged = shop.as_clerk().put(&path, until.clone()).send().await.ok();
    let vip = tagged["tags"].as_array().unwrap().iter().find(|tag| tag["tag"] == "vip").unwrap();
    assert!(vip["source"].as_str().unwrap().starts_with("hand:stf_"));
    assert_eq!(ids(shop, "tag=vip").await, [fang.id.as_str()]);
    world.clock_at("2026-03-20T00:00:00+08:00");
    assert!(ids(shop, "tag=vip").await.is_empty());
    assert_eq!(read(shop, &fang).await.1["tags"].as_array().unwrap().len(), 1);
    let late = shop.put(&path, until).send().await.problem();
    assert_eq!(late.name(), "422 expired-already");
    shop.request("DELETE", &format!("/v1/members/{}/tags/regular", fang.id)).send().await.ok();
    assert!(ids(shop, "tag=regular").await.is_empty());
}

#[tokio::test]
async fn a_level_has_validity_source_and_history() {
    let world = World::new();
    let shop = &world.shop;
    let fang = shop.member("card-1").enrol().await;
    let path = format!("/v1/members/{}/tier", fang.id);
    let gold = json!({ "tier": "gold", "until": "2026-04-01T00:00:00+08:00", "reason": "a good customer" });
    let given = shop.put(&path, gold).send().await.ok();
    assert_eq!((&given["tier"]["tier"], &given["tier"]["since"]), (&json!("gold"), &json!("2026-03-18T00:00:00Z")));
    assert_eq!(shop.as_clerk().put(&path, json!({ "tier": "gold" })).send().await.problem().name(), "403 forbidden");
    world.clock_at("2026-03-19T00:00:00Z");
    let kept = shop.put(&path, json!({ "tier": "gold" })).send().await.ok();
    assert_eq!(kept["tier"]["since"], "2026-03-18T00:00:00Z", "who keeps a level has it since they got it");
    assert_eq!(ids(shop, "tier=gold").await, [fang.id.as_str()]);
    world.clock_at("2026-03-20T00:00:00Z");
    let lost = shop.put(&path, json!({ "tier": null })).send().await.ok();
    assert_eq!(lost["tier"], Value::Null);
    assert!(ids(shop, "tier=gold").await.is_empty());
    let history = shop.get(&format!("/v1/members/{}/tiers", fang.id)).send().await.ok();
    let told: Vec<_> =
        history["changes"].as_array().unwrap().iter().map(|change| (&change["tier"], &change["at"])).collect();
    assert_json_snapshot!(told, @r#"
    [
      [
        null,
        "2026-03-20T00:00:00Z"
      ],
      [
        "gold",
        "2026-03-19T00:00:00Z"
      ],
      [
        "gold",
        "2026-03-18T00:00:00Z"
      ]
    ]
    "#);
}

#[tokio::test]
async fn an_age_turns_over_at_the_merchants_midnight() {
    let world = World::new();
    let shop = &world.shop;
    let fang = shop.member("card-1").with("personal", json!({ "birthday": "1990-03-19" })).enrol().await;
    for (at, age) in [("2026-03-18T23:59:59+08:00", 35), ("2026-03-19T00:00:00+08:00", 36)] {
        world.clock_at(at);
        let listed = shop.get("/v1/members?reference=card-1").send().await.ok();
        let (_, alone) = read(shop, &fang).await;
        for member in [&alone, &listed["members"][0]] {
            assert_eq!(member["personal"]["age"], age, "{at}");
        }
    }
}

#[tokio::test]
async fn a_consent_leaves_a_receipt_and_can_be_taken_back() {
    let world = World::new();
    let shop = &world.shop;
    let fang = shop.member("card-1").enrol().await;
    let path = format!("/v1/members/{}/consents", fang.id);
    let yes = json!({ "given": true, "channel": "till", "text": "2026-01" });
    let first = shop.put(&format!("{path}/sms"), yes.clone()).send().await.ok();
    world.clock_at("2026-03-19T00:00:00Z");
    assert_eq!(shop.put(&format!("{path}/sms"), yes).send().await.ok(), first, "the same again is the same receipt");
    shop.put(&format!("{path}/sms"), json!({ "given": false })).send().await.ok();
    shop.put(&format!("{path}/email"), json!({ "given": true })).send().await.ok();
    let now = shop.get(&path).send().await.ok();
    let said: Vec<_> = now["consents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["purpose"].as_str().unwrap(), one["given"].as_bool().unwrap()))
        .collect();
    assert_eq!(said, [("email", true), ("sms", false)]);
    let history = shop.get(&format!("{path}?history=true")).send().await.ok();
    assert_eq!(history["consents"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn notes_are_written_read_and_removed() {
    let world = World::new();
    let shop = &world.shop;
    let fang = fang(shop).await;
    let path = format!("/v1/members/{}/notes", fang.id);
    let first = shop.post(&path, json!({ "text": "allergic to nuts" })).send().await.created();
    world.clock_at("2026-03-19T00:00:00Z");
    shop.as_clerk().post(&path, json!({ "text": "likes the\ncorner table" })).send().await.created();
    let notes = shop.get(&path).send().await.ok();
    let texts: Vec<_> = notes["notes"].as_array().unwrap().iter().map(|note| note["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["likes the\ncorner table", "allergic to nuts"]);
    let gone = format!("{path}/{}", first["id"].as_str().unwrap());
    assert_eq!(shop.request("DELETE", &gone).send().await.status, 204);
    assert_eq!(shop.request("DELETE", &gone).send().await.problem().name(), "404 unknown-note");
    assert_eq!(shop.as_role(Role::Auditor).get(&path).send().await.problem().name(), "403 forbidden");
}

#[tokio::test]
async fn an_auditor_sees_what_was_changed_and_nothing_personal() {
    let world = World::new();
    let shop = &world.shop;
    let fang = fang(shop).await;
    edit(shop, &fang, json!({ "personal": { "name": "Wang Fangfang" }, "channel": "online" })).await;
    let auditor = shop.as_role(Role::Auditor);
    assert_eq!(read(&auditor, &fang).await.1.get("personal"), None);
    for query in ["name=wang", "phone=%2B8613800138000", "email=fang@example.com"] {
        assert_eq!(auditor.get(&format!("/v1/members?{query}")).send().await.problem().name(), "403 forbidden");
    }
    let seen = auditor.get("/v1/changes").send().await.ok();
    assert!(!seen.to_string().contains("Fang"));
    let changes = shop.get("/v1/changes").send().await.ok();
    let change = changes["changes"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&change["kind"], &change["name"]), (&json!("member"), &json!(fang.id)));
    assert_eq!((&change["before"]["channel"], &change["after"]["channel"]), (&Value::Null, &json!("online")));
    assert_eq!(change["personal"]["before"]["personal"]["name"], "Wang Fang");
    assert_eq!(change["personal"]["after"]["personal"]["name"], "Wang Fangfang");
    assert_eq!(change["by"]["role"], "owner");
    let more = shop.get(&format!("/v1/changes?cursor={}", changes["next"].as_str().unwrap())).send().await.ok();
    assert_eq!(more["changes"], json!([]));
    assert_eq!(shop.as_clerk().get("/v1/changes").send().await.problem().name(), "403 forbidden");
}

#[tokio::test]
async fn everything_that_happened_to_a_member_is_on_one_page() {
    let world = World::new();
    let shop = &world.shop;
    crate::with_points(shop).await;
    let fang = fang(shop).await;
    world.clock_at("2026-03-18T09:00:00+08:00");
    fang.load(5_000).await.created();
    world.clock_at("2026-03-18T10:00:00+08:00");
    fang.order("till-1").settle().await.created();
    world.clock_at("2026-03-18T11:00:00+08:00");
    shop.put(&format!("/v1/members/{}/tags/vip", fang.id), json!({})).send().await.ok();
    let path = format!("/v1/members/{}/timeline", fang.id);
    let (mut told, mut cursor) = (Vec::new(), String::new());
    for _ in 0..4 {
        let page = shop.get(&format!("{path}?limit=2{cursor}")).send().await.ok();
        told.extend(
            page["happenings"]
                .as_array()
                .unwrap()
                .iter()
                .map(|happening| happening["kind"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    told[1..3].sort();
    assert_eq!(told, ["change", "order", "posting", "posting", "change"]);
    let statement = shop.get(&format!("/v1/members/{}/statement", fang.id)).send().await.ok();
    let causes: Vec<_> =
        statement["postings"].as_array().unwrap().iter().map(|posting| posting["cause"].as_str().unwrap()).collect();
    assert_eq!(causes, ["order", "load"]);
    assert_eq!(statement["postings"][1]["moves"], json!([{ "unit": "stored-value", "credit": 5000, "debit": 0 }]));
}

#[tokio::test]
async fn an_erased_member_is_nobody_and_the_books_stay_whole() {
    let world = World::new();
    let shop = &world.shop;
    let fang = fang(shop).await;
    shop.post(&format!("/v1/members/{}/notes", fang.id), json!({ "text": "allergic to nuts" })).send().await.created();
    edit(shop, &fang, json!({ "personal": { "address": "Nanjing Road 1" }, "cards": ["card-9"] })).await;
    fang.load(5_000).await.created();
    let order = fang.order("till-1").settle().await.created();
    let path = format!("/v1/members/{}/personal", fang.id);
    assert_eq!(shop.as_clerk().request("DELETE", &path).send().await.problem().name(), "403 forbidden");
    let erased = shop.request("DELETE", &path).send().await.ok();
    assert_eq!(erased["erased_at"], "2026-03-18T00:00:00Z");
    assert_eq!(
        (&erased["reference"], &erased["personal"]["name"], &erased["tags"]),
        (&Value::Null, &Value::Null, &json!([]))
    );
    let before = world.state();
    shop.request("DELETE", &path).send().await.ok();
    world.unchanged_since(&before);
    for query in ["phone=%2B8613800138000", "reference=card-1", "reference=card-9", "name=wang"] {
        assert!(ids(shop, query).await.is_empty(), "{query}");
    }
    assert_eq!(shop.get(&format!("/v1/members/{}/notes", fang.id)).send().await.ok()["notes"], json!([]));
    let changes = shop.get("/v1/changes").send().await.ok().to_string();
    assert!(!changes.contains("Fang") && !changes.contains("Nanjing") && !changes.contains("card-9"));
    assert_eq!(fang.holds("stored-value").await.available, 5_000);
    assert_eq!(
        shop.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).send().await.ok()["member"],
        json!(fang.id)
    );
    let (etag, _) = read(shop, &fang).await;
    let back = shop.patch(&format!("/v1/members/{}", fang.id), &etag, json!({ "reference": "card-1" })).send().await;
    assert_eq!(back.problem().name(), "409 member-erased");
    // Somebody else may have the number now.
    shop.member("card-1").with("personal", json!({ "phones": [PHONE] })).send().await.created();
}

#[tokio::test]
async fn nothing_personal_lies_open_in_the_store() {
    let world = World::new();
    let shop = &world.shop;
    let fang = fang(shop).await;
    edit(shop, &fang, json!({ "personal": { "address": "Nanjing Road 1" } })).await;
    shop.post(&format!("/v1/members/{}/notes", fang.id), json!({ "text": "allergic to nuts" })).send().await.created();
    let found = world.running().host.look(|tx| tx.scan(&KeyRange::prefix(&[]), Direction::Forward, usize::MAX));
    for (key, value) in found.unwrap() {
        for secret in ["Fang", "fang", "13800138000", "example.com", "Nanjing", "allergic", "1990-02"] {
            let lies_open = |bytes: &[u8]| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!lies_open(&key) && !lies_open(&value), "{secret} lies open at {}", key.escape_ascii());
        }
    }
}

#[tokio::test]
async fn an_attribute_is_taken_away_when_no_segment_asks_for_it() {
    let world = World::new();
    let shop = &world.shop;
    let size = json!({ "label": "Size", "kind": "choice", "choices": ["S", "M"] });
    shop.put("/v1/attributes/size", size).send().await.ok();
    shop.put("/v1/attributes/allergy", json!({ "label": "Allergy", "kind": "text", "personal": true }))
        .send()
        .await
        .ok();
    let condition = json!({ "not": { "attribute": { "code": "size", "is": { "choice": "S" } } } });
    shop.put("/v1/segments/large", json!({ "title": "Large", "condition": condition })).send().await.ok();
    let fang = shop.member("card-1").with("attributes", json!({ "size": "S", "allergy": "nuts" })).enrol().await;
    let take = |code: &str| shop.request("DELETE", &format!("/v1/attributes/{code}"));
    let before = world.state();
    assert_eq!(
        take("size").send().await.problem().to_string(),
        "409 attribute-asked-for: the segment `large` asks for the attribute `size`: change or remove the segment first"
    );
    world.unchanged_since(&before);
    assert_eq!(shop.request("DELETE", "/v1/segments/large").send().await.status, 204);
    assert_eq!(take("size").send().await.status, 204);
    assert_eq!(take("size").send().await.problem().name(), "404 unknown-attribute");

    // What it said stays until somebody edits the member.
    let (etag, known) = read(shop, &fang).await;
    assert_eq!(known["attributes"], json!({ "size": "S", "allergy": "nuts" }));
    let path = format!("/v1/members/{}", fang.id);
    let said = shop.patch(&path, &etag, json!({ "attributes": { "size": "M" } })).send().await.problem();
    assert_eq!(said.name(), "422 unknown-attribute");
    assert_eq!(edit(shop, &fang, json!({ "channel": "online" })).await["attributes"], json!({ "allergy": "nuts" }));
    shop.put("/v1/attributes/size", json!({ "label": "Size", "kind": "number" })).send().await.ok();
    let sized = edit(shop, &fang, json!({ "attributes": { "size": 42 } })).await;
    assert_eq!(sized["attributes"], json!({ "size": 42, "allergy": "nuts" }));
    // One that is something else by now says nothing, either: what was sealed does not come into the open.
    assert_eq!(take("allergy").send().await.status, 204);
    shop.put("/v1/attributes/allergy", json!({ "label": "Allergy", "kind": "text" })).send().await.ok();
    assert_eq!(read(&shop.as_role(Role::Auditor), &fang).await.1["attributes"], json!({ "size": 42 }));
    assert_eq!(edit(shop, &fang, json!({ "channel": "till" })).await["attributes"], json!({ "size": 42 }));
}
