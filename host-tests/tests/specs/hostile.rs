//! A pack that does harm harms itself: the order settles, the pack beside it earns, and nothing of the harm stays.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use host_tests::premises::{Call, Premises};
use host_tests::process::{Server, command, ran};
use host_tests::{World, guest, reworded};
use jiff::SignedDuration;
use punchcard::domain::Event;
use serde_json::{Value, json};

use crate::following::calls;
use crate::{earned, with_points};

/// A world in which points are given, and beside them a pack that behaves like this.
async fn world_with(behaviour: &str) -> World {
    let world = World::new();
    with_points(&world.shop).await;
    world.shop.enable(guest("hostile")).settings(json!({ "behaviour": behaviour })).send().await.ok();
    world
}

/// What the hostile pack has in its storage.
async fn storage(world: &World) -> Value {
    world.shop.command("hostile", "peek", json!({})).send().await.ok()["result"].clone()
}

/// What the hostile pack's part in an order came to.
fn outcome(order: &Value) -> &Value {
    assert_eq!(order["packs"][0]["pack"], "hostile", "{order}");
    &order["packs"][0]
}

/// Events that tell of a failing pack: the pack and the code.
fn failures(world: &World) -> Vec<(String, String)> {
    let events = world.shop.events().into_iter();
    events
        .filter_map(|event| match event {
            Event::PackFailed { pack, code, .. } => Some((pack.to_string(), code)),
            _ => None,
        })
        .collect()
}

/// The order stands, the harm has its name and is told, nothing of it stays, and other merchants go on.
async fn harms_only_itself(behaviour: &str, code: &str) {
    let world = world_with(behaviour).await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    assert_eq!(outcome(&order)["failed"]["code"], code, "{order}");
    assert_eq!(outcome(&order)["earned"], json!([]));
    assert_eq!((earned(&order, "points"), alice.points().await), (24, 24));
    assert_eq!(alice.holds("scars").await.available, 0);
    assert_eq!(storage(&world).await, json!([]));
    assert_eq!(failures(&world), [("hostile".to_owned(), code.to_owned())]);

    // A quote tells of it too, and writes nothing.
    let before = world.state();
    let quote = alice.order("till-2").quote().await.ok();
    assert_eq!(quote["packs"][0]["failed"]["code"], code, "{quote}");
    assert_eq!(quote["packs"][1]["earnings"][0]["amount"], 24);
    world.unchanged_since(&before);

    // It can be given back, and the host goes on, for others at the same time.
    world.shop.refund(&order).await.ok();
    assert_eq!(alice.points().await, 0);
    with_points(&world.rival).await;
    let bob = world.rival.member("bob").enrol().await;
    let (ours, theirs) = tokio::join!(alice.order("till-3").settle(), bob.order("till-1").settle());
    assert_eq!(outcome(&ours.created())["failed"]["code"], code);
    assert_eq!((earned(&theirs.created(), "points"), bob.points().await), (24, 24));
}

#[tokio::test]
async fn a_pack_that_changes_the_members_of_whose_changes_it_hears_comes_to_an_end() {
    let world = World::new();
    world.shop.enable(guest("hostile")).settings(json!({ "behaviour": "tag-on-change" })).send().await.ok();
    let (alice, bob) = (world.shop.member("alice").enrol().await, world.shop.member("bob").enrol().await);
    let vip = |id: &str| world.shop.put(&format!("/v1/members/{id}/tags/vip"), json!({})).send();
    let told = || world.shop.events().iter().filter(|event| matches!(event, Event::MemberChanged { .. })).count();
    vip(&alice.id).await.ok();
    let round = calls(&world).await;
    assert_eq!((round.done, round.failed, round.lag), (9, 0, 0), "of the change by staff and eight of its own");
    assert_eq!(told(), 10, "what the last call did is in the log like all else");
    assert_eq!(calls(&world).await.done, 0);
    let heard = world.shop.get("/v1/events?kind=member-changed&limit=100").send().await.ok();
    assert_eq!(heard["events"].as_array().unwrap().len(), 10, "{heard}");

    // Others go on, and what people do is a new beginning.
    vip(&bob.id).await.ok();
    world.shop.request("DELETE", &format!("/v1/members/{}/tags/vip", alice.id)).send().await.ok();
    assert_eq!((calls(&world).await.done, told()), (18, 30));
    let order = alice.order("till-1").settle().await.created();
    assert_eq!(earned(&order, "hostile"), 1);
    world.restart();
    assert_eq!(calls(&world).await.done, 0);
}

