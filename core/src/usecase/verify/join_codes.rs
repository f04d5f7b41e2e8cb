//! What has to hold of join codes: that there are as many as are counted.

use super::Check;
use crate::domain::MerchantId;
use crate::store::{StoreError, decode_own, layout};
use crate::usecase::JoinCode;

impl<P: FnMut()> Check<'_, P> {
    /// Join codes and their count.
    pub(super) fn join_codes(&mut self, id: MerchantId) -> Result<(), StoreError> {
        let there = self.each(&layout::join_codes(id), |_, key, bytes| {
            decode_own(key, bytes, |code: &JoinCode| layout::join_code(id, code.id))?;
            Ok(None)
        })?;
        let counted = self.store.read(|tx| tx.counter(&layout::join_code_count(id)))?;
        if u64::try_from(counted) != Ok(there) {
            self.findings.push(format!("there are {there} join codes, and {counted} are counted"));
        }
        Ok(())
    }
}
