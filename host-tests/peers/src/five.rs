//! Five packs on one order against one: whole orders through the use case, less what an order costs without packs.

use std::cell::Cell;

use punchcard::domain::{PackResult, Reference};
use punchcard::store::Store;
use punchcard::usecase::{SettleError, SettleOrder, settle_order};
use serde_json::json;

use crate::rounds::{Contender, Rounds, Turn};
use crate::support::{Figures, Shop, basket};

const MEMBERS: usize = 1_000;
const LINES: u64 = 20;

/// So many orders of each kind in a round.
const ORDERS: u32 = 150;

/// What packs add to an order, by their number.
const NONE: &str = "an order without packs";
const ONE: &str = "an order with one pack";
const FIVE: &str = "an order with five packs";

/// Lets the three kinds of orders take turns.
pub(crate) fn measure(rounds: u32, figures: &mut Figures) {
    let tills = [Till::open(0), Till::open(1), Till::open(5)];
    let contenders = [NONE, ONE, FIVE].into_iter().zip(&tills);
    let contenders = contenders.map(|(name, till)| Contender::new(name, || till.settle())).collect();
    let measured = Rounds::measure(rounds, Turn::Calls(ORDERS), contenders);
    measured.tell(figures);
    measured.compare(&[ONE, NONE], |of| of[0] - of[1]).tell(figures, "what one pack adds to an order", "us", None);
    measured.compare(&[FIVE, NONE], |of| of[0] - of[1]).tell(figures, "what five packs add to an order", "us", None);
    let five_to_one = |of: &[f64]| (of[0] - of[2]) / (of[1] - of[2]);
    measured.compare(&[FIVE, ONE, NONE], five_to_one).tell(figures, "five packs to one", "times", Some(5.5));
}

/// Settles orders in a store in memory, with so many packs on.
struct Till {
    shop: Shop,
    packs: usize,
    orders: Cell<usize>,
}

impl Till {
    fn open(packs: usize) -> Self {
        let shop = Shop::open(Store::in_memory(), MEMBERS);
        for number in 0..packs {
            // A pack of a name and a unit of its own.
            let name = format!("point{number}");
            let component = host_tests::reworded(host_tests::pack("points"), &[("points", &name)]);
            let settings = json!({
                "excluded_categories": ["gift-cards"],
                "weekday_multipliers": [{ "weekday": "wednesday", "percent": 200 }],
                "tag_multipliers": [{ "tag": "vip", "percent": 150 }],
            });
            shop.enable(component, settings, true);
        }
        Self { shop, packs, orders: Cell::new(0) }
    }

    fn settle(&self) {
        let number = self.orders.replace(self.orders.get() + 1);
        let order = SettleOrder {
            reference: Reference::new(format!("order-{number}")).expect("a reference"),
            store: self.shop.store.id,
            member: Some(self.shop.members[number % MEMBERS].id),
            served_by: None,
            ordered_at: None,
            currency: None,
            lines: basket(LINES),
            due_minor: None,
            coupons: Vec::new(),
            payments: Vec::new(),
        };
        let settled = self
            .shop
            .host
            .operate(self.shop.merchant.id, |tx, act| Ok::<_, SettleError>(settle_order(tx, act, &order)?.order))
            .expect("the order is settled");
        let gave = |result: &PackResult| matches!(result, PackResult::Done { posting: Some(_), .. });
        let given = settled.outcomes.iter().filter(|outcome| gave(&outcome.result)).count();
        assert_eq!(given, self.packs, "{:?}", settled.outcomes);
    }
}