#[tokio::test]
async fn a_pack_that_behaves_leaves_its_writes() {
    let world = world_with("behave").await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    assert_eq!(earned(&order, "hostile"), 1);
    assert_eq!(alice.holds("scars").await.available, 1);
    assert_eq!(storage(&world).await, json!([{ "key": "mark", "value": order["id"] }]));
    assert_eq!(failures(&world), []);
}

#[tokio::test]
async fn an_endless_loop_ends_with_its_fuel() {
    harms_only_itself("loop", "out-of-fuel").await;
}

#[tokio::test]
async fn a_memory_bomb_ends_at_the_limit_of_memory() {
    harms_only_itself("eat-memory", "memory-exceeded").await;
}

#[tokio::test]
async fn an_endless_recursion_ends_with_its_stack() {
    harms_only_itself("recurse", "stack-exhausted").await;
}

#[tokio::test]
async fn a_flood_of_host_calls_ends_at_their_limit() {
    harms_only_itself("flood", "host-calls-exceeded").await;
}

#[tokio::test]
async fn a_trap_after_writing_leaves_no_trace() {
    harms_only_itself("trap-after-write", "trapped").await;
}

#[tokio::test]
async fn a_refusal_after_writing_leaves_no_trace() {
    harms_only_itself("refuse-after-write", "on-purpose").await;
}

#[tokio::test]
async fn an_instruction_that_ends_everything_leaves_no_trace() {
    harms_only_itself("unreachable", "trapped").await;
}

#[tokio::test]
async fn what_a_pack_decides_is_checked_against_the_contract() {
    for (behaviour, code) in [
        ("earn-until-never", "bad-reply"),
        ("earn-unknown", "denied"),
        ("earn-nothing", "bad-reply"),
        ("earn-overflow", "bad-reply"),
    ] {
        harms_only_itself(behaviour, code).await;
    }
}

#[tokio::test]
async fn a_pack_decides_20_earnings_and_no_more() {
    let world = world_with("most-earnings").await;
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    assert_eq!(outcome(&order)["failed"], Value::Null, "{order}");
    assert_eq!((alice.holds("scars").await.available, failures(&world)), (20, Vec::new()));
    harms_only_itself("many-earnings", "bad-reply").await;
}

#[tokio::test]
async fn a_hundred_lines_of_a_call_are_kept_with_a_kib_of_each() {
    let world = world_with("log-flood").await;
    world.shop.order("till-1").settle().await.created();
    let log = world.shop.get("/v1/packs/hostile/log").send().await.ok();
    let lengths: Vec<_> =
        log["lines"].as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap().len()).collect();
    assert_eq!(lengths, [1 << 10; 100]);
}

#[tokio::test]
async fn lists_and_texts_without_end_are_not_taken_over_the_border() {
    harms_only_itself("many-findings", "trapped").await;
    harms_only_itself("fill-storage", "written-exceeded").await;
    harms_only_itself("write-over", "written-exceeded").await;
    harms_only_itself("read-much", "moved-exceeded").await;
    harms_only_itself("read-flood", "read-exceeded").await;
    harms_only_itself("long-text", "memory-exceeded").await;
}

#[tokio::test]
async fn packs_that_write_as_much_as_they_may_leave_room_for_the_order_and_for_those_that_write_little() {
    let world = World::new();
    with_points(&world.shop).await;
    for number in 1..=6 {
        let texts = [("hostile", &*format!("hostil{number}")), ("scars", &*format!("scar{number}"))];
        let component = reworded(guest("hostile"), &texts);
        world.shop.enable(component).settings(json!({ "behaviour": "write-much" })).send().await.ok();
    }
    let alice = world.shop.member("alice").enrol().await;
    let order = alice.order("till-1").settle().await.created();
    let codes: Vec<_> = order["packs"].as_array().unwrap().iter().map(|pack| pack["failed"]["code"].clone()).collect();
    let full = json!("written-exceeded");
    let none = Value::Null;
    assert_eq!(codes, [&none, &none, &none, &none, &full, &full, &none].map(Clone::clone), "{order}");
    assert_eq!((earned(&order, "points"), alice.points().await), (24, 24));
    world.books_balance();
}

