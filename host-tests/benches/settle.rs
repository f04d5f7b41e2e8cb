//! Durable settled orders a second, through the use case with the points pack inline, against the same without a pack
//! and against a bare sled batch with `fdatasync` of as many keys and bytes, at 1 and at 64 clients.
//!
//! All variants run in turn, several times, and the medians count: a machine's speed drifts.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark's figures go to standard output")]

mod support;

use std::fs::File;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use punchcard::domain::Reference;
use punchcard::store::{DurableEngine, DurableOptions, Store};
use punchcard::usecase::{Act, SettleOrder, settle_order};
use support::{Figures, Flags, Shop, basket, median};

const ROUNDS: usize = 3;
const MEMBERS: usize = 1_000;
const CLIENTS: [usize; 2] = [1, 64];

fn main() -> ExitCode {
    let flags = Flags::parse();
    let lasting = Duration::from_secs_f64(flags.seconds);
    let mut figures = Figures::new(flags);
    let dir = tempfile::tempdir().expect("a temporary folder");

    println!("preparing");
    let with_pack = Orders::open(dir.path().join("with-pack"), true);
    let without_pack = Orders::open(dir.path().join("without-pack"), false);
    let (keys, bytes) = with_pack.weight();
    let bare = Bare::open(&dir.path().join("bare"), keys, bytes);
    figures.tell("keys of a settled order with the points pack", keys as f64, "keys");
    figures.tell("bytes of a settled order with the points pack", bytes as f64, "bytes");
    figures.tell("keys of a settled order without a pack", without_pack.weight().0 as f64, "keys");

    for clients in CLIENTS {
        let mut results: [Vec<Measured>; 3] = Default::default();
        for _ in 0..ROUNDS {
            results[0].push(drive(clients, lasting, |client, number| with_pack.settle(client, number)));
            results[1].push(drive(clients, lasting, |client, number| without_pack.settle(client, number)));
            results[2].push(drive(clients, lasting, |client, number| bare.write(client, number)));
        }
        let [with_pack, without_pack, bare] = results.map(|rounds| Measured::median(&rounds));
        for (name, measured) in [("points inline", &with_pack), ("no pack", &without_pack), ("bare sled", &bare)] {
            figures.tell(&format!("{name}, {clients} clients"), measured.per_second, "a second");
            figures.tell(&format!("{name}, {clients} clients, median"), measured.p50_us, "us");
            figures.tell(&format!("{name}, {clients} clients, p99"), measured.p99_us, "us");
        }
        let of_no_pack = with_pack.per_second / without_pack.per_second;
        let of_bare = with_pack.per_second / bare.per_second;
        let (no_pack_name, bare_name) = (
            format!("ratio to no pack, {clients} clients"),
            format!("ratio to bare sled, {clients} clients"),
        );
        if clients == 64 {
            figures.at_least(&no_pack_name, of_no_pack, 0.6);
            figures.at_least(&bare_name, of_bare, 0.3);
        } else {
            figures.tell(&no_pack_name, of_no_pack, "");
            figures.tell(&bare_name, of_bare, "");
        }
    }
    figures.finish()
}

struct Measured {
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
}

impl Measured {
    fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        Self { per_second: of(|m| m.per_second), p50_us: of(|m| m.p50_us), p99_us: of(|m| m.p99_us) }
    }
}

/// Runs `act` from so many threads for so long.
fn drive(clients: usize, lasting: Duration, act: impl Fn(usize, u64) + Sync) -> Measured {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let began = Instant::now();
    let latencies = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|client| {
                let act = &act;
                scope.spawn(move || {
                    let mut latencies = Histogram::<u64>::new(3).expect("three digits");
                    while began.elapsed() < lasting {
                        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                        let start = Instant::now();
                        act(client, number);
                        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
                        latencies.record(micros.max(1)).expect("the histogram grows");
                    }
                    latencies
                })
            })
            .collect();
        let mut all = Histogram::<u64>::new(3).expect("three digits");
        for thread in threads {
            all.add(thread.join().expect("a client does not panic")).expect("the histogram grows");
        }
        all
    });
    Measured {
        per_second: latencies.len() as f64 / began.elapsed().as_secs_f64(),
        p50_us: latencies.value_at_quantile(0.5) as f64,
        p99_us: latencies.value_at_quantile(0.99) as f64,
    }
}

