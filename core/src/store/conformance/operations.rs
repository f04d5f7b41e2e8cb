//! What a transaction can do: reading its own writes, scans, counters, logs, savepoints, limits.

use std::sync::Arc;
use std::thread;

use super::*;
use crate::store::{Changes, Engine, KEY_BYTES_MAX, LogHead, TRANSACTION_BYTES_MAX, VALUE_BYTES_MAX, log_entry_key};

pub(in crate::store) fn a_transaction_reads_its_own_writes(store: &Store) {
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

pub(in crate::store) fn a_scan_merges_own_writes_in_both_directions(store: &Store) {
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

pub(in crate::store) fn a_scan_with_a_limit_agrees_with_the_whole_scan(store: &Store) {
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

pub(in crate::store) fn a_counter_over_64_bits_is_refused_as_a_whole(store: &Store) {
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
    assert_eq!((get(&mut tx, "a"), tx.log_head(b"log").expect("reads")), (None, LogHead::default()));
    tx.add(b"m", i64::MIN).expect("adds");
    assert!(matches!(tx.add(b"m", -1), Err(StoreError::CounterOverflow { delta: -1, .. })));
}

pub(in crate::store) fn an_add_to_what_is_no_counter_is_refused(store: &Store) {
    given(store, "a=text");
    let mut tx = begin(store);
    tx.add(b"a", 1).expect("is not known yet");
    assert_eq!(tx.commit().expect_err("refused").to_string(), "stored counter at key 61 cannot be read");
    let mut tx = begin(store);
    assert!(tx.counter(b"a").is_err());
    put(&mut tx, "a", "other text");
    assert!(tx.add(b"a", 1).is_err());
}

pub(in crate::store) fn entries_of_a_log_are_numbered_densely_under_concurrency(store: &Store) {
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
    let folded = entries.iter().fold(LogHead::default(), |head, (_, entry)| head.followed_by(entry));
    assert_eq!(tx.log_head(b"log").expect("reads"), folded, "the head's hash is that of all entries, in order");
    assert_eq!(folded.sequence, 2 * THREADS * EACH);
    assert_eq!(tx.log_head(b"other").expect("reads").sequence, THREADS * EACH);
    for thread in 0..THREADS {
        let mine = entries.iter().filter(|(_, value)| value.starts_with(format!("{thread} ").as_bytes()));
        let expected = (0..EACH).flat_map(|n| [format!("{thread} {n} first"), format!("{thread} {n} second")]);
        assert!(mine.map(|(_, value)| value.clone()).eq(expected.map(String::into_bytes)), "in the order of commits");
    }
}

pub(in crate::store) fn logs_do_not_mix(store: &Store) {
    append(store, "log-a", "1 2");
    append(store, "log-b", "3");
    let mut tx = begin(store);
    assert_eq!(log(&mut tx, "log-a", 0, 9), "1:1 2:2");
    assert_eq!(log(&mut tx, "log-b", 0, 9), "1:3");
    assert_eq!(log(&mut tx, "log-c", 0, 9), "");
    let keys = tx.scan(&KeyRange::prefix(b""), Direction::Forward, 9).expect("scans");
    assert_eq!(keys[0].0, log_entry_key(b"log-a", 1));
}

pub(in crate::store) fn a_savepoint_takes_back_writes_and_keeps_reads(store: &Store) {
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
    assert_conflict(&tx.commit());
}

pub(in crate::store) fn a_lent_transaction_comes_back_whole(store: &Store) {
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

pub(in crate::store) fn what_is_too_large_is_refused(store: &Store) {
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
    assert_eq!(tx.bytes(), tx.changes().bytes());
    assert!(matches!(tx.commit(), Err(StoreError::TooLarge { what: "transaction", .. })));
    for bad in [vec![], vec![0, 1], vec![0xff], vec![1; KEY_BYTES_MAX + 1]] {
        let put = || store.write(|tx| tx.put(&bad, "value"));
        assert!(panics(put), "a key that the host may not use is a bug");
    }
}

pub(in crate::store) fn what_is_read_is_counted_once(store: &Store) {
    given(store, "a=1 b=1 c=1");
    let mut tx = begin(store);
    for _ in 0..3 {
        get(&mut tx, "a");
        get(&mut tx, "absent");
        forward(&mut tx, "a..d");
    }
    assert_eq!(tx.reads_len(), 3, "two keys and a range");
    forward(&mut tx, "b..d");
    put(&mut tx, "own", "1");
    get(&mut tx, "own");
    assert_eq!(tx.reads_len(), 4, "what is written by itself is not read of the state");
    let before = tx.savepoint();
    get(&mut tx, "b");
    tx.rollback_to(before);
    assert_eq!(tx.reads_len(), 5, "what was decided may rest on it");
}

pub(in crate::store) fn what_is_written_is_counted(store: &Store) {
    let mut tx = begin(store);
    let counts = |tx: &Tx| {
        assert_eq!(tx.bytes(), tx.changes().bytes());
        (tx.bytes(), tx.written())
    };
    tx.put(b"a", "12345").expect("fits");
    tx.append(b"log", "entry").expect("fits");
    tx.add(b"counter", 7).expect("adds");
    let first = counts(&tx);
    assert_eq!(first, ((16 + 1 + 5) + (16 + 3 + 5) + (16 + 7 + 8), 77));
    let before = tx.savepoint();
    tx.put(b"a", "1").expect("fits");
    tx.delete(b"counter");
    tx.append(b"log", "entry").expect("fits");
    assert_eq!(counts(&tx), (77 - 4 - 8 + 24, 77 + 18 + 23 + 24));
    tx.rollback_to(before);
    assert_eq!(counts(&tx), (77, 142), "what was dropped has been written, too");
    let owned = tx.take();
    assert_eq!((owned.bytes(), owned.written()), (77, 142));
    tx.give_back(owned);
    tx.commit().expect("commits");
}

pub(in crate::store) fn keys_of_any_bytes_keep_their_order(store: &Store) {
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

pub(in crate::store) fn a_closed_store_reads_and_does_not_write(store: &Store) {
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
