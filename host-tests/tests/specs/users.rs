//! People who sign in: invitations, passwords, sessions, and who may add whom.

use host_tests::{Reply, Request, Shop, World};
use insta::assert_snapshot;
use jiff::SignedDuration;
use punchcard::http::Rate;
use punchcard::usecase::{run_due, users};
use serde_json::{Value, json};

const PASSWORD: &str = "a few words of mine";

/// A user who has signed in.
struct Person {
    shop: Shop,
    id: String,
    cookie: String,
    csrf_token: String,
}

impl Person {
    fn get(&self, path: &str) -> Request {
        self.shop.get(path).header("cookie", &self.cookie)
    }

    fn ask(&self, method: &str, path: &str, body: impl Into<Value>) -> Request {
        let request = self.shop.request(method, path).content_type("application/json").body(body.into().to_string());
        request.header("cookie", &self.cookie).header("x-csrf-token", &self.csrf_token).new_key()
    }
}

/// Adds a user, and gives their id and invitation.
async fn invite(shop: &Shop, name: &str, role: &str) -> (String, String) {
    let new = json!({ "name": name, "display_name": format!("{name} of the shop"), "role": role });
    let invited = shop.post("/v1/users", new).send().await.created();
    (text(&invited["user"]["id"]), text(&invited["invitation"]))
}

async fn accept(shop: &Shop, invitation: &str, password: &str) -> Reply {
    let body = json!({ "invitation": invitation, "password": password });
    shop.with_key(None).post("/v1/invitations", body).send().await
}

fn sign_in(shop: &Shop, name: &str, password: &str) -> Request {
    let body = json!({ "merchant": shop.id.to_string(), "name": name, "password": password });
    shop.with_key(None).post("/v1/sessions", body)
}

async fn signed_in(shop: &Shop, name: &str) -> Person {
    let reply = sign_in(shop, name, PASSWORD).send().await;
    let cookie = reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let session = reply.created();
    Person { shop: shop.with_key(None), id: text(&session["user"]), cookie, csrf_token: text(&session["csrf_token"]) }
}

async fn person(shop: &Shop, name: &str, role: &str) -> Person {
    let (_, invitation) = invite(shop, name, role).await;
    assert_eq!(accept(shop, &invitation, PASSWORD).await.status, 204);
    signed_in(shop, name).await
}

