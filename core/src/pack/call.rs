//! Calling a pack: a fresh instance, inside the caller's transaction, under limits.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower};
use wasmtime::{Store, Trap};

use super::bindings::exports::punchcard::pack::{checkout, lifecycle, on_event, on_partner, on_timer};
use super::bindings::punchcard::pack::types as wit;
use super::engine::TICK;
use super::error::cut;
use super::grant::allows_writing;
use super::host::{Call, Desk, expires_at, millis};
use super::page::read_page;
use super::timers::Timer;
use super::{CallError, Grant, Limits, LoadedPack, Packs, Refusal, Services};
use crate::domain::{
    AgreementId, Code, Currency, IdSource, Member, MemberId, MerchantId, Minor, Order, OrderId, StoreId, ZoneName,
};
use crate::store::Tx;

/// Where, when and for whom a call runs, and what the merchant allowed.
#[derive(Clone)]
pub struct Scene {
    /// For whom.
    pub merchant: MerchantId,
    /// In which store, when there is one.
    pub store: Option<StoreId>,
    /// The instant that the call is about: an order's own time, also when it was sent late.
    pub at: Timestamp,
    /// The instant at which things are booked.
    pub now: Timestamp,
    /// In which time zone the day is counted.
    pub zone: TimeZone,
    /// The name of that zone.
    pub zone_name: ZoneName,
    /// In which currency orders are.
    pub currency: Currency,
    /// In which language people are answered.
    pub locale: Arc<str>,
    /// Random bits for the call.
    pub seed: u64,
    /// How many handlings of events have led to it, one after the other.
    pub depth: u8,
    /// Whether it answers the pack of a partner, and so asks none itself.
    pub is_asked: bool,
    /// Under which number what the pack's entries were before it writes them is kept, when that can be had back.
    pub undo: Option<u32>,
    /// What the merchant granted.
    pub grants: Arc<BTreeSet<Grant>>,
    /// The settings in force, as JSON.
    pub settings: Arc<str>,
    /// Who does what takes more than the store and the ledger.
    pub services: Arc<dyn Services>,
}

/// What a call of a pack led to, apart from what it returned.
#[derive(Debug)]
pub struct Verdict<T> {
    /// What it returned, or why it did not.
    pub result: Result<T, CallError>,
    /// What it logged.
    pub lines: Vec<LogLine>,
    /// Units of fuel that it used.
    pub fuel: u64,
}

/// A line of a pack's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: tracing::Level,
    /// What it says.
    pub text: String,
}

/// Something that has happened, for a pack that follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Its number in the merchant's log.
    pub sequence: u64,
    /// One of the host's kinds, or a pack's with the pack's name and a colon before it.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// Whose it is.
    pub member: Option<MemberId>,
    /// Which order it is about.
    pub order: Option<OrderId>,
    /// What the kind tells: a JSON object.
    pub data: String,
}

/// What a partner asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Under which agreement.
    pub agreement: AgreementId,
    /// JSON.
    pub text: String,
}

/// How far a migration has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Migrated {
    /// To its end.
    Whole,
    /// There is more to do, from here on.
    UpTo(String),
}

/// What a pack wants to happen at an order, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What the buyer gets.
    pub earnings: Vec<Earning>,
    /// What was looked at.
    pub findings: Vec<Finding>,
}

/// Something that an order gives its buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earning {
    /// Of what.
    pub unit: Code,
    /// How much.
    pub amount: Minor,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// A rule that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it counts in this order.
    pub applied: bool,
    /// Stable name of the rule.
    pub rule: String,
    /// Why, for people.
    pub explanation: String,
}

impl LoadedPack {
    /// What a basket would get. Nothing is written.
    pub fn quote(&self, tx: &mut Tx, scene: &Scene, order: &Order, buyer: Option<&Member>) -> Verdict<Decided> {
        let before = tx.savepoint();
        let verdict =
            self.decide(tx, scene, scene.order(order, String::new(), buyer), buyer, |checkout| &checkout.quote);
        tx.rollback_to(before);
        verdict
    }

    /// Lets the pack take part in the settling of an order.
    pub fn settled(&self, tx: &mut Tx, scene: &Scene, order: &Order, buyer: Option<&Member>) -> Verdict<Decided> {
        self.decide(tx, scene, scene.order(order, order.id.to_string(), buyer), buyer, |checkout| &checkout.settled)
    }

