//! Appending to the journal.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::disk::Disk;
use super::record::{self, Tip};
use super::recover::Tail;
use super::segment;
use crate::store::error::StoreError;

/// Memory of the buffer that is kept from one record to the next, in bytes.
const BUFFER_BYTES_KEPT: usize = 8 * 1024 * 1024;

/// The journal, open for writing. There is one writer for a directory; the directory's lock sees to that.
pub(in crate::store) struct Journal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segment: Option<Segment>,
    segment_bytes_max: u64,
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
pub(in crate::store) struct Appended {
    pub(in crate::store) tip: Tip,
    /// A new segment was begun with this record.
    pub(in crate::store) rotated: bool,
}

impl Journal {
    /// Goes on where [`recover`](super::recover) has found the end.
    pub(in crate::store) fn resume(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        segment_bytes_max: u64,
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
        Ok(Self { disk, dir, segment, segment_bytes_max, tip, buffer: Vec::new(), broken: false })
    }

    /// The newest record.
    pub(in crate::store) fn tip(&self) -> Tip {
        self.tip
    }

    /// Writes one record, its payload being what `fill` adds to the buffer, and returns when it is on disk.
    ///
    /// # Errors
    /// When a write or sync fails. The record may be on disk or not; the journal takes no more.
    pub(in crate::store) fn append(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<Appended> {
        if self.broken {
            return Err(io::Error::other("an earlier write to the journal has failed"));
        }
        self.broken = true;
        let appended = self.append_unguarded(fill)?;
        self.broken = false;
        Ok(appended)
    }

    fn append_unguarded(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<Appended> {
        let with_room = self.segment.take_if(|segment| segment.bytes < self.segment_bytes_max);
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
        self.disk.write(&mut segment.file, &self.buffer)?;
        self.disk.sync(&segment.file)?;
        segment.bytes += self.buffer.len() as u64;
        self.segment = Some(segment);
        self.tip = tip;
        Ok(Appended { tip, rotated })
    }
}
