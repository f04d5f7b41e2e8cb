//! Ledgers of earlier versions are brought up.

use super::*;
use crate::domain::{Currency, Merchant, STORED_VALUE_BONUS, SpendingOrder, ZoneName};
use crate::store::{Direction, KeyRange, StoreError};

fn merchant() -> Merchant {
    Merchant {
        id: MERCHANT,
        name: Label::new("Bakery").unwrap(),
        currency: Currency::new("CNY").unwrap(),
        time_zone: ZoneName::new("UTC").unwrap(),
        locale: Label::new("en").unwrap(),
        stored_value_order: SpendingOrder::default(),
    }
}

/// A ledger as an earlier version would have left it: without what was not kept then.
fn older() -> World {
    let mut world = World::new();
    for number in 0..5 {
        world.book(0, number + 1, grant(10, Some(100 + i64::from(number))));
    }
    world.book(0, 6, grant(10, None));
    world.book(1, 7, spend(25));
    world.book(2, 8, reverse(7));
    world.book(3, 9, spend(12));
    // A log can not be taken back, so its world is copied into one that has none.
    let newer = World { store: Store::in_memory(), seed: 0 };
    let all = KeyRange::new([1], [0xff]);
    let kept = world.store.read(|tx| tx.scan(&all, Direction::Forward, usize::MAX)).unwrap();
    newer
        .store
        .write(|tx| {
            // Merchants without any postings are brought up as well.
            for id in [MerchantId::from_bytes([0; 16]), MERCHANT, MerchantId::from_bytes([9; 16])] {
                tx.save(&layout::merchant(id), &Merchant { id, ..merchant() })?;
            }
            for (key, value) in &kept {
                if !b"dLj".contains(&key[0]) {
                    tx.put(key, value.clone())?;
                }
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
    newer
}

/// Goes on to the end, each step in a transaction of its own, and tells how many those were.
fn bring_all_up(world: &World) -> usize {
    let (mut place, mut steps) = (None, 0);
    loop {
        place = world.store.write(|tx| bring_up(tx, place.as_deref())).unwrap();
        steps += 1;
        if place.is_none() {
            return steps;
        }
    }
}

#[test]
fn an_older_ledger_is_brought_up_and_then_sound() {
    let world = older();
    assert!(!world.audit().findings.is_empty());
    assert!(bring_all_up(&world) > 6);
    world.is_sound();
    for merchant in [[0; 16], [1; 16], [9; 16]] {
        let bonus = layout::unit(MerchantId::from_bytes(merchant), &code(STORED_VALUE_BONUS));
        assert!(world.store.read(|tx| tx.load::<Unit>(&bonus)).unwrap().is_some());
    }
}

#[test]
fn what_is_brought_up_goes_on_as_ever() {
    let mut world = older();
    bring_all_up(&world);
    world.book(10, 10, reverse(9));
    world.run_due(102);
    assert_eq!(world.balance(102, ALICE), has(30, 0));
    world.is_sound();
}

#[test]
fn a_store_without_merchants_needs_nothing() {
    assert_eq!(Store::in_memory().write(|tx| bring_up(tx, None)).unwrap(), None);
}