    fn decide(
        &self,
        tx: &mut Tx,
        scene: &Scene,
        order: wit::Order,
        buyer: Option<&Member>,
        function: impl FnOnce(&super::load::CheckoutExports) -> &ComponentExportIndex,
    ) -> Verdict<Decided> {
        let Some(exports) = &self.exports.checkout else { return not_exported("checkout") };
        type Decision = (Result<checkout::Decision, wit::Refusal>,);
        let input = (scene.context(), order);
        self.call::<_, Decision, _>(tx, scene, function(exports), input, |(decision,)| {
            self.check(scene, decision.map_err(refused)?, buyer.is_some())
        })
    }

    /// Lets the pack know that an order is refunded.
    pub fn refunded(&self, tx: &mut Tx, scene: &Scene, order: &Order, buyer: Option<&Member>) -> Verdict<()> {
        let Some(exports) = &self.exports.checkout else { return not_exported("checkout") };
        let refund = checkout::Refund {
            order: scene.order(order, order.id.to_string(), buyer),
            settled_at: millis(order.ordered_at),
        };
        self.call::<_, (Result<(), wit::Refusal>,), _>(
            tx,
            scene,
            &exports.refunded,
            (scene.context(), refund),
            |(done,)| done.map_err(refused),
        )
    }

    /// Runs one of the pack's own operations. The caller has checked the input against the command's schema.
    pub fn run_command(&self, tx: &mut Tx, scene: &Scene, command: &Code, input: &str) -> Verdict<String> {
        // The reply is kept with the request's idempotency key, in one value of the store.
        const RESULT_MAX_BYTES: usize = 60 << 10;
        let Some(run) = &self.exports.commands else { return not_exported("commands") };
        let arguments = (scene.context(), command.as_str(), input);
        self.call::<_, (Result<String, wit::Refusal>,), _>(tx, scene, run, arguments, |(result,)| {
            let result = result.map_err(refused)?;
            if result.len() > RESULT_MAX_BYTES {
                let bytes = result.len();
                return Err(bad_reply(format!("a result of {bytes} bytes, at most {RESULT_MAX_BYTES} are allowed")));
            }
            serde_json::from_str::<serde::de::IgnoredAny>(&result)
                .map_err(|error| bad_reply(format!("a result that is not JSON: {error}")))?;
            Ok(result)
        })
    }

    /// Has the pack do what follows from an event.
    pub fn handle_event(&self, tx: &mut Tx, scene: &Scene, event: &Happened) -> Verdict<()> {
        let Some(handle) = &self.exports.on_event else { return not_exported("on-event") };
        let event = on_event::Event {
            sequence: event.sequence,
            kind: event.kind.clone(),
            at: millis(event.at),
            member: event.member.map(|member| member.to_string()),
            order: event.order.map(|order| order.to_string()),
            data: event.data.clone(),
        };
        self.call::<_, (Result<(), wit::Refusal>,), _>(tx, scene, handle, (scene.context(), event), |(done,)| {
            done.map_err(refused)
        })
    }

    /// Has the pack do what is due. Its timer is out of the store when this is called.
    pub fn fire_timer(&self, tx: &mut Tx, scene: &Scene, timer: &Timer) -> Verdict<()> {
        let Some(fire) = &self.exports.on_timer else { return not_exported("on-timer") };
        let firing = on_timer::Firing {
            name: timer.name.to_string(),
            due: millis(timer.due),
            attempt: u32::from(timer.attempts) + 1,
            payload: timer.payload.clone(),
        };
        self.call::<_, (Result<(), wit::Refusal>,), _>(tx, scene, fire, (scene.context(), firing), |(done,)| {
            done.map_err(refused)
        })
    }

