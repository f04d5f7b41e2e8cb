//! What the functions of the contract do, called by the guest `probe`.

use host_tests::{World, guest, reworded};
use serde_json::{Value, json};

use crate::grants::{MAY, PROBE, ask, ask_as, well, with_probe, with_whole_probe};
use crate::ledger::{LATER, hold};
use crate::messages::{consents, hello, phoned};

/// The instant at which worlds begin, in milliseconds since 1970.
const BEGIN: u64 = 1_773_792_000_000;
const DAY: u64 = 24 * 60 * 60 * 1000;

/// The probe under another name, and with another unit: another pack.
fn other_probe() -> &'static [u8] {
    reworded(guest("probe"), &[(PROBE, "probe-two")])
}

/// The kind of an answer that is an error, such as `not-found`.
fn kind(answer: &Value) -> &str {
    answer.as_object().and_then(|fields| fields.keys().next()).map_or("", String::as_str)
}

async fn earn(world: &World, member: &str, amount: u64, until: Option<u64>) -> Value {
    let with = json!({ "member": member, "unit": PROBE, "amount": amount, "reason": "a gift", "until": until });
    well(&ask(&world.shop, "assets.earn", with).await)
}

#[tokio::test]
async fn a_profile_has_level_tags_and_how_somebody_came_and_nothing_personal() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let bob = shop.member("bob").enrol().await;
    let alice = shop
        .member("alice")
        .tags(&["regular"])
        .with("personal", json!({ "name": "王芳", "phones": ["+8613800138000"], "birthday": "1990-02-28" }))
        .with("channel", "till")
        .with("home_store", shop.store(0))
        .with("referrer", bob.id.as_str())
        .enrol()
        .await;
    let member = json!({ "member": alice.id });
    well(&ask(shop, "members.tag", json!({ "member": alice.id, "tag": "early", "until": BEGIN + DAY })).await);
    let tier = json!({ "member": alice.id, "tier": "gold", "until": BEGIN + 2 * DAY, "reason": "many orders" });
    well(&ask(shop, "members.set-tier", tier).await);
    let told = well(&ask(shop, "members.profile", member.clone()).await);
    let expected = json!({
        "id": alice.id, "enrolled_at": BEGIN, "home_store": shop.store(0), "channel": "till", "referrer": bob.id,
        "tier": { "code": "gold", "since": BEGIN, "until": BEGIN + 2 * DAY },
        "tags": [
            { "code": "early", "since": BEGIN, "until": BEGIN + DAY, "mine": true },
            { "code": "regular", "since": BEGIN, "until": null, "mine": false },
        ],
        "erased": false,
    });
    assert_eq!(told, expected);

    // What has ended does not count any more.
    world.clock_at("2026-03-21T08:00:00+08:00");
    let later = well(&ask(shop, "members.profile", member).await);
    assert_eq!((&later["tier"], &later["tags"][0]["code"]), (&Value::Null, &json!("regular")));
}

#[tokio::test]
async fn many_members_come_in_the_order_asked_and_strangers_are_absent() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let (alice, bob) = (shop.member("alice").enrol().await, shop.member("bob").enrol().await);
    let theirs = world.rival.member("alice").enrol().await;
    let asked = json!({ "members": [bob.id, theirs.id, "nonsense", alice.id] });
    let told = well(&ask(shop, "members.get-many", asked).await);
    let ids: Vec<_> = told.as_array().unwrap().iter().map(|member| &member["id"]).collect();
    assert_eq!(ids, [&json!(bob.id), &Value::Null, &Value::Null, &json!(alice.id)]);
    let many = ask(shop, "members.get-many", json!({ "members": vec![alice.id; 101] })).await;
    assert_eq!(many, json!({ "invalid": "get-many takes at most 100 members, not 101" }));
}

