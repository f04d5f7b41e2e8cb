//! The problems of use cases about what members hold.

use axum::http::StatusCode;

use super::Problem;
use crate::domain::{CouponFault, Inapplicable};
use crate::ledger::LedgerError;
use crate::usecase::{
    AdjustError, AssetsError, DefineError, GiveError, HoldError, IssueError, LoadError, RedeemError, ReturnError,
    SpendError,
};

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Empty
            | LedgerError::NotReversible(_)
            | LedgerError::AlreadyReversed { .. }
            | LedgerError::PartlyReversed(_)
            | LedgerError::PartTooLarge { .. }
            | LedgerError::UnknownPosting(_)
            | LedgerError::ExistsDifferent(_)
            | LedgerError::HoldNotLapsed { .. }
            | LedgerError::UnknownPending(_)
            | LedgerError::PendingClosed(_)
            | LedgerError::Inconsistent(_) => Self::internal(error),
            LedgerError::AmountZero => Self::refused("amount-zero", error),
            LedgerError::AmountTooLarge(_) => Self::refused("amount-too-large", error),
            LedgerError::UnknownUnit(_) => Self::refused("unknown-unit", error),
            LedgerError::Insufficient { .. } => Self::refused("insufficient-balance", error),
            LedgerError::BalanceTooLarge(_) => Self::refused("balance-too-large", error),
            LedgerError::IsCoupon(_) => Self::refused("is-coupon", error),
            LedgerError::NotCoupon(_) => Self::refused("not-coupon", error),
            LedgerError::TooManyCoupons(_) => Self::refused("too-many-coupons", error),
            LedgerError::NotTransferable(_) => Self::refused("not-transferable", error),
            LedgerError::SameMember(_) => Self::refused("same-member", error),
            LedgerError::HoldExists(_) => Self::conflict("hold-exists", error),
            LedgerError::HoldOver(_) => Self::refused("hold-over", error),
            LedgerError::UnknownHold(_) => Self::not_found("unknown-hold", error),
            LedgerError::HoldPosted { .. } => Self::conflict("hold-posted", error),
            LedgerError::HoldVoided { .. } => Self::conflict("hold-voided", error),
            LedgerError::HoldLapsed { .. } => Self::conflict("hold-lapsed", error),
            LedgerError::HoldTooSmall { .. } => Self::refused("hold-too-small", error),
            LedgerError::CouponEndless(_) => Self::refused("coupon-endless", error),
            LedgerError::CouponTooEarly { .. } => Self::refused("coupon-too-early", error),
            LedgerError::CouponOver { .. } => Self::refused("coupon-over", error),
            LedgerError::CouponMemberMax { .. } => Self::refused("coupon-member-max", error),
            LedgerError::CouponTotalMax { .. } => Self::refused("coupon-total-max", error),
            LedgerError::CouponOutOfStock { .. } => Self::refused("coupon-out-of-stock", error),
            LedgerError::EarnLimit { .. } => Self::refused("earn-limit", error),
            LedgerError::SpendLimit { .. } => Self::refused("spend-limit", error),
            LedgerError::BalanceLimit { .. } => Self::refused("balance-limit", error),
            LedgerError::Shortfall { .. } => Self::refused("shortfall", error),
            LedgerError::Store(error) => error.into(),
        }
    }
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::UnknownMember(id) => Self::unknown_member(id),
            LoadError::UnknownStore(_) => Self::refused("unknown-store", error),
            LoadError::Ledger(error) => error.into(),
            LoadError::Store(error) => error.into(),
        }
    }
}

impl From<SpendError> for Problem {
    fn from(error: SpendError) -> Self {
        match error {
            SpendError::UnknownMember(id) => Self::unknown_member(id),
            SpendError::UnknownStore(_) => Self::refused("unknown-store", error),
            SpendError::Ledger(error) => error.into(),
            SpendError::Store(error) => error.into(),
        }
    }
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::UnknownMember(id) => Self::unknown_member(id),
            HoldError::OfCoupons(_) => Self::refused("hold-of-coupons", error),
            HoldError::UnknownStore(_) => Self::refused("unknown-store", error),
            HoldError::Ledger(error) => error.into(),
            HoldError::Store(error) => error.into(),
        }
    }
}

