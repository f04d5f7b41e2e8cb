//! The audit sees what was tampered with.

mod history;
mod unreadable;

use super::*;
use crate::store::{Direction, Record, StoreError, Tx};

/// A world with something of everything in it.
fn busy() -> World {
    let mut world = World::new();
    world.define(&coupon("welcome"));
    world.book(0, 1, grant(10, Some(100)));
    world.book(0, 2, grant(10, None));
    world.book(0, 3, hold(1, 4, 50));
    let release = Release::First { at: at(60), event: event("paid") };
    world.book(0, 4, grant_later(5, None, release));
    world.book(0, 5, Move::Issue { member: ALICE, unit: code("welcome"), count: 1 });
    world.is_sound();
    world
}

/// One change of a sound ledger leads to these findings, in this order, and no others.
#[track_caller]
fn finds_just(world: &World, expected: &[&str], tamper: impl FnMut(&mut Tx) -> Result<(), StoreError>) {
    world.is_sound();
    world.store.write(tamper).unwrap();
    let told = world.told();
    let all = told.len() == expected.len() && told.iter().zip(expected).all(|(told, what)| told.contains(what));
    assert!(all, "expected {expected:?}, but told was {told:#?}");
}

/// Changes a record that is there.
fn change<T: Record>(tx: &mut Tx, key: &[u8], change: impl FnOnce(&mut T)) -> Result<(), StoreError> {
    let mut record: T = tx.load(key)?.unwrap();
    change(&mut record);
    tx.save(key, &record)
}

#[track_caller]
fn finds(what: &str, tamper: fn(&mut Tx) -> Result<(), StoreError>) {
    let world = busy();
    world.store.write(tamper).unwrap();
    let findings = world.audit().findings;
    assert!(findings.iter().any(|finding| finding.to_string().contains(what)), "{what}: {findings:?}");
}

#[test]
fn a_balance_a_debt_a_hold_and_a_pending_grant() {
    fn account(tx: &mut Tx, changed: fn(&mut Account)) -> Result<(), StoreError> {
        change(tx, &layout::account(MERCHANT, ALICE, &points()), changed)
    }
    finds("has a balance of 17 points, but the transfers add up to 16", |tx| {
        account(tx, |account| account.balance += 1)
    });
    finds("has a balance of 17 points, but the lots add up to 16", |tx| account(tx, |account| account.balance += 1));
    finds("owes 1 points", |tx| account(tx, |account| account.debt += 1));
    finds("has set aside 3 points, but the holds add up to 4", |tx| account(tx, |account| account.held -= 1));
    finds("will get 6 points, but the pending grants add up to 5", |tx| account(tx, |account| account.pending += 1));
    finds("has a balance of 0 points", |tx| {
        tx.delete(&layout::account(MERCHANT, ALICE, &points()));
        Ok(())
    });
}

#[test]
fn a_lot() {
    finds("but the transfers leave", |tx| {
        let (key, mut lot) = tx.load_scan::<Lot>(&layout::all_open_lots(MERCHANT), Direction::Forward, 1)?.remove(0);
        lot.remaining -= 1;
        tx.save(&key, &lot)
    });
    finds("is missing, but the transfers leave 6 in it", |tx| {
        let (key, _) = tx.load_scan::<Lot>(&layout::all_open_lots(MERCHANT), Direction::Forward, 1)?.remove(0);
        tx.delete(&key);
        Ok(())
    });
}

#[test]
fn a_total_of_a_house_account_and_of_a_liability_and_of_coupons() {
    finds("Issued has debits of 26 points", |tx| {
        tx.add(&layout::house(MERCHANT, House::Issued.letter(), layout::Side::Debits, &points()), 1)
    });
    finds("11 points are owed for Never, but the lots add up to 10", |tx| {
        tx.add(&layout::liability(MERCHANT, &points(), layout::Month::Never), 1)
    });
    finds("2 welcome, but got 1", |tx| tx.add(&layout::coupons_issued(MERCHANT, ALICE, &code("welcome")), 1));
}

#[test]
fn a_posting() {
    finds("is in the log of postings, but missing", |tx| {
        tx.delete(&layout::posting(MERCHANT, id(1)));
        Ok(())
    });
    finds("is not what was booked", |tx| {
        let key = layout::posting(MERCHANT, id(2));
        let mut posting: Posting = tx.load(&key)?.unwrap();
        posting.at = at(1);
        tx.save(&key, &posting)
    });
    finds("is not in the log of postings", |tx| {
        let key = layout::posting(MERCHANT, id(2));
        let posting: Posting = tx.load(&key)?.unwrap();
        tx.save(&layout::posting(MERCHANT, id(77)), &Posting { id: id(77), ..posting })
    });
    finds("is not the one that its head was computed from", |tx| {
        let key = crate::store::log_entry_key(&layout::ledger_log(MERCHANT), 2);
        let mut booked: Booked = tx.load(&key)?.unwrap();
        booked.digest = [0; 32];
        tx.save(&key, &booked)
    });
    finds("is in the log of postings more than once", |tx| {
        let key = crate::store::log_entry_key(&layout::ledger_log(MERCHANT), 2);
        let entry = tx.get(&key)?.unwrap();
        tx.append(&layout::ledger_log(MERCHANT), entry)
    });
}

#[test]
fn an_index_by_time_or_event() {
    finds("Hold(hld_01010101010101010101010101010101) is due at 50000, but is not found by that instant", |tx| {
        let (key, _) = tx.scan(&layout::all_due(MERCHANT), Direction::Forward, 1)?.remove(0);
        tx.delete(&key);
        Ok(())
    });
    finds("is due at 50000, but is not found by that instant", |tx| {
        let (key, _) = tx.scan(&layout::timed_all(MERCHANT), Direction::Forward, 1)?.remove(0);
        tx.delete(&key);
        Ok(())
    });
    finds("is open and expires, but is not among what falls due", |tx| {
        let (key, _) = tx.scan(&layout::all_due(MERCHANT), Direction::Forward, 3)?.remove(2);
        tx.delete(&key);
        Ok(())
    });
    finds("is to expire at 100000, but no such lot is open until then", |tx| {
        let lot = crate::domain::LotId::from_bytes([7; 16]);
        let due = layout::Due::Lot { member: ALICE, unit: points(), lot };
        tx.put(&layout::due(MERCHANT, at(100), &due), Vec::new())
    });
    finds("waits for `paid`, but is not found by that", |tx| {
        let (key, _) = tx.scan(&layout::waiting_all(MERCHANT), Direction::Forward, 1)?.remove(0);
        tx.delete(&key);
        Ok(())
    });
    finds("is said to wait for an event for which it does not", |tx| {
        let lot = crate::domain::LotId::from_bytes([7; 16]);
        tx.put(&layout::waiting(MERCHANT, &event("paid"), lot), Vec::new())
    });
}
