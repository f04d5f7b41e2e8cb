//! Reading the journal at start, and checking all of it.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::disk::Disk;
use super::payload::Payload;
use super::record::{self, Flaw, Tip};
use super::segment::{self, HEADER_BYTES, Header, SegmentName};
use crate::store::error::StoreError;

const RESTORE: &str = "restore a backup with `punchcard restore`, and keep this directory for inspection";
const INTACT_COPY: &str = "put back an intact copy of this segment, or bring back all that came before the damage with \
                           `punchcard restore --from DIR --into NEW_DIR --to-record N`";
const OTHER_STATE: &str = "journal and state are not of the same store: put back the journal that belongs to the state";

/// Where the state stands that the journal has to lead on.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store) struct Reached {
    /// The newest record that the state contains.
    pub(in crate::store) applied: Tip,
    /// Up to this record the state is known to be on disk in whole; later ones are applied again.
    pub(in crate::store) checkpoint: u64,
    /// There is a snapshot that ends with the applied record: the journal may begin after it, and hold nothing yet.
    pub(in crate::store) in_snapshot: bool,
    /// It was built from the journal just now: that it contains the newest record does not say that this is on disk.
    pub(in crate::store) rebuilt: bool,
}

/// What was found.
pub(in crate::store) struct Recovered {
    /// The newest record.
    pub(in crate::store) tip: Tip,
    /// When it was written, by its own date; the beginning of time if it has none.
    pub(in crate::store) dated_at: Timestamp,
    /// The segment to go on with.
    pub(in crate::store) tail: Option<Tail>,
    segments: Vec<SegmentName>,
    checkpoint: u64,
}

/// The newest segment.
#[derive(Clone, Debug)]
pub(in crate::store) struct Tail {
    pub(in crate::store) path: PathBuf,
    pub(in crate::store) salt: u32,
    pub(in crate::store) bytes: u64,
}

/// What [`verify_journal`] has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalReport {
    /// How many segments there are.
    pub segments: usize,
    /// The number of the oldest record, 0 if there is none.
    pub first: u64,
    /// The newest record.
    pub tip: Tip,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Bytes at the end that are not a whole record: a write under way, or cut short by a crash. The next start cuts
    /// them off.
    pub torn_bytes: u64,
}

/// Checks the part of the journal that matters to a state which has reached `reached`. Unless the state was closed with
/// the newest record in it, the newest segment is written anew, so that all its records are on disk for certain and a
/// torn one at its end is gone. Older segments are not read.
///
/// # Errors
/// [`StoreError::JournalCorrupt`] when a record is damaged that may have been acknowledged, or when the journal does
/// not lead on from the state. Nothing has been changed then.
pub(in crate::store) fn recover(disk: &dyn Disk, dir: &Path, reached: Reached) -> Result<Recovered, StoreError> {
    let segments = segment::list(dir)?;
    let Reached { applied, checkpoint, rebuilt, .. } = reached;
    let start = segments.partition_point(|segment| segment.first <= checkpoint + 1).saturating_sub(1);
    let segments = segments[start..].to_vec();
    if let Some(oldest) = segments.first().filter(|oldest| oldest.first > checkpoint + 1) {
        let what = format!("the journal begins with record {}, but the state ends with {checkpoint}", oldest.first);
        return Err(damage(&oldest.path, 0, what, RESTORE));
    }
    let mut fits = applied.number == 0;
    let mut dated_at = Timestamp::UNIX_EPOCH;
    let mut walked = walk(&segments, |tip, payload| {
        fits |= tip == applied;
        dated_at = payload.and_then(dated).unwrap_or(dated_at);
        Ok(ControlFlow::Continue(()))
    })?;
    if segments.is_empty() && reached.in_snapshot {
        walked.tip = applied;
        fits = true;
    }
    if walked.tip.number < applied.number {
        let path = segments.last().map_or(dir, |segment| &segment.path);
        let what = format!("it ends with record {}, but the state contains {}", walked.tip.number, applied.number);
        return Err(damage(path, walked.tail.as_ref().map_or(0, |tail| tail.bytes), what, RESTORE));
    }
    if !fits {
        let what = format!("record {} is not the one that the state contains", applied.number);
        return Err(damage(&segments[0].path, 0, what, OTHER_STATE));
    }
    let closed = !rebuilt && walked.tip == applied && checkpoint == applied.number && walked.torn.is_none();
    if let Some(tail) = walked.tail.as_ref().filter(|_| !closed) {
        if let Some(flaw) = walked.torn {
            tracing::warn!(
                segment = %tail.path.display(),
                offset = tail.bytes,
                last_record = walked.tip.number,
                flaw,
                "the last write to the journal was cut short and never acknowledged: removed"
            );
        }
        let rewritten = segment::rewrite(disk, &tail.path, tail.bytes);
        rewritten.map_err(StoreError::io(format!("write {} anew", tail.path.display())))?;
    }
    Ok(Recovered { tip: walked.tip, dated_at, tail: walked.tail, segments, checkpoint })
}

