//! One call of the points pack at an order of five lines: a fresh instance each time, all limits on.
//!
//! `whole` is what a use case pays. `wasmtime` is the same component called with nothing around it: a store with fuel
//! and a deadline, instantiate, look the function up, call it with the same arguments. The difference is our own.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark's figures go to standard output")]

mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use punchcard::domain::{Order, Reference, StoreId};
use punchcard::pack::{LoadedPack, Scene};
use punchcard::store::StoreError;
use support::{Figures, Flags, Shop, basket, median, points_settings};

const ROUNDS: usize = 5;

fn main() -> ExitCode {
    let flags = Flags::parse();
    let lasting = Duration::from_secs_f64(flags.seconds / 2.0);
    let mut figures = Figures::new(flags);
    let whole = Whole::open();
    let mut bare = bare::Bare::open(&support::component("points"), &points_settings().to_string());
    println!("instances come from a pool: {}", whole.shop.host.programme.packs().is_pooled());

    let (mut of_whole, mut of_bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_whole.push(whole.measure(lasting));
        of_bare.push(measure(lasting, || bare.call()));
    }
    let median_of = |rounds: &[Histogram<u64>], quantile: f64| {
        median(rounds.iter().map(|round| round.value_at_quantile(quantile) as f64 / 1_000.0).collect())
    };
    figures.at_most("points, fresh instance, median", median_of(&of_whole, 0.5), 30.0, "us");
    figures.tell("points, fresh instance, p99", median_of(&of_whole, 0.99), "us");
    figures.tell("wasmtime's instantiate and call, median", median_of(&of_bare, 0.5), "us");
    figures.tell("wasmtime's instantiate and call, p99", median_of(&of_bare, 0.99), "us");
    figures.tell("our own overhead, median", median_of(&of_whole, 0.5) - median_of(&of_bare, 0.5), "us");
    figures.finish()
}

fn measure(lasting: Duration, mut call: impl FnMut()) -> Histogram<u64> {
    let mut latencies = Histogram::new(3).expect("three digits");
    let began = Instant::now();
    while began.elapsed() < lasting {
        let start = Instant::now();
        call();
        latencies.record(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)).expect("the histogram grows");
    }
    latencies
}

/// The call as a use case makes it.
struct Whole {
    shop: Shop,
    pack: Arc<LoadedPack>,
}

impl Whole {
    fn open() -> Self {
        let shop = Shop::open(punchcard::store::Store::in_memory(), 1);
        let pack = shop.host.programme.packs().load(&support::component("points")).expect("points is a pack");
        Self { shop, pack: Arc::new(pack) }
    }

    fn measure(&self, lasting: Duration) -> Histogram<u64> {
        let Shop { host, merchant, store, members } = &self.shop;
        let now = host.clock.now();
        let order = order(store.id, members[0].id, now);
        let scene = Scene {
            merchant: merchant.id,
            store: Some(store.id),
            at: now,
            now,
            zone: merchant.time_zone.zone(),
            zone_name: merchant.time_zone.clone(),
            currency: merchant.currency,
            locale: "en".into(),
            seed: 7,
            depth: 0,
            is_asked: false,
            undo: None,
            grants: Arc::new(self.pack.manifest.grants_asked()),
            settings: points_settings().to_string().into(),
            services: Arc::clone(&host.services),
            is_recorded: false,
        };
        host.look(|tx| {
            let latencies = measure(lasting, || {
                let decided = self.pack.quote(tx, &scene, &order, Some(&members[0])).result.expect("it decides");
                assert_eq!(decided.earnings.len(), 1);
            });
            Ok::<_, StoreError>(latencies)
        })
        .expect("nothing is written")
    }
}

fn order(store: StoreId, member: punchcard::domain::MemberId, now: jiff::Timestamp) -> Order {
    let lines = basket(5);
    Order {
        id: punchcard::domain::OrderId::from_bytes([1; 16]),
        reference: Reference::new("bench").expect("a reference"),
        store,
        member: Some(member),
        claimed_at: None,
        ordered_at: now,
        total_minor: Order::total(&lines).expect("the lines add up"),
        lines,
        coupons: None,
        payments: Vec::new(),
        refunds: Vec::new(),
        outcomes: Vec::new(),
    }
}