#[tokio::test]
async fn a_contact_has_what_is_known_and_nothing_of_it_without_the_grant_or_after_an_erasure() {
    let world = World::new();
    let shop = &world.shop;
    let locale = json!({ "label": "Language", "kind": "text", "choices": [], "personal": false });
    shop.put("/v1/attributes/locale", locale).send().await.ok();
    with_whole_probe(shop).await;
    let alice = shop
        .member("alice")
        .with("personal", json!({ "name": "王芳", "phones": ["+8613800138000"], "emails": ["fang@example.com"] }))
        .with("attributes", json!({ "locale": "zh-CN" }))
        .enrol()
        .await;
    let bob = shop.member("bob").enrol().await;
    let told = well(&ask(shop, "members.contact", json!({ "member": alice.id })).await);
    let expected = json!({ "name": "王芳", "phone": "+8613800138000", "email": "fang@example.com", "locale": "zh-CN" });
    assert_eq!(told, expected);
    let nothing = json!({ "name": null, "phone": null, "email": null, "locale": null });
    assert_eq!(well(&ask(shop, "members.contact", json!({ "member": bob.id })).await), nothing);

    // The reply of a command is kept to be given again, but sealed.
    let state = world.running().host.look(|tx| {
        use punchcard::store::{Direction, KeyRange};
        tx.scan(&KeyRange::prefix(&[]), Direction::Forward, usize::MAX)
    });
    let phone = b"+8613800138000".as_slice();
    let open = state.unwrap().into_iter().filter(|(_, value)| value.windows(phone.len()).any(|part| part == phone));
    assert_eq!(open.map(|(key, _)| key.escape_ascii().to_string()).collect::<Vec<_>>(), Vec::<String>::new());

    with_probe(shop, &["members:read"]).await;
    let denied = ask(shop, "members.contact", json!({ "member": alice.id })).await;
    assert_eq!(denied, json!({ "denied": "members:contact" }));
    let profile = well(&ask(shop, "members.profile", json!({ "member": alice.id })).await).to_string();
    assert!(!profile.contains("138001380") && !profile.contains("王芳"), "{profile}");

    with_whole_probe(shop).await;
    shop.request("DELETE", &format!("/v1/members/{}/personal", alice.id)).send().await.ok();
    let erased = well(&ask(shop, "members.contact", json!({ "member": alice.id })).await);
    assert_eq!(erased["phone"], Value::Null);
    assert_eq!(well(&ask(shop, "members.profile", json!({ "member": alice.id })).await)["erased"], true);
    let tagged = ask(shop, "members.tag", json!({ "member": alice.id, "tag": "vip" })).await;
    assert_eq!(kind(&tagged), "invalid", "{tagged}");
}

#[tokio::test]
async fn a_reply_with_contacts_is_given_again_for_the_same_idempotency_key() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let alice = phoned(shop, "Alice", "+8613800138000").await;
    let input = json!({ "steps": [{ "call": "members.contact", "with": { "member": alice.id } }] });
    let send = || shop.command(PROBE, "call", input.clone()).key("once").send();
    let first = send().await.ok();
    let before = world.state();
    assert_eq!(send().await.ok(), first);
    world.unchanged_since(&before);
    assert_eq!(first["result"][0]["ok"]["phone"], "+8613800138000");
}

#[tokio::test]
async fn members_are_found_by_what_leads_to_them_and_only_at_their_merchant() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    with_whole_probe(&world.rival).await;
    let alice = shop
        .member("card-1")
        .with("personal", json!({ "phones": ["+8613800138000"], "emails": ["fang@example.com"] }))
        .with("external_ids", json!([{ "system": "wechat", "id": "oXyz" }]))
        .enrol()
        .await;
    for lead in [
        json!({ "kind": "phone", "text": "+86 138-0013-8000" }),
        json!({ "kind": "email", "text": "fang@Example.com" }),
        json!({ "kind": "card", "text": "card-1" }),
        json!({ "kind": "external", "system": "wechat", "text": "oXyz" }),
    ] {
        assert_eq!(well(&ask(shop, "members.find-by", lead.clone()).await), json!(alice.id), "{lead}");
        assert_eq!(well(&ask(&world.rival, "members.find-by", lead.clone()).await), Value::Null, "{lead}");
    }
    for wrong in [
        json!({ "kind": "phone", "text": "13800138000" }),
        json!({ "kind": "email", "text": "13800138000" }),
        json!({ "kind": "card", "text": " 13800138000" }),
        json!({ "kind": "external", "system": "13800138000 X", "text": "a" }),
    ] {
        let answer = ask(shop, "members.find-by", wrong.clone()).await;
        assert_eq!(kind(&answer), "invalid", "{wrong}");
        let told = answer.to_string();
        assert!(!told.contains("\"13800138000") && !told.contains("`13800138000"), "{told}");
    }
}

