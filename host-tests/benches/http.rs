//! Settled orders a second over HTTP, durable, with the points pack inline, the API key checked and an idempotency key,
//! from 64 connections, against a spike: a bare axum that takes the same requests and writes as many keys and bytes into a
//! sled batch with `fdatasync`, in groups, and knows nothing of members, packs or keys.
//!
//! Both are processes of their own and are loaded in turn by the same client, several times; the medians count: first as
//! fast as the connections can, which tells the throughput, then at half of the host's, which tells what a till waits.
#![expect(clippy::print_stdout, reason = "a benchmark's figures go to standard output")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;

use host_tests::premises::{Call, Premises};
use host_tests::process::Server;
use punchcard::domain::Reference;
use punchcard::store::Store;
use punchcard::usecase::{SettleError, SettleOrder, settle_order};
use serde_json::json;
use support::{Bare, Figures, Flags, Measured, Shop, basket, drive, drive_at};

const ROUNDS: usize = 3;
const MEMBERS: usize = 1_000;
const CONNECTIONS: usize = 64;
/// An idempotency record is one key more, with the reply.
const IDEMPOTENCY_BYTES: usize = 700;

#[derive(Parser)]
struct HttpFlags {
    #[command(flatten)]
    common: Flags,
    /// Be the spike in this folder, for writes of so many keys and bytes
    #[arg(long, hide = true, num_args = 3, value_names = ["DIR", "KEYS", "BYTES"])]
    spike: Option<Vec<String>>,
}

fn main() -> ExitCode {
    let flags = HttpFlags::parse();
    if let Some([dir, keys, bytes]) = flags.spike.as_deref() {
        let count = |text: &str| text.parse().expect("a count");
        spike(dir.as_ref(), count(keys), count(bytes));
        return ExitCode::SUCCESS;
    }
    let lasting = Duration::from_secs_f64(flags.common.seconds);
    let mut figures = Figures::new(flags.common);
    println!("preparing");
    let (keys, bytes) = weight();
    figures.tell("keys of a settled order with its idempotency record", keys as f64, "keys");
    figures.tell("bytes of it", bytes as f64, "bytes");
    let premises = Premises::new();
    let server = Server::start(premises.path());
    premises.enable_points(&server);
    let members = enrol(&premises, &server);
    let spike = Spike::start(keys, bytes);
    let till = |address: &str| Till {
        address: address.trim_start_matches("http://").to_owned(),
        key: premises.key().to_owned(),
        store: premises.store().to_owned(),
        members: members.clone(),
        connections: (0..CONNECTIONS).map(|_| Mutex::new(None)).collect(),
    };
    let (host, bare) = (till(server.address()), till(&spike.address));
    let mut results: [Vec<Measured>; 2] = Default::default();
    for _ in 0..ROUNDS {
        results[0].push(drive(CONNECTIONS, lasting, |client, number| host.settle(client, number)));
        results[1].push(drive(CONNECTIONS, lasting, |client, number| bare.settle(client, number)));
    }
    let [host_full, bare_full] = results.map(|rounds| Measured::median(&rounds));
    for (name, measured) in [("host", &host_full), ("spike", &bare_full)] {
        figures.tell(
            &format!("{name}, {CONNECTIONS} connections, as fast as they can"),
            measured.per_second,
            "a second",
        );
        figures.tell(&format!("{name}, median of that"), measured.p50_us, "us");
        figures.tell(&format!("{name}, p99 of that"), measured.p99_us, "us");
    }
    figures.at_least("ratio to the spike", host_full.per_second / bare_full.per_second, 0.4);
    // Clients who ask as fast as they can wait for each other; what a till waits is seen at a rate that leaves room.
    let rate = host_full.per_second / 2.0;
    let mut results: [Vec<Measured>; 2] = Default::default();
    for _ in 0..ROUNDS {
        results[0].push(drive_at(rate, CONNECTIONS, lasting, |client, number| host.settle(client, number)));
        results[1].push(drive_at(rate, CONNECTIONS, lasting, |client, number| bare.settle(client, number)));
    }
    let [host_half, bare_half] = results.map(|rounds| Measured::median(&rounds));
    figures.tell("host, at half of what it takes", host_half.per_second, "a second");
    figures.tell("host, median of that", host_half.p50_us, "us");
    figures.at_most("host, p99 of that, from when each was to be sent", host_half.p99_us, 10_000.0, "us");
    figures.tell("spike at the same rate, p99", bare_half.p99_us, "us");
    drop(spike);
    server.stop();
    figures.finish()
}

