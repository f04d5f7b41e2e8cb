//! A simulated shop on a disk that fails: random use cases of many tills, crashes in between, and a simple model that
//! says what has to be there.
//!
//! All that is random follows from a seed, so a run that fails can be run again: the seed and the step are in the
//! message. `PUNCHCARD_SIMULATION_STEPS` and `PUNCHCARD_SIMULATION_SEED` set them; `cargo xtask simulate` does so.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::clock::{Clock, Entropy};
use crate::domain::{
    Actor, Code, Currency, HoldId, IdSource, Label, Line, MemberId, MerchantId, Minor, OrderId, Reference,
    STORED_VALUE, StaffId, StoreId, ZoneName,
};
use crate::ledger::LedgerError;
use crate::pack::Packs;
use crate::store::journal::{Disk, FAULTS, FaultyDisk};
use crate::store::{DurableEngine, DurableOptions, Store, StoreError, Tx, snapshot};
use crate::usecase::*;
use crate::vault::Vault;

const STEPS: u64 = 4_000;
const SEED: u64 = 20_260_318;

/// A shop closes after so many steps, and another one opens, with the next seed: all that is compared again and again
/// stays of a size.
const SHOP_STEPS: u64 = 10_000;

#[test]
fn whatever_fails_and_whenever_the_shop_has_what_a_simple_model_says() {
    let (steps, first) = (setting("STEPS").unwrap_or(STEPS), setting("SEED").unwrap_or(SEED));
    let (mut done, mut restarts, mut states_lost) = (0, 0, 0);
    for seed in first.. {
        let shop = simulate(seed, SHOP_STEPS.min(steps - done));
        done += SHOP_STEPS.min(steps - done);
        (restarts, states_lost) = (restarts + shop.restarts, states_lost + shop.states_lost);
        println!("{done} steps, seeds {first} to {seed}: {restarts} restarts, {states_lost} with the state lost");
        if done == steps {
            return;
        }
    }
}

/// A shop from its opening to its proof.
fn simulate(seed: u64, steps: u64) -> Shop {
    let mut shop = Shop::open(seed);
    for step in 1..=steps {
        shop.at = format!("seed {seed}, step {step}");
        shop.step();
    }
    shop.at = format!("seed {seed}, after {steps} steps");
    shop.restart();
    shop.compare();
    shop.prove();
    assert!(shop.restarts > steps / 100, "{}: too few crashes to mean anything", shop.at);
    shop
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(format!("PUNCHCARD_SIMULATION_{name}")).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("PUNCHCARD_SIMULATION_{name} is a number, not {text:?}")))
}

/// What a till asks for.
#[derive(Clone, Debug)]
enum Wish {
    Enrol,
    Load { member: MemberId, amount: Minor },
    Spend { member: MemberId, amount: Minor },
    Hold { member: MemberId, amount: Minor, lapses_at: Timestamp },
    Post { hold: HoldId, amount: Option<Minor> },
    Void { hold: HoldId },
    Settle { reference: String, member: Option<MemberId>, amount: Minor },
    Refund { order: OrderId },
}

/// A wish with its idempotency key: sent again it is the same one.
#[derive(Clone, Debug)]
struct Request {
    key: String,
    wish: Wish,
}

/// What came of a request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reply {
    Member(MemberId),
    Hold(HoldId),
    Order(OrderId),
    Done,
    Refused,
}

/// Nobody knows what has become of the request.
struct Unanswered;

#[derive(Clone, Copy, Default)]
struct Purse {
    available: Minor,
}

#[derive(Clone, Copy)]
struct OpenHold {
    member: MemberId,
    amount: Minor,
    lapses_at: Timestamp,
}

/// What has to be there.
#[derive(Default)]
struct Model {
    purses: BTreeMap<MemberId, Purse>,
    holds: BTreeMap<HoldId, OpenHold>,
    /// Orders by id: their totals, and whether they still stand.
    orders: BTreeMap<OrderId, (Minor, bool)>,
}

impl Model {
    fn lapse(&mut self, now: Timestamp) {
        let due: Vec<_> = self.holds.iter().filter(|(_, hold)| hold.lapses_at <= now).map(|(id, _)| *id).collect();
        for id in due {
            self.give_back(id, 0);
        }
    }

