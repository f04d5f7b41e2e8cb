//! The hook in Rhai.

use rhai::packages::{Package, StandardPackage};
use rhai::{AST, Array, CallFnOptions, Dynamic, Map, Scope, Shared};

use super::{Engine, OPERATIONS_MAX};
use crate::basket::{Basket, Decision, Earning, Finding, Settings};

pub(super) struct Rhai {
    /// Rhai's own functions: engines share them.
    standard: Shared<rhai::Module>,
    hook: AST,
}

pub(super) struct State {
    engine: rhai::Engine,
    settings: Dynamic,
}

impl Rhai {
    pub(super) fn new() -> Self {
        let standard = StandardPackage::new().as_shared_module();
        let hook = engine(&standard).compile(include_str!("../../hooks/basket.rhai")).expect("it is Rhai");
        Self { standard, hook }
    }
}

fn engine(standard: &Shared<rhai::Module>) -> rhai::Engine {
    let mut engine = rhai::Engine::new_raw();
    engine.register_global_module(Shared::clone(standard));
    engine.set_max_operations(OPERATIONS_MAX);
    engine.set_max_call_levels(64);
    engine.set_max_string_size(1 << 20);
    engine.set_max_array_size(10_000);
    engine.set_max_map_size(10_000);
    engine
}

impl Engine for Rhai {
    type State = State;

    fn open(&self, settings: &Settings) -> State {
        State { engine: engine(&self.standard), settings: settings_of(settings).into() }
    }

    fn decide(&self, state: &mut State, basket: &Basket) -> Decision {
        let arguments = (state.settings.clone(), basket_of(basket));
        let options = CallFnOptions::new().eval_ast(false);
        let decision: Map = state
            .engine
            .call_fn_with_options(options, &mut Scope::new(), &self.hook, "decide", arguments)
            .expect("it decides");
        decision_of(decision).expect("a decision")
    }
}

fn decision_of(mut decision: Map) -> Option<Decision> {
    let mut list = |name: &str| decision.remove(name)?.into_array().ok();
    let (earnings, findings) = (list("earnings")?, list("findings")?);
    let earning = |earning: Dynamic| {
        let mut earning: Map = earning.try_cast()?;
        let amount = u64::try_from(earning.remove("amount")?.as_int().ok()?).ok()?;
        Some(Earning { unit: earning.remove("unit")?.into_string().ok()?, amount })
    };
    let finding = |finding: Dynamic| {
        let mut finding: Map = finding.try_cast()?;
        Some(Finding {
            applied: finding.remove("applied")?.as_bool().ok()?,
            rule: finding.remove("rule")?.into_string().ok()?,
            explanation: finding.remove("explanation")?.into_string().ok()?,
        })
    };
    Some(Decision {
        earnings: earnings.into_iter().map(earning).collect::<Option<_>>()?,
        findings: findings.into_iter().map(finding).collect::<Option<_>>()?,
    })
}

fn settings_of(settings: &Settings) -> Map {
    let weekdays = settings.weekday_multipliers.iter().map(|multiplier| {
        map([("weekday", multiplier.weekday.as_str().into()), ("percent", int(multiplier.percent))]).into()
    });
    let tags = settings
        .tag_multipliers
        .iter()
        .map(|multiplier| map([("tag", multiplier.tag.as_str().into()), ("percent", int(multiplier.percent))]).into());
    map([
        ("points", int(settings.points)),
        ("per_amount", int(settings.per_amount)),
        ("excluded_categories", texts(&settings.excluded_categories)),
        ("weekday_multipliers", weekdays.collect::<Array>().into()),
        ("tag_multipliers", tags.collect::<Array>().into()),
    ])
}

fn basket_of(basket: &Basket) -> Map {
    let lines = basket.lines.iter().map(|line| {
        map([
            ("sku", line.sku.as_str().into()),
            ("category", line.category.as_str().into()),
            ("quantity", i64::from(line.quantity).into()),
            ("amount", int(line.amount)),
        ])
        .into()
    });
    map([
        ("weekday", basket.weekday.as_str().into()),
        ("tags", texts(&basket.tags)),
        ("lines", lines.collect::<Array>().into()),
    ])
}

fn map<const N: usize>(entries: [(&str, Dynamic); N]) -> Map {
    entries.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn texts(texts: &[String]) -> Dynamic {
    texts.iter().map(|text| text.as_str().into()).collect::<Array>().into()
}

fn int(number: u64) -> Dynamic {
    i64::try_from(number).expect("a small number").into()
}
