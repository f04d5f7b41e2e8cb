//! The binary is killed with `kill -9`, and nothing that it acknowledged is lost.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;

use host_tests::process::{Server, punchcard};
use host_tests::{masked, pack};
use serde_json::{Value, json};
use ureq::Agent;

const CLIENTS: usize = 8;
const ORDERS_EACH: usize = 60;

/// A data directory with a merchant in it, and the owner's key.
struct Shop {
    dir: tempfile::TempDir,
    key: String,
    store: String,
    agent: Agent,
}

impl Shop {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().to_str().unwrap();
        let made = [
            "merchant",
            "create",
            "--data",
            data,
            "--name",
            "Maixiang",
            "--store",
            "main=Main Street",
            "--locale",
            "en",
        ];
        let told = punchcard(&made).ok();
        let field = |line: &str, index: usize| {
            let line = told.lines().find(|told| told.starts_with(line)).unwrap();
            line.trim_start_matches("API ").split_whitespace().nth(index).unwrap().to_owned()
        };
        let (store, key) = (field("store", 1), field("API key", 1));
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        Self { dir, key, store, agent }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Sends a request. An error is one of the connection: then nothing is known of what became of it.
    fn send(
        &self,
        server: &str,
        method: &str,
        path: &str,
        key: &str,
        body: &[u8],
    ) -> Result<(u16, Value), ureq::Error> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{server}{path}"))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(body)
            .unwrap();
        let mut reply = self.agent.run(request)?;
        let status = reply.status().as_u16();
        Ok((status, reply.body_mut().read_json()?))
    }

    fn ask(&self, server: &Server, method: &str, path: &str, key: &str, body: &[u8]) -> Value {
        let (status, reply) = self.send(server.address(), method, path, key, body).unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {status} {reply}");
        reply
    }

    fn with_points(&self, server: &Server) {
        let revision = self.ask(server, "POST", "/v1/packs", "upload", pack("points"))["revision"].clone();
        let grants = ["assets:write:own-units", "assets:read", "members:read"];
        let body = json!({ "revision": revision, "stores": [self.store], "grants": grants });
        self.ask(server, "PUT", "/v1/packs/points/enablement", "enable", body.to_string().as_bytes());
    }

    fn verify(&self) -> String {
        masked(&punchcard(&["verify", "--data", self.path().to_str().unwrap()]).ok())
    }

    fn order(&self, member: &str, client: usize, number: usize) -> (String, Vec<u8>) {
        let reference = format!("client-{client}-order-{number}");
        let body = json!({
            "reference": reference,
            "store": self.store,
            "member": member,
            "lines": [{ "sku": "bread", "quantity": 1, "amount_minor": 100 * (number + 1) }],
        });
        (reference, body.to_string().into_bytes())
    }
}

/// Sends the orders of all clients, each until an order fails for lack of a server, and has the server killed after so
/// many replies. What was acknowledged, by idempotency key.
fn orders_until_killed(shop: &Shop, server: &mut Server, members: &[String], after: usize) -> BTreeMap<String, Value> {
    let address = server.address().to_owned();
    // Nobody runs ahead: a client goes on when its reply was counted.
    let (tell, told) = mpsc::sync_channel(0);
    std::thread::scope(|scope| {
        for (client, member) in members.iter().enumerate() {
            let (tell, address) = (tell.clone(), address.clone());
            scope.spawn(move || {
                for number in 0..ORDERS_EACH {
                    let (key, body) = shop.order(member, client, number);
                    match shop.send(&address, "POST", "/v1/orders", &key, &body) {
                        Ok((201, order)) => tell.send((key, order)).unwrap(),
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
    let shop = Shop::new();
    let mut server = Server::start(shop.path());
    shop.with_points(&server);
    let enrol = |client: usize| {
        let body = json!({ "reference": format!("client-{client}") }).to_string();
        shop.ask(&server, "POST", "/v1/members", &format!("enrol-{client}"), body.as_bytes())["id"]
            .as_str()
            .unwrap()
            .to_owned()
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
            let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
            assert_eq!(shop.ask(&server, "GET", &path, "", b""), *order);
        }
    }
    assert!(acknowledged.len() < CLIENTS * ORDERS_EACH, "the last kill came too late to interrupt anything");

    // Whatever was on its way is sent again with its key, and is then there once.
    for (client, member) in members.iter().enumerate() {
        for number in 0..ORDERS_EACH {
            let (key, body) = shop.order(member, client, number);
            let order = shop.ask(&server, "POST", "/v1/orders", &key, &body);
            assert!(acknowledged.get(&key).is_none_or(|first| *first == order), "{key} has become another order");
        }
        let assets = shop.ask(&server, "GET", &format!("/v1/members/{member}/assets"), "", b"");
        let points = assets["assets"].as_array().unwrap().iter().find(|asset| asset["unit"] == "points").unwrap();
        assert_eq!(points["available"], ORDERS_EACH * (ORDERS_EACH + 1) / 2);
    }
    server.kill();
    let told = shop.verify();
    assert!(told.ends_with("the books balance\n"), "{told}");
    let orders = CLIENTS * ORDERS_EACH;
    assert!(told.contains(&format!("{CLIENTS} members, {orders} orders, {orders} postings")), "{told}");
}

#[test]
fn a_server_that_is_asked_to_stop_finishes_and_leaves_everything_behind() {
    let shop = Shop::new();
    let server = Server::start(shop.path());
    shop.ask(&server, "POST", "/v1/members", "k", b"{\"reference\":\"alice\"}");
    let status = server.stop();
    assert!(status.success(), "{status:?}");
    assert!(shop.verify().contains("1 members, 0 orders"));
}

#[test]
fn a_data_directory_is_served_by_one_process_at_a_time() {
    let shop = Shop::new();
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
