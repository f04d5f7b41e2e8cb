//! The durable engine: the contract, and what happens to the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tempfile::TempDir;

use super::directory::STATE_DIR;
use super::*;
use crate::store::conformance::conformance;
use crate::store::journal::{FaultyDisk, verify_journal};
use crate::store::{Store, Tx, snapshot};

pub(super) fn options() -> SledOptions {
    SledOptions {
        cache_bytes: 8 * 1024 * 1024,
        lock_patience: Duration::ZERO,
        room_bytes_min: 0,
        ..SledOptions::default()
    }
}

fn new_engine() -> (SledEngine, TempDir) {
    let dir = TempDir::new().expect("directory");
    (SledEngine::open(dir.path(), &options()).expect("opens"), dir)
}

conformance!(contract, super::new_engine);

pub(super) fn open_with(dir: &Path, options: &SledOptions) -> Store {
    Store::new(Arc::new(SledEngine::open(dir, options).expect("opens")))
}

pub(super) fn open(dir: &Path) -> Store {
    open_with(dir, &options())
}

/// Writes `n=…`, and moves a counter and a log along.
pub(super) fn write(store: &Store, n: u64) -> Result<(), StoreError> {
    store.write(|tx| {
        tx.put(b"n", n.to_string())?;
        tx.put(format!("key-{n}").as_bytes(), vec![b'x'; 100])?;
        tx.delete(format!("key-{}", n - 1).as_bytes());
        tx.add(b"count", 1)?;
        tx.append(b"log", n.to_string())
    })
}

pub(super) fn fill(store: &Store, numbers: std::ops::RangeInclusive<u64>) {
    numbers.for_each(|n| write(store, n).expect("commits"));
}

/// That exactly the first `n` writes are there.
#[track_caller]
pub(super) fn assert_holds(store: &Store, n: u64) {
    let check = |tx: &mut Tx| {
        assert_eq!(tx.get(b"n")?, (n > 0).then(|| n.to_string().into_bytes()));
        assert_eq!(tx.counter(b"count")?, i64::try_from(n).expect("is small"));
        assert_eq!(tx.log_head(b"log")?.sequence, n);
        assert_eq!(tx.log_scan(b"log", 0, usize::MAX)?.len() as u64, n);
        let keys = tx.scan(&KeyRange::prefix(b"key-"), Direction::Forward, usize::MAX)?;
        assert_eq!(keys.len() as u64, n.min(1));
        Ok::<_, StoreError>(())
    };
    store.read(check).expect("reads");
}

fn newest_segment(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir.join(JOURNAL_DIR)).expect("lists");
    entries.map(|entry| entry.expect("entry").path()).max().expect("a segment")
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("makes");
    for entry in fs::read_dir(from).expect("lists") {
        let entry = entry.expect("entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copies");
        }
    }
}

/// A directory with these many writes, closed.
pub(super) fn filled(n: u64) -> TempDir {
    let dir = TempDir::new().expect("directory");
    fill(&open(dir.path()), 1..=n);
    dir
}

pub(super) fn refusal(dir: &Path) -> String {
    let error = SledEngine::open(dir, &options()).expect_err("refused");
    error.to_string().replace(&dir.display().to_string(), "DIR")
}

#[test]
fn reopening_keeps_everything() {
    let dir = TempDir::new().expect("directory");
    for n in 0..5 {
        let store = open(dir.path());
        assert_holds(&store, n);
        write(&store, n + 1).expect("commits");
    }
    let report = verify_journal(&dir.path().join(JOURNAL_DIR)).expect("is whole");
    assert_eq!((report.tip.number, report.segments, report.torn_bytes), (5, 1, 0));
}

#[test]
fn what_was_acknowledged_is_there_without_a_clean_close() {
    let dir = TempDir::new().expect("directory");
    let store = open(dir.path());
    fill(&store, 1..=20);
    // What a crash leaves: the files as they are while the store is still open.
    let crashed = TempDir::new().expect("directory");
    copy(dir.path(), crashed.path());
    assert_holds(&open(crashed.path()), 20);
}

#[test]
fn a_state_that_is_behind_is_led_on_by_the_journal() {
    let dir = filled(10);
    let earlier = TempDir::new().expect("directory");
    copy(&dir.path().join(STATE_DIR), earlier.path());
    let store = open(dir.path());
    fill(&store, 11..=30);
    drop(store);
    fs::remove_dir_all(dir.path().join(STATE_DIR)).expect("removes");
    copy(earlier.path(), &dir.path().join(STATE_DIR));
    let store = open(dir.path());
    assert_holds(&store, 30);
    write(&store, 31).expect("commits");
    assert_holds(&store, 31);
}

#[test]
fn a_lost_state_is_built_again_from_all_segments() {
    let dir = TempDir::new().expect("directory");
    let small = SledOptions { segment_bytes_max: 2000, ..options() };
    fill(&open_with(dir.path(), &small), 1..=50);
    assert!(verify_journal(&dir.path().join(JOURNAL_DIR)).expect("is whole").segments > 3);
    fs::remove_dir_all(dir.path().join(STATE_DIR)).expect("removes");
    let store = open(dir.path());
    assert_holds(&store, 50);
    drop(store);
    assert_holds(&open(dir.path()), 50);
}

