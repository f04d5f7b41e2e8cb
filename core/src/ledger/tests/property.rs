//! Random operations keep every promise and agree with the model.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use super::model::{CouponLimits, DAY, Model};
use super::*;
use crate::domain::{LotId, Shortfall};

/// So many cases of so many steps make at least 200 thousand operations.
const CASES: u32 = 1_900;
const STEPS: std::ops::Range<usize> = 100..125;
const OPERATIONS_MIN: u64 = 200_000;
/// Each kind of step is done so often at least, not only refused.
const OF_EACH_MIN: u64 = 200;

/// Something that may happen. Units: the points, or coupons of one type.
#[derive(Clone, Debug)]
enum Step {
    Grant { member: MemberId, amount: Minor, lasts: Option<i64> },
    GrantLater { member: MemberId, amount: Minor, lasts: Option<i64>, after: Option<i64>, on_event: bool },
    Issue { member: MemberId, count: Minor },
    Event,
    Spend { coupon: bool, member: MemberId, amount: Minor },
    Hold { coupon: bool, member: MemberId, amount: Minor, lasts: i64 },
    Post { coupon: bool, which: Index, percent: Option<u8> },
    Void { coupon: bool, which: Index },
    Give { from: MemberId, amount: Minor },
    Reverse { which: Index },
    ReversePart { which: Index, percent: u8 },
    Merge,
    RunDue,
    Wait { seconds: i64 },
}

fn member() -> impl Strategy<Value = MemberId> {
    prop_oneof![Just(ALICE), Just(BOB)]
}

/// Most things last for some steps, some for days.
fn seconds() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 1_i64..80, 1 => DAY..3 * DAY]
}

/// Amounts of points are larger than those of coupons.
fn quantity() -> impl Strategy<Value = (bool, Minor)> {
    prop_oneof![3 => (1_u64..90).prop_map(|amount| (false, amount)), 1 => (1_u64..3).prop_map(|amount| (true, amount))]
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        6 => (member(), 1_u64..100, prop::option::of(seconds()))
            .prop_map(|(member, amount, lasts)| Step::Grant { member, amount, lasts }),
        4 => (member(), 1_u64..100, prop::option::of(seconds()), prop::option::of(seconds()), any::<bool>())
            .prop_map(|(member, amount, lasts, after, on_event)| {
                Step::GrantLater { member, amount, lasts, after, on_event: on_event || after.is_none() }
            }),
        3 => (member(), 1_u64..4).prop_map(|(member, count)| Step::Issue { member, count }),
        1 => Just(Step::Event),
        6 => (quantity(), member())
            .prop_map(|((coupon, amount), member)| Step::Spend { coupon, member, amount }),
        5 => (quantity(), member(), seconds())
            .prop_map(|((coupon, amount), member, lasts)| Step::Hold { coupon, member, amount, lasts }),
        3 => (any::<bool>(), index(), prop::option::of(1_u8..=100))
            .prop_map(|(coupon, which, percent)| Step::Post { coupon, which, percent }),
        2 => (any::<bool>(), index()).prop_map(|(coupon, which)| Step::Void { coupon, which }),
        3 => (1_u64..90, member()).prop_map(|(amount, from)| Step::Give { from, amount }),
        5 => index().prop_map(|which| Step::Reverse { which }),
        4 => (index(), 1_u8..120).prop_map(|(which, percent)| Step::ReversePart { which, percent }),
        1 => Just(Step::Merge),
        1 => Just(Step::RunDue),
        2 => seconds().prop_map(|seconds| Step::Wait { seconds }),
    ]
}

fn shortfall() -> impl Strategy<Value = Shortfall> {
    prop_oneof![3 => Just(Shortfall::Owe), 1 => Just(Shortfall::Forgive), 1 => Just(Shortfall::Refuse)]
}

fn rules() -> impl Strategy<Value = UnitRules> {
    let max = |range: std::ops::Range<Minor>| prop::option::weighted(0.4, range);
    (max(60..400), max(60..600), max(60..600), shortfall()).prop_map(
        |(balance_max, earn_per_day_max, spend_per_day_max, shortfall)| UnitRules {
            transferable: true,
            balance_max,
            earn_per_day_max,
            spend_per_day_max,
            shortfall,
        },
    )
}

