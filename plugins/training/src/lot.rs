//! The books of one lot: what was sold in it and what became of that. Pure.

use serde::{Deserialize, Serialize};

use crate::worth::Worth;

/// Whether minutes were paid for. Of two lots that end together, the paid one goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Paid,
    Gift,
}

/// Minutes of one package, which are one lot of the host's ledger.
///
/// What is left is never kept: it is what was sold, less what was consumed, refunded and forfeited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lot {
    kind: Kind,
    /// Its id in the host's ledger.
    ledger_lot: String,
    sold: Worth,
    consumed: Worth,
    refunded: Worth,
    forfeited: Worth,
}

impl Lot {
    pub(crate) fn new(kind: Kind, ledger_lot: String, sold: Worth) -> Self {
        let [consumed, refunded, forfeited] = [Worth::default(); 3];
        Self { kind, ledger_lot, sold, consumed, refunded, forfeited }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn ledger_lot(&self) -> &str {
        &self.ledger_lot
    }

    pub(crate) fn sold(&self) -> Worth {
        self.sold
    }

    pub(crate) fn consumed(&self) -> Worth {
        self.consumed
    }

    pub(crate) fn refunded(&self) -> Worth {
        self.refunded
    }

    pub(crate) fn forfeited(&self) -> Worth {
        self.forfeited
    }

    pub(crate) fn left(&self) -> Worth {
        let left = || self.sold.minus(self.consumed)?.minus(self.refunded)?.minus(self.forfeited);
        left().expect("what leaves a lot is taken from what is left in it")
    }

    /// Takes minutes for a lesson, and tells what they are worth. `None` when fewer are left.
    pub(crate) fn consume(&mut self, minutes: u64) -> Option<Worth> {
        let part = self.left().part(minutes)?;
        self.consumed = self.consumed.plus(part)?;
        Some(part)
    }

    /// Puts back what was consumed, minutes and money as they were. `None` when so much was not.
    pub(crate) fn give_back(&mut self, part: Worth) -> Option<()> {
        self.consumed = self.consumed.minus(part)?;
        Some(())
    }

    /// What is left goes back to the buyer.
    pub(crate) fn refund(&mut self) -> Worth {
        let left = self.left();
        self.refunded = self.refunded.plus(left).expect("it is a part of what was sold");
        left
    }

    /// What is left stays with the merchant.
    pub(crate) fn forfeit(&mut self) -> Worth {
        let left = self.left();
        self.forfeited = self.forfeited.plus(left).expect("it is a part of what was sold");
        left
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lot(minutes: u64, minor: u64) -> Lot {
        Lot::new(Kind::Paid, "lot_1".to_owned(), Worth::new(minutes, minor))
    }

    #[test]
    fn what_is_given_back_is_worth_what_it_was() {
        let mut lot = lot(180, 10_000);
        let first = lot.consume(60).expect("there are as many");
        let second = lot.consume(60).expect("there are as many");
        assert_eq!((first.minor, second.minor, lot.left()), (3_333, 3_333, Worth::new(60, 3_334)));
        lot.give_back(first).expect("it was consumed");
        assert_eq!(lot.left(), Worth::new(120, 6_667));
        assert_eq!(lot.consume(121), None);
        assert_eq!(lot.consume(120), Some(Worth::new(120, 6_667)));
        assert_eq!(lot.give_back(Worth::new(181, 0)), None);
    }

    #[test]
    fn a_refund_is_what_was_paid_less_what_was_consumed() {
        let mut lot = lot(180, 10_000);
        lot.consume(60);
        assert_eq!(lot.refund(), Worth::new(120, 6_667));
        assert!(lot.left().is_nothing());
        assert_eq!(lot.forfeit(), Worth::default());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Consume(u64),
        GiveBack(usize),
        Refund,
        Forfeit,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (1_u64..200).prop_map(Step::Consume),
            4 => (0_usize..8).prop_map(Step::GiveBack),
            1 => Just(Step::Refund),
            1 => Just(Step::Forfeit),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        /// Sold = consumed + refunded + forfeited + left, in minutes and in money; without minutes there is no money; and
        /// what is recognised never exceeds the contract.
        #[test]
        fn the_books_of_a_lot_add_up_whatever_happens(minutes in 1_u64..3_000, price in 0_u64..1_000_000, steps in steps()) {
            let mut lot = lot(minutes, price);
            let mut standing = Vec::new();
            for step in steps {
                match step {
                    Step::Consume(minutes) => standing.extend(lot.consume(minutes)),
                    Step::GiveBack(index) if index < standing.len() => {
                        lot.give_back(standing.swap_remove(index)).expect("it was consumed");
                    }
                    Step::GiveBack(_) => {}
                    Step::Refund => {
                        lot.refund();
                    }
                    Step::Forfeit => {
                        lot.forfeit();
                    }
                }
                let consumed = standing.iter().try_fold(Worth::default(), |sum, part| sum.plus(*part));
                prop_assert_eq!(consumed, Some(lot.consumed()));
                let gone = lot.consumed().plus(lot.refunded()).and_then(|sum| sum.plus(lot.forfeited()));
                prop_assert_eq!(gone.and_then(|gone| gone.plus(lot.left())), Some(lot.sold()));
                prop_assert!(lot.left().minutes > 0 || lot.left().minor == 0);
                prop_assert!(lot.consumed().minor <= price);
            }
        }
    }
}
