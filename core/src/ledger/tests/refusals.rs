//! What the ledger refuses, in the order of the checks.

use super::*;
use crate::domain::Currency;

#[test]
fn every_refusal_is_named_in_the_order_of_the_checks() {
    let mut world = check(&[
        (0, new(1, vec![grant(10, None)]), 10, 0),
        (0, new(2, vec![spend(1)]), 9, 0),
        (0, new(3, vec![reverse(2)]), 10, 0),
    ]);
    let of_other = Move::Spend { member: ALICE, unit: code("stamps"), amount: 1, to: House::Redeemed };
    let max = Currency::AMOUNT_MAX;
    let table: Vec<Refusal> = vec![
        (new(1, vec![]), |e| matches!(e, LedgerError::Empty)),
        (new(1, vec![spend(0)]), |e| matches!(e, LedgerError::ExistsDifferent(_))),
        (new(9, vec![spend(0)]), |e| matches!(e, LedgerError::AmountZero)),
        (new(9, vec![spend(max + 1)]), |e| matches!(e, LedgerError::AmountTooLarge(_))),
        (new(9, vec![of_other]), |e| matches!(e, LedgerError::UnknownUnit(_))),
        (new(9, vec![reverse(8)]), |e| matches!(e, LedgerError::UnknownPosting(_))),
        (new(9, vec![reverse(3)]), |e| matches!(e, LedgerError::NotReversible(_))),
        (new(9, vec![reverse(2)]), |e| matches!(e, LedgerError::AlreadyReversed { .. })),
        (new(9, vec![spend(11)]), |e| matches!(e, LedgerError::Insufficient { needed: 11, available: 10, .. })),
        (new(9, vec![grant(max, None)]), |e| matches!(e, LedgerError::BalanceTooLarge(_))),
    ];
    check_refused(&mut world, 1, &table);
}

#[test]
fn a_limit_is_named_before_what_comes_after_it() {
    let rules = UnitRules {
        earn_per_day_max: Some(20),
        spend_per_day_max: Some(5),
        balance_max: Some(15),
        ..UnitRules::default()
    };
    let mut world = World::with(rules);
    world.book(0, 1, grant(10, None));
    let max = Currency::AMOUNT_MAX;
    let table: Vec<Refusal> = vec![
        (new(9, vec![grant(max, None)]), |e| matches!(e, LedgerError::EarnLimit { max: 20, today: 10, .. })),
        (new(9, vec![grant(6, None)]), |e| matches!(e, LedgerError::BalanceLimit { max: 15, .. })),
        (new(9, vec![spend(11)]), |e| matches!(e, LedgerError::SpendLimit { max: 5, today: 0, .. })),
        (new(9, vec![hold(1, 11, 50)]), |e| matches!(e, LedgerError::SpendLimit { max: 5, today: 0, .. })),
    ];
    check_refused(&mut world, 1, &table);
}

#[test]
fn records_of_older_shapes_are_read() {
    let older = |fields: &dyn Fn(Vec<u8>) -> Vec<u8>| fields(vec![1]);
    let bytes = older(&|start| postcard::to_extend(&(7_u64, 3_u64), start).unwrap());
    let account: Account = crate::store::decode(b"k", &bytes).unwrap();
    assert_eq!(account, Account { balance: 7, debt: 3, ..Account::default() });

    // A posting as version 1 wrote it: no reason, a grant by an order, one transfer with one lot, nobody's debt.
    let order = [5_u8; 16];
    let wanted = (0_u8, ALICE, "points", 10_u64, Option::<i64>::None, 0_u8);
    let transfer = (
        ("points", 10_u64, (1_u8, 0_u8), (0_u8, ALICE)),
        (vec![([6_u8; 16], Option::<i64>::None, 10_u64)], Option::<MemberId>::None),
    );
    let fields = (id(4), 1_000_i64, (0_u8, order), Option::<&str>::None, Option::<&str>::None);
    let bytes = older(&|start| postcard::to_extend(&(fields, vec![(wanted, vec![transfer.clone()])]), start).unwrap());
    let posting: Posting = crate::store::decode(b"k", &bytes).unwrap();
    assert_eq!(posting.cause, Cause::Order(crate::domain::OrderId::from_bytes(order)));
    assert_eq!(posting.entries[0].wanted, grant(10, None));
    let transfer = posting.transfers().next().unwrap();
    assert_eq!((transfer.from, transfer.to), (Party::House(House::Issued), Party::Member(ALICE)));
    assert_eq!((transfer.lots[0].amount, transfer.on_behalf), (10, None));
}
