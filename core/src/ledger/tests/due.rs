//! The job that books what fell due.

use super::*;
use crate::store::{Direction, StoreError, Tx};

#[test]
fn the_job_books_in_steps_what_is_due_and_nothing_else() {
    let mut world = World::new();
    for number in 0..10 {
        world.book(0, number + 1, grant(10, Some(100 + i64::from(number))));
    }
    world.book(0, 20, hold(1, 5, 105));
    world.book(0, 21, grant_later(7, None, from_second(103)));
    world.book(0, 22, grant_later(8, None, from_second(200)));
    let step = |world: &mut World| world.with_book(104, |book| book.book_due(4)).unwrap();
    assert_eq!(step(&mut world), DueBooked { found: 4, more: true, lost: 0 });
    // The first step brought the whole account up: the others were found with it.
    assert_eq!(step(&mut world), DueBooked { found: 0, more: false, lost: 0 });
    world.is_sound();
    // Of the first lot five were held; of five lots in all 45 expired.
    assert_eq!(world.balance(104, ALICE), Balance { available: 57, held: 5, pending: 8, debt: 0 });
    let expired = world.store.read(|tx| liability::kept_in(tx, MERCHANT, House::Expired, &points())).unwrap();
    assert_eq!(expired, 45);
}

#[test]
fn the_job_brings_up_every_account() {
    let mut world = World::new();
    world.book(0, 1, grant(10, Some(100)));
    for (number, member) in [(2, BOB), (3, MemberId::from_bytes([9; 16]))] {
        let wanted = Move::Grant { member, unit: points(), amount: 5, expires_at: Some(at(100)), from: House::Issued };
        world.book(0, number, wanted);
    }
    let step = |world: &mut World| world.with_book(100, |book| book.book_due(2)).unwrap();
    assert_eq!(step(&mut world), DueBooked { found: 2, more: true, lost: 0 });
    assert_eq!(step(&mut world), DueBooked { found: 1, more: false, lost: 0 });
    assert_eq!(step(&mut world), DueBooked { found: 0, more: false, lost: 0 });
    assert_eq!(world.liability(&points()).outstanding, 0);
    world.is_sound();
}

#[test]
fn an_account_with_many_expired_lots_is_booked_in_several_postings() {
    let mut world = World::new();
    for first in [0_u8, 100] {
        for number in 0..6 {
            let moves = (0..100).map(|_| grant(1, Some(50))).collect();
            world.post(0, &new(first + number + 1, moves)).unwrap();
        }
    }
    world.run_due(60);
    let expiries = world.audit().postings - 12;
    assert!((2..=4).contains(&expiries), "{expiries}");
    assert_eq!(world.balance(60, ALICE), has(0, 0));
    world.is_sound();
}

#[test]
fn what_is_due_and_missing_does_not_keep_the_rest_from_being_booked() {
    let mut world = World::new();
    world.book(0, 1, grant(10, None));
    world.book(0, 2, hold(1, 5, 100));
    world.book(0, 3, grant(10, Some(101)));
    let bobs = Move::Grant { member: BOB, unit: points(), amount: 5, expires_at: Some(at(102)), from: House::Issued };
    world.book(0, 4, bobs);
    let lose_holds = |tx: &mut Tx| {
        let holds = tx.scan(&layout::holds(MERCHANT), Direction::Forward, 9)?;
        holds.iter().for_each(|(key, _)| tx.delete(key));
        Ok::<_, StoreError>(())
    };
    world.store.write(lose_holds).unwrap();
    let step = |world: &mut World| world.with_book(200, |book| book.book_due(1)).unwrap();
    assert_eq!(step(&mut world), DueBooked { found: 1, more: true, lost: 1 }, "the hold");
    assert_eq!(step(&mut world), DueBooked { found: 1, more: true, lost: 1 }, "the other lot of the same account");
    assert_eq!(step(&mut world), DueBooked { found: 1, more: true, lost: 0 }, "somebody else's");
    assert_eq!(step(&mut world), DueBooked { found: 0, more: false, lost: 0 });
    assert!(!world.audit().findings.is_empty(), "the audit tells of what is missing");
}
