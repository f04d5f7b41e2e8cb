//! Segments: files of records, named by the number of their first one.
//!
//! A segment begins with a header of 64 bytes, all numbers little-endian: magic (8), format version (4), salt (4),
//! number of the first record (8), hash before it (32), zeros (4), CRC32C of the 60 bytes before (4). The salt is
//! random and seeds the checksums of the segment's records, so that no value that somebody stores can be taken for a
//! record.
//!
//! A segment comes into being under another name and is renamed when its header is on disk, so a segment without a
//! whole header is damage and never a crash's leftover.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::record::{Hash, Tip, u32_at, u64_at};
use super::writer::{AppendError, is_no_room};
use crate::store::error::StoreError;

pub(super) const HEADER_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"PUNCHJNL";
const FORMAT: u32 = 1;
const ENDING: &str = ".journal";
const ENDING_NEW: &str = ".journal.new";

/// A segment's name and first record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct SegmentName {
    pub(in crate::store) path: PathBuf,
    pub(in crate::store) first: u64,
}

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) salt: u32,
    /// The record before the first one of this segment.
    pub(super) before: Tip,
}

impl Header {
    fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.salt.to_le_bytes());
        bytes[16..24].copy_from_slice(&(self.before.number + 1).to_le_bytes());
        bytes[24..56].copy_from_slice(&self.before.hash);
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header at the beginning of a segment's bytes, or what is wrong with it.
    pub(super) fn decode(bytes: &[u8], name: &SegmentName) -> Result<Self, String> {
        let Some(bytes) = bytes.get(..HEADER_BYTES) else { return Err("the header is cut short".into()) };
        if &bytes[..8] != MAGIC {
            return Err("this is not a journal segment".into());
        }
        let format = u32_at(bytes, 8);
        if format != FORMAT {
            return Err(format!("the format is {format}, this version reads {FORMAT}"));
        }
        if crc32c::crc32c(&bytes[..60]) != u32_at(bytes, 60) {
            return Err("the header's checksum does not match".into());
        }
        let first = u64_at(bytes, 16);
        if first != name.first || first == 0 {
            return Err(format!("the header says that it begins with record {first}"));
        }
        let hash = Hash::try_from(&bytes[24..56]).unwrap_or_default();
        Ok(Self { salt: u32_at(bytes, 12), before: Tip { number: first - 1, hash } })
    }
}

/// The segments of a directory, oldest first. Files with other names are left alone; a missing directory is empty.
pub(in crate::store) fn list(dir: &Path) -> Result<Vec<SegmentName>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io(format!("list {}", dir.display()))(error)),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StoreError::io(format!("list {}", dir.display())))?;
        let name = entry.file_name();
        let first = name.to_str().and_then(|name| name.strip_suffix(ENDING)).and_then(|digits| digits.parse().ok());
        if let Some(first) = first {
            segments.push(SegmentName { path: entry.path(), first });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

/// Makes the segment that goes on after `before`. It is on disk, name included, when this returns.
pub(super) fn create(disk: &dyn Disk, dir: &Path, before: Tip) -> Result<(File, u32), AppendError> {
    #[expect(clippy::disallowed_methods, reason = "the salt is not to be guessed, and is in no result")]
    let salt = getrandom::u32().map_err(|error| AppendError::Failed(io::Error::other(error)))?;
    let first = before.number + 1;
    let path_new = dir.join(format!("{first:020}{ENDING_NEW}"));
    let written = write_new(disk, &path_new, &Header { salt, before }.encode());
    let file = written.map_err(|error| {
        // Under this name nobody looks at it, whatever has become of it.
        let _ = disk.remove(&path_new);
        if is_no_room(&error) { AppendError::NoRoom(error) } else { AppendError::Failed(error) }
    })?;
    let named = disk.rename(&path_new, &dir.join(format!("{first:020}{ENDING}"))).and_then(|()| disk.sync_dir(dir));
    named.map_err(AppendError::Failed)?;
    Ok((file, salt))
}

/// Writes a file under a name that is not its last one. Everything goes to its end, also after it was cut.
fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<File> {
    if path.exists() {
        disk.remove(path)?;
    }
    let mut file = OpenOptions::new().create_new(true).append(true).open(path)?;
    disk.write(&mut file, bytes)?;
    disk.sync(&file)?;
    Ok(file)
}

/// Writes the first `bytes` of a segment anew, so that they are on disk for certain, and nothing after them.
///
/// After a sync that has failed, or a crash, the system may show what is not on the disk, and would never write it:
/// later records would then follow a hole.
pub(super) fn rewrite(disk: &dyn Disk, path: &Path, bytes: u64) -> io::Result<()> {
    let mut whole = fs::read(path)?;
    whole.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
    let path_new = path.with_extension("journal.new");
    write_new(disk, &path_new, &whole)?;
    disk.rename(&path_new, path)?;
    disk.sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Removes the segments that hold only records up to `number`, oldest first. Returns how many there were.
pub(in crate::store) fn remove_up_to(disk: &dyn Disk, dir: &Path, number: u64) -> Result<usize, StoreError> {
    let segments = list(dir)?;
    let mut removed = 0;
    for pair in segments.windows(2) {
        if pair[1].first > number.saturating_add(1) {
            break;
        }
        let path = &pair[0].path;
        disk.remove(path).map_err(StoreError::io(format!("remove {}", path.display())))?;
        removed += 1;
    }
    if removed > 0 {
        disk.sync_dir(dir).map_err(StoreError::io(format!("sync {}", dir.display())))?;
    }
    Ok(removed)
}
