//! Random operations agree with the simplest model of points there is.

use std::collections::BTreeMap;

use host_tests::{Member, World};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::Value;

use crate::{earned, with_points};

/// Something that happens to one of two members.
#[derive(Clone, Debug)]
enum Operation {
    /// An order; under a number that was used before it is that order, or refused.
    Settle { member: usize, number: u8, amount_minor: u64 },
    /// The order of that number is given back, if there is one.
    Refund { number: u8 },
    /// Points are spent, if there are enough.
    Redeem { member: usize, points: u64 },
    /// Points are given.
    Grant { member: usize, points: u64 },
    /// The host is asked what an order would get.
    Quote { member: usize, amount_minor: u64 },
}

/// What a member has earned and not given back, and what they have spent. What they hold and owe follows from the two.
#[derive(Clone, Copy, Default)]
struct Model {
    earned: u64,
    spent: u64,
}

/// An order of the model.
struct Ordered {
    member: usize,
    amount_minor: u64,
    order: Value,
    is_refunded: bool,
}

fn operation() -> impl Strategy<Value = Operation> {
    let (member, number, amount) = (0..2_usize, 0..12_u8, 0..9000_u64);
    prop_oneof![
        4 => (member.clone(), number.clone(), amount.clone())
            .prop_map(|(member, number, amount_minor)| Operation::Settle { member, number, amount_minor }),
        3 => number.prop_map(|number| Operation::Refund { number }),
        3 => (member.clone(), 1..60_u64).prop_map(|(member, points)| Operation::Redeem { member, points }),
        1 => (member.clone(), 1..20_u64).prop_map(|(member, points)| Operation::Grant { member, points }),
        1 => (member, amount).prop_map(|(member, amount_minor)| Operation::Quote { member, amount_minor }),
    ]
}

#[test]
fn what_members_hold_and_owe_is_what_they_earned_less_what_they_spent() {
    let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let operations = prop::collection::vec(operation(), 1..40);
    let result = runner.run(&operations, |operations| runtime.block_on(agrees(operations)));
    if let Err(TestError::Fail(reason, operations)) = result {
        panic!("{reason}\nafter {operations:#?}");
    }
    result.unwrap();
}

async fn agrees(operations: Vec<Operation>) -> Result<(), TestCaseError> {
    let world = World::new();
    with_points(&world.shop).await;
    let members = [world.shop.member("alice").enrol().await, world.shop.member("bob").enrol().await];
    let mut models = [Model::default(); 2];
    let mut orders: BTreeMap<u8, Ordered> = BTreeMap::new();
    for operation in operations {
        match operation {
            Operation::Settle { member, number, amount_minor } => {
                let reply = members[member].order(&format!("till-{number}")).line("bread", amount_minor).settle().await;
                match orders.get(&number) {
                    None => {
                        let order = reply.created();
                        prop_assert_eq!(earned(&order, "points"), amount_minor / 100);
                        models[member].earned += amount_minor / 100;
                        orders.insert(number, Ordered { member, amount_minor, order, is_refunded: false });
                    }
                    Some(earlier) if earlier.member == member && earlier.amount_minor == amount_minor => {
                        prop_assert_eq!(&reply.created()["id"], &earlier.order["id"]);
                    }
                    Some(_) => prop_assert_eq!(reply.problem().name(), "409 reference-taken"),
                }
            }
            Operation::Refund { number } => {
                let Some(ordered) = orders.get_mut(&number) else { continue };
                let reply = world.shop.refund(&ordered.order).await;
                if ordered.is_refunded {
                    prop_assert_eq!(reply.problem().name(), "409 already-refunded");
                } else {
                    reply.ok();
                    ordered.is_refunded = true;
                    models[ordered.member].earned -= ordered.amount_minor / 100;
                }
            }
            Operation::Redeem { member, points } => {
                let reply = members[member].redeem(points).await;
                if models[member].available() >= points {
                    models[member].spent += points;
                    prop_assert_eq!(&reply.ok()["result"]["left"], models[member].available());
                } else {
                    prop_assert_eq!(reply.problem().name(), "422 pack:insufficient-points");
                }
            }
            Operation::Grant { member, points } => {
                members[member].grant(points).await.ok();
                models[member].earned += points;
            }
            Operation::Quote { member, amount_minor } => {
                let quote = members[member].order("quote").line("bread", amount_minor).quote().await.ok();
                let promised = quote["packs"][0]["earnings"][0]["amount"].as_u64().unwrap_or(0);
                prop_assert_eq!(promised, amount_minor / 100);
            }
        }
        for (member, model) in members.iter().zip(&models) {
            model.check(member).await?;
        }
    }
    Ok(())
}

impl Model {
    fn available(&self) -> u64 {
        self.earned.saturating_sub(self.spent)
    }

    async fn check(&self, member: &Member) -> Result<(), TestCaseError> {
        let held = member.holds("points").await;
        prop_assert_eq!((held.available, held.debt), (self.available(), self.spent.saturating_sub(self.earned)));
        Ok(())
    }
}
