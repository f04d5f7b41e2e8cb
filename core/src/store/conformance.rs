//! What an engine has to do, as specs that any engine can be run through: `conformance!(name, engine)` makes a test of
//! each of them. `engine` is called for a new, empty engine.

mod history;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::{
    Changes, Direction, Engine, Key, KeyRange, Store, StoreError, TRANSACTION_BYTES_MAX, Tx, VALUE_BYTES_MAX, Value,
};

pub(super) use history::random_histories_are_serial;

/// Runs an engine through every spec. The second argument is an expression for a function that makes a new engine and
/// what has to live as long as it.
macro_rules! conformance {
    ($module:ident, $engine:expr) => {
        mod $module {
            use crate::store::conformance::{self, conformance};
            conformance!(@each $engine;
                a_transaction_reads_its_own_writes
                a_scan_merges_own_writes_in_both_directions
                a_scan_with_a_limit_agrees_with_the_whole_scan
                a_write_is_seen_by_the_next_transaction_and_not_before
                an_open_transaction_sees_one_state
                a_stale_read_is_refused
                write_skew_is_refused
                a_key_that_comes_or_goes_in_a_scanned_range_is_refused
                what_lies_behind_the_limit_of_a_scan_is_not_protected
                blind_writes_do_not_conflict
                adds_never_conflict_and_none_is_lost
                an_add_and_a_reader_conflict
                a_counter_over_64_bits_is_refused_as_a_whole
                an_add_to_what_is_no_counter_is_refused
                entries_of_a_log_are_numbered_densely_under_concurrency
                following_a_log_does_not_conflict_with_appending
                reading_the_head_of_a_log_conflicts_with_appending
                logs_do_not_mix
                a_savepoint_takes_back_writes_and_keeps_reads
                a_lent_transaction_comes_back_whole
                reading_alone_leaves_no_trace
                a_stale_error_is_not_believed
                a_swallowed_conflict_is_found
                a_transaction_that_always_loses_ends_busy
                what_is_too_large_is_refused
                keys_of_any_bytes_keep_their_order
                random_histories_are_serial
                increments_by_read_and_write_are_all_counted
                a_closed_store_reads_and_does_not_write
            );
        }
    };
    (@each $engine:expr; $($spec:ident)*) => {$(
        #[test]
        fn $spec() {
            let (engine, _alive) = $engine();
            conformance::$spec(&crate::store::Store::new(std::sync::Arc::new(engine)));
        }
    )*};
}
pub(super) use conformance;

type Entries = Vec<(Key, Value)>;

fn write(store: &Store, f: impl Fn(&mut Tx)) {
    store
        .write(|tx| {
            f(tx);
            Ok::<_, StoreError>(())
        })
        .expect("commits");
}

fn put(tx: &mut Tx, key: &str, value: &str) {
    tx.put(key.as_bytes(), value).expect("fits");
}

/// Puts `a=1 b=2 …`.
fn given(store: &Store, entries: &str) {
    write(store, |tx| {
        for (key, value) in entries.split(' ').filter_map(|entry| entry.split_once('=')) {
            put(tx, key, value);
        }
    });
}

fn begin(store: &Store) -> Tx {
    store.begin().expect("begins")
}

fn get(tx: &mut Tx, key: &str) -> Option<String> {
    tx.get(key.as_bytes()).expect("reads").map(|value| String::from_utf8(value).expect("is text"))
}

fn show(entries: Entries) -> String {
    let text = |bytes| String::from_utf8(bytes).expect("is text");
    let entries: Vec<_> = entries.into_iter().map(|(key, value)| format!("{}={}", text(key), text(value))).collect();
    entries.join(" ")
}

fn scan(tx: &mut Tx, range: &str, direction: Direction, limit: usize) -> String {
    let (start, end) = range.split_once("..").expect("a range");
    show(tx.scan(&KeyRange::new(start, end), direction, limit).expect("scans"))
}

fn forward(tx: &mut Tx, range: &str) -> String {
    scan(tx, range, Direction::Forward, usize::MAX)
}

fn panics<T>(f: impl FnOnce() -> T) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err()
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "the result of the call that is under test")]
fn assert_conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Conflict)), "{result:?}");
}

