//! The problems of use cases about orders.

use super::Problem;
use crate::domain::LineFault;
use crate::ledger::LedgerError;
use crate::usecase::{QuoteError, RefundError, SettleError};

impl From<LineFault> for Problem {
    fn from(fault: LineFault) -> Self {
        match fault {
            LineFault::NoLines => Self::refused("no-lines", fault),
            LineFault::TooManyLines { .. } => Self::refused("too-many-lines", fault),
            LineFault::NoQuantity { .. } => Self::refused("no-quantity", fault),
            LineFault::TooLarge { .. } => Self::refused("amount-too-large", fault),
        }
    }
}

impl From<QuoteError> for Problem {
    fn from(error: QuoteError) -> Self {
        match error {
            QuoteError::Lines(fault) => fault.into(),
            QuoteError::UnknownStore(_) => Self::refused("unknown-store", error),
            QuoteError::UnknownMember(_) => Self::refused("unknown-member", error),
            QuoteError::Store(error) => error.into(),
        }
    }
}

impl From<SettleError> for Problem {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::Lines(fault) => fault.into(),
            SettleError::Currency { .. } => Self::refused("other-currency", error),
            SettleError::InFuture(_) => Self::refused("order-in-future", error),
            SettleError::UnknownStore(_) => Self::refused("unknown-store", error),
            SettleError::UnknownMember(_) => Self::refused("unknown-member", error),
            SettleError::ReferenceTaken { .. } => Self::conflict("reference-taken", error),
            SettleError::Store(error) => error.into(),
        }
    }
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        match error {
            RefundError::UnknownOrder(id) => Self::unknown_order(id),
            RefundError::AlreadyRefunded(_) => Self::conflict("already-refunded", error),
            RefundError::Ledger(error @ LedgerError::Shortfall { .. }) => error.into(),
            RefundError::Ledger(error) => Self::internal(error),
            RefundError::Store(error) => error.into(),
        }
    }
}
