//! Amounts that are set aside.

use super::*;

fn with_held(available: Minor, held: Minor) -> Balance {
    Balance { available, held, ..Balance::default() }
}

#[test]
fn what_is_held_is_not_spendable_until_it_is_given_back() {
    check_all(
        &free(),
        &[
            (0, new(1, vec![grant(100, None)]), has(100, 0)),
            (1, new(2, vec![hold(1, 60, 50)]), with_held(40, 60)),
            (2, new(3, vec![void_hold(1)]), has(100, 0)),
        ],
    );
}

#[test]
fn a_hold_is_posted_whole() {
    let mut world = check_all(
        &free(),
        &[
            (0, new(1, vec![grant(100, None)]), has(100, 0)),
            (1, new(2, vec![hold(1, 60, 50)]), with_held(40, 60)),
            (2, new(3, vec![post_hold(1, None)]), has(40, 0)),
        ],
    );
    assert_eq!(world.find_hold(1).state, HoldState::Posted { posting: id(3), amount: 60 });
}

#[test]
fn the_rest_of_a_hold_that_is_posted_in_part_goes_back_to_its_very_lots() {
    let mut world = check_all(
        &free(),
        &[
            (0, new(1, vec![grant(10, Some(100))]), has(10, 0)),
            (0, new(2, vec![grant(10, Some(200))]), has(20, 0)),
            (0, new(3, vec![grant(10, None)]), has(30, 0)),
            (1, new(4, vec![hold(1, 25, 50)]), with_held(5, 25)),
            // What expires first is used first: ten of the first lot and two of the second.
            (2, new(5, vec![post_hold(1, 12)]), has(18, 0)),
        ],
    );
    assert_eq!(world.balance(100, ALICE).available, 18);
    assert_eq!(world.balance(200, ALICE).available, 10);
    assert_eq!(world.find_hold(1).state, HoldState::Posted { posting: id(5), amount: 12 });
}

#[test]
fn a_hold_keeps_its_right_when_its_lot_expires() {
    check_all(
        &free(),
        &[
            (0, new(1, vec![grant(10, Some(100))]), has(10, 0)),
            (1, new(2, vec![hold(1, 8, 500)]), with_held(2, 8)),
            // Two of ten have expired, eight are still held, and can be posted; the rest has expired too.
            (150, new(3, vec![post_hold(1, 5)]), has(0, 0)),
        ],
    );
}

#[test]
fn what_goes_back_to_an_expired_lot_is_not_spendable() {
    let mut world = check_all(
        &free(),
        &[
            (0, new(1, vec![grant(10, Some(100))]), has(10, 0)),
            (0, new(2, vec![grant(5, None)]), has(15, 0)),
            (1, new(3, vec![hold(1, 12, 500)]), with_held(3, 12)),
            (150, new(4, vec![void_hold(1)]), has(5, 0)),
            (151, new(5, vec![spend(5)]), has(0, 0)),
        ],
    );
    world.run_due(152);
    assert_eq!(world.liability(&points()).outstanding, 0);
    world.is_sound();
}

#[test]
fn a_hold_lapses_at_its_instant_whether_or_not_that_is_booked() {
    let mut world = check_all(
        &free(),
        &[(0, new(1, vec![grant(10, None)]), has(10, 0)), (1, new(2, vec![hold(1, 8, 100)]), with_held(2, 8))],
    );
    assert_eq!(world.balance(99, ALICE), with_held(2, 8));
    assert_eq!(world.balance(100, ALICE), has(10, 0));
    let refused = world.post(100, &new(3, vec![post_hold(1, None)])).unwrap_err();
    assert!(matches!(refused, LedgerError::HoldLapsed { .. }), "{refused}");
    assert_eq!(world.run_due(100), DueBooked { found: 1, more: false, lost: 0 });
    assert!(matches!(world.find_hold(1).state, HoldState::Lapsed { .. }));
    let refused = world.post(100, &new(3, vec![void_hold(1)])).unwrap_err();
    assert!(matches!(refused, LedgerError::HoldLapsed { .. }), "{refused}");
    world.book(101, 4, spend(10));
    world.is_sound();
}

#[test]
fn what_lapsed_is_there_for_the_next_spending() {
    check_all(
        &free(),
        &[
            (0, new(1, vec![grant(10, Some(200))]), has(10, 0)),
            (1, new(2, vec![hold(1, 8, 100)]), with_held(2, 8)),
            (100, new(3, vec![spend(10)]), has(0, 0)),
        ],
    );
}