    /// Has the pack answer a partner. The caller has checked the agreement.
    pub fn answer(&self, tx: &mut Tx, scene: &Scene, asked: &Asked) -> Verdict<String> {
        let Some(answer) = &self.exports.on_partner else { return not_exported("on-partner") };
        let question = on_partner::Question { agreement: asked.agreement.to_string(), text: asked.text.clone() };
        self.call::<_, (Result<String, wit::Refusal>,), _>(
            tx,
            scene,
            answer,
            (scene.context(), question),
            |(answer,)| {
                let answer = answer.map_err(refused)?;
                if answer.len() > Limits::QUESTION_MAX_BYTES {
                    let (bytes, most) = (answer.len(), Limits::QUESTION_MAX_BYTES);
                    return Err(bad_reply(format!("an answer of {bytes} bytes, at most {most} are allowed")));
                }
                serde_json::from_str::<serde::de::IgnoredAny>(&answer)
                    .map_err(|error| bad_reply(format!("an answer that is not JSON: {error}")))?;
                Ok(answer)
            },
        )
    }

    /// Has the pack show one of its pages. Nothing is written. The caller has checked the query against its schema.
    pub fn render(&self, tx: &mut Tx, scene: &Scene, page: &Code, query: &str) -> Verdict<serde_json::Value> {
        let Some(render) = &self.exports.pages else { return not_exported("pages") };
        let before = tx.savepoint();
        let arguments = (scene.context(), page.as_str(), query);
        let verdict = self.call::<_, (Result<String, wit::Refusal>,), _>(tx, scene, render, arguments, |(page,)| {
            read_page(&self.manifest, &page.map_err(refused)?).map_err(bad_reply)
        });
        tx.rollback_to(before);
        verdict
    }

    /// Tells the pack that it is being switched on.
    pub fn enabled(&self, tx: &mut Tx, scene: &Scene) -> Verdict<()> {
        let Some(exports) = &self.exports.lifecycle else { return not_exported("lifecycle") };
        self.call::<_, (Result<(), wit::Refusal>,), _>(tx, scene, &exports.enabled, (scene.context(),), |(done,)| {
            done.map_err(refused)
        })
    }

    /// Tells the pack that it is being switched off.
    pub fn disabled(&self, tx: &mut Tx, scene: &Scene) -> Verdict<()> {
        let Some(exports) = &self.exports.lifecycle else { return not_exported("lifecycle") };
        self.call::<_, (Result<(), wit::Refusal>,), _>(tx, scene, &exports.disabled, (scene.context(),), |(done,)| {
            done.map_err(refused)
        })
    }

    /// Has the pack bring a part of another version's storage to its own form.
    pub fn migrate(
        &self,
        tx: &mut Tx,
        scene: &Scene,
        from: &semver::Version,
        cursor: Option<&str>,
    ) -> Verdict<Migrated> {
        const CURSOR_MAX_BYTES: usize = 256;
        type Migration = (Result<lifecycle::Progress, wit::Refusal>,);
        let Some(exports) = &self.exports.lifecycle else { return not_exported("lifecycle") };
        let part = lifecycle::Migration { from_version: from.to_string(), cursor: cursor.map(str::to_owned) };
        let arguments = (scene.context(), part);
        self.call::<_, Migration, _>(tx, scene, &exports.migrate, arguments, |(progress,)| {
            match progress.map_err(refused)? {
                lifecycle::Progress::Done => Ok(Migrated::Whole),
                lifecycle::Progress::More(cursor) if cursor.len() <= CURSOR_MAX_BYTES => Ok(Migrated::UpTo(cursor)),
                lifecycle::Progress::More(cursor) => {
                    let bytes = cursor.len();
                    Err(bad_reply(format!("a place of {bytes} bytes, at most {CURSOR_MAX_BYTES} are allowed")))
                }
            }
        })
    }