#[tokio::test]
async fn a_packs_tags_and_levels_bear_its_name_in_the_record_and_the_audit_log() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let alice = shop.member("alice").enrol().await;
    well(&ask(shop, "members.tag", json!({ "member": alice.id, "tag": "early" })).await);
    well(&ask(shop, "members.set-tier", json!({ "member": alice.id, "tier": "gold", "reason": "many orders" })).await);
    let read = shop.get(&format!("/v1/members/{}", alice.id)).send().await.ok();
    assert_eq!((&read["tags"][0]["tag"], &read["tags"][0]["source"]), (&json!("early"), &json!("pack:probe-one")));
    assert_eq!((&read["tier"]["tier"], &read["tier"]["source"]), (&json!("gold"), &json!("pack:probe-one")));
    let history = shop.get(&format!("/v1/members/{}/tiers", alice.id)).send().await.ok();
    assert_eq!(history["changes"][0]["source"], "pack:probe-one");
    assert_eq!(history["changes"][0]["reason"], "many orders");
    let log = shop.get("/v1/changes?limit=200").send().await.ok();
    let of_pack: Vec<_> =
        log["changes"].as_array().unwrap().iter().filter(|change| change["by"]["pack"] == PROBE).collect();
    assert_eq!(of_pack.len(), 2, "{log}");
    assert!(of_pack.iter().all(|change| change["by"]["staff"].is_null() && change["name"] == json!(alice.id)));

    // Without a level again.
    well(&ask(shop, "members.set-tier", json!({ "member": alice.id })).await);
    assert_eq!(shop.get(&format!("/v1/members/{}", alice.id)).send().await.ok()["tier"], Value::Null);
    let passed = ask(shop, "members.set-tier", json!({ "member": alice.id, "tier": "gold", "until": BEGIN })).await;
    assert_eq!(kind(&passed), "invalid");
}

#[tokio::test]
async fn a_tag_that_somebody_else_put_on_is_left_as_it_is() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    shop.enable(other_probe()).send().await.ok();
    let alice = shop.member("alice").tags(&["regular"]).enrol().await;
    well(&ask_as(shop, "probe-two", "members.tag", json!({ "member": alice.id, "tag": "theirs" })).await);
    let before = shop.get(&format!("/v1/members/{}", alice.id)).send().await.ok();
    for function in ["members.tag", "members.untag"] {
        for tag in ["regular", "theirs"] {
            let answer = ask(shop, function, json!({ "member": alice.id, "tag": tag })).await;
            let expected = format!("the tag `{tag}` was put on by somebody else, and is left as it is");
            assert_eq!(answer, json!({ "invalid": expected }), "{function}");
        }
    }
    assert_eq!(shop.get(&format!("/v1/members/{}", alice.id)).send().await.ok(), before);

    // Its own it renews and takes off; one that nobody put on is off already.
    for tag in ["mine", "nobodys"] {
        if tag == "mine" {
            well(&ask(shop, "members.tag", json!({ "member": alice.id, "tag": tag, "until": BEGIN + DAY })).await);
            well(&ask(shop, "members.tag", json!({ "member": alice.id, "tag": tag })).await);
        }
        well(&ask(shop, "members.untag", json!({ "member": alice.id, "tag": tag })).await);
    }
    assert_eq!(shop.get(&format!("/v1/members/{}", alice.id)).send().await.ok()["tags"], before["tags"]);
    let wrong = ask(shop, "members.tag", json!({ "member": alice.id, "tag": "Not A Code" })).await;
    assert_eq!(kind(&wrong), "invalid");
}