impl From<DefineError> for Problem {
    fn from(error: DefineError) -> Self {
        match error {
            DefineError::Coupon(CouponFault::GivesNothing) => Self::refused("gives-nothing", error),
            DefineError::Coupon(CouponFault::PercentTooLarge(_)) => Self::refused("percent-too-large", error),
            DefineError::Coupon(CouponFault::AmountTooLarge(_)) => Self::refused("amount-too-large", error),
            DefineError::Coupon(CouponFault::EndsBeforeBegin { .. }) => Self::refused("ends-before-begin", error),
            DefineError::Coupon(CouponFault::LimitZero) => Self::refused("limit-zero", error),
            DefineError::UnitTaken(_) => Self::conflict("unit-taken", error),
            DefineError::BeyondOwn => Self::new(StatusCode::FORBIDDEN, "other-store", error),
            DefineError::Store(error) => error.into(),
        }
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::UnknownMember(id) => Self::unknown_member(id),
            IssueError::UnknownStore(_) => Self::refused("unknown-store", error),
            IssueError::Ledger(error) => error.into(),
            IssueError::Store(error) => error.into(),
        }
    }
}

impl From<RedeemError> for Problem {
    fn from(error: RedeemError) -> Self {
        match error {
            RedeemError::Lines(fault) => fault.into(),
            RedeemError::UnknownStore(_) => Self::refused("unknown-store", error),
            RedeemError::UnknownMember(id) => Self::unknown_member(id),
            RedeemError::NoCoupons => Self::refused("no-coupons", error),
            RedeemError::TooManyCoupons(_) => Self::refused("too-many-coupons", error),
            RedeemError::UnknownReservation(_) => Self::refused("unknown-reservation", error),
            RedeemError::UnknownCoupon(_) => Self::refused("unknown-coupon", error),
            RedeemError::NotStackable(_) => Self::refused("not-stackable", error),
            RedeemError::Inapplicable { ref reason, .. } => {
                let kind = match reason {
                    Inapplicable::OtherStore => "coupon-other-store",
                    Inapplicable::NothingInScope => "coupon-nothing-in-scope",
                    Inapplicable::BelowThreshold { .. } => "coupon-below-threshold",
                    Inapplicable::NothingLeft => "coupon-nothing-left",
                };
                Self::refused(kind, error)
            }
            RedeemError::Ledger(error) => error.into(),
            RedeemError::Store(error) => error.into(),
        }
    }
}

impl From<AssetsError> for Problem {
    fn from(error: AssetsError) -> Self {
        match error {
            AssetsError::UnknownMember(id) => Self::unknown_member(id),
            AssetsError::Ledger(error) => error.into(),
            AssetsError::Store(error) => error.into(),
        }
    }
}

impl From<AdjustError> for Problem {
    fn from(error: AdjustError) -> Self {
        match error {
            AdjustError::UnknownMember(id) => Self::unknown_member(id),
            AdjustError::UnknownStore(_) => Self::refused("unknown-store", error),
            AdjustError::Expired { .. } => Self::refused("expired-already", error),
            AdjustError::Ledger(error) => error.into(),
            AdjustError::Store(error) => error.into(),
        }
    }
}

impl From<GiveError> for Problem {
    fn from(error: GiveError) -> Self {
        match error {
            GiveError::UnknownMember(id) => Self::unknown_member(id),
            GiveError::UnknownStore(_) => Self::refused("unknown-store", error),
            GiveError::Ledger(error) => error.into(),
            GiveError::Store(error) => error.into(),
        }
    }
}

impl From<ReturnError> for Problem {
    fn from(error: ReturnError) -> Self {
        match error {
            ReturnError::UnknownMember(id) => Self::unknown_member(id),
            ReturnError::UnknownStore(_) => Self::refused("unknown-store", error),
            ReturnError::UnknownRedemption(_) => Self::not_found("unknown-redemption", error),
            ReturnError::OfOrder(_) => Self::conflict("coupons-of-order", error),
            ReturnError::Ledger(error) => error.into(),
            ReturnError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    /// An adjustment that says neither what is given nor what is taken, or both.
    pub(in crate::http) fn give_or_take() -> Self {
        Self::refused("give-or-take", "say `give` or `take`, and not both")
    }
}
