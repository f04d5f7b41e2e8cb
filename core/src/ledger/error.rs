//! Why the ledger refuses.

use jiff::Timestamp;

use super::ISSUE_MAX;
use crate::domain::{Code, Currency, HoldId, LotId, MemberId, Minor, PostingId};
use crate::store::StoreError;

/// Why the ledger refused a posting. Nothing of it is kept. The order of the variants is the order of the checks.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No moves.
    #[error("a posting does at least one thing, but this one has no moves")]
    Empty,
    /// The id is taken by a posting with other content.
    #[error("posting {0} exists with different content")]
    ExistsDifferent(PostingId),
    /// Zero.
    #[error("the amount is 0, expected at least 1")]
    AmountZero,
    /// Over the largest amount.
    #[error("the amount {0} is over the largest, {max}", max = Currency::AMOUNT_MAX)]
    AmountTooLarge(Minor),
    /// Nobody declared the unit.
    #[error("there is no unit `{0}`")]
    UnknownUnit(Code),
    /// Coupons come by being issued, as their type says.
    #[error("`{0}` is a type of coupon: coupons are issued, not granted")]
    IsCoupon(Code),
    /// Only coupons are issued.
    #[error("`{0}` is no type of coupon")]
    NotCoupon(Code),
    /// More at once than one posting holds.
    #[error("{0} coupons are too many at once, at most {ISSUE_MAX} are issued by one move")]
    TooManyCoupons(Minor),
    /// Members may not give it to each other.
    #[error("`{0}` can not be given to another member")]
    NotTransferable(Code),
    /// From and to the same member.
    #[error("{0} can not give something to themselves")]
    SameMember(MemberId),
    /// There is no such posting to reverse.
    #[error("there is no posting {0}")]
    UnknownPosting(PostingId),
    /// It is a reversal, or the ledger's own booking of what fell due, or the placing or voiding of a hold.
    #[error("posting {0} is of a kind that is not reversed")]
    NotReversible(PostingId),
    /// It was reversed before.
    #[error("posting {posting} is reversed already, by {by}")]
    AlreadyReversed {
        /// Which.
        posting: PostingId,
        /// By which.
        by: PostingId,
    },
    /// Parts of it were reversed before, so that it can not be reversed as a whole.
    #[error("parts of posting {0} are reversed already")]
    PartlyReversed(PostingId),
    /// There is less of it that is not reversed yet.
    #[error("{wanted} of `{unit}` are to be reversed of posting {posting}, but {left} are left")]
    PartTooLarge {
        /// Which.
        posting: PostingId,
        /// Of what.
        unit: Code,
        /// How much was to be reversed.
        wanted: Minor,
        /// How much could be.
        left: Minor,
    },
    /// The id is taken by another hold.
    #[error("hold {0} exists")]
    HoldExists(HoldId),
    /// A hold that would be over before it begins.
    #[error("a hold until {0} is over already")]
    HoldOver(Timestamp),
    /// There is no such hold.
    #[error("there is no hold {0}")]
    UnknownHold(HoldId),
    /// It was spent before.
    #[error("hold {hold} is posted already, by {by}")]
    HoldPosted {
        /// Which.
        hold: HoldId,
        /// By which posting.
        by: PostingId,
    },
    /// It was given back before.
    #[error("hold {hold} is voided already, by {by}")]
    HoldVoided {
        /// Which.
        hold: HoldId,
        /// By which posting.
        by: PostingId,
    },
    /// Its time was over, whether or not that is booked.
    #[error("hold {hold} has lapsed at {at}")]
    HoldLapsed {
        /// Which.
        hold: HoldId,
        /// When.
        at: Timestamp,
    },
    /// Its time is not over yet.
    #[error("hold {hold} does not lapse before {at}")]
    HoldNotLapsed {
        /// Which.
        hold: HoldId,
        /// When it does.
        at: Timestamp,
    },
    /// More than was set aside.
    #[error("{wanted} can not be posted of hold {hold}, which has {held}")]
    HoldTooSmall {
        /// Which.
        hold: HoldId,
        /// How much was asked for.
        wanted: Minor,
        /// How much there is.
        held: Minor,
    },
    /// There is no such pending grant.
    #[error("there is no pending grant {0}")]
    UnknownPending(LotId),
    /// It was released or taken back before.
    #[error("the pending grant {0} was released or taken back already")]
    PendingClosed(LotId),
    /// The type of coupon has no instant to expire at.
    #[error("coupons of `{0}` would expire outside the calendar")]
    CouponEndless(Code),
    /// Its time has not come.
    #[error("coupons of `{unit}` count from {from} on")]
    CouponTooEarly {
        /// Of which type.
        unit: Code,
        /// From when on.
        from: Timestamp,
    },
    /// Its time is over.
    #[error("coupons of `{unit}` do not count any more from {until} on")]
    CouponOver {
        /// Of which type.
        unit: Code,
        /// From when on.
        until: Timestamp,
    },
    /// The member would have had too many.
    #[error("a member gets at most {max} coupons of `{unit}`")]
    CouponMemberMax {
        /// Of which type.
        unit: Code,
        /// How many.
        max: u32,
    },
    /// All members together would have had too many.
    #[error("there are at most {max} coupons of `{unit}`")]
    CouponTotalMax {
        /// Of which type.
        unit: Code,
        /// How many.
        max: u32,
    },
    /// All that may be redeemed are redeemed or reserved.
    #[error("all {stock} of what coupons of `{unit}` give are gone")]
    CouponOutOfStock {
        /// Of which type.
        unit: Code,
        /// How many there were.
        stock: u32,
    },
    /// The member would earn more on this day than the unit allows.
    #[error("a member earns at most {max} of `{unit}` on one day, and has earned {today}")]
    EarnLimit {
        /// Of what.
        unit: Code,
        /// How much on one day.
        max: Minor,
        /// How much today.
        today: Minor,
    },
    /// The member would spend more on this day than the unit allows.
    #[error("a member spends at most {max} of `{unit}` on one day, and has spent {today}")]
    SpendLimit {
        /// Of what.
        unit: Code,
        /// How much on one day.
        max: Minor,
        /// How much today.
        today: Minor,
    },
    /// The member holds less.
    #[error("{needed} of `{unit}` are needed, but {available} are available")]
    Insufficient {
        /// Of what.
        unit: Code,
        /// How much was asked for.
        needed: Minor,
        /// How much there is.
        available: Minor,
    },
    /// The member would have more than the unit allows.
    #[error("a member has at most {max} of `{unit}`")]
    BalanceLimit {
        /// Of what.
        unit: Code,
        /// How much.
        max: Minor,
    },
    /// The member would hold or owe more than the largest amount.
    #[error("the member would hold or owe more than {max} of `{0}`", max = Currency::AMOUNT_MAX)]
    BalanceTooLarge(Code),
    /// A reversal would leave a debt, which the unit does not allow.
    #[error("{missing} of `{unit}` are spent already and can not be taken back")]
    Shortfall {
        /// Of what.
        unit: Code,
        /// How much is missing.
        missing: Minor,
    },
    /// The records contradict each other.
    #[error("the ledger's records contradict each other: {0}; run `punchcard verify`")]
    Inconsistent(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LedgerError {
    pub(super) fn inconsistent(what: impl Into<String>) -> Self {
        Self::Inconsistent(what.into())
    }
}
