//! What was changed behind the host's back is found, and nothing else.

use super::*;
use crate::clock::{Clock, Entropy};
use crate::domain::{
    Actor, Code, Currency, IdSource, Label, Line, PackOutcome, Personal, Phone, Reference, StaffId, Unit, UnitKind,
    ZoneName,
};
use crate::ledger::{House, Move, NewPosting};
use crate::pack::Packs;
use crate::store::encode;
use crate::usecase::{
    CreateMerchant, EnrolMember, Host, NewStore, RefundOrder, SettleOrder, create_merchant, enrol_member, refund_order,
    settle_order,
};
use crate::vault::Vault;

/// A shop with a member, an order that earned points, and one that was refunded.
struct Shop {
    host: Host,
    merchant: MerchantId,
    member: MemberId,
    order: OrderId,
    refunded: OrderId,
}

fn reference(text: &str) -> Reference {
    Reference::new(text).unwrap()
}

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

impl Shop {
    fn open() -> Self {
        let clock = Clock::standing_at("2026-03-18T00:00:00Z".parse().unwrap());
        let host =
            Host::new(Store::in_memory(), Packs::new().unwrap(), clock.clone(), Entropy::seeded(7), Vault::seeded(1));
        let merchant = IdSource::new(clock.now(), 7).merchant();
        let new = CreateMerchant {
            name: label("Bakery"),
            currency: Currency::new("CNY").unwrap(),
            time_zone: ZoneName::new("Asia/Shanghai").unwrap(),
            locale: label("en"),
            stores: vec![NewStore { code: Code::new("main").unwrap(), name: label("Main") }],
        };
        let created = host.operate(merchant, |tx, act| create_merchant(tx, act, &new)).unwrap();
        let unit = Unit::new(Code::new("points").unwrap(), UnitKind::Count, None);
        host.store.write(|tx| tx.save(&layout::unit(merchant, &unit.code), &unit)).unwrap();
        let actor = Actor::owner(merchant, StaffId::from_bytes([7; 16]));
        let new = EnrolMember {
            reference: Some(reference("card-1")),
            personal: Personal {
                name: Some(label("Wang Fang")),
                phones: vec![Phone::new("+8613800138000").unwrap()],
                ..Personal::default()
            },
            tags: [Code::new("vip").unwrap()].into(),
            home_store: Some(created.stores[0].id),
            ..EnrolMember::default()
        };
        let enrolled = host.act_once(&actor, &reference("enrol"), b"1", |tx, act| enrol_member(tx, act, &new));
        let member = enrolled.unwrap().member;
        let settle = |till: &str| {
            let order = SettleOrder {
                reference: reference(till),
                store: created.stores[0].id,
                member: Some(member),
                served_by: None,
                ordered_at: None,
                currency: None,
                lines: vec![Line { sku: label("bun"), category: None, brand: None, quantity: 1, amount_minor: 500 }],
                due_minor: None,
                coupons: Vec::new(),
                payments: Vec::new(),
            };
            let settled = host.act_once(&actor, &order.reference, b"1", |tx, act| settle_order(tx, act, &order));
            earned(&host, merchant, member, settled.unwrap().order)
        };
        let (order, refunded) = (settle("till-1"), settle("till-2"));
        let refund = RefundOrder { order: refunded, reason: None, lines: None };
        host.act_once(&actor, &reference("refund"), b"1", |tx, act| refund_order(tx, act, &refund)).unwrap();
        Self { host, merchant, member, order, refunded }
    }

    fn order(&self, tx: &mut Tx, order: OrderId) -> Result<Order, StoreError> {
        Ok(tx.load(&layout::order(self.merchant, order))?.unwrap())
    }

    fn change_order(&self, tx: &mut Tx, order: OrderId, change: impl FnOnce(&mut Order)) -> Result<(), StoreError> {
        let mut record = self.order(tx, order)?;
        change(&mut record);
        tx.save(&layout::order(self.merchant, order), &record)
    }