/// Whether `after` invalidates what `reads` has read: by the next read or at the latest at the commit.
#[track_caller]
fn assert_overtaken(store: &Store, reads: impl Fn(&mut Tx), after: impl Fn(&mut Tx)) {
    let mut reader = begin(store);
    reads(&mut reader);
    write(store, after);
    put(&mut reader, "result", "decided");
    assert_conflict(reader.commit());
    assert_eq!(get(&mut begin(store), "result"), None, "a refused transaction writes nothing");
}

#[track_caller]
fn assert_untouched(store: &Store, reads: impl Fn(&mut Tx), after: impl Fn(&mut Tx)) {
    let mut reader = begin(store);
    reads(&mut reader);
    write(store, after);
    put(&mut reader, "result", "decided");
    reader.commit().expect("commits");
}

pub(super) fn a_transaction_reads_its_own_writes(store: &Store) {
    given(store, "a=1 b=2");
    let mut tx = begin(store);
    put(&mut tx, "a", "3");
    tx.delete(b"b");
    put(&mut tx, "c", "4");
    tx.add(b"n", 5).expect("adds");
    tx.add(b"n", -7).expect("adds");
    assert_eq!(get(&mut tx, "a").as_deref(), Some("3"));
    assert_eq!(get(&mut tx, "b"), None);
    assert_eq!(get(&mut tx, "c").as_deref(), Some("4"));
    assert_eq!(tx.counter(b"n").expect("reads"), -2);
    assert_eq!(tx.counter(b"other").expect("reads"), 0);
    assert_eq!(tx.writes_len(), 4);
    tx.put(b"n", 10_i64.to_le_bytes()).expect("fits");
    tx.add(b"n", 1).expect("adds");
    tx.delete(b"m");
    tx.add(b"m", 1).expect("adds");
    tx.commit().expect("commits");
    let mut tx = begin(store);
    assert_eq!((tx.counter(b"n").expect("reads"), tx.counter(b"m").expect("reads")), (11, 1));
    assert_eq!(forward(&mut tx, "a..d"), "a=3 c=4");
}

pub(super) fn a_scan_merges_own_writes_in_both_directions(store: &Store) {
    given(store, "a=1 b=2 d=4 f=6 x=9");
    let mut tx = begin(store);
    put(&mut tx, "c", "three");
    put(&mut tx, "d", "four");
    tx.delete(b"b");
    tx.delete(b"nothing");
    let all = |tx: &mut Tx, direction, limit| scan(tx, "a..x", direction, limit);
    assert_eq!(all(&mut tx, Direction::Forward, 9), "a=1 c=three d=four f=6");
    assert_eq!(all(&mut tx, Direction::Backward, 9), "f=6 d=four c=three a=1");
    assert_eq!(all(&mut tx, Direction::Forward, 2), "a=1 c=three");
    assert_eq!(all(&mut tx, Direction::Backward, 3), "f=6 d=four c=three");
    assert_eq!(all(&mut tx, Direction::Forward, 0), "");
    assert_eq!(forward(&mut tx, "b..d"), "c=three");
    assert_eq!(forward(&mut tx, "x..a"), "");
    tx.add(b"n1", 3).expect("adds");
    let counters = tx.scan(&KeyRange::prefix(b"n"), Direction::Backward, 5).expect("scans");
    assert_eq!(counters, [(b"n1".to_vec(), 3_i64.to_le_bytes().to_vec())]);
}

pub(super) fn a_scan_with_a_limit_agrees_with_the_whole_scan(store: &Store) {
    write(store, |tx| (0..50).for_each(|n| put(tx, &format!("k{n:02}"), "old")));
    let mut tx = begin(store);
    (0..50).filter(|n| n % 7 != 0).for_each(|n| tx.delete(format!("k{n:02}").as_bytes()));
    (0..50).filter(|n| n % 5 == 0).for_each(|n| put(&mut tx, &format!("k{n:02}x"), "new"));
    let range = KeyRange::new("k05", "k43");
    for direction in [Direction::Forward, Direction::Backward] {
        let whole = tx.scan(&range, direction, usize::MAX).expect("scans");
        assert_eq!(whole.len(), 14);
        for limit in 0..whole.len() + 2 {
            let part = tx.scan(&range, direction, limit).expect("scans");
            assert_eq!(part, whole[..limit.min(whole.len())], "{direction:?} {limit}");
        }
    }
}