#[test]
fn the_reversal_of_a_posted_hold_gives_back_to_the_very_lots_what_was_posted() {
    let world = check_all(
        &free(),
        &[
            (0, new(1, vec![grant(10, Some(100))]), has(10, 0)),
            (0, new(2, vec![grant(10, None)]), has(20, 0)),
            (1, new(3, vec![hold(1, 16, 50)]), with_held(4, 16)),
            (2, new(4, vec![post_hold(1, 13)]), has(7, 0)),
            (3, new(5, vec![reverse(4)]), has(20, 0)),
        ],
    );
    assert_eq!(world.balance(100, ALICE).available, 10);
}

#[test]
fn what_is_given_back_of_a_hold_repays_a_debt_first() {
    check_all(
        &free(),
        &[
            (0, new(1, vec![grant(10, None)]), has(10, 0)),
            (1, new(2, vec![hold(1, 8, 50)]), with_held(2, 8)),
            // Two are there, eight are held.
            (2, new(3, vec![reverse(1)]), Balance { available: 0, held: 8, pending: 0, debt: 8 }),
            (3, new(4, vec![void_hold(1)]), has(0, 0)),
        ],
    );
}

#[test]
fn of_two_tills_that_post_one_hold_one_wins() {
    let mut world = World::new();
    world.book(0, 1, grant(10, None));
    world.book(0, 2, hold(1, 8, 50));
    world.book(1, 3, post_hold(1, None));
    let refused = world.post(1, &new(4, vec![post_hold(1, None)])).unwrap_err();
    assert!(matches!(refused, LedgerError::HoldPosted { by, .. } if by == id(3)), "{refused}");
    // The same request again is no second one.
    assert_eq!(world.post(9, &new(3, vec![post_hold(1, None)])).unwrap().at, at(1));
    world.is_sound();
}

#[test]
fn every_refusal_of_a_hold_is_named_in_the_order_of_the_checks() {
    let mut world = World::new();
    for (number, wanted) in [
        grant(30, None),
        hold(1, 5, 50),
        hold(2, 5, 50),
        post_hold(2, None),
        hold(3, 5, 50),
        void_hold(3),
        hold(4, 5, 9),
    ]
    .into_iter()
    .enumerate()
    {
        world.book(0, u8::try_from(number).unwrap() + 1, wanted);
    }
    let table: Vec<Refusal> = vec![
        (new(9, vec![hold(1, 0, 0)]), |e| matches!(e, LedgerError::AmountZero)),
        (new(9, vec![hold(1, 1, 0)]), |e| matches!(e, LedgerError::HoldExists(_))),
        (new(9, vec![hold(9, 99, 10)]), |e| matches!(e, LedgerError::HoldOver(_))),
        (new(9, vec![hold(9, 21, 11)]), |e| matches!(e, LedgerError::Insufficient { needed: 21, available: 20, .. })),
        (new(9, vec![post_hold(9, 0)]), |e| matches!(e, LedgerError::AmountZero)),
        (new(9, vec![post_hold(9, 9)]), |e| matches!(e, LedgerError::UnknownHold(_))),
        (new(9, vec![post_hold(2, 9)]), |e| matches!(e, LedgerError::HoldPosted { .. })),
        (new(9, vec![post_hold(3, 9)]), |e| matches!(e, LedgerError::HoldVoided { .. })),
        (new(9, vec![post_hold(4, 9)]), |e| matches!(e, LedgerError::HoldLapsed { .. })),
        (new(9, vec![post_hold(1, 6)]), |e| matches!(e, LedgerError::HoldTooSmall { wanted: 6, held: 5, .. })),
        (new(9, vec![void_hold(9)]), |e| matches!(e, LedgerError::UnknownHold(_))),
        (new(9, vec![void_hold(2)]), |e| matches!(e, LedgerError::HoldPosted { .. })),
        (new(9, vec![Move::LapseHold { hold: hold_id(1) }]), |e| matches!(e, LedgerError::HoldNotLapsed { .. })),
        (new(9, vec![reverse(2)]), |e| matches!(e, LedgerError::NotReversible(_))),
        (new(9, vec![reverse(6)]), |e| matches!(e, LedgerError::NotReversible(_))),
    ];
    check_refused(&mut world, 10, &table);
}
