//! The engine that runs packs: wasmtime, set up once for the process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use wasmtime::component::Linker;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, StoreContextMut, Strategy, UpdateDeadline,
};

use super::Limits;
use super::bindings;
use super::cache::{Cache, CacheTally};
use super::host::Call;
use crate::vault::SecretKey;

/// How often the wall clock is looked at while packs run, and a call that lasts lets others have the processor.
const TICK: Duration = Duration::from_millis(1);

/// How many calls may be under way at once; the pool has a place for each.
const CALLS_MAX: u32 = 256;

/// What one component may have.
pub(super) const CORE_INSTANCES_MAX: u32 = 16;
pub(super) const MEMORIES_MAX: u32 = 4;
pub(super) const TABLES_MAX: u32 = 8;

/// Why packs can not be run at all.
#[derive(Debug, thiserror::Error)]
#[error("the runtime of packs does not start: {0}")]
pub struct PacksError(String);

/// The runtime of packs. Clones share it.
#[derive(Clone)]
pub struct Packs {
    pub(super) engine: Engine,
    pub(super) linker: Arc<Linker<Call>>,
    pub(super) cache: Option<Arc<Cache>>,
    pub(super) caps: Limits,
    /// Whoever compiles has this: one component at a time, so that many uploads leave the processor to others.
    pub(super) compiling: Arc<Mutex<()>>,
    pooled: bool,
}

impl Packs {
    /// Sets the runtime up: with a pool of instances where the address space allows it, otherwise on demand. What it
    /// compiles is kept nowhere.
    ///
    /// # Errors
    /// When the processor or system is not one that wasmtime runs on.
    pub fn new() -> Result<Self, PacksError> {
        let fail = |error: wasmtime::Error| PacksError(format!("{error:#}"));
        let (engine, pooled) = match Engine::new(&config(true)) {
            Ok(engine) => (engine, true),
            Err(error) => {
                tracing::warn!("no pool of instances for packs, calls will be slower: {error:#}");
                (Engine::new(&config(false)).map_err(fail)?, false)
            }
        };
        let mut linker = Linker::new(&engine);
        bindings::Pack::add_to_linker::<_, wasmtime::component::HasSelf<Call>>(&mut linker, |call| call)
            .map_err(fail)?;
        tick(&engine)?;
        Ok(Self { engine, linker: Arc::new(linker), cache: None, caps: Limits::CAP, compiling: Arc::default(), pooled })
    }

    /// The same, which keeps what it compiles in a folder, and takes from there what it has kept under this key. The folder
    /// is made when it is needed.
    ///
    /// # Errors
    /// As [`Packs::new`]. That the folder can not be used is none.
    pub fn with_cache(dir: PathBuf, key: SecretKey) -> Result<Self, PacksError> {
        Ok(Self { cache: Some(Arc::new(Cache::new(dir, key))), ..Self::new()? })
    }

    /// The same, whose packs get no more than this for one call, whatever they ask for.
    #[must_use]
    pub fn capped(self, caps: Limits) -> Self {
        Self { caps, ..self }
    }

    /// What became of looking for compiled components, since the start.
    pub fn cache_tally(&self) -> CacheTally {
        self.cache.as_ref().map(|cache| cache.tally()).unwrap_or_default()
    }

    /// Whether instances come from a pool.
    pub fn is_pooled(&self) -> bool {
        self.pooled
    }
}

fn config(pooled: bool) -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .consume_fuel(true)
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .max_wasm_stack(512 << 10)
        .memory_init_cow(true);
    if pooled {
        let mut pool = PoolingAllocationConfig::new();
        // For each call as much as a component may have: none takes the place of another.
        pool.total_component_instances(CALLS_MAX)
            .total_core_instances(CALLS_MAX * CORE_INSTANCES_MAX)
            .total_memories(CALLS_MAX * MEMORIES_MAX)
            .total_tables(CALLS_MAX * TABLES_MAX)
            .max_core_instances_per_component(CORE_INSTANCES_MAX)
            .max_memory_size(usize::try_from(Limits::CAP.memory_max_bytes).unwrap_or(usize::MAX))
            // The loader has limits of its own for these, and words for them.
            .max_memories_per_component(100)
            .max_tables_per_component(100)
            .table_elements(20_000)
            .linear_memory_keep_resident(128 << 10)
            .table_keep_resident(8 << 10);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// Ends a call that has lasted too long; another one goes on when whoever waits for the processor has had it. What computes
/// all the time would otherwise have it for as long as the system likes, many times what settling an order takes.
pub(super) fn at_tick(mut store: StoreContextMut<'_, Call>) -> wasmtime::Result<UpdateDeadline> {
    let call = store.data_mut();
    if call.began.elapsed() >= call.wall_max {
        return Ok(UpdateDeadline::Interrupt);
    }
    std::thread::yield_now();
    Ok(UpdateDeadline::Continue(1))
}

/// Moves the engine's clock on for as long as the engine lives.
fn tick(engine: &Engine) -> Result<(), PacksError> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("pack-clock".into())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .map_err(|error| PacksError(error.to_string()))?;
    Ok(())
}