pub(super) fn a_write_is_seen_by_the_next_transaction_and_not_before(store: &Store) {
    let mut tx = begin(store);
    put(&mut tx, "a", "1");
    assert_eq!(get(&mut begin(store), "a"), None);
    tx.commit().expect("commits");
    assert_eq!(get(&mut begin(store), "a").as_deref(), Some("1"));
    let mut tx = begin(store);
    put(&mut tx, "a", "2");
    drop(tx);
    assert_eq!(get(&mut begin(store), "a").as_deref(), Some("1"));
}

pub(super) fn an_open_transaction_sees_one_state(store: &Store) {
    given(store, "a=1 b=1 c=1");
    let mut tx = begin(store);
    assert_eq!(get(&mut tx, "a").as_deref(), Some("1"));
    given(store, "b=2");
    assert_eq!(get(&mut tx, "c").as_deref(), Some("1"), "what was not touched is still true");
    // Either the old value or a conflict: never two states side by side.
    match tx.get(b"b") {
        Ok(value) => assert_eq!(value.as_deref(), Some(b"1".as_slice())),
        Err(StoreError::Conflict) => assert_conflict(tx.get(b"a")),
        Err(error) => panic!("{error}"),
    }
    let mut tx = begin(store);
    given(store, "bb=2");
    match tx.scan(&KeyRange::new("a", "z"), Direction::Backward, 9) {
        Ok(entries) => assert_eq!(show(entries), "c=1 b=2 a=1"),
        Err(error) => assert_conflict::<()>(Err(error)),
    }
}

pub(super) fn a_stale_read_is_refused(store: &Store) {
    given(store, "a=1");
    assert_overtaken(store, |tx| drop(get(tx, "a")), |tx| put(tx, "a", "2"));
    assert_overtaken(store, |tx| drop(get(tx, "a")), |tx| put(tx, "a", "2"));
    assert_overtaken(store, |tx| drop(get(tx, "a")), |tx| tx.delete(b"a"));
    assert_overtaken(store, |tx| drop(get(tx, "absent")), |tx| put(tx, "absent", "1"));
    assert_untouched(store, |tx| drop(get(tx, "a")), |tx| put(tx, "b", "1"));
}

pub(super) fn write_skew_is_refused(store: &Store) {
    given(store, "on-call-1=yes on-call-2=yes");
    let (mut one, mut two) = (begin(store), begin(store));
    for (tx, leaves) in [(&mut one, "on-call-1"), (&mut two, "on-call-2")] {
        assert_eq!(forward(tx, "on-call-1..on-call-3"), "on-call-1=yes on-call-2=yes");
        put(tx, leaves, "no");
    }
    one.commit().expect("the first may leave");
    assert_conflict(two.commit());
}

pub(super) fn a_key_that_comes_or_goes_in_a_scanned_range_is_refused(store: &Store) {
    given(store, "b=1 d=1 f=1");
    assert_overtaken(store, |tx| drop(forward(tx, "a..e")), |tx| put(tx, "c", "1"));
    assert_overtaken(store, |tx| drop(forward(tx, "a..e")), |tx| tx.delete(b"d"));
    assert_overtaken(store, |tx| drop(forward(tx, "x..z")), |tx| put(tx, "y", "1"));
    assert_overtaken(store, |tx| drop(scan(tx, "a..e", Direction::Backward, 9)), |tx| put(tx, "a", "1"));
    assert_untouched(store, |tx| drop(forward(tx, "a..e")), |tx| put(tx, "e", "1"));
}

