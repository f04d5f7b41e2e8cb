//! Calling a pack: a fresh instance, inside the caller's transaction, under limits.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower};
use wasmtime::{Store, Trap};

use super::bindings::exports::punchcard::pack::{checkout, lifecycle, on_event, on_partner, on_timer};
use super::bindings::punchcard::pack::types as wit;
use super::engine::at_tick;
use super::error::cut;
use super::grant::allows_writing;
use super::host::{Call, Desk, expires_at, millis};
use super::load::CONTRACT_VERSION;
use super::page::read_page;
use super::pricing::{Costs, Offered, check_offer};
use super::recording::export::{self, Export};
use super::recording::{Outcome, Recorder};
use super::replies::{bad_reply, check_answer, check_progress, check_reply, refused};
use super::scene::{Scene, Terms};
use super::timers::Timer;
use super::{CallError, Limits, LoadedPack, Packs, Recording, storage};
use crate::clock::Stopwatch;
use crate::domain::{AgreementId, Code, Currency, IdSource, Member, MemberId, Minor, Order, OrderId};
use crate::store::Tx;

/// What a call of a pack led to, apart from what it returned.
#[derive(Debug)]
pub struct Verdict<T> {
    /// What it returned, or why it did not.
    pub result: Result<T, CallError>,
    /// What it logged.
    pub lines: Vec<LogLine>,
    /// Units of fuel that it used.
    pub fuel: u64,
    /// How many of the bytes that it has left to be written are of partners whom it has asked.
    pub of_partners: usize,
    /// How long it took by the wall clock.
    pub took: Duration,
    /// All of it, if the scene asked for that and the pack was at fault for whatever went wrong.
    pub recording: Option<Box<Recording>>,
}

