//! The ways by which messages leave, what happens when they fail, and messages that are sent by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use host_tests::{Delivery, Mailbox, Member, Receiver, Shop, World};
use jiff::SignedDuration;
use punchcard::message::{Transport, start_messages};
use serde_json::{Value, json};

use crate::messages::{gateway, hello, look, open_world, phoned, say_hello, send_due, standing};

/// A receiver whose answer a spec can change.
async fn moody(status: u16) -> (Receiver, Arc<AtomicU16>) {
    let mood = Arc::new(AtomicU16::new(status));
    let answers = Arc::clone(&mood);
    let answer = move |_: &Delivery| -> Response {
        StatusCode::from_u16(answers.load(Ordering::SeqCst)).unwrap().into_response()
    };
    (Receiver::answering(answer).await, mood)
}

async fn mailed(shop: &Shop, reference: &str, email: &str) -> Member {
    shop.member(reference).with("personal", json!({ "name": reference, "emails": [email] })).enrol().await
}

async fn receipt(shop: &Shop) {
    let body = json!({ "title": "Receipt", "channel": "email",
        "placeholders": { "order": { "kind": "text" }, "total": { "kind": "amount" }, "points": { "kind": "number", "optional": true },
            "stored_value": { "kind": "amount", "optional": true }, "ordered_at": { "kind": "instant", "optional": true } },
        "texts": { "en": { "subject": "Your order {{ order }}",
            "body": "Dear {{ member }},\n{{ total }} on {{ ordered_at }}. You have {{ points }} points and {{ stored_value }}." } } });
    shop.put("/v1/message-templates/receipt", body).send().await.ok();
}

async fn smtp(shop: &Shop, mailbox: &Mailbox, password: Option<&str>) -> Value {
    let user = password.map(|_| "shop");
    let body = json!({ "smtp": { "host": "127.0.0.1", "port": mailbox.port(), "tls": "none", "user": user,
        "password": password, "from": "shop@example.com", "from_name": "Maixiang 麦香" } });
    shop.put("/v1/message-connectors/email", body).send().await.ok()
}

#[tokio::test]
async fn a_settled_order_is_followed_by_a_mail_with_its_total_and_the_members_balances() {
    let world = open_world();
    let (shop, mailbox) = (&world.shop, Mailbox::new().await);
    crate::with_points(shop).await;
    receipt(shop).await;
    let made = smtp(shop, &mailbox, Some("s3cret")).await;
    assert_eq!((&made["smtp"]["has_password"], made.to_string().contains("s3cret")), (&json!(true), false));
    assert!(!shop.get("/v1/changes").send().await.ok().to_string().contains("s3cret"));
    let alice = mailed(shop, "Alice", "alice@example.com").await;
    alice.order("before").line("bread", 2000).settle().await.created();
    shop.put("/v1/automatic-messages/order-settled", json!({ "template": "receipt" })).send().await.ok();
    alice.load(5000).await.created();
    alice.order("A-17").line("bread", 1250).settle().await.created();
    shop.order("nobody").line("bread", 1250).settle().await.created();
    let round = send_due(&world).await;
    assert_eq!((round.followed, round.sent), (1, 1), "of what happens from then on, to a member");
    let [mail] = mailbox.got().try_into().unwrap();
    assert_eq!((mail.to.as_str(), mail.credentials.is_some()), ("alice@example.com", true));
    let message = shop.get("/v1/messages").send().await.ok()["messages"][0].clone();
    assert_eq!((&message["source"], &message["status"]), (&json!("rule"), &json!("sent")));
    let id = format!("Message-ID: <{}@example.com>", message["id"].as_str().unwrap());
    for part in [id.as_str(), "Subject: Your order A-17", "Auto-Submitted: auto-generated", "text/plain"] {
        assert!(mail.text.contains(part), "{part}: {}", mail.text);
    }
    let said = "12.50 CNY on 2026-03-18 08:00. You have 32 points and 50.00 CNY.";
    assert!(mail.text.replace("=\n", "").contains(said), "{}", mail.text);
    // The same log is not followed twice.
    let again = send_due(&world).await;
    assert_eq!((again.followed, again.sent), (0, 0));
    shop.request("DELETE", "/v1/automatic-messages/order-settled").send().await;
    alice.order("A-18").line("bread", 1250).settle().await.created();
    assert_eq!(send_due(&world).await.followed, 0);
}

