//! What has become of things: closed holds and pending grants, lots, reversals, statements, and all that is counted.

use super::*;
use crate::domain::Shortfall;
use crate::ledger::records::Reversal;
use crate::store::layout::Side;

/// A world in which holds and pending grants have come to every end, and postings were reversed.
fn lived() -> World {
    let mut world = World::new();
    world.define(&coupon("welcome"));
    world.book(0, 1, grant(10, Some(100)));
    world.book(0, 2, grant(10, None));
    world.book(0, 3, hold(1, 4, 50));
    world.book(1, 4, post_hold(1, 3));
    world.book(1, 5, hold(2, 2, 60));
    world.book(1, 6, void_hold(2));
    world.book(1, 7, hold(3, 1, 10));
    world.book(1, 8, grant_later(5, None, from_second(10)));
    world.book(1, 9, grant_later(6, None, from_second(500)));
    world.book(1, 10, reverse(9));
    world.book(1, 11, spend(2));
    world.book(1, 12, reverse(11));
    world.book(1, 13, Move::Issue { member: ALICE, unit: code("welcome"), count: 1 });
    world.book(1, 14, reverse(13));
    world.book(1, 15, grant(3, Some(30)));
    world.book(1, 16, give_bob(2));
    world.run_due(40);
    world.is_sound();
    world
}

/// The key of the first lot that a posting has opened.
fn lot_of(tx: &mut Tx, number: u8) -> Result<Vec<u8>, StoreError> {
    for range in [layout::all_open_lots(MERCHANT), layout::all_closed_lots(MERCHANT)] {
        for (key, lot) in tx.load_scan::<Lot>(&range, Direction::Forward, usize::MAX)? {
            if lot.source == id(number) {
                return Ok(key);
            }
        }
    }
    panic!("posting {number} opened no lot")
}

/// The key of the pending grant that a posting made.
fn pending_of(tx: &mut Tx, number: u8) -> Result<Vec<u8>, StoreError> {
    let all = tx.load_scan::<PendingGrant>(&layout::pendings(MERCHANT), Direction::Forward, usize::MAX)?;
    Ok(all.into_iter().find(|(_, pending)| pending.source == id(number)).unwrap().0)
}

#[track_caller]
fn changed_lot(number: u8, expected: &[&str], changed: fn(&mut Lot)) {
    finds_just(&lived(), expected, |tx| {
        let key = lot_of(tx, number)?;
        change(tx, &key, changed)
    });
}

#[track_caller]
fn changed_hold(number: u8, expected: &str, changed: fn(&mut Hold)) {
    let named = format!("{expected}{}", hold_id(number));
    finds_just(&lived(), &[&named], |tx| change(tx, &layout::hold(MERCHANT, hold_id(number)), changed));
}

#[track_caller]
fn changed_pending(number: u8, expected: &str, changed: fn(&mut PendingGrant)) {
    finds_just(&lived(), &[expected], |tx| {
        let key = pending_of(tx, number)?;
        change(tx, &key, changed)
    });
}

#[test]
fn what_was_granted_and_has_expired_of_a_lot() {
    changed_lot(1, &["was opened with 11, but the transfers say 10"], |lot| lot.granted += 1);
    changed_lot(1, &["1 of lot_"], |lot| lot.expired += 1);
    changed_lot(2, &["1 of lot_", "is in the wrong state"], |lot| lot.expired += 1);
    changed_lot(15, &["0 of lot_"], |lot| lot.expired -= 1);
}

#[test]
fn where_a_lot_comes_from_and_when_it_expires() {
    changed_lot(2, &["another source, owner or expiry of lot_"], |lot| lot.source = id(99));
    changed_lot(8, &["another source, owner or expiry of lot_"], |lot| lot.source = id(1));
    changed_lot(15, &["another source, owner or expiry of lot_"], |lot| lot.expires_at = Some(at(31)));
    changed_lot(16, &["another source, owner or expiry of lot_"], |lot| lot.source = id(1));
}

#[test]
fn whose_a_closed_lot_is() {
    // It is found, but lost at the place where it was.
    finds_just(&lived(), &["another source, owner or expiry of lot_"], |tx| {
        let key = lot_of(tx, 15)?;
        let lot: Lot = tx.load(&key)?.unwrap();
        tx.delete(&key);
        tx.save(&layout::closed_lot(MERCHANT, BOB, &points(), lot.id), &lot)
    });
}

