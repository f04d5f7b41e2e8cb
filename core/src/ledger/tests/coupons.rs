//! Coupons of members.

use super::*;
use crate::domain::Shortfall;

const DAY: i64 = 86_400;

fn issue(unit: &str, count: Minor) -> Move {
    Move::Issue { member: ALICE, unit: code(unit), count }
}

fn issue_bob(unit: &str, count: Minor) -> Move {
    Move::Issue { member: BOB, unit: code(unit), count }
}

fn redeem(unit: &str) -> Move {
    Move::Spend { member: ALICE, unit: code(unit), amount: 1, to: House::Redeemed }
}

fn reserve(number: u8, unit: &str, lapses_at: i64) -> Move {
    Move::Hold { hold: hold_id(number), member: ALICE, unit: code(unit), amount: 1, lapses_at: at(lapses_at) }
}

fn world(coupons: &[CouponType]) -> World {
    let world = World::new();
    for coupon in coupons {
        world.define(coupon);
    }
    world
}

/// A world in which a used coupon is forgiven when its issue is reversed, as of coupons that merchants define.
fn forgiving(limited: &CouponType) -> World {
    let world = world(std::slice::from_ref(limited));
    let rules = UnitRules { shortfall: Shortfall::Forgive, ..free() };
    world.declare(&Unit { rules, ..Unit::new(limited.unit.clone(), UnitKind::Coupon, None) });
    world
}

#[track_caller]
fn has_coupons(world: &World, second: i64, unit: &str, expected: Minor) {
    assert_eq!(world.balance_of(second, ALICE, &code(unit)).available, expected);
    world.is_sound();
}

#[test]
fn each_coupon_is_a_lot_of_one_that_expires_as_its_type_says() {
    let mut world = world(&[coupon("welcome")]);
    let posting = world.book(100, 1, issue("welcome", 3));
    let lots: Vec<_> = posting.transfers().flat_map(|transfer| &transfer.lots).collect();
    // Seven days after the first day of 1970, to the end of the day.
    assert!(lots.iter().all(|lot| lot.amount == 1 && lot.expires_at == Some(at(8 * DAY))), "{lots:?}");
    assert_eq!(lots.len(), 3);
    has_coupons(&world, 8 * DAY - 1, "welcome", 3);
    has_coupons(&world, 8 * DAY, "welcome", 0);
}

#[test]
fn a_coupon_is_reserved_redeemed_and_returned() {
    let mut world = world(&[coupon("welcome")]);
    world.book(0, 1, issue("welcome", 1));
    world.book(1, 2, reserve(1, "welcome", 60));
    has_coupons(&world, 1, "welcome", 0);
    let refused = world.post(2, &new(3, vec![reserve(2, "welcome", 60)])).unwrap_err();
    assert!(matches!(refused, LedgerError::Insufficient { .. }), "{refused}");
    world.book(3, 3, post_hold(1, None));
    world.book(4, 4, reverse(3));
    has_coupons(&world, 4, "welcome", 1);
    world.book(5, 5, redeem("welcome"));
    has_coupons(&world, 5, "welcome", 0);
    world.book(6, 6, reverse(5));
    // It is the same coupon: it expires when it would have.
    has_coupons(&world, 8 * DAY - 1, "welcome", 1);
    has_coupons(&world, 8 * DAY, "welcome", 0);
}

#[test]
fn a_member_gets_at_most_so_many_and_all_together_too() {
    let limited = CouponType { per_member_max: Some(2), total_max: Some(3), ..coupon("welcome") };
    let mut world = world(&[limited]);
    world.book(0, 1, issue("welcome", 1));
    world.book(0, 2, issue("welcome", 1));
    world.book(0, 3, redeem("welcome"));
    let table: Vec<Refusal> = vec![
        (new(9, vec![issue("welcome", 1)]), |e| matches!(e, LedgerError::CouponMemberMax { max: 2, .. })),
        (new(9, vec![issue_bob("welcome", 2)]), |e| matches!(e, LedgerError::CouponTotalMax { max: 3, .. })),
    ];
    check_refused(&mut world, 1, &table);
    // An issue that is taken back was none.
    world.book(2, 4, reverse(2));
    world.book(3, 5, issue("welcome", 1));
    world.book(3, 6, issue_bob("welcome", 1));
    world.is_sound();
}