    fn verified(&self) -> Verified {
        verify(&self.host.store, Some(&self.host.vault), || {}).unwrap()
    }
}

/// Lets an order earn points as a pack does it.
fn earned(host: &Host, merchant: MerchantId, member: MemberId, mut order: Order) -> OrderId {
    let unit = Code::new("points").unwrap();
    let grant = Move::Grant { member, unit: unit.clone(), amount: 5, expires_at: None, from: House::Issued };
    let id = host
        .operate(merchant, |tx, act| {
            let (id, cause, moves) = (act.ids.posting(), Cause::Order(order.id), vec![grant.clone()]);
            act.book(tx)?.post(&NewPosting { id, cause, pack: None, reason: None, moves })?;
            Ok::<_, crate::ledger::LedgerError>(id)
        })
        .unwrap();
    let result = PackResult::Done { posting: Some(id), earned: vec![(unit.clone(), 5)] };
    order.outcomes = vec![PackOutcome { pack: unit, result }];
    host.store.write(|tx| tx.save(&layout::order(merchant, order.id), &order)).unwrap();
    order.id
}

/// One change of a sound store leads to these findings, in this order, and no others.
#[track_caller]
fn finds_just(expected: &[&str], tamper: impl Fn(&Shop, &mut Tx) -> Result<(), StoreError>) {
    let shop = Shop::open();
    assert_eq!(shop.verified().findings(), Vec::<String>::new());
    shop.host.store.write(|tx| tamper(&shop, tx)).unwrap();
    let verified = shop.verified();
    let told = verified.findings();
    let all = told.len() == expected.len() && told.iter().zip(expected).all(|(told, what)| told.contains(what));
    assert!(all && !verified.is_sound(), "expected {expected:?}, but told was {told:#?}");
}

#[test]
fn a_posting_that_an_order_names_but_that_is_not_of_it() {
    let missing = PostingId::from_bytes([9; 16]);
    finds_just(&["names pst_09090909090909090909090909090909, but there is no such posting of it"], |shop, tx| {
        shop.change_order(tx, shop.order, |order| {
            order.outcomes[0].result = PackResult::Done { posting: Some(missing), earned: Vec::new() };
        })
    });
    finds_just(&["names pst_09090909090909090909090909090909, but there is no such posting of it"], |shop, tx| {
        shop.change_order(tx, shop.refunded, |order| match order.refunds.last_mut() {
            Some(refund) => refund.reversals[0] = missing,
            None => panic!("it was refunded"),
        })
    });
    finds_just(&["but there is no such posting of it"], |shop, tx| {
        let other = shop.order(tx, shop.refunded)?.outcomes;
        shop.change_order(tx, shop.order, |order| order.outcomes = other)
    });
}

#[test]
fn what_an_idempotency_record_is_about() {
    let about = |shop: &Shop| layout::idempotency(shop.merchant, &reference("till-1"));
    finds_just(&["an idempotency record tells of a record at key 6f01, which is not there"], |shop, tx| {
        let mut remembered: Remembered = tx.load(&about(shop))?.unwrap();
        remembered.about = Some(vec![b'o', 1]);
        tx.save(&about(shop), &remembered)
    });
}

#[test]
fn idempotency_records_that_do_not_say_what_they_are_about_are_counted() {
    let shop = Shop::open();
    let counts = |shop: &Shop| {
        let report = shop.verified().merchants.remove(0);
        assert!(report.is_sound(), "{:?}", report.findings());
        (report.requests, report.requests_silent)
    };
    assert_eq!(counts(&shop), (4, 0));
    // As version 2 of the record was.
    let older = postcard::to_extend(&([5_u8; 16], vec![1_u8, 2], 9_000_i64), vec![2]).unwrap();
    let key = layout::idempotency(shop.merchant, &reference("older"));
    shop.host.store.write(|tx| tx.put(&key, older.clone())).unwrap();
    assert_eq!(counts(&shop), (5, 1));
}