impl Recovered {
    /// Gives each record after the checkpoint to `apply`, in order. Returns how many there were.
    pub(in crate::store) fn replay(
        &self,
        mut apply: impl FnMut(Tip, &[u8]) -> Result<(), StoreError>,
    ) -> Result<u64, StoreError> {
        let mut count = 0;
        if self.tip.number > self.checkpoint {
            walk(&self.segments, |tip, payload| {
                if let Some(payload) = payload.filter(|_| tip.number > self.checkpoint) {
                    count += 1;
                    apply(tip, payload)?;
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(count)
    }
}

/// Gives every record from `first` on to `take`, with the one before it checked to be `before`, until `take` has seen
/// enough or the journal ends. What was given is on disk when this returns; a torn end is left alone, as somebody may be
/// writing it just now.
///
/// # Errors
/// [`StoreError::JournalCorrupt`] for damage before that, and when the journal does not lead on from `before`.
pub(in crate::store) fn follow(
    dir: &Path,
    before: Tip,
    mut take: impl FnMut(Tip, &[u8]) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let mut segments = segment::list(dir)?;
    let start = segments.partition_point(|segment| segment.first <= before.number + 1).saturating_sub(1);
    segments.drain(..start);
    let Some(oldest) = segments.first() else { return Ok(()) };
    if oldest.first > before.number + 1 {
        let what = format!("the journal begins with record {}, but {} was reached", oldest.first, before.number);
        return Err(damage(&oldest.path, 0, what, RESTORE));
    }
    let mut fits = before.number == 0;
    let walked = walk(&segments, |tip, payload| {
        fits |= tip == before;
        match payload.filter(|_| tip.number > before.number) {
            None => Ok(ControlFlow::Continue(())),
            Some(_) if !fits => Ok(ControlFlow::Break(())),
            Some(payload) => take(tip, payload),
        }
    })?;
    if !fits && (walked.tip.number >= before.number) {
        let what = format!("record {} is not the one that was reached", before.number);
        return Err(damage(&segments[0].path, 0, what, OTHER_STATE));
    }
    for segment in &segments {
        let synced = fs::File::open(&segment.path).and_then(|file| file.sync_data());
        synced.map_err(StoreError::io(format!("sync {}", segment.path.display())))?;
    }
    Ok(())
}

/// Reads every segment, and checks every checksum and the chain of hashes from the oldest record to the newest.
///
/// # Errors
/// [`StoreError::JournalCorrupt`] at the first thing that is wrong, [`StoreError::Io`] when a segment cannot be read.
pub fn verify_journal(dir: &Path) -> Result<JournalReport, StoreError> {
    let segments = segment::list(dir)?;
    let walked = walk(&segments, |_, _| Ok(ControlFlow::Continue(())))?;
    Ok(JournalReport {
        segments: segments.len(),
        first: segments.first().filter(|oldest| oldest.first <= walked.tip.number).map_or(0, |oldest| oldest.first),
        tip: walked.tip,
        bytes: walked.bytes,
        torn_bytes: walked.tail.map_or(0, |tail| walked.last_bytes - tail.bytes),
    })
}

#[derive(Default)]
struct Walked {
    tip: Tip,
    tail: Option<Tail>,
    torn: Option<&'static str>,
    bytes: u64,
    last_bytes: u64,
}

/// Goes through neighbouring segments. `visit` gets every record, and before them, without a payload, the one that
/// the first segment links to. It ends it when it has seen enough.
fn walk(
    segments: &[SegmentName],
    mut visit: impl FnMut(Tip, Option<&[u8]>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<Walked, StoreError> {
    let mut walked = Walked::default();
    for (index, name) in segments.iter().enumerate() {
        let bytes = fs::read(&name.path).map_err(StoreError::io(format!("read {}", name.path.display())))?;
        let header = Header::decode(&bytes, name).map_err(|what| damage(&name.path, 0, what, INTACT_COPY))?;
        if index == 0 {
            walked.tip = header.before;
            if visit(header.before, None)?.is_break() {
                return Ok(walked);
            }
        } else if header.before != walked.tip {
            let what = format!("it follows record {}, not {}", header.before.number, walked.tip.number);
            return Err(damage(&name.path, 0, format!("{what}, or another one of that number"), INTACT_COPY));
        }
        let mut offset = HEADER_BYTES;
        while offset < bytes.len() {
            match record::read(&bytes[offset..], header.salt, walked.tip) {
                Ok(record) => {
                    if visit(record.tip, Some(record.payload))?.is_break() {
                        return Ok(walked);
                    }
                    walked.tip = record.tip;
                    offset += record.bytes;
                }
                Err(Flaw::Misplaced(what)) => return Err(damage(&name.path, offset, what, INTACT_COPY)),
                Err(Flaw::Broken(what)) => {
                    let next = walked.tip.number + 1;
                    let more = index + 1 < segments.len();
                    if more || record::any_later(&bytes[offset + 1..], header.salt, next) {
                        let what = format!("{what} (record {next}), and later records follow");
                        return Err(damage(&name.path, offset, what, INTACT_COPY));
                    }
                    walked.torn = Some(what);
                    break;
                }
            }
        }
        walked.bytes += bytes.len() as u64;
        walked.last_bytes = bytes.len() as u64;
        walked.tail = Some(Tail { path: name.path.clone(), salt: header.salt, bytes: offset as u64 });
    }
    Ok(walked)
}

/// When a record says that it was written.
fn dated(payload: &[u8]) -> Option<Timestamp> {
    Payload::new(payload).ok()?.dated_at
}

fn damage(file: &Path, offset: impl TryInto<u64>, what: String, remedy: &'static str) -> StoreError {
    StoreError::JournalCorrupt { file: file.to_owned(), offset: offset.try_into().unwrap_or(u64::MAX), what, remedy }
}
