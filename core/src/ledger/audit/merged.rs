//! Which members were merged into others: all that is booked for the former is the latter's.

use std::collections::HashMap;

use super::{Audit, each};
use crate::domain::{MemberId, MerchantId};
use crate::store::{StoreError, Tx, decode, layout};

/// The members who were merged, with those into whom they were.
#[derive(Clone, Default)]
pub(super) struct Survivors(HashMap<MemberId, MemberId>);

impl Survivors {
    /// Who a member is now.
    pub(super) fn of(&self, member: MemberId) -> MemberId {
        self.0.get(&member).copied().unwrap_or(member)
    }

    /// Whether a member was merged into another one.
    pub(super) fn is_gone(&self, member: MemberId) -> bool {
        self.0.contains_key(&member)
    }
}

impl Audit {
    /// Reads who was merged into whom, both ways.
    pub(super) fn read_merged(&mut self, tx: &mut Tx, merchant: MerchantId) -> Result<Survivors, StoreError> {
        let mut survivors = Survivors::default();
        each(tx, &layout::survivors(merchant), |tx, key, bytes| {
            let gone = layout::listed_member(key).ok_or_else(|| StoreError::corrupt("key of a merged member", key));
            let survivor = decode::<MemberId>(key, &bytes);
            let (Some(gone), Some(survivor)) = (self.legible(gone)?, self.legible(survivor)?) else { return Ok(()) };
            if tx.get(&layout::merged(merchant, survivor, gone))?.is_none() {
                self.find(format!("{gone} was merged into {survivor}, but is not listed there"));
            }
            if gone == survivor || tx.get(&layout::survivor(merchant, survivor))?.is_some() {
                self.find(format!("{gone} was merged into {survivor}, who was merged into another one"));
            }
            survivors.0.insert(gone, survivor);
            Ok(())
        })?;
        each(tx, &layout::merged_all(merchant), |_, key, _| {
            let parts = layout::merged_parts(key).ok_or_else(|| StoreError::corrupt("key of a merged member", key));
            let Some((survivor, gone)) = self.legible(parts)? else { return Ok(()) };
            if survivors.0.get(&gone) != Some(&survivor) {
                self.find(format!("{survivor} is said to be who {gone} was, but was not merged with them"));
            }
            Ok(())
        })?;
        Ok(survivors)
    }
}
