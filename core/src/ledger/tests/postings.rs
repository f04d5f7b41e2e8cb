//! Granting, spending, expiring, reversing.

use super::*;
use crate::domain::Shortfall;

#[test]
fn what_is_granted_can_be_spent() {
    check(&[
        (0, new(1, vec![grant(100, None)]), 100, 0),
        (1, new(2, vec![spend(30)]), 70, 0),
        (2, new(3, vec![spend(70)]), 0, 0),
    ]);
}

#[test]
fn the_lot_that_expires_first_is_spent_first_and_those_that_never_do_last() {
    let mut world = check(&[
        (0, new(1, vec![grant(10, None)]), 10, 0),
        (0, new(2, vec![grant(10, Some(200))]), 20, 0),
        (0, new(3, vec![grant(10, Some(100))]), 30, 0),
    ]);
    let posting = world.post(1, &new(4, vec![spend(25)])).unwrap();
    let transfer = posting.transfers().next().unwrap();
    let taken: Vec<_> = transfer.lots.iter().map(|part| (part.expires_at, part.amount)).collect();
    assert_eq!(taken, [(Some(at(100)), 10), (Some(at(200)), 10), (None, 5)]);
}

#[test]
fn a_lot_can_not_be_spent_from_the_instant_it_expires_and_eats_no_other() {
    let mut world = check(&[(0, new(1, vec![grant(10, Some(100))]), 10, 0), (0, new(2, vec![grant(5, None)]), 15, 0)]);
    assert_eq!(world.balance(99, ALICE).available, 15);
    assert_eq!(world.balance(100, ALICE).available, 5);
    let refused = world.post(100, &new(3, vec![spend(6)])).unwrap_err();
    assert!(matches!(refused, LedgerError::Insufficient { needed: 6, available: 5, .. }), "{refused}");
    world.post(100, &new(4, vec![spend(5)])).unwrap();
    assert_eq!(world.balance(100, ALICE).available, 0);
    world.is_sound();
}

#[test]
fn what_was_spent_returns_to_the_very_lots() {
    let world = check(&[
        (0, new(1, vec![grant(10, Some(100))]), 10, 0),
        (0, new(2, vec![grant(10, None)]), 20, 0),
        (1, new(3, vec![spend(15)]), 5, 0),
        (2, new(4, vec![reverse(3)]), 20, 0),
    ]);
    // Ten of them are again in the lot that expires.
    assert_eq!(world.balance(100, ALICE).available, 10);
}

#[test]
fn what_was_earned_is_taken_back_and_what_is_spent_already_becomes_a_debt_that_earnings_repay() {
    check(&[
        (0, new(1, vec![grant(100, None)]), 100, 0),
        (1, new(2, vec![spend(80)]), 20, 0),
        (2, new(3, vec![reverse(1)]), 0, 80),
        (3, new(4, vec![grant(50, None)]), 0, 30),
        (4, new(5, vec![grant(50, None)]), 20, 0),
        // Taking back an earning that had repaid a debt makes the debt again.
        (5, new(6, vec![reverse(4)]), 0, 30),
    ]);
}

#[test]
fn a_returned_gift_repays_the_debt_that_it_had_caused() {
    check(&[
        (0, new(1, vec![grant(100, None)]), 100, 0),
        (1, new(2, vec![spend(100)]), 0, 0),
        (2, new(3, vec![reverse(1)]), 0, 100),
        (3, new(4, vec![reverse(2)]), 0, 0),
    ]);
}

#[test]
fn buying_earning_spending_and_returning_prints_no_points() {
    check(&[
        (0, new(1, vec![grant(10, None)]), 10, 0),
        (1, new(2, vec![grant(90, None)]), 100, 0),
        (2, new(3, vec![spend(95)]), 5, 0),
        (3, new(4, vec![reverse(2)]), 0, 85),
        (4, new(5, vec![reverse(3)]), 10, 0),
    ]);
}

#[test]
fn what_lapsed_of_an_earning_is_not_taken_back_again() {
    check(&[
        (0, new(1, vec![grant(10, Some(100))]), 10, 0),
        (0, new(2, vec![grant(7, None)]), 17, 0),
        (1, new(3, vec![spend(4)]), 13, 0),
        // Six lapsed, four were spent: four are owed, and the other lot pays them.
        (150, new(4, vec![reverse(1)]), 3, 0),
    ]);
}

#[test]
fn the_same_posting_again_is_the_first_one() {
    let mut world = World::new();
    let first = world.post(0, &new(1, vec![grant(10, None)])).unwrap();
    assert_eq!(world.post(5, &new(1, vec![grant(10, None)])).unwrap(), first);
    assert_eq!(world.balance(5, ALICE).available, 10);
}

#[test]
fn the_moves_of_a_posting_are_all_booked_or_none() {
    let mut world = World::new();
    let refused = world.post(0, &new(1, vec![grant(10, None), spend(11)])).unwrap_err();
    assert!(matches!(refused, LedgerError::Insufficient { .. }), "{refused}");
    assert_eq!(world.balance(0, ALICE), Balance::default());
    assert_eq!(world.audit().postings, 0);
}

