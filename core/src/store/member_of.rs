//! Whom the id of a member means.

use super::{StoreError, Tx, layout};
use crate::domain::{Member, MemberId, MerchantId, Standing};

/// The merchant's member whom an id means: the one of that id, or the one into whom they were merged.
///
/// # Errors
/// The store's failures.
pub fn member_of(tx: &mut Tx, merchant: MerchantId, id: MemberId) -> Result<Option<Member>, StoreError> {
    let member = tx.load::<Member>(&layout::member(merchant, id))?;
    match member {
        Some(Member { standing: Standing::Merged { into, .. }, .. }) => tx.load(&layout::member(merchant, into)),
        member => Ok(member),
    }
}
