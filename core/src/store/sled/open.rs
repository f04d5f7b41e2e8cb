//! Opening a data directory: finding state and journal, and bringing them together.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use jiff::Timestamp;

use super::SledOptions;
use super::directory::{BUILDING_DIR, JOURNAL_DIR, OLD_DIR, STATE_DIR, claim};
use super::state::{Mark, State, Writes, set_aside};
use crate::describe::describe;
use crate::store::error::StoreError;
use crate::store::journal::{self, Journal, JournalLimits, Payload, Reached, Recovered, Tip, recover};
use crate::store::snapshot::{self, Contents, SNAPSHOT_DIR, SnapshotPlan};

/// How many bytes of records are gathered before they are applied to the state, each key once and in order.
const REPLAY_BYTES: usize = 32 * 1024 * 1024;
/// How many threads fill a new state.
const LOADERS_MAX: usize = 8;

pub(super) struct Opened {
    pub(super) lock: File,
    pub(super) state: State,
    pub(super) journal: Journal,
    pub(super) mark: Mark,
    /// When the newest record was written.
    pub(super) dated_at: Timestamp,
}

pub(super) fn open(dir: &Path, options: &SledOptions) -> Result<Opened, StoreError> {
    let lock = claim(dir, options.lock_patience)?;
    let journal_dir = dir.join(JOURNAL_DIR);
    let (state, mark, rebuilt) = open_state(dir, options)?;
    let in_snapshot = snapshot::list_snapshots(dir)?.iter().any(|snapshot| snapshot.number == mark.applied.number);
    let reached = Reached { applied: mark.applied, checkpoint: mark.checkpoint, in_snapshot, rebuilt };
    let recovered = recover(options.disk.as_ref(), &journal_dir, reached)?;
    let mark = replay(&journal_dir, &recovered, &state, mark)?;
    let Recovered { tip, tail, dated_at, .. } = recovered;
    let limits = JournalLimits { segment_bytes_max: options.segment_bytes_max, room_bytes_min: options.room_bytes_min };
    let journal = Journal::resume(Arc::clone(&options.disk), journal_dir, limits, tip, tail)?;
    Ok(Opened { lock, state, journal, mark, dated_at })
}

/// Opens the state. One that is missing or cannot be used is built again, if snapshot and journal reach back far enough;
/// the last of the three says whether it was.
fn open_state(dir: &Path, options: &SledOptions) -> Result<(State, Mark, bool), StoreError> {
    let state_dir = dir.join(STATE_DIR);
    let attempt = |rebuilt| -> Result<(State, Mark, bool), StoreError> {
        let state = State::open(&state_dir, options.cache_bytes)?;
        let mark = state.mark()?.unwrap_or_default();
        Ok((state, mark, rebuilt))
    };
    let known = !journal::list(&dir.join(JOURNAL_DIR))?.is_empty() || !snapshot::list_snapshots(dir)?.is_empty();
    match attempt(false) {
        Ok((state, mark, _)) if mark == Mark::default() && known => {
            drop(state);
            tracing::warn!("the state is missing: building it again from snapshot and journal");
            rebuild(dir, options)?;
            attempt(true)
        }
        Err(error) if is_damage(&error) && can_rebuild(dir)? => {
            let aside = set_aside(&state_dir)?;
            tracing::error!(
                error = describe(&error),
                aside = %aside.display(),
                "the state is unusable: it is set aside and built again from snapshot and journal"
            );
            rebuild(dir, options)?;
            attempt(true)
        }
        result => result,
    }
}

/// Whether a snapshot and the journal after it, or the whole journal, are there.
fn can_rebuild(dir: &Path) -> Result<bool, StoreError> {
    let first = journal::list(&dir.join(JOURNAL_DIR))?.first().map_or(1, |segment| segment.first);
    Ok(first == 1 || snapshot::list_snapshots(dir)?.iter().any(|snapshot| snapshot.number + 1 >= first))
}

