//! Grants that are released later.

use super::*;

fn with_pending(available: Minor, pending: Minor) -> Balance {
    Balance { available, pending, ..Balance::default() }
}

#[test]
fn what_is_pending_can_be_spent_from_the_instant_of_its_release() {
    let mut world = check_all(
        &free(),
        &[
            (0, new(1, vec![grant(5, None)]), has(5, 0)),
            (0, new(2, vec![grant_later(10, None, from_second(100))]), with_pending(5, 10)),
            (99, new(3, vec![spend(5)]), with_pending(0, 10)),
        ],
    );
    let refused = world.post(99, &new(4, vec![spend(1)])).unwrap_err();
    assert!(matches!(refused, LedgerError::Insufficient { available: 0, .. }), "{refused}");
    assert_eq!(world.balance(100, ALICE), has(10, 0));
    world.book(100, 4, spend(10));
    world.is_sound();
}

#[test]
fn an_event_releases_what_waits_for_it() {
    let mut world = World::new();
    let on = |name| Release::On { event: event(name) };
    world.book(0, 1, grant_later(10, None, on("returned-7")));
    world.book(0, 2, grant_later(20, None, on("returned-70")));
    world.book(0, 3, grant_later(40, None, Release::First { at: at(50), event: event("returned-7") }));
    assert_eq!(world.with_book(9, |book| book.release_waiting(&event("returned-7"), 1)).unwrap(), 1);
    assert_eq!(world.with_book(9, |book| book.release_waiting(&event("returned-7"), 9)).unwrap(), 1);
    assert_eq!(world.with_book(9, |book| book.release_waiting(&event("returned-7"), 9)).unwrap(), 0);
    assert_eq!(world.balance(9, ALICE), with_pending(50, 20));
    assert_eq!(world.run_due(60), DueBooked::default());
    world.is_sound();
}

#[test]
fn of_time_and_event_the_first_releases() {
    let mut world = World::new();
    world.book(0, 1, grant_later(40, None, Release::First { at: at(50), event: event("paid") }));
    // The event comes after the time, but before anybody has booked the release.
    assert_eq!(world.with_book(60, |book| book.release_waiting(&event("paid"), 9)).unwrap(), 1);
    assert_eq!(world.balance(60, ALICE), has(40, 0));
    assert_eq!(world.audit().postings, 2);
    world.is_sound();
}

#[test]
fn what_is_released_repays_a_debt_first_and_what_is_pending_does_not() {
    check_all(
        &free(),
        &[
            (0, new(1, vec![grant(10, None)]), has(10, 0)),
            (1, new(2, vec![grant_later(30, None, from_second(100))]), with_pending(10, 30)),
            (2, new(3, vec![spend(8)]), with_pending(2, 30)),
            (3, new(4, vec![reverse(1)]), Balance { available: 0, held: 0, pending: 30, debt: 8 }),
            (100, new(5, vec![spend(1)]), has(21, 0)),
            // The grant is taken back: the debt that it had repaid is there again.
            (101, new(6, vec![reverse(2)]), has(0, 9)),
        ],
    );
}

#[test]
fn a_reversal_before_the_release_cancels_it() {
    let mut world = check_all(
        &free(),
        &[
            (0, new(1, vec![grant_later(30, Some(500), from_second(100))]), with_pending(0, 30)),
            (1, new(2, vec![reverse(1)]), has(0, 0)),
            (200, new(3, vec![grant(5, None)]), has(5, 0)),
        ],
    );
    assert_eq!(world.run_due(200), DueBooked::default());
}

#[test]
fn a_reversal_after_the_release_takes_the_lot_back_whether_or_not_it_is_booked() {
    check_all(
        &free(),
        &[
            (0, new(1, vec![grant_later(30, None, from_second(100))]), with_pending(0, 30)),
            (0, new(2, vec![grant(5, None)]), with_pending(5, 30)),
            (100, new(3, vec![reverse(1)]), has(5, 0)),
        ],
    );
}

#[test]
fn what_expires_before_anybody_has_booked_its_release_is_gone() {
    check_all(
        &free(),
        &[
            (0, new(1, vec![grant_later(30, Some(150), from_second(100))]), with_pending(0, 30)),
            (200, new(2, vec![grant(1, None)]), has(1, 0)),
        ],
    );
}

#[test]
fn every_refusal_of_a_release_is_named() {
    let mut world = World::new();
    let lot = world.book(0, 1, grant_later(10, None, from_second(5))).transfers().next().unwrap().lots[0].lot;
    world.book(6, 2, spend(1));
    let none = crate::domain::LotId::from_bytes([0; 16]);
    let release = move |lot| new(9, vec![Move::Release { lot }]);
    let table: Vec<Refusal> = vec![
        (release(none), |e| matches!(e, LedgerError::UnknownPending(_))),
        (release(lot), |e| matches!(e, LedgerError::PendingClosed(_))),
    ];
    check_refused(&mut world, 10, &table);
}
