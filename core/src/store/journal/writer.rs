//! Appending to the journal.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::Disk;
use super::record::{self, Tip};
use super::recover::Tail;
use super::segment;
use crate::store::error::StoreError;

/// Memory of the buffer that is kept from one record to the next, in bytes.
const BUFFER_BYTES_KEPT: usize = 8 * 1024 * 1024;

/// How much a journal writes, and when it stops.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct JournalLimits {
    /// A segment that has grown to this size is followed by a new one, in bytes.
    pub(in crate::store) segment_bytes_max: u64,
    /// With less than this left on the disk, in bytes, nothing is written.
    pub(in crate::store) room_bytes_min: u64,
}

/// The journal, open for writing. There is one writer for a directory; the directory's lock sees to that.
pub(in crate::store) struct Journal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segment: Option<Segment>,
    limits: JournalLimits,
    tip: Tip,
    buffer: Vec<u8>,
    /// A write has failed: what is on disk is unknown, so nothing is added to it.
    broken: bool,
}

struct Segment {
    file: File,
    salt: u32,
    bytes: u64,
}

/// What an append has done.
#[derive(Debug)]
pub(in crate::store) struct Appended {
    pub(in crate::store) tip: Tip,
    /// A new segment was begun with this record.
    pub(in crate::store) rotated: bool,
}

/// Why a record was not written.
#[derive(Debug)]
pub(in crate::store) enum AppendError {
    /// There is no room. The journal is as it was before, for certain.
    NoRoom(io::Error),
    /// The record may be on disk or not. The journal takes no more.
    Failed(io::Error),
}

impl Journal {
    /// Goes on where [`recover`](super::recover) has found the end.
    pub(in crate::store) fn resume(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        limits: JournalLimits,
        tip: Tip,
        tail: Option<Tail>,
    ) -> Result<Self, StoreError> {
        let segment = tail
            .map(|tail| {
                let open = OpenOptions::new().append(true).open(&tail.path);
                let file = open.map_err(StoreError::io(format!("open {}", tail.path.display())))?;
                Ok(Segment { file, salt: tail.salt, bytes: tail.bytes })
            })
            .transpose()?;
        Ok(Self { disk, dir, segment, limits, tip, buffer: Vec::new(), broken: false })
    }

    /// The newest record.
    pub(in crate::store) fn tip(&self) -> Tip {
        self.tip
    }

    /// Whether there is room for another record.
    ///
    /// # Errors
    /// [`AppendError::NoRoom`] when there is not; [`AppendError::Failed`] when the journal takes no more at all.
    pub(in crate::store) fn try_room(&self) -> Result<(), AppendError> {
        if self.broken {
            return Err(AppendError::Failed(io::Error::other("an earlier write to the journal has failed")));
        }
        check_room(&*self.disk, &self.dir, self.limits.room_bytes_min).map_err(AppendError::NoRoom)
    }

    /// Writes one record, its payload being what `fill` adds to the buffer, and returns when it is on disk.
    ///
    /// # Errors
    /// When there is no room, or a write or sync fails.
    pub(in crate::store) fn append(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<Appended, AppendError> {
        self.try_room()?;
        self.broken = true;
        let appended = self.append_unguarded(fill);
        self.broken = matches!(appended, Err(AppendError::Failed(_)));
        appended
    }

    fn append_unguarded(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<Appended, AppendError> {
        let with_room = self.segment.take_if(|segment| segment.bytes < self.limits.segment_bytes_max);
        let rotated = with_room.is_none();
        let mut segment = match with_room {
            Some(segment) => segment,
            None => {
                let (file, salt) = segment::create(self.disk.as_ref(), &self.dir, self.tip)?;
                Segment { file, salt, bytes: segment::HEADER_BYTES as u64 }
            }
        };
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES_KEPT);
        let tip = record::write(&mut self.buffer, segment.salt, self.tip, fill);
        if let Err(error) = self.disk.write(&mut segment.file, &self.buffer) {
            if !is_no_room(&error) || self.disk.truncate(&segment.file, segment.bytes).is_err() {
                return Err(AppendError::Failed(error));
            }
            self.segment = Some(segment);
            return Err(AppendError::NoRoom(error));
        }
        self.disk.sync(&segment.file).map_err(AppendError::Failed)?;
        segment.bytes += self.buffer.len() as u64;
        self.segment = Some(segment);
        self.tip = tip;
        Ok(Appended { tip, rotated })
    }
}

/// Whether the disk, or what we may use of it, is full.
pub(super) fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Checks that so many bytes are free on the disk that holds a directory.
pub(in crate::store) fn check_room(disk: &dyn Disk, dir: &Path, bytes_min: u64) -> io::Result<()> {
    match disk.free_bytes(dir) {
        Ok(free) if free < bytes_min => {
            let what =
                format!("{free} bytes are left on the disk of {}, at least {bytes_min} are kept free", dir.display());
            Err(io::Error::new(io::ErrorKind::StorageFull, what))
        }
        // A system that does not say how much room there is will say when there is none.
        Ok(_) | Err(_) => Ok(()),
    }
}