    /// Ends a hold, of which so much was spent.
    fn give_back(&mut self, id: HoldId, spent: Minor) {
        if let Some(hold) = self.holds.remove(&id) {
            self.purses.entry(hold.member).or_default().available += hold.amount - spent;
        }
    }

    /// Whether the wish has to be granted.
    fn grants(&self, wish: &Wish) -> bool {
        let available = |member: &MemberId| self.purses.get(member).map_or(0, |purse| purse.available);
        match wish {
            Wish::Enrol | Wish::Load { .. } | Wish::Settle { .. } => true,
            Wish::Spend { member, amount } | Wish::Hold { member, amount, .. } => *amount <= available(member),
            Wish::Post { hold, amount } => {
                self.holds.get(hold).is_some_and(|open| amount.is_none_or(|amount| amount <= open.amount))
            }
            Wish::Void { hold } => self.holds.contains_key(hold),
            Wish::Refund { order } => self.orders.get(order).is_some_and(|(_, stands)| *stands),
        }
    }

    fn apply(&mut self, wish: &Wish, reply: &Reply) {
        match (wish, reply) {
            (Wish::Enrol, Reply::Member(member)) => {
                self.purses.insert(*member, Purse::default());
            }
            (Wish::Load { member, amount }, _) => self.purses.entry(*member).or_default().available += amount,
            (Wish::Spend { member, amount }, _) => self.purses.entry(*member).or_default().available -= amount,
            (Wish::Hold { member, amount, lapses_at }, Reply::Hold(hold)) => {
                self.purses.entry(*member).or_default().available -= amount;
                self.holds.insert(*hold, OpenHold { member: *member, amount: *amount, lapses_at: *lapses_at });
            }
            (Wish::Post { hold, amount }, _) => {
                let all = self.holds.get(hold).map_or(0, |open| open.amount);
                self.give_back(*hold, amount.unwrap_or(all));
            }
            (Wish::Void { hold }, _) => self.give_back(*hold, 0),
            (Wish::Settle { amount, .. }, Reply::Order(order)) => {
                self.orders.insert(*order, (*amount, true));
            }
            (Wish::Refund { order }, _) => {
                self.orders.entry(*order).and_modify(|(_, stands)| *stands = false);
            }
            (wish, reply) => panic!("{wish:?} was answered with {reply:?}"),
        }
    }
}

/// The shop, on its disk.
struct Shop {
    dir: TempDir,
    disk: Arc<FaultyDisk>,
    clock: Clock,
    entropy: Entropy,
    packs: Packs,
    host: Option<Host>,
    actor: Actor,
    place: StoreId,
    model: Model,
    done: Vec<(Request, Reply)>,
    requests: u64,
    restarts: u64,
    states_lost: u64,
    /// Where in the run this is, for messages.
    at: String,
}

impl Shop {
    fn open(seed: u64) -> Self {
        let dir = TempDir::new().unwrap();
        let clock = Clock::standing_at("2026-03-18T00:00:00Z".parse().unwrap());
        let (entropy, disk) = (Entropy::seeded(seed), Arc::new(FaultyDisk::default()));
        let packs = Packs::new().unwrap();
        let host = host(dir.path(), &disk, &clock, &entropy, &packs);
        let merchant = IdSource::new(clock.now(), entropy.bits()).merchant();
        let label = |text: &str| Label::new(text).unwrap();
        let new = CreateMerchant {
            name: label("Simulated"),
            currency: Currency::new("CNY").unwrap(),
            time_zone: ZoneName::new("Asia/Shanghai").unwrap(),
            locale: label("en"),
            stores: vec![NewStore { code: Code::new("main").unwrap(), name: label("Main") }],
        };
        let created = host.operate(merchant, |tx, act| create_merchant(tx, act, &new)).unwrap();
        let actor = Actor::owner(merchant, StaffId::from_bytes([7; 16]));
        Self {
            dir,
            disk,
            clock,
            entropy,
            packs,
            host: Some(host),
            actor,
            place: created.stores[0].id,
            model: Model::default(),
            done: Vec::new(),
            requests: 0,
            restarts: 0,
            states_lost: 0,
            at: "at the beginning".into(),
        }
    }

