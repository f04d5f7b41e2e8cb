//! What of a pack's call is the host's own, measured by a pack that does nothing.
//!
//! The call as a use case makes it, against the same component with nothing around it but wasmtime: a store with fuel and
//! a deadline, instantiate, look the function up, call it with arguments that are there already. The difference is what
//! the host does for a call: its desk and limits, the arguments from its own types, the decision checked.

use std::cell::RefCell;
use std::hint::black_box;

use punchcard::pack::CONTRACT_VERSION;
use punchcard::store::Tx;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

use crate::basket::Basket;
use crate::pack::PackCalls;
use crate::rounds::{Contender, Rounds};
use crate::support::Figures;

mod contract {
    wasmtime::component::bindgen!({ path: "../../wit/0.1.3", world: "pack" });
}

use contract::exports::punchcard::pack::checkout::Decision;
use contract::punchcard::pack::types;

const TWENTY: &str = "points pack, 20 lines";
const RECORDED: &str = "points pack, 20 lines, recorded";
const FIVE: &str = "points pack, 5 lines";
const EMPTY: &str = "empty pack, 20 lines";
const BARE: &str = "empty pack by wasmtime alone, 20 lines";

/// Calls of packs: what they cost on the whole.
pub(crate) fn contenders<'a>(calls: &'a PackCalls, tx: &'a RefCell<&mut Tx>, baskets: &[Basket]) -> Vec<Contender<'a>> {
    let bare = Bare::open(host_tests::guest("empty"), &baskets[0]);
    vec![
        Contender::new(TWENTY, || drop(black_box(calls.points(&mut tx.borrow_mut(), 0)))),
        Contender::new(RECORDED, || drop(black_box(calls.recorded(&mut tx.borrow_mut())))),
        Contender::new(FIVE, || drop(black_box(calls.points(&mut tx.borrow_mut(), 1)))),
        Contender::new(EMPTY, || drop(black_box(calls.nothing(&mut tx.borrow_mut(), 0)))),
        Contender::new(BARE, move || bare.call()),
    ]
}

/// Tells of these calls.
pub(crate) fn tell(rounds: &Rounds, figures: &mut Figures) {
    rounds.compare(&[FIVE], |of| of[0]).tell(figures, &format!("{FIVE}, median"), "us", Some(30.0));
    for name in [TWENTY, RECORDED, EMPTY, BARE] {
        rounds.compare(&[name], |of| of[0]).tell(figures, &format!("{name}, median"), "us", None);
    }
    for name in [FIVE, TWENTY] {
        figures.tell(&format!("{name}, p99"), rounds.p99(name), "us");
    }
    rounds.compare(&[EMPTY, BARE], |of| of[0] - of[1]).tell(figures, "the host's own part of a call", "us", Some(10.0));
}

/// A component with nothing around it but wasmtime.
struct Bare {
    engine: Engine,
    pre: InstancePre<()>,
    settled: ComponentExportIndex,
    context: types::CallContext,
    order: types::Order,
}

impl Bare {
    fn open(component: &[u8], basket: &Basket) -> Self {
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
        linker.define_unknown_imports_as_traps(&component).expect("it links");
        let pre = linker.instantiate_pre(&component).expect("it links");
        component.initialize_copy_on_write_image().expect("an image");
        let checkout = format!("punchcard:pack/checkout@{CONTRACT_VERSION}");
        let checkout = component.get_export_index(None, &checkout).expect("it checks out");
        let settled = component.get_export_index(Some(&checkout), "settled").expect("it settles");
        Self { engine, pre, settled, context: context(), order: order(basket) }
    }

    fn call(&self) {
        let mut store = Store::new(&self.engine, ());
        store.set_fuel(50_000_000).expect("fuel is counted");
        store.set_epoch_deadline(200);
        let instance = self.pre.instantiate(&mut store).expect("it starts");
        type Decided = (Result<Decision, types::Refusal>,);
        let settled = instance
            .get_typed_func::<(&types::CallContext, &types::Order), Decided>(&mut store, self.settled)
            .expect("the types fit");
        let (decided,) = settled.call(&mut store, (&self.context, &self.order)).expect("it returns");
        assert!(decided.expect("it decides").earnings.is_empty());
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
            hour: 12,
            minute: 0,
            weekday: types::Weekday::Wednesday,
        },
        time_zone: "Asia/Shanghai".into(),
        locale: "en".into(),
        seed: 7,
    }
}

fn order(basket: &Basket) -> types::Order {
    let lines = basket.lines.iter().map(|line| types::Line {
        sku: line.sku.clone(),
        category: line.category.clone(),
        quantity: line.quantity,
        amount: line.amount,
    });
    types::Order {
        id: format!("ord_{:032x}", 1),
        store: format!("sto_{:032x}", 1),
        buyer: Some(types::Buyer { id: format!("mem_{:032x}", 1), tags: basket.tags.clone() }),
        currency: "CNY".into(),
        total: basket.lines.iter().map(|line| line.amount).sum(),
        lines: lines.collect(),
    }
}