#[test]
fn every_posting_is_in_the_log_with_its_digest() {
    let mut world = World::new();
    world.book(0, 1, grant(10, Some(5)));
    // Spending books the expiry first, as a posting of its own.
    world.post(6, &new(2, vec![grant(5, None), spend(5)])).unwrap();
    let entries = world.store.read(|tx| tx.log_scan(&layout::ledger_log(MERCHANT), 0, 10)).unwrap();
    assert_eq!(entries.len(), 3);
    for (_, entry) in entries {
        let booked: Booked = crate::store::decode(b"log", &entry).unwrap();
        let bytes = world.store.read(|tx| tx.get(&layout::posting(MERCHANT, booked.posting))).unwrap().unwrap();
        assert_eq!(booked, Booked::of(booked.posting, &bytes));
    }
    world.is_sound();
}

#[test]
fn what_is_owed_is_counted_by_the_month_in_which_it_expires() {
    let day = 86_400;
    let mut world = World::new();
    world.book(0, 1, grant(10, Some(31 * day)));
    world.book(0, 2, grant(20, Some(31 * day + 1)));
    world.book(0, 3, grant(40, None));
    world.book(0, 4, spend(15));
    world.book(0, 5, hold(1, 5, 100));
    world.book(0, 6, grant_later(7, None, from_second(100)));
    let january = layout::Month::Of { year: 1970, month: 1 };
    let february = layout::Month::Of { year: 1970, month: 2 };
    let found = world.liability(&points());
    assert_eq!(found.by_month, [(february, 10), (layout::Month::Never, 40)].into());
    assert_eq!((found.outstanding, found.held, found.pending, found.owed), (50, 5, 7, 0));
    world.book(1, 7, reverse(4));
    world.book(1, 8, void_hold(1));
    assert_eq!(world.liability(&points()).by_month, [(january, 10), (february, 20), (layout::Month::Never, 40)].into());
    world.book(1, 9, spend(70));
    world.book(2, 10, reverse(3));
    let found = world.liability(&points());
    assert_eq!((found.outstanding, found.pending, found.owed), (0, 7, 40));
}

#[test]
fn what_has_expired_repays_nothing() {
    // 10 that expire at 100 are spent; 20 are granted, spent, and taken back: 20 are owed.
    let owing = |end: Vec<(i64, NewPosting, Balance)>| {
        let mut steps = vec![
            (0, new(1, vec![grant(10, Some(100))]), has(10, 0)),
            (0, new(2, vec![spend(10)]), has(0, 0)),
            (0, new(3, vec![grant(20, None)]), has(20, 0)),
            (0, new(4, vec![spend(20)]), has(0, 0)),
            (0, new(5, vec![reverse(3)]), has(0, 20)),
        ];
        steps.extend(end);
        check_all(&free(), &steps);
    };
    owing(vec![(99, new(6, vec![reverse(2)]), has(0, 10))]);
    owing(vec![(100, new(6, vec![reverse(2)]), has(0, 20))]);
    owing(vec![(0, new(6, vec![grant(5, Some(0))]), has(0, 20)), (0, new(7, vec![grant(5, Some(1))]), has(0, 15))]);
    // A grant whose release comes with its expiry, or after it, and one before: whenever that is booked.
    let later = |from, until| grant_later(5, Some(until), from_second(from));
    let pending = |debt| Balance { pending: 5, ..has(0, debt) };
    owing(vec![(0, new(6, vec![later(50, 50)]), pending(20)), (70, new(7, vec![grant(1, None)]), has(0, 19))]);
    owing(vec![(0, new(6, vec![later(50, 51)]), pending(20)), (70, new(7, vec![grant(1, None)]), has(0, 14))]);
}

#[test]
fn a_hold_that_lapsed_before_its_lot_repays_whenever_that_is_booked() {
    for (lapses_at, debt) in [(50, 10), (100, 20), (150, 20)] {
        let mut world = World::new();
        world.book(0, 1, grant(10, Some(100)));
        world.book(0, 2, hold(1, 10, lapses_at));
        world.book(0, 3, grant(20, None));
        world.book(0, 4, spend(20));
        world.book(0, 5, reverse(3));
        assert_eq!(world.balance(200, ALICE), has(0, debt), "before it is booked");
        world.run_due(200);
        assert_eq!(world.balance(200, ALICE), has(0, debt), "{lapses_at}");
        world.is_sound();
    }
}

#[test]
fn what_repaid_a_debt_is_owed_again_even_where_nothing_is_owed_any_more() {
    for shortfall in [Shortfall::Owe, Shortfall::Forgive, Shortfall::Refuse] {
        let mut world = check(&[
            (0, new(1, vec![grant(10, None)]), 10, 0),
            (0, new(2, vec![spend(10)]), 0, 0),
            (0, new(3, vec![reverse(1)]), 0, 10),
            (0, new(4, vec![grant(10, None)]), 0, 0),
        ]);
        world.declare(&Unit { rules: UnitRules { shortfall, ..free() }, ..Unit::new(points(), UnitKind::Count, None) });
        world.book(0, 5, reverse(4));
        assert_eq!(world.balance(0, ALICE), has(0, 10), "{shortfall:?}");
        // The 10 of the first grant come back, and belong to the merchant.
        world.book(0, 6, reverse(2));
        assert_eq!(world.balance(0, ALICE), has(0, 0), "{shortfall:?}");
        world.is_sound();
    }
}