#[tokio::test]
async fn lots_are_read_page_by_page_in_the_order_in_which_they_are_spent() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let alice = shop.member("alice").enrol().await;
    for (amount, until) in [(5, None), (3, Some(BEGIN + 9 * DAY)), (2, Some(BEGIN + DAY)), (4, Some(BEGIN + 3 * DAY))] {
        earn(&world, &alice.id, amount, until).await;
    }
    world.clock_at("2026-03-20T08:00:00+08:00");
    let lots = async |after: Value, limit: u64| {
        let with = json!({ "member": alice.id, "unit": PROBE, "after": after, "limit": limit });
        well(&ask(shop, "assets.lots-of", with).await)
    };
    let all = lots(Value::Null, 100).await;
    let lot =
        |left: u64, expires_at: Option<u64>| json!({ "left": left, "earned_at": BEGIN, "expires_at": expires_at });
    let expected = json!([lot(4, Some(BEGIN + 3 * DAY)), lot(3, Some(BEGIN + 9 * DAY)), lot(5, None)]);
    assert_eq!(all, json!({ "lots": expected, "next": null }), "what has expired is in no page");
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    for _ in 0..4 {
        let page = lots(after, 1).await;
        seen.extend(page["lots"].as_array().unwrap().clone());
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(json!(seen), expected);
    for (with, expected) in [
        (json!({ "member": alice.id, "unit": PROBE, "limit": 0 }), "invalid"),
        (json!({ "member": alice.id, "unit": PROBE, "limit": 101 }), "invalid"),
        (json!({ "member": alice.id, "unit": PROBE, "limit": 1, "after": "lot_zz" }), "invalid"),
        (json!({ "member": alice.id, "unit": "nothing", "limit": 1 }), "not-found"),
    ] {
        assert_eq!(kind(&ask(shop, "assets.lots-of", with.clone()).await), expected, "{with}");
    }
}

#[tokio::test]
async fn a_pack_holds_posts_in_part_and_gives_back_what_it_posted() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let alice = shop.member("alice").enrol().await;
    earn(&world, &alice.id, 100, None).await;
    let set_aside = |amount: u64| json!({ "member": alice.id, "unit": PROBE, "amount": amount, "lapses_at": MAY });
    let held = well(&ask(shop, "assets.hold", set_aside(60)).await);
    assert_eq!(alice.holds(PROBE).await.available, 40);
    assert_eq!(ask(shop, "assets.hold", set_aside(41)).await, json!({ "insufficient": 40 }));
    for too_much in [0, 61] {
        let answer = ask(shop, "assets.post-hold", json!({ "hold": held, "amount": too_much })).await;
        assert_eq!(kind(&answer), "invalid", "{answer}");
    }
    let posted =
        well(&ask(shop, "assets.post-hold", json!({ "hold": held, "amount": 50, "reason": "a course" })).await);
    assert_eq!(alice.holds(PROBE).await.available, 50);
    for function in ["assets.post-hold", "assets.void-hold"] {
        assert_eq!(kind(&ask(shop, function, json!({ "hold": held })).await), "invalid", "{function}");
    }
    well(&ask(shop, "assets.reverse", json!({ "posting": posted, "reason": "cancelled" })).await);
    assert_eq!(alice.holds(PROBE).await.available, 100);
    let held = well(&ask(shop, "assets.hold", set_aside(100)).await);
    well(&ask(shop, "assets.void-hold", json!({ "hold": held, "reason": "not needed" })).await);
    assert_eq!(alice.holds(PROBE).await.available, 100);
    let statement = shop.get(&format!("/v1/members/{}/statement", alice.id)).send().await.ok().to_string();
    assert!(statement.contains("a course") && statement.contains("not needed"), "{statement}");
    let over = json!({ "member": alice.id, "unit": PROBE, "amount": 1, "lapses_at": BEGIN });
    assert_eq!(kind(&ask(shop, "assets.hold", over).await), "invalid");

    // What lapses is free again, and can not be posted any more.
    let held = well(&ask(shop, "assets.hold", set_aside(10)).await);
    world.clock_at("2026-06-01T08:00:00+08:00");
    assert_eq!(kind(&ask(shop, "assets.post-hold", json!({ "hold": held })).await), "invalid");
    assert_eq!(alice.holds(PROBE).await.available, 100);
}

