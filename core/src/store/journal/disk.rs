//! The two things that the journal asks of a disk, so that tests can make them fail.

use std::fs::File;
use std::io::{self, Write as _};

/// Writes and syncs the journal's files.
pub trait Disk: Send + Sync {
    /// Writes all of `bytes` at the end of the file.
    ///
    /// # Errors
    /// When the system refuses; part of the bytes may be written.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()>;

    /// Returns once everything that was written to the file is on stable storage.
    ///
    /// # Errors
    /// When the system cannot promise that. What is on the disk is then unknown.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The operating system's file system: `write` and `fdatasync`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}
