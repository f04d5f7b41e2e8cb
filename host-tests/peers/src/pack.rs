//! Packs as a use case calls them: a fresh instance in a transaction, all limits on.

use std::sync::Arc;

use jiff::Timestamp;
use punchcard::domain::{Code, Line, Member, Order, OrderId, Reference, Source, Tag};
use punchcard::pack::{Decided, LoadedPack, Scene};
use punchcard::store::{Store, StoreError, Tx};

use crate::basket::{self, Basket, Decision};
use crate::examples;
use crate::support::{Shop, code, label};

/// The points pack and one that does nothing, ready to be called with each basket.
pub(crate) struct PackCalls {
    shop: Shop,
    points: LoadedPack,
    empty: LoadedPack,
    calls: Vec<Call>,
    recorded: Scene,
}

/// What a pack is called with.
struct Call {
    scene: Scene,
    order: Order,
    buyer: Member,
}

impl PackCalls {
    pub(crate) fn open(baskets: &[Basket]) -> Self {
        let shop = Shop::open(Store::in_memory(), 1);
        let packs = shop.host.programme.packs();
        let points = packs.load(host_tests::pack("points")).expect("points is a pack");
        let empty = packs.load(host_tests::guest("empty")).expect("empty is a pack");
        let calls: Vec<_> = baskets.iter().map(|basket| call(&shop, &points, basket)).collect();
        let recorded = Scene { is_recorded: true, ..calls[0].scene.clone() };
        Self { points, empty, calls, recorded, shop }
    }

    pub(crate) fn is_pooled(&self) -> bool {
        self.shop.host.programme.packs().is_pooled()
    }

    /// Runs something in a transaction that writes nothing.
    pub(crate) fn in_transaction<T>(&self, run: impl FnMut(&mut Tx) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.shop.host.look(run)
    }

    /// What the points pack decides of a basket.
    pub(crate) fn decide(&self, tx: &mut Tx, number: usize) -> Decision {
        told(self.settle(&self.points, tx, number))
    }

    /// A call of the points pack.
    pub(crate) fn points(&self, tx: &mut Tx, number: usize) -> Decided {
        self.settle(&self.points, tx, number)
    }

    /// The same, recorded, as a serving host does by default.
    pub(crate) fn recorded(&self, tx: &mut Tx) -> Decided {
        let Call { order, buyer, .. } = &self.calls[0];
        self.points.settled(tx, &self.recorded, order, Some(buyer)).result.expect("it decides")
    }

    /// A call of the pack that does nothing.
    pub(crate) fn nothing(&self, tx: &mut Tx, number: usize) -> Decided {
        self.settle(&self.empty, tx, number)
    }

    fn settle(&self, pack: &LoadedPack, tx: &mut Tx, number: usize) -> Decided {
        let Call { scene, order, buyer } = &self.calls[number];
        pack.settled(tx, scene, order, Some(buyer)).result.expect("it decides")
    }
}

fn call(shop: &Shop, points: &LoadedPack, basket: &Basket) -> Call {
    let at = on(&basket.weekday);
    let mut buyer = shop.members[0].clone();
    buyer.tags =
        basket.tags.iter().map(|tag| (code(tag), Tag { source: Source::Operator, at, expires_at: None })).collect();
    let lines: Vec<_> = basket
        .lines
        .iter()
        .map(|line| Line {
            sku: label(&line.sku),
            category: (!line.category.is_empty()).then(|| label(&line.category)),
            brand: None,
            quantity: line.quantity,
            amount_minor: line.amount,
        })
        .collect();
    let order = Order {
        id: OrderId::from_bytes([1; 16]),
        reference: Reference::new("bench").expect("a reference"),
        store: shop.store.id,
        by: Source::Operator,
        served_by: None,
        member: Some(buyer.id),
        claimed_by: None,
        claimed_at: None,
        ordered_at: at,
        total_minor: Order::total(&lines).expect("the lines add up"),
        lines,
        discounts: Vec::new(),
        coupons: None,
        payments: Vec::new(),
        refunds: Vec::new(),
        outcomes: Vec::new(),
    };
    let scene = Scene {
        merchant: shop.merchant.id,
        by: Source::Operator,
        store: Some(shop.store.id),
        at,
        now: at,
        zone: shop.merchant.time_zone.zone(),
        zone_name: shop.merchant.time_zone.clone(),
        currency: shop.merchant.currency,
        locale: "en".into(),
        seed: 7,
        depth: 0,
        asked: None,
        undo: None,
        grants: Arc::new(points.manifest.grants_asked()),
        settings: serde_json::to_string(&examples::settings()).expect("settings are JSON").into(),
        stored_max: u64::MAX,
        services: Arc::clone(&shop.host.services),
        is_recorded: false,
    };
    Call { scene, order, buyer }
}

/// Noon of such a day, in the shop's time zone.
fn on(weekday: &str) -> Timestamp {
    let day = match weekday {
        "wednesday" => "2026-03-18",
        "thursday" => "2026-03-19",
        "friday" => "2026-03-20",
        other => panic!("no basket is of a {other}"),
    };
    format!("{day}T12:00:00+08:00").parse().expect("an instant")
}

/// A decision in the words of [`basket`].
fn told(decided: Decided) -> Decision {
    let unit = |unit: Code| unit.to_string();
    let earnings = decided.earnings.into_iter();
    let findings = decided.findings.into_iter();
    Decision {
        earnings: earnings
            .map(|earning| basket::Earning { unit: unit(earning.unit), amount: earning.amount })
            .collect(),
        findings: findings
            .map(|finding| basket::Finding {
                applied: finding.applied,
                rule: finding.rule,
                explanation: finding.explanation,
            })
            .collect(),
    }
}
