//! The committer: one thread through which every write goes.
//!
//! It takes all transactions that wait, as far as a group may grow, and then:
//! 1. refuses those whose reads were overtaken, by an earlier group or within this one, and computes what the others
//!    lead to: counters, numbers of log entries;
//! 2. writes one journal record with the resulting values, and waits for the disk;
//! 3. applies the group to the state as one batch, and makes its version the one that new transactions begin with;
//! 4. answers.
//!
//! While it waits for the disk the next group gathers. Nothing is seen, and nobody is told, before it is on disk. If
//! step 2 or 3 fails, what is on disk is unknown to this process: it commits nothing more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use ::sled::IVec;

use super::conflicts::Reads;
use super::shared::{Began, Shared};
use super::state::{Mark, State, Writes};
use crate::store::error::StoreError;
use crate::store::journal::{Journal, Tip, encode_payload};
use crate::store::key::{LogHead, log_entry_key, log_head_key};
use crate::store::tx::moved;
use crate::store::{Change, Changes, Committed};

/// How many written keys are remembered for transactions that stay open long.
const CONFLICT_KEYS_MAX: usize = 1_000_000;

/// A transaction that wants to be committed.
pub(super) struct Request {
    pub(super) began: Began,
    pub(super) reads: Reads,
    pub(super) changes: Changes,
    pub(super) reply: SyncSender<Result<Committed, StoreError>>,
}

impl Request {
    fn answer(&self, result: Result<Committed, StoreError>) {
        // Nobody waits any more when the caller's thread has died: the commit stands all the same.
        let _ = self.reply.send(result);
    }
}

pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) journal: Journal,
    /// Asks for the state to be flushed.
    pub(super) flush: SyncSender<()>,
}

impl Committer {
    /// Commits until the queue is closed and empty. Returns the newest record.
    pub(super) fn run(mut self) -> Tip {
        let shared = Arc::clone(&self.shared);
        let _stopped = Stopped(&shared);
        while let Some(requests) = shared.queue.take() {
            self.commit(requests);
        }
        self.journal.tip()
    }

    fn commit(&mut self, requests: Vec<Request>) {
        if let Err(error) = self.shared.health() {
            let StoreError::Unavailable { reason } = error else { return };
            return requests.iter().for_each(|request| request.answer(unavailable(&reason)));
        }
        let mut group = Group::new(&self.shared.state);
        let mut answers = Vec::with_capacity(requests.len());
        for mut request in requests {
            // The answer waits for the rest of the group, so that a transaction that lost against a neighbour sees the
            // neighbour's writes when it runs again.
            let judged = if self.overtaken(&request, &group) {
                Err(StoreError::Conflict)
            } else {
                group.admit(std::mem::take(&mut request.changes))
            };
            answers.push((request, judged));
        }
        let Group { writes, transactions, .. } = group;
        if transactions > 0 {
            match self.bring_in(writes, transactions) {
                Ok(version) => {
                    for (_, judged) in &mut answers {
                        if let Ok(committed) = judged {
                            committed.version = version;
                        }
                    }
                }
                Err(error) => {
                    let reason = describe(&error);
                    self.shared.fail(&reason);
                    for (_, judged) in &mut answers {
                        if judged.is_ok() {
                            *judged = unavailable(&reason);
                        }
                    }
                }
            }
        }
        for (request, judged) in answers {
            request.answer(judged);
        }
        let oldest = self.shared.oldest_open();
        self.shared.conflicts.write().forget(oldest, CONFLICT_KEYS_MAX);
    }

    fn overtaken(&self, request: &Request, group: &Group<'_>) -> bool {
        self.shared.conflicts.read().overtook(&request.reads, request.began.version)
            || request.reads.any_in(&group.writes)
    }

    /// Steps 2 and 3. Returns the group's version.
    fn bring_in(&mut self, writes: Writes, transactions: usize) -> Result<u64, StoreError> {
        let entries = writes.iter().map(|(key, value)| (key.as_ref(), value.as_deref()));
        let appended = self
            .journal
            .append(|buffer| encode_payload(buffer, transactions, entries))
            .map_err(StoreError::io("write to the journal"))?;
        let version = appended.tip.number;
        let mark = Mark { applied: appended.tip, checkpoint: self.shared.checkpoint.load(Ordering::SeqCst) };
        {
            let _turn = self.shared.turn.write();
            // Before any of the values can be seen, a reader that sees one has to know that it is newer.
            self.shared.conflicts.write().record(version, writes.keys().cloned());
            self.shared.entered.store(version, Ordering::SeqCst);
            self.shared.state.apply(writes, mark)?;
            self.shared.visible.store(version, Ordering::SeqCst);
        }
        if appended.rotated {
            // If a flush is asked for already, that one will do.
            let _ = self.flush.try_send(());
        }
        Ok(version)
    }
}

/// The writes of the transactions that are committed together.
struct Group<'a> {
    state: &'a State,
    writes: Writes,
    transactions: usize,
}

impl<'a> Group<'a> {
    fn new(state: &'a State) -> Self {
        Self { state, writes: Writes::new(), transactions: 0 }
    }

    /// Takes a transaction in, or refuses it as a whole.
    fn admit(&mut self, changes: Changes) -> Result<Committed, StoreError> {
        let mut writes = Vec::with_capacity(changes.writes.len() + 2 * changes.appends.len());
        for (key, change) in changes.writes {
            let value = match change {
                Change::Put(value) => Some(value.into()),
                Change::Delete => None,
                Change::Add(delta) => Some(moved(&key, self.current(&key)?.as_deref(), delta)?.into()),
            };
            writes.push((IVec::from(key), value));
        }
        let mut heads: BTreeMap<Vec<u8>, LogHead> = BTreeMap::new();
        let mut sequences = Vec::with_capacity(changes.appends.len());
        for (log, value) in changes.appends {
            let head_key = log_head_key(&log);
            let head = match heads.get(&head_key) {
                Some(&head) => head,
                None => LogHead::decode(&head_key, self.current(&head_key)?.as_deref())?,
            };
            let head = head.followed_by(&value);
            writes.push((log_entry_key(&log, head.sequence).into(), Some(value.into())));
            heads.insert(head_key, head);
            sequences.push(head.sequence);
        }
        self.writes.extend(writes);
        self.writes.extend(heads.into_iter().map(|(key, head)| (key.into(), Some(head.encode().into()))));
        self.transactions += 1;
        Ok(Committed { version: 0, sequences })
    }

    /// The value at `key` with what the group has written so far.
    fn current(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        match self.writes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.state.get(key),
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

fn unavailable<T>(reason: &str) -> Result<T, StoreError> {
    Err(StoreError::Unavailable { reason: reason.to_owned() })
}

/// An error with its causes, in one line.
pub(super) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