/// Keys and bytes that one order writes.
fn weight() -> (usize, usize) {
    let shop = Shop::open(Store::in_memory(), 1);
    shop.enable_points(true);
    let order = SettleOrder {
        reference: Reference::new("weighed").expect("a reference"),
        store: shop.store.id,
        member: Some(shop.members[0].id),
        served_by: None,
        ordered_at: None,
        currency: None,
        lines: basket(3),
        due_minor: None,
        coupons: Vec::new(),
        payments: Vec::new(),
    };
    let (keys, bytes) = shop
        .host
        .operate(shop.merchant.id, |tx, act| {
            settle_order(tx, act, &order)?;
            Ok::<_, SettleError>((tx.writes_len(), tx.changes().bytes()))
        })
        .expect("the order is settled");
    (keys + 1, bytes + IDEMPOTENCY_BYTES)
}

fn enrol(premises: &Premises, server: &Server) -> Arc<[String]> {
    (0..MEMBERS)
        .map(|number| {
            let body = json!({ "reference": format!("card-{number}") });
            let made = premises.ask(server, &Call::post("/v1/members", format!("enrol-{number}"), &body));
            made["id"].as_str().expect("a member has an id").to_owned()
        })
        .collect()
}

/// Tills with a connection each, which they keep.
struct Till {
    address: String,
    key: String,
    store: String,
    members: Arc<[String]>,
    connections: Vec<Mutex<Option<BufReader<TcpStream>>>>,
}

impl Till {
    /// Sends an order and waits for the reply, which has to be 201.
    fn settle(&self, client: usize, number: u64) {
        let member = &self.members[(client + usize::try_from(number).unwrap_or(0) * CONNECTIONS) % MEMBERS];
        let lines: Vec<_> =
            (0..3).map(|line| json!({ "sku": format!("sku-{line}"), "category": "bread", "quantity": 2, "amount_minor": 1_250 })).collect();
        let body =
            json!({ "reference": format!("order-{number}"), "store": self.store, "member": member, "lines": lines });
        let body = body.to_string();
        let request = format!(
            "POST /v1/orders HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             idempotency-key: bench-{number}\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            self.key,
            body.len()
        );
        let mut connection = self.connections[client].lock().expect("a client has its own connection");
        let stream = connection.get_or_insert_with(|| {
            let stream = TcpStream::connect(&self.address).expect("the server listens");
            stream.set_nodelay(true).expect("the system knows how");
            BufReader::new(stream)
        });
        stream.get_mut().write_all(request.as_bytes()).expect("the request is sent");
        let mut length = 0;
        let mut line = String::new();
        stream.read_line(&mut line).expect("there is a reply");
        assert!(line.starts_with("HTTP/1.1 201"), "{line}");
        loop {
            line.clear();
            stream.read_line(&mut line).expect("there is a header");
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut reply = vec![0; length];
        stream.read_exact(&mut reply).expect("the reply comes whole");
    }
}

/// The spike, in a process of its own.
struct Spike {
    child: std::process::Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Spike {
    fn start(keys: usize, bytes: usize) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let this = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(this)
            .args(["--spike".as_ref(), dir.path().as_os_str()])
            .args([keys.to_string(), bytes.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let mut address = String::new();
        let told = child.stdout.take().expect("its output is piped");
        BufReader::new(told).read_line(&mut address).expect("the spike says where it listens");
        Self { child, address: address.trim_end().to_owned(), _dir: dir }
    }
}

impl Drop for Spike {
    fn drop(&mut self) {
        host_tests::process::kill(&mut self.child);
    }
}

fn spike(dir: &Path, keys: usize, bytes: usize) {
    std::fs::create_dir_all(dir).expect("the folder can be made");
    let bare = Bare::open(dir, keys, bytes, MEMBERS);
    let numbers = Arc::new(AtomicU64::new(0));
    let settle = async move |axum::Json(order): axum::Json<serde_json::Value>| {
        let (done, wait) = tokio::sync::oneshot::channel();
        bare.begin(numbers.fetch_add(1, Ordering::Relaxed), move || {
            // Whoever hung up does not wait for it.
            let _ = done.send(());
        });
        wait.await.expect("the writer answers");
        (axum::http::StatusCode::CREATED, axum::Json(order))
    };
    let runtime = tokio::runtime::Runtime::new().expect("the runtime starts");
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        println!("{}", listener.local_addr().expect("it has an address"));
        let router = axum::Router::new().route("/v1/orders", axum::routing::post(settle));
        axum::serve(listener, router).await.expect("the spike serves");
    });
}
