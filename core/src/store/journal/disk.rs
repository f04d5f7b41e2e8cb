//! What the journal and the snapshots ask of a disk, so that tests can make each of it fail, come late, or get lost.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Writes and syncs files. What is not overridden does what the operating system does.
pub trait Disk: Send + Sync {
    /// Writes all of `bytes` at the end of the file.
    ///
    /// # Errors
    /// When the system refuses; part of the bytes may be written.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    /// Returns once everything that was written to the file is on stable storage.
    ///
    /// # Errors
    /// When the system cannot promise that. What is on the disk is then unknown.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Cuts the file to this length, and returns once that is on stable storage.
    ///
    /// # Errors
    /// When the system cannot promise that.
    fn truncate(&self, file: &File, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)?;
        file.sync_all()
    }

    /// Gives a file another name, which another file may have had.
    ///
    /// # Errors
    /// When the system refuses; nothing has changed then.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Returns once the names in a directory are on stable storage.
    ///
    /// # Errors
    /// When the system cannot promise that.
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    /// Removes a file.
    ///
    /// # Errors
    /// When the system refuses.
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    /// How much room is left on the disk that holds `dir`, in bytes.
    ///
    /// # Errors
    /// When the system does not say.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(dir)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

/// The operating system's file system: `write` and `fdatasync`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {}