#[test]
fn an_unusable_state_is_set_aside_and_built_again() {
    let dir = filled(5);
    let state = dir.path().join(STATE_DIR);
    fs::remove_dir_all(&state).expect("removes");
    let foreign = ::sled::open(&state).expect("opens");
    foreign.insert("a", "key without a mark").expect("inserts");
    drop(foreign);
    assert_holds(&open(dir.path()), 5);
    assert!(dir.path().join("sled.aside-1").is_dir());
    assert!(!dir.path().join("sled.aside-2").exists());
}

#[test]
fn a_garbled_state_is_built_again() {
    let dir = filled(5);
    let file = dir.path().join(STATE_DIR).join("db");
    let bytes = fs::read(&file).expect("reads").len();
    fs::write(file, vec![0xaa; bytes]).expect("writes");
    assert_holds(&open(dir.path()), 5);
}

#[test]
fn a_lost_state_without_the_oldest_segment_is_refused() {
    let dir = TempDir::new().expect("directory");
    let small = SledOptions { segment_bytes_max: 2000, ..options() };
    fill(&open_with(dir.path(), &small), 1..=50);
    fs::remove_file(dir.path().join(JOURNAL_DIR).join("00000000000000000001.journal")).expect("removes");
    assert_holds(&open(dir.path()), 50);
    fs::remove_dir_all(dir.path().join(STATE_DIR)).expect("removes");
    let message = refusal(dir.path());
    assert!(message.contains("the journal begins with record"), "{message}");
    assert!(message.contains("restore a backup with `punchcard restore`"), "{message}");
}

#[test]
fn a_record_that_was_never_acknowledged_and_is_torn_is_cut() {
    let dir = filled(3);
    let segment = newest_segment(dir.path());
    let whole = fs::read(&segment).expect("reads");
    for cut in [1, 20, 60, 100] {
        fs::remove_dir_all(dir.path().join(STATE_DIR)).expect("removes");
        fs::write(&segment, &whole[..whole.len() - cut]).expect("writes");
        assert_holds(&open(dir.path()), 2);
    }
}

#[test]
fn a_torn_record_that_was_applied_is_refused() {
    let dir = filled(3);
    let segment = newest_segment(dir.path());
    let whole = fs::read(&segment).expect("reads");
    fs::write(&segment, &whole[..whole.len() - 1]).expect("writes");
    let message = refusal(dir.path());
    assert!(message.contains("it ends with record 2, but the state contains 3"), "{message}");
    fs::write(&segment, &whole).expect("writes");
    assert_holds(&open(dir.path()), 3);
}

#[test]
fn a_flipped_byte_in_the_middle_is_refused() {
    let dir = filled(10);
    let segment = newest_segment(dir.path());
    fs::remove_dir_all(dir.path().join(STATE_DIR)).expect("removes");
    let mut bytes = fs::read(&segment).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).expect("writes");
    let message = refusal(dir.path());
    assert!(message.starts_with("journal DIR/journal/00000000000000000001.journal is damaged at byte"), "{message}");
    assert!(message.contains("and later records follow"), "{message}");
}

#[test]
fn a_journal_that_ends_before_the_state_is_refused() {
    let dir = filled(3);
    fs::remove_file(newest_segment(dir.path())).expect("removes");
    assert!(refusal(dir.path()).contains("it ends with record 0, but the state contains 3"));
}

