//! Messages: templates, what is queued, what holds it back, and what becomes of it.

use std::path::Path;
use std::sync::Arc;

use host_tests::{Member, Receiver, Reply, Shop, World};
use insta::assert_snapshot;
use jiff::SignedDuration;
use punchcard::domain::Reach;
use punchcard::message::{MessageRound, Transport, run_messages};
use serde_json::{Value, json};

/// A world whose host sends to loopback.
pub(crate) fn open_world() -> World {
    let world = World::new();
    world.reaches(Reach::Anywhere);
    world
}

/// Sends all that is due.
pub(crate) async fn send_due(world: &World) -> MessageRound {
    let host = world.running().host;
    run_messages(&host, &Transport::new(host.reach, None)).await.unwrap()
}

/// Writes all that is due into files of a folder.
async fn write_due(world: &World, dir: &Path) -> MessageRound {
    let host = world.running().host;
    run_messages(&host, &Transport::new(host.reach, Some(Arc::from(dir)))).await.unwrap()
}

/// A gateway for a channel; gives the secret that it is shown.
pub(crate) async fn gateway(shop: &Shop, channel: &str, receiver: &Receiver) -> String {
    let body = json!({ "gateway": { "url": receiver.url() } });
    let made = shop.put(&format!("/v1/message-connectors/{channel}"), body).send().await.ok();
    made["gateway"]["secret"].as_str().unwrap().to_owned()
}

/// A template for SMS that says hello; with a purpose, it needs a consent.
pub(crate) async fn hello(shop: &Shop, purpose: Option<&str>) {
    let body = json!({ "title": "Hello", "channel": "sms", "purpose": purpose,
        "placeholders": { "points": { "kind": "number", "optional": true } },
        "texts": { "en": { "body": "Hello {% if member %}{{ member }}{% else %}you{% endif %}!{% if points %} {{ points }} points.{% endif %}" },
                   "zh-CN": { "body": "您好 {{ member }}" } } });
    shop.put("/v1/message-templates/hello", body).send().await.ok();
}

pub(crate) async fn phoned(shop: &Shop, reference: &str, phone: &str) -> Member {
    shop.member(reference).with("personal", json!({ "name": reference, "phones": [phone] })).enrol().await
}

pub(crate) async fn consents(shop: &Shop, member: &Member, given: bool) {
    let path = format!("/v1/members/{}/consents/marketing", member.id);
    shop.put(&path, json!({ "given": given })).send().await.ok();
}

pub(crate) async fn say_hello(shop: &Shop, member: &Member) -> Value {
    let body = json!({ "template": "hello", "members": [member.id] });
    shop.post("/v1/messages", body).send().await.ok()["messages"][0].clone()
}

pub(crate) async fn look(shop: &Shop, message: &Value) -> Value {
    shop.get(&format!("/v1/messages/{}", message["id"].as_str().unwrap())).send().await.ok()
}

/// How a message stands, in a word or two.
pub(crate) async fn standing(shop: &Shop, message: &Value) -> String {
    let message = look(shop, message).await;
    let reason = message["dropped"].as_str().map(|reason| format!(" {reason}")).unwrap_or_default();
    format!("{}{reason}", message["status"].as_str().unwrap())
}

async fn policy(shop: &Shop, etag: &str, body: Value) -> Reply {
    shop.put("/v1/message-policy", body).header("if-match", etag).send().await
}

