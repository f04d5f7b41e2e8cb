//! The ledger's rules as tables, and random operations against a simple model.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::domain::{Code, Currency, IdSource, MemberId, MerchantId, Minor, PostingId, Unit, UnitKind};
use crate::store::{Store, StoreError, layout};

const MERCHANT: MerchantId = MerchantId::from_bytes([1; 16]);
const ALICE: MemberId = MemberId::from_bytes([2; 16]);
const BOB: MemberId = MemberId::from_bytes([3; 16]);

fn points() -> Code {
    Code::new("points").unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn id(number: u8) -> PostingId {
    PostingId::from_bytes([number; 16])
}

fn new(number: u8, moves: Vec<Move>) -> NewPosting {
    NewPosting { id: id(number), cause: Cause::Pack, pack: None, reason: None, moves }
}

fn grant(amount: Minor, expires_at: Option<i64>) -> Move {
    Move::Grant { member: ALICE, unit: points(), amount, expires_at: expires_at.map(at), from: House::Issued }
}

fn spend(amount: Minor) -> Move {
    Move::Spend { member: ALICE, unit: points(), amount, to: House::Redeemed }
}

fn reverse(number: u8) -> Move {
    Move::Reverse { posting: id(number) }
}

/// A ledger in memory with the unit `points`.
struct World {
    store: Store,
    seed: u64,
}

impl World {
    fn new() -> Self {
        let store = Store::in_memory();
        let unit = Unit { code: points(), kind: UnitKind::Count, declared_by: None };
        store.write(|tx| tx.save(&layout::unit(MERCHANT, &unit.code), &unit)).unwrap();
        Self { store, seed: 0 }
    }

    fn post(&mut self, second: i64, new: &NewPosting) -> Result<Posting, LedgerError> {
        self.seed += 1;
        let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.store.write(|tx| Book::new(tx, &mut IdSource::new(at(second), seed), MERCHANT, at(second)).post(new))
    }

    fn balance(&self, second: i64, member: MemberId) -> Balance {
        self.store
            .read(|tx| {
                Book::new(tx, &mut IdSource::new(at(second), 0), MERCHANT, at(second)).balance(member, &points())
            })
            .unwrap()
    }

    fn audit(&self) -> Audit {
        self.store.read(|tx| Audit::run(tx, MERCHANT, || {})).unwrap()
    }
}

/// Steps of a table: at a second, a posting is made; then Alice has so much, and owes so much.
#[track_caller]
fn check(steps: &[(i64, NewPosting, Minor, Minor)]) -> World {
    let mut world = World::new();
    for (number, (second, new, available, debt)) in steps.iter().enumerate() {
        world.post(*second, new).unwrap_or_else(|error| panic!("step {number}: {error}"));
        let expected = Balance { available: *available, debt: *debt };
        assert_eq!(world.balance(*second, ALICE), expected, "after step {number}");
        let audit = world.audit();
        assert_eq!(audit.findings, [], "after step {number}");
    }
    world
}

#[test]
fn what_is_granted_can_be_spent() {
    check(&[
        (0, new(1, vec![grant(100, None)]), 100, 0),
        (1, new(2, vec![spend(30)]), 70, 0),
        (2, new(3, vec![spend(70)]), 0, 0),
    ]);
}

#[test]
fn the_lot_that_expires_first_is_spent_first_and_those_that_never_do_last() {
    let mut world = check(&[
        (0, new(1, vec![grant(10, None)]), 10, 0),
        (0, new(2, vec![grant(10, Some(200))]), 20, 0),
        (0, new(3, vec![grant(10, Some(100))]), 30, 0),
    ]);
    let posting = world.post(1, &new(4, vec![spend(25)])).unwrap();
    let transfer = posting.transfers().next().unwrap();
    let taken: Vec<_> = transfer.lots.iter().map(|part| (part.expires_at, part.amount)).collect();
    assert_eq!(taken, [(Some(at(100)), 10), (Some(at(200)), 10), (None, 5)]);
}

#[test]
fn a_lot_can_not_be_spent_from_the_instant_it_expires_and_eats_no_other() {
    let mut world = check(&[(0, new(1, vec![grant(10, Some(100))]), 10, 0), (0, new(2, vec![grant(5, None)]), 15, 0)]);
    assert_eq!(world.balance(99, ALICE).available, 15);
    assert_eq!(world.balance(100, ALICE).available, 5);
    let refused = world.post(100, &new(3, vec![spend(6)])).unwrap_err();
    assert!(matches!(refused, LedgerError::Insufficient { needed: 6, available: 5, .. }), "{refused}");
    world.post(100, &new(4, vec![spend(5)])).unwrap();
    assert_eq!(world.balance(100, ALICE).available, 0);
    assert_eq!(world.audit().findings, []);
}

#[test]
fn what_was_spent_returns_to_the_very_lots() {
    let world = check(&[
        (0, new(1, vec![grant(10, Some(100))]), 10, 0),
        (0, new(2, vec![grant(10, None)]), 20, 0),
        (1, new(3, vec![spend(15)]), 5, 0),
        (2, new(4, vec![reverse(3)]), 20, 0),
    ]);
    // Ten of them are again in the lot that expires.
    assert_eq!(world.balance(100, ALICE).available, 10);
}

#[test]
fn what_was_earned_is_taken_back_and_what_is_spent_already_becomes_a_debt_that_earnings_repay() {
    check(&[
        (0, new(1, vec![grant(100, None)]), 100, 0),
        (1, new(2, vec![spend(80)]), 20, 0),
        (2, new(3, vec![reverse(1)]), 0, 80),
        (3, new(4, vec![grant(50, None)]), 0, 30),
        (4, new(5, vec![grant(50, None)]), 20, 0),
        // Taking back an earning that had repaid a debt makes the debt again.
        (5, new(6, vec![reverse(4)]), 0, 30),
    ]);
}

#[test]
fn a_returned_gift_repays_the_debt_that_it_had_caused() {
    check(&[
        (0, new(1, vec![grant(100, None)]), 100, 0),
        (1, new(2, vec![spend(100)]), 0, 0),
        (2, new(3, vec![reverse(1)]), 0, 100),
        (3, new(4, vec![reverse(2)]), 0, 0),
    ]);
}

#[test]
fn buying_earning_spending_and_returning_prints_no_points() {
    check(&[
        (0, new(1, vec![grant(10, None)]), 10, 0),
        (1, new(2, vec![grant(90, None)]), 100, 0),
        (2, new(3, vec![spend(95)]), 5, 0),
        (3, new(4, vec![reverse(2)]), 0, 85),
        (4, new(5, vec![reverse(3)]), 10, 0),
    ]);
}

#[test]
fn what_lapsed_of_an_earning_is_not_taken_back_again() {
    check(&[
        (0, new(1, vec![grant(10, Some(100))]), 10, 0),
        (0, new(2, vec![grant(7, None)]), 17, 0),
        (1, new(3, vec![spend(4)]), 13, 0),
        // Six lapsed, four were spent: four are owed, and the other lot pays them.
        (150, new(4, vec![reverse(1)]), 3, 0),
    ]);
}

#[test]
fn the_same_posting_again_is_the_first_one() {
    let mut world = World::new();
    let first = world.post(0, &new(1, vec![grant(10, None)])).unwrap();
    assert_eq!(world.post(5, &new(1, vec![grant(10, None)])).unwrap(), first);
    assert_eq!(world.balance(5, ALICE).available, 10);
}

#[test]
fn the_moves_of_a_posting_are_all_booked_or_none() {
    let mut world = World::new();
    let refused = world.post(0, &new(1, vec![grant(10, None), spend(11)])).unwrap_err();
    assert!(matches!(refused, LedgerError::Insufficient { .. }), "{refused}");
    assert_eq!(world.balance(0, ALICE), Balance::default());
    assert_eq!(world.audit().postings, 0);
}

#[test]
fn every_refusal_is_named_in_the_order_of_the_checks() {
    let mut world = check(&[
        (0, new(1, vec![grant(10, None)]), 10, 0),
        (0, new(2, vec![spend(1)]), 9, 0),
        (0, new(3, vec![reverse(2)]), 10, 0),
    ]);
    let other = Code::new("stamps").unwrap();
    let of_other = Move::Spend { member: ALICE, unit: other, amount: 1, to: House::Redeemed };
    let max = Currency::AMOUNT_MAX;
    type Expected = fn(&LedgerError) -> bool;
    let table: Vec<(NewPosting, Expected)> = vec![
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
    for (number, (posting, expected)) in table.iter().enumerate() {
        let refused = world.post(1, posting).unwrap_err();
        assert!(expected(&refused), "row {number}: {refused}");
        assert_eq!(world.balance(1, ALICE).available, 10, "row {number}");
    }
    assert_eq!(world.audit().findings, []);
}

#[test]
fn the_audit_sees_a_balance_a_lot_and_a_total_that_were_tampered_with() {
    let tampered = |tamper: fn(&mut crate::store::Tx) -> Result<(), StoreError>| {
        let mut world = World::new();
        world.post(0, &new(1, vec![grant(10, None)])).unwrap();
        world.store.write(tamper).unwrap();
        world.audit().findings
    };
    let account = tampered(|tx| {
        let key = layout::account(MERCHANT, ALICE, &points());
        tx.save(&key, &Account { balance: 11, debt: 0 })
    });
    assert_eq!(account.len(), 2, "{account:?}");
    let lot = tampered(|tx| {
        let (key, mut lot) =
            tx.load_scan::<Lot>(&layout::all_open_lots(MERCHANT), crate::store::Direction::Forward, 1)?.remove(0);
        lot.remaining = 9;
        tx.save(&key, &lot)
    });
    assert_eq!(lot.len(), 2, "{lot:?}");
    let house =
        tampered(|tx| tx.add(&layout::house(MERCHANT, House::Issued.letter(), layout::Side::Debits, &points()), 1));
    assert_eq!(house.len(), 1, "{house:?}");
    let posting = tampered(|tx| {
        tx.delete(&layout::posting(MERCHANT, id(1)));
        Ok(())
    });
    assert!(posting.len() >= 3, "{posting:?}");
}

/// Something that may happen to a member's points.
#[derive(Clone, Debug)]
enum Step {
    Grant {
        member: MemberId,
        amount: Minor,
        lasts: Option<i64>,
    },
    Spend {
        member: MemberId,
        amount: Minor,
    },
    /// Reverses one of the postings made so far.
    Reverse {
        which: prop::sample::Index,
    },
    Wait {
        seconds: i64,
    },
}

fn member() -> impl Strategy<Value = MemberId> {
    prop_oneof![Just(ALICE), Just(BOB)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (member(), 1_u64..100, prop::option::of(1_i64..60))
            .prop_map(|(member, amount, lasts)| Step::Grant { member, amount, lasts }),
        4 => (member(), 1_u64..120).prop_map(|(member, amount)| Step::Spend { member, amount }),
        3 => any::<prop::sample::Index>().prop_map(|which| Step::Reverse { which }),
        2 => (1_i64..30).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// The simplest ledger: lots in a list, no keys, no transfers.
#[derive(Default)]
struct Model {
    lots: Vec<ModelLot>,
    debt: BTreeMap<MemberId, Minor>,
    /// What each posting did, until it is reversed.
    done: BTreeMap<PostingId, Option<Done>>,
}

struct ModelLot {
    member: MemberId,
    expires_at: i64,
    granted: Minor,
    remaining: Minor,
    lapsed: Minor,
}

#[derive(Clone)]
enum Done {
    Granted { member: MemberId, lot: Option<usize>, repaid: Minor },
    Spent { member: MemberId, parts: Vec<(usize, Minor)> },
}

impl Model {
    fn available(&self, now: i64, member: MemberId) -> Minor {
        self.lots.iter().filter(|lot| lot.member == member && lot.expires_at > now).map(|lot| lot.remaining).sum()
    }

    fn book_lapsed(&mut self, now: i64, member: MemberId) {
        for lot in self.lots.iter_mut().filter(|lot| lot.member == member && lot.expires_at <= now) {
            lot.lapsed += lot.remaining;
            lot.remaining = 0;
        }
    }

    fn repay(&mut self, member: MemberId, amount: Minor) -> Minor {
        let debt = self.debt.entry(member).or_default();
        let repaid = amount.min(*debt);
        *debt -= repaid;
        repaid
    }

    fn grant(&mut self, id: PostingId, member: MemberId, amount: Minor, expires_at: i64) {
        let repaid = self.repay(member, amount);
        let rest = amount - repaid;
        let lot = (rest > 0).then(|| {
            self.lots.push(ModelLot { member, expires_at, granted: rest, remaining: rest, lapsed: 0 });
            self.lots.len() - 1
        });
        self.done.insert(id, Some(Done::Granted { member, lot, repaid }));
    }

    fn take(&mut self, member: MemberId, amount: Minor) -> Vec<(usize, Minor)> {
        let mut order: Vec<usize> = (0..self.lots.len()).filter(|lot| self.lots[*lot].member == member).collect();
        order.sort_by_key(|lot| self.lots[*lot].expires_at);
        let (mut left, mut parts) = (amount, Vec::new());
        for lot in order {
            let part = self.lots[lot].remaining.min(left);
            if part > 0 {
                self.lots[lot].remaining -= part;
                left -= part;
                parts.push((lot, part));
            }
        }
        assert_eq!(left, 0);
        parts
    }

    fn spend(&mut self, id: PostingId, now: i64, member: MemberId, amount: Minor) -> bool {
        if self.available(now, member) < amount {
            return false;
        }
        self.book_lapsed(now, member);
        let parts = self.take(member, amount);
        self.done.insert(id, Some(Done::Spent { member, parts }));
        true
    }

    fn reverse(&mut self, id: PostingId, now: i64) -> bool {
        let Some(done) = self.done.get_mut(&id).and_then(Option::take) else { return false };
        match done {
            Done::Granted { member, lot, repaid } => {
                self.book_lapsed(now, member);
                let mut owed = repaid;
                if let Some(lot) = lot {
                    let lot = &mut self.lots[lot];
                    owed += lot.granted - lot.lapsed - lot.remaining;
                    lot.remaining = 0;
                }
                let from_others = self.available(now, member).min(owed);
                self.take(member, from_others);
                *self.debt.entry(member).or_default() += owed - from_others;
            }
            Done::Spent { member, parts } => {
                let amount = parts.iter().map(|(_, part)| part).sum();
                let mut skip = self.repay(member, amount);
                for (lot, part) in parts {
                    let skipped = skip.min(part);
                    skip -= skipped;
                    self.lots[lot].remaining += part - skipped;
                }
            }
        }
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Random operations keep every promise and agree with the model.
    #[test]
    fn the_ledger_agrees_with_a_simple_one(steps in prop::collection::vec(step(), 1..60)) {
        let (mut world, mut model) = (World::new(), Model::default());
        let mut now = 0;
        for (number, step) in steps.into_iter().enumerate() {
            // Lots of one instant and one expiry have no order of their own.
            now += 1;
            let id = PostingId::from_bytes([u8::try_from(number + 1).unwrap(); 16]);
            let post = |moves| NewPosting { id, cause: Cause::Pack, pack: None, reason: None, moves };
            match step {
                Step::Grant { member, amount, lasts } => {
                    let expires_at = lasts.map(|lasts| at(now + lasts));
                    let wanted = Move::Grant { member, unit: points(), amount, expires_at, from: House::Issued };
                    world.post(now, &post(vec![wanted])).unwrap();
                    model.grant(id, member, amount, lasts.map_or(i64::MAX, |lasts| now + lasts));
                }
                Step::Spend { member, amount } => {
                    let wanted = Move::Spend { member, unit: points(), amount, to: House::Redeemed };
                    let done = world.post(now, &post(vec![wanted])).is_ok();
                    prop_assert_eq!(done, model.spend(id, now, member, amount));
                }
                Step::Reverse { which } => {
                    let Some(posting) = (!model.done.is_empty()).then(|| *which.get(&model.done.keys().copied().collect::<Vec<_>>())) else { continue };
                    let done = world.post(now, &post(vec![Move::Reverse { posting }])).is_ok();
                    prop_assert_eq!(done, model.reverse(posting, now));
                }
                Step::Wait { seconds } => now += seconds,
            }
            for member in [ALICE, BOB] {
                let debt = model.debt.get(&member).copied().unwrap_or(0);
                prop_assert_eq!(world.balance(now, member), Balance { available: model.available(now, member), debt });
            }
        }
        prop_assert_eq!(world.audit().findings, []);
    }
}
