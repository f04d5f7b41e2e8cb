//! The hook in Lua 5.4, by mlua.

use std::cell::Cell;

use mlua::{ChunkMode, Function, HookTriggers, LuaOptions, StdLib, Table, VmState};

use super::{Engine, MEMORY_MAX_BYTES, OPERATIONS_MAX};
use crate::basket::{Basket, Decision, Earning, Finding, Settings};

/// After so many instructions they are counted.
const COUNTED_EVERY: u32 = 10_000;

pub(super) struct Lua {
    libraries: StdLib,
    bytecode: Vec<u8>,
}

pub(super) struct State {
    settings: Table,
    decide: Function,
    /// Goes last.
    lua: mlua::Lua,
}

impl Lua {
    /// With these libraries of Lua beside the basic one.
    pub(super) fn with(libraries: StdLib) -> Self {
        let lua = mlua::Lua::new();
        let hook = lua.load(include_str!("../../hooks/basket.lua")).into_function().expect("it is Lua");
        Self { libraries, bytecode: hook.dump(true) }
    }
}

impl Engine for Lua {
    type State = State;

    fn open(&self, settings: &Settings) -> State {
        self.try_open(settings).expect("a state")
    }

    fn decide(&self, state: &mut State, basket: &Basket) -> Decision {
        state.decide(basket).expect("it decides")
    }
}

impl Lua {
    fn try_open(&self, settings: &Settings) -> mlua::Result<State> {
        let lua = mlua::Lua::new_with(self.libraries, LuaOptions::new())?;
        lua.set_memory_limit(MEMORY_MAX_BYTES)?;
        let left = Cell::new(OPERATIONS_MAX / u64::from(COUNTED_EVERY));
        lua.set_hook(HookTriggers::new().every_nth_instruction(COUNTED_EVERY), move |_, _| {
            let rest = left.get().checked_sub(1).ok_or_else(|| mlua::Error::runtime("out of instructions"))?;
            left.set(rest);
            Ok(VmState::Continue)
        })?;
        let decide = lua.load(&self.bytecode[..]).set_mode(ChunkMode::Binary).eval()?;
        Ok(State { settings: settings_of(&lua, settings)?, decide, lua })
    }
}

impl State {
    fn decide(&self, basket: &Basket) -> mlua::Result<Decision> {
        let decision: Table = self.decide.call((&self.settings, basket_of(&self.lua, basket)?))?;
        let (earnings, findings): (Table, Table) = (decision.raw_get("earnings")?, decision.raw_get("findings")?);
        let earning =
            |earning: Table| Ok(Earning { unit: earning.raw_get("unit")?, amount: earning.raw_get("amount")? });
        let finding = |finding: Table| {
            Ok(Finding {
                applied: finding.raw_get("applied")?,
                rule: finding.raw_get("rule")?,
                explanation: finding.raw_get("explanation")?,
            })
        };
        Ok(Decision {
            earnings: earnings.sequence_values().map(|value| value.and_then(earning)).collect::<mlua::Result<_>>()?,
            findings: findings.sequence_values().map(|value| value.and_then(finding)).collect::<mlua::Result<_>>()?,
        })
    }
}

fn settings_of(lua: &mlua::Lua, settings: &Settings) -> mlua::Result<Table> {
    let weekdays = lua.create_table()?;
    for multiplier in &settings.weekday_multipliers {
        let table = lua.create_table_with_capacity(0, 2)?;
        table.raw_set("weekday", multiplier.weekday.as_str())?;
        table.raw_set("percent", multiplier.percent)?;
        weekdays.raw_push(table)?;
    }
    let tags = lua.create_table()?;
    for multiplier in &settings.tag_multipliers {
        let table = lua.create_table_with_capacity(0, 2)?;
        table.raw_set("tag", multiplier.tag.as_str())?;
        table.raw_set("percent", multiplier.percent)?;
        tags.raw_push(table)?;
    }
    let table = lua.create_table_with_capacity(0, 5)?;
    table.raw_set("points", settings.points)?;
    table.raw_set("per_amount", settings.per_amount)?;
    table.raw_set("excluded_categories", texts(lua, &settings.excluded_categories)?)?;
    table.raw_set("weekday_multipliers", weekdays)?;
    table.raw_set("tag_multipliers", tags)?;
    Ok(table)
}

fn basket_of(lua: &mlua::Lua, basket: &Basket) -> mlua::Result<Table> {
    let lines = lua.create_table_with_capacity(basket.lines.len(), 0)?;
    for line in &basket.lines {
        let table = lua.create_table_with_capacity(0, 4)?;
        table.raw_set("sku", line.sku.as_str())?;
        table.raw_set("category", line.category.as_str())?;
        table.raw_set("quantity", line.quantity)?;
        table.raw_set("amount", line.amount)?;
        lines.raw_push(table)?;
    }
    let table = lua.create_table_with_capacity(0, 3)?;
    table.raw_set("weekday", basket.weekday.as_str())?;
    table.raw_set("tags", texts(lua, &basket.tags)?)?;
    table.raw_set("lines", lines)?;
    Ok(table)
}

fn texts(lua: &mlua::Lua, texts: &[String]) -> mlua::Result<Table> {
    lua.create_sequence_from(texts.iter().map(String::as_str))
}