    fn host(&self) -> &Host {
        self.host.as_ref().unwrap()
    }

    fn merchant(&self) -> MerchantId {
        self.actor.merchant
    }

    fn random(&self, below: u64) -> u64 {
        self.entropy.bits() % below
    }

    fn one_of<T: Copy>(&self, all: &[T]) -> Option<T> {
        let index = self.random(all.len().max(1) as u64);
        all.get(usize::try_from(index).unwrap()).copied()
    }

    fn step(&mut self) {
        let restarts = self.restarts;
        self.act();
        // Not in the middle of a request: nobody can say then what has become of it.
        if self.restarts > restarts && self.restarts.is_multiple_of(8) {
            self.prove();
        }
    }

    fn act(&mut self) {
        match self.random(100) {
            0..3 => {
                let after = 1 + usize::try_from(self.random(8)).unwrap();
                self.disk.plan(after, self.one_of(&FAULTS).unwrap());
            }
            3 => {
                let later = SignedDuration::from_mins(1 + self.random(90).cast_signed());
                self.clock.set(self.clock.now() + later);
                self.model.lapse(self.clock.now());
            }
            4 => {
                let booked = run_due(self.host());
                if booked.is_err() || booked.is_ok_and(|summary| !summary.failed.is_empty()) {
                    self.restart();
                }
            }
            5 if self.random(10) == 0 => self.restart(),
            6 if self.random(10) == 0 => {
                snapshot::take(self.dir.path(), snapshot::SnapshotPlan::default(), || {}).unwrap();
            }
            7..12 => self.send_something_again(),
            _ => {
                if let Some(wish) = self.wish() {
                    self.requests += 1;
                    let key = format!("request-{}", self.requests);
                    self.serve(Request { key, wish });
                }
            }
        }
    }

    fn wish(&self) -> Option<Wish> {
        let members: Vec<_> = self.model.purses.keys().copied().collect();
        let holds: Vec<_> = self.model.holds.keys().copied().collect();
        let orders: Vec<_> = self.model.orders.keys().copied().collect();
        let amount = 1 + self.random(500);
        if members.len() < 12 {
            return Some(Wish::Enrol);
        }
        let member = self.one_of(&members)?;
        Some(match self.random(16) {
            0..4 => Wish::Load { member, amount },
            4..7 => Wish::Spend { member, amount },
            7..9 => {
                let lapses_at = self.clock.now() + SignedDuration::from_mins(1 + self.random(120).cast_signed());
                Wish::Hold { member, amount, lapses_at }
            }
            9 => Wish::Post { hold: self.one_of(&holds)?, amount: (self.random(2) == 0).then_some(amount) },
            10 => Wish::Void { hold: self.one_of(&holds)? },
            11 => Wish::Refund { order: self.one_of(&orders)? },
            _ => {
                let reference = format!("order-{}", self.requests + 1);
                Wish::Settle { reference, member: (self.random(3) > 0).then_some(member), amount }
            }
        })
    }

    /// Has a request served, however often the machine stops meanwhile, and compares what came of it with the model.
    fn serve(&mut self, request: Request) {
        let expected = self.model.grants(&request.wish);
        for _ in 0..20 {
            let Ok(reply) = self.try_to_serve(&request) else {
                self.restart();
                continue;
            };
            assert_eq!(reply != Reply::Refused, expected, "{}: {request:?} came to {reply:?}", self.at);
            if reply != Reply::Refused {
                self.model.apply(&request.wish, &reply);
                self.done.push((request, reply));
            }
            return;
        }
        panic!("{}: {request:?} is never answered", self.at);
    }

    /// A till has lost a reply and asks again: nothing happens, and the reply is the first one.
    fn send_something_again(&mut self) {
        let index = usize::try_from(self.random(self.done.len().max(1) as u64)).unwrap();
        let Some((request, first)) = self.done.get(index).cloned() else { return };
        match self.try_to_serve(&request) {
            Ok(again) => assert_eq!(again, first, "{}: {request:?} sent again", self.at),
            Err(Unanswered) => self.restart(),
        }
    }

