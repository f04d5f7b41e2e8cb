//! The binary is killed with `kill -9`, and nothing that it acknowledged is lost.

use std::collections::BTreeMap;
use std::sync::mpsc;

use host_tests::masked;
use host_tests::premises::{Call, Premises};
use host_tests::process::{Server, punchcard, serve_command};
use serde_json::{Value, json};

const CLIENTS: usize = 8;
const ORDERS_EACH: usize = 60;

/// The order with this number of a client's member.
fn order(shop: &Premises, member: &str, client: usize, number: usize) -> Call {
    let reference = format!("client-{client}-order-{number}");
    let lines = json!([{ "sku": "bread", "quantity": 1, "amount_minor": 100 * (number + 1) }]);
    let body = json!({ "reference": reference, "store": shop.store(), "member": member, "lines": lines });
    Call::post("/v1/orders", reference, &body)
}

/// Sends the orders of all clients, each until an order fails for lack of a server, and has the server killed after so
/// many replies. What was acknowledged, by idempotency key.
fn orders_until_killed(
    shop: &Premises,
    server: &mut Server,
    members: &[String],
    after: usize,
) -> BTreeMap<String, Value> {
    let address = server.address().to_owned();
    // Nobody runs ahead: a client goes on when its reply was counted.
    let (tell, told) = mpsc::sync_channel(0);
    std::thread::scope(|scope| {
        for (client, member) in members.iter().enumerate() {
            let (tell, address) = (tell.clone(), address.clone());
            scope.spawn(move || {
                for number in 0..ORDERS_EACH {
                    let call = order(shop, member, client, number);
                    match shop.send(&address, &call) {
                        Ok((201, order)) => tell.send((call.key, order)).unwrap(),
                        Ok((status, problem)) => panic!("{status} {problem}"),
                        Err(_) => return,
                    }
                }
            });
        }
        drop(tell);
        let mut acknowledged: BTreeMap<_, _> = told.iter().take(after).collect();
        server.kill();
        // Replies that were on their way when it was killed are acknowledged as well.
        acknowledged.extend(told);
        acknowledged
    })
}

#[test]
fn what_was_acknowledged_before_kill_9_is_there_afterwards() {
    let shop = Premises::new();
    let mut server = Server::start(shop.path());
    shop.enable_points(&server);
    let enrol = |client: usize| {
        let body = json!({ "reference": format!("client-{client}") });
        let enrol = Call::post("/v1/members", format!("enrol-{client}"), &body);
        shop.ask(&server, &enrol)["id"].as_str().unwrap().to_owned()
    };
    let members: Vec<_> = (0..CLIENTS).map(enrol).collect();

    let mut acknowledged = BTreeMap::new();
    for after in [1, 40, 130, 260] {
        let before = acknowledged.len();
        let found = orders_until_killed(&shop, &mut server, &members, after);
        // An order that was acknowledged before is the same order, whenever it is sent again.
        for (key, order) in &acknowledged {
            assert!(found.get(key).is_none_or(|again| again == order), "{key} has become another order");
        }
        acknowledged.extend(found);
        assert!(acknowledged.len() >= after.max(before), "too little was acknowledged");
        server = Server::start(shop.path());
        for order in acknowledged.values() {
            let read = Call::get(format!("/v1/orders/{}", order["id"].as_str().unwrap()));
            assert_eq!(shop.ask(&server, &read), *order);
        }
    }
    assert!(acknowledged.len() < CLIENTS * ORDERS_EACH, "the last kill came too late to interrupt anything");

    // Whatever was on its way is sent again with its key, and is then there once.
    for (client, member) in members.iter().enumerate() {
        for number in 0..ORDERS_EACH {
            let call = order(&shop, member, client, number);
            let again = shop.ask(&server, &call);
            let same = acknowledged.get(&call.key).is_none_or(|first| *first == again);
            assert!(same, "{} has become another order", call.key);
        }
        let assets = shop.ask(&server, &Call::get(format!("/v1/members/{member}/assets")));
        let points = assets["assets"].as_array().unwrap().iter().find(|asset| asset["unit"] == "points").unwrap();
        assert_eq!(points["available"], ORDERS_EACH * (ORDERS_EACH + 1) / 2);
    }
    server.kill();
    let told = masked(&shop.verify().ok());
    assert!(told.ends_with("the books balance\n"), "{told}");
    let orders = CLIENTS * ORDERS_EACH;
    assert!(told.contains(&format!("{CLIENTS} members, {orders} orders, {orders} postings")), "{told}");
}

