//! The ledger's rules as tables, and random operations against a simple model.

mod coupons;
mod due;
mod holds;
mod limits;
mod merge;
mod migrate;
mod model;
mod parts;
mod pending;
mod postings;
mod property;
mod refusals;
mod tampering;
mod transfers;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::domain::{
    Benefit, Code, CouponType, HoldId, IdSource, Label, MemberId, MerchantId, Minor, PostingId, Reference, Scope,
    Source, Unit, UnitKind, UnitRules, Validity,
};
use crate::store::{Store, layout};

const MERCHANT: MerchantId = MerchantId::from_bytes([1; 16]);
const ALICE: MemberId = MemberId::from_bytes([2; 16]);
const BOB: MemberId = MemberId::from_bytes([3; 16]);

/// What an audit tells when the books balance.
const NOTHING: [&str; 0] = [];

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

fn points() -> Code {
    code("points")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn id(number: u8) -> PostingId {
    PostingId::from_bytes([number; 16])
}

fn hold_id(number: u8) -> HoldId {
    HoldId::from_bytes([number; 16])
}

fn event(name: &str) -> Reference {
    Reference::new(name).unwrap()
}

fn new(number: u8, moves: Vec<Move>) -> NewPosting {
    NewPosting { id: id(number), cause: Cause::Pack, pack: None, reason: None, moves }
}

fn grant(amount: Minor, expires_at: Option<i64>) -> Move {
    Move::Grant { member: ALICE, unit: points(), amount, expires_at: expires_at.map(at), from: House::Issued }
}

fn grant_later(amount: Minor, expires_at: Option<i64>, release: Release) -> Move {
    let expires_at = expires_at.map(at);
    Move::GrantLater { member: ALICE, unit: points(), amount, expires_at, from: House::Issued, release }
}

fn from_second(second: i64) -> Release {
    Release::At { at: at(second) }
}

fn spend(amount: Minor) -> Move {
    Move::Spend { member: ALICE, unit: points(), amount, to: House::Redeemed }
}

fn hold(number: u8, amount: Minor, lapses_at: i64) -> Move {
    Move::Hold { hold: hold_id(number), member: ALICE, unit: points(), amount, lapses_at: at(lapses_at) }
}

fn post_hold(number: u8, amount: impl Into<Option<Minor>>) -> Move {
    Move::PostHold { hold: hold_id(number), amount: amount.into(), to: House::Redeemed }
}

fn void_hold(number: u8) -> Move {
    Move::VoidHold { hold: hold_id(number) }
}

fn give_bob(amount: Minor) -> Move {
    Move::Transfer { from: ALICE, to: BOB, unit: points(), amount }
}

fn reverse(number: u8) -> Move {
    Move::Reverse { posting: id(number) }
}

fn free() -> UnitRules {
    UnitRules { transferable: true, ..UnitRules::default() }
}

/// What a member can spend, and what they owe.
fn has(available: Minor, debt: Minor) -> Balance {
    Balance { available, debt, ..Balance::default() }
}

/// A ledger in memory with the unit `points`. Its merchant's days are those of UTC.
struct World {
    store: Store,
    seed: u64,
}

impl World {
    fn new() -> Self {
        Self::with(free())
    }

    /// A world in which the points have these rules.
    fn with(rules: UnitRules) -> Self {
        let world = Self { store: Store::in_memory(), seed: 0 };
        world.declare(&Unit { rules, ..Unit::new(points(), UnitKind::Count, None) });
        world
    }

    fn declare(&self, unit: &Unit) {
        self.store.write(|tx| tx.save(&layout::unit(MERCHANT, &unit.code), unit)).unwrap();
    }

    /// Defines a type of coupon and the unit that goes with it.
    fn define(&self, coupon: &CouponType) {
        self.declare(&Unit { rules: free(), ..Unit::new(coupon.unit.clone(), UnitKind::Coupon, None) });
        self.store.write(|tx| tx.save(&layout::coupon_type(MERCHANT, &coupon.unit), coupon)).unwrap();
    }

    fn with_book<T>(
        &mut self,
        second: i64,
        mut work: impl FnMut(&mut Book<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.seed += 1;
        // Not the step of the id source itself, or the ids of one second would come again.
        let seed = self.seed.wrapping_mul(0xd134_2543_de82_ef95);
        self.store.write(|tx| work(&mut Book::new(tx, &mut IdSource::new(at(second), seed), terms(second))))
    }

    fn post(&mut self, second: i64, new: &NewPosting) -> Result<Posting, LedgerError> {
        self.with_book(second, |book| book.post(new))
    }

    /// Posts what the ledger takes.
    #[track_caller]
    fn book(&mut self, second: i64, number: u8, wanted: Move) -> Posting {
        self.post(second, &new(number, vec![wanted])).unwrap_or_else(|error| panic!("posting {number}: {error}"))
    }

    fn run_due(&mut self, second: i64) -> DueBooked {
        self.with_book(second, |book| book.book_due(100)).unwrap()
    }

    fn balance(&self, second: i64, member: MemberId) -> Balance {
        self.balance_of(second, member, &points())
    }

    fn balance_of(&self, second: i64, member: MemberId, unit: &Code) -> Balance {
        self.store
            .read(|tx| Book::new(tx, &mut IdSource::new(at(second), 0), terms(second)).balance(member, unit))
            .unwrap()
    }

    fn find_hold(&mut self, number: u8) -> Hold {
        self.with_book(0, |book| book.find_hold(hold_id(number))).unwrap().unwrap()
    }

    fn liability(&self, unit: &Code) -> Liability {
        let all = self.store.read(|tx| Liability::read(tx, MERCHANT)).unwrap();
        all.into_iter().find(|liability| liability.unit.code == *unit).unwrap()
    }

    fn audit(&self) -> Audit {
        self.store.read(|tx| Audit::run(tx, MERCHANT, &TimeZone::UTC, || {})).unwrap()
    }

    /// All that an audit tells.
    fn told(&self) -> Vec<String> {
        let Audit { findings, unreadable, .. } = self.audit();
        findings.iter().map(ToString::to_string).chain(unreadable).collect()
    }

    #[track_caller]
    fn is_sound(&self) {
        assert_eq!(self.told(), NOTHING);
    }
}

fn terms(second: i64) -> Terms {
    Terms { merchant: MERCHANT, zone: TimeZone::UTC, now: at(second), store: None, by: Source::Operator }
}

/// Steps of a table: at a second, a posting is made; then Alice has so much. The job that books what is due runs in a
/// second world after each step, and must make no difference.
#[track_caller]
fn check_all(rules: &UnitRules, steps: &[(i64, NewPosting, Balance)]) -> World {
    let (mut world, mut kept_up) = (World::with(rules.clone()), World::with(rules.clone()));
    for (number, (second, new, expected)) in steps.iter().enumerate() {
        for (world, name) in [(&mut world, "left alone"), (&mut kept_up, "kept up")] {
            world.post(*second, new).unwrap_or_else(|error| panic!("step {number}, {name}: {error}"));
            assert_eq!(world.balance(*second, ALICE), *expected, "after step {number}, {name}");
            assert_eq!(world.told(), NOTHING, "after step {number}, {name}");
        }
        kept_up.run_due(*second);
        assert_eq!(kept_up.balance(*second, ALICE), *expected, "after step {number} and the job");
        assert_eq!(kept_up.told(), NOTHING, "after step {number} and the job");
    }
    world
}

/// The same with the usual rules, and only what Alice can spend and owes.
#[track_caller]
fn check(steps: &[(i64, NewPosting, Minor, Minor)]) -> World {
    let steps: Vec<_> =
        steps.iter().map(|(second, new, available, debt)| (*second, new.clone(), has(*available, *debt))).collect();
    check_all(&free(), &steps)
}

/// A row of refusals: a posting, and whether that is how it is refused.
type Refusal = (NewPosting, fn(&LedgerError) -> bool);

/// Each posting is refused as said, and changes nothing.
#[track_caller]
fn check_refused(world: &mut World, second: i64, table: &[Refusal]) {
    let before: Vec<Balance> = [ALICE, BOB].map(|member| world.balance(second, member)).into();
    let postings = world.audit().postings;
    for (number, (posting, expected)) in table.iter().enumerate() {
        let refused = world.post(second, posting).unwrap_err();
        assert!(expected(&refused), "row {number}: {refused}");
        let after: Vec<Balance> = [ALICE, BOB].map(|member| world.balance(second, member)).into();
        assert_eq!(after, before, "row {number}");
    }
    assert_eq!(world.audit().postings, postings);
    world.is_sound();
}

/// A type of coupon without limits that lasts seven days.
fn coupon(unit: &str) -> CouponType {
    CouponType {
        unit: code(unit),
        title: Label::new("Welcome").unwrap(),
        benefit: Benefit::Amount { off_minor: 500 },
        threshold_minor: 0,
        scope: Scope::default(),
        validity: Validity::Days { days: 7 },
        per_member_max: None,
        total_max: None,
        stock: None,
        stacking_group: None,
        group_max: None,
        priority: 0,
        exclusive: false,
    }
}
