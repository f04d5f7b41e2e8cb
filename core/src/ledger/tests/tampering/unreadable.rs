//! What cannot be read is told by table and key, and the rest is looked at all the same.

use data_encoding::HEXLOWER;

use super::*;
use crate::store::KeyRange;

/// All tables that the audit reads, with what lies there.
fn tables() -> Vec<(KeyRange, &'static str)> {
    let log = KeyRange::prefix(&layout::ledger_log(MERCHANT));
    vec![
        (layout::postings(MERCHANT), "posting"),
        (log, "digest of a posting"),
        (layout::holds(MERCHANT), "hold"),
        (layout::pendings(MERCHANT), "pending grant"),
        (layout::all_open_lots(MERCHANT), "lot"),
        (layout::all_closed_lots(MERCHANT), "lot"),
        (layout::accounts(MERCHANT), "account"),
        (layout::reversals(MERCHANT), "reversal"),
        (layout::units(MERCHANT), "unit"),
        (layout::houses(MERCHANT), "counter"),
        (layout::liabilities(MERCHANT), "counter"),
        (layout::coupons_issued_all(MERCHANT), "counter"),
    ]
}

/// Something of everything, closed and open.
fn full() -> World {
    let mut world = busy();
    world.book(1, 6, spend(1));
    world.book(1, 7, reverse(6));
    world.book(1, 8, spend(6));
    world.is_sound();
    world
}

#[test]
fn a_record() {
    for (range, what) in tables() {
        let world = full();
        let key = world
            .store
            .write(|tx| {
                let (key, _) = tx.scan(&range, Direction::Forward, 1)?.remove(0);
                tx.put(&key, vec![99, 99])?;
                Ok::<_, StoreError>(key)
            })
            .unwrap();
        let audit = world.audit();
        let unreadable: Vec<_> = audit.unreadable.iter().collect();
        let named =
            |told: &String| told.starts_with(&format!("stored {what}")) && told.contains(&HEXLOWER.encode(&key));
        assert!(unreadable.len() == 1 && named(unreadable[0]), "{what}: {unreadable:?}");
        // Whatever else is found follows from what was in it; all other records were looked at.
        let before = full().audit();
        let counts = |audit: &Audit| (audit.postings, audit.accounts, audit.lots, audit.holds, audit.pending);
        assert_eq!(counts(&audit), counts(&before), "{what}");
    }
}

#[test]
fn a_record_that_nothing_else_follows_from_is_the_only_finding() {
    for range in [layout::reversals(MERCHANT), layout::pendings(MERCHANT), layout::holds(MERCHANT)] {
        // Closed, so that no sum misses them.
        let mut world = full();
        world.book(2, 9, void_hold(1));
        world.run_due(70);
        finds_just(&world, &["cannot be read"], |tx| {
            let (key, _) = tx.scan(&range, Direction::Forward, 1)?.remove(0);
            tx.put(&key, vec![99, 99])
        });
    }
}

#[test]
fn a_key() {
    let indexes = [
        layout::member_postings(MERCHANT),
        layout::all_due(MERCHANT),
        layout::timed_all(MERCHANT),
        layout::waiting_all(MERCHANT),
    ];
    for range in tables().into_iter().map(|(range, _)| range).chain(indexes) {
        let key = [range.start.as_slice(), b"?"].concat();
        let world = full();
        world.is_sound();
        world.store.write(|tx| tx.put(&key, vec![0; 8])).unwrap();
        let told = world.told();
        assert_eq!(told.len(), 1, "{}: {told:?}", HEXLOWER.encode(&key));
        let is_named = told[0].contains(&HEXLOWER.encode(&key)) || told[0].contains("said to wait for an event");
        assert!(is_named, "{}: {told:?}", HEXLOWER.encode(&key));
    }
}

#[test]
fn a_record_under_the_key_of_another() {
    let world = full();
    finds_just(&world, &["stored hold (this key is not its own)"], |tx| {
        let hold: Hold = tx.load(&layout::hold(MERCHANT, hold_id(1)))?.unwrap();
        tx.save(&layout::hold(MERCHANT, hold_id(2)), &hold)
    });
    let world = full();
    finds_just(&world, &["stored lot (this key is not its own)"], |tx| {
        let (_, lot) = tx.load_scan::<Lot>(&layout::all_open_lots(MERCHANT), Direction::Forward, 1)?.remove(0);
        tx.save(&layout::open_lot(MERCHANT, ALICE, &points(), Some(at(7)), lot.id), &lot)
    });
}

#[test]
fn a_failure_of_the_store_is_no_finding() {
    // A transaction that somebody else has reads nothing.
    let audit = full().store.read(|tx| {
        let taken = tx.take();
        let audit = Audit::run(tx, MERCHANT, &TimeZone::UTC, || {});
        tx.give_back(taken);
        audit
    });
    assert!(matches!(audit, Err(StoreError::Unavailable { .. })), "{audit:?}");
}
