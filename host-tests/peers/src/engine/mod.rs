//! The peers: engines that a host can take in to run what somebody else has written.

mod extism;
mod lua;
mod quickjs;
mod rhai;

use crate::Hook;
use crate::basket::{Basket, Decision, Settings};
use crate::examples;

/// What each peer keeps the hook to, as far as it can, beside a pack with fuel, wall clock, memory, stack and host calls.
pub(crate) const LIMITS: [&str; 4] = [
    "mlua:     16 MiB of memory, instructions counted; bytecode is kept. The hook's calls of C have no limit",
    "rquickjs: 16 MiB of memory, 256 KiB of stack, asked now and then whether to go on; bytecode is kept",
    "rhai:     operations, depth of calls, sizes of texts, arrays and maps, but no memory in all; the parsed hook is kept",
    "extism:   16 MiB of memory, fuel, wall clock; the compiled plugin is kept; instances come from a pool",
];

/// What a call may take, where a peer counts it: as much as a pack.
const OPERATIONS_MAX: u64 = 50_000_000;
const MEMORY_MAX_BYTES: usize = 16 << 20;

/// An engine with the hook in it, as far as that is the same for all states.
trait Engine {
    /// What a call needs for itself.
    type State;

    /// A state with the hook and the settings.
    fn open(&self, settings: &Settings) -> Self::State;

    fn decide(&self, state: &mut Self::State, basket: &Basket) -> Decision;
}

/// All peers, fresh and warm.
pub(crate) fn hooks(baskets: &[Basket]) -> Vec<Hook<'_>> {
    use mlua::StdLib;
    use rquickjs::context::intrinsic::Promise;
    // What a hook may need and what reaches nothing outside.
    let harmless = StdLib::TABLE | StdLib::STRING | StdLib::UTF8 | StdLib::MATH | StdLib::COROUTINE;
    vec![
        fresh("mlua, fresh", lua::Lua::with(harmless), baskets),
        fresh("mlua without libraries, fresh", lua::Lua::with(StdLib::NONE), baskets),
        warm("mlua, warm", lua::Lua::with(harmless), baskets),
        fresh("rquickjs, fresh", quickjs::QuickJs::with(rquickjs::Context::full), baskets),
        // The least in which a module runs.
        fresh("rquickjs, little context, fresh", quickjs::QuickJs::with(rquickjs::Context::custom::<Promise>), baskets),
        warm("rquickjs, warm", quickjs::QuickJs::with(rquickjs::Context::full), baskets),
        fresh("rhai, fresh", rhai::Rhai::new(), baskets),
        warm("rhai, warm", rhai::Rhai::new(), baskets),
        fresh("extism, fresh", extism::Extism::new(), baskets),
        warm("extism, warm", extism::Extism::new(), baskets),
    ]
}

fn fresh<'a>(name: &'static str, engine: impl Engine + 'a, baskets: &'a [Basket]) -> Hook<'a> {
    let settings = examples::settings();
    let decide = move |number: usize| engine.decide(&mut engine.open(&settings), &baskets[number]);
    Hook { name, decide: Box::new(decide) }
}

fn warm<'a>(name: &'static str, engine: impl Engine + 'a, baskets: &'a [Basket]) -> Hook<'a> {
    let mut state = engine.open(&examples::settings());
    Hook { name, decide: Box::new(move |number| engine.decide(&mut state, &baskets[number])) }
}
