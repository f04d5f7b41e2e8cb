//! Opening a data directory: finding state and journal, and bringing them together.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::SledOptions;
use super::committer::describe;
use super::directory::{JOURNAL_DIR, STATE_DIR, claim};
use super::state::{Mark, State, Writes, set_aside};
use crate::store::error::StoreError;
use crate::store::journal::{Journal, Payload, Reached, Recovered, Tip, begins_at_first_record, recover};

/// How many bytes of records are applied to the state in one batch.
const REPLAY_BYTES: usize = 1024 * 1024;

pub(super) struct Opened {
    pub(super) lock: File,
    pub(super) state: State,
    pub(super) journal: Journal,
    /// Everything up to this record is on disk in the state.
    pub(super) checkpoint: u64,
}

pub(super) fn open(dir: &Path, options: &SledOptions) -> Result<Opened, StoreError> {
    let lock = claim(dir, options.lock_patience)?;
    let journal_dir = dir.join(JOURNAL_DIR);
    let (state, mark) = open_state(dir, &journal_dir, options)?;
    let recovered = recover(&journal_dir, Reached { applied: mark.applied, checkpoint: mark.checkpoint })?;
    if mark == Mark::default() && recovered.tip.number > 0 {
        let records = recovered.tip.number;
        tracing::warn!(records, "the state is empty: building it from the whole journal");
    }
    let replayed = replay(&journal_dir, &recovered, &state, mark)?;
    let checkpoint = if replayed == 0 {
        mark.checkpoint
    } else {
        state.flush()?;
        tracing::info!(records = replayed, last = recovered.tip.number, "applied the end of the journal to the state");
        recovered.tip.number
    };
    let Recovered { tip, tail, .. } = recovered;
    let journal = Journal::resume(Arc::clone(&options.disk), journal_dir, options.segment_bytes_max, tip, tail)?;
    Ok(Opened { lock, state, journal, checkpoint })
}

/// Opens the state. One that cannot be used is moved aside, if the journal can build it again.
fn open_state(dir: &Path, journal_dir: &Path, options: &SledOptions) -> Result<(State, Mark), StoreError> {
    let state_dir = dir.join(STATE_DIR);
    let attempt = || -> Result<(State, Mark), StoreError> {
        let state = State::open(&state_dir, options.cache_bytes, options.lock_patience)?;
        let mark = state.mark()?.unwrap_or_default();
        Ok((state, mark))
    };
    match attempt() {
        Err(error) if is_damage(&error) && begins_at_first_record(journal_dir)? => {
            let aside = set_aside(&state_dir)?;
            tracing::error!(
                error = describe(&error),
                aside = %aside.display(),
                "the state is unusable: it is set aside and built again from the whole journal"
            );
            attempt()
        }
        result => result,
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

/// Applies the records after the checkpoint. Returns how many there were.
fn replay(journal_dir: &Path, recovered: &Recovered, state: &State, mark: Mark) -> Result<u64, StoreError> {
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
    if count > 0 {
        state.apply(writes, reached(recovered.tip))?;
    }
    Ok(count)
}

fn gather(payload: &[u8], writes: &mut Writes) -> Option<()> {
    let mut payload = Payload::new(payload).ok()?;
    while let Some((key, value)) = payload.next().ok()? {
        writes.insert(key.into(), value.map(Into::into));
    }
    Some(())
}
