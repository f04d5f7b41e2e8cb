//! Admitting a transaction: whether what it has read still holds, and what its changes lead to.
//!
//! Done in the transaction's own thread, one at a time. From then on the transaction is seen by others, and nothing but
//! a failure of the disk can undo it; it is acknowledged when the writer has brought it to disk.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};

use ::sled::IVec;

use super::recent::Reads;
use super::shared::{Shared, Waiter};
use super::state::Writes;
use crate::store::error::StoreError;
use crate::store::key::{LogHead, log_entry_key, log_head_key};
use crate::store::tx::moved;
use crate::store::{Change, Changes, Committed};

/// A transaction that others see.
pub(super) struct Admitted {
    pub(super) committed: Committed,
    /// Where it is told that it is on disk.
    pub(super) answer: Receiver<Result<(), StoreError>>,
}

/// Admits a transaction that has made these reads since version `since`, or refuses it as a whole.
pub(super) fn admit(shared: &Shared, reads: &Reads, since: u64, changes: Changes) -> Result<Admitted, StoreError> {
    let bytes = changes.bytes();
    let _one_at_a_time = shared.admission.lock();
    shared.health()?;
    {
        let recent = shared.recent.read();
        if recent.overtook(reads, since) {
            if let Some(key) = recent.overtaken_key(reads, since) {
                shared.hot.heat(&key);
            }
            return Err(StoreError::Conflict);
        }
    }
    let (writes, sequences) = resolve(shared, changes)?;
    let version = shared.publish(&writes);
    let (reply, answer) = sync_channel(1);
    shared.queue.put(Waiter { version, writes, bytes, reply });
    Ok(Admitted { committed: Committed { version, sequences }, answer })
}

/// The values that changes lead to, and the numbers of the appended entries.
fn resolve(shared: &Shared, changes: Changes) -> Result<(Writes, Vec<u64>), StoreError> {
    let mut writes = Writes::new();
    for (key, change) in changes.writes {
        let value = match change {
            Change::Put(value) => Some(value.into()),
            Change::Delete => None,
            Change::Add(delta) => Some(moved(&key, shared.newest(&key)?.as_deref(), delta)?.into()),
        };
        writes.insert(IVec::from(key), value);
    }
    let mut heads: BTreeMap<Vec<u8>, LogHead> = BTreeMap::new();
    let mut sequences = Vec::with_capacity(changes.appends.len());
    for (log, value) in changes.appends {
        let head_key = log_head_key(&log);
        let head = match heads.get(&head_key) {
            Some(&head) => head,
            None => LogHead::decode(&head_key, shared.newest(&head_key)?.as_deref())?,
        };
        let head = head.followed_by(&value);
        writes.insert(log_entry_key(&log, head.sequence).into(), Some(value.into()));
        heads.insert(head_key, head);
        sequences.push(head.sequence);
    }
    writes.extend(heads.into_iter().map(|(key, head)| (key.into(), Some(head.encode().into()))));
    Ok((writes, sequences))
}
