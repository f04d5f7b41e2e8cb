//! Reversing parts of a posting.

use super::*;
use crate::domain::Shortfall;

fn part(number: u8, amount: Minor) -> Move {
    Move::ReversePart { posting: id(number), unit: points(), amount }
}

#[test]
fn parts_take_back_what_was_granted_and_give_back_what_was_spent() {
    check(&[
        (0, new(1, vec![grant(100, None)]), 100, 0),
        (1, new(2, vec![part(1, 30)]), 70, 0),
        (2, new(3, vec![spend(50)]), 20, 0),
        (3, new(4, vec![part(3, 20)]), 40, 0),
        // What is spent of the grant is owed.
        (4, new(5, vec![part(1, 70)]), 0, 30),
        (5, new(6, vec![part(3, 30)]), 0, 0),
    ]);
}

#[test]
fn what_has_lapsed_is_taken_back_first_and_once() {
    check(&[
        (0, new(1, vec![grant(100, Some(100))]), 100, 0),
        (1, new(2, vec![spend(40)]), 60, 0),
        // 60 have lapsed: so much is gone already, and only then is something owed.
        (200, new(3, vec![part(1, 50)]), 0, 0),
        (201, new(4, vec![part(1, 50)]), 0, 40),
    ]);
}

#[test]
fn nothing_is_printed_by_parts_when_the_merchant_bears_what_is_missing() {
    let mut world = World::with(UnitRules { shortfall: Shortfall::Forgive, ..free() });
    world.book(0, 1, grant(100, None));
    world.book(1, 2, spend(100));
    world.book(2, 3, part(1, 10));
    assert_eq!(world.balance(2, ALICE), has(0, 0));
    // What the merchant bore comes back to the merchant.
    world.book(3, 4, reverse(2));
    assert_eq!(world.balance(3, ALICE), has(90, 0));
    world.is_sound();
}

#[test]
fn what_can_not_be_reversed_in_parts_is_refused() {
    let mut world = check(&[
        (0, new(1, vec![grant(10, None)]), 10, 0),
        (0, new(2, vec![part(1, 4)]), 6, 0),
        (0, new(3, vec![spend(1)]), 5, 0),
        (0, new(4, vec![reverse(3)]), 6, 0),
    ]);
    let table: Vec<Refusal> = vec![
        (new(9, vec![part(1, 0)]), |e| matches!(e, LedgerError::AmountZero)),
        (new(9, vec![part(8, 1)]), |e| matches!(e, LedgerError::UnknownPosting(_))),
        (new(9, vec![part(4, 1)]), |e| matches!(e, LedgerError::NotReversible(_))),
        (new(9, vec![part(3, 1)]), |e| matches!(e, LedgerError::AlreadyReversed { .. })),
        (new(9, vec![part(1, 7)]), |e| matches!(e, LedgerError::PartTooLarge { wanted: 7, left: 6, .. })),
        (new(9, vec![reverse(1)]), |e| matches!(e, LedgerError::PartlyReversed(_))),
    ];
    check_refused(&mut world, 1, &table);
}
