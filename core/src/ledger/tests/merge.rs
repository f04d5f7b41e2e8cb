//! Two members who turn out to be one.

use super::*;

fn bobs(wanted: Move) -> Move {
    match wanted {
        Move::Grant { unit, amount, expires_at, from, .. } => {
            Move::Grant { member: BOB, unit, amount, expires_at, from }
        }
        Move::Spend { unit, amount, to, .. } => Move::Spend { member: BOB, unit, amount, to },
        Move::Hold { hold, unit, amount, lapses_at, .. } => Move::Hold { hold, member: BOB, unit, amount, lapses_at },
        Move::GrantLater { unit, amount, expires_at, from, release, .. } => {
            Move::GrantLater { member: BOB, unit, amount, expires_at, from, release }
        }
        other => other,
    }
}

fn merge(world: &mut World, second: i64) {
    world.with_book(second, |book| book.merge(BOB, ALICE)).unwrap();
    world.is_sound();
}

#[test]
fn all_that_one_has_is_the_others() {
    let mut world = World::new();
    world.book(1, 1, grant(100, Some(50)));
    world.book(1, 2, bobs(grant(40, Some(30))));
    world.book(1, 3, bobs(grant(60, None)));
    world.book(1, 4, bobs(hold(1, 10, 40)));
    world.book(1, 5, bobs(grant_later(7, None, from_second(20))));
    world.book(1, 6, bobs(grant_later(5, None, Release::On { event: event("paid") })));
    merge(&mut world, 2);
    assert_eq!(world.balance(2, ALICE), Balance { available: 190, held: 10, pending: 12, debt: 0 });
    assert_eq!(world.balance(2, BOB), Balance::default());
    assert_eq!(world.find_hold(1).member, ALICE);
    // What falls due falls due for the survivor, of its very lots.
    assert_eq!(world.balance(20, ALICE).pending, 5);
    world.with_book(21, |book| book.release_waiting(&event("paid"), 10)).unwrap();
    assert_eq!(world.balance(21, ALICE), Balance { available: 202, held: 10, pending: 0, debt: 0 });
    assert_eq!(world.balance(30, ALICE).available, 172, "a lot of 40, 10 of it held, has expired");
    world.run_due(100);
    assert_eq!(world.balance(100, ALICE), has(72, 0));
    world.is_sound();
}

#[test]
fn what_was_booked_before_is_reversed_for_the_survivor() {
    let mut world = World::new();
    world.book(1, 1, bobs(grant(100, None)));
    world.book(2, 2, bobs(spend(100)));
    world.book(2, 3, grant(30, None));
    merge(&mut world, 3);
    // The lot is closed, where it was before; a refund opens it again at the survivor's.
    world.book(4, 4, reverse(2));
    assert_eq!(world.balance(4, ALICE), has(130, 0));
    world.is_sound();
    world.book(5, 5, spend(120));
    world.book(6, 6, reverse(1));
    assert_eq!(world.balance(6, ALICE), has(0, 90));
    assert_eq!(world.balance(6, BOB), Balance::default());
    world.is_sound();
}

#[test]
fn a_hold_of_one_is_posted_by_the_other() {
    let mut world = World::new();
    world.book(1, 1, bobs(grant(100, None)));
    world.book(1, 2, bobs(hold(1, 80, 50)));
    merge(&mut world, 2);
    world.book(3, 3, post_hold(1, 50));
    assert_eq!(world.balance(3, ALICE), has(50, 0));
    world.is_sound();
    world.book(4, 4, reverse(3));
    assert_eq!(world.balance(4, ALICE), has(100, 0));
    world.is_sound();
}

#[test]
fn the_debt_of_one_is_repaid_by_what_the_other_has() {
    for debtor_is_gone in [true, false] {
        let mut world = World::new();
        let of = |wanted: Move, gone: bool| if gone { bobs(wanted) } else { wanted };
        world.book(1, 1, of(grant(50, None), debtor_is_gone));
        world.book(2, 2, of(spend(50), debtor_is_gone));
        world.book(3, 3, reverse(1));
        world.book(3, 4, of(grant(80, None), !debtor_is_gone));
        merge(&mut world, 4);
        assert_eq!(world.balance(4, ALICE), has(30, 0));
    }
}

#[test]
fn a_gift_between_the_two_can_still_be_reversed() {
    let mut world = World::new();
    world.book(1, 1, grant(50, None));
    world.book(2, 2, give_bob(20));
    merge(&mut world, 3);
    world.book(4, 3, reverse(2));
    assert_eq!(world.balance(4, ALICE), has(50, 0));
    world.is_sound();
}

#[test]
fn a_third_who_was_merged_before_follows() {
    let carol = MemberId::from_bytes([4; 16]);
    let mut world = World::new();
    let unit = points();
    let to_carol = Move::Grant { member: carol, unit, amount: 10, expires_at: None, from: House::Issued };
    world.book(1, 1, to_carol);
    let spent = Move::Spend { member: carol, unit: points(), amount: 10, to: House::Redeemed };
    world.book(1, 2, spent);
    world.with_book(2, |book| book.merge(carol, BOB)).unwrap();
    world.is_sound();
    merge(&mut world, 3);
    world.book(4, 3, reverse(2));
    assert_eq!(world.balance(4, ALICE), has(10, 0));
    world.is_sound();
}

#[test]
fn more_lots_than_one_posting_holds_move_in_several() {
    let mut world = World::new();
    for number in 0..900_u32 {
        let mut bytes = [9; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        let posting = NewPosting { id: PostingId::from_bytes(bytes), ..new(1, vec![bobs(grant(1, Some(5_000)))]) };
        world.post(1, &posting).unwrap();
    }
    merge(&mut world, 2);
    assert_eq!(world.balance(2, ALICE), has(900, 0));
    assert_eq!(world.audit().postings, 903);
}

#[test]
fn coupons_that_one_was_issued_count_for_the_other() {
    let mut world = World::new();
    world.define(&CouponType { per_member_max: Some(3), ..coupon("welcome") });
    let issue = |member, count| Move::Issue { member, unit: code("welcome"), count };
    world.book(1, 1, issue(BOB, 2));
    world.book(1, 2, issue(ALICE, 1));
    merge(&mut world, 2);
    let refused = world.post(3, &new(3, vec![issue(ALICE, 1)])).unwrap_err();
    assert!(matches!(refused, LedgerError::CouponMemberMax { .. }), "{refused}");
    assert_eq!(world.balance_of(3, ALICE, &code("welcome")).available, 3);
    world.book(4, 4, reverse(1));
    world.book(4, 5, issue(ALICE, 2));
    world.is_sound();
}

#[test]
fn a_marker_of_a_merge_that_was_tampered_with_is_found() {
    let mut world = World::new();
    world.book(1, 1, bobs(grant(100, None)));
    merge(&mut world, 2);
    world
        .store
        .write(|tx| {
            tx.delete(&layout::survivor(MERCHANT, BOB));
            Ok::<_, crate::store::StoreError>(())
        })
        .unwrap();
    assert!(!world.told().is_empty());
}
