//! Snapshots: made while somebody writes, to a record or a moment, and refused when they are damaged.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::clock::Clock;
use crate::store::{Direction, DurableEngine, DurableOptions, KeyRange, Store};

fn options(clock: Clock) -> DurableOptions {
    DurableOptions {
        cache_bytes: 8 * 1024 * 1024,
        segment_bytes_max: 2000,
        room_bytes_min: 0,
        clock,
        ..DurableOptions::default()
    }
}

fn open(dir: &Path) -> Store {
    Store::new(Arc::new(DurableEngine::open(dir, &options(Clock::System)).expect("opens")))
}

/// Writes a key of its own and takes away the one before.
fn write(store: &Store, n: u64) {
    let write = |tx: &mut crate::store::Tx| {
        tx.put(format!("key-{n:04}").as_bytes(), vec![b'x'; 100])?;
        if n.is_multiple_of(3) {
            tx.delete(format!("key-{:04}", n - 1).as_bytes());
        }
        tx.add(b"count", 1)?;
        tx.append(b"log", n.to_string())
    };
    store.write::<_, StoreError>(write).expect("commits");
}

fn all(store: &Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    store.read::<_, StoreError>(|tx| tx.scan(&KeyRange::prefix(b""), Direction::Forward, usize::MAX)).expect("reads")
}

fn count(store: &Store) -> i64 {
    store.read::<_, StoreError>(|tx| tx.counter(b"count")).expect("reads")
}

fn small(until: Until) -> SnapshotPlan {
    // So little memory that most of it is put aside in runs.
    SnapshotPlan { until, memory_bytes: 2000, room_bytes_min: 0 }
}

fn no_progress() {}

/// A directory with so many writes, one each second from 1970 on, closed.
fn filled(n: u64) -> TempDir {
    let dir = TempDir::new().expect("directory");
    let clock = Clock::standing_at(Timestamp::UNIX_EPOCH);
    let store = Store::new(Arc::new(DurableEngine::open(dir.path(), &options(clock.clone())).expect("opens")));
    for n in 1..=n {
        clock.set(Timestamp::from_second(n.cast_signed()).expect("in range"));
        write(&store, n);
    }
    dir
}

#[test]
fn a_snapshot_that_would_leave_too_little_room_is_given_up() {
    let dir = filled(50);
    for memory_bytes in [2000, 1 << 20] {
        let greedy = SnapshotPlan { memory_bytes, room_bytes_min: u64::MAX, ..small(Until::Now) };
        let refused =
            crate::describe::describe(&take(dir.path(), greedy, no_progress).expect_err("there is too little room"));
        assert!(refused.contains("are kept free"), "{refused}");
        let left: Vec<_> = std::fs::read_dir(dir.path().join("snapshots")).expect("is there").collect();
        assert_eq!(left.len(), 1, "only the lock: {left:?}");
    }
    take(dir.path(), small(Until::Now), no_progress).expect("is taken");
}

#[test]
fn a_snapshot_holds_what_the_store_holds() {
    let dir = filled(50);
    let summary = take(dir.path(), small(Until::Now), no_progress).expect("is taken");
    assert_eq!((summary.number, summary.dated_at), (50, Timestamp::from_second(50).expect("in range")));
    let before = all(&open(dir.path()));
    let logical: usize = before.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert_eq!((summary.keys, summary.logical_bytes), (before.len() as u64, logical as u64));
    fs::remove_dir_all(dir.path().join("sled")).expect("removes");
    fs::remove_dir_all(dir.path().join("journal")).expect("removes");
    let store = open(dir.path());
    assert_eq!(all(&store), before);
    write(&store, 51);
    assert_eq!(count(&store), 51);
}

#[test]
fn a_snapshot_goes_on_from_the_one_before() {
    let dir = filled(20);
    let first = take(dir.path(), small(Until::Now), no_progress).expect("is taken");
    let again = take(dir.path(), small(Until::Now), no_progress).expect("is there");
    assert_eq!(first, again, "nothing has happened since");
    let store = open(dir.path());
    (21..=40).for_each(|n| write(&store, n));
    let mut records = 0;
    let second = take(dir.path(), SnapshotPlan::default(), || records += 1).expect("is taken");
    assert_eq!(second.number, 40);
    assert_eq!(records, 20 + second.keys, "only what came after the first is read from the journal");
    assert_eq!(verify_snapshot(&list_snapshots(dir.path()).expect("lists")[1].path).expect("is whole"), second);
}

#[test]
fn a_snapshot_is_of_one_moment_while_others_write() {
    let dir = TempDir::new().expect("directory");
    let store = open(dir.path());
    thread::scope(|scope| {
        let writer = scope.spawn(|| (1..=300).for_each(|n| write(&store, n)));
        for round in 0.. {
            take(dir.path(), small(Until::Now), no_progress).expect("is taken");
            let into = TempDir::new().expect("directory");
            let restored = restore(dir.path(), into.path(), small(Until::Now), no_progress).expect("is restored");
            let copy = open(into.path());
            assert_eq!(count(&copy).cast_unsigned(), restored.number, "round {round}");
            let log = copy.read::<_, StoreError>(|tx| tx.log_head(b"log")).expect("reads");
            assert_eq!(log.sequence, restored.number, "round {round}");
            if writer.is_finished() {
                break;
            }
        }
    });
}