#[tokio::test]
async fn a_template_asks_a_trigger_only_for_what_it_gives() {
    let world = World::new();
    let shop = &world.shop;
    receipt(shop).await;
    let put =
        |trigger: &str| shop.put(&format!("/v1/automatic-messages/{trigger}"), json!({ "template": "receipt" })).send();
    let problem = put("stored-value-loaded").await.problem();
    assert_eq!(problem.name(), "422 value-not-given");
    assert!(
        problem.detail.contains("`stored-value-loaded` gives no such value: there are amount (amount), at (instant)")
    );
    assert_eq!(put("message-ended").await.problem().name(), "404 no-such-thing");
    put("order-settled").await.ok();
    let drop = shop.request("DELETE", "/v1/message-templates/receipt").send().await.problem();
    assert_eq!(drop.name(), "409 template-in-use");
    let body = json!({ "title": "R", "channel": "email", "placeholders": { "colour": { "kind": "text" } },
        "texts": { "en": { "subject": "S", "body": "{{ colour }}" } } });
    let changed = shop.put("/v1/message-templates/receipt", body).header("if-match", "\"1\"").send().await.problem();
    assert_eq!(changed.name(), "409 template-in-use");
    let listed = shop.get("/v1/automatic-messages").send().await.ok();
    let all = listed["automatic_messages"].as_array().unwrap();
    let settled = all.iter().find(|it| it["trigger"] == "order-settled").unwrap();
    assert_eq!((&settled["template"], &settled["values"]["total"]), (&json!("receipt"), &json!("amount")));
}

#[tokio::test]
async fn loads_refunds_coupons_and_levels_are_followed_too_and_old_orders_are_not() {
    let world = open_world();
    let (shop, receiver) = (&world.shop, Receiver::new().await);
    gateway(shop, "sms", &receiver).await;
    let alice = phoned(shop, "Alice", "+8613800138000").await;
    let template = |code: &str, name: &str, kind: &str, text: &str| {
        let body = json!({ "title": code, "channel": "sms", "placeholders": { name: { "kind": kind } },
            "texts": { "en": { "body": text } } });
        shop.put(&format!("/v1/message-templates/{code}"), body).send()
    };
    for (trigger, name, kind, text) in [
        ("stored-value-loaded", "amount", "amount", "loaded {{ amount }}"),
        ("order-refunded", "amount", "amount", "back {{ amount }}"),
        ("order-settled", "total", "amount", "paid {{ total }}"),
        ("coupons-issued", "coupon", "text", "got {{ coupon }}"),
        ("level-changed", "level", "text", "now {{ level }}"),
    ] {
        template(trigger, name, kind, text).await.ok();
        let path = format!("/v1/automatic-messages/{trigger}");
        shop.put(&path, json!({ "template": trigger })).send().await.ok();
    }
    alice.load(5000).await.created();
    let order = alice.order("A-1").line("bread", 700).settle().await.created();
    shop.refund(&order).await.ok();
    alice.order("old").line("bread", 900).at("2026-03-01T08:00:00+08:00").settle().await.created();
    let coupon = json!({ "title": "one off", "benefit": { "amount": { "off_minor": 1 } }, "validity": { "days": 7 } });
    shop.put("/v1/coupons/welcome", coupon).send().await.ok();
    let issue = format!("/v1/members/{}/coupons", alice.id);
    shop.post(&issue, json!({ "coupon": "welcome", "count": 1 })).send().await.ok();
    shop.put(&format!("/v1/members/{}/tier", alice.id), json!({ "tier": "gold" })).send().await.ok();
    // Another change is another instant.
    world.clock_forward(SignedDuration::from_secs(1));
    shop.put(&format!("/v1/members/{}/tags/vip", alice.id), json!({})).send().await.ok();
    send_due(&world).await;
    let mut said: Vec<_> = receiver.got().iter().map(|sent| sent.json()["text"].as_str().unwrap().to_owned()).collect();
    said.sort();
    assert_eq!(said, ["back 7.00 CNY", "got one off", "loaded 50.00 CNY", "now gold", "paid 7.00 CNY"]);
}