    /// Runs a function in the caller's transaction. Unless it ends well, the transaction is as it was before.
    fn call<I, O, T>(
        &self,
        tx: &mut Tx,
        scene: &Scene,
        function: &ComponentExportIndex,
        input: I,
        check: impl FnOnce(O) -> Result<T, CallError>,
    ) -> Verdict<T>
    where
        I: ComponentNamedList + Lower + Send + Sync,
        O: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let before = tx.savepoint();
        let in_timer = self.exports.on_timer.as_ref() == Some(function);
        let (lines, fuel, result) = tx.lend(|tx| {
            let desk = Desk {
                tx,
                ids: IdSource::new(scene.now, scene.seed),
                merchant: scene.merchant,
                pack: self.manifest.id.clone(),
                own_units: Arc::clone(&self.own_units),
                grants: Arc::clone(&scene.grants),
                now: scene.now,
                store: scene.store,
                zone: scene.zone.clone(),
                emits: Arc::clone(&self.emits),
                depth: scene.depth,
                told: 0,
                rings: self.keeps_time(),
                in_timer,
                timers_set: 0,
                moved: 0,
                currency: scene.currency,
                services: Arc::clone(&scene.services),
                messages: 0,
                is_asked: scene.is_asked,
                asks: 0,
                undo: scene.undo,
            };
            let settings = Arc::clone(&scene.settings);
            let (call, result) = self.packs.run::<I, O>(&self.pre, function, &self.limits, Some(desk), settings, input);
            let Some(desk) = call.desk else { unreachable!("a call keeps its desk") };
            (desk.tx, (call.lines, call.fuel, result))
        });
        let result = result.and_then(check);
        if result.is_err() {
            tx.rollback_to(before);
        }
        Verdict { result, lines, fuel }
    }

    /// Checks what the contract says of decisions, and the grants of what is to be given.
    fn check(&self, scene: &Scene, decision: checkout::Decision, has_buyer: bool) -> Result<Decided, CallError> {
        const EARNINGS_MAX: usize = 20;
        const FINDINGS_MAX: usize = 50;
        let checkout::Decision { earnings, findings } = decision;
        if earnings.len() > EARNINGS_MAX || findings.len() > FINDINGS_MAX {
            return Err(bad_reply(format!(
                "{} earnings and {} findings, at most {EARNINGS_MAX} and {FINDINGS_MAX} are allowed",
                earnings.len(),
                findings.len()
            )));
        }
        if !has_buyer && !earnings.is_empty() {
            return Err(bad_reply("earnings for an order without a buyer".into()));
        }
        let earnings = earnings
            .into_iter()
            .map(|earning| {
                let unit = Code::new(&earning.unit).map_err(|error| bad_reply(error.to_string()))?;
                if !(1..=Currency::AMOUNT_MAX).contains(&earning.amount) {
                    let (amount, most) = (earning.amount, Currency::AMOUNT_MAX);
                    return Err(bad_reply(format!("an earning of {amount}, expected 1 to {most}")));
                }
                if !allows_writing(&scene.grants, &self.own_units, &unit) {
                    return Err(CallError::Denied { unit });
                }
                let expires_at = expires_at(&earning.expires, &scene.zone).map_err(bad_reply)?;
                Ok(Earning { unit, amount: earning.amount, expires_at })
            })
            .collect::<Result<_, _>>()?;
        let findings = findings
            .into_iter()
            .map(|finding| Finding {
                applied: finding.applied,
                rule: cut(&finding.rule, 64),
                explanation: cut(&finding.explanation, 512),
            })
            .collect();
        Ok(Decided { earnings, findings })
    }
}

impl Packs {
    /// A store for one call.
    pub(super) fn store(
        &self,
        limits: &Limits,
        desk: Option<Desk>,
        settings: Arc<str>,
    ) -> Result<Store<Call>, CallError> {
        let mut store = Store::new(&self.engine, Call::new(limits, desk, settings));
        store.limiter(|call| &mut call.meter);
        store.set_fuel(limits.fuel_max).map_err(|error| CallError::Host(error.to_string()))?;
        let ticks = limits.wall_max_ms.div_ceil(u64::try_from(TICK.as_millis()).unwrap_or(1));
        store.set_epoch_deadline(ticks.saturating_add(1));
        store.epoch_deadline_trap();
        store.set_hostcall_fuel(Limits::ARGUMENTS_MAX_BYTES);
        Ok(store)
    }

    /// Runs one function in a fresh instance and returns the state of the call with what came of it.
    pub(super) fn run<I, O>(
        &self,
        pre: &InstancePre<Call>,
        function: &ComponentExportIndex,
        limits: &Limits,
        desk: Option<Desk>,
        settings: Arc<str>,
        input: I,
    ) -> (Call, Result<O, CallError>)
    where
        I: ComponentNamedList + Lower + Send + Sync,
        O: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let mut store = match self.store(limits, desk, settings) {
            Ok(store) => store,
            Err(error) => unreachable!("the engine counts fuel: {error}"),
        };
        let output = pre
            .instantiate(&mut store)
            .and_then(|instance| instance.get_typed_func::<I, O>(&mut store, function))
            .and_then(|function| function.call(&mut store, input));
        let result = output.map_err(|error| CallError::of(&error, &mut store, limits));
        let left = store.get_fuel().unwrap_or(0);
        let mut call = store.into_data();
        call.fuel = limits.fuel_max.saturating_sub(left);
        (call, result)
    }
}