pub(super) fn what_lies_behind_the_limit_of_a_scan_is_not_protected(store: &Store) {
    given(store, "b=1 d=1 f=1");
    let first_two = |tx: &mut Tx| drop(scan(tx, "a..z", Direction::Forward, 2));
    let last_two = |tx: &mut Tx| drop(scan(tx, "a..z", Direction::Backward, 2));
    assert_untouched(store, first_two, |tx| put(tx, "e", "1"));
    write(store, |tx| tx.delete(b"result"));
    assert_overtaken(store, first_two, |tx| put(tx, "c", "1"));
    assert_overtaken(store, first_two, |tx| put(tx, "a", "1"));
    given(store, "m=1 n=1");
    assert_untouched(store, last_two, |tx| put(tx, "l", "1"));
    write(store, |tx| tx.delete(b"result"));
    assert_overtaken(store, last_two, |tx| put(tx, "mm", "1"));
    assert_overtaken(store, last_two, |tx| put(tx, "y", "1"));
}

pub(super) fn blind_writes_do_not_conflict(store: &Store) {
    let mut transactions: Vec<_> = (0..5).map(|_| begin(store)).collect();
    for (n, tx) in transactions.iter_mut().enumerate() {
        put(tx, "a", &n.to_string());
        tx.delete(b"b");
        tx.append(b"log", "entry").expect("fits");
    }
    transactions.into_iter().for_each(|tx| drop(tx.commit().expect("commits")));
    assert_eq!(get(&mut begin(store), "a").as_deref(), Some("4"), "the last one wins");
}

pub(super) fn adds_never_conflict_and_none_is_lost(store: &Store) {
    thread::scope(|scope| {
        for n in 0..8_i64 {
            scope.spawn(move || (0..50).for_each(|_| write(store, |tx| tx.add(b"n", n - 3).expect("adds"))));
        }
    });
    assert_eq!(begin(store).counter(b"n").expect("reads"), 50 * (0..8).map(|n| n - 3).sum::<i64>());
    assert_eq!(store.retries(), 0);
}

pub(super) fn an_add_and_a_reader_conflict(store: &Store) {
    let add = |tx: &mut Tx| tx.add(b"n", 1).expect("adds");
    assert_overtaken(store, |tx| drop(tx.counter(b"n")), add);
    assert_overtaken(store, |tx| drop(tx.scan(&KeyRange::prefix(b"n"), Direction::Forward, 9)), add);
    let add_and_read = |tx: &mut Tx| {
        add(tx);
        assert!(tx.counter(b"n").is_ok());
    };
    assert_overtaken(store, add_and_read, add);
    assert_eq!(begin(store).counter(b"n").expect("reads"), 3);
}

pub(super) fn a_counter_over_64_bits_is_refused_as_a_whole(store: &Store) {
    write(store, |tx| tx.add(b"n", i64::MAX - 1).expect("adds"));
    let mut tx = begin(store);
    tx.add(b"n", 2).expect("is not known yet");
    put(&mut tx, "a", "1");
    tx.append(b"log", "entry").expect("fits");
    let error = tx.commit().expect_err("refused");
    assert_eq!(error.to_string(), "counter at key 6e cannot take 2 more");
    write(store, |tx| tx.add(b"n", 1).expect("adds"));
    let mut tx = begin(store);
    assert_eq!(tx.counter(b"n").expect("reads"), i64::MAX);
    assert_eq!((get(&mut tx, "a"), tx.log_head(b"log").expect("reads")), (None, 0));
    tx.add(b"m", i64::MIN).expect("adds");
    assert!(matches!(tx.add(b"m", -1), Err(StoreError::CounterOverflow { delta: -1, .. })));
}

pub(super) fn an_add_to_what_is_no_counter_is_refused(store: &Store) {
    given(store, "a=text");
    let mut tx = begin(store);
    tx.add(b"a", 1).expect("is not known yet");
    assert_eq!(tx.commit().expect_err("refused").to_string(), "stored counter at key 61 cannot be read");
    let mut tx = begin(store);
    assert!(tx.counter(b"a").is_err());
    put(&mut tx, "a", "other text");
    assert!(tx.add(b"a", 1).is_err());
}

