//! The applier: brings into sled what is in the journal, behind the writer's back.
//!
//! It takes everything that sled does not have yet, each key once with its newest value and in the order of keys, and
//! applies it. Nobody waits for it but a writer that is too far ahead. Nor does it matter where it is
//! interrupted: what is committed is in the journal, and in memory until sled has it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::keeper::Keeper;
use super::recent::merged;
use super::shared::Shared;
use super::state::Mark;
use crate::describe::describe;
use crate::store::error::StoreError;

/// How much is remembered for transactions that stay open long, in bytes.
const RECENT_BYTES_MAX: usize = 128 * 1024 * 1024;
/// How many keys are applied in one round.
const ROUND_KEYS_MAX: usize = 4000;

pub(super) struct Applier {
    pub(super) shared: Arc<Shared>,
    /// Says that something was recorded; closed when nothing more comes.
    pub(super) recorded: Receiver<()>,
    pub(super) keeper: Keeper,
    pub(super) mark: Mark,
}

impl Applier {
    /// Applies until the writer is gone and everything is done. Returns how far it came.
    pub(super) fn run(mut self) -> Mark {
        let shared = Arc::clone(&self.shared);
        let _stopped = Stopped(&shared);
        loop {
            let more = self.recorded.recv().is_ok();
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
            let Some(reached) = waiting.last() else { return Ok(()) };
            let mark = Mark { applied: reached.tip, ..self.mark };
            self.shared.state.apply(merged(&waiting), mark)?;
            self.mark = mark;
            self.shared.recent.write().applied(reached.version);
            let oldest = self.shared.oldest_open();
            while self.forget_some(oldest) {}
            self.shared.caught_up.tell();
            if self.shared.flush_wanted.swap(false, Ordering::SeqCst) {
                self.flush();
            }
        }
    }

    /// Forgets a little of what everybody has seen. The lock is held for that, but not for the dropping of it.
    fn forget_some(&self, oldest: u64) -> bool {
        let forgotten = self.shared.recent.write().forget_some(oldest, RECENT_BYTES_MAX);
        !forgotten.is_empty()
    }

    /// Brings the state to disk, so that the next start has little to apply again.
    fn flush(&mut self) {
        match self.shared.state.flush() {
            Ok(()) => {
                // The mark that is on disk tells of the checkpoint before: a start from it needs the journal since then.
                self.keeper.clear_up(self.mark.checkpoint);
                self.mark.checkpoint = self.mark.applied.number;
                self.shared.checkpoint.store(self.mark.checkpoint, Ordering::SeqCst);
            }
            // What of it is on disk nobody knows, and a later flush that goes well says nothing of it: the next start
            // applies everything since the last checkpoint again.
            Err(error) => self.shared.fail(&describe(&error)),
        }
    }
}

/// Sees to it that the writer does not wait for an applier that is gone, also when it has panicked.
struct Stopped<'a>(&'a Shared);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the applier has panicked");
        }
        self.0.caught_up.tell();
    }
}