#[tokio::test]
async fn a_message_goes_to_a_gateway_signed_and_in_the_members_language() {
    let world = open_world();
    let (shop, receiver) = (&world.shop, Receiver::new().await);
    let secret = gateway(shop, "sms", &receiver).await;
    hello(shop, None).await;
    let locale = json!({ "label": "Language", "kind": "text", "choices": [], "personal": false });
    shop.put("/v1/attributes/locale", locale).send().await.ok();
    let alice = phoned(shop, "Alice", "+8613800138000").await;
    let fang = shop
        .member("fang")
        .with("personal", json!({ "name": "王芳", "phones": ["+8613800138001"] }))
        .with("attributes", json!({ "locale": "zh-TW" }))
        .enrol()
        .await;
    let body = json!({ "template": "hello", "members": [alice.id, fang.id], "values": { "points": 12 } });
    let queued = shop.post("/v1/messages", body).send().await.ok();
    let round = send_due(&world).await;
    assert_eq!((round.sent, round.failed, round.due_at), (2, 0, None));
    let mut got = receiver.got();
    got.sort_by_key(|sent| sent.json()["to"].as_str().unwrap().to_owned());
    assert!(got.iter().all(|sent| sent.is_signed_with(&secret)));
    let (first, second) = (got[0].json(), got[1].json());
    assert_eq!(first["text"], "Hello Alice! 12 points.");
    assert_eq!((&second["text"], &second["locale"]), (&json!("您好 王芳"), &json!("zh-CN")));
    let id = queued["messages"][0]["id"].as_str().unwrap();
    assert_eq!((got[0].header("webhook-id"), &first["id"]), (id, &json!(id)));
    assert_eq!(
        (&first["channel"], &first["to"], &first["subject"]),
        (&json!("sms"), &json!("+8613800138000"), &Value::Null)
    );
    assert_eq!(standing(shop, &queued["messages"][0]).await, "sent");
    // What it said is kept no more, and was never told to anybody else.
    let told = shop.get("/v1/events?kind=message-ended").send().await.ok();
    assert_eq!(told["events"][0]["data"]["outcome"], "sent");
    for secret in ["+8613800138000", "Alice", "12 points"] {
        assert!(!told.to_string().contains(secret), "{secret}");
    }
    let timeline = shop.get(&format!("/v1/members/{}/timeline", alice.id)).send().await.ok();
    let happenings = timeline["happenings"].as_array().unwrap();
    assert!(happenings.iter().any(|seen| seen["kind"] == "message"), "{timeline}");
    let export = shop.get(&format!("/v1/members/{}/export", alice.id)).send().await;
    let export = String::from_utf8(export.body).unwrap();
    assert!(export.contains("\"kind\":\"message\""), "{export}");
}

#[tokio::test]
async fn the_secret_of_a_gateway_is_shown_once_and_another_one_can_be_made() {
    let world = open_world();
    let (shop, receiver) = (&world.shop, Receiver::new().await);
    let first = gateway(shop, "sms", &receiver).await;
    let body = json!({ "gateway": { "url": receiver.url() } });
    let again = shop.put("/v1/message-connectors/sms", body.clone()).header("if-match", "\"1\"").send().await.ok();
    assert_eq!(again["gateway"]["secret"], Value::Null);
    let stale = shop.put("/v1/message-connectors/sms", body.clone()).header("if-match", "\"1\"").send().await.problem();
    assert_eq!(stale.name(), "412 changed-meanwhile");
    assert_eq!(shop.put("/v1/message-connectors/sms", body).send().await.problem().name(), "412 changed-meanwhile");
    let rotated = shop.post("/v1/message-connectors/sms/secret", json!({})).send().await.created();
    let second = rotated["gateway"]["secret"].as_str().unwrap().to_owned();
    let listed = shop.get("/v1/message-connectors").send().await.ok().to_string();
    let changes = shop.get("/v1/changes").send().await.ok().to_string();
    assert!(first != second && !listed.contains("whsec_") && !changes.contains("whsec_"));
    let test = shop.post("/v1/message-connectors/sms/test", json!({ "to": "+4912345" })).send().await.ok();
    assert_eq!((&test["taken"], &test["fault"]), (&json!(true), &Value::Null));
    let [sent] = receiver.got().try_into().unwrap();
    assert!(sent.is_signed_with(&second) && !sent.is_signed_with(&first));
    assert_eq!(sent.json()["to"], "+4912345");
}

