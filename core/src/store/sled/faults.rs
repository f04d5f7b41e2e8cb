//! Every step of a commit fails once, in every way that a disk can; and crashes at every step.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::tests::{assert_holds, fill, open, open_with, options, write};
use super::*;
use crate::store::journal::{FAULTS, Fault, FaultyDisk};
use crate::store::{Store, snapshot};

fn on(disk: &Arc<FaultyDisk>) -> SledOptions {
    SledOptions {
        segment_bytes_max: 1500,
        snapshots_kept: Some(1),
        disk: Arc::clone(disk) as Arc<dyn Disk>,
        ..options()
    }
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
    // A write, and its sync.
    disk.plan(2, Fault::DoneButFails);
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
    disk.set_free_bytes(999);
    for _ in 0..3 {
        let error = write(&store, 4).expect_err("refused");
        assert!(matches!(error, StoreError::NoRoom { .. }), "{error}");
        assert!(error.to_string().contains("999 bytes are left on the disk"), "{error}");
        assert!(store.health().is_err());
        assert_holds(&store, 3);
    }
    disk.set_free_bytes(1000);
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
    disk.plan(1, Fault::NoRoom);
    let error = write(&store, 4).expect_err("refused");
    assert!(matches!(error, StoreError::NoRoom { .. }), "{error}");
    assert_holds(&store, 3);
    wait_until(|| store.health().is_ok());
    fill(&store, 4..=5);
    drop(store);
    assert_holds(&open(dir.path()), 5);
}

#[test]
fn who_has_read_what_is_taken_back_reads_again() {
    let dir = TempDir::new().expect("directory");
    let disk = Arc::new(FaultyDisk::default());
    let store = open_with(dir.path(), &on(&disk));
    fill(&store, 1..=3);
    disk.plan(2, Fault::NoRoom);
    let held = disk.hold_syncs();
    thread::scope(|scope| {
        // The first is under way and will not get through for want of room; the second comes to be written after it.
        let first = scope.spawn(|| write(&store, 4));
        let see = |n: u64| loop {
            let mut tx = store.begin().expect("begins");
            if tx.get(b"n").expect("reads") == Some(n.to_string().into_bytes()) {
                break tx;
            }
        };
        let reader = see(4);
        let late_reader = see(4);
        let waits = scope.spawn(move || reader.confirm());
        thread::sleep(Duration::from_millis(30));
        drop(held);
        assert!(first.join().expect("does not panic").is_err());
        assert!(waits.join().expect("does not panic").is_err(), "it was told that what it saw is on disk");
        assert!(late_reader.confirm().is_err(), "nor is who asks later");
    });
    assert!(!matches!(store.read(|tx| tx.counter(b"count")), Ok(count) if count != 3));
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