    fn try_to_serve(&self, request: &Request) -> Result<Reply, Unanswered> {
        let label = None::<Label>;
        let unit = Code::new(STORED_VALUE).unwrap();
        match request.wish.clone() {
            Wish::Enrol => {
                let new = EnrolMember {
                    reference: Some(Reference::new(request.key.as_str()).unwrap()),
                    home_store: Some(self.place),
                    ..EnrolMember::default()
                };
                self.once(
                    request,
                    |tx, act| enrol_member(tx, act, &new).map_err(refusal_of_enrolment),
                    |enrolled| Reply::Member(enrolled.member),
                )
            }
            Wish::Load { member, amount } => {
                let load = LoadStoredValue {
                    member,
                    amount_minor: amount,
                    bonus_minor: 0,
                    store: Some(self.place),
                    reason: label,
                };
                self.once(
                    request,
                    |tx, act| load_stored_value(tx, act, &load).map_err(refusal_of_load),
                    |_| Reply::Done,
                )
            }
            Wish::Spend { member, amount } => {
                let spend = SpendStoredValue { member, amount_minor: amount, store: None, reason: label };
                let run =
                    |tx: &mut Tx, act: &mut Act<'_>| spend_stored_value(tx, act, &spend).map_err(refusal_of_spend);
                self.once(request, run, |_| Reply::Done)
            }
            Wish::Hold { member, amount, lapses_at } => {
                let hold = HoldAssets { member, unit, amount, lapses_at, reason: label };
                let run = |tx: &mut Tx, act: &mut Act<'_>| hold_assets(tx, act, &hold).map_err(refusal_of_hold);
                self.once(request, run, |out| Reply::Hold(out.hold))
            }
            Wish::Post { hold, amount } => {
                let post = PostHold { hold, amount, store: None, reason: label };
                let run = |tx: &mut Tx, act: &mut Act<'_>| post_hold(tx, act, &post).map_err(refusal_of_hold);
                self.once(request, run, |_| Reply::Done)
            }
            Wish::Void { hold } => {
                let run = |tx: &mut Tx, act: &mut Act<'_>| void_hold(tx, act, hold).map_err(refusal_of_hold);
                self.once(request, run, |_| Reply::Done)
            }
            Wish::Settle { reference, member, amount } => {
                let order = SettleOrder {
                    reference: Reference::new(reference).unwrap(),
                    store: self.place,
                    member,
                    served_by: None,
                    ordered_at: None,
                    currency: None,
                    lines: vec![line(amount)],
                    due_minor: None,
                    coupons: Vec::new(),
                    payments: Vec::new(),
                };
                let run = |tx: &mut Tx, act: &mut Act<'_>| settle_order(tx, act, &order).map_err(refusal_of_order);
                self.once(request, run, |settled| Reply::Order(settled.order.id))
            }
            Wish::Refund { order } => {
                let refund = RefundOrder { order, reason: label, lines: None };
                let run = |tx: &mut Tx, act: &mut Act<'_>| refund_order(tx, act, &refund).map_err(refusal_of_refund);
                self.once(request, run, |_| Reply::Done)
            }
        }
    }