pub(super) fn entries_of_a_log_are_numbered_densely_under_concurrency(store: &Store) {
    const THREADS: u64 = 6;
    const EACH: u64 = 30;
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for n in 0..EACH {
                    let mut tx = begin(store);
                    tx.append(b"log", format!("{thread} {n} first")).expect("fits");
                    tx.append(b"other", "entry").expect("fits");
                    tx.append(b"log", format!("{thread} {n} second")).expect("fits");
                    let sequences = tx.commit().expect("commits").sequences;
                    assert_eq!(sequences[2], sequences[0] + 1, "entries of one transaction are neighbours");
                }
            });
        }
    });
    let mut tx = begin(store);
    let entries = tx.log_scan(b"log", 0, usize::MAX).expect("scans");
    assert!(entries.iter().map(|(sequence, _)| *sequence).eq(1..=2 * THREADS * EACH));
    assert_eq!(tx.log_head(b"log").expect("reads"), 2 * THREADS * EACH);
    assert_eq!(tx.log_head(b"other").expect("reads"), THREADS * EACH);
    for thread in 0..THREADS {
        let mine = entries.iter().filter(|(_, value)| value.starts_with(format!("{thread} ").as_bytes()));
        let expected = (0..EACH).flat_map(|n| [format!("{thread} {n} first"), format!("{thread} {n} second")]);
        assert!(mine.map(|(_, value)| value.clone()).eq(expected.map(String::into_bytes)), "in the order of commits");
    }
}

fn append(store: &Store, log: &str, values: &str) {
    write(store, |tx| values.split(' ').for_each(|value| tx.append(log.as_bytes(), value).expect("fits")));
}

fn log(tx: &mut Tx, log: &str, after: u64, limit: usize) -> String {
    let entries = tx.log_scan(log.as_bytes(), after, limit).expect("scans");
    let show = |(sequence, value): (u64, Value)| format!("{sequence}:{}", String::from_utf8(value).expect("is text"));
    entries.into_iter().map(show).collect::<Vec<_>>().join(" ")
}

pub(super) fn following_a_log_does_not_conflict_with_appending(store: &Store) {
    append(store, "log", "a b c");
    let follow = |tx: &mut Tx| {
        assert_eq!(log(tx, "log", 1, 10), "2:b 3:c");
        assert_eq!(log(tx, "log", 0, 2), "1:a 2:b");
        assert_eq!(log(tx, "log", 3, 10), "");
        assert_eq!(log(tx, "log", u64::MAX, 10), "");
        assert_eq!(log(tx, "log", 0, 0), "");
    };
    assert_untouched(store, follow, |tx| tx.append(b"log", "d").expect("fits"));
    assert_eq!(log(&mut begin(store), "log", 2, usize::MAX), "3:c 4:d");
}

pub(super) fn reading_the_head_of_a_log_conflicts_with_appending(store: &Store) {
    assert_overtaken(store, |tx| drop(tx.log_head(b"log")), |tx| tx.append(b"log", "a").expect("fits"));
    assert_untouched(store, |tx| drop(tx.log_head(b"log")), |tx| tx.append(b"log2", "a").expect("fits"));
}

pub(super) fn logs_do_not_mix(store: &Store) {
    append(store, "log-a", "1 2");
    append(store, "log-b", "3");
    let mut tx = begin(store);
    assert_eq!(log(&mut tx, "log-a", 0, 9), "1:1 2:2");
    assert_eq!(log(&mut tx, "log-b", 0, 9), "1:3");
    assert_eq!(log(&mut tx, "log-c", 0, 9), "");
    let keys = tx.scan(&KeyRange::prefix(b""), Direction::Forward, 9).expect("scans");
    assert_eq!(keys[0].0, super::log_entry_key(b"log-a", 1));
}

pub(super) fn a_savepoint_takes_back_writes_and_keeps_reads(store: &Store) {
    given(store, "a=1 r=1");
    let mut tx = begin(store);
    put(&mut tx, "a", "2");
    tx.append(b"log", "kept").expect("fits");
    let outer = tx.savepoint();
    put(&mut tx, "a", "3");
    tx.add(b"n", 1).expect("adds");
    let inner = tx.savepoint();
    tx.delete(b"a");
    tx.add(b"n", 5).expect("adds");
    tx.append(b"log", "dropped").expect("fits");
    assert_eq!(get(&mut tx, "r").as_deref(), Some("1"));
    tx.rollback_to(inner);
    assert_eq!((get(&mut tx, "a").as_deref(), tx.counter(b"n").expect("reads")), (Some("3"), 1));
    tx.rollback_to(outer);
    tx.rollback_to(outer);
    assert_eq!((get(&mut tx, "a").as_deref(), tx.counter(b"n").expect("reads")), (Some("2"), 0));
    assert!(panics(|| tx.rollback_to(inner)), "what was rolled back over is void");
    assert_eq!(tx.writes_len(), 2);
    write(store, |other| put(other, "r", "2"));
    assert_conflict(tx.commit());
}