#[tokio::test]
async fn what_a_receiver_does_not_take_is_attempted_again_with_the_same_id_and_given_up_in_the_end() {
    let world = open_world();
    let (shop, (receiver, mood)) = (&world.shop, moody(503).await);
    gateway(shop, "sms", &receiver).await;
    hello(shop, None).await;
    let alice = phoned(shop, "Alice", "+8613800138000").await;
    let message = say_hello(shop, &alice).await;
    let mut waits = Vec::new();
    while let Some(due) = send_due(&world).await.due_at {
        let wait = due.duration_since(world.now());
        waits.push(wait.as_secs());
        world.clock_forward(wait);
        assert!(waits.len() < 20, "it never ends: {waits:?}");
    }
    let aims = [30, 120, 600, 1800, 3600, 7200, 14_400, 28_800];
    assert_eq!(waits.len(), aims.len(), "{waits:?}");
    for (wait, aim) in waits.iter().zip(aims) {
        assert!((aim..=aim + aim / 10 + 1).contains(wait), "{wait} s instead of {aim} s");
    }
    let ids: Vec<_> = receiver.got().iter().map(|sent| sent.header("webhook-id").to_owned()).collect();
    assert!(ids.len() == 9 && ids.iter().all(|id| message["id"] == **id), "{ids:?}");
    let failed = look(shop, &message).await;
    assert_eq!(
        (&failed["status"], &failed["last_fault"]),
        (&json!("failed"), &json!({ "reason": "refused", "answer": 503 }))
    );
    let told = shop.get("/v1/events?kind=message-ended").send().await.ok();
    assert_eq!(
        (&told["events"][0]["data"]["outcome"], &told["events"][0]["data"]["reason"]),
        (&json!("failed"), &json!("refused"))
    );
    mood.store(204, Ordering::SeqCst);
    let path = format!("/v1/messages/{}/resend", message["id"].as_str().unwrap());
    shop.post(&path, json!({})).send().await.ok();
    assert_eq!((send_due(&world).await.sent, standing(shop, &message).await.as_str()), (1, "sent"));
    assert_eq!(shop.post(&path, json!({})).send().await.problem().name(), "409 message-not-failed");
    // A message that is refused for what it is, is not attempted again.
    mood.store(422, Ordering::SeqCst);
    let refused = say_hello(shop, &alice).await;
    assert_eq!((send_due(&world).await.given_up, standing(shop, &refused).await.as_str()), (1, "failed"));
}

#[tokio::test]
async fn a_mail_server_that_knows_no_such_recipient_ends_it_and_one_that_is_busy_does_not() {
    let world = open_world();
    let verdict = |to: &str| {
        if to.starts_with("bob") { "550 <bob@example.com> is not here" } else { "451 later, carol@example.com" }
    };
    let (shop, mailbox) = (&world.shop, Mailbox::answering(verdict).await);
    receipt(shop).await;
    smtp(shop, &mailbox, None).await;
    let bob = mailed(shop, "Bob", "bob@example.com").await;
    let carol = mailed(shop, "Carol", "carol@example.com").await;
    let body = json!({ "template": "receipt", "members": [bob.id, carol.id], "values": { "order": "A", "total": 100, "ordered_at": "2026-03-18T00:00:00Z" } });
    let queued = shop.post("/v1/messages", body).send().await.ok();
    let round = send_due(&world).await;
    assert_eq!((round.failed, round.given_up), (2, 1));
    let (to_bob, to_carol) = (look(shop, &queued["messages"][0]).await, look(shop, &queued["messages"][1]).await);
    assert_eq!((&to_bob["status"], &to_bob["last_fault"]["answer"]), (&json!("failed"), &json!(550)));
    assert_eq!((&to_carol["status"], &to_carol["last_fault"]["answer"]), (&json!("waiting"), &json!(451)));
    // What the server said in words named them, and stands nowhere.
    let state = format!("{to_bob}{to_carol}{}", shop.get("/v1/events").send().await.ok());
    assert!(!state.contains("@example.com"), "{state}");
    let test = shop.post("/v1/message-connectors/email/test", json!({ "to": "bob@example.com" })).send().await.ok();
    assert_eq!((&test["taken"], &test["fault"]["answer"]), (&json!(false), &json!(550)));
    assert!(mailbox.got().is_empty());
}

