//! Recordings are listed and taken out.

use std::collections::BTreeSet;

use serde_json::json;

use super::files::Files;
use super::rings::{Body, Kept};
use super::sealed::{NotSealed, members_of};
use super::{RecordingSummary, Recordings};
use crate::domain::{Code, MerchantId, RecordingId};
use crate::pack::Recording;
use crate::store::{StoreError, Tx};
use crate::usecase::{Act, Host};

/// Why a recording is not read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingsError {
    /// There is none of that pack with this id, or it is gone: others have replaced it, it is too old, or somebody was
    /// erased whom it names.
    #[error("there is no recording {id} of `{pack}`")]
    Unknown {
        /// The pack.
        pack: Code,
        /// Which.
        id: RecordingId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Recordings of a pack at a merchant, the newest first, at most so many of those before one.
pub fn list_recordings(
    recordings: &Recordings,
    merchant: MerchantId,
    pack: &Code,
    before: Option<RecordingId>,
    limit: usize,
) -> Vec<RecordingSummary> {
    recordings.load(merchant, pack);
    let kept = recordings.rings.lock().list(merchant, pack).into_iter().map(|kept| kept.summary);
    kept.filter(|summary| before.is_none_or(|before| summary.id < before)).take(limit).collect()
}

/// A recording whole. What is in it may be personal, so that whoever takes it out is in the audit log.
///
/// # Errors
/// See [`RecordingsError`].
pub fn read_recording(
    tx: &mut Tx,
    act: &mut Act<'_>,
    pack: &Code,
    id: RecordingId,
) -> Result<Recording, RecordingsError> {
    let unknown = || RecordingsError::Unknown { pack: pack.clone(), id };
    let recordings = act.recordings.ok_or_else(unknown)?;
    let kept = find(recordings, act.merchant, pack, id).ok_or_else(unknown)?;
    let recording = open(tx, act, recordings, &kept)?.ok_or_else(unknown)?;
    let taken = json!({ "pack": pack.as_str(), "export": kept.summary.export });
    act.record(tx, "pack-recording", &id.to_string(), None, Some(&taken))?;
    Ok(recording)
}

fn find(recordings: &Recordings, merchant: MerchantId, pack: &Code, id: RecordingId) -> Option<Kept> {
    recordings.load(merchant, pack);
    recordings.rings.lock().list(merchant, pack).into_iter().find(|kept| kept.summary.id == id)
}

/// What is in a recording; none when nobody may know that any more, or the file is not what was written.
pub(super) fn open(
    tx: &mut Tx,
    act: &Act<'_>,
    recordings: &Recordings,
    kept: &Kept,
) -> Result<Option<Recording>, StoreError> {
    let opened = match &kept.body {
        Body::Memory(recording) => members_of(tx, act, recording).map(|_| Recording::clone(recording)),
        Body::File(path, _) => {
            let envelope = recordings.files.as_ref().and_then(|files| files.read(path));
            match envelope.filter(|envelope| envelope.summary == kept.summary) {
                Some(envelope) => envelope.open(tx, act).and_then(|recording| {
                    members_of(tx, act, &recording)?;
                    Ok(recording)
                }),
                None => Err(NotSealed::Damaged),
            }
        }
    };
    match opened {
        Ok(recording) => Ok(Some(recording)),
        Err(NotSealed::Store(error)) => Err(error),
        Err(why) => {
            if matches!(why, NotSealed::Damaged) {
                let (recording, pack) = (kept.summary.id, &kept.summary.pack);
                tracing::warn!(%recording, %pack, "a recording is not what was written, and is not used");
            }
            recordings.rings.lock().drop_one(kept.summary.id);
            Ok(None)
        }
    }
}

/// All recordings of a pack, of all merchants, each with its name: for the operator.
///
/// # Errors
/// The store's failures.
pub fn recordings_of_pack(host: &Host, pack: &Code) -> Result<Vec<(RecordingId, Recording)>, StoreError> {
    let recordings = &host.recordings;
    let merchants = recordings.files.iter().flat_map(Files::merchants);
    let mut all = Vec::new();
    for merchant in merchants.map(|(merchant, _)| merchant).collect::<BTreeSet<_>>() {
        recordings.load(merchant, pack);
        let kept = recordings.rings.lock().list(merchant, pack);
        if kept.is_empty() {
            continue;
        }
        let opened = host.operate(merchant, |tx, act| {
            let opened = kept.iter().map(|kept| {
                let recording = open(tx, act, recordings, kept)?;
                Ok(recording.map(|recording| (kept.summary.id, recording)))
            });
            opened.filter_map(Result::transpose).collect::<Result<Vec<_>, StoreError>>()
        })?;
        all.extend(opened);
    }
    Ok(all)
}
