//! The hook in JavaScript, by rquickjs.

use rquickjs::{Array, Context, Ctx, Function, Module, Object, Persistent, Runtime, WriteOptions};

use super::{Engine, MEMORY_MAX_BYTES, OPERATIONS_MAX};
use crate::basket::{Basket, Decision, Earning, Finding, Settings};

/// QuickJS asks whether to go on after about so many of its operations.
const ASKED_EVERY: u64 = 10_000;

const STACK_MAX_BYTES: usize = 256 << 10;

pub(super) struct QuickJs {
    context: fn(&Runtime) -> rquickjs::Result<Context>,
    /// Never freed: what is loaded from it may point into it.
    bytecode: &'static [u8],
}

pub(super) struct State {
    decide: Persistent<Function<'static>>,
    settings: Persistent<Object<'static>>,
    context: Context,
    /// Goes last.
    _runtime: Runtime,
}

impl QuickJs {
    /// With contexts that are made so.
    pub(super) fn with(context: fn(&Runtime) -> rquickjs::Result<Context>) -> Self {
        let compile = || {
            let runtime = Runtime::new()?;
            Context::full(&runtime)?.with(|ctx| {
                let module = Module::declare(ctx, "basket", include_str!("../../hooks/basket.js"))?;
                module.write(WriteOptions { strip_debug: true, strip_source: true, ..WriteOptions::default() })
            })
        };
        Self { context, bytecode: compile().expect("it is JavaScript").leak() }
    }

    fn try_open(&self, settings: &Settings) -> rquickjs::Result<State> {
        let runtime = Runtime::new()?;
        runtime.set_memory_limit(MEMORY_MAX_BYTES);
        runtime.set_max_stack_size(STACK_MAX_BYTES);
        let mut left = OPERATIONS_MAX / ASKED_EVERY;
        runtime.set_interrupt_handler(Some(Box::new(move || {
            left = left.saturating_sub(1);
            left == 0
        })));
        let context = (self.context)(&runtime)?;
        let (decide, settings) = context.with(|ctx| {
            // SAFETY: the same version of QuickJS wrote it, just before, and it lives as long as the process.
            #[expect(unsafe_code, reason = "QuickJS does not check bytecode")]
            let module = unsafe { Module::load(ctx.clone(), self.bytecode) }?;
            let (module, _) = module.eval()?;
            let decide: Function<'_> = module.get("decide")?;
            let settings = settings_of(&ctx, settings)?;
            Ok::<_, rquickjs::Error>((Persistent::save(&ctx, decide), Persistent::save(&ctx, settings)))
        })?;
        Ok(State { decide, settings, context, _runtime: runtime })
    }
}

impl Engine for QuickJs {
    type State = State;

    fn open(&self, settings: &Settings) -> State {
        self.try_open(settings).expect("a state")
    }

    fn decide(&self, state: &mut State, basket: &Basket) -> Decision {
        state.decide(basket).expect("it decides")
    }
}

impl State {
    fn decide(&self, basket: &Basket) -> rquickjs::Result<Decision> {
        self.context.with(|ctx| {
            let (decide, settings) = (self.decide.clone().restore(&ctx)?, self.settings.clone().restore(&ctx)?);
            let decision: Object<'_> = decide.call((settings, basket_of(&ctx, basket)?))?;
            let (earnings, findings): (Array<'_>, Array<'_>) = (decision.get("earnings")?, decision.get("findings")?);
            let earnings = earnings.iter::<Object<'_>>().map(|earning| {
                let earning = earning?;
                Ok(Earning { unit: earning.get("unit")?, amount: earning.get("amount")? })
            });
            let findings = findings.iter::<Object<'_>>().map(|finding| {
                let finding = finding?;
                Ok(Finding {
                    applied: finding.get("applied")?,
                    rule: finding.get("rule")?,
                    explanation: finding.get("explanation")?,
                })
            });
            Ok(Decision {
                earnings: earnings.collect::<rquickjs::Result<_>>()?,
                findings: findings.collect::<rquickjs::Result<_>>()?,
            })
        })
    }
}

fn settings_of<'js>(ctx: &Ctx<'js>, settings: &Settings) -> rquickjs::Result<Object<'js>> {
    let weekdays = Array::new(ctx.clone())?;
    for (index, multiplier) in settings.weekday_multipliers.iter().enumerate() {
        let object = Object::new(ctx.clone())?;
        object.set("weekday", multiplier.weekday.as_str())?;
        object.set("percent", multiplier.percent)?;
        weekdays.set(index, object)?;
    }
    let tags = Array::new(ctx.clone())?;
    for (index, multiplier) in settings.tag_multipliers.iter().enumerate() {
        let object = Object::new(ctx.clone())?;
        object.set("tag", multiplier.tag.as_str())?;
        object.set("percent", multiplier.percent)?;
        tags.set(index, object)?;
    }
    let object = Object::new(ctx.clone())?;
    object.set("points", settings.points)?;
    object.set("per_amount", settings.per_amount)?;
    object.set("excluded_categories", texts(ctx, &settings.excluded_categories)?)?;
    object.set("weekday_multipliers", weekdays)?;
    object.set("tag_multipliers", tags)?;
    Ok(object)
}

fn basket_of<'js>(ctx: &Ctx<'js>, basket: &Basket) -> rquickjs::Result<Object<'js>> {
    let lines = Array::new(ctx.clone())?;
    for (index, line) in basket.lines.iter().enumerate() {
        let object = Object::new(ctx.clone())?;
        object.set("sku", line.sku.as_str())?;
        object.set("category", line.category.as_str())?;
        object.set("quantity", line.quantity)?;
        object.set("amount", line.amount)?;
        lines.set(index, object)?;
    }
    let object = Object::new(ctx.clone())?;
    object.set("weekday", basket.weekday.as_str())?;
    object.set("tags", texts(ctx, &basket.tags)?)?;
    object.set("lines", lines)?;
    Ok(object)
}

fn texts<'js>(ctx: &Ctx<'js>, texts: &[String]) -> rquickjs::Result<Array<'js>> {
    let array = Array::new(ctx.clone())?;
    for (index, text) in texts.iter().enumerate() {
        array.set(index, text.as_str())?;
    }
    Ok(array)
}