#[tokio::test]
async fn a_password_does_not_go_to_another_mail_server() {
    let world = open_world();
    let (shop, mailbox, other) = (&world.shop, Mailbox::new().await, Mailbox::new().await);
    smtp(shop, &mailbox, Some("s3cret")).await;
    let put = |host: &str, user: &str, version: &str| {
        let body = json!({ "smtp": { "host": host, "port": other.port(), "tls": "none", "user": user, "from": "shop@example.com" } });
        shop.put("/v1/message-connectors/email", body).header("if-match", version).send()
    };
    assert_eq!(put("localhost", "shop", "\"1\"").await.problem().name(), "422 wrong-credentials");
    assert_eq!(put("127.0.0.1", "other", "\"1\"").await.problem().name(), "422 wrong-credentials");
    put("127.0.0.1", "shop", "\"1\"").await.ok();
}

#[tokio::test]
async fn a_connector_that_is_broken_keeps_nobody_else_from_sending() {
    let world = open_world();
    let (receiver, hung) = (Receiver::new().await, std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("http://{}/", hung.local_addr().unwrap());
    world.shop.put("/v1/message-connectors/sms", json!({ "gateway": { "url": url } })).send().await.ok();
    gateway(&world.rival, "sms", &receiver).await;
    for (number, shop) in [&world.shop, &world.rival].into_iter().enumerate() {
        hello(shop, None).await;
        let member = phoned(shop, "Alice", &format!("+861380013800{number}")).await;
        for _ in 0..10 {
            say_hello(shop, &member).await;
        }
    }
    let host = world.running().host;
    let sender = start_messages(host.clone(), Transport::new(host.reach, None));
    // The hung one would take 15 seconds for each.
    let all = tokio::time::timeout(std::time::Duration::from_secs(10), receiver.wait_for(10)).await;
    assert_eq!(all.expect("the rival's messages are sent").len(), 10);
    drop(hung);
    sender.stop().await;
}

#[tokio::test]
async fn no_message_is_lost_when_the_host_is_gone_between_sending_and_recording() {
    let world = open_world();
    let (shop, receiver) = (&world.shop, Receiver::new().await);
    gateway(shop, "sms", &receiver).await;
    hello(shop, None).await;
    let alice = phoned(shop, "Alice", "+8613800138000").await;
    let message = say_hello(shop, &alice).await;
    {
        // Made ready and handed over, and then nothing: as after `kill -9`.
        let host = world.running().host;
        let transport = Transport::new(host.reach, None);
        let merchant = shop.id;
        let claimed = host
            .operate(merchant, |tx, act| {
                punchcard::usecase::messages::claim_messages(tx, act, punchcard::domain::Channel::Sms)
            })
            .unwrap();
        let sent = transport.deliver(merchant, &claimed.outbound[0], claimed.route.as_ref(), world.now()).await;
        assert_eq!(sent.fault, None);
    }
    world.restart();
    assert_eq!(standing(shop, &message).await, "waiting");
    assert_eq!(send_due(&world).await.sent, 1);
    let ids: Vec<_> = receiver.got().iter().map(|sent| sent.header("webhook-id").to_owned()).collect();
    assert!(ids.len() == 2 && ids.iter().all(|id| message["id"] == **id), "{ids:?}");
    world.clock_forward(SignedDuration::from_hours(1));
    assert_eq!(send_due(&world).await.sent, 0);
}
