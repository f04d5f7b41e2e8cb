//! A member gets coupons.

use serde::{Deserialize, Serialize};

use super::{Act, Reply};
use crate::domain::{Code, Event, Label, MemberId, MerchantId, Minor, PostingId, StoreId};
use crate::ledger::{Cause, LedgerError, Move, NewPosting};
use crate::store::{Key, Record, StoreError, Tx, layout, member_of};

/// Who gets which.
#[derive(Clone, Debug)]
pub struct IssueCoupons {
    /// Who.
    pub member: MemberId,
    /// Of which type.
    pub coupon: Code,
    /// How many, at least 1.
    pub count: Minor,
    /// In which store, if in one.
    pub store: Option<StoreId>,
    /// What people read on the statement.
    pub reason: Option<Label>,
}

/// What was booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// The posting.
    pub posting: PostingId,
    /// How many of the type the member can use now.
    pub available: Minor,
}

impl Record for Issued {
    const VERSION: u8 = 1;
    const NAME: &'static str = "issued coupons";
}

impl Reply for Issued {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::posting(merchant, self.posting))
    }
}

/// Why no coupons are issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Issues coupons to a member.
///
/// # Errors
/// The first refusal in the order of [`IssueError`]'s variants.
pub fn issue_coupons(tx: &mut Tx, act: &mut Act<'_>, issue: &IssueCoupons) -> Result<Issued, IssueError> {
    let IssueCoupons { member, count, .. } = *issue;
    let member = member_of(tx, act.merchant, member)?.ok_or(IssueError::UnknownMember(member))?.id;
    act.enter(tx, issue.store)?.map_err(IssueError::UnknownStore)?;
    let posting = act.ids.posting();
    let wanted = Move::Issue { member, unit: issue.coupon.clone(), count };
    let (cause, reason) = (Cause::Coupon, issue.reason.clone());
    let mut book = act.book(tx)?;
    book.post(&NewPosting { id: posting, cause, pack: None, reason, moves: vec![wanted] })?;
    let available = book.balance(member, &issue.coupon)?.available;
    let event = Event::CouponsIssued { member, coupon: issue.coupon.clone(), count, posting, at: act.now };
    act.tell(tx, &event)?;
    Ok(Issued { posting, available })
}
