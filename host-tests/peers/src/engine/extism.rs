//! The hook as a plugin of Extism: `extism-guest/`, which reads and writes JSON.

use std::time::Duration;

use extism::convert::Json;
use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use extism_wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::{Engine, MEMORY_MAX_BYTES, OPERATIONS_MAX};
use crate::basket::{Basket, Decision, Settings};
use crate::examples;

const PAGE_BYTES: usize = 64 << 10;

pub(super) struct Extism {
    /// With the settings: they are a part of what is compiled.
    compiled: CompiledPlugin,
}

impl Extism {
    pub(super) fn new() -> Self {
        let file = std::env::var_os("PUNCHCARD_EXTISM_GUEST").expect("`cargo xtask bench hook` says where");
        let guest = std::fs::read(file).expect("the plugin is there");
        let pages = u32::try_from(MEMORY_MAX_BYTES / PAGE_BYTES).expect("a few pages");
        let settings = serde_json::to_string(&examples::settings()).expect("settings are JSON");
        let manifest = Manifest::new([Wasm::data(guest)])
            .with_memory_max(pages)
            .with_timeout(Duration::from_secs(1))
            .with_config_key("settings", settings);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(PoolingAllocationConfig::new()));
        let plugin = PluginBuilder::new(manifest).with_wasi(false).with_fuel_limit(OPERATIONS_MAX);
        let compiled = plugin.with_wasmtime_config(config).compile();
        Self { compiled: compiled.expect("it is a plugin") }
    }
}

impl Engine for Extism {
    type State = Plugin;

    fn open(&self, _: &Settings) -> Plugin {
        Plugin::new_from_compiled(&self.compiled).expect("an instance")
    }

    fn decide(&self, plugin: &mut Plugin, basket: &Basket) -> Decision {
        let Json(decision) = plugin.call("decide", Json(basket)).expect("it decides");
        decision
    }
}