#[test]
fn a_server_that_is_asked_to_stop_finishes_and_leaves_everything_behind() {
    let shop = Premises::new();
    let server = Server::start(shop.path());
    shop.ask(&server, &Call::post("/v1/members", "k", &json!({ "reference": "alice" })));
    let status = server.stop();
    assert!(status.success(), "{status:?}");
    assert!(shop.verify().ok().contains("1 members, 0 orders"));
}

#[test]
fn a_data_directory_is_served_by_one_process_at_a_time() {
    let shop = Premises::new();
    let _server = Server::start(shop.path());
    let refused = punchcard(&["verify", "--data", shop.path().to_str().unwrap()]).failed();
    assert!(refused.contains("is in use by another process"), "{refused}");
}

#[test]
fn a_directory_that_holds_no_data_is_not_verified() {
    let dir = tempfile::tempdir().unwrap();
    let refused = punchcard(&["verify", "--data", dir.path().to_str().unwrap()]).failed();
    assert!(refused.contains("is not a data directory; `punchcard merchant create"), "{refused}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn without_room_on_the_disk_writes_are_refused_and_reads_go_on() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    let enrol = |number: usize| {
        Call::post("/v1/members", format!("enrol-{number}"), &json!({ "reference": format!("card-{number}") }))
    };
    premises.ask(&server, &enrol(1));
    assert!(server.stop().success());

    // No disk has so much room.
    let server = Server::listening(serve_command(premises.path()).args(["--room-mib", "4000000000"])).unwrap();
    let (status, problem) = premises.send(server.address(), &enrol(2)).unwrap();
    assert_eq!((status, &problem["type"]), (503, &json!("urn:punchcard:problem:no-room")), "{problem}");
    let (status, problem) = premises.send(server.address(), &Call::get("/readyz")).unwrap();
    assert_eq!((status, &problem["type"]), (503, &json!("urn:punchcard:problem:no-room")), "{problem}");
    let found = premises.ask(&server, &Call::get("/v1/members?reference=card-1"));
    assert_eq!(found["members"].as_array().map(Vec::len), Some(1), "{found}");
    assert!(server.stop().success());

    let server = Server::start(premises.path());
    premises.ask(&server, &enrol(2));
    assert!(server.stop().success());
    assert!(premises.verify().ok().contains("2 members"));
}

#[test]
fn the_process_tells_how_large_the_store_is_and_how_long_commits_take() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    premises.ask(&server, &Call::post("/v1/members", "enrol", &json!({ "reference": "card" })));
    let told = ureq::get(format!("{}/metrics", server.address())).call().unwrap().body_mut().read_to_string().unwrap();
    let figure = |name: &str| {
        let line = told.lines().find(|line| line.split(' ').next() == Some(name));
        line.and_then(|line| line.split(' ').nth(1)?.parse::<f64>().ok()).unwrap_or_else(|| panic!("no {name}: {told}"))
    };
    assert!(figure("punchcard_store_state_bytes") > 0.0);
    assert!(figure("punchcard_store_journal_bytes") > 0.0);
    assert!(figure("punchcard_store_commit_seconds_count") >= 1.0);
    assert!(figure("punchcard_store_bloated") == 0.0);
    assert!(!told.contains("mer_"), "figures of the process name no merchant: {told}");
}