pub(super) fn a_lent_transaction_comes_back_whole(store: &Store) {
    given(store, "a=1");
    let mut tx = begin(store);
    put(&mut tx, "b", "2");
    let savepoint = tx.savepoint();
    let read = tx.lend(|mut owned| {
        put(&mut owned, "c", "3");
        let read = get(&mut owned, "a");
        (owned, read)
    });
    assert_eq!((read.as_deref(), get(&mut tx, "c").as_deref()), (Some("1"), Some("3")));
    tx.rollback_to(savepoint);
    let owned = tx.take();
    assert_eq!(tx.get(b"a").expect_err("hollow").to_string(), "the store is unavailable: the transaction is lent out");
    tx.give_back(owned);
    tx.commit().expect("commits");
    assert_eq!(forward(&mut begin(store), "a..z"), "a=1 b=2");
}

pub(super) fn reading_alone_leaves_no_trace(store: &Store) {
    given(store, "a=1");
    let mut one = begin(store);
    drop(get(&mut one, "a"));
    let before = one.commit().expect("confirms").version;
    let mut two = begin(store);
    drop(forward(&mut two, "a..z"));
    assert_eq!(two.commit().expect("confirms").version, before);
    begin(store).commit().expect("an empty transaction commits");
    let read = store.read(|tx| Ok::<_, StoreError>(get(tx, "a")));
    assert_eq!(read.expect("reads").as_deref(), Some("1"));
    assert!(panics(|| store.read(|tx| tx.put(b"a", "2"))), "writing in `read` is a bug");
}

#[derive(Debug)]
struct Refused(String);

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