fn limits() -> impl Strategy<Value = CouponLimits> {
    let max = || prop::option::of(1_u32..12);
    (max(), max(), max()).prop_map(|(per_member_max, total_max, stock)| CouponLimits {
        per_member_max,
        total_max,
        stock,
    })
}

impl Step {
    fn kind(&self) -> &'static str {
        match self {
            Self::Grant { .. } => "grant",
            Self::GrantLater { .. } => "grant later",
            Self::Issue { .. } => "issue",
            Self::Event => "event",
            Self::Spend { coupon: false, .. } => "spend",
            Self::Spend { coupon: true, .. } => "redeem a coupon",
            Self::Hold { coupon: false, .. } => "hold",
            Self::Hold { coupon: true, .. } => "reserve a coupon",
            Self::Post { coupon: false, .. } => "post a hold",
            Self::Post { coupon: true, .. } => "post a reservation",
            Self::Void { coupon: false, .. } => "void a hold",
            Self::Void { coupon: true, .. } => "void a reservation",
            Self::Give { .. } => "give",
            Self::Reverse { .. } => "reverse",
            Self::ReversePart { .. } => "reverse a part",
            Self::Merge => "merge",
            Self::RunDue => "run the job",
            Self::Wait { .. } => "wait",
        }
    }
}

/// The ledger and its models side by side.
struct Pair {
    world: World,
    points: Model,
    coupons: Model,
    now: i64,
    /// The ids of the postings so far; the unit of each, its model knows.
    postings: Vec<PostingId>,
    made: u32,
    /// Whether Bob turned out to be Alice.
    merged: bool,
}

fn welcome() -> Code {
    code("welcome")
}

impl Pair {
    fn new(rules: UnitRules, limits: CouponLimits) -> Self {
        let world = World::with(rules.clone());
        let coupon_rules = UnitRules { shortfall: rules.shortfall, ..free() };
        let CouponLimits { per_member_max, total_max, stock } = limits;
        let validity = Validity::Days { days: 0 };
        world.define(&CouponType { per_member_max, total_max, stock, validity, ..coupon("welcome") });
        world.declare(&Unit { rules: coupon_rules.clone(), ..Unit::new(welcome(), UnitKind::Coupon, None) });
        let points = Model::new(rules, CouponLimits::default());
        Self {
            world,
            points,
            coupons: Model::new(coupon_rules, limits),
            now: 0,
            postings: Vec::new(),
            made: 0,
            merged: false,
        }
    }

    fn unit(coupon: bool) -> Code {
        if coupon { welcome() } else { points() }
    }

    fn model(&mut self, coupon: bool) -> &mut Model {
        if coupon { &mut self.coupons } else { &mut self.points }
    }

    /// Posts a move, and tells its id and the lots that it opened; none if it was refused.
    fn post(&mut self, wanted: Move) -> (PostingId, Option<Vec<LotId>>) {
        self.made += 1;
        let mut bytes = [0; 16];
        bytes[12..].copy_from_slice(&self.made.to_be_bytes());
        let id = PostingId::from_bytes(bytes);
        let new = NewPosting { id, cause: Cause::Pack, pack: None, reason: None, moves: vec![wanted] };
        let posting = match self.world.post(self.now, &new) {
            Ok(posting) => posting,
            Err(LedgerError::Inconsistent(what)) => panic!("{what}"),
            Err(LedgerError::Store(error)) => panic!("{error}"),
            Err(_) => return (id, None),
        };
        self.postings.push(id);
        let opens = |transfer: &&Transfer| {
            matches!(transfer.from, Party::House(House::Issued | House::Transit))
                && (matches!(transfer.to, Party::Member(_)) || transfer.to == Party::House(House::Pending))
        };
        let lots = posting.transfers().filter(opens).flat_map(|transfer| transfer.lots.iter().map(|part| part.lot));
        (id, Some(lots.collect()))
    }

    /// Who a member is by now.
    fn who(&self, member: MemberId) -> MemberId {
        if self.merged { ALICE } else { member }
    }