/// The same component with nothing around it but wasmtime.
mod bare {
    use wasmtime::component::{Component, ComponentExportIndex, HasSelf, InstancePre, Linker};
    use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

    use super::basket;

    mod contract {
        wasmtime::component::bindgen!({ path: "../wit/0.1.0", world: "pack" });
    }

    use contract::exports::punchcard::pack::checkout::Decision;
    use contract::punchcard::pack::{settings, types};

    type Decided = (Result<Decision, types::Refusal>,);

    pub(super) struct Bare {
        engine: Engine,
        pre: InstancePre<Settings>,
        quote: ComponentExportIndex,
        settings: String,
        context: types::CallContext,
        order: types::Order,
    }

    struct Settings(String);

    impl Bare {
        pub(super) fn open(component: &[u8], settings: &str) -> Self {
            let mut pool = PoolingAllocationConfig::new();
            pool.max_memory_size(64 << 20).linear_memory_keep_resident(128 << 10).table_keep_resident(8 << 10);
            let mut config = Config::new();
            config
                .consume_fuel(true)
                .epoch_interruption(true)
                .cranelift_nan_canonicalization(true)
                .wasm_relaxed_simd(false)
                .wasm_memory64(false)
                .wasm_multi_memory(false)
                .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
            let engine = Engine::new(&config).expect("the engine starts");
            let component = Component::from_binary(&engine, component).expect("a component");
            let mut linker = Linker::new(&engine);
            settings::add_to_linker::<_, HasSelf<Settings>>(&mut linker, |settings| settings).expect("it links");
            // The points pack asks for its settings at an order, and for nothing else.
            linker.define_unknown_imports_as_traps(&component).expect("it links");
            let pre = linker.instantiate_pre(&component).expect("it links");
            component.initialize_copy_on_write_image().expect("an image");
            let checkout = component.get_export_index(None, "punchcard:pack/checkout@0.1.0").expect("it checks out");
            let quote = component.get_export_index(Some(&checkout), "quote").expect("it quotes");
            Self { engine, pre, quote, settings: settings.to_owned(), context: context(), order: order() }
        }

        pub(super) fn call(&mut self) {
            let mut store = Store::new(&self.engine, Settings(self.settings.clone()));
            store.set_fuel(50_000_000).expect("fuel is counted");
            store.set_epoch_deadline(200);
            let instance = self.pre.instantiate(&mut store).expect("it starts");
            let quote = instance
                .get_typed_func::<(&types::CallContext, &types::Order), Decided>(&mut store, self.quote)
                .expect("the types fit");
            let (decided,) = quote.call(&mut store, (&self.context, &self.order)).expect("it returns");
            assert_eq!(decided.expect("it decides").earnings.len(), 1);
        }
    }

    fn context() -> types::CallContext {
        types::CallContext {
            merchant: format!("mer_{:032x}", 1),
            store: Some(format!("sto_{:032x}", 1)),
            now: 1_800_000_000_000,
            local: types::LocalTime {
                year: 2026,
                month: 3,
                day: 18,
                hour: 9,
                minute: 0,
                weekday: types::Weekday::Wednesday,
            },
            time_zone: "Asia/Shanghai".into(),
            locale: "en".into(),
            seed: 7,
        }
    }

    fn order() -> types::Order {
        let lines: Vec<_> = basket(5)
            .into_iter()
            .map(|line| types::Line {
                sku: line.sku.into(),
                category: line.category.map(Into::into).unwrap_or_default(),
                quantity: line.quantity,
                amount: line.amount_minor,
            })
            .collect();
        types::Order {
            id: String::new(),
            store: format!("sto_{:032x}", 1),
            buyer: Some(types::Buyer { id: format!("mem_{:032x}", 1), tags: Vec::new() }),
            currency: "CNY".into(),
            total: lines.iter().map(|line| line.amount).sum(),
            lines,
        }
    }

    impl settings::Host for Settings {
        fn get(&mut self) -> String {
            self.0.clone()
        }
    }
}