pub(super) fn a_stale_error_is_not_believed(store: &Store) {
    given(store, "a=1 b=1");
    let runs = AtomicU64::new(0);
    let result = store.write(|tx| {
        let a = get(tx, "a");
        if runs.fetch_add(1, Ordering::Relaxed) == 0 {
            given(store, "a=2 b=2");
        }
        let b = tx.get(b"b")?.map(|value| String::from_utf8(value).expect("is text"));
        Err::<(), _>(Refused(format!("{a:?} {b:?}")))
    });
    let refused = result.expect_err("refused").0;
    let (stale, fresh) = (r#"Some("1") Some("1")"#, r#"Some("2") Some("2")"#);
    assert!(refused == stale || refused == fresh, "one state, not {refused}");
}

pub(super) fn a_swallowed_conflict_is_found(store: &Store) {
    let runs = AtomicU64::new(0);
    let result = store.write(|tx| {
        let first = runs.fetch_add(1, Ordering::Relaxed) == 0;
        drop(tx.get(b"a"));
        if first {
            given(store, "a=1");
        }
        let _ = tx.get(b"a");
        put(tx, "b", "1");
        Ok::<_, StoreError>(())
    });
    result.expect("commits");
    assert_eq!((runs.into_inner(), store.retries()), (2, 1));
}

pub(super) fn a_transaction_that_always_loses_ends_busy(store: &Store) {
    let result = store.write(|tx| {
        let mine = tx.get(b"a")?;
        given(store, "a=x");
        tx.put(b"b", mine.unwrap_or_default())
    });
    let Err(StoreError::Busy { attempts }) = result else { panic!("{result:?}") };
    assert_eq!((attempts, store.retries()), (super::ATTEMPTS_MAX, u64::from(super::ATTEMPTS_MAX)));
}

pub(super) fn what_is_too_large_is_refused(store: &Store) {
    let mut tx = begin(store);
    tx.put(b"a", vec![0; VALUE_BYTES_MAX]).expect("fits");
    let error = tx.put(b"a", vec![0; VALUE_BYTES_MAX + 1]).expect_err("refused");
    assert_eq!(error.to_string(), "value of 65537 bytes is over the limit of 65536");
    assert!(tx.append(b"log", vec![0; VALUE_BYTES_MAX + 1]).is_err());
    tx.commit().expect("commits");
    assert_eq!(begin(store).get(b"a").expect("reads").map(|value| value.len()), Some(VALUE_BYTES_MAX));
    let mut tx = begin(store);
    for n in 0..TRANSACTION_BYTES_MAX / VALUE_BYTES_MAX {
        tx.put(format!("k{n}").as_bytes(), vec![0; VALUE_BYTES_MAX]).expect("fits");
    }
    assert!(tx.changes().bytes() > TRANSACTION_BYTES_MAX);
    assert!(matches!(tx.commit(), Err(StoreError::TooLarge { what: "transaction", .. })));
    for bad in [vec![], vec![0, 1], vec![0xff], vec![1; super::KEY_BYTES_MAX + 1]] {
        let put = || store.write(|tx| tx.put(&bad, "value"));
        assert!(panics(put), "a key that the host may not use is a bug");
    }
}

pub(super) fn keys_of_any_bytes_keep_their_order(store: &Store) {
    // Enough to fill many pages of an engine, around bytes that an engine may treat in a special way.
    let mut keys: Vec<Key> = Vec::new();
    for start in [0x01, 0x60, 0xfd, 0xfe] {
        for tail in [vec![], vec![0], vec![0xff; 4], vec![0xff; 9], vec![0xfe, 0xff], vec![0xff, 0xfe, 0]] {
            for n in 0..60_u8 {
                keys.push([&[start], tail.as_slice(), &[n.wrapping_mul(85), n]].concat());
            }
        }
    }
    write(store, |tx| keys.iter().for_each(|key| tx.put(key, vec![7; 400]).expect("fits")));
    keys.sort();
    let mut tx = begin(store);
    let mut scan = |range: &KeyRange, direction, limit| -> Vec<Key> {
        let entries = tx.scan(range, direction, limit).expect("scans");
        entries.into_iter().map(|(key, _)| key).collect()
    };
    let all = KeyRange::prefix(b"");
    assert_eq!(scan(&all, Direction::Forward, usize::MAX), keys);
    assert!(scan(&all, Direction::Backward, usize::MAX).iter().eq(keys.iter().rev()));
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(scan(&all.before(key), Direction::Backward, 1), keys[index.saturating_sub(1)..index]);
        assert_eq!(scan(&all.after(key), Direction::Forward, 1), keys[index + 1..(index + 2).min(keys.len())]);
    }
    let prefix = KeyRange::prefix(&[0xfd, 0xff, 0xff]);
    let expected: Vec<_> = keys.iter().filter(|key| key.starts_with(&prefix.start)).cloned().collect();
    assert_eq!(scan(&prefix, Direction::Forward, usize::MAX), expected);
}

pub(super) fn increments_by_read_and_write_are_all_counted(store: &Store) {
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let result = store.write(|tx| {
                        let value = tx.counter(b"n")?;
                        tx.put(b"n", (value + 1).to_le_bytes())
                    });
                    result.expect("commits");
                }
            });
        }
    });
    assert_eq!(begin(store).counter(b"n").expect("reads"), 100);
}

pub(super) fn a_closed_store_reads_and_does_not_write(store: &Store) {
    given(store, "a=1");
    store.health().expect("is healthy");
    let mut open = begin(store);
    put(&mut open, "b", "1");
    store.close().expect("closes");
    store.close().expect("closing again does nothing");
    assert_eq!(store.health().expect_err("closed").to_string(), "the store is unavailable: closed");
    assert!(matches!(open.commit(), Err(StoreError::Unavailable { .. })));
    assert_eq!(forward(&mut begin(store), "a..z"), "a=1");
    let engine: &Arc<dyn Engine> = &store.engine;
    let blind = engine.begin().and_then(|view| view.commit(Changes::default()));
    blind.expect("there is nothing to write");
}