impl<T> Verdict<T> {
    /// Of a call that was not made.
    pub fn without_call(result: Result<T, CallError>) -> Self {
        Self { result, lines: Vec::new(), fuel: 0, of_partners: 0, took: Duration::ZERO, recording: None }
    }
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
        let verdict = self
            .decide(tx, scene, &export::QUOTE, scene.order(order, String::new(), buyer), |checkout| &checkout.quote);
        tx.rollback_to(before);
        verdict
    }

    /// Lets the pack take part in the settling of an order.
    pub fn settled(&self, tx: &mut Tx, scene: &Scene, order: &Order, buyer: Option<&Member>) -> Verdict<Decided> {
        let order = scene.order(order, order.id.to_string(), buyer);
        self.decide(tx, scene, &export::SETTLED, order, |checkout| &checkout.settled)
    }

    fn decide(
        &self,
        tx: &mut Tx,
        scene: &Scene,
        export: &Export<(wit::CallContext, wit::Order), Result<checkout::Decision, wit::Refusal>>,
        order: wit::Order,
        function: impl FnOnce(&super::load::CheckoutExports) -> &ComponentExportIndex,
    ) -> Verdict<Decided> {
        let Some(exports) = &self.exports.checkout else { return not_exported("checkout") };
        let has_buyer = order.buyer.is_some();
        self.call(tx, scene, export, function(exports), (scene.context(), order), |decision| {
            self.check(&scene.terms(), decision.map_err(refused)?, has_buyer)
        })
    }

    /// What a basket costs less; the caller drops what is written.
    pub fn quote_price(&self, tx: &mut Tx, scene: &Scene, order: &Order, buyer: Option<&Member>) -> Verdict<Offered> {
        self.offer(tx, scene, scene.order(order, String::new(), buyer))
    }

    /// What an order costs less that is being recorded.
    pub fn price(&self, tx: &mut Tx, scene: &Scene, order: &Order, buyer: Option<&Member>) -> Verdict<Offered> {
        self.offer(tx, scene, scene.order(order, order.id.to_string(), buyer))
    }

    fn offer(&self, tx: &mut Tx, scene: &Scene, order: wit::Order) -> Verdict<Offered> {
        let Some(price) = &self.exports.pricing else { return not_exported("pricing") };
        let costs = Costs::of(&order);
        self.call(tx, scene, &export::PRICE, price, (scene.context(), order), |offer| {
            check_offer(&scene.grants, &costs, offer)
        })
    }

    /// Lets the pack know that an order is refunded.
    pub fn refunded(&self, tx: &mut Tx, scene: &Scene, order: &Order, buyer: Option<&Member>) -> Verdict<()> {
        let Some(exports) = &self.exports.checkout else { return not_exported("checkout") };
        let refund = checkout::Refund {
            order: scene.order(order, order.id.to_string(), buyer),
            settled_at: millis(order.ordered_at),
        };
        self.call(tx, scene, &export::REFUNDED, &exports.refunded, (scene.context(), refund), |done| {
            done.map_err(refused)
        })
    }

    /// Runs one of the pack's own operations. The caller has checked the input against the command's schema.
    pub fn run_command(&self, tx: &mut Tx, scene: &Scene, command: &Code, input: &str) -> Verdict<String> {
        let Some(run) = &self.exports.commands else { return not_exported("commands") };
        let arguments = (scene.context(), command.to_string(), input.to_owned());
        self.call(tx, scene, &export::COMMAND, run, arguments, check_reply)
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
        self.call(tx, scene, &export::EVENT, handle, (scene.context(), event), |done| done.map_err(refused))
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
        self.call(tx, scene, &export::TIMER, fire, (scene.context(), firing), |done| done.map_err(refused))
    }

    /// Has the pack answer a partner. The caller has checked the agreement.
    pub fn answer(&self, tx: &mut Tx, scene: &Scene, asked: &Asked) -> Verdict<String> {
        let Some(answer) = &self.exports.on_partner else { return not_exported("on-partner") };
        let question = on_partner::Question { agreement: asked.agreement.to_string(), text: asked.text.clone() };
        self.call(tx, scene, &export::PARTNER, answer, (scene.context(), question), check_answer)
    }

    /// Has the pack show one of its pages. Nothing is written. The caller has checked the query against its schema.
    pub fn render(&self, tx: &mut Tx, scene: &Scene, page: &Code, query: &str) -> Verdict<serde_json::Value> {
        let Some(render) = &self.exports.pages else { return not_exported("pages") };
        let before = tx.savepoint();
        let arguments = (scene.context(), page.to_string(), query.to_owned());
        let verdict = self.call(tx, scene, &export::PAGE, render, arguments, |page| self.check_page(page));
        tx.rollback_to(before);
        verdict
    }

    /// Checks a page.
    pub(super) fn check_page(&self, page: Result<String, wit::Refusal>) -> Result<serde_json::Value, CallError> {
        read_page(&self.manifest, &page.map_err(refused)?).map_err(bad_reply)
    }

    /// Tells the pack that it is being switched on.
    pub fn enabled(&self, tx: &mut Tx, scene: &Scene) -> Verdict<()> {
        let Some(exports) = &self.exports.lifecycle else { return not_exported("lifecycle") };
        let input = (scene.context(),);
        self.call(tx, scene, &export::ENABLED, &exports.enabled, input, |done| done.map_err(refused))
    }

    /// Tells the pack that it is being switched off.
    pub fn disabled(&self, tx: &mut Tx, scene: &Scene) -> Verdict<()> {
        let Some(exports) = &self.exports.lifecycle else { return not_exported("lifecycle") };
        let input = (scene.context(),);
        self.call(tx, scene, &export::DISABLED, &exports.disabled, input, |done| done.map_err(refused))
    }

    /// Has the pack bring a part of another version's storage to its own form.
    pub fn migrate(
        &self,
        tx: &mut Tx,
        scene: &Scene,
        from: &semver::Version,
        cursor: Option<&str>,
    ) -> Verdict<Migrated> {
        let Some(exports) = &self.exports.lifecycle else { return not_exported("lifecycle") };
        let part = lifecycle::Migration { from_version: from.to_string(), cursor: cursor.map(str::to_owned) };
        self.call(tx, scene, &export::MIGRATE, &exports.migrate, (scene.context(), part), check_progress)
    }

    /// Runs a function in the caller's transaction. Unless it ends well, the transaction is as it was before.
    fn call<I, O, T>(
        &self,
        tx: &mut Tx,
        scene: &Scene,
        export: &Export<I, O>,
        function: &ComponentExportIndex,
        input: I,
        check: impl FnOnce(O) -> Result<T, CallError>,
    ) -> Verdict<T>
    where
        I: ComponentNamedList + Lower + Serialize + Send + Sync,
        O: Serialize + Send + Sync + 'static,
        (O,): ComponentNamedList + Lift,
    {
        let began = Stopwatch::start();
        let before = tx.savepoint();
        let in_timer = self.exports.on_timer.as_ref() == Some(function);
        let limits = scene.limits(self.limits);
        let written_max = tx.written().saturating_add(scene.written_max_bytes(tx));
        let reads_max = tx.reads_len().saturating_add(Limits::READS_MAX);
        let (mut call, used, result) = tx.lend(|tx| {
            let desk = Desk {
                tx,
                ids: IdSource::new(scene.now, scene.seed),
                merchant: scene.merchant,
                pack: self.manifest.id.clone(),
                by: scene.by.clone(),
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
                written_max,
                reads_max,
                currency: scene.currency,
                services: Arc::clone(&scene.services),
                messages: 0,
                is_asked: scene.asked.is_some(),
                asks: 0,
                of_partners: 0,
                undo: scene.undo,
                stored: 0,
                stored_max: scene.stored_max,
            };
            let mut call = Call::new(&limits, Some(desk), Arc::clone(&scene.settings));
            call.recorder = scene.is_recorded.then(|| Recorder::begin(&input, Recording::BYTES_MAX));
            let (mut call, result) = self.packs.run::<I, (O,)>(&self.pre, function, &limits, call, input);
            let Some(desk) = call.desk.take() else { unreachable!("a call keeps its desk") };
            (desk.tx, (call, (desk.moved, desk.of_partners, desk.stored), result))
        });
        let (moved, of_partners, stored) = used;
        let mut returned = Vec::new();
        let result = result.and_then(|(output,)| {
            if call.recorder.is_some() {
                returned = postcard::to_stdvec(&output).unwrap_or_default();
            }
            let checked = check(output)?;
            storage::count(tx, scene.merchant, &self.manifest.id, stored)?;
            Ok(checked)
        });
        let is_kept = result.is_ok();
        if !is_kept {
            tx.rollback_to(before);
        }
        let recording = call.recorder.take().and_then(|recorder| {
            let outcome = match &result {
                Ok(_) => Outcome::Returned(returned),
                Err(error) => Outcome::of(error)?,
            };
            Some(Box::new(self.recording(scene, export.name, recorder, outcome, (&call, moved, limits))))
        });
        let of_partners = if is_kept { of_partners } else { 0 };
        Verdict { result, lines: call.lines, fuel: call.fuel, of_partners, took: began.elapsed(), recording }
    }

    fn recording(
        &self,
        scene: &Scene,
        export: &str,
        recorder: Recorder,
        mut outcome: Outcome,
        (call, moved, limits): (&Call, usize, Limits),
    ) -> Recording {
        let (input, calls, mut is_cut) = recorder.end();
        if let Outcome::Returned(returned) = &mut outcome
            && input.len() + calls.size() + returned.len() > Recording::BYTES_MAX
        {
            (*returned, is_cut) = (Vec::new(), true);
        }
        Recording {
            contract: CONTRACT_VERSION.to_owned(),
            pack: self.manifest.id.clone(),
            version: self.manifest.version.clone(),
            component: self.component,
            merchant: scene.merchant,
            at: scene.now,
            export: export.to_owned(),
            input,
            settings: Arc::clone(&scene.settings),
            grants: Arc::clone(&scene.grants),
            limits,
            calls,
            outcome,
            fuel: call.fuel,
            host_calls: call.host_calls,
            moved_bytes: u64::try_from(moved).unwrap_or(u64::MAX),
            is_cut,
        }
    }

    /// Checks what the contract says of decisions, and the grants of what is to be given.
    pub(super) fn check(
        &self,
        terms: &Terms,
        decision: checkout::Decision,
        has_buyer: bool,
    ) -> Result<Decided, CallError> {
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
                if !allows_writing(&terms.grants, &self.own_units, &unit) {
                    return Err(CallError::Denied { unit });
                }
                let expires_at = expires_at(&earning.expires, &terms.zone).map_err(bad_reply)?;
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
    pub(super) fn store(&self, limits: &Limits, call: Call) -> Result<Store<Call>, CallError> {
        let mut store = Store::new(&self.engine, call);
        store.limiter(|call| &mut call.meter);
        store.set_fuel(limits.fuel_max).map_err(|error| CallError::Host(error.to_string()))?;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(at_tick);
        store.set_hostcall_fuel(Limits::ARGUMENTS_MAX_BYTES);
        Ok(store)
    }

    /// Runs one function in a fresh instance and returns the state of the call with what came of it.
    pub(super) fn run<I, O>(
        &self,
        pre: &InstancePre<Call>,
        function: &ComponentExportIndex,
        limits: &Limits,
        call: Call,
        input: I,
    ) -> (Call, Result<O, CallError>)
    where
        I: ComponentNamedList + Lower + Send + Sync,
        O: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let mut store = match self.store(limits, call) {
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
        if call.moved_too_much {
            return Self::MovedExceeded { moved_max_bytes: Limits::MOVED_MAX_BYTES };
        }
        if call.wrote_too_much {
            return Self::WrittenExceeded { written_max_bytes: Limits::WRITTEN_MAX_BYTES };
        }
        if call.read_too_much {
            return Self::ReadExceeded { reads_max: Limits::READS_MAX };
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

fn not_exported<T>(interface: &'static str) -> Verdict<T> {
    Verdict::without_call(Err(CallError::NotExported { interface }))
}