#[test]
fn a_record_that_can_not_be_read_is_told_once_and_the_rest_is_looked_at() {
    type KeyOf = fn(&Shop) -> Key;
    let tables: [(&str, KeyOf); 7] = [
        ("member (", |shop| layout::member(shop.merchant, shop.member)),
        ("member id", |shop| layout::member_by_number(shop.merchant, &reference("card-1"))),
        ("order (", |shop| layout::order(shop.merchant, shop.order)),
        ("order id", |shop| layout::order_by_reference(shop.merchant, &reference("till-1"))),
        ("idempotency record", |shop| layout::idempotency(shop.merchant, &reference("till-1"))),
        ("merchant (", |shop| layout::merchant(shop.merchant)),
        ("key of a request", |shop| {
            layout::idempotency(shop.merchant, &reference("k")).into_iter().chain([0]).collect()
        }),
    ];
    for (what, key_of) in tables {
        let shop = Shop::open();
        let key = key_of(&shop);
        shop.host.store.write(|tx| tx.put(&key, vec![99, 99])).unwrap();
        let verified = shop.verified();
        let told = verified.findings();
        let named =
            |told: &String| told.starts_with(&format!("stored {what}")) && told.contains(&HEXLOWER.encode(&key));
        assert!(told.len() == 1 && named(&told[0]), "{what}: {told:?}");
        assert!(!verified.is_sound());
        let orders = verified.merchants.first().map(|report| (report.members, report.orders));
        assert_eq!(orders, (what != "merchant (").then_some((1, 2)), "{what}");
    }
}

#[test]
fn a_posting_that_can_not_be_read_is_told_once_though_an_order_names_it_too() {
    let shop = Shop::open();
    let order = shop.host.store.read(|tx| shop.order(tx, shop.order)).unwrap();
    let key = layout::posting(shop.merchant, postings_of(&order)[0].0);
    shop.host.store.write(|tx| tx.put(&key, vec![99])).unwrap();
    let told = shop.verified().findings();
    assert_eq!(told.iter().filter(|told| told.contains(&HEXLOWER.encode(&key))).count(), 1, "{told:#?}");
    assert!(!told.iter().any(|told| told.contains("index:")), "{told:#?}");
}

#[test]
fn a_key_that_has_not_the_form_of_its_table() {
    finds_just(&["stored key of a member's order at key "], |shop, tx| {
        tx.put(&[layout::member_orders(shop.merchant).start, vec![1]].concat(), Vec::new())
    });
    finds_just(&["stored entry of a log at key "], |shop, tx| {
        tx.put(&[layout::events(shop.merchant), vec![1]].concat(), Vec::new())
    });
    finds_just(&["stored member (this key is not its own) at key "], |shop, tx| {
        let member: Member = tx.load(&layout::member(shop.merchant, shop.member))?.unwrap();
        tx.put(&layout::member(shop.merchant, MemberId::from_bytes([9; 16])), encode(&member))
    });
}

#[test]
fn storage_of_a_pack_that_is_counted_otherwise() {
    let [bakery, points] = ["bakery", "points"].map(|code| Code::new(code).unwrap());
    let told = [
        "`bakery` has stored 5 bytes, and 4 are counted",
        "`none` has stored 0 bytes, and 1 are counted",
        "`points` has stored 2 bytes, and 0 are counted",
    ];
    finds_just(&told, |shop, tx| {
        tx.put(&layout::pack_entry(shop.merchant, &bakery, b"key"), [7; 2])?;
        tx.put(&layout::pack_undo(shop.merchant, &bakery, 1, b"key"), [1; 9])?;
        tx.add(&layout::pack_stored(shop.merchant, &bakery), 4)?;
        tx.put(&layout::pack_entry(shop.merchant, &points, b"k"), [7])?;
        tx.add(&layout::pack_stored(shop.merchant, &Code::new("none").unwrap()), 1)
    });
}

#[test]
fn an_event_that_is_gone() {
    finds_just(&["the log of events is not the one"], |shop, tx| {
        tx.delete(&crate::store::log_entry_key(&layout::events(shop.merchant), 2));
        Ok(())
    });
}