#[test]
fn the_stock_is_what_can_be_redeemed_and_a_reservation_takes_of_it() {
    let scarce = CouponType { stock: Some(1), ..coupon("cake") };
    let mut world = world(&[scarce]);
    world.book(0, 1, issue("cake", 3));
    world.book(1, 2, reserve(1, "cake", 60));
    let gone: fn(&LedgerError) -> bool = |e| matches!(e, LedgerError::CouponOutOfStock { stock: 1, .. });
    check_refused(&mut world, 2, &[(new(9, vec![redeem("cake")]), gone), (new(9, vec![reserve(2, "cake", 60)]), gone)]);
    // It lapses, and there is one again.
    world.book(61, 3, redeem("cake"));
    check_refused(&mut world, 62, &[(new(9, vec![redeem("cake")]), gone)]);
    world.book(63, 4, reverse(3));
    world.book(64, 5, reserve(3, "cake", 90));
    world.book(65, 6, void_hold(3));
    world.book(66, 7, redeem("cake"));
    check_refused(&mut world, 67, &[(new(9, vec![redeem("cake")]), gone)]);
}

#[test]
fn coupons_count_from_the_beginning_to_the_end_of_a_fixed_validity() {
    let fixed = CouponType { validity: Validity::Fixed { from: at(100), until: at(200) }, ..coupon("sale") };
    let mut world = world(&[fixed]);
    world.book(0, 1, issue("sale", 2));
    let early: fn(&LedgerError) -> bool = |e| matches!(e, LedgerError::CouponTooEarly { .. });
    check_refused(
        &mut world,
        99,
        &[(new(9, vec![redeem("sale")]), early), (new(9, vec![reserve(1, "sale", 150)]), early)],
    );
    world.book(100, 2, redeem("sale"));
    has_coupons(&world, 199, "sale", 1);
    has_coupons(&world, 200, "sale", 0);
    let over: fn(&LedgerError) -> bool = |e| matches!(e, LedgerError::CouponOver { .. });
    check_refused(&mut world, 200, &[(new(9, vec![issue("sale", 1)]), over)]);
}

#[test]
fn every_refusal_of_an_issue_is_named_in_the_order_of_the_checks() {
    let ended = Validity::Fixed { from: at(0), until: at(1) };
    let full = CouponType { total_max: Some(1), ..coupon("full") };
    let mut world = world(&[
        coupon("welcome"),
        CouponType { validity: ended, per_member_max: Some(1), ..coupon("ended") },
        CouponType { per_member_max: Some(1), total_max: Some(1), ..coupon("one") },
        full,
    ]);
    let grant = |later: bool| {
        let (member, unit, amount, expires_at, from) = (ALICE, code("welcome"), 1, None, House::Issued);
        if later {
            Move::GrantLater { member, unit, amount, expires_at, from, release: from_second(9) }
        } else {
            Move::Grant { member, unit, amount, expires_at, from }
        }
    };
    let table: Vec<Refusal> = vec![
        (new(9, vec![issue("points", 0)]), |e| matches!(e, LedgerError::AmountZero)),
        (new(9, vec![issue("unknown", 999)]), |e| matches!(e, LedgerError::UnknownUnit(_))),
        (new(9, vec![grant(false)]), |e| matches!(e, LedgerError::IsCoupon(_))),
        (new(9, vec![grant(true)]), |e| matches!(e, LedgerError::IsCoupon(_))),
        (new(9, vec![issue("points", 999)]), |e| matches!(e, LedgerError::NotCoupon(_))),
        (new(9, vec![issue("ended", 101)]), |e| matches!(e, LedgerError::TooManyCoupons(101))),
        (new(9, vec![issue("ended", 2)]), |e| matches!(e, LedgerError::CouponOver { .. })),
        (new(9, vec![issue("one", 2)]), |e| matches!(e, LedgerError::CouponMemberMax { .. })),
        (new(9, vec![issue("full", 2)]), |e| matches!(e, LedgerError::CouponTotalMax { .. })),
    ];
    check_refused(&mut world, 1, &table);
    // Seven days before the end of the calendar.
    let late = Timestamp::MAX.as_second() - DAY;
    check_refused(
        &mut world,
        late,
        &[(new(9, vec![issue("welcome", 1)]), |e| matches!(e, LedgerError::CouponEndless(_)))],
    );
}