#[test]
fn a_store_is_restored_to_a_record_or_to_a_moment() {
    let dir = filled(40);
    for snapshots in [false, true] {
        if snapshots {
            take(dir.path(), small(Until::Record(15)), no_progress).expect("is taken");
        }
        let moment = |second| Until::Moment(Timestamp::from_second(second).expect("in range"));
        for (until, expected) in [
            (Until::Now, 40),
            (Until::Record(1), 1),
            (Until::Record(15), 15),
            (Until::Record(39), 39),
            (moment(0), 0),
            (moment(17), 17),
            (moment(4000), 40),
        ] {
            let into = TempDir::new().expect("directory");
            let restored = restore(dir.path(), into.path(), small(until), no_progress).expect("is restored");
            assert_eq!(restored.number, expected, "{until:?}");
            let store = open(into.path());
            assert_eq!(count(&store).cast_unsigned(), expected, "{until:?}");
            write(&store, expected + 1);
            drop(store);
            assert_eq!(count(&open(into.path())).cast_unsigned(), expected + 1);
        }
    }
}

#[test]
fn what_can_not_be_restored_is_refused_with_what_would_be_right() {
    let dir = filled(10);
    let into = TempDir::new().expect("directory");
    let refused =
        |into: &Path, until| restore(dir.path(), into, small(until), no_progress).expect_err("refused").to_string();
    let beyond = refused(&into.path().join("new"), Until::Record(11));
    assert!(beyond.ends_with("it ends with record 10, there is no record 11"), "{beyond}");
    fs::write(into.path().join("letter"), "mine").expect("writes");
    let occupied = refused(into.path(), Until::Now);
    assert!(occupied.ends_with("it is there and not empty; name a new directory"), "{occupied}");
    assert_eq!(fs::read_dir(into.path()).expect("lists").count(), 2, "the letter, and the attempt before");
    take(dir.path(), small(Until::Record(5)), no_progress).expect("is taken");
    let oldest = dir.path().join("journal/00000000000000000001.journal");
    fs::remove_file(&oldest).expect("removes");
    let gap = refused(&into.path().join("newer"), Until::Record(4));
    let expected = "nothing in it reaches back so far: the oldest snapshot ends with record 5 of 1970-01-01T00:00:05Z, and \
                    the journal begins with record";
    assert!(gap.contains(expected), "{gap}");
}

#[test]
fn what_came_before_a_damaged_record_can_be_restored() {
    let dir = filled(10);
    let oldest = dir.path().join("journal/00000000000000000001.journal");
    let mut bytes = fs::read(&oldest).expect("reads");
    let place = bytes.windows(8).position(|window| window == b"key-0004").expect("is there");
    bytes[place] ^= 1;
    fs::write(&oldest, bytes).expect("writes");
    for _ in 0..2 {
        let into = TempDir::new().expect("directory");
        restore(dir.path(), into.path(), small(Until::Record(3)), no_progress).expect("is restored");
        assert_eq!(count(&open(into.path())), 3);
        let error = restore(dir.path(), &into.path().join("all"), small(Until::Now), no_progress).expect_err("refused");
        assert!(error.to_string().contains("(record 4), and later records follow"), "{error}");
        // The second time from a snapshot of that very record.
        let copy = TempDir::new().expect("directory");
        restore(dir.path(), &copy.path().join("x"), small(Until::Record(3)), no_progress).expect("is restored");
        let name = "snapshots/00000000000000000003.snapshot";
        fs::copy(copy.path().join("x").join(name), dir.path().join(name)).expect("copies");
    }
}

#[test]
fn one_snapshot_is_made_at_a_time() {
    let dir = filled(1);
    let mut refused = None;
    let progress = || {
        let error = take(dir.path(), small(Until::Now), no_progress).expect_err("refused");
        refused.get_or_insert(error.to_string());
    };
    take(dir.path(), small(Until::Now), progress).expect("is taken");
    assert!(refused.is_some_and(|text| text.ends_with("snapshots/LOCK is in use by another process")));
}

#[test]
fn a_snapshot_with_any_flipped_bit_or_cut_at_any_byte_is_refused() {
    let dir = filled(5);
    let summary = take(dir.path(), small(Until::Now), no_progress).expect("is taken");
    let path = list_snapshots(dir.path()).expect("lists").remove(0).path;
    let whole = fs::read(&path).expect("reads");
    let verified = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("writes");
        verify_snapshot(&path).map_err(|error| error.to_string())
    };
    let damaged = format!("snapshot {} is damaged: ", path.display());
    let mut without_meaning = 0;
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 4;
        match verified(&bytes) {
            Err(error) => assert!(error.starts_with(&damaged), "bit at {place}: {error}"),
            // The compression has bits of its own that change nothing.
            Ok(same) => {
                assert_eq!(same, summary, "bit at {place}");
                without_meaning += 1;
            }
        }
        let error = verified(&whole[..place]).expect_err("refused");
        assert!(error.starts_with(&damaged), "cut at {place}: {error}");
    }
    assert!(without_meaning < 5, "{without_meaning} bits were flipped without being seen");
}

#[test]
fn what_an_attempt_has_left_behind_is_cleared_up() {
    let dir = filled(3);
    let left = ["snapshots/7.run", "snapshots/00000000000000000002.new"].map(|name| dir.path().join(name));
    for path in &left {
        fs::write(path, "half").expect("writes");
    }
    take(dir.path(), small(Until::Now), no_progress).expect("is taken");
    assert!(left.iter().all(|path| !path.exists()));
}
