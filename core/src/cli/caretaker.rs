//! What a serving host does by itself: it books what falls due, makes snapshots now and then, and has an eye on how large
//! the store has become.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use metrics::{counter, gauge};

use crate::describe::describe;
use crate::http;
use crate::store::Usage;
use crate::store::snapshot::{self, SnapshotPlan, list_snapshots, read_summary};
use crate::usecase::{DueSummary, Host, follow_segments, run_due};

/// How often it looks around.
const ROUND: Duration = Duration::from_secs(10);
/// How often something that should not be so is told again.
const ALARM_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// From this size of the journal on, in bytes, a first snapshot is worth to make.
const FIRST_FROM_BYTES: u64 = 16 * 1024 * 1024;

/// What it does how often.
pub(super) struct Duties {
    /// The data directory.
    pub(super) dir: PathBuf,
    /// A snapshot is made when the newest is so old and something has happened since; never, if not given.
    pub(super) snapshot_every: Option<SignedDuration>,
    /// With less than this left on the disk, in bytes, no writes are taken.
    pub(super) room_bytes_min: u64,
}

/// Threads that take care until this goes. They are not waited for: what they leave half done is cleared up by the next.
pub(super) struct Caretaker {
    _stop: [Sender<()>; 3],
}

impl Caretaker {
    pub(super) fn start(host: Host, duties: Duties) -> std::io::Result<Self> {
        let (books, followed, snapshots) = ((host.clone(), duties.dir.clone()), host.clone(), (host, duties));
        let mut alarmed_at = None;
        let keep_books = begin("caretaker", move || {
            let (host, dir) = &books;
            http::keep_up();
            book_what_is_due(host);
            look_at_size(host, dir, &mut alarmed_at);
        })?;
        // For itself: it looks at all members once a day.
        let follow = begin("segments", move || keep_tags(&followed))?;
        // For itself: it takes minutes where there is much.
        let mut attempted_at = None;
        let make_snapshots = begin("snapshots", move || make_snapshot(&snapshots.0, &snapshots.1, &mut attempted_at))?;
        Ok(Self { _stop: [keep_books, follow, make_snapshots] })
    }
}

/// A thread that does something every [`ROUND`] until the other end goes.
fn begin(name: &str, mut duty: impl FnMut() + Send + 'static) -> std::io::Result<Sender<()>> {
    let (stop, stopped) = channel();
    let rounds = move || {
        loop {
            duty();
            match stopped.recv_timeout(ROUND) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    };
    thread::Builder::new().name(name.into()).spawn(rounds)?;
    Ok(stop)
}

fn book_what_is_due(host: &Host) {
    if host.store.health().is_err() {
        return;
    }
    match run_due(host) {
        Ok(DueSummary { booked: 0, .. }) => {}
        Ok(summary) => tracing::info!(booked = summary.booked, "booked what fell due"),
        Err(error) => tracing::error!(error = describe(&error), "what fell due could not be booked"),
    }
}

fn keep_tags(host: &Host) {
    if host.store.health().is_err() {
        return;
    }
    match follow_segments(host) {
        Ok(0) => {}
        Ok(members) => tracing::info!(members, "the tags of segments were brought up"),
        Err(error) => tracing::error!(error = describe(&error), "the tags of segments can not be brought up"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating-point, and sizes are far from where it matters")]
fn look_at_size(host: &Host, dir: &Path, alarmed_at: &mut Option<Timestamp>) {
    let usage = match Usage::of(dir) {
        Ok(usage) => usage,
        Err(error) => return tracing::error!(error = describe(&error), "the size of the store can not be seen"),
    };
    gauge!("punchcard_store_state_bytes").set(usage.state_bytes as f64);
    gauge!("punchcard_store_journal_bytes").set(usage.journal_bytes as f64);
    gauge!("punchcard_store_snapshot_bytes").set(usage.snapshot_bytes as f64);
    gauge!("punchcard_store_logical_bytes").set(usage.logical_bytes as f64);
    gauge!("punchcard_store_bloated").set(if usage.is_bloated() { 1.0 } else { 0.0 });
    counter!("punchcard_store_retries_total").absolute(host.store.retries());
    let now = host.clock.now();
    if usage.is_bloated() && alarmed_at.is_none_or(|at| now.duration_since(at) >= ALARM_EVERY) {
        *alarmed_at = Some(now);
        tracing::warn!(
            state_bytes = usage.state_bytes,
            logical_bytes = usage.logical_bytes,
            "the state takes far more room than what is in it: stop the host for a while and run `punchcard compact`"
        );
    }
}

fn make_snapshot(host: &Host, duties: &Duties, attempted_at: &mut Option<Timestamp>) {
    let Some(every) = duties.snapshot_every else { return };
    let newest =
        list_snapshots(&duties.dir).and_then(|mut all| all.pop().map(|file| read_summary(&file.path)).transpose());
    let due = match newest {
        Ok(Some(newest)) => host.clock.now().duration_since(newest.dated_at) >= every,
        Ok(None) => Usage::of(&duties.dir).is_ok_and(|usage| usage.journal_bytes >= FIRST_FROM_BYTES),
        // A damaged one is told by the attempt to go on from it.
        Err(_) => true,
    };
    let now = host.clock.now();
    // A store to which nothing comes stays as old as it is, and what is damaged stays damaged.
    let tried = attempted_at.is_some_and(|at| now.duration_since(at) < every);
    if !due || tried || host.store.health().is_err() {
        return;
    }
    *attempted_at = Some(now);
    // It gives up long before the tills would have to.
    let room_bytes_min = duties.room_bytes_min.saturating_mul(2);
    match snapshot::take(&duties.dir, SnapshotPlan { room_bytes_min, ..SnapshotPlan::default() }, || {}) {
        Ok(taken) => {
            tracing::info!(record = taken.number, keys = taken.keys, bytes = taken.file_bytes, "made a snapshot");
        }
        Err(error) => tracing::error!(error = describe(&error), "no snapshot could be made"),
    }
}
