//! Reading the journal at start, and checking all of it.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use super::record::{self, Flaw, Tip};
use super::segment::{self, HEADER_BYTES, Header, SegmentName};
use crate::store::error::StoreError;

const RESTORE: &str = "restore from a snapshot and the journal that follows it, and keep this directory for inspection";
const INTACT_COPY: &str = "put back an intact copy of this segment, or restore from a snapshot";
const OTHER_STATE: &str = "journal and state are not of the same store: put back the journal that belongs to the state";

/// Where the state stands that the journal has to lead on.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store) struct Reached {
    /// The newest record that the state contains.
    pub(in crate::store) applied: Tip,
    /// Up to this record the state is known to be on disk in whole; later ones are applied again.
    pub(in crate::store) checkpoint: u64,
}

/// What was found.
pub(in crate::store) struct Recovered {
    /// The newest record.
    pub(in crate::store) tip: Tip,
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

/// Whether the journal reaches back to the beginning, so that a lost state can be built from it alone. A journal
/// without records does.
pub(in crate::store) fn begins_at_first_record(dir: &Path) -> Result<bool, StoreError> {
    Ok(segment::list(dir)?.first().is_none_or(|segment| segment.first == 1))
}

/// Checks the part of the journal that matters to a state which has reached `reached`, and cuts off a torn record at
/// its end. Older segments are not read.
///
/// # Errors
/// [`StoreError::JournalCorrupt`] when a record is damaged that may have been acknowledged, or when the journal does
/// not lead on from the state. Nothing has been changed then.
pub(in crate::store) fn recover(dir: &Path, reached: Reached) -> Result<Recovered, StoreError> {
    let segments = segment::list(dir)?;
    let Reached { applied, checkpoint } = reached;
    let start = segments.partition_point(|segment| segment.first <= checkpoint + 1).saturating_sub(1);
    let segments = segments[start..].to_vec();
    if let Some(oldest) = segments.first().filter(|oldest| oldest.first > checkpoint + 1) {
        let what = format!("the journal begins with record {}, but the state ends with {checkpoint}", oldest.first);
        return Err(damage(&oldest.path, 0, what, RESTORE));
    }
    let mut fits = applied.number == 0;
    let walked = walk(&segments, |tip, _| {
        fits |= tip == applied;
        Ok(())
    })?;
    if walked.tip.number < applied.number {
        let path = segments.last().map_or(dir, |segment| &segment.path);
        let what = format!("it ends with record {}, but the state contains {}", walked.tip.number, applied.number);
        return Err(damage(path, walked.tail.as_ref().map_or(0, |tail| tail.bytes), what, RESTORE));
    }
    if !fits {
        let what = format!("record {} is not the one that the state contains", applied.number);
        return Err(damage(&segments[0].path, 0, what, OTHER_STATE));
    }
    if let (Some(tail), Some(flaw)) = (&walked.tail, walked.torn) {
        cut(tail, walked.tip, flaw)?;
    }
    Ok(Recovered { tip: walked.tip, tail: walked.tail, segments, checkpoint })
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
                if payload.is_empty() || tip.number <= self.checkpoint {
                    return Ok(());
                }
                count += 1;
                apply(tip, payload)
            })?;
        }
        Ok(count)
    }
}

/// Reads every segment, and checks every checksum and the chain of hashes from the oldest record to the newest.
///
/// # Errors
/// [`StoreError::JournalCorrupt`] at the first thing that is wrong, [`StoreError::Io`] when a segment cannot be read.
pub fn verify_journal(dir: &Path) -> Result<JournalReport, StoreError> {
    let segments = segment::list(dir)?;
    let walked = walk(&segments, |_, _| Ok(()))?;
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
/// the first segment links to.
fn walk(
    segments: &[SegmentName],
    mut visit: impl FnMut(Tip, &[u8]) -> Result<(), StoreError>,
) -> Result<Walked, StoreError> {
    let mut walked = Walked::default();
    for (index, name) in segments.iter().enumerate() {
        let bytes = fs::read(&name.path).map_err(StoreError::io(format!("read {}", name.path.display())))?;
        let header = Header::decode(&bytes, name).map_err(|what| damage(&name.path, 0, what, INTACT_COPY))?;
        if index == 0 {
            walked.tip = header.before;
            visit(header.before, &[])?;
        } else if header.before != walked.tip {
            let what = format!("it follows record {}, not {}", header.before.number, walked.tip.number);
            return Err(damage(&name.path, 0, format!("{what}, or another one of that number"), INTACT_COPY));
        }
        let mut offset = HEADER_BYTES;
        while offset < bytes.len() {
            match record::read(&bytes[offset..], header.salt, walked.tip) {
                Ok(record) => {
                    visit(record.tip, record.payload)?;
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

/// Takes the torn record off the end of the newest segment.
fn cut(tail: &Tail, tip: Tip, flaw: &str) -> Result<(), StoreError> {
    tracing::warn!(
        segment = %tail.path.display(),
        offset = tail.bytes,
        last_record = tip.number,
        flaw,
        "the last write to the journal was cut short and never acknowledged: removed"
    );
    let step = || format!("cut the torn record off {}", tail.path.display());
    let file = OpenOptions::new().write(true).open(&tail.path).map_err(StoreError::io(step()))?;
    file.set_len(tail.bytes).and_then(|()| file.sync_all()).map_err(StoreError::io(step()))
}

fn damage(file: &Path, offset: impl TryInto<u64>, what: String, remedy: &'static str) -> StoreError {
    StoreError::JournalCorrupt { file: file.to_owned(), offset: offset.try_into().unwrap_or(u64::MAX), what, remedy }
}