    fn hold_of(&mut self, coupon: bool, which: Index) -> Option<HoldId> {
        let holds = self.model(coupon).open_holds();
        (!holds.is_empty()).then(|| *which.get(&holds))
    }

    /// Does a step in both and compares whether it was done.
    fn take(&mut self, step: &Step) -> Result<bool, TestCaseError> {
        // Lots of one instant and one expiry have no order of their own that the model could know before.
        self.now += 1;
        let now = self.now;
        let (done, agreed) = match step.clone() {
            Step::Grant { member, amount, lasts } => {
                let member = self.who(member);
                let expires_at = lasts.map(|lasts| now + lasts);
                let (unit, at) = (points(), expires_at.map(at));
                let (id, lots) = self.post(Move::Grant { member, unit, amount, expires_at: at, from: House::Issued });
                let ids = lots.clone().unwrap_or_else(|| vec![LotId::from_bytes([0; 16])]);
                (lots.is_some(), self.points.attempt(|model| model.grant(id, now, member, amount, expires_at, &ids)))
            }
            Step::GrantLater { member, amount, lasts, after, on_event } => {
                let member = self.who(member);
                let (expires_at, after) = (lasts.map(|lasts| now + lasts), after.map(|after| now + after));
                let release = match (after.map(at), on_event) {
                    (Some(at), true) => Release::First { at, event: event("paid") },
                    (Some(at), false) => Release::At { at },
                    (None, _) => Release::On { event: event("paid") },
                };
                let (unit, at, from) = (points(), expires_at.map(at), House::Issued);
                let (id, lots) = self.post(Move::GrantLater { member, unit, amount, expires_at: at, from, release });
                let ids = lots.clone().unwrap_or_else(|| vec![LotId::from_bytes([0; 16])]);
                let agreed = self
                    .points
                    .attempt(|model| model.grant_later(id, now, member, amount, expires_at, after, on_event, &ids));
                (lots.is_some(), agreed)
            }
            Step::Issue { member, count } => {
                let member = self.who(member);
                let (id, lots) = self.post(Move::Issue { member, unit: welcome(), count });
                // Of a refused one the model is asked for all: whether it repays a debt it knows by itself.
                let debt = self.coupons.balance(now, member).debt.min(count);
                let unknown = || (0..count - debt).map(|_| LotId::from_bytes([0; 16])).collect();
                let ids: Vec<LotId> = lots.clone().unwrap_or_else(unknown);
                (lots.is_some(), self.coupons.attempt(|model| model.issue(id, now, member, count, &ids)))
            }
            Step::Event => {
                self.world.with_book(now, |book| book.release_waiting(&event("paid"), 1_000)).unwrap();
                self.points.event(now);
                (true, true)
            }
            Step::Spend { coupon, member, amount } => {
                let member = self.who(member);
                let unit = Self::unit(coupon);
                let (id, lots) = self.post(Move::Spend { member, unit, amount, to: House::Redeemed });
                (lots.is_some(), self.model(coupon).attempt(|model| model.spend(id, now, member, amount)))
            }
            Step::Hold { coupon, member, amount, lasts } => {
                let member = self.who(member);
                let lapses_at = now + lasts;
                let mut bytes = [coupon.into(); 16];
                bytes[12..].copy_from_slice(&self.made.to_be_bytes());
                let hold = HoldId::from_bytes(bytes);
                let unit = Self::unit(coupon);
                let (id, lots) = self.post(Move::Hold { hold, member, unit, amount, lapses_at: at(lapses_at) });
                let agreed = self.model(coupon).attempt(|model| model.hold(id, now, hold, member, amount, lapses_at));
                (lots.is_some(), agreed)
            }
            Step::Post { coupon, which, percent } => {
                let Some(hold) = self.hold_of(coupon, which) else { return Ok(false) };
                let share = |held: Minor| percent.map_or(held, |percent| held * Minor::from(percent) / 100);
                let amount = percent.map(|_| share(self.model(coupon).held_in(hold)));
                let (id, lots) = self.post(Move::PostHold { hold, amount, to: House::Redeemed });
                (lots.is_some(), self.model(coupon).attempt(|model| model.post_hold(id, now, hold, share)))
            }
            Step::Void { coupon, which } => {
                let Some(hold) = self.hold_of(coupon, which) else { return Ok(false) };
                let (id, lots) = self.post(Move::VoidHold { hold });
                (lots.is_some(), self.model(coupon).attempt(|model| model.void_hold(id, now, hold)))
            }
            Step::Give { from, amount } => {
                let (from, to) = (self.who(from), self.who(if from == ALICE { BOB } else { ALICE }));
                let (id, lots) = self.post(Move::Transfer { from, to, unit: points(), amount });
                let done = lots.is_some();
                // Of a refused one nobody knows the lots; with none the model refuses it too, unless all repays a debt.
                let ids = lots.unwrap_or_default();
                (done, self.points.attempt(|model| model.give(id, now, (from, to), amount, &ids)))
            }
            Step::Reverse { which } => {
                if self.postings.is_empty() {
                    return Ok(false);
                }
                let posting = *which.get(&self.postings);
                let coupon = self.coupons.knows(posting);
                let (id, lots) = self.post(Move::Reverse { posting });
                (lots.is_some(), self.model(coupon).attempt(|model| model.reverse(id, now, posting)))
            }
            Step::ReversePart { which, percent } => {
                if self.postings.is_empty() {
                    return Ok(false);
                }
                let posting = *which.get(&self.postings);
                let coupon = self.coupons.knows(posting);
                let amount = (self.model(coupon).left_of(posting) * Minor::from(percent)).div_ceil(100);
                let (id, lots) = self.post(Move::ReversePart { posting, unit: Self::unit(coupon), amount });
                let agreed = self.model(coupon).attempt(|model| model.reverse_part(id, now, posting, amount));
                (lots.is_some(), agreed)
            }
            Step::Merge => {
                if self.merged {
                    return Ok(false);
                }
                self.world.with_book(now, |book| book.merge(BOB, ALICE)).unwrap();
                self.points.merge(now, BOB, ALICE);
                self.coupons.merge(now, BOB, ALICE);
                self.merged = true;
                (true, true)
            }
            Step::RunDue => {
                while self.world.with_book(now, |book| book.book_due(3)).unwrap().more {}
                self.points.run_due(now);
                self.coupons.run_due(now);
                (true, true)
            }
            Step::Wait { seconds } => {
                self.now += seconds;
                (true, true)
            }
        };
        prop_assert_eq!(done, agreed, "done by the ledger, and by the model");
        self.compare()?;
        Ok(done)
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        for member in [ALICE, BOB] {
            prop_assert_eq!(self.world.balance(self.now, member), self.points.balance(self.now, member));
            let coupons = self.world.balance_of(self.now, member, &welcome());
            prop_assert_eq!(coupons, self.coupons.balance(self.now, member));
        }
        Ok(())
    }
}

#[test]
fn the_ledger_agrees_with_a_simple_one() {
    let counts: RefCell<BTreeMap<&str, [u64; 2]>> = RefCell::default();
    let cases = (rules(), limits(), prop::collection::vec(step(), STEPS));
    let config = Config { source_file: Some(file!()), ..Config::with_cases(CASES) };
    let outcome = TestRunner::new(config).run(&cases, |(rules, limits, steps)| {
        let mut pair = Pair::new(rules, limits);
        for step in &steps {
            let done = pair.take(step)?;
            counts.borrow_mut().entry(step.kind()).or_default()[usize::from(done)] += 1;
        }
        prop_assert_eq!(pair.world.told(), NOTHING);
        // In the end the job books what is due, and nothing is different from before.
        pair.take(&Step::RunDue)?;
        prop_assert_eq!(pair.world.told(), NOTHING);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}\n");
    }
    let counts = counts.into_inner();
    let operations: u64 = counts.values().flatten().sum();
    assert!(operations >= OPERATIONS_MIN, "{operations} operations");
    assert_eq!(counts.len(), 18, "of some kind there was none, refused and done: {counts:?}");
    assert!(counts.values().all(|[_, done]| *done >= OF_EACH_MIN), "refused and done: {counts:?}");
}
