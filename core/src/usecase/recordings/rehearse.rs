//! A revision that was uploaded makes the recorded calls of a merchant again.

use std::sync::Arc;
use std::time::Duration;

use super::read::open;
use crate::clock::Stopwatch;
use crate::domain::{Actor, Code, RevisionId};
use crate::pack::{PlayError, Rehearsal};
use crate::store::StoreError;
use crate::usecase::enable_pack::find_revision;
use crate::usecase::{EnableError, Host};

/// For how long one rehearsal runs.
const TIME_MAX: Duration = Duration::from_secs(10);

/// What came of a rehearsal.
#[derive(Debug)]
pub struct RehearsalReport {
    /// What would differ.
    pub rehearsal: Rehearsal,
    /// How many recordings there are.
    pub recordings: usize,
    /// Whether time ran out before all were played; the newest were.
    pub is_partial: bool,
}

/// Why there is no rehearsal.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The revision is none of this pack and merchant, or does not load.
    #[error(transparent)]
    Revision(#[from] EnableError),
    /// Another one is under way.
    #[error("another rehearsal is under way")]
    Busy,
    /// The host can not run packs.
    #[error(transparent)]
    Play(#[from] PlayError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Plays the recorded calls of a pack at a merchant with a revision that was uploaded, and tells what would differ. Nothing
/// is changed by that.
///
/// # Errors
/// See [`RehearsalError`].
pub fn rehearse_pack(
    host: &Host,
    actor: &Actor,
    pack: &Code,
    revision: RevisionId,
) -> Result<RehearsalReport, RehearsalError> {
    let candidate = host.view(actor, |tx, act| find_revision(tx, act, pack, revision).map(|(_, loaded)| loaded))?;
    let recordings = Arc::clone(&host.recordings);
    let _turn = recordings.rehearsing.try_lock().ok_or(RehearsalError::Busy)?;
    recordings.load(actor.merchant, pack);
    let kept = recordings.rings.lock().list(actor.merchant, pack);
    let (time, mut rehearsal, mut is_partial) = (Stopwatch::start(), Rehearsal::default(), false);
    for kept in &kept {
        if time.elapsed() > TIME_MAX {
            is_partial = true;
            break;
        }
        let opened = host.view(actor, |tx, act| open(tx, act, &recordings, kept))?;
        if let Some(recording) = opened {
            rehearsal.add(&candidate, kept.summary.id.to_string(), &recording)?;
        }
    }
    Ok(RehearsalReport { rehearsal, recordings: kept.len(), is_partial })
}
