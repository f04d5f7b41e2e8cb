//! How often somebody may ask.

use host_tests::{Reply, World};
use insta::assert_snapshot;
use punchcard::domain::Role;
use punchcard::http::Rate;

/// A key that is well-formed, and nobody's.
const UNKNOWN: &str = "pc_live_0000000000000000000000000000000000000000_f6a06e16";

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_when_to_come_again() {
    let world = World::with_limits(|limits| limits.key_rate = Rate::new(2, 1, 3));
    let told = |reply: &Reply| reply.header("ratelimit").unwrap_or_default().to_owned();
    for expected in [r#""key";r=2;t=1"#, r#""key";r=1;t=1"#, r#""key";r=0;t=2"#] {
        let reply = world.shop.get("/v1/stores").send().await;
        assert_eq!(reply.header("ratelimit-policy"), Some(r#""key";q=3;w=2"#));
        assert_eq!(told(&reply), expected);
        reply.ok();
    }
    let before = world.state();
    let reply = world.shop.member("alice").send().await;
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(told(&reply), r#""key";r=0;t=2"#);
    assert_snapshot!(reply.problem(), @"429 rate-limited: this API key or user asks more often than they may; come again in 1 s, nothing was done");
    world.unchanged_since(&before);

    world.shop.as_clerk().get("/v1/stores").send().await.ok();
    world.rival.get("/v1/stores").send().await.ok();
    world.clock_at("2026-03-18T08:00:00.500+08:00");
    world.shop.get("/v1/stores").send().await.ok();
    assert_eq!(world.shop.get("/v1/stores").send().await.problem().name(), "429 rate-limited");
    world.clock_at("2026-03-18T08:00:02+08:00");
    let reply = world.shop.get("/v1/stores").send().await;
    assert_eq!(told(&reply), r#""key";r=2;t=1"#);
}

#[tokio::test]
async fn a_stream_is_one_request_however_much_it_tells() {
    let world = World::with_limits(|limits| limits.key_rate = Rate::new(2, 1, 3));
    let mut stream = world.shop.get("/v1/events/stream?after=end").stream().await;
    for (role, names) in [(Role::Clerk, ["a", "b"]), (Role::Manager, ["c", "d"])] {
        for name in names {
            let member = world.shop.as_role(role).member(name).enrol().await;
            assert_eq!(stream.next().await.unwrap().data["member"], member.id.as_str());
            if name == "a" {
                let reply = world.shop.get("/v1/stores").send().await;
                assert_eq!(reply.header("ratelimit"), Some(r#""key";r=1;t=1"#), "two requests of three");
            }
        }
    }
}

#[tokio::test]
async fn without_a_limit_nothing_is_told_of_one() {
    let world = World::new();
    let reply = world.shop.get("/v1/stores").send().await;
    assert_eq!((reply.header("ratelimit"), reply.header("ratelimit-policy")), (None, None));
}

#[tokio::test]
async fn an_address_with_too_many_wrong_keys_is_not_looked_up_any_more_for_a_while() {
    let world = World::with_limits(|limits| limits.failed_key_rate = Rate::new(1, 60, 2));
    let ask = |key: &str, peer: &'static str| world.shop.with_key(Some(key)).get("/v1/stores").from_peer(peer).send();
    let good = world.shop.owner_key().to_owned();
    for _ in 0..3 {
        ask(&good, "192.0.2.1:1000").await.ok();
    }
    assert_eq!(ask(UNKNOWN, "192.0.2.1:1000").await.problem().name(), "401 unknown-key");
    assert_eq!(ask("guess", "192.0.2.1:1001").await.problem().name(), "401 malformed-key");
    for key in [UNKNOWN, "guess", &good] {
        let reply = ask(key, "192.0.2.1:1002").await;
        assert_eq!(reply.header("retry-after"), Some("60"));
        assert_eq!(reply.problem().name(), "429 too-many-wrong-keys");
    }
    ask(&good, "192.0.2.2:1000").await.ok();
    world.clock_at("2026-03-18T08:01:00+08:00");
    ask(&good, "192.0.2.1:1000").await.ok();
}
