//! The writer: one thread that brings what was admitted to disk.
//!
//! It takes everybody who waits, as far as a group may grow, writes one journal record with the values that resulted,
//! waits for the disk, and answers. While it waits for the disk the next group gathers. Nobody is told anything that is
//! not on disk, be it that they have written it or only read it.
//!
//! When there is no room, the record was not written: the group and all who came after it are taken back and refused,
//! and so is everybody else until there is room again. When the disk fails in another way, what is on it is unknown to
//! this process: it writes nothing more, and the next start finds out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::recent::{Group, memory};
use super::shared::{Shared, Waiter};
use super::state::Writes;
use crate::clock::Clock;
use crate::describe::describe;
use crate::store::error::StoreError;
use crate::store::journal::{AppendError, Appended, Journal, encode_payload};

/// How much may wait for sled, in bytes, before commits wait as well.
const BEHIND_BYTES_MAX: usize = 64 * 1024 * 1024;
/// After so much, in bytes, the state is brought to disk. Left to itself, the system writes half a minute's changes in
/// one go, and every commit waits beside that.
const UNFLUSHED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How often it is looked whether there is room again.
const ROOM_PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) journal: Journal,
    pub(super) clock: Clock,
    /// The date of the newest record. Dates never go back, whatever the clock does.
    pub(super) dated_at: Timestamp,
    /// How much was written since the state was last brought to disk, in bytes.
    pub(super) unflushed: usize,
    /// Wakes the applier.
    pub(super) recorded: SyncSender<()>,
}

impl Writer {
    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _stopped = Stopped(&shared);
        while let Some(waiters) = shared.queue.take() {
            self.write(waiters);
        }
    }

    fn write(&mut self, mut waiters: Vec<Waiter>) {
        if let Some(reason) = self.shared.failure() {
            let reason = reason.to_owned();
            return waiters.into_iter().for_each(|waiter| waiter.answer(unavailable(&reason)));
        }
        let mut writes = Writes::new();
        let mut transactions: u32 = 0;
        let mut version = 0;
        for waiter in waiters.iter_mut().filter(|waiter| !waiter.writes.is_empty()) {
            let own = std::mem::take(&mut waiter.writes);
            if transactions == 0 {
                writes = own;
            } else {
                writes.extend(own);
            }
            transactions += 1;
            version = waiter.version;
        }
        if transactions > 0 {
            self.dated_at = self.dated_at.max(self.clock.now());
            let entries = writes.iter().map(|(key, value)| (key.as_ref(), value.as_deref()));
            let dated_at = self.dated_at;
            let began = moment();
            let appended = self.journal.append(|buffer| encode_payload(buffer, dated_at, transactions, entries));
            metrics::histogram!("punchcard_store_commit_seconds").record(began.elapsed());
            metrics::histogram!("punchcard_store_group_transactions").record(f64::from(transactions));
            match appended {
                Ok(appended) => self.recorded(&appended, version, writes),
                Err(AppendError::NoRoom(error)) => return self.refuse_until_room(waiters, &describe(&error)),
                Err(AppendError::Failed(error)) => {
                    let reason = format!("cannot write to the journal: {error}");
                    return self.give_up(waiters, &reason);
                }
            }
        }
        for waiter in waiters {
            waiter.answer(Ok(()));
        }
    }

    /// Refuses the group and everybody after it, for good. What was on disk before can still be read.
    fn give_up(&self, waiters: Vec<Waiter>, reason: &str) {
        let shared = &self.shared;
        let _nobody_else = shared.admission.lock();
        shared.fail(reason);
        shared.take_back();
        for waiter in waiters.into_iter().chain(shared.queue.empty()) {
            let refused = if waiter.only_reads() { Err(StoreError::Conflict) } else { unavailable(reason) };
            waiter.answer(refused);
        }
    }

    fn recorded(&mut self, appended: &Appended, version: u64, writes: Writes) {
        let shared = &self.shared;
        let bytes = memory(&writes);
        self.unflushed += bytes;
        let behind = {
            let mut recent = shared.recent.write();
            recent.recorded(Group { version, tip: appended.tip, writes: Arc::new(writes), bytes });
            shared.durable.store(version, Ordering::SeqCst);
            recent.pending_bytes() > BEHIND_BYTES_MAX
        };
        if appended.rotated || self.unflushed > UNFLUSHED_BYTES_MAX {
            self.unflushed = 0;
            shared.flush_wanted.store(true, Ordering::SeqCst);
        }
        // If the applier is woken already, that will do.
        let _ = self.recorded.try_send(());
        if behind {
            let far = || shared.failure().is_none() && shared.recent.read().pending_bytes() > BEHIND_BYTES_MAX;
            shared.caught_up.wait_while(far);
        }
    }

    fn refuse_until_room(&mut self, waiters: Vec<Waiter>, reason: &str) {
        let shared = Arc::clone(&self.shared);
        {
            let _nobody_else = shared.admission.lock();
            shared.take_back();
            shared.tell_room(Some(reason.to_owned()));
            for waiter in waiters.into_iter().chain(shared.queue.empty()) {
                let refused = if waiter.only_reads() {
                    StoreError::Conflict
                } else {
                    StoreError::NoRoom { reason: reason.to_owned() }
                };
                waiter.answer(Err(refused));
            }
        }
        while !shared.queue.is_closed() {
            match self.journal.try_room() {
                Ok(()) => break,
                Err(AppendError::NoRoom(_)) => {}
                Err(AppendError::Failed(error)) => {
                    return shared.fail(&format!("cannot write to the journal: {error}"));
                }
            }
            shared.queue.wait_for(ROOM_PAUSE);
        }
        if !shared.queue.is_closed() {
            shared.tell_room(None);
        }
    }
}

/// Sees to it that nobody waits for a writer that is gone, also when it has panicked.
struct Stopped<'a>(&'a Shared);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the journal's writer has panicked");
        }
        self.0.queue.close();
        drop(self.0.queue.empty());
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures how long this machine's disk takes")]
fn moment() -> Instant {
    Instant::now()
}

fn unavailable<T>(reason: &str) -> Result<T, StoreError> {
    Err(StoreError::Unavailable { reason: reason.to_owned() })
}