#[tokio::test]
async fn holds_of_staff_and_of_other_packs_are_not_there_for_a_pack() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    shop.enable(other_probe()).send().await.ok();
    let alice = shop.member("alice").enrol().await;
    earn(&world, &alice.id, 100, None).await;
    let give = json!({ "member": alice.id, "unit": "probe-two", "amount": 10, "lapses_at": MAY });
    well(&ask_as(shop, "probe-two", "assets.earn", give.clone()).await);
    let theirs = well(&ask_as(shop, "probe-two", "assets.hold", give).await);
    let by_hand = hold(shop, &alice, PROBE, 10, LATER).await["hold"].clone();
    let before = world.state();
    for other in [&theirs, &by_hand, &json!("hld_00000000000000000000000000000000"), &json!("nonsense")] {
        for function in ["assets.post-hold", "assets.void-hold"] {
            let input = json!({ "steps": [{ "call": function, "with": { "hold": other } }], "fail": true });
            let problem = shop.command(PROBE, "call", input).send().await.problem();
            assert!(problem.detail.contains("not-found"), "{function} {other}: {problem}");
        }
    }
    world.unchanged_since(&before);
    assert_eq!(
        kind(&ask(shop, "assets.reverse", json!({ "posting": "pst_00000000000000000000000000000000" })).await),
        "not-found"
    );
}

#[tokio::test]
async fn coupons_are_not_held_by_packs() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let coupon = json!({ "title": "5 off", "benefit": { "amount": { "off_minor": 500 } }, "validity": { "days": 30 } });
    shop.put("/v1/coupons/five-off", coupon).send().await.ok();
    let alice = shop.member("alice").enrol().await;
    let with = json!({ "member": alice.id, "unit": "five-off", "amount": 1, "lapses_at": MAY });
    let answer = ask(shop, "assets.hold", with).await;
    assert_eq!(answer, json!({ "invalid": "`five-off` are coupons, which packs can not hold" }));
}

