//! The problems of use cases about orders.

use super::Problem;
use crate::domain::LineFault;
use crate::ledger::LedgerError;
use crate::usecase::{ClaimError, QuoteError, RedeemError, RefundError, SettleError};

impl From<LineFault> for Problem {
    fn from(fault: LineFault) -> Self {
        match fault {
            LineFault::NoLines => Self::refused("no-lines", fault),
            LineFault::TooManyLines { .. } => Self::refused("too-many-lines", fault),
            LineFault::NoQuantity { .. } => Self::refused("no-quantity", fault),
            LineFault::TooLarge { .. } => Self::refused("amount-too-large", fault),
            LineFault::NamesTooLong { .. } => Self::refused("names-too-long", fault),
        }
    }
}

impl From<QuoteError> for Problem {
    fn from(error: QuoteError) -> Self {
        match error {
            QuoteError::Lines(fault) => fault.into(),
            QuoteError::UnknownStore(_) => Self::refused("unknown-store", error),
            QuoteError::UnknownMember(_) => Self::refused("unknown-member", error),
            QuoteError::NoPrice { .. } => Self::refused("no-price", error),
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
            SettleError::TooLongAgo(_) => Self::refused("order-too-long-ago", error),
            SettleError::UnknownStore(_) => Self::refused("unknown-store", error),
            SettleError::UnknownMember(_) => Self::refused("unknown-member", error),
            SettleError::ReferenceTaken { .. } => Self::conflict("reference-taken", error),
            SettleError::UnknownStaff(_) => Self::refused("unknown-staff", error),
            SettleError::StaffElsewhere { .. } => Self::refused("staff-elsewhere", error),
            SettleError::NeedsMember => Self::refused("needs-member", error),
            SettleError::TooManyPayments(_) => Self::refused("too-many-payments", error),
            SettleError::Coupons(error) => match *error {
                RedeemError::UnknownMember(_) => Self::refused("unknown-member", error),
                other => other.into(),
            },
            SettleError::DueDiffers { .. } => Self::refused("due-differs", error),
            SettleError::PaymentsDiffer { .. } => Self::refused("payments-differ", error),
            SettleError::UnknownHold(_) => Self::refused("unknown-hold", error),
            SettleError::HoldWorth { .. } => Self::refused("hold-worth", error),
            SettleError::HoldOfPack(..) => Self::refused("hold-of-pack", error),
            SettleError::MethodTaken(_) => Self::refused("method-taken", error),
            SettleError::Ledger(error) => error.into(),
            SettleError::Store(error) => error.into(),
        }
    }
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        match error {
            RefundError::UnknownOrder(id) => Self::unknown_order(id),
            RefundError::AlreadyRefunded(_) => Self::conflict("already-refunded", error),
            RefundError::TooManyParts => Self::conflict("too-many-parts", error),
            RefundError::NoLines => Self::refused("no-lines", error),
            RefundError::UnknownLine { .. } => Self::refused("unknown-line", error),
            RefundError::LineTwice(_) => Self::refused("line-twice", error),
            RefundError::Nothing(_) => Self::refused("nothing-to-refund", error),
            RefundError::TooManyPieces { .. } => Self::refused("too-many-pieces", error),
            RefundError::TooMuch { .. } => Self::refused("too-much", error),
            RefundError::Ledger(error @ LedgerError::Shortfall { .. }) => error.into(),
            RefundError::Ledger(error) => Self::internal(error),
            RefundError::Store(error) => error.into(),
        }
    }
}

impl From<ClaimError> for Problem {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::UnknownOrder(id) => Self::unknown_order(id),
            ClaimError::UnknownMember(_) => Self::refused("unknown-member", error),
            ClaimError::HasMember(_) => Self::conflict("order-has-member", error),
            ClaimError::Refunded(_) => Self::conflict("already-refunded", error),
            ClaimError::Store(error) => error.into(),
        }
    }
}
