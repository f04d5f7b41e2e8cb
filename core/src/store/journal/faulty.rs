//! A disk for tests: it fails as it is told, and forgets what was not synced when the machine stops.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::Disk;

/// What becomes of one operation of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The system refuses it.
    Fails,
    /// There is no room for it. Half of a write is done.
    NoRoom,
    /// It is done, but the answer is an error.
    DoneButFails,
    /// The machine stops before it. What was not synced is lost, or a part of it.
    CrashBefore,
    /// The machine stops in the middle of it.
    CrashWithin,
    /// The machine stops after it.
    CrashAfter,
}

pub(crate) const FAULTS: [Fault; 6] =
    [Fault::Fails, Fault::NoRoom, Fault::DoneButFails, Fault::CrashBefore, Fault::CrashWithin, Fault::CrashAfter];

/// The disk.
#[derive(Default)]
pub(crate) struct FaultyDisk {
    state: Mutex<DiskState>,
    /// Held by who wants all syncs to wait.
    syncs: Mutex<()>,
    /// One operation at a time: the machine does not stop in one while another goes on.
    turn: Mutex<()>,
}

#[derive(Default)]
struct DiskState {
    /// Which operation, from 1, meets which fault.
    plan: Option<(usize, Fault)>,
    operations: usize,
    stopped: bool,
    /// How much of each file is on stable storage.
    synced: BTreeMap<u64, (PathBuf, u64)>,
    free_bytes: Option<u64>,
}

impl FaultyDisk {
    /// One whose operation `number`, from 1, meets a fault.
    pub(crate) fn with(number: usize, fault: Fault) -> Arc<Self> {
        let disk = Self::default();
        disk.state.lock().plan = Some((number, fault));
        Arc::new(disk)
    }

    /// Syncs wait until this is dropped.
    pub(crate) fn hold_syncs(&self) -> MutexGuard<'_, ()> {
        self.syncs.lock()
    }

    /// The operation after so many more meets this fault.
    pub(crate) fn plan(&self, after: usize, fault: Fault) {
        let mut state = self.state.lock();
        state.plan = Some((state.operations + after, fault));
    }

    /// How much room is left, from now on.
    pub(crate) fn set_free_bytes(&self, bytes: u64) {
        self.state.lock().free_bytes = Some(bytes);
    }

    /// How many operations there were.
    pub(crate) fn operations(&self) -> usize {
        self.state.lock().operations
    }

    /// Does an operation, with the fault that is planned for it.
    fn operate(&self, done: impl FnOnce() -> io::Result<()>, half: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let _turn = self.turn.lock();
        let fault = {
            let mut state = self.state.lock();
            if state.stopped {
                return Err(io::Error::other("the machine has stopped"));
            }
            state.operations += 1;
            state.plan.filter(|(number, _)| *number == state.operations).map(|(_, fault)| fault)
        };
        let fails = || Err(io::Error::other("the disk says no"));
        match fault {
            None => done(),
            Some(Fault::Fails) => fails(),
            Some(Fault::NoRoom) => half().and(Err(io::ErrorKind::StorageFull.into())),
            Some(Fault::DoneButFails) => done().and_then(|()| fails()),
            Some(Fault::CrashBefore) => self.stop(),
            Some(Fault::CrashWithin) => half().and_then(|()| self.stop()),
            Some(Fault::CrashAfter) => done().and_then(|()| self.stop()),
        }
    }

    /// The machine stops: of every file only what was synced is sure to be there; of the rest, here, a half.
    fn stop(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.stopped = true;
        for (path, synced) in state.synced.values() {
            let Ok(file) = File::options().write(true).open(path) else { continue };
            let length = file.metadata()?.len();
            file.set_len(synced + length.saturating_sub(*synced) / 2)?;
        }
        Err(io::Error::other("the machine has stopped"))
    }

    fn remember(&self, file: &File, synced: Option<u64>) -> io::Result<()> {
        let about = file.metadata()?;
        let path = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let mut state = self.state.lock();
        let entry = state.synced.entry(about.ino()).or_insert_with(|| (path.clone(), about.len()));
        entry.0 = path;
        entry.1 = synced.unwrap_or(entry.1);
        Ok(())
    }
}

impl Disk for FaultyDisk {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        self.remember(file, None)?;
        let mut other = file.try_clone()?;
        self.operate(|| file.write_all(bytes), || other.write_all(&bytes[..bytes.len() / 2]))
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        drop(self.syncs.lock());
        let done = || {
            file.sync_data()?;
            self.remember(file, Some(file.metadata()?.len()))
        };
        self.operate(done, || Ok(()))
    }

    fn truncate(&self, file: &File, bytes: u64) -> io::Result<()> {
        let done = || {
            file.set_len(bytes)?;
            self.remember(file, Some(bytes))
        };
        self.operate(done, || Ok(()))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate(|| fs::rename(from, to), || Ok(()))
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.operate(|| Ok(()), || Ok(()))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.operate(|| fs::remove_file(path), || Ok(()))
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.state.lock().free_bytes.unwrap_or(u64::MAX))
    }
}