    fn once<T: super::super::Reply>(
        &self,
        request: &Request,
        run: impl FnMut(&mut Tx, &mut Act<'_>) -> Result<T, Refusal>,
        reply: impl FnOnce(T) -> Reply,
    ) -> Result<Reply, Unanswered> {
        let key = Reference::new(request.key.as_str()).unwrap();
        let content = format!("{:?}", request.wish);
        match self.host().act_once(&self.actor, &key, content.as_bytes(), run) {
            Ok(done) => Ok(reply(done)),
            Err(OnceError::Refused(Refusal::Rule)) => Ok(Reply::Refused),
            Err(OnceError::Refused(Refusal::Store(error)) | OnceError::Store(error)) => {
                let failed = matches!(error, StoreError::Unavailable { .. } | StoreError::NoRoom { .. });
                assert!(failed, "{}: {request:?}: {error}", self.at);
                Err(Unanswered)
            }
            Err(OnceError::DifferentContent | OnceError::InFlight) => {
                panic!("{}: {request:?}: its key is taken", self.at)
            }
        }
    }

    /// The machine stops, however it stands, and starts again on a disk that works. Sometimes the state is gone then.
    fn restart(&mut self) {
        drop(self.host.take());
        if self.random(6) == 0 {
            std::fs::remove_dir_all(self.dir.path().join("sled")).unwrap();
            self.states_lost += 1;
        }
        self.disk = Arc::new(FaultyDisk::default());
        self.host = Some(host(self.dir.path(), &self.disk, &self.clock, &self.entropy, &self.packs));
        self.restarts += 1;
    }

    /// Compares every balance and the figures with the model.
    fn compare(&self) {
        let now = self.clock.now();
        let unit = Code::new(STORED_VALUE).unwrap();
        for (member, purse) in &self.model.purses {
            let assets = self.host().look(|tx| read_assets(tx, self.merchant(), now, *member)).unwrap();
            let available = assets.iter().find(|asset| asset.unit.code == unit).map_or(0, |asset| asset.available);
            assert_eq!(available, purse.available, "{}: {member}", self.at);
        }
        let (from, to) = (jiff::civil::date(2026, 1, 1), jiff::civil::date(9999, 1, 1));
        let figures = self.host().look(|tx| read_figures(tx, self.merchant(), (from, to), None)).unwrap();
        let sum = |stands: fn(bool) -> bool| {
            let orders = self.model.orders.values().filter(|(_, standing)| stands(*standing));
            orders.fold((0, 0), |(count, sum), (total, _)| (count + 1, sum + total.cast_signed()))
        };
        let (all, refunded) = (sum(|_| true), sum(|stands| !stands));
        assert_eq!((figures.total(Figure::Orders), figures.total(Figure::RevenueMinor)), all, "{}", self.at);
        assert_eq!((figures.total(Figure::Refunds), figures.total(Figure::RefundedMinor)), refunded, "{}", self.at);
    }

    /// Proves every promise of the books.
    fn prove(&self) {
        self.compare();
        let verified = verify(&self.host().store, Some(&Vault::seeded(1)), || {}).unwrap();
        assert!(verified.is_sound(), "{}: {:?}", self.at, verified.findings());
        for report in verified.merchants {
            assert_eq!(report.members, self.model.purses.len() as u64, "{}", self.at);
            assert_eq!(report.orders, self.model.orders.len() as u64, "{}", self.at);
        }
    }
}

fn host(dir: &Path, disk: &Arc<FaultyDisk>, clock: &Clock, entropy: &Entropy, packs: &Packs) -> Host {
    let options = DurableOptions {
        cache_bytes: 8 << 20,
        // Small segments, so that there are many.
        segment_bytes_max: 20_000,
        room_bytes_min: 0,
        snapshots_kept: Some(2),
        clock: clock.clone(),
        disk: Arc::clone(disk) as Arc<dyn Disk>,
        ..DurableOptions::default()
    };
    let engine = DurableEngine::open(dir, &options).unwrap();
    Host::new(Store::new(Arc::new(engine)), packs.clone(), clock.clone(), entropy.clone(), Vault::seeded(1))
}

fn line(amount_minor: Minor) -> Line {
    Line { sku: Label::new("bun").unwrap(), category: None, brand: None, quantity: 1, amount_minor }
}

/// Why a use case did nothing, as far as it matters here.
enum Refusal {
    /// A rule says no.
    Rule,
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

macro_rules! refusals {
    ($($name:ident, $error:ident, $($store:pat => $failure:ident),+;)*) => {$(
        fn $name(error: $error) -> Refusal {
            match error {
                $($store => Refusal::Store($failure),)+
                _ => Refusal::Rule,
            }
        }
    )*};
}

refusals! {
    refusal_of_enrolment, EnrolError, EnrolError::Store(e) => e;
    refusal_of_load, LoadError, LoadError::Store(e) => e, LoadError::Ledger(LedgerError::Store(e)) => e;
    refusal_of_spend, SpendError, SpendError::Store(e) => e, SpendError::Ledger(LedgerError::Store(e)) => e;
    refusal_of_hold, HoldError, HoldError::Store(e) => e, HoldError::Ledger(LedgerError::Store(e)) => e;
    refusal_of_order, SettleError, SettleError::Store(e) => e;
    refusal_of_refund, RefundError, RefundError::Store(e) => e, RefundError::Ledger(LedgerError::Store(e)) => e;
}
