//! Every step of a commit fails once, in every way that a disk can; and crashes at every step.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tempfile::TempDir;

use super::tests::{assert_holds, fill, open, open_with, options, write};
use super::*;
use crate::store::{Store, snapshot};

/// What becomes of one operation of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
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

const FAULTS: [Fault; 6] =
    [Fault::Fails, Fault::NoRoom, Fault::DoneButFails, Fault::CrashBefore, Fault::CrashWithin, Fault::CrashAfter];

/// A disk that fails as it is told, and forgets what was not synced when the machine stops.
#[derive(Default)]
pub(super) struct FaultyDisk {
    state: Mutex<DiskState>,
    /// Held by who wants all syncs to wait.
    syncs: Mutex<()>,
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
    fn with(number: usize, fault: Fault) -> Arc<Self> {
        let disk = Self::default();
        disk.state.lock().plan = Some((number, fault));
        Arc::new(disk)
    }

    /// Syncs wait until this is dropped.
    pub(super) fn hold_syncs(&self) -> MutexGuard<'_, ()> {
        self.syncs.lock()
    }

    fn operations(&self) -> usize {
        self.state.lock().operations
    }

    /// Does an operation, with the fault that is planned for it.
    fn operate(&self, done: impl FnOnce() -> io::Result<()>, half: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
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

fn on(disk: &Arc<FaultyDisk>) -> SledOptions {
    SledOptions { segment_bytes_max: 1500, disk: Arc::clone(disk) as Arc<dyn Disk>, ..options() }
}

const WRITES: u64 = 20;

/// Opens, writes, takes a snapshot in between and closes, until something fails. How many writes were acknowledged.
fn work(dir: &Path, disk: &Arc<FaultyDisk>) -> u64 {
    let Ok(engine) = SledEngine::open(dir, &on(disk)) else { return 0 };
    let store = Store::new(Arc::new(engine));
    for n in 1..=WRITES {
        if let Err(error) = write(&store, n) {
            assert!(matches!(error, StoreError::Unavailable { .. } | StoreError::NoRoom { .. }), "{error}");
            return n - 1;
        }
        if n == WRITES / 2 {
            snapshot::take(dir, snapshot::SnapshotPlan::default(), || {}).expect("a snapshot uses another disk");
        }
    }
    WRITES
}

#[test]
fn whatever_step_fails_nothing_acknowledged_is_lost_and_nothing_is_half_there() {
    let healthy = Arc::new(FaultyDisk::default());
    let dir = TempDir::new().expect("directory");
    assert_eq!(work(dir.path(), &healthy), WRITES);
    let operations = healthy.operations();
    assert!(operations > 50, "{operations} operations");
    thread::scope(|scope| {
        for fault in FAULTS {
            scope.spawn(move || (1..=operations).for_each(|number| assert_survives(number, fault)));
        }
    });
}

fn assert_survives(number: usize, fault: Fault) {
    let dir = TempDir::new().expect("directory");
    let acknowledged = work(dir.path(), &FaultyDisk::with(number, fault));
    let store = open(dir.path());
    let found = store.read(|tx| tx.counter(b"count")).expect("reads").unsigned_abs();
    assert!(
        found == acknowledged || found == acknowledged + 1,
        "{fault:?} at operation {number}: {acknowledged} were acknowledged, {found} are there"
    );
    assert_holds(&store, found);
    fill(&store, found + 1..=found + 3);
    drop(store);
    fs::remove_dir_all(dir.path().join(super::directory::STATE_DIR)).expect("removes");
    assert_holds(&open(dir.path()), found + 3);
}

#[test]
fn a_failed_sync_acknowledges_nothing_and_stops_all_writes() {
    let dir = TempDir::new().expect("directory");
    let disk = Arc::new(FaultyDisk::default());
    let store = open_with(dir.path(), &on(&disk));
    fill(&store, 1..=3);
    let next_sync = disk.operations() + 2;
    disk.state.lock().plan = Some((next_sync, Fault::DoneButFails));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let error = write(&store, 4).expect_err("not acknowledged");
                assert_eq!(
                    error.to_string(),
                    "the store is unavailable: cannot write to the journal: the disk says no"
                );
            });
        }
    });
    assert!(write(&store, 4).is_err(), "it does not come back by itself");
    assert!(store.health().is_err());
    // What was acknowledged can still be read, and nothing else.
    assert_holds(&store, 3);
    store.close().expect("closes");
    drop(store);
    // The record may be on the disk, and here it is. Some transactions of it, all in whole.
    let store = open(dir.path());
    let count = store.read(|tx| tx.counter(b"count")).expect("reads");
    assert!((4..=11).contains(&count), "{count}");
    store.health().expect("is healthy again");
}

#[test]
fn a_full_disk_refuses_writes_and_takes_them_again_when_there_is_room() {
    let dir = TempDir::new().expect("directory");
    let disk = Arc::new(FaultyDisk::default());
    let store = open_with(dir.path(), &SledOptions { room_bytes_min: 1000, ..on(&disk) });
    fill(&store, 1..=3);
    disk.state.lock().free_bytes = Some(999);
    for _ in 0..3 {
        let error = write(&store, 4).expect_err("refused");
        assert!(matches!(error, StoreError::NoRoom { .. }), "{error}");
        assert!(error.to_string().contains("999 bytes are left on the disk"), "{error}");
        assert!(store.health().is_err());
        assert_holds(&store, 3);
    }
    disk.state.lock().free_bytes = Some(1000);
    wait_until(|| store.health().is_ok());
    fill(&store, 4..=6);
    assert_holds(&store, 6);
    drop(store);
    assert_holds(&open(dir.path()), 6);
}

#[test]
fn a_write_that_does_not_fit_is_taken_back_with_all_that_came_after_it() {
    let dir = TempDir::new().expect("directory");
    let disk = Arc::new(FaultyDisk::default());
    let store = open_with(dir.path(), &on(&disk));
    fill(&store, 1..=3);
    let next_write = disk.operations() + 1;
    disk.state.lock().plan = Some((next_write, Fault::NoRoom));
    let error = write(&store, 4).expect_err("refused");
    assert!(matches!(error, StoreError::NoRoom { .. }), "{error}");
    assert_holds(&store, 3);
    wait_until(|| store.health().is_ok());
    fill(&store, 4..=5);
    drop(store);
    assert_holds(&open(dir.path()), 5);
}

#[test]
fn a_slow_disk_is_waited_for() {
    let dir = TempDir::new().expect("directory");
    let disk = Arc::new(FaultyDisk::default());
    let store = open_with(dir.path(), &on(&disk));
    let held = disk.hold_syncs();
    thread::scope(|scope| {
        let writer = scope.spawn(|| write(&store, 1));
        thread::sleep(Duration::from_millis(50));
        assert!(!writer.is_finished(), "it was acknowledged before its sync");
        drop(held);
        writer.join().expect("does not panic").expect("commits");
    });
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    for _ in 0..400 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come to that in four seconds");
}