#[test]
fn what_is_forgiven_of_a_lot() {
    let forgiving = || {
        let mut world = World::with(UnitRules { shortfall: Shortfall::Forgive, ..free() });
        world.book(0, 1, grant(10, None));
        world.book(0, 2, spend(7));
        world.book(0, 3, reverse(1));
        world
    };
    let tamper = |by: fn(&mut Lot)| {
        move |tx: &mut Tx| {
            let key = lot_of(tx, 1)?;
            change(tx, &key, by)
        }
    };
    finds_just(&forgiving(), &["6 points of the lots of mem_"], tamper(|lot| lot.forgiven -= 1));
    finds_just(&forgiving(), &["8 points of the lots of mem_"], tamper(|lot| lot.forgiven += 1));
    finds_just(&forgiving(), &["is in the wrong state", "11 points of the lots"], tamper(|lot| lot.forgiven += 4));
}

#[test]
fn which_posting_has_placed_a_hold_and_what_became_of_it() {
    changed_hold(1, "of mem_02020202020202020202020202020202 aside as ", |hold| hold.source = id(2));
    changed_hold(2, "of mem_02020202020202020202020202020202 aside as ", |hold| hold.source = id(99));
    changed_hold(3, "of mem_02020202020202020202020202020202 aside as ", |hold| hold.lapses_at = at(11));
    changed_hold(1, "posts 3 of ", |hold| hold.state = HoldState::Posted { posting: id(4), amount: 2 });
    changed_hold(1, "posts 3 of ", |hold| hold.state = HoldState::Posted { posting: id(6), amount: 3 });
    changed_hold(1, "posts 3 of ", |hold| hold.state = HoldState::Voided { posting: id(4) });
    changed_hold(2, "voids ", |hold| hold.state = HoldState::Voided { posting: id(99) });
    changed_hold(2, "voids ", |hold| hold.state = HoldState::Lapsed { posting: id(6) });
    changed_hold(3, "lets ", |hold| hold.state = HoldState::Lapsed { posting: id(6) });
}

#[test]
fn a_hold_that_is_gone_or_was_never_placed() {
    finds_just(&lived(), &["aside as hld_02", "voids hld_02"], |tx| {
        tx.delete(&layout::hold(MERCHANT, hold_id(2)));
        Ok(())
    });
    let expected = [
        "a record says that pst_05050505050505050505050505050505 sets 2 points of",
        "pst_06060606060606060606060606060606 voids hld_09",
    ];
    finds_just(&lived(), &expected, |tx| {
        let hold: Hold = tx.load(&layout::hold(MERCHANT, hold_id(2)))?.unwrap();
        tx.save(&layout::hold(MERCHANT, hold_id(9)), &Hold { id: hold_id(9), ..hold })
    });
}

#[test]
fn which_posting_has_made_a_pending_grant_and_what_became_of_it() {
    changed_pending(8, "5 points for later as lot_", |pending| pending.source = id(99));
    changed_pending(9, "6 points for later as lot_", |pending| pending.amount += 1);
    changed_pending(9, "6 points for later as lot_", |pending| pending.release = from_second(501));
    changed_pending(9, "takes lot_", |pending| pending.state = PendingState::Cancelled { posting: id(9) });
    changed_pending(9, "takes lot_", |pending| {
        pending.state = PendingState::Released { posting: id(10), repaid: 0 };
    });
    changed_pending(8, "releases lot_", |pending| pending.state = PendingState::Cancelled { posting: id(10) });
    changed_pending(8, "releases lot_", |pending| {
        if let PendingState::Released { repaid, .. } = &mut pending.state {
            *repaid += 1;
        }
    });
}

#[test]
fn a_marker_of_a_reversal() {
    let reverses = "pst_0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c reverses pst_0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";
    let unsaid = format!("{reverses}, but no record says so");
    let marker = layout::reversal(MERCHANT, id(11));
    finds_just(&lived(), &[&unsaid], |tx| {
        tx.delete(&marker);
        Ok(())
    });
    finds_just(&lived(), &[&unsaid], |tx| tx.save(&marker, &Reversal::Whole(id(14))));
    let invented = "a record says that pst_0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c reverses pst_01";
    finds_just(&lived(), &[invented], |tx| tx.save(&layout::reversal(MERCHANT, id(1)), &Reversal::Whole(id(12))));
    let invented = "a record says that pst_63636363636363636363636363636363 reverses pst_01";
    finds_just(&lived(), &[invented], |tx| tx.save(&layout::reversal(MERCHANT, id(1)), &Reversal::Whole(id(99))));
}

#[test]
fn a_marker_of_a_part() {
    let lived = || {
        let mut world = World::new();
        world.book(0, 1, grant(10, None));
        world.book(1, 2, Move::ReversePart { posting: id(1), unit: points(), amount: 4 });
        world
    };
    let marker = layout::reversal(MERCHANT, id(1));
    let unsaid =
        "reverses 4 points of pst_01010101010101010101010101010101, of which 0 had lapsed, but no record says so";
    finds_just(&lived(), &[unsaid], |tx| {
        tx.delete(&marker);
        Ok(())
    });
    finds_just(&lived(), &[unsaid], |tx| {
        change(tx, &marker, |reversal: &mut Reversal| {
            if let Reversal::Parts(parts) = reversal {
                parts[0].amount = 3;
            }
        })
    });
    finds_just(&lived(), &[unsaid], |tx| {
        change(tx, &marker, |reversal: &mut Reversal| {
            if let Reversal::Parts(parts) = reversal {
                parts[0].lapsed = vec![(crate::domain::LotId::from_bytes([1; 16]), 1)];
            }
        })
    });
}

