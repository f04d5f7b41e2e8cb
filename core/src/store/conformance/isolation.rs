//! What transactions see of each other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::*;

pub(in crate::store) fn a_write_is_seen_by_the_next_transaction_and_not_before(store: &Store) {
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

pub(in crate::store) fn an_open_transaction_sees_one_state(store: &Store) {
    given(store, "a=1 b=1 c=1");
    let mut tx = begin(store);
    assert_eq!(get(&mut tx, "a").as_deref(), Some("1"));
    given(store, "a=2 b=2");
    assert_eq!(get(&mut tx, "c").as_deref(), Some("1"), "what was not touched is still true");
    // Either the old value or a conflict: never two states side by side.
    match tx.get(b"b") {
        Ok(value) => assert_eq!(value.as_deref(), Some(b"1".as_slice())),
        Err(StoreError::Conflict) => assert_conflict(&tx.get(b"a")),
        Err(error) => panic!("{error}"),
    }
    let mut tx = begin(store);
    assert_eq!(get(&mut tx, "a").as_deref(), Some("2"));
    given(store, "a=3 bb=2");
    match tx.scan(&KeyRange::new("b", "z"), Direction::Backward, 9) {
        Ok(entries) => assert_eq!(show(entries), "c=1 b=2"),
        Err(error) => assert_conflict::<()>(&Err(error)),
    }
}

pub(in crate::store) fn an_open_transaction_may_go_over_to_a_newer_state_in_which_its_reads_still_hold(store: &Store) {
    given(store, "a=1 b=1");
    let mut tx = begin(store);
    assert_eq!(get(&mut tx, "a").as_deref(), Some("1"));
    given(store, "b=2 c=2");
    match tx.get(b"b") {
        Ok(Some(value)) if value == b"2" => assert_eq!(get(&mut tx, "c").as_deref(), Some("2"), "as a whole"),
        Ok(value) => assert_eq!(value.as_deref(), Some(b"1".as_slice())),
        Err(error) => return assert_conflict::<()>(&Err(error)),
    }
    given(store, "a=3");
    put(&mut tx, "d", "1");
    assert_conflict(&tx.commit());
}

pub(in crate::store) fn a_stale_read_is_refused(store: &Store) {
    given(store, "a=1");
    assert_overtaken(store, |tx| drop(get(tx, "a")), |tx| put(tx, "a", "2"));
    assert_overtaken(store, |tx| drop(get(tx, "a")), |tx| put(tx, "a", "2"));
    assert_overtaken(store, |tx| drop(get(tx, "a")), |tx| tx.delete(b"a"));
    assert_overtaken(store, |tx| drop(get(tx, "absent")), |tx| put(tx, "absent", "1"));
    assert_untouched(store, |tx| drop(get(tx, "a")), |tx| put(tx, "b", "1"));
}

pub(in crate::store) fn write_skew_is_refused(store: &Store) {
    given(store, "on-call-1=yes on-call-2=yes");
    let (mut one, mut two) = (begin(store), begin(store));
    for (tx, leaves) in [(&mut one, "on-call-1"), (&mut two, "on-call-2")] {
        assert_eq!(forward(tx, "on-call-1..on-call-3"), "on-call-1=yes on-call-2=yes");
        put(tx, leaves, "no");
    }
    one.commit().expect("the first may leave");
    assert_conflict(&two.commit());
}

pub(in crate::store) fn a_key_that_comes_or_goes_in_a_scanned_range_is_refused(store: &Store) {
    given(store, "b=1 d=1 f=1");
    assert_overtaken(store, |tx| drop(forward(tx, "a..e")), |tx| put(tx, "c", "1"));
    assert_overtaken(store, |tx| drop(forward(tx, "a..e")), |tx| tx.delete(b"d"));
    assert_overtaken(store, |tx| drop(forward(tx, "x..z")), |tx| put(tx, "y", "1"));
    assert_overtaken(store, |tx| drop(scan(tx, "a..e", Direction::Backward, 9)), |tx| put(tx, "a", "1"));
    assert_untouched(store, |tx| drop(forward(tx, "a..e")), |tx| put(tx, "e", "1"));
}

pub(in crate::store) fn what_lies_behind_the_limit_of_a_scan_is_not_protected(store: &Store) {
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

pub(in crate::store) fn blind_writes_do_not_conflict(store: &Store) {
    let mut transactions: Vec<_> = (0..5).map(|_| begin(store)).collect();
    for (n, tx) in transactions.iter_mut().enumerate() {
        put(tx, "a", &n.to_string());
        tx.delete(b"b");
        tx.append(b"log", "entry").expect("fits");
    }
    transactions.into_iter().for_each(|tx| drop(tx.commit().expect("commits")));
    assert_eq!(get(&mut begin(store), "a").as_deref(), Some("4"), "the last one wins");
}

pub(in crate::store) fn adds_never_conflict_and_none_is_lost(store: &Store) {
    thread::scope(|scope| {
        for n in 0..8_i64 {
            scope.spawn(move || (0..50).for_each(|_| write(store, |tx| tx.add(b"n", n - 3).expect("adds"))));
        }
    });
    assert_eq!(begin(store).counter(b"n").expect("reads"), 50 * (0..8).map(|n| n - 3).sum::<i64>());
    assert_eq!(store.retries(), 0);
}

pub(in crate::store) fn an_add_and_a_reader_conflict(store: &Store) {
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

pub(in crate::store) fn following_a_log_does_not_conflict_with_appending(store: &Store) {
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

pub(in crate::store) fn reading_the_head_of_a_log_conflicts_with_appending(store: &Store) {
    assert_overtaken(store, |tx| drop(tx.log_head(b"log")), |tx| tx.append(b"log", "a").expect("fits"));
    assert_untouched(store, |tx| drop(tx.log_head(b"log")), |tx| tx.append(b"log2", "a").expect("fits"));
}

pub(in crate::store) fn reading_alone_leaves_no_trace(store: &Store) {
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

pub(in crate::store) fn a_stale_error_is_not_believed(store: &Store) {
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

pub(in crate::store) fn a_swallowed_conflict_is_found(store: &Store) {
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

pub(in crate::store) fn a_transaction_that_always_loses_ends_busy(store: &Store) {
    let result = store.write(|tx| {
        let mine = tx.get(b"a")?;
        given(store, "a=x");
        tx.put(b"b", mine.unwrap_or_default())
    });
    let Err(StoreError::Busy { attempts }) = result else { panic!("{result:?}") };
    assert_eq!((attempts, store.retries()), (crate::store::ATTEMPTS_MAX, u64::from(crate::store::ATTEMPTS_MAX)));
}

pub(in crate::store) fn increments_by_read_and_write_are_all_counted(store: &Store) {
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

/// Takes one off when it goes, also in a panic.
struct Leaving<'a>(&'a AtomicU64);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(in crate::store) fn a_scan_beside_writers_sees_one_state(store: &Store) {
    // Forty coins on a thousand places. Whatever the writers move, no reader sees one twice or misses one.
    let place = |n: u64| format!("place-{:03}", n % 1000).into_bytes();
    write(store, |tx| (0..40).for_each(|n| tx.put(&place(n * 25), "coin").expect("fits")));
    let moving = AtomicU64::new(3);
    thread::scope(|scope| {
        for seed in 0..3_u64 {
            let moving = &moving;
            scope.spawn(move || {
                let _moving = Leaving(moving);
                for n in 0..150 {
                    let (from, to) = (place(n * 7 + seed), place(n * 389 + seed * 31));
                    let moved = store.write(|tx| {
                        let rest = KeyRange::new(from.clone(), "place-~");
                        let coin = tx.scan(&rest, Direction::Forward, 1)?;
                        if let (Some((place, coin)), None) = (coin.into_iter().next(), tx.get(&to)?) {
                            tx.delete(&place);
                            tx.put(&to, coin)?;
                        }
                        Ok::<_, StoreError>(())
                    });
                    moved.expect("moves");
                }
            });
        }
        for direction in [Direction::Forward, Direction::Backward] {
            let moving = &moving;
            scope.spawn(move || {
                while moving.load(Ordering::SeqCst) > 0 {
                    match store.read(|tx| tx.scan(&KeyRange::prefix(b"place-"), direction, usize::MAX)) {
                        Ok(coins) => assert_eq!(coins.len(), 40),
                        Err(error) => assert!(matches!(error, StoreError::Busy { .. }), "{error}"),
                    }
                }
            });
        }
    });
}
