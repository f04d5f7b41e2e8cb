//! Clients that do the same thing again and again, and what was measured of them.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::median;

/// What a load came to.
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
    /// The slowest client's count against the median client's.
    pub(crate) slowest_share: f64,
}

impl Measured {
    /// The median of each figure.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            per_second: of(|m| m.per_second),
            p50_us: of(|m| m.p50_us),
            p99_us: of(|m| m.p99_us),
            max_us: of(|m| m.max_us),
            slowest_share: of(|m| m.slowest_share),
        }
    }

    /// All figures in one line, to tell another process.
    pub(crate) fn to_line(&self) -> String {
        let Self { per_second, p50_us, p99_us, max_us, slowest_share } = self;
        format!("{per_second} {p50_us} {p99_us} {max_us} {slowest_share}")
    }

    /// Reads [`Self::to_line`].
    pub(crate) fn of_line(line: &str) -> Self {
        let figures: Vec<f64> = line.split(' ').map(|figure| figure.parse().expect("a figure")).collect();
        let &[per_second, p50_us, p99_us, max_us, slowest_share] = figures.as_slice() else {
            panic!("these are no figures: {line}")
        };
        Self { per_second, p50_us, p99_us, max_us, slowest_share }
    }
}

/// Runs `act` from so many threads for so long. It gets the client and a number that no other call of the process gets.
pub(crate) fn drive(clients: usize, lasting: Duration, act: impl Fn(usize, u64) + Sync) -> Measured {
    load(clients, lasting, |began, _, _| (began.elapsed() < lasting).then(Instant::now), act)
}

/// The same, for as long as somebody says.
pub(crate) fn drive_while(
    clients: usize,
    goes_on: impl Fn() -> bool + Sync,
    act: impl Fn(usize, u64) + Sync,
) -> Measured {
    load(clients, Duration::ZERO, |_, _, _| goes_on().then(Instant::now), act)
}

/// The same, but so many times a second in all, whatever the replies take: each client has its own instants, and what it
/// begins late counts from when it should have begun, so that waiting in a queue is in the latencies.
pub(crate) fn drive_at(
    per_second: f64,
    clients: usize,
    lasting: Duration,
    act: impl Fn(usize, u64) + Sync,
) -> Measured {
    let begin = |began: Instant, client: usize, turn: u32| {
        let at = (f64::from(turn) + client as f64 / clients as f64) * clients as f64 / per_second;
        let at = Duration::from_secs_f64(at);
        if at >= lasting {
            return None;
        }
        std::thread::sleep(at.saturating_sub(began.elapsed()));
        Some(began + at)
    };
    load(clients, lasting, begin, act)
}

/// Lets clients act, each as long as `begin` says when its next turn begins.
fn load(
    clients: usize,
    lasting: Duration,
    begin: impl Fn(Instant, usize, u32) -> Option<Instant> + Sync,
    act: impl Fn(usize, u64) + Sync,
) -> Measured {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let began = Instant::now();
    let by_client = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|client| {
                let (act, begin) = (&act, &begin);
                scope.spawn(move || {
                    let mut latencies = Histogram::<u64>::new(3).expect("three digits");
                    let mut turn = 0;
                    while let Some(start) = begin(began, client, turn) {
                        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                        act(client, number);
                        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
                        latencies.record(micros.max(1)).expect("the histogram grows");
                        turn += 1;
                    }
                    latencies
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a client does not panic")).collect::<Vec<_>>()
    });
    let elapsed = began.elapsed().max(lasting);
    let mut all = Histogram::<u64>::new(3).expect("three digits");
    by_client.iter().for_each(|latencies| all.add(latencies).expect("the histogram grows"));
    let counts: Vec<_> = by_client.iter().map(|latencies| latencies.len() as f64).collect();
    let slowest = counts.iter().copied().fold(f64::INFINITY, f64::min);
    Measured {
        per_second: all.len() as f64 / elapsed.as_secs_f64(),
        p50_us: all.value_at_quantile(0.5) as f64,
        p99_us: all.value_at_quantile(0.99) as f64,
        max_us: all.max() as f64,
        slowest_share: slowest / median(counts),
    }
}

/// A number below `end` that follows from `number` and looks random (the finalizer of SplitMix64).
pub(crate) fn scattered(number: u64, end: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % end
}
