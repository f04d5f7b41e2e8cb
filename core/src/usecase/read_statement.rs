//! What was booked for a member, the newest first.

use crate::domain::{MemberId, MerchantId, PostingId};
use crate::ledger::{Posting, merged_into};
use crate::store::{Direction, StoreError, Tx, layout};

/// A page of the postings that touch a member, the newest first, those before one. What was booked for somebody who was
/// merged into them is told as if it had been booked for them.
///
/// # Errors
/// The store's failures.
pub fn read_statement(
    tx: &mut Tx,
    merchant: MerchantId,
    member: MemberId,
    before: Option<PostingId>,
    limit: usize,
) -> Result<Vec<Posting>, StoreError> {
    let mut range = layout::postings_of(merchant, member);
    if let Some(before) = before {
        range = range.before(&layout::member_posting(merchant, member, before));
    }
    let (gone, mut postings) = (merged_into(tx, merchant, member)?, Vec::new());
    for (key, _) in tx.scan(&range, Direction::Backward, limit)? {
        let missing = || StoreError::corrupt("statement (it names a posting that is not there)", &key);
        let (_, posting) = layout::member_posting_parts(&key).ok_or_else(missing)?;
        let posting: Posting = tx.load(&layout::posting(merchant, posting))?.ok_or_else(missing)?;
        postings.push(posting.seen_as(member, &gone));
    }
    Ok(postings)
}