impl CallError {
    /// Tells from what wasmtime says and from the state of the call how it ended.
    pub(super) fn of(error: &wasmtime::Error, store: &mut Store<Call>, limits: &Limits) -> Self {
        let call = store.data_mut();
        if let Some(error) = call.store_error.take() {
            return Self::Store(error);
        }
        if call.meter.exceeded {
            return Self::MemoryExceeded { memory_max_bytes: limits.memory_max_bytes };
        }
        if call.desk.as_ref().is_some_and(|desk| desk.moved > Limits::MOVED_MAX_BYTES) {
            return Self::MovedExceeded { moved_max_bytes: Limits::MOVED_MAX_BYTES };
        }
        if call.host_calls > call.host_calls_max {
            return Self::HostCallsExceeded { host_calls_max: limits.host_calls_max };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Self::OutOfFuel { fuel_max: limits.fuel_max },
            Some(Trap::Interrupt) => Self::TimedOut { wall_max_ms: limits.wall_max_ms },
            Some(Trap::StackOverflow) => Self::StackExhausted,
            _ if error.is::<wasmtime::PoolConcurrencyLimitError>() => {
                Self::Host("all places for calls are taken".into())
            }
            _ => Self::Trapped { message: cut(&error.root_cause().to_string(), 512) },
        }
    }
}

impl Scene {
    fn context(&self) -> wit::CallContext {
        let local = self.zone.to_datetime(self.at);
        wit::CallContext {
            merchant: self.merchant.to_string(),
            store: self.store.map(|store| store.to_string()),
            now: millis(self.at),
            local: wit::LocalTime {
                year: local.year(),
                month: local.month().unsigned_abs(),
                day: local.day().unsigned_abs(),
                hour: local.hour().unsigned_abs(),
                minute: local.minute().unsigned_abs(),
                weekday: weekday(local.weekday()),
            },
            time_zone: self.zone_name.as_str().to_owned(),
            locale: self.locale.to_string(),
            seed: self.seed,
        }
    }

    fn order(&self, order: &Order, id: String, buyer: Option<&Member>) -> wit::Order {
        let sees_tags = self.grants.contains(&Grant::ReadMembers);
        wit::Order {
            id,
            store: order.store.to_string(),
            buyer: buyer.map(|member| wit::Buyer {
                id: member.id.to_string(),
                tags: if sees_tags { member.tags_at(self.now).map(ToString::to_string).collect() } else { Vec::new() },
            }),
            currency: self.currency.code().to_owned(),
            total: order.total_minor,
            lines: order
                .lines
                .iter()
                .map(|line| wit::Line {
                    sku: line.sku.to_string(),
                    category: line.category.as_ref().map(ToString::to_string).unwrap_or_default(),
                    quantity: line.quantity,
                    amount: line.amount_minor,
                })
                .collect(),
        }
    }
}

fn weekday(day: civil::Weekday) -> wit::Weekday {
    match day {
        civil::Weekday::Monday => wit::Weekday::Monday,
        civil::Weekday::Tuesday => wit::Weekday::Tuesday,
        civil::Weekday::Wednesday => wit::Weekday::Wednesday,
        civil::Weekday::Thursday => wit::Weekday::Thursday,
        civil::Weekday::Friday => wit::Weekday::Friday,
        civil::Weekday::Saturday => wit::Weekday::Saturday,
        civil::Weekday::Sunday => wit::Weekday::Sunday,
    }
}

fn refused(refusal: wit::Refusal) -> CallError {
    CallError::Refused(Refusal::from(refusal))
}

fn bad_reply(message: String) -> CallError {
    CallError::BadReply { message }
}

fn not_exported<T>(interface: &'static str) -> Verdict<T> {
    Verdict { result: Err(CallError::NotExported { interface }), lines: Vec::new(), fuel: 0 }
}
