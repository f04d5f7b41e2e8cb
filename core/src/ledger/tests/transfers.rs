//! Giving something to another member.

use super::*;

#[test]
fn what_is_given_keeps_its_expiry() {
    let mut world = check(&[
        (0, new(1, vec![grant(10, Some(100))]), 10, 0),
        (0, new(2, vec![grant(10, None)]), 20, 0),
        (1, new(3, vec![give_bob(15)]), 5, 0),
    ]);
    assert_eq!(world.balance(99, BOB), has(15, 0));
    assert_eq!(world.balance(100, BOB), has(5, 0));
    assert_eq!(world.run_due(100), DueBooked { found: 1, more: false, lost: 0 });
    world.is_sound();
}

#[test]
fn what_is_given_repays_the_receivers_debt_first() {
    let mut world = World::new();
    let grant_bob = Move::Grant { member: BOB, unit: points(), amount: 6, expires_at: None, from: House::Issued };
    world.book(0, 1, grant_bob);
    world.book(0, 2, Move::Spend { member: BOB, unit: points(), amount: 6, to: House::Redeemed });
    world.book(0, 3, reverse(1));
    assert_eq!(world.balance(0, BOB), has(0, 6));
    world.book(0, 4, grant(10, Some(50)));
    world.book(1, 5, give_bob(10));
    assert_eq!(world.balance(1, BOB), has(4, 0));
    // Reversed, the debt is there again.
    world.book(2, 6, reverse(5));
    assert_eq!((world.balance(2, BOB), world.balance(2, ALICE)), (has(0, 6), has(10, 0)));
    world.is_sound();
}

#[test]
fn a_reversal_gives_back_to_the_very_lots_what_the_receiver_has_spent_becomes_their_debt() {
    let mut world = World::new();
    world.book(0, 1, grant(10, Some(100)));
    world.book(0, 2, grant(10, None));
    world.book(1, 3, give_bob(15));
    world.book(2, 4, Move::Spend { member: BOB, unit: points(), amount: 12, to: House::Redeemed });
    world.book(3, 5, reverse(3));
    assert_eq!((world.balance(3, ALICE), world.balance(3, BOB)), (has(20, 0), has(0, 12)));
    assert_eq!(world.balance(100, ALICE), has(10, 0));
    world.is_sound();
}

#[test]
fn what_expired_with_the_receiver_expires_with_the_giver_when_it_comes_back() {
    let mut world = World::new();
    world.book(0, 1, grant(10, Some(100)));
    world.book(0, 2, grant(10, None));
    world.book(1, 3, give_bob(15));
    world.run_due(150);
    world.book(151, 4, reverse(3));
    assert_eq!((world.balance(151, ALICE), world.balance(151, BOB)), (has(10, 0), has(0, 0)));
    world.is_sound();
    world.run_due(152);
    world.is_sound();
}

#[test]
fn every_refusal_of_a_transfer_is_named_in_the_order_of_the_checks() {
    let to_herself = |amount| Move::Transfer { from: ALICE, to: ALICE, unit: points(), amount };
    let mut world = World::with(UnitRules { balance_max: Some(20), spend_per_day_max: Some(12), ..free() });
    world.declare(&Unit::new(code("stamps"), UnitKind::Count, None));
    let stamps = Move::Transfer { from: ALICE, to: ALICE, unit: code("stamps"), amount: 1 };
    world.book(0, 1, grant(11, None));
    world.book(0, 2, Move::Grant { member: BOB, unit: points(), amount: 15, expires_at: None, from: House::Issued });
    let table: Vec<Refusal> = vec![
        (new(9, vec![to_herself(0)]), |e| matches!(e, LedgerError::AmountZero)),
        (new(9, vec![stamps]), |e| matches!(e, LedgerError::NotTransferable(_))),
        (new(9, vec![to_herself(13)]), |e| matches!(e, LedgerError::SameMember(_))),
        (new(9, vec![give_bob(13)]), |e| matches!(e, LedgerError::SpendLimit { max: 12, today: 0, .. })),
        (new(9, vec![give_bob(12)]), |e| matches!(e, LedgerError::Insufficient { needed: 12, available: 11, .. })),
        (new(9, vec![give_bob(6)]), |e| matches!(e, LedgerError::BalanceLimit { max: 20, .. })),
    ];
    check_refused(&mut world, 1, &table);
    world.book(1, 9, give_bob(5));
}