/// What the hostile pack says that the host told it, in an order that settles.
async fn told(behaviour: &str) -> String {
    let world = world_with(behaviour).await;
    let alice = world.shop.member("alice").enrol().await;
    let quote = alice.order("till-1").quote().await.ok();
    let told = quote["packs"][0]["findings"][0]["explanation"].as_str();
    let told = told.unwrap_or_else(|| panic!("{behaviour}: {quote}")).to_owned();
    let order = alice.order("till-1").settle().await.created();
    assert_eq!((earned(&order, "hostile"), earned(&order, "points")), (0, 24), "{behaviour}");
    assert_eq!(storage(&world).await, json!([]), "{behaviour}");
    assert_eq!(failures(&world), [], "{behaviour}");
    told
}

#[tokio::test]
async fn a_host_function_that_is_asked_for_too_much_says_what_is_possible() {
    for (behaviour, expected) in [
        ("long-value", "a value has at most 32768 bytes, but this one has 32769"),
        ("long-key", "a key has 1 to 256 bytes, but this one has 257"),
        ("get-too-many", "get-many takes at most 100 keys, not 101"),
        ("scan-too-much", "scan takes a start and an end of at most 257 bytes and a limit of at most 1000"),
        ("overspend", "Insufficient(0)"),
        ("reverse-foreign", "this pack made no posting pst_"),
        ("seek-stranger", "there is no member mem_"),
        ("emit", "Denied(\"events:emit\")"),
        ("set-timer", "the pack does not export `on-timer`, so that no timer would reach it"),
    ] {
        let told = told(behaviour).await;
        assert!(told.contains(expected), "{behaviour}: {told}");
    }
}

#[tokio::test]
async fn a_log_without_end_and_a_long_explanation_are_cut() {
    assert_eq!(told("log-flood").await, "logged");
    let told = told("long-finding").await;
    assert_eq!((told.len(), told.chars().all(|c| c == '面')), (510, true));
}

#[tokio::test]
async fn nothing_is_left_in_memory_for_the_next_call() {
    let world = world_with("remember").await;
    for number in 0..20 {
        let order = world.shop.order(&format!("till-{number}")).settle().await.created();
        assert_eq!(outcome(&order)["failed"], json!(null));
        let quote = world.shop.order("quoted").quote().await.ok();
        assert_eq!(quote["packs"][0]["findings"][0]["explanation"], "call 1 of this memory");
    }
}

#[tokio::test]
async fn a_command_answers_with_60_kib_and_no_more() {
    let world = world_with("behave").await;
    let shout = |bytes: usize| world.shop.command("hostile", "shout", json!({ "bytes": bytes })).send();
    // The quotation marks belong to it.
    let reply = shout((60 << 10) - 2).await.ok();
    assert_eq!(reply["result"].as_str().map(str::len), Some((60 << 10) - 2));
    assert_eq!(shout((60 << 10) - 1).await.problem().name(), "502 pack-bad-reply");
    assert_eq!(shout(100 << 20).await.problem().name(), "502 pack-memory-exceeded");
}

#[tokio::test]
async fn a_unit_that_was_not_granted_is_denied() {
    let world = world_with("write-foreign-unit").await;
    let alice = world.shop.member("alice").enrol().await;
    let quote = alice.order("till-1").quote().await.ok();
    assert_eq!(quote["packs"][0]["findings"][0]["explanation"], "denied: assets:write:stored-value");
    let order = alice.order("till-1").settle().await.created();
    assert_eq!((earned(&order, "hostile"), earned(&order, "points")), (0, 24));
    assert_eq!(alice.holds("stored-value").await.available, 0);
}

#[tokio::test]
async fn a_pack_that_does_harm_at_one_merchant_does_none_at_another() {
    let world = world_with("loop").await;
    with_points(&world.rival).await;
    world.rival.enable(guest("hostile")).send().await.ok();
    let theirs = world.rival.member("alice").enrol().await;
    let ours = world.shop.member("alice").enrol().await;
    let (ours, theirs) = tokio::join!(ours.order("till-1").settle(), theirs.order("till-1").settle());
    assert_eq!(outcome(&ours.created())["failed"]["code"], "out-of-fuel");
    assert_eq!(earned(&theirs.created(), "hostile"), 1);
    assert_eq!(storage(&world).await, json!([]));
}