async fn change(shop: &Shop, id: &str, change: Value) -> Reply {
    let path = format!("/v1/users/{id}");
    let etag = shop.get(&path).send().await.header("etag").unwrap().to_owned();
    shop.patch(&path, &etag, change).send().await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_user_changes_what_people_call_them_and_their_language() {
    let world = World::new();
    let shop = &world.shop;
    let (fang, ming) = (person(shop, "fang", "clerk").await, person(shop, "ming", "auditor").await);
    let read = fang.get("/v1/session").send().await;
    let etag = read.header("etag").unwrap().to_owned();
    assert_eq!((&read.json()["locale"], &read.json()["role"]), (&Value::Null, &json!("clerk")));
    let patch = |person: &Person, etag: &str, change: Value| {
        person.ask("PATCH", "/v1/session", change).header("if-match", etag)
    };
    let changed = patch(&fang, &etag, json!({ "display_name": "王芳", "locale": "zh-CN" })).send().await;
    let newer = changed.header("etag").unwrap().to_owned();
    assert_ne!(newer, etag);
    let changed = changed.ok();
    assert_eq!((&changed["display_name"], &changed["locale"]), (&json!("王芳"), &json!("zh-CN")));
    assert_eq!(patch(&fang, &etag, json!({ "locale": null })).send().await.problem().name(), "412 other-version");
    assert_eq!(patch(&fang, &newer, json!({ "role": "owner" })).send().await.problem().name(), "422 wrong-body");
    let back = patch(&fang, &newer, json!({ "locale": null })).send().await.ok();
    assert_eq!((&back["display_name"], &back["locale"]), (&json!("王芳"), &Value::Null));
    let listed = shop.get(&format!("/v1/users/{}", fang.id)).send().await.ok();
    assert_eq!((&listed["display_name"], &listed["role"]), (&json!("王芳"), &json!("clerk")));
    assert_eq!(ming.get("/v1/session").send().await.ok()["display_name"], "ming of the shop");
    let by_key = shop.patch("/v1/session", "\"0\"", json!({ "display_name": "Key" })).send().await;
    assert_eq!(by_key.problem().name(), "409 no-user");
    let changes = shop.get("/v1/changes?limit=200").send().await.ok();
    let of_fang = changes["changes"].as_array().unwrap().iter().filter(|one| one["by"]["staff"] == fang.id);
    let of_fang = of_fang.filter(|one| one["kind"] == "user");
    let told: Vec<_> = of_fang.map(|one| (&one["kind"], &one["before"]["locale"], &one["after"]["locale"])).collect();
    assert_eq!(
        told,
        [(&json!("user"), &Value::Null, &json!("zh-CN")), (&json!("user"), &json!("zh-CN"), &Value::Null)]
    );
    assert!(!changes.to_string().contains("王芳"), "what people call them is not in the log");
}

#[tokio::test]
async fn a_user_sets_their_password_by_an_invitation_signs_in_and_signs_out() {
    let world = World::new();
    let shop = &world.shop;
    let (id, invitation) = invite(shop, "Wang.Fang", "clerk").await;
    assert_eq!(shop.get(&format!("/v1/users/{id}")).send().await.ok()["state"], "invited");
    assert_eq!(sign_in(shop, "wang.fang", PASSWORD).send().await.problem().name(), "401 wrong-sign-in");
    assert_eq!(accept(shop, &invitation, PASSWORD).await.status, 204);
    let reply = sign_in(shop, " WANG.fang", PASSWORD).send().await;
    let set = reply.header("set-cookie").unwrap();
    assert!(
        set.starts_with("punchcard=") && set.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let wang = signed_in(shop, "wang.fang").await;
    let who = wang.get("/v1/session").send().await.ok();
    assert_eq!((&who["staff"], &who["role"], &who["name"]), (&json!(id), &json!("clerk"), &json!("wang.fang")));
    assert_eq!(who["may"], json!(["read", "read-personal", "serve"]));
    assert_eq!((&who["csrf_token"], &who["stores"]), (&json!(wang.csrf_token), &Value::Null));
    wang.ask("POST", "/v1/members", json!({ "reference": "alice" })).send().await.created();
    assert_eq!(wang.get("/v1/keys").send().await.problem().name(), "403 forbidden");
    let out = wang.ask("DELETE", "/v1/session", Value::Null).send().await;
    assert!(out.header("set-cookie").unwrap().starts_with("punchcard=; Path=/; Max-Age=0"));
    assert_snapshot!(wang.get("/v1/stores").send().await.problem(), @"401 session-ended: this session has ended: sign in again");
}

#[tokio::test]
async fn an_invitation_is_used_once_in_time_and_the_newest_only() {
    let world = World::new();
    let shop = &world.shop;
    let (id, first) = invite(shop, "wang", "clerk").await;
    let second = shop.post(&format!("/v1/users/{id}/invitation"), json!({})).send().await.created();
    let second = text(&second["invitation"]);
    let before = world.state();
    assert_eq!(accept(shop, &first, PASSWORD).await.problem().name(), "404 invalid-invitation");
    assert_eq!(accept(shop, "pi_0123", PASSWORD).await.problem().name(), "404 invalid-invitation");
    assert_eq!(accept(shop, &second, "short").await.problem().name(), "422 weak-password");
    assert_eq!(accept(shop, &second, "password1234").await.problem().name(), "422 weak-password");
    world.clock_forward(SignedDuration::from_hours(72));
    assert_eq!(accept(shop, &second, PASSWORD).await.problem().name(), "404 invalid-invitation");
    assert_eq!(shop.get(&format!("/v1/users/{id}")).send().await.ok()["state"], "invitation-lapsed");
    world.unchanged_since(&before);
    let third = shop.post(&format!("/v1/users/{id}/invitation"), json!({})).send().await.created();
    world.clock_forward(SignedDuration::from_hours(71));
    assert_eq!(accept(shop, &text(&third["invitation"]), PASSWORD).await.status, 204);
    assert_eq!(accept(shop, &text(&third["invitation"]), PASSWORD).await.problem().name(), "404 invalid-invitation");
    signed_in(shop, "wang").await;
}

#[tokio::test]
async fn whoever_can_not_sign_in_is_not_told_why() {
    let world = World::new();
    let shop = &world.shop;
    let wang = person(shop, "wang", "clerk").await;
    let suspended = person(shop, "li", "clerk").await;
    change(shop, &suspended.id, json!({ "suspended": true })).await.ok();
    let mut told = Vec::new();
    let nowhere = json!({ "merchant": "nowhere", "name": "wang", "password": PASSWORD });
    for request in [
        sign_in(shop, "wang", "some other words"),
        sign_in(shop, "nobody", PASSWORD),
        sign_in(shop, "li", PASSWORD),
        sign_in(&world.rival, "wang", PASSWORD),
        shop.with_key(None).post("/v1/sessions", nowhere),
    ] {
        let reply = request.send().await;
        assert_eq!((reply.status.as_u16(), reply.header("set-cookie")), (401, None));
        told.push(reply.body);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "they are told apart");
    wang.get("/v1/session").send().await.ok();
}

#[tokio::test]
async fn a_session_ends_when_it_rests_and_when_its_time_is_over() {
    let world = World::new();
    let shop = &world.shop;
    let wang = person(shop, "wang", "clerk").await;
    for _ in 0..13 {
        world.clock_forward(SignedDuration::from_mins(50));
        wang.get("/v1/session").send().await.ok();
    }
    let rests = signed_in(shop, "wang").await;
    assert_eq!(rests.get("/v1/sessions").send().await.ok()["sessions"].as_array().unwrap().len(), 2);
    world.clock_forward(SignedDuration::from_mins(60));
    assert_eq!(rests.get("/v1/session").send().await.problem().name(), "401 session-ended");
    let again = signed_in(shop, "wang").await;
    world.clock_forward(SignedDuration::from_mins(10));
    assert_eq!(wang.get("/v1/session").send().await.problem().name(), "401 session-ended", "after twelve hours");
    again.get("/v1/session").send().await.ok();
    // What has ended is dropped when its time is over.
    let before = world.state();
    run_due(&world.running().host).unwrap();
    assert_eq!(world.state().differs_from(&before).len(), 2, "the session and its end");
    world.clock_forward(SignedDuration::from_hours(13));
    run_due(&world.running().host).unwrap();
    let left = signed_in(shop, "wang").await.get("/v1/sessions").send().await.ok();
    assert_eq!(left["sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_a_user_may_do_changes_with_their_next_request() {
    let world = World::new();
    let shop = &world.shop;
    let wang = person(shop, "wang", "owner").await;
    wang.get("/v1/keys").send().await.ok();
    change(shop, &wang.id, json!({ "role": "clerk", "stores": [shop.store(1)] })).await.ok();
    assert_eq!(wang.get("/v1/keys").send().await.problem().name(), "403 forbidden");
    let order = |store: String| json!({ "reference": store, "store": store, "lines": [{ "sku": "bun", "quantity": 1, "amount_minor": 100 }] });
    let elsewhere = wang.ask("POST", "/v1/orders", order(shop.store(0))).send().await;
    assert_eq!(elsewhere.problem().name(), "403 other-store");
    wang.ask("POST", "/v1/orders", order(shop.store(1))).send().await.created();
    change(shop, &wang.id, json!({ "suspended": true })).await.ok();
    assert_eq!(wang.get("/v1/stores").send().await.problem().name(), "401 session-ended");
    change(shop, &wang.id, json!({ "suspended": false })).await.ok();
    assert_eq!(wang.get("/v1/stores").send().await.problem().name(), "401 session-ended", "it stays ended");
    signed_in(shop, "wang").await.get("/v1/stores").send().await.ok();
}

#[tokio::test]
async fn a_session_is_ended_by_its_user_and_by_an_owner() {
    let world = World::new();
    let shop = &world.shop;
    let (one, other) = (person(shop, "wang", "clerk").await, signed_in(shop, "wang").await);
    let li = person(shop, "li", "clerk").await;
    let listed = one.get("/v1/sessions").send().await.ok();
    let listed = listed["sessions"].as_array().unwrap();
    let path = |of: &Value| format!("/v1/sessions/{}", of["id"].as_str().unwrap());
    let of_other = listed.iter().find(|session| session["is_this"] == false).unwrap();
    assert_eq!(li.ask("DELETE", &path(of_other), Value::Null).send().await.problem().name(), "404 unknown-session");
    assert_eq!(one.ask("DELETE", &path(of_other), Value::Null).send().await.status, 204);
    assert_eq!(other.get("/v1/session").send().await.problem().name(), "401 session-ended");
    one.get("/v1/session").send().await.ok();
    let all = format!("/v1/users/{}/sessions", one.id);
    assert_eq!(li.ask("DELETE", &all, Value::Null).send().await.problem().name(), "403 forbidden");
    assert_eq!(world.rival.request("DELETE", &all).send().await.problem().name(), "404 unknown-user");
    assert_eq!(shop.request("DELETE", &all).send().await.status, 204);
    assert_eq!(one.get("/v1/session").send().await.problem().name(), "401 session-ended");
    li.get("/v1/session").send().await.ok();
}

#[tokio::test]
async fn a_user_has_twenty_sessions_at_most() {
    let world = World::new();
    let first = person(&world.shop, "wang", "clerk").await;
    for _ in 1..users::SESSIONS_MAX {
        world.clock_forward(SignedDuration::from_secs(1));
        signed_in(&world.shop, "wang").await;
    }
    first.get("/v1/session").send().await.ok();
    signed_in(&world.shop, "wang").await;
    assert_eq!(first.get("/v1/session").send().await.problem().name(), "401 session-ended");
}

#[tokio::test]
async fn a_user_changes_their_password_and_their_other_sessions_end() {
    let world = World::new();
    let shop = &world.shop;
    let (here, there) = (person(shop, "wang", "clerk").await, signed_in(shop, "wang").await);
    let put = |current: &str, new: &str| json!({ "current": current, "new": new });
    let ask = async |body: Value| here.ask("PUT", "/v1/session/password", body).send().await;
    assert_eq!(ask(put("some other words", "my new few words")).await.problem().name(), "422 wrong-password");
    assert_eq!(ask(put(PASSWORD, "wang")).await.problem().name(), "422 weak-password");
    assert_eq!(ask(put(PASSWORD, "my new few words")).await.status, 204);
    here.get("/v1/session").send().await.ok();
    assert_eq!(there.get("/v1/session").send().await.problem().name(), "401 session-ended");
    assert_eq!(sign_in(shop, "wang", PASSWORD).send().await.problem().name(), "401 wrong-sign-in");
    sign_in(shop, "wang", "my new few words").send().await.created();
    let key = shop.put("/v1/session/password", put(PASSWORD, "my new few words")).send().await;
    assert_eq!(key.problem().name(), "409 no-user");
    // A reset takes the password and the session.
    shop.post(&format!("/v1/users/{}/invitation", here.id), json!({})).send().await.created();
    assert_eq!(here.get("/v1/session").send().await.problem().name(), "401 session-ended");
    assert_eq!(sign_in(shop, "wang", "my new few words").send().await.problem().name(), "401 wrong-sign-in");
}

#[tokio::test]
async fn a_session_changes_something_only_with_its_own_csrf_token() {
    let world = World::new();
    let (wang, li) = (person(&world.shop, "wang", "clerk").await, person(&world.shop, "li", "clerk").await);
    let before = world.state();
    let wrong = wang.ask("POST", "/v1/members", json!({})).header("x-csrf-token", &li.csrf_token).send().await;
    assert_eq!(wrong.problem().name(), "403 no-csrf-token");
    let forged = wang.shop.post("/v1/members", json!({})).header("cookie", &wang.cookie).send().await;
    assert_eq!(forged.problem().name(), "403 no-csrf-token");
    for cookie in ["punchcard=", "punchcard=abc", &wang.cookie[..wang.cookie.len() - 2], &format!("{}00", wang.cookie)]
    {
        let problem = wang.shop.get("/v1/stores").header("cookie", cookie).send().await.problem();
        assert_eq!(problem.name(), "401 session-ended", "{cookie}");
    }
    world.unchanged_since(&before);
    let among = format!("theme=dark; {}; other=1", wang.cookie);
    wang.shop.get("/v1/stores").header("cookie", &among).send().await.ok();
    // A key goes before a session, and needs no token.
    world.shop.post("/v1/members", json!({})).header("cookie", &wang.cookie).send().await.created();
}

#[tokio::test]
async fn behind_https_the_cookie_is_sent_by_https_only() {
    let world = World::with_limits(|settings| settings.secure_cookies = true);
    let (_, invitation) = invite(&world.shop, "wang", "clerk").await;
    accept(&world.shop, &invitation, PASSWORD).await;
    let reply = sign_in(&world.shop, "wang", PASSWORD).send().await;
    let set = reply.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-punchcard=") && set.ends_with("; SameSite=Strict; Secure"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    world.shop.with_key(None).get("/v1/session").header("cookie", &cookie).send().await.ok();
    let other = cookie.replace("__Host-", "");
    let plain = world.shop.with_key(None).get("/v1/session").header("cookie", &other).send().await;
    assert_eq!(plain.problem().name(), "401 no-key");
}

#[tokio::test]
async fn who_fails_too_often_waits_and_does_not_lock_out_the_person_where_they_usually_are() {
    let world = World::with_limits(|settings| {
        settings.failed_sign_in_rate = Rate::new(6, 60, 3);
        settings.failed_user_rate = Rate::new(60, 3600, 4);
    });
    let shop = &world.shop;
    let (_, invitation) = invite(shop, "wang", "clerk").await;
    accept(shop, &invitation, PASSWORD).await;
    let from = |peer: &str, password: &str| sign_in(shop, "wang", password).from_peer(peer);
    for _ in 0..10 {
        from("192.0.2.1:1", PASSWORD).send().await.created();
    }
    for _ in 0..3 {
        assert_eq!(from("192.0.2.66:1", "some other words").send().await.problem().status, 401);
    }
    let refused = from("192.0.2.66:1", PASSWORD).send().await;
    assert_eq!(refused.header("retry-after"), Some("10"));
    assert_snapshot!(refused.problem(), @"429 too-many-sign-ins: too many attempts to sign in have failed; come again in 10 s, nothing was done");
    assert_eq!(from("192.0.2.67:1", "some other words").send().await.problem().status, 401);
    assert_eq!(from("192.0.2.68:1", PASSWORD).send().await.problem().status, 429, "from elsewhere the name rests");
    from("192.0.2.1:1", PASSWORD).send().await.created();
    world.clock_forward(SignedDuration::from_mins(2));
    from("192.0.2.68:1", PASSWORD).send().await.created();
}

#[tokio::test]
async fn nobody_gives_away_more_than_they_have_and_an_owner_always_stays() {
    let world = World::new();
    let shop = &world.shop;
    let wang = person(shop, "wang", "owner").await;
    let new =
        |name: &str, stores: Value| json!({ "name": name, "display_name": name, "role": "owner", "stores": stores });
    let corner = shop.post("/v1/users", new("corner", json!([shop.store(1)]))).send().await.created();
    accept(shop, &text(&corner["invitation"]), PASSWORD).await;
    let corner = signed_in(shop, "corner").await;
    assert_eq!(corner.ask("POST", "/v1/users", new("x", Value::Null)).send().await.problem().name(), "403 other-store");
    corner.ask("POST", "/v1/users", new("y", json!([shop.store(1)]))).send().await.created();
    let path = format!("/v1/users/{}", wang.id);
    assert_eq!(corner.ask("DELETE", &path, Value::Null).send().await.problem().name(), "403 other-store");
    assert_eq!(wang.ask("DELETE", &path, Value::Null).send().await.problem().name(), "409 oneself");
    for (stores, expected) in [(json!([world.rival.store(0)]), "422 unknown-store"), (json!([]), "422 no-stores")] {
        assert_eq!(shop.post("/v1/users", new("z", stores)).send().await.problem().name(), expected);
    }
    assert_eq!(shop.post("/v1/users", new("WANG", Value::Null)).send().await.problem().name(), "409 name-taken");
    // The owner's key is revoked by a user; then that user is the last owner of all stores.
    let keys = wang.get("/v1/keys").send().await.ok();
    let own = keys["keys"].as_array().unwrap().iter().find(|key| key["role"] == "owner").unwrap();
    let other = json!({ "role": "owner", "stores": [shop.store(0), shop.store(1)] });
    let other = shop.with_key(shop.post("/v1/keys", other).send().await.created()["secret"].as_str());
    wang.ask("DELETE", &format!("/v1/keys/{}", own["id"].as_str().unwrap()), Value::Null).send().await.ok();
    assert_eq!(other.request("DELETE", &path).send().await.problem().name(), "403 other-store");
    let lead = wang.ask("POST", "/v1/users", new("lead", Value::Null)).send().await.created();
    accept(shop, &text(&lead["invitation"]), PASSWORD).await;
    let lead = signed_in(shop, "lead").await;
    let etag = lead.get(&path).send().await.header("etag").unwrap().to_owned();
    let demote = lead.ask("PATCH", &path, json!({ "role": "clerk" })).header("if-match", &etag);
    demote.send().await.ok();
    let stale = lead.ask("PATCH", &path, json!({ "role": "owner" })).header("if-match", &etag).send().await;
    assert_eq!(stale.problem().name(), "412 other-version");
}

#[tokio::test]
async fn the_last_owner_is_not_removed_by_a_key_of_all_stores() {
    let world = World::new();
    let shop = &world.shop;
    let wang = person(shop, "wang", "owner").await;
    let keys = wang.get("/v1/keys").send().await.ok();
    let key = |role: &str| {
        let found = keys["keys"].as_array().unwrap().iter().find(|key| key["role"] == role).unwrap();
        format!("/v1/keys/{}", found["id"].as_str().unwrap())
    };
    // While the key is there, the user may go; when the user was suspended, the key may not.
    change(shop, &wang.id, json!({ "suspended": true })).await.ok();
    change(shop, &wang.id, json!({ "suspended": false })).await.ok();
    let wang = signed_in(shop, "wang").await;
    wang.ask("DELETE", &key("owner"), Value::Null).send().await.ok();
    wang.ask("DELETE", &key("clerk"), Value::Null).send().await.ok();
    let li = wang.ask("POST", "/v1/users", json!({ "name": "li", "display_name": "Li", "role": "owner" })).send().await;
    let li = li.created();
    let path = format!("/v1/users/{}", text(&li["user"]["id"]));
    assert_eq!(wang.ask("DELETE", &path, Value::Null).send().await.status, 204, "one who has no password yet");
    let page = wang.get("/v1/users?limit=1").send().await.ok();
    assert_eq!(page["users"][0]["name"], "wang");
}

#[tokio::test]
async fn users_of_another_merchant_are_unknown() {
    let world = World::new();
    let wang = person(&world.shop, "wang", "clerk").await;
    let path = format!("/v1/users/{}", wang.id);
    let before = world.state();
    for request in [
        world.rival.get(&path),
        world.rival.patch(&path, "\"1\"", json!({ "role": "owner" })),
        world.rival.request("DELETE", &path),
        world.rival.post(&format!("{path}/invitation"), json!({})),
    ] {
        assert_eq!(request.send().await.problem().name(), "404 unknown-user");
    }
    world.unchanged_since(&before);
    assert_eq!(world.rival.get("/v1/users").send().await.ok()["users"], json!([]));
}

#[tokio::test]
async fn the_audit_log_tells_of_users_and_sign_ins_and_of_no_secret() {
    let world = World::new();
    let shop = &world.shop;
    let (id, invitation) = invite(shop, "wang", "clerk").await;
    accept(shop, &invitation, PASSWORD).await;
    let wang = signed_in(shop, "wang").await;
    sign_in(shop, "wang", "some other words").send().await.problem();
    sign_in(shop, "nobody", "some other words").send().await.problem();
    change(shop, &id, json!({ "role": "manager" })).await.ok();
    wang.ask("POST", "/v1/members", json!({ "reference": "alice" })).send().await.created();
    shop.request("DELETE", &format!("/v1/users/{id}")).send().await;
    // A failed sign-in is written down after the answer.
    let mut changes = Value::Null;
    for _ in 0..10_000 {
        changes = shop.get("/v1/changes?limit=200").send().await.ok();
        if changes.to_string().contains("failed-sign-in") {
            break;
        }
    }
    let all = changes["changes"].as_array().unwrap();
    let mut told: Vec<_> =
        all.iter().filter(|change| change["name"] == id).map(|change| text(&change["kind"])).collect();
    told.sort();
    assert_eq!(told, ["failed-sign-in", "password", "sign-in", "user", "user", "user"]);
    let member = all.iter().find(|change| change["kind"] == "member").unwrap();
    assert_eq!(member["by"], json!({ "staff": id, "role": "manager" }));
    let events = shop.get("/v1/events").send().await.ok();
    let said = format!("{changes}{events}{}", shop.get("/v1/users").send().await.ok());
    let cookie = wang.cookie.split_once('=').unwrap().1;
    for secret in [PASSWORD, "some other words", &invitation[3..], cookie, &cookie[96..], &wang.csrf_token, "argon2"] {
        assert!(!said.contains(secret), "{secret} is told: {said}");
    }
}

#[tokio::test]
async fn a_merchant_is_named_by_its_handle_too() {
    let world = World::new();
    let shop = &world.shop;
    person(shop, "wang", "clerk").await;
    let host = world.running().host;
    let handle = punchcard::domain::Code::new("maixiang").unwrap();
    host.operate(shop.id, |tx, act| users::put_handle(tx, act, &handle)).unwrap();
    let taken = host.operate(world.rival.id, |tx, act| users::put_handle(tx, act, &handle)).unwrap_err();
    assert_eq!(taken.to_string(), "the handle `maixiang` is another merchant's: take another one");
    let sign_in = |named: &str| {
        let body = json!({ "merchant": named, "name": "wang", "password": PASSWORD });
        shop.with_key(None).post("/v1/sessions", body).send()
    };
    sign_in("Maixiang").await.created();
    let other = punchcard::domain::Code::new("maixiang-bakery").unwrap();
    host.operate(shop.id, |tx, act| users::put_handle(tx, act, &other)).unwrap();
    assert_eq!(sign_in("maixiang").await.problem().name(), "401 wrong-sign-in");
    sign_in("maixiang-bakery").await.created();
}
