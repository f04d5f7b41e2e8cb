//! Connections as clients have them: slow ones, too many, and those that are open at the end.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use axum::http::StatusCode;
use host_tests::World;
use insta::assert_snapshot;
use punchcard::http;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// A limit of time that is to be met.
const SOON: Duration = Duration::from_millis(100);
/// Nothing takes so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let served = Served::new(World::new());
    let mut client = served.connect();
    for _ in 0..3 {
        client.send("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(client.reply(), "200 ok");
    }
    assert!(served.stop().is_ok(), "an idle connection holds nothing up");
    assert_eq!(client.rest(), "");
}

#[test]
fn a_head_that_does_not_come_ends_the_connection() {
    let served = Served::new(World::with_limits(|limits| limits.header_time_max = SOON));
    for begun in ["", "GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ", "GET /livez HTTP/1.1\r\nhost: x\r\n"] {
        let mut client = served.connect();
        client.send(begun);
        let rest = client.rest();
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 408"), "{begun:?} was answered {rest:?}");
    }
    let mut idle = served.connect();
    idle.send("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(idle.reply(), "200 ok");
    assert_eq!(idle.rest(), "", "a connection that rests is closed as well");
}

#[test]
fn a_body_that_does_not_come_is_answered_and_nothing_is_done() {
    let served = Served::new(World::with_limits(|limits| limits.request_time_max = SOON));
    let before = served.world.state();
    let mut client = served.connect();
    let key = served.world.shop.owner_key();
    client.send(&format!(
        "POST /v1/members HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nidempotency-key: a\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"reference\":"
    ));
    let rest = client.rest();
    assert!(rest.starts_with("HTTP/1.1 408 "), "{rest}");
    assert!(rest.contains("urn:punchcard:problem:request-incomplete") && rest.contains("nothing was done"), "{rest}");
    served.world.unchanged_since(&before);
}

#[test]
fn a_connection_too_many_waits_until_another_is_closed() {
    let served = Served::new(World::with_limits(|limits| limits.connections_max = 2));
    let mut clients = [served.connect(), served.connect()];
    for client in &mut clients {
        client.send("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(client.reply(), "200 ok");
    }
    let mut third = served.connect();
    third.send("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    third.expect_silence();
    drop(clients);
    assert_eq!(third.reply(), "200 ok");
}

#[test]
fn a_request_that_has_begun_is_finished_at_the_end_and_no_other_is_begun() {
    let served = Served::new(World::new());
    let release = served.block_workers();
    let mut client = served.connect();
    let key = served.world.shop.owner_key();
    client.send(&format!("GET /v1/stores HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n"));
    let mut idle = served.connect();
    idle.send("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(idle.reply(), "200 ok");
    let address = served.address;
    let ended = served.stop_soon();
    assert_eq!(idle.rest(), "");
    assert!(TcpStream::connect_timeout(&address, PATIENCE).is_err(), "nobody is let in any more");
    release.send(()).unwrap();
    let rest = client.rest();
    assert!(rest.starts_with("HTTP/1.1 200 ") && rest.contains("\"main\""), "{rest}");
    ended.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn the_end_does_not_wait_longer_than_it_may() {
    let served = Served::new(World::with_limits(|limits| limits.shutdown_time_max = SOON));
    let release = served.block_workers();
    let mut client = served.connect();
    let key = served.world.shop.owner_key();
    client.send(&format!("GET /v1/stores HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n"));
    client.expect_silence();
    served.stop_soon().recv_timeout(PATIENCE).unwrap();
    release.send(()).unwrap();
}

#[test]
fn a_request_whose_work_takes_too_long_is_told_what_is_known_of_it() {
    let runtime = Builder::new_current_thread().max_blocking_threads(1).enable_time().build().unwrap();
    runtime.block_on(async {
        let world = World::with_limits(|limits| limits.request_time_max = SOON);
        let (release, released) = mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || released.recv());
        let reply = world.shop.get("/v1/stores").send().await;
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert_snapshot!(reply.problem(), @"503 out-of-time: the host could not answer in the time that a request may take; ask again in a moment");
        let problem = world.shop.member("alice").request().key("alice-1").send().await.problem();
        assert_snapshot!(problem, @"503 out-of-time: the host could not answer in the time that a request may take; it is not known whether this was recorded, and it may still be: send it again, with the same idempotency key, to find out");
        release.send(()).unwrap();
        busy.await.unwrap().unwrap();
        // It was done after all, once.
        let alice = world.shop.member("alice").request().key("alice-1").send().await.created();
        let again = world.shop.get("/v1/members?reference=alice").send().await.ok();
        assert_eq!(again["members"][0]["id"], alice["id"]);
        assert_eq!(world.shop.events().len(), 1);
    });
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let world = World::with_limits(|limits| limits.body_bytes_max = 1000);
    let long = json!({ "reference": "x".repeat(1000) });
    let reply = world.shop.post("/v1/members", long).send().await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(reply.problem().name(), "413 body-too-large");
    world.shop.upload(vec![0; 2000]).await.problem();
    world.shop.member("alice").enrol().await;
}

/// A world whose interface listens on a port.
struct Served {
    world: World,
    runtime: Runtime,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: mpsc::Receiver<()>,
}

impl Served {
    fn new(world: World) -> Self {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).enable_all().build().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let (host, settings) = (world.running().host, world.settings().clone());
        runtime.spawn(async move {
            let bound = move |address| tell.send(address).unwrap();
            let stopped = async move { stopped.await.unwrap_or_default() };
            let listen = "127.0.0.1:0".parse().unwrap();
            http::serve(host, listen, &settings, None, bound, stopped).await.unwrap();
            // Nobody may be waiting.
            let _ = end.send(());
        });
        let address = told.recv_timeout(PATIENCE).unwrap();
        Self { world, runtime, address, stop, ended }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(stream)
    }

    /// Keeps the only worker busy until something is sent.
    fn block_workers(&self) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        self.runtime.spawn_blocking(move || {
            tell.send(()).unwrap();
            let _: Result<(), _> = released.recv();
        });
        told.recv_timeout(PATIENCE).unwrap();
        release
    }

    /// Ends it, and waits until it has.
    fn stop(self) -> Result<(), mpsc::RecvTimeoutError> {
        self.stop_soon().recv_timeout(PATIENCE)
    }

    /// Ends it. What is given tells when it has ended.
    fn stop_soon(self) -> mpsc::Receiver<()> {
        let Self { runtime, stop, ended, .. } = self;
        stop.send(()).unwrap();
        // Whoever waits for the end keeps the runtime until then.
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            if ended.recv_timeout(PATIENCE).is_ok() {
                let _ = tell.send(());
            }
            runtime.shutdown_background();
        });
        told
    }
}

/// A client that sends and reads bytes.
struct Client(TcpStream);

impl Client {
    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// Status and body of a reply whose body is `ok`.
    fn reply(&mut self) -> String {
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\nok") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            read.push(byte[0]);
        }
        let text = String::from_utf8(read).unwrap();
        format!("{} ok", text.split(' ').nth(1).unwrap())
    }

    /// All that comes until the connection is closed.
    fn rest(&mut self) -> String {
        let mut read = String::new();
        self.0.read_to_string(&mut read).unwrap();
        read
    }

    /// Proves that nothing comes for a moment.
    fn expect_silence(&mut self) {
        self.0.set_read_timeout(Some(SOON)).unwrap();
        self.0.read_exact(&mut [0]).unwrap_err();
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
    }
}