#[tokio::test]
async fn orders_are_read_with_what_came_back_of_them_the_newest_first() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let alice = shop.member("alice").enrol().await;
    let first = alice
        .order("till-1")
        .raw_line(json!({ "sku": "bun", "category": "bread", "quantity": 2, "amount_minor": 2400 }))
        .with("payments", json!([{ "method": "other", "name": "cash", "amount_minor": 2400 }]))
        .settle()
        .await
        .created();
    let path = format!("/v1/orders/{}/refund", first["id"].as_str().unwrap());
    shop.post(&path, json!({ "lines": [{ "line": 1, "quantity": 1 }] })).send().await.ok();
    let told = well(&ask(shop, "orders.get", json!({ "order": first["id"] })).await);
    let expected = json!({
        "id": first["id"], "reference": "till-1", "store": shop.store(0), "member": alice.id, "ordered_at": BEGIN,
        "currency": "CNY", "total": 2400, "refunded": 1200, "state": "partly-refunded",
        "lines": [{
            "sku": "bun", "category": "bread", "quantity": 2, "amount": 2400, "refunded_quantity": 1,
            "refunded_amount": 1200,
        }],
        "payments": [["cash", 2400]],
    });
    assert_eq!(told, expected);
    let mut ids = vec![first["id"].clone()];
    for minute in 1..4 {
        world.clock_at(&format!("2026-03-18T09:0{minute}:00+08:00"));
        ids.insert(0, alice.order(&format!("later-{minute}")).settle().await.created()["id"].clone());
    }
    shop.order("nobodys").settle().await.created();
    let page = async |before: Value, limit: u64| {
        let with = json!({ "member": alice.id, "before": before, "limit": limit });
        let found = well(&ask(shop, "orders.orders-of", with).await);
        found.as_array().unwrap().iter().map(|order| order["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(page(Value::Null, 50).await, ids);
    assert_eq!(page(Value::Null, 3).await, ids[..3]);
    assert_eq!(page(ids[2].clone(), 3).await, ids[3..]);
    for (with, expected) in [
        (json!({ "member": alice.id, "limit": 0 }), "invalid"),
        (json!({ "member": alice.id, "limit": 51 }), "invalid"),
        (json!({ "member": alice.id, "limit": 1, "before": "nonsense" }), "invalid"),
    ] {
        assert_eq!(kind(&ask(shop, "orders.orders-of", with.clone()).await), expected, "{with}");
    }
}

#[tokio::test]
async fn stores_are_told_with_code_name_and_time_zone() {
    let world = World::new();
    let shop = &world.shop;
    with_probe(shop, &[]).await;
    let all = well(&ask(shop, "stores.all", json!({ "limit": 100 })).await);
    let mut codes: Vec<_> = all.as_array().unwrap().iter().map(|store| store["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["corner", "main"]);
    let first = well(&ask(shop, "stores.all", json!({ "limit": 1 })).await)[0].clone();
    let second = well(&ask(shop, "stores.all", json!({ "limit": 1, "after": first["id"] })).await)[0].clone();
    assert_eq!(json!([first, second]), all);
    assert_eq!(well(&ask(shop, "stores.all", json!({ "limit": 1, "after": second["id"] })).await), json!([]));
    let main = well(&ask(shop, "stores.get", json!({ "store": shop.store(0) })).await);
    let expected = json!({ "id": shop.store(0), "code": "main", "name": "main", "time_zone": "Asia/Shanghai" });
    assert_eq!(main, expected);
    assert_eq!(kind(&ask(shop, "stores.get", json!({ "store": world.rival.store(0) })).await), "not-found");
    assert_eq!(kind(&ask(shop, "stores.all", json!({ "limit": 101 })).await), "invalid");
}

#[tokio::test]
async fn a_message_is_queued_or_the_pack_is_told_why_not() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    hello(shop, Some("marketing")).await;
    let alice = phoned(shop, "alice", "+8613800138000").await;
    let silent = shop.member("silent").enrol().await;
    let send = async |member: &str, values: Value| {
        ask(shop, "messages.send", json!({ "member": member, "template": "hello", "values": values })).await
    };
    assert_eq!(send(&alice.id, json!({})).await, json!({ "ok": { "dropped": "no-consent" } }));
    consents(shop, &alice, true).await;
    consents(shop, &silent, true).await;
    assert_eq!(send(&silent.id, json!({})).await, json!({ "ok": { "dropped": "no-address" } }));
    let queued = well(&send(&alice.id, json!({ "points": 12 })).await);
    let id = queued["queued"].as_str().unwrap();
    let message = shop.get(&format!("/v1/messages/{id}")).send().await.ok();
    assert_eq!((&message["source"], &message["status"]), (&json!("pack:probe-one"), &json!("waiting")));
    for (values, expected) in [(json!({ "points": "many" }), "invalid"), (json!({ "colour": 3 }), "invalid")] {
        assert_eq!(kind(&send(&alice.id, values.clone()).await), expected, "{values}");
    }
    let unknown = ask(shop, "messages.send", json!({ "member": alice.id, "template": "nothing" })).await;
    assert_eq!(kind(&unknown), "not-found");
    shop.request("DELETE", &format!("/v1/members/{}/personal", silent.id)).send().await.ok();
    assert_eq!(send(&silent.id, json!({})).await, json!({ "ok": { "dropped": "erased" } }));
}

#[tokio::test]
async fn one_call_sends_no_more_messages_than_the_contract_says() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    hello(shop, None).await;
    let alice = phoned(shop, "alice", "+8613800138000").await;
    let step = json!({ "call": "messages.send", "with": { "member": alice.id, "template": "hello" } });
    let answers = shop.command(PROBE, "call", json!({ "steps": vec![step; 201] })).send().await.ok();
    let answers = answers["result"].as_array().unwrap();
    assert!(answers[..200].iter().all(|answer| answer["ok"]["queued"].is_string()));
    assert_eq!(answers[200], json!({ "limit": "one call sends at most 200 messages" }));
}

#[tokio::test]
async fn another_merchants_members_and_orders_are_not_there() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    hello(shop, None).await;
    let theirs = phoned(&world.rival, "alice", "+8613800138000").await;
    let order = theirs.order("till-1").settle().await.created();
    let with = json!({
        "member": theirs.id, "order": order["id"], "unit": PROBE, "amount": 1, "tag": "vip", "tier": "gold",
        "template": "hello", "limit": 5, "lapses_at": MAY,
    });
    for function in [
        "members.get",
        "members.profile",
        "members.contact",
        "members.tag",
        "members.untag",
        "members.set-tier",
        "assets.balance-of",
        "assets.lots-of",
        "assets.earn",
        "assets.spend",
        "assets.hold",
        "orders.get",
        "orders.orders-of",
        "messages.send",
    ] {
        assert_eq!(kind(&ask(shop, function, with.clone()).await), "not-found", "{function}");
    }
}

#[tokio::test]
async fn the_id_of_a_member_who_was_merged_means_the_one_they_are() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let (card, app) = (shop.member("card-1").enrol().await, shop.member("app-1").enrol().await);
    earn(&world, &app.id, 10, None).await;
    let set_aside = json!({ "member": app.id, "unit": PROBE, "amount": 4, "lapses_at": MAY });
    let held = well(&ask(shop, "assets.hold", set_aside).await);
    crate::merges::merge(shop, &card, &app).await.ok();
    let profile = well(&ask(shop, "members.profile", json!({ "member": app.id })).await);
    assert_eq!(profile["id"], json!(card.id));
    well(&ask(shop, "members.tag", json!({ "member": app.id, "tag": "merged" })).await);
    let lots = json!({ "member": app.id, "unit": PROBE, "limit": 10 });
    assert_eq!(well(&ask(shop, "assets.lots-of", lots).await)["lots"][0]["left"], 6);
    well(&ask(shop, "assets.post-hold", json!({ "hold": held })).await);
    assert_eq!(card.holds(PROBE).await.available, 6);
    let read = shop.get(&format!("/v1/members/{}", card.id)).send().await.ok();
    assert_eq!(read["tags"][0]["tag"], "merged");
}