#[tokio::test]
async fn many_hostile_orders_at_once_all_settle() {
    let world = world_with("eat-memory").await;
    let orders: Vec<_> =
        (0..32).map(|number| tokio::spawn(world.shop.order(&format!("till-{number}")).settle())).collect();
    for order in orders {
        let order = order.await.unwrap().created();
        let code = outcome(&order)["failed"]["code"].as_str().unwrap();
        assert!(["memory-exceeded", "resting"].contains(&code), "{order}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchant_whose_packs_are_busy_leaves_room_for_the_requests_of_others() {
    let world = World::with_limits(|limits| (limits.workers, limits.requests_max) = (4, 48));
    world.shop.enable(guest("hostile")).settings(json!({ "behaviour": "burn" })).send().await.ok();
    with_points(&world.rival).await;
    let theirs = world.rival.member("alice").enrol().await;
    let orders: Vec<_> =
        (0..40).map(|number| tokio::spawn(world.shop.order(&format!("till-{number}")).settle())).collect();
    for number in 0..5 {
        let order = theirs.order(&format!("till-{number}")).settle().await.created();
        assert_eq!(earned(&order, "points"), 24, "never refused");
    }
    let (mut settled, mut refused) = (0, 0);
    for order in orders {
        let reply = order.await.unwrap();
        if reply.status.is_success() {
            settled += 1;
        } else {
            assert_eq!(reply.problem().name(), "503 too-busy");
            refused += 1;
        }
    }
    assert!(settled >= 24 && refused > 0, "{settled} settled, {refused} refused");
}

#[tokio::test]
async fn a_pack_that_does_harm_again_and_again_rests_and_is_tried_again_later() {
    let world = world_with("loop").await;
    let codes = |from: u32, count: u32| {
        let shop = world.shop.clone();
        async move {
            let mut codes = Vec::new();
            for number in from..from + count {
                let order = shop.order(&format!("till-{number}")).settle().await.created();
                codes.push(outcome(&order)["failed"]["code"].as_str().unwrap_or("well").to_owned());
            }
            codes
        }
    };
    assert_eq!(codes(0, 7).await, [&["out-of-fuel"; 5][..], &["resting"; 2]].concat());
    let quote = world.shop.order("quoted").quote().await.ok();
    assert_eq!(quote["packs"][0]["failed"]["code"], "resting");
    let command = world.shop.command("hostile", "peek", json!({})).send().await.problem();
    assert_eq!(command.name(), "503 pack-resting");
    let health = world.shop.get("/v1/packs/hostile/health").send().await.ok();
    assert_eq!((&health["calls"], &health["faults"]), (&json!(5), &json!(5)), "{health}");
    assert_eq!(health["fuel_most"], 50_000_000);
    assert_eq!(health["last_fault"]["code"], "out-of-fuel");
    assert_eq!(health["rests_until"], "2026-03-18T00:00:10Z");
    let others = world.rival.get("/v1/packs/hostile/health").send().await.ok();
    assert_eq!((&others["calls"], &others["rests_until"]), (&json!(0), &Value::Null));

    world.clock_forward(SignedDuration::from_secs(10));
    assert_eq!(codes(10, 2).await, ["out-of-fuel", "resting"], "one try, and twice as long a rest");
    world.clock_forward(SignedDuration::from_secs(20));
    world.shop.enable(guest("hostile")).settings(json!({ "behaviour": "behave" })).send().await.ok();
    assert_eq!(codes(20, 2).await, ["well", "well"]);
    let health = world.shop.get("/v1/packs/hostile/health").send().await.ok();
    assert_eq!(health["rests_until"], Value::Null);
}

#[tokio::test]
async fn commands_that_go_well_do_not_hide_that_a_pack_breaks_off_in_orders() {
    let world = world_with("trap-after-write").await;
    let alice = world.shop.member("alice").enrol().await;
    let peek = || world.shop.command("hostile", "peek", json!({})).send();
    for number in 0..5 {
        peek().await.ok();
        let order = alice.order(&format!("till-{number}")).settle().await.created();
        assert_eq!(outcome(&order)["failed"]["code"], "trapped");
    }
    assert_eq!(peek().await.problem().name(), "503 pack-resting");
    world.clock_forward(SignedDuration::from_secs(10));
    peek().await.ok();
    peek().await.ok();
    let order = alice.order("till-5").settle().await.created();
    assert_eq!(outcome(&order)["failed"]["code"], "trapped", "it is for an order to try");
    assert_eq!(peek().await.problem().name(), "503 pack-resting");
}

#[tokio::test]
async fn what_a_pack_logs_can_be_read_by_its_merchant() {
    let world = world_with("trap-after-write").await;
    world.shop.member("alice").enrol().await.order("till-1").settle().await.created();
    let log = world.shop.get("/v1/packs/hostile/log").send().await.ok();
    let lines = log["lines"].as_array().unwrap();
    assert_eq!((lines.len(), &lines[0]["level"]), (1, &json!("error")), "{log}");
    let text = lines[0]["text"].as_str().unwrap();
    assert!(text.contains("trapped on purpose, after writing"), "{text}");
    assert_eq!(world.rival.get("/v1/packs/hostile/log").send().await.ok(), json!({ "lines": [] }));

    let numbers = async |query: &str| {
        let log = world.shop.get(&format!("/v1/packs/hostile/log{query}")).send().await.ok();
        log["lines"].as_array().unwrap().iter().map(|line| line["number"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    world.shop.member("bert").enrol().await.order("till-2").settle().await.created();
    assert_eq!(
        (numbers("").await, numbers("?after=1").await, numbers("?after=2").await),
        (vec![1, 2], vec![2], vec![])
    );
    assert_eq!(numbers("?after=9").await, [1, 2], "as whoever has seen nine lines of a server that has ended");
    let refused = world.shop.get("/v1/packs/hostile/log?after=-1").send().await.problem();
    assert_eq!(refused.name(), "400 wrong-query");
}

#[test]
fn the_command_line_prints_what_a_pack_logs_and_goes_on_when_it_is_asked_to() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    premises.enable(&server, guest("hostile"));
    let member = premises.ask(&server, &Call::post("/v1/members", "alice", &json!({ "reference": "alice" })));
    let settle = |reference: &str| {
        let lines = json!([{ "sku": "bun", "quantity": 1, "amount_minor": 1200 }]);
        let order =
            json!({ "store": premises.store(), "reference": reference, "member": member["id"], "lines": lines });
        premises.ask(&server, &Call::post("/v1/orders", reference, &order));
    };
    let logs = |url: &str, key: &str, more: &[&str]| {
        let mut logs = command(&[&["pack", "logs", "hostile", "--url", url], more].concat());
        logs.env("PUNCHCARD_API_KEY", key);
        logs
    };
    let own = |more: &[&str]| logs(server.address(), premises.key(), more);
    assert_eq!(ran(&mut own(&[])).ok(), "", "nothing yet");
    let mut wanted = premises.ask(&server, &Call::get("/v1/packs/hostile/enablement"));
    let body = json!({ "revision": wanted["revision"].take(), "stores": wanted["stores"].take(),
        "grants": wanted["grants"].take(), "settings": { "behaviour": "trap-after-write" } });
    let path = "/v1/packs/hostile/enablement";
    premises.ask(&server, &Call { method: "PUT", ..Call::post(path, "harm", &body) });
    settle("till-1");
    let told = ran(&mut own(&[])).ok();
    assert!(told.lines().count() == 1 && told.contains(" ERROR ") && told.contains("trapped on purpose"), "{told}");

    let mut following = own(&["--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), told.trim_end());
    settle("till-2");
    let next = lines.next().unwrap().unwrap();
    assert!(next.contains("trapped on purpose") && next > told, "{next}");
    following.kill().unwrap();
    following.wait().unwrap();

    let unset = ran(own(&[]).env_remove("PUNCHCARD_API_KEY")).failed();
    assert!(unset.contains("PUNCHCARD_API_KEY is not set"), "{unset}");
    let stranger = ran(&mut logs(server.address(), "pc_live_nobody", &[])).failed();
    assert!(stranger.contains("401 Unauthorized: ") && !stranger.contains("pc_live_nobody"), "{stranger}");
    let nobody = ran(&mut logs("http://127.0.0.1:1", "pc_live_nobody", &[])).failed();
    assert!(nobody.contains("http://127.0.0.1:1 can not be asked"), "{nobody}");
}
