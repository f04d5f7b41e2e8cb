//! What a unit's rules allow.

use super::*;
use crate::domain::Shortfall;

const DAY: i64 = 86_400;

#[test]
fn a_member_earns_at_most_so_much_on_one_day() {
    let rules = UnitRules { earn_per_day_max: Some(10), ..free() };
    let mut world = check_all(
        &rules,
        &[
            (0, new(1, vec![grant(6, None)]), has(6, 0)),
            // What is spent does not make room; what is taken back on the same day does.
            (1, new(2, vec![spend(6)]), has(0, 0)),
            (2, new(3, vec![grant(4, None)]), has(4, 0)),
            (3, new(4, vec![reverse(3)]), has(0, 0)),
            (4, new(5, vec![grant(4, None)]), has(4, 0)),
        ],
    );
    let refused = world.post(5, &new(6, vec![grant(1, None)])).unwrap_err();
    assert!(matches!(refused, LedgerError::EarnLimit { max: 10, today: 10, .. }), "{refused}");
    let refused = world.post(DAY - 1, &new(6, vec![grant_later(1, None, from_second(DAY))])).unwrap_err();
    assert!(matches!(refused, LedgerError::EarnLimit { .. }), "{refused}");
    world.book(DAY, 6, grant(10, None));
    // What was earned yesterday makes no room today when it is taken back.
    world.book(DAY, 7, reverse(5));
    let refused = world.post(DAY, &new(8, vec![grant(1, None)])).unwrap_err();
    assert!(matches!(refused, LedgerError::EarnLimit { max: 10, today: 10, .. }), "{refused}");
}

#[test]
fn a_member_spends_at_most_so_much_on_one_day_and_what_is_held_counts() {
    let rules = UnitRules { spend_per_day_max: Some(10), ..free() };
    let mut world = check_all(
        &rules,
        &[
            (0, new(1, vec![grant(100, None)]), has(100, 0)),
            (1, new(2, vec![hold(1, 6, 500)]), Balance { available: 94, held: 6, ..has(0, 0) }),
            (2, new(3, vec![spend(4)]), Balance { available: 90, held: 6, ..has(0, 0) }),
            // Two are given back on the same day.
            (3, new(4, vec![post_hold(1, 4)]), has(92, 0)),
            (4, new(5, vec![spend(2)]), has(90, 0)),
            (5, new(6, vec![reverse(4)]), has(94, 0)),
            (6, new(7, vec![give_bob(4)]), has(90, 0)),
        ],
    );
    let refused = world.post(7, &new(8, vec![spend(1)])).unwrap_err();
    assert!(matches!(refused, LedgerError::SpendLimit { max: 10, today: 10, .. }), "{refused}");
    let refused = world.post(7, &new(8, vec![hold(2, 1, 500)])).unwrap_err();
    assert!(matches!(refused, LedgerError::SpendLimit { .. }), "{refused}");
    world.book(DAY, 8, spend(10));
    let refused = world.post(DAY, &new(9, vec![spend(1)])).unwrap_err();
    assert!(matches!(refused, LedgerError::SpendLimit { .. }), "{refused}");
}

#[test]
fn a_hold_of_yesterday_makes_no_room_today() {
    let rules = UnitRules { spend_per_day_max: Some(10), ..free() };
    let mut world = World::with(rules);
    world.book(0, 1, grant(100, None));
    world.book(1, 2, hold(1, 10, 3 * DAY));
    world.book(DAY, 3, spend(10));
    world.book(DAY, 4, void_hold(1));
    let refused = world.post(DAY, &new(5, vec![spend(1)])).unwrap_err();
    assert!(matches!(refused, LedgerError::SpendLimit { max: 10, today: 10, .. }), "{refused}");
}

#[test]
fn a_member_has_at_most_so_much_held_and_pending_included_and_expired_not() {
    let rules = UnitRules { balance_max: Some(100), ..free() };
    let mut world = check_all(
        &rules,
        &[
            (0, new(1, vec![grant(40, Some(500))]), has(40, 0)),
            (1, new(2, vec![hold(1, 20, 900)]), Balance { available: 20, held: 20, ..has(0, 0) }),
            (
                2,
                new(3, vec![grant_later(50, None, from_second(800))]),
                Balance { available: 20, held: 20, pending: 50, debt: 0 },
            ),
        ],
    );
    for wanted in [grant(11, None), grant_later(11, None, from_second(9))] {
        let refused = world.post(3, &new(4, vec![wanted])).unwrap_err();
        assert!(matches!(refused, LedgerError::BalanceLimit { max: 100, .. }), "{refused}");
    }
    // Twenty have expired, though nobody has booked it.
    world.book(500, 4, grant(30, None));
    let refused = world.post(501, &new(5, vec![grant(1, None)])).unwrap_err();
    assert!(matches!(refused, LedgerError::BalanceLimit { .. }), "{refused}");
    world.is_sound();
}