/// Orders through the use case.
struct Orders {
    shop: Shop,
}

impl Orders {
    fn open(dir: std::path::PathBuf, points: bool) -> Self {
        let engine = DurableEngine::open(&dir, &DurableOptions::default()).expect("the store opens");
        let shop = Shop::open(Store::new(Arc::new(engine)), MEMBERS);
        if points {
            shop.enable_points();
        }
        Self { shop }
    }

    fn order(&self, client: usize, number: u64) -> SettleOrder {
        // Every client has members of its own, as every till has customers of its own.
        let member = (client + usize::try_from(number).unwrap_or(0) * CLIENTS[1]) % MEMBERS;
        SettleOrder {
            reference: Reference::new(format!("order-{number}")).expect("a reference"),
            store: self.shop.store.id,
            member: Some(self.shop.members[member].id),
            ordered_at: None,
            currency: None,
            lines: basket(3),
        }
    }

    fn settle(&self, client: usize, number: u64) {
        let order = self.order(client, number);
        let merchant = self.shop.merchant.id;
        self.shop.host.operate(merchant, |tx, act| settle_order(tx, act, &order)).expect("the order is settled");
    }

    /// Keys and bytes that one order writes.
    fn weight(&self) -> (usize, usize) {
        let mut order = self.order(0, u64::MAX);
        order.reference = Reference::new("weighed").expect("a reference");
        let weigh = |tx: &mut punchcard::store::Tx, act: &mut Act<'_>| {
            settle_order(tx, act, &order)?;
            Ok::<_, punchcard::usecase::SettleError>((tx.writes_len(), tx.changes().bytes()))
        };
        self.shop.host.operate(self.shop.merchant.id, weigh).expect("the order is settled")
    }
}

/// The least that a durable store on sled has to do: the group's bytes into a file, one `fdatasync`, one batch.
struct Bare {
    queue: mpsc::Sender<(u64, mpsc::SyncSender<()>)>,
}

impl Bare {
    fn open(dir: &std::path::Path, keys: usize, bytes: usize) -> Self {
        const GROUP_MAX: usize = 256;
        let db = sled::Config::new()
            .path(dir.join("sled"))
            .cache_capacity(DurableOptions::default().cache_bytes)
            .flush_every_ms(None)
            .mode(sled::Mode::HighThroughput)
            .open()
            .expect("sled opens");
        let mut file = File::create(dir.join("journal")).expect("a file");
        let (queue, waiting) = mpsc::channel::<(u64, mpsc::SyncSender<()>)>();
        let value = vec![7_u8; (bytes / keys).saturating_sub(KEY_BYTES)];
        std::thread::spawn(move || {
            while let Ok(first) = waiting.recv() {
                let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter().take(GROUP_MAX - 1)).collect();
                let mut batch = sled::Batch::default();
                let mut written = Vec::with_capacity(group.len() * bytes);
                for (number, _) in &group {
                    for table in 0..keys {
                        let key = key(table, *number);
                        written.extend_from_slice(&key);
                        written.extend_from_slice(&value);
                        batch.insert(&key, value.as_slice());
                    }
                }
                file.write_all(&written).expect("the file is written");
                file.sync_data().expect("the file is synced");
                db.apply_batch(batch).expect("the batch is applied");
                for (_, done) in group {
                    done.send(()).expect("a client waits");
                }
            }
        });
        Self { queue }
    }

    fn write(&self, _client: usize, number: u64) {
        let (done, wait) = mpsc::sync_channel(1);
        self.queue.send((number, done)).expect("the writer runs");
        wait.recv().expect("the writer answers");
    }
}

const KEY_BYTES: usize = 41;

/// A key of a table: half of the tables grow at the end, as orders do; half are spread over members.
fn key(table: usize, number: u64) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[0] = u8::try_from(table).unwrap_or(u8::MAX);
    if table % 2 == 1 {
        let member = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % MEMBERS as u64;
        key[17..25].copy_from_slice(&member.to_be_bytes());
    }
    key[33..].copy_from_slice(&number.to_be_bytes());
    key
}
