//! What an engine has to do, as specs that any engine can be run through: `conformance!(name, engine)` makes a test of
//! each of them. `engine` is called for a new, empty engine.

mod history;
mod isolation;
mod operations;

use super::{Direction, Key, KeyRange, Store, StoreError, Tx, Value};

pub(super) use history::random_histories_are_serial;
pub(super) use isolation::*;
pub(super) use operations::*;

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
                an_open_transaction_may_go_over_to_a_newer_state_in_which_its_reads_still_hold
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
                what_is_written_is_counted
                what_is_read_is_counted_once
                keys_of_any_bytes_keep_their_order
                random_histories_are_serial
                increments_by_read_and_write_are_all_counted
                a_scan_beside_writers_sees_one_state
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
fn assert_conflict<T: std::fmt::Debug>(result: &Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Conflict)), "{result:?}");
}

/// Whether `after` invalidates what `reads` has read: by the next read or at the latest at the commit.
#[track_caller]
fn assert_overtaken(store: &Store, reads: impl Fn(&mut Tx), after: impl Fn(&mut Tx)) {
    let mut reader = begin(store);
    reads(&mut reader);
    write(store, after);
    put(&mut reader, "result", "decided");
    assert_conflict(&reader.commit());
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

fn append(store: &Store, log: &str, values: &str) {
    write(store, |tx| values.split(' ').for_each(|value| tx.append(log.as_bytes(), value).expect("fits")));
}

fn log(tx: &mut Tx, log: &str, after: u64, limit: usize) -> String {
    let entries = tx.log_scan(log.as_bytes(), after, limit).expect("scans");
    let show = |(sequence, value): (u64, Value)| format!("{sequence}:{}", String::from_utf8(value).expect("is text"));
    entries.into_iter().map(show).collect::<Vec<_>>().join(" ")
}
