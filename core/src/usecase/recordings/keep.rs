//! Recordings go into files, in the background.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use super::lost;
use super::rings::{Body, Kept};
use super::sealed::{Envelope, NotSealed};
use crate::clock::Stopwatch;
use crate::describe::describe;
use crate::domain::MerchantId;
use crate::store::StoreError;
use crate::usecase::Host;

/// How often those go into files that went well.
const ROUND: Duration = Duration::from_secs(60);

/// For how long those that failed are gathered: a pack that fails all the time costs no more than that.
const GATHER: Duration = Duration::from_secs(1);

/// How many are sealed in one transaction.
const AT_ONCE: usize = 32;

/// Writes into files what is in memory only: the failed calls, or all of them. Removes the files that are not wanted any
/// more: those that others have replaced, that are too old, that name members who were erased.
pub fn keep_recordings(host: &Host, failed_only: bool) {
    let recordings = &host.recordings;
    let Some(files) = &recordings.files else { return };
    // The lock is not held while files are looked through, which takes it again.
    let erased = recordings.rings.lock().take_erased();
    for (merchant, erased) in erased {
        // Members of a host that has begun anew may be in files that nobody has looked at since.
        files.packs(merchant).iter().for_each(|pack| recordings.load(merchant, pack));
        recordings.rings.lock().drop_naming(merchant, &erased);
    }
    let unwritten = recordings.rings.lock().unwritten(failed_only);
    let mut of_merchants: BTreeMap<MerchantId, Vec<Kept>> = BTreeMap::new();
    for kept in unwritten {
        of_merchants.entry(kept.summary.merchant).or_default().push(kept);
    }
    for (merchant, kept) in of_merchants {
        for pack in kept.iter().map(|kept| &kept.summary.pack).collect::<BTreeSet<_>>() {
            recordings.load(merchant, pack);
        }
        for kept in kept.chunks(AT_ONCE) {
            if let Err(error) = write(host, merchant, kept) {
                lost("not-sealed", kept.len());
                tracing::warn!(error = describe(&error), "recordings of packs' calls can not be sealed");
                return;
            }
        }
    }
    let unwanted = recordings.rings.lock().take_unwanted();
    unwanted.iter().for_each(|path| files.remove(path));
}

/// Removes what is older than recordings are kept.
fn sweep(host: &Host) {
    let recordings = &host.recordings;
    let before = host.clock.now().checked_sub(recordings.terms.age_max).unwrap_or(Timestamp::MIN);
    recordings.rings.lock().drop_before(before);
    if let Some(files) = &recordings.files {
        files.sweep(before);
    }
}

fn write(host: &Host, merchant: MerchantId, kept: &[Kept]) -> Result<(), StoreError> {
    let Some(files) = &host.recordings.files else { return Ok(()) };
    let sealed = host.operate(merchant, |tx, act| {
        let sealed = kept.iter().map(|kept| {
            let Body::Memory(recording) = &kept.body else { return Ok(None) };
            match Envelope::seal(tx, act, &kept.summary, recording) {
                Ok(envelope) => Ok(Some(Ok(envelope))),
                Err(NotSealed::Store(error)) => Err(error),
                Err(other) => Ok(Some(Err(other))),
            }
        });
        sealed.collect::<Result<Vec<_>, StoreError>>()
    })?;
    for (kept, sealed) in kept.iter().zip(sealed) {
        let file = match sealed {
            None => continue,
            Some(Ok(envelope)) => match files.write(&envelope) {
                Some(path) => Some((path, envelope.members)),
                // It stays in memory, and is tried again.
                None => continue,
            },
            Some(Err(NotSealed::TooManyMembers)) => {
                lost("too-many-members", 1);
                None
            }
            Some(Err(_)) => None,
        };
        host.recordings.rings.lock().written(&kept.summary, file);
    }
    Ok(())
}

/// Writes recordings into files for as long as it is there.
pub struct Recorder {
    host: Host,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Recorder {
    /// Begins to write.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn start(host: Host) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::default());
        let (own, stopped) = (host.clone(), Arc::clone(&stop));
        let rounds = move || {
            let mut round = Stopwatch::start();
            sweep(&own);
            while !stopped.load(Ordering::SeqCst) {
                own.recordings.wait(ROUND);
                if !stopped.load(Ordering::SeqCst) {
                    std::thread::sleep(GATHER);
                }
                let is_over = round.elapsed() >= ROUND;
                if own.store.health().is_ok() {
                    keep_recordings(&own, !is_over);
                }
                if is_over {
                    round = Stopwatch::start();
                    sweep(&own);
                }
            }
        };
        let thread = std::thread::Builder::new().name("recordings".into()).spawn(rounds)?;
        Ok(Self { host, stop, thread })
    }

    /// Writes what is left, and stops.
    pub fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.host.recordings.wake();
        if self.thread.join().is_ok() && self.host.store.health().is_ok() {
            keep_recordings(&self.host, false);
        }
    }
}
