//! The applier: brings into sled what was committed, behind the committer's back.
//!
//! It takes everything that sled does not have yet, each key once with its newest value and in the order of keys, and
//! writes it. Nobody waits for it but a committer that is too far ahead. Nor does it matter where it is interrupted:
//! what is committed is in the journal, and in memory until sled has it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::describe;
use super::shared::Shared;
use super::state::Mark;
use crate::store::error::StoreError;

/// How much is remembered for transactions that stay open long, in bytes.
const RECENT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How many keys are applied in one round: what is in memory is held meanwhile for a moment only.
const ROUND_KEYS_MAX: usize = 1000;

pub(super) struct Applier {
    pub(super) shared: Arc<Shared>,
    /// Says that something was committed; closed when nothing more comes.
    pub(super) committed: Receiver<()>,
    pub(super) mark: Mark,
}

impl Applier {
    /// Applies until the committer is gone and everything is done. Returns how far it came.
    pub(super) fn run(mut self) -> Mark {
        let shared = Arc::clone(&self.shared);
        let _stopped = Stopped(&shared);
        loop {
            let more = self.committed.recv().is_ok();
            if let Err(error) = self.catch_up() {
                shared.fail(&describe(&error));
                return self.mark;
            }
            if !more {
                return self.mark;
            }
        }
    }

    fn catch_up(&mut self) -> Result<(), StoreError> {
        loop {
            let waiting = self.shared.recent.read().to_apply(ROUND_KEYS_MAX);
            let Some((tip, writes)) = waiting else { return Ok(()) };
            let mark = Mark { applied: tip, ..self.mark };
            self.shared.state.apply(writes, mark)?;
            self.mark = mark;
            let oldest = self.shared.oldest_open();
            {
                let mut recent = self.shared.recent.write();
                recent.applied(tip.number);
                recent.forget(oldest, RECENT_BYTES_MAX);
            }
            self.shared.caught_up.tell();
            if self.shared.flush_wanted.swap(false, Ordering::SeqCst) {
                self.flush();
            }
        }
    }

    /// Brings the state to disk, so that the next start has little to apply again.
    fn flush(&mut self) {
        match self.shared.state.flush() {
            Ok(()) => self.mark.checkpoint = self.mark.applied.number,
            // The journal has everything; only the next start takes longer.
            Err(error) => tracing::error!(error = describe(&error), "the state could not be brought to disk"),
        }
    }
}

/// Sees to it that the committer does not wait for an applier that is gone, also when it has panicked.
struct Stopped<'a>(&'a Shared);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the applier has panicked");
        }
        self.0.caught_up.tell();
    }
}