#[test]
fn what_a_reversal_can_not_take_back_is_owed_forgiven_or_refused() {
    let steps = |reversed| {
        [
            (0, new(1, vec![grant(100, None)]), has(100, 0)),
            (1, new(2, vec![spend(80)]), has(20, 0)),
            (2, new(3, vec![reverse(1)]), reversed),
        ]
    };
    check_all(&free(), &steps(has(0, 80)));
    let forgiven = check_all(&UnitRules { shortfall: Shortfall::Forgive, ..free() }, &steps(has(0, 0)));
    let borne = forgiven.store.read(|tx| liability::kept_in(tx, MERCHANT, House::Forgiven, &points())).unwrap();
    assert_eq!(borne, -80);
    let rules = UnitRules { shortfall: Shortfall::Refuse, ..free() };
    let mut world = check_all(&rules, &steps(has(0, 0))[..2]);
    let table: Vec<Refusal> =
        vec![(new(3, vec![reverse(1)]), |e| matches!(e, LedgerError::Shortfall { missing: 80, .. }))];
    check_refused(&mut world, 2, &table);
}

#[test]
fn what_was_forgiven_does_not_come_back_to_the_member() {
    let rules = UnitRules { shortfall: Shortfall::Forgive, ..free() };
    let steps = [
        (0, new(1, vec![grant(100, None)]), has(100, 0)),
        (1, new(2, vec![spend(50)]), has(50, 0)),
        (2, new(3, vec![hold(1, 30, 500)]), Balance { available: 20, held: 30, ..has(0, 0) }),
        (3, new(4, vec![reverse(1)]), Balance { held: 30, ..has(0, 0) }),
        (4, new(5, vec![post_hold(1, 10)]), has(0, 0)),
        (5, new(6, vec![reverse(2)]), has(0, 0)),
        (6, new(7, vec![reverse(5)]), has(0, 0)),
    ];
    let world = check_all(&rules, &steps);
    let borne = world.store.read(|tx| liability::kept_in(tx, MERCHANT, House::Forgiven, &points())).unwrap();
    assert_eq!(borne, 0);
}

#[test]
fn what_was_forgiven_of_a_hold_is_not_there_when_it_lapses() {
    let rules = UnitRules { shortfall: Shortfall::Forgive, ..free() };
    let mut world = World::with(rules);
    world.book(0, 1, grant(100, None));
    world.book(1, 2, hold(1, 30, 50));
    world.book(1, 3, hold(2, 20, 60));
    world.book(2, 4, reverse(1));
    // Before anybody has booked it, and after.
    assert_eq!(world.balance(60, ALICE), has(0, 0));
    world.run_due(60);
    assert_eq!(world.balance(60, ALICE), has(0, 0));
    world.is_sound();
}

#[test]
fn a_clock_that_goes_back_over_midnight_begins_no_new_day() {
    let rules = UnitRules { earn_per_day_max: Some(10), spend_per_day_max: Some(10), ..free() };
    let mut world = World::with(rules);
    world.book(DAY, 1, grant(10, None));
    world.book(DAY, 2, spend(10));
    // A till's clock is a second behind; what it books must not empty the count of the day that has begun.
    let table: Vec<Refusal> = vec![
        (new(9, vec![grant(1, None)]), |e| matches!(e, LedgerError::EarnLimit { max: 10, today: 10, .. })),
        (new(9, vec![spend(1)]), |e| matches!(e, LedgerError::SpendLimit { max: 10, today: 10, .. })),
    ];
    check_refused(&mut world, DAY - 1, &table);
}

#[test]
fn what_can_be_granted_is_what_the_limits_leave() {
    let rules = UnitRules { earn_per_day_max: Some(50), balance_max: Some(100), ..free() };
    let mut world = World::with(rules);
    let grantable = |world: &mut World, now| world.with_book(now, |book| book.grantable(ALICE, &points())).unwrap();
    assert_eq!(grantable(&mut world, 0), 50);
    world.book(0, 1, grant(30, Some(2 * DAY)));
    assert_eq!(grantable(&mut world, 1), 20);
    assert_eq!(grantable(&mut world, DAY), 50);
    world.book(DAY, 2, grant(50, None));
    world.book(DAY, 3, hold(1, 40, 9 * DAY));
    // 40 are in lots, 40 in the hold: 20 more. Then the lot of 10 expires.
    assert_eq!(grantable(&mut world, 2 * DAY - 1), 0);
    assert_eq!(grantable(&mut world, 2 * DAY), 20);
    // What is owed is room: the grant repays it first.
    world.book(2 * DAY, 4, spend(40));
    world.book(2 * DAY, 5, reverse(2));
    assert_eq!(world.balance(2 * DAY, ALICE), Balance { held: 40, debt: 50, ..Balance::default() });
    assert_eq!(grantable(&mut world, 2 * DAY), 50);
    world.book(2 * DAY, 6, grant(50, None));
    assert_eq!(world.balance(2 * DAY, ALICE), Balance { held: 40, ..Balance::default() });
    world.is_sound();
    let refused = world.with_book(0, |book| book.grantable(ALICE, &code("stamps"))).unwrap_err();
    assert!(matches!(refused, LedgerError::UnknownUnit(_)), "{refused}");
    let mut free_world = World::new();
    assert_eq!(grantable(&mut free_world, 0), Minor::MAX);
}
