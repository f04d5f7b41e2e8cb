//! Ledgers of earlier versions are brought up.

use super::*;
use crate::domain::{Currency, Merchant, STORED_VALUE_BONUS, SpendingOrder, ZoneName};
use crate::store::{Change, Direction, KeyRange, Tx};

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
            for (key, value) in &kept {
                if !b"dLj".contains(&key[0]) {
                    tx.put(key, value.clone())?;
                }
            }
            Ok::<_, crate::store::StoreError>(())
        })
        .unwrap();
    newer
}

#[test]
fn an_older_ledger_is_brought_up_in_steps_and_then_sound() {
    let world = older();
    assert!(!world.audit().findings.is_empty());
    let step = |tx: &mut Tx| bring_up(tx, &merchant(), 2);
    let mut steps = 0;
    while !world.store.write(step).unwrap() {
        steps += 1;
        assert!(steps < 50, "it comes to an end");
    }
    assert!(steps >= 6, "{steps}");
    world.is_sound();
    let bonus = layout::unit(MERCHANT, &code(STORED_VALUE_BONUS));
    assert!(world.store.read(|tx| tx.load::<Unit>(&bonus)).unwrap().is_some());
}

#[test]
fn what_is_brought_up_goes_on_as_ever() {
    let mut world = older();
    while !world.store.write(|tx| bring_up(tx, &merchant(), 100)).unwrap() {}
    world.book(10, 10, reverse(9));
    world.run_due(102);
    assert_eq!(world.balance(102, ALICE), has(30, 0));
    world.is_sound();
    let written = world
        .store
        .write(|tx| {
            assert!(bring_up(tx, &merchant(), 100)?);
            Ok::<Vec<Change>, crate::store::StoreError>(tx.changes().writes.values().cloned().collect())
        })
        .unwrap();
    assert_eq!(written, [], "once all is done, nothing is written");
}