#[test]
fn a_directory_is_opened_once_and_only_in_its_format() {
    let dir = filled(1);
    let store = open(dir.path());
    assert_eq!(refusal(dir.path()), "data directory DIR/LOCK is in use by another process");
    drop(store);
    fs::write(dir.path().join(FORMAT_FILE), "punchcard data 9\n").expect("writes");
    assert!(refusal(dir.path()).contains(r#"its format is "punchcard data 9", this version reads "punchcard data 1""#));
    fs::remove_file(dir.path().join(FORMAT_FILE)).expect("removes");
    assert!(refusal(dir.path()).ends_with("it holds data, but no file FORMAT"));
}

#[test]
fn after_a_rotation_the_next_start_has_little_to_apply() {
    let dir = TempDir::new().expect("directory");
    let small = SledOptions { segment_bytes_max: 2000, ..options() };
    let engine = Arc::new(SledEngine::open(dir.path(), &small).expect("opens"));
    let store = Store::new(Arc::clone(&engine) as Arc<dyn Engine>);
    let mut n = 0;
    while engine.shared.checkpoint.load(Ordering::SeqCst) == 0 {
        n += 1;
        write(&store, n).expect("commits");
    }
    fill(&store, n + 1..=n + 1);
    let shared = &engine.shared;
    shared.caught_up.wait_while(|| shared.recent.read().pending_bytes() > 0);
    let mark = shared.state.mark().expect("reads").expect("is there");
    assert!(mark.checkpoint > 0 && mark.checkpoint < mark.applied.number, "{mark:?}");
    assert_eq!(mark.applied.number, n + 1);
}

#[test]
fn a_transaction_that_the_memory_of_writes_does_not_reach_conflicts() {
    let (engine, _dir) = new_engine();
    let shared = Arc::clone(&engine.shared);
    let store = Store::new(Arc::new(engine));
    let mut view = store.engine.begin().expect("begins");
    assert_eq!(view.get(b"untouched before").expect("reads"), None);
    fill(&store, 1..=3);
    // The applier has to be through with them first.
    shared.caught_up.wait_while(|| shared.recent.read().pending_bytes() > 0);
    while !shared.recent.write().forget_some(0, 0).is_empty() {}
    assert!(matches!(view.get(b"untouched"), Err(StoreError::Conflict)));
    drop(view);
    fill(&store, 4..=5);
    assert_holds(&store, 5);
    assert_eq!(store.retries(), 0);
}

#[test]
fn writes_are_forgotten_when_nobody_can_have_missed_them() {
    let (engine, _dir) = new_engine();
    let shared = Arc::clone(&engine.shared);
    let store = Store::new(Arc::new(engine));
    let view = store.engine.begin().expect("begins");
    fill(&store, 1..=10);
    // Ten keys and log entries of their own, and four that all write.
    assert!(shared.recent.read().len() > 20);
    drop(view);
    write(&store, 11).expect("commits");
    shared.caught_up.wait_while(|| shared.recent.read().len() > 0);
}

#[test]
fn a_lost_state_is_built_again_from_the_newest_snapshot_and_the_journal_after_it() {
    let dir = TempDir::new().expect("directory");
    let small = SledOptions { segment_bytes_max: 2000, snapshots_kept: Some(2), ..options() };
    let store = open_with(dir.path(), &small);
    for n in [20, 40, 60] {
        fill(&store, n - 19..=n);
        snapshot::take(dir.path(), snapshot::SnapshotPlan::default(), || {}).expect("is taken");
    }
    fill(&store, 61..=70);
    drop(store);
    // The first start after it keeps two snapshots, and the journal since the older one.
    assert_holds(&open_with(dir.path(), &small), 70);
    let kept: Vec<_> = snapshot::list_snapshots(dir.path()).expect("lists").iter().map(|file| file.number).collect();
    assert_eq!(kept, [40, 60]);
    let first = verify_journal(&dir.path().join(JOURNAL_DIR)).expect("is whole").first;
    assert!((30..=41).contains(&first), "{first}");
    fs::remove_dir_all(dir.path().join(STATE_DIR)).expect("removes");
    let store = open(dir.path());
    assert_holds(&store, 70);
    write(&store, 71).expect("commits");
    drop(store);

    // A damaged snapshot is no reason to lose anything: the one before leads there as well.
    let newest = snapshot::list_snapshots(dir.path()).expect("lists").pop().expect("a snapshot").path;
    let mut bytes = fs::read(&newest).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, bytes).expect("writes");
    fs::remove_dir_all(dir.path().join(STATE_DIR)).expect("removes");
    assert_holds(&open(dir.path()), 71);
}

#[test]
fn a_read_is_not_answered_before_what_it_saw_is_on_disk() {
    let dir = TempDir::new().expect("directory");
    let disk = Arc::new(FaultyDisk::default());
    let store = open_with(dir.path(), &SledOptions { disk: Arc::clone(&disk) as Arc<dyn Disk>, ..options() });
    fill(&store, 1..=1);
    let held = disk.hold_syncs();
    std::thread::scope(|scope| {
        scope.spawn(|| write(&store, 2));
        let seen = loop {
            let mut tx = store.begin().expect("begins");
            let seen = tx.get(b"n").expect("reads");
            if seen == Some(b"2".to_vec()) {
                break tx;
            }
        };
        let (tell, told) = std::sync::mpsc::channel();
        scope.spawn(move || tell.send(seen.confirm()));
        assert!(told.recv_timeout(Duration::from_millis(50)).is_err(), "it was answered before the sync");
        // Who has read nothing of it need not wait.
        assert_eq!(store.read(|tx| tx.get(b"untouched")).expect("reads"), None);
        drop(held);
        told.recv().expect("is answered").expect("holds");
    });
}

#[test]
fn everybody_gets_through_at_a_key_that_all_change() {
    const THREADS: u64 = 16;
    const EACH: u64 = 200;
    let (engine, _dir) = new_engine();
    let store = Store::new(Arc::new(engine));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let add = |tx: &mut Tx| {
                        let before = tx.get(b"hot")?.map_or(0, |bytes| bytes.len());
                        tx.put(b"hot", vec![b'x'; before + 1])
                    };
                    store.write(add).expect("gets through");
                }
            });
        }
    });
    let length = store.read(|tx| Ok::<_, StoreError>(tx.get(b"hot")?.map_or(0, |bytes| bytes.len()))).expect("reads");
    assert_eq!(length as u64, THREADS * EACH);
    assert!(store.retries() < THREADS * EACH, "{} retries for {} changes", store.retries(), THREADS * EACH);
}