#[tokio::test]
async fn a_call_tells_100_facts_and_sets_100_timers_of_4_kib_each_and_no_more() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let alice = shop.member("alice").enrol().await;
    let text = |bytes: usize| "x".repeat(bytes);
    // What is told is `{"of":"…"}`.
    let fact =
        |bytes: usize| json!({ "call": "events.emit", "with": { "member": alice.id, "reason": text(bytes - 9) } });
    let timer =
        |bytes: usize| json!({ "call": "timers.set", "with": { "key": "t", "at": MAY, "reason": text(bytes) } });
    for (step, most, too_many) in [
        (
            &fact as &dyn Fn(usize) -> Value,
            "data has at most 4096 bytes, but this has 4097",
            "a call tells at most 100 facts",
        ),
        (&timer, "a payload has at most 4096 bytes, but this has 4097", "a call sets at most 100 timers"),
    ] {
        let run = async |steps: Vec<Value>| {
            let answers = shop.command(PROBE, "call", json!({ "steps": steps })).send().await.ok()["result"].take();
            answers.as_array().unwrap().clone()
        };
        assert_eq!(run(vec![step(4096), step(4097)]).await, [json!({ "ok": null }), json!({ "invalid": most })]);
        let answers = run(vec![step(9); 101]).await;
        assert_eq!(answers[..100], vec![json!({ "ok": null }); 100]);
        assert_eq!(answers[100], json!({ "limit": too_many }));
    }
}

#[tokio::test]
async fn a_scan_goes_on_behind_the_longest_key() {
    let world = World::new();
    let shop = &world.shop;
    with_whole_probe(shop).await;
    let longest = "b".repeat(256);
    // A page ends with the longest key, and there is one more behind it.
    let keys: Vec<_> = (0..999).map(|number| format!("a{number:03}")).chain([longest.clone(), "c".into()]).collect();
    for keys in keys.chunks(500) {
        let put = |key: &String| json!({ "call": "kv.put", "with": { "key": key, "value": "1" } });
        let steps: Vec<_> = keys.iter().map(put).collect();
        shop.command(PROBE, "call", json!({ "steps": steps })).send().await.ok();
    }
    let scan = |start: String| json!({ "start": start, "end": "d", "limit": 1000 });
    assert_eq!(well(&ask(shop, "kv.scan", scan(format!("{longest}\0"))).await), json!(["c"]));
    let longer = ask(shop, "kv.scan", scan(format!("{longest}\0\0"))).await;
    assert!(longer["invalid"].as_str().unwrap().contains("at most 257 bytes"), "{longer}");
    assert_eq!(well(&ask(shop, "kv.scan-json", json!({ "start": "a", "end": "d" })).await), json!(keys.len()));
}