#[tokio::test]
async fn a_host_that_reaches_only_public_addresses_takes_no_others() {
    let world = World::new();
    let put = |channel: &str, body| world.shop.put(&format!("/v1/message-connectors/{channel}"), body).send();
    for url in ["http://example.com/", "https://127.0.0.1/", "https://localhost/", "https://10.0.0.1/"] {
        let problem = put("sms", json!({ "gateway": { "url": url } })).await.problem();
        assert_eq!(problem.status, 422, "{url}: {problem}");
    }
    let smtp = |host: &str, tls: &str| json!({ "smtp": { "host": host, "tls": tls, "from": "shop@example.com" } });
    assert_eq!(put("email", smtp("127.0.0.1", "implicit")).await.problem().name(), "422 private-address");
    assert_eq!(put("email", smtp("smtp.example.com", "none")).await.problem().name(), "422 not-encrypted");
    assert_eq!(put("sms", smtp("smtp.example.com", "implicit")).await.problem().name(), "422 not-a-mail-channel");
    assert_eq!(put("email", smtp("a b", "implicit")).await.problem().status, 422);
    assert_eq!(put("fax", smtp("smtp.example.com", "implicit")).await.problem().name(), "404 no-such-thing");
    put("email", smtp("smtp.example.com", "implicit")).await.ok();
    // One that was made when more was allowed is not gone to any more.
    world.reaches(Reach::Anywhere);
    let receiver = Receiver::new().await;
    gateway(&world.shop, "sms", &receiver).await;
    world.reaches(Reach::Public);
    hello(&world.shop, None).await;
    let alice = phoned(&world.shop, "Alice", "+8613800138000").await;
    let message = say_hello(&world.shop, &alice).await;
    assert_eq!(send_due(&world).await.failed, 1);
    let message = look(&world.shop, &message).await;
    assert_eq!(
        (&message["status"], &message["last_fault"]["reason"]),
        (&json!("waiting"), &json!("address-not-allowed"))
    );
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn templates_that_can_not_be_filled_in_are_refused_with_line_and_reason() {
    let world = World::new();
    let shop = &world.shop;
    let put = |body: &str, subject: Option<&str>| {
        let text = json!({ "body": body, "subject": subject });
        let body = json!({ "title": "T", "channel": "sms", "placeholders": { "a": { "kind": "text" } }, "texts": { "en": text } });
        shop.put("/v1/message-templates/t", body).send()
    };
    let mut refused = Vec::new();
    for body in [
        "a\n{{ b }}",
        "{{ a",
        "{% for x in a %}{% endfor %}",
        "{% set x = a %}",
        "{% macro m() %}{{ m() }}{% endmacro %}",
        "{{ a * 1000000000 }}",
        "{{ '}}' ~ a }}",
        "{% if a %}",
    ] {
        let problem = put(body, None).await.problem();
        refused.push(format!("{}: {}", problem.name(), problem.detail));
    }
    assert_snapshot!(refused.join("\n"), @r"
    422 wrong-text: body in `en`, line 2: the template has no placeholder `b`: there are a, member, merchant
    422 wrong-text: body in `en`, line 1: `{{` is not closed by `}}`
    422 wrong-text: body in `en`, line 1: there is no `for` in texts: expected `if`, `elif`, `else` or `endif`
    422 wrong-text: body in `en`, line 1: there is no `set` in texts: expected `if`, `elif`, `else` or `endif`
    422 wrong-text: body in `en`, line 1: there is no `macro` in texts: expected `if`, `elif`, `else` or `endif`
    422 wrong-text: body in `en`, line 1: `*` may not stand in `{{ … }}`: expected names of placeholders, `|upper`, `|lower`, `|trim`, and in conditions numbers, comparisons, `and`, `or`, `not` and parentheses
    422 wrong-text: body in `en`, line 1: `'` may not stand in `{{ … }}`: expected names of placeholders, `|upper`, `|lower`, `|trim`, and in conditions numbers, comparisons, `and`, `or`, `not` and parentheses
    422 wrong-text: body in `en`, line 1: unexpected end of input, expected end of block
    ");
    assert_eq!(
        put("{{ a }}", Some("s")).await.problem().detail,
        "subject in `en`, line 1: messages by sms have no subject"
    );
    put("{{ a|upper }}", None).await.ok();
    let preview = |values| shop.post("/v1/message-templates/t/preview", json!({ "values": values })).send();
    assert_eq!(preview(json!({ "a": "<b>x</b>" })).await.ok()["body"], "<B>X</B>");
    assert_eq!(preview(json!({})).await.problem().detail, "the template asks for `a`, which is not given");
    assert_eq!(preview(json!({ "a": 7 })).await.problem().name(), "422 wrong-values");
    assert_eq!(preview(json!({ "a": "x", "z": "y" })).await.problem().detail, "the template has no placeholder `z`");
    let long = "x".repeat(1025);
    assert_eq!(preview(json!({ "a": long })).await.problem().detail, "`a` is longer than 1024 bytes");
    put(&"{{ a }}".repeat(1000), None).await.problem();
    shop.put(
        "/v1/message-templates/t2",
        json!({ "title": "T", "channel": "sms", "placeholders": { "a": { "kind": "text" } },
        "texts": { "en": { "body": "{{ a }}".repeat(1000) } } }),
    )
    .send()
    .await
    .ok();
    let huge =
        shop.post("/v1/message-templates/t2/preview", json!({ "values": { "a": "x".repeat(1024) } })).send().await;
    assert!(huge.problem().detail.contains("longer than 32768 bytes"));
}

#[tokio::test]
async fn what_needs_a_consent_is_dropped_without_one_also_when_it_was_withdrawn_meanwhile() {
    let world = open_world();
    let (shop, receiver) = (&world.shop, Receiver::new().await);
    gateway(shop, "sms", &receiver).await;
    hello(shop, Some("marketing")).await;
    let alice = phoned(shop, "Alice", "+8613800138000").await;
    let never = say_hello(shop, &alice).await;
    assert_eq!(standing(shop, &never).await, "dropped no-consent");
    consents(shop, &alice, true).await;
    let queued = say_hello(shop, &alice).await;
    assert_eq!(standing(shop, &queued).await, "waiting");
    world.clock_forward(SignedDuration::from_secs(1));
    consents(shop, &alice, false).await;
    send_due(&world).await;
    assert_eq!(standing(shop, &queued).await, "dropped no-consent");
    world.clock_forward(SignedDuration::from_secs(1));
    consents(shop, &alice, true).await;
    let third = say_hello(shop, &alice).await;
    assert_eq!((send_due(&world).await.sent, standing(shop, &third).await.as_str()), (1, "sent"));
    let nobody = shop.member("bob").enrol().await;
    consents(shop, &nobody, true).await;
    let unreachable = say_hello(shop, &nobody).await;
    assert_eq!(standing(shop, &unreachable).await, "dropped no-address");
    let dropped = shop.get("/v1/messages?status=dropped&limit=2").send().await.ok();
    assert_eq!((dropped["messages"].as_array().unwrap().len(), dropped["next"].is_string()), (2, true));
    let of_alice = shop.get(&format!("/v1/messages?member={}", alice.id)).send().await.ok();
    assert_eq!(of_alice["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn quiet_hours_defer_what_needs_a_consent_and_nothing_else() {
    let world = open_world();
    let (shop, receiver) = (&world.shop, Receiver::new().await);
    gateway(shop, "sms", &receiver).await;
    hello(shop, Some("marketing")).await;
    let alice = phoned(shop, "Alice", "+8613800138000").await;
    consents(shop, &alice, true).await;
    let quiet = json!({ "quiet_hours": { "from": "21:00", "until": "09:00" }, "valid_hours": 72 });
    policy(shop, "\"0\"", quiet.clone()).await.ok();
    assert_eq!(policy(shop, "\"0\"", quiet).await.problem().name(), "412 changed-meanwhile");
    let wrong = json!({ "quiet_hours": { "from": "25:00", "until": "9" }, "valid_hours": 72 });
    assert_eq!(policy(shop, "\"1\"", wrong).await.problem().status, 422);
    let early = say_hello(shop, &alice).await;
    assert_eq!((&early["status"], &early["at"]), (&json!("deferred"), &json!("2026-03-18T01:00:00Z")));
    let round = send_due(&world).await;
    assert_eq!((round.sent, round.due_at), (0, Some("2026-03-18T09:00:00+08:00".parse().unwrap())));
    world.clock_at("2026-03-18T20:59:59+08:00");
    assert_eq!(send_due(&world).await.sent, 1);
    // Queued in time, but looked at too late.
    let late = say_hello(shop, &alice).await;
    world.clock_at("2026-03-18T21:00:00+08:00");
    let round = send_due(&world).await;
    assert_eq!((round.sent, round.dropped, standing(shop, &late).await.as_str()), (0, 1, "deferred"));
    hello_service(shop).await;
    shop.post("/v1/messages", json!({ "template": "service", "members": [alice.id] })).send().await.ok();
    assert_eq!(send_due(&world).await.sent, 1, "what is about one's own order goes out at night, too");
    world.clock_at("2026-03-19T09:00:00+08:00");
    assert_eq!(send_due(&world).await.sent, 1);
}

async fn hello_service(shop: &Shop) {
    let body = json!({ "title": "S", "channel": "sms", "texts": { "en": { "body": "Your order" } } });
    shop.put("/v1/message-templates/service", body).send().await.ok();
}

#[tokio::test]
async fn caps_count_what_a_member_was_sent_on_a_day_and_on_seven() {
    let world = open_world();
    let (shop, receiver) = (&world.shop, Receiver::new().await);
    gateway(shop, "sms", &receiver).await;
    hello(shop, Some("marketing")).await;
    policy(shop, "\"0\"", json!({ "caps": { "sms": { "per_day": 2, "per_week": 3 } }, "valid_hours": 72 })).await.ok();
    let alice = phoned(shop, "Alice", "+8613800138000").await;
    consents(shop, &alice, true).await;
    // Three at once: one of them is found to be too many when it goes out, a fourth when it is queued.
    let three = [say_hello(shop, &alice).await, say_hello(shop, &alice).await, say_hello(shop, &alice).await];
    let round = send_due(&world).await;
    assert_eq!((round.sent, round.dropped), (2, 1));
    let mut standings = Vec::new();
    for message in &three {
        standings.push(standing(shop, message).await);
    }
    standings.sort();
    assert_eq!(standings, ["dropped capped", "sent", "sent"]);
    assert_eq!(say_hello(shop, &alice).await["dropped"], "capped");
    world.clock_at("2026-03-19T00:00:00+08:00");
    say_hello(shop, &alice).await;
    assert_eq!(send_due(&world).await.sent, 1);
    assert_eq!(say_hello(shop, &alice).await["dropped"], "capped", "three in a week");
    world.clock_at("2026-03-24T23:59:59+08:00");
    assert_eq!(say_hello(shop, &alice).await["dropped"], "capped");
    world.clock_at("2026-03-25T00:00:00+08:00");
    say_hello(shop, &alice).await;
    assert_eq!(send_due(&world).await.sent, 1, "the first two were seven days ago");
    assert_eq!(receiver.got().len(), 4);
}

#[tokio::test]
async fn a_member_who_is_forgotten_gets_nothing_more() {
    let world = open_world();
    let (shop, receiver) = (&world.shop, Receiver::new().await);
    gateway(shop, "sms", &receiver).await;
    hello(shop, None).await;
    let alice = phoned(shop, "Alice", "+8613800138000").await;
    let waiting = say_hello(shop, &alice).await;
    shop.request("DELETE", &format!("/v1/members/{}/personal", alice.id)).send().await.ok();
    assert_eq!(standing(shop, &waiting).await, "dropped erased");
    let later = say_hello(shop, &alice).await;
    assert_eq!(later["dropped"], "erased");
    assert_eq!(send_due(&world).await.sent, 0);
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn what_waits_too_long_is_dropped_and_what_waits_can_be_cancelled() {
    let world = open_world();
    let shop = &world.shop;
    hello(shop, None).await;
    policy(shop, "\"0\"", json!({ "valid_hours": 1 })).await.ok();
    let alice = phoned(shop, "Alice", "+8613800138000").await;
    let (one, other) = (say_hello(shop, &alice).await, say_hello(shop, &alice).await);
    let cancel = |message: &Value| {
        let path = format!("/v1/messages/{}/cancel", message["id"].as_str().unwrap());
        shop.post(&path, json!({})).send()
    };
    assert_eq!(cancel(&one).await.ok()["dropped"], "cancelled");
    assert_eq!(cancel(&one).await.problem().name(), "409 message-not-waiting");
    // Nobody has made a connector: it is attempted as long as it is worth it.
    assert_eq!(send_due(&world).await.failed, 1);
    assert_eq!(look(shop, &other).await["last_fault"]["reason"], "no-connector");
    for _ in 0..9 {
        let Some(due) = send_due(&world).await.due_at else { break };
        world.clock_forward(due.duration_since(world.now()));
    }
    assert_eq!(standing(shop, &other).await, "dropped expired");
}

#[tokio::test]
async fn with_a_sink_every_message_becomes_a_file() {
    let world = World::new();
    let (shop, dir) = (&world.shop, tempfile::tempdir().unwrap());
    hello(shop, None).await;
    let alice = phoned(shop, "Alice", "+8613800138000").await;
    let message = say_hello(shop, &alice).await;
    assert_eq!(write_due(&world, dir.path()).await.sent, 1);
    let name = format!("{}.txt", message["id"].as_str().unwrap());
    let written = std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert!(
        written.contains("Channel: sms\nTo: +8613800138000\n") && written.ends_with("\nHello Alice!\n"),
        "{written}"
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn another_merchants_messages_templates_and_members_are_not_there() {
    let world = open_world();
    hello(&world.shop, None).await;
    let alice = phoned(&world.shop, "Alice", "+8613800138000").await;
    let message = say_hello(&world.shop, &alice).await;
    let path = format!("/v1/messages/{}", message["id"].as_str().unwrap());
    let rival = &world.rival;
    assert_eq!(rival.get(&path).send().await.problem().name(), "404 unknown-message");
    assert_eq!(rival.post(&format!("{path}/cancel"), json!({})).send().await.problem().name(), "404 unknown-message");
    assert_eq!(rival.post(&format!("{path}/resend"), json!({})).send().await.problem().name(), "404 unknown-message");
    assert_eq!(rival.get("/v1/message-templates/hello").send().await.problem().name(), "404 unknown-template");
    hello(rival, None).await;
    let body = json!({ "template": "hello", "members": [alice.id] });
    assert_eq!(rival.post("/v1/messages", body).send().await.problem().name(), "404 unknown-member");
    assert_eq!(rival.get("/v1/messages").send().await.ok()["messages"], json!([]));
}

#[tokio::test]
async fn a_request_that_comes_twice_sends_once_and_bad_lists_send_nothing() {
    let world = open_world();
    let shop = &world.shop;
    hello(shop, None).await;
    let alice = phoned(shop, "Alice", "+8613800138000").await;
    let body = json!({ "template": "hello", "members": [alice.id] });
    let first = shop.post("/v1/messages", body.clone()).key("once").send().await.ok();
    let second = shop.post("/v1/messages", body).key("once").send().await.ok();
    assert_eq!(first["messages"][0]["id"], second["messages"][0]["id"]);
    let send = |members: Value| shop.post("/v1/messages", json!({ "template": "hello", "members": members })).send();
    assert_eq!(send(json!([])).await.problem().name(), "422 wrong-recipients");
    assert_eq!(send(json!([alice.id, alice.id])).await.problem().name(), "422 wrong-recipients");
    let many: Vec<_> = (0..201).map(|number| format!("mem_{number:032x}")).collect();
    assert_eq!(send(json!(many)).await.problem().name(), "422 wrong-recipients");
    let unknown = format!("mem_{:032x}", 1);
    assert_eq!(send(json!([alice.id, unknown])).await.problem().name(), "404 unknown-member");
    assert_eq!(shop.get("/v1/messages").send().await.ok()["messages"].as_array().unwrap().len(), 1);
    world.clock_forward(SignedDuration::from_secs(1));
}