#[test]
fn a_posting_that_is_reversed_twice() {
    let mut world = World::new();
    world.book(0, 1, grant(10, None));
    world.book(0, 2, reverse(1));
    world.is_sound();
    let marker = layout::reversal(MERCHANT, id(1));
    let forget = |tx: &mut Tx| {
        tx.delete(&marker);
        Ok::<_, StoreError>(())
    };
    world.store.write(forget).unwrap();
    world.book(0, 3, reverse(1));
    let first = "pst_02020202020202020202020202020202 reverses pst_01010101010101010101010101010101, but no record";
    let told = world.told();
    assert!(told.len() == 1 && told[0].contains(first), "{told:?}");
}

#[test]
fn a_statement() {
    let touches = "pst_02020202020202020202020202020202 touches mem_02020202020202020202020202020202, but no record";
    finds_just(&lived(), &[touches], |tx| {
        tx.delete(&layout::member_posting(MERCHANT, ALICE, id(2)));
        Ok(())
    });
    let touches = "a record says that pst_02020202020202020202020202020202 touches mem_03";
    finds_just(&lived(), &[touches], |tx| tx.put(&layout::member_posting(MERCHANT, BOB, id(2)), Vec::new()));
    let touches = "a record says that pst_63636363636363636363636363636363 touches mem_03";
    finds_just(&lived(), &[touches], |tx| tx.put(&layout::member_posting(MERCHANT, BOB, id(99)), Vec::new()));
}

#[test]
fn a_counter_of_coupons_where_none_were_issued_or_that_is_gone() {
    let welcome = code("welcome");
    let key = layout::coupons_issued(MERCHANT, ALICE, &welcome);
    finds_just(&lived(), &["is said to have got 1 welcome, but got 0"], |tx| tx.add(&key, 1));
    let of_bob = layout::coupons_issued(MERCHANT, BOB, &welcome);
    finds_just(&lived(), &["03 is said to have got 2 welcome, but got 0"], |tx| tx.add(&of_bob, 2));
    let of_points = layout::coupons_issued(MERCHANT, ALICE, &points());
    finds_just(&lived(), &["is said to have got 1 points, but got 0"], |tx| tx.add(&of_points, 1));
    finds_just(&busy(), &["is said to have got 0 welcome, but got 1"], |tx| {
        tx.delete(&key);
        Ok(())
    });
}

#[test]
fn a_total_of_what_there_is_not_and_a_total_that_is_gone() {
    let total = |house: House, side, unit: &str| layout::house(MERCHANT, house.letter(), side, &code(unit));
    let ghost = total(House::Redeemed, Side::Credits, "ghost");
    let expected = ["Redeemed has credits of 5 ghost, but the transfers add up to 0", "there is no such unit"];
    finds_just(&lived(), &expected, |tx| tx.add(&ghost, 5));
    let unused = total(House::Cash, Side::Debits, "points");
    finds_just(&lived(), &["Cash has debits of 5 points, but the transfers add up to 0"], |tx| tx.add(&unused, 5));
    let used = total(House::Redeemed, Side::Credits, "points");
    finds_just(&lived(), &["Redeemed has credits of 0 points, but the transfers add up to 5"], |tx| {
        tx.delete(&used);
        Ok(())
    });
}

#[test]
fn a_unit_that_is_gone() {
    finds_just(&lived(), &["the books tell of points, but there is no such unit"], |tx| {
        tx.delete(&layout::unit(MERCHANT, &points()));
        Ok(())
    });
}

#[test]
fn an_index_that_names_another_member() {
    finds_just(&busy(), &["is due at 50000, but is closed or due", "is due at 50000, but is not found by"], |tx| {
        let what = layout::Timed::Hold(hold_id(1));
        tx.delete(&layout::timed(MERCHANT, ALICE, &points(), at(50), what));
        tx.put(&layout::timed(MERCHANT, BOB, &points(), at(50), what), Vec::new())
    });
    finds_just(&busy(), &["no such lot is open until then", "is open and expires, but is not among"], |tx| {
        let key = lot_of(tx, 1)?;
        let (unit, lot) = (points(), tx.load::<Lot>(&key)?.unwrap().id);
        let due = |member| layout::due(MERCHANT, at(100), &layout::Due::Lot { member, unit: unit.clone(), lot });
        tx.delete(&due(ALICE));
        tx.put(&due(BOB), Vec::new())
    });
}