/// Builds a state from snapshot and journal, beside the place of the state, and puts it there. Keys in order, each once
/// with its newest value, come into sled far more quickly than they were written.
pub(super) fn rebuild(dir: &Path, options: &SledOptions) -> Result<(), StoreError> {
    let building = dir.join(BUILDING_DIR);
    let state_dir = dir.join(STATE_DIR);
    let aside = dir.join(SNAPSHOT_DIR);
    let _lock = snapshot::lock(&aside)?;
    // The newest snapshot first; without any the journal alone has to do.
    let snapshots = snapshot::list_snapshots(dir)?.into_iter().rev();
    let mut bases: VecDeque<_> = snapshots.map(|file| Some(file.path)).chain([None]).collect();
    while let Some(base) = bases.pop_front() {
        remove_dir(&building)?;
        let loaded = Contents::gather_from(base.as_deref(), dir, &aside, SnapshotPlan::default(), &mut || {})
            .and_then(|contents| load(contents, &building, options));
        snapshot::clear(&aside)?;
        match loaded {
            Ok((keys, record)) => {
                // Nobody must find a state of which a part is removed.
                let old = dir.join(OLD_DIR);
                remove_dir(&old)?;
                let mut named = Ok(());
                if state_dir.exists() {
                    named = options.disk.rename(&state_dir, &old);
                }
                named = named.and_then(|()| options.disk.rename(&building, &state_dir));
                named = named.and_then(|()| options.disk.sync_dir(dir));
                named.map_err(StoreError::io(format!("name {}", state_dir.display())))?;
                remove_dir(&old)?;
                tracing::info!(keys, record, "the state is built");
                return Ok(());
            }
            Err(error @ StoreError::SnapshotCorrupt { .. }) if !bases.is_empty() => {
                tracing::error!(error = describe(&error), "a snapshot is damaged; trying the one before");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Puts all that a store holds into a new state. Returns how many keys that were, and up to which record.
fn load(mut contents: Contents, state_dir: &Path, options: &SledOptions) -> Result<(u64, u64), StoreError> {
    let tip = contents.begins.tip;
    let state = State::open(state_dir, options.cache_bytes)?;
    let mut keys = 0;
    let loaded: Result<(), StoreError> = thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, NonZero::get).min(LOADERS_MAX);
        let (queues, workers): (Vec<_>, Vec<_>) = (0..workers)
            .map(|_| {
                let (queue, pages) = mpsc::sync_channel::<Writes>(2);
                let state = &state;
                (queue, scope.spawn(move || pages.iter().try_for_each(|page| state.put(page))))
            })
            .unzip();
        let read = deal_out(&mut contents, &queues, &mut keys);
        drop(queues);
        let put = workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(StoreError::Engine { step: "load", source: "it panicked".into() }))
        });
        put.and(read)
    });
    loaded?;
    // Nothing rests on the state before it has its mark, and that comes when everything has shown itself whole.
    state.flush()?;
    state.apply(Writes::new(), Mark { applied: tip, checkpoint: tip.number })?;
    state.flush()?;
    Ok((keys, tip.number))
}

/// Reads what a store holds and hands it out, page by page.
fn deal_out(contents: &mut Contents, queues: &[SyncSender<Writes>], keys: &mut u64) -> Result<(), StoreError> {
    const PAGE_KEYS: usize = 4096;
    let mut page = Writes::new();
    for queue in queues.iter().cycle() {
        while page.len() < PAGE_KEYS
            && let Some((key, value)) = contents.next()?
        {
            page.insert(key.into(), Some(value.into()));
        }
        *keys += page.len() as u64;
        // A worker that has hung up tells why when it is waited for.
        if page.is_empty() || queue.send(std::mem::take(&mut page)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Removes a directory with all that is in it, if it is there.
pub(super) fn remove_dir(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io(format!("remove {}", dir.display()))(error))
        }
        _ => Ok(()),
    }
}

/// Whether the files are to blame, rather than the system or another process.
fn is_damage(error: &StoreError) -> bool {
    match error {
        StoreError::Corrupt { .. } | StoreError::Engine { .. } => true,
        StoreError::Io { source, .. } => {
            matches!(source.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
        }
        _ => false,
    }
}

/// Applies the records after the checkpoint, and brings the state to disk if there were any. Returns how far it is.
fn replay(journal_dir: &Path, recovered: &Recovered, state: &State, mark: Mark) -> Result<Mark, StoreError> {
    let mut writes = Writes::new();
    let mut bytes = 0;
    // The mark never moves back, though writes are applied again: a journal that later lost its end is still refused.
    let reached =
        |tip: Tip| Mark { applied: if tip.number > mark.applied.number { tip } else { mark.applied }, ..mark };
    let count = recovered.replay(|tip, payload| {
        gather(payload, &mut writes).ok_or_else(|| StoreError::JournalCorrupt {
            file: journal_dir.to_owned(),
            offset: 0,
            what: format!("record {} is whole, but written in an unknown way", tip.number),
            remedy: "open the directory with the version of punchcard that wrote it",
        })?;
        bytes += payload.len();
        if bytes > REPLAY_BYTES {
            bytes = 0;
            state.apply(std::mem::take(&mut writes), reached(tip))?;
        }
        Ok(())
    })?;
    if count == 0 {
        return Ok(mark);
    }
    state.apply(writes, reached(recovered.tip))?;
    state.flush()?;
    tracing::info!(records = count, last = recovered.tip.number, "applied the end of the journal to the state");
    // The second flush is for the mark that says what the first one has done.
    let mark = Mark { checkpoint: recovered.tip.number, ..reached(recovered.tip) };
    state.apply(Writes::new(), mark)?;
    state.flush()?;
    Ok(mark)
}

fn gather(payload: &[u8], writes: &mut Writes) -> Option<()> {
    let mut payload = Payload::new(payload).ok()?;
    while let Some((key, value)) = payload.next().ok()? {
        writes.insert(key.into(), value.map(Into::into));
    }
    Some(())
}
