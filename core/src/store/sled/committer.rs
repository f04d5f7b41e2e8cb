//! The committer: one thread through which every write goes.
//!
//! It takes all transactions that wait, as far as a group may grow, and then:
//! 1. refuses those whose reads were overtaken, by an earlier group or within this one, and computes what the others
//!    lead to: counters, numbers of log entries;
//! 2. writes one journal record with the resulting values, and waits for the disk;
//! 3. publishes the values, all at once, as the version that new transactions begin with;
//! 4. answers.
//!
//! While it waits for the disk the next group gathers. Nothing is seen, and nobody is told, before it is on disk. If
//! step 2 fails, what is on disk is unknown to this process: it commits nothing more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use ::sled::IVec;

use super::describe;
use super::recent::Reads;
use super::shared::{Began, Shared};
use super::state::Writes;
use crate::store::error::StoreError;
use crate::store::journal::{Journal, encode_payload};
use crate::store::key::{decode_head, log_entry_key, log_head_key};
use crate::store::tx::moved;
use crate::store::{Change, Changes, Committed};

/// How far the committer gets ahead of the state, in bytes.
const PENDING_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A transaction that wants to be committed.
pub(super) struct Request {
    pub(super) began: Began,
    pub(super) reads: Reads,
    pub(super) changes: Changes,
    pub(super) reply: Reply,
}

type Reply = SyncSender<Result<Committed, StoreError>>;

pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) journal: Journal,
    /// Wakes the applier.
    pub(super) committed: SyncSender<()>,
}

impl Committer {
    /// Commits until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _stopped = Stopped(&shared);
        while let Some(requests) = shared.queue.take() {
            let ahead = || shared.recent.read().pending_bytes() > PENDING_BYTES_MAX && !shared.has_failed();
            shared.caught_up.wait_while(ahead);
            match shared.failure() {
                Some(reason) => requests.iter().for_each(|request| answer(&request.reply, unavailable(reason))),
                None => self.commit(requests),
            }
        }
    }

    fn commit(&mut self, requests: Vec<Request>) {
        let mut group = Group { shared: &self.shared, writes: Writes::new(), transactions: 0 };
        // Every answer waits for the whole group, so that a transaction that lost against a neighbour sees the
        // neighbour's writes when it runs again.
        let mut answers = Vec::with_capacity(requests.len());
        for Request { began, reads, changes, reply } in requests {
            let judged = group.judge(began.version, &reads, changes);
            answers.push((reply, judged));
        }
        let Group { writes, transactions, .. } = group;
        if transactions > 0 {
            let outcome = self.bring_in(writes, transactions);
            let reason = outcome.as_ref().err().map(|error| describe(error));
            if let Some(reason) = &reason {
                self.shared.fail(reason);
            }
            for (_, judged) in &mut answers {
                match (&outcome, judged) {
                    (Ok(version), Ok(committed)) => committed.version = *version,
                    (Err(_), judged @ Ok(_)) => *judged = unavailable(reason.as_deref().unwrap_or_default()),
                    (_, Err(_)) => {}
                }
            }
        }
        for (reply, judged) in answers {
            answer(&reply, judged);
        }
    }

    /// Steps 2 and 3. Returns the group's version.
    fn bring_in(&mut self, writes: Writes, transactions: usize) -> Result<u64, StoreError> {
        let entries = writes.iter().map(|(key, value)| (key.as_ref(), value.as_deref()));
        let appended = self
            .journal
            .append(|buffer| encode_payload(buffer, transactions, entries))
            .map_err(StoreError::io("write to the journal"))?;
        self.shared.publish(appended.tip, writes);
        if appended.rotated {
            self.shared.flush_wanted.store(true, Ordering::SeqCst);
        }
        // When the applier has not yet answered to the last call, it will see this group as well.
        let _ = self.committed.try_send(());
        Ok(appended.tip.number)
    }
}

/// The writes of the transactions that are committed together.
struct Group<'a> {
    shared: &'a Shared,
    writes: Writes,
    transactions: usize,
}

impl Group<'_> {
    /// Takes a transaction in, or refuses it as a whole.
    fn judge(&mut self, began: u64, reads: &Reads, changes: Changes) -> Result<Committed, StoreError> {
        if self.shared.recent.read().overtook(reads, began) || reads.any_in(&self.writes) {
            return Err(StoreError::Conflict);
        }
        let mut writes = Vec::with_capacity(changes.writes.len() + 2 * changes.appends.len());
        for (key, change) in changes.writes {
            let value = match change {
                Change::Put(value) => Some(value.into()),
                Change::Delete => None,
                Change::Add(delta) => Some(moved(&key, self.current(&key)?.as_deref(), delta)?.into()),
            };
            writes.push((IVec::from(key), value));
        }
        let mut heads: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        let mut sequences = Vec::with_capacity(changes.appends.len());
        for (log, value) in changes.appends {
            let head_key = log_head_key(&log);
            let head = match heads.get(&head_key) {
                Some(&head) => head,
                None => decode_head(&head_key, self.current(&head_key)?.as_deref())?,
            };
            let sequence = head + 1;
            writes.push((log_entry_key(&log, sequence).into(), Some(value.into())));
            heads.insert(head_key, sequence);
            sequences.push(sequence);
        }
        let heads = heads.into_iter().map(|(key, head)| (key.into(), Some(head.to_be_bytes().as_slice().into())));
        self.writes.extend(writes.into_iter().chain(heads));
        self.transactions += 1;
        Ok(Committed { version: 0, sequences })
    }

    /// The value at `key` with what the group has written so far.
    fn current(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        match self.writes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.shared.newest(key),
        }
    }
}

/// Sees to it that nobody waits for a committer that is gone, also when it has panicked.
struct Stopped<'a>(&'a Shared);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the committer has panicked");
        }
        drop(self.0.queue.close_and_empty());
    }
}

fn answer(reply: &Reply, result: Result<Committed, StoreError>) {
    // Nobody waits any more when the caller's thread has died: the commit stands all the same.
    let _ = reply.send(result);
}

fn unavailable<T>(reason: &str) -> Result<T, StoreError> {
    Err(StoreError::Unavailable { reason: reason.to_owned() })
}