#[test]
fn a_reversed_issue_takes_the_unused_coupons_back() {
    let mut world = world(&[CouponType { per_member_max: Some(3), ..coupon("welcome") }]);
    world.book(0, 1, issue("welcome", 3));
    world.book(1, 2, redeem("welcome"));
    world.book(2, 3, reverse(1));
    assert_eq!(world.balance_of(2, ALICE, &code("welcome")), has(0, 1));
    // The one that was used is owed: the next one repays it.
    world.book(3, 4, issue("welcome", 2));
    has_coupons(&world, 3, "welcome", 1);
}

#[test]
fn the_limits_count_within_one_posting() {
    let mut world =
        world(&[CouponType { stock: Some(1), ..coupon("cake") }, CouponType { total_max: Some(1), ..coupon("once") }]);
    world.book(0, 1, issue("cake", 3));
    let gone: fn(&LedgerError) -> bool = |e| matches!(e, LedgerError::CouponOutOfStock { stock: 1, .. });
    let table: Vec<Refusal> = vec![
        (new(9, vec![redeem("cake"), redeem("cake")]), gone),
        (new(9, vec![redeem("cake"), reserve(1, "cake", 60)]), gone),
        (new(9, vec![reserve(1, "cake", 60), redeem("cake")]), gone),
        (new(9, vec![issue("once", 1), issue_bob("once", 1)]), |e| {
            matches!(e, LedgerError::CouponTotalMax { max: 1, .. })
        }),
    ];
    check_refused(&mut world, 1, &table);
}

#[test]
fn a_used_coupon_whose_issue_was_reversed_does_not_come_back() {
    for reserved in [false, true] {
        let mut world = forgiving(&coupon("welcome"));
        world.book(0, 1, issue("welcome", 1));
        if reserved {
            world.book(1, 2, reserve(1, "welcome", 60));
            world.book(2, 3, reverse(1));
            world.book(3, 4, void_hold(1));
        } else {
            world.book(1, 2, redeem("welcome"));
            world.book(2, 3, reverse(1));
            world.book(3, 4, reverse(2));
        }
        has_coupons(&world, 3, "welcome", 0);
        let refused = world.post(4, &new(9, vec![redeem("welcome")])).unwrap_err();
        assert!(matches!(refused, LedgerError::Insufficient { .. }), "{refused}");
        let borne = world.store.read(|tx| liability::kept_in(tx, MERCHANT, House::Forgiven, &code("welcome"))).unwrap();
        assert_eq!(borne, 0, "nothing was lost in the end");
    }
}

#[test]
fn only_what_came_back_can_be_issued_again() {
    let limited = CouponType { per_member_max: Some(2), total_max: Some(2), ..coupon("welcome") };
    let mut world = forgiving(&limited);
    world.book(0, 1, issue("welcome", 2));
    world.book(1, 2, redeem("welcome"));
    world.book(2, 3, reverse(1));
    world.is_sound();
    let table: Vec<Refusal> = vec![
        (new(9, vec![issue("welcome", 2)]), |e| matches!(e, LedgerError::CouponMemberMax { max: 2, .. })),
        (new(9, vec![issue_bob("welcome", 2)]), |e| matches!(e, LedgerError::CouponTotalMax { max: 2, .. })),
    ];
    check_refused(&mut world, 3, &table);
    world.book(4, 4, issue("welcome", 1));
    world.is_sound();
}

#[test]
fn a_coupon_is_not_given_to_another_member() {
    let mut world = world(&[coupon("welcome")]);
    world.book(0, 1, issue("welcome", 1));
    let give = Move::Transfer { from: ALICE, to: BOB, unit: code("welcome"), amount: 1 };
    check_refused(&mut world, 1, &[(new(9, vec![give]), |e| matches!(e, LedgerError::NotTransferable(_)))]);
}
