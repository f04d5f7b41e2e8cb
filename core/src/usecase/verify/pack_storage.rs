//! What has to hold of what packs have stored: as many bytes as are counted.

use std::collections::BTreeMap;

use super::Check;
use crate::domain::{Code, MerchantId};
use crate::pack::storage;
use crate::store::{StoreError, decode_counter, layout};

impl<P: FnMut()> Check<'_, P> {
    /// The entries of packs, against the counters of their bytes.
    pub(super) fn pack_storage(&mut self, id: MerchantId) -> Result<(), StoreError> {
        let mut there: BTreeMap<Code, i64> = BTreeMap::new();
        self.gather(
            &layout::pack_entries_all(id),
            |_, key, value| {
                let entry = layout::pack_entry_parts(key);
                Ok(entry.map(|(pack, own)| (pack, storage::growth(own, None, Some(value)))))
            },
            |_, entry| {
                if let Some((pack, bytes)) = entry {
                    *there.entry(pack).or_default() += bytes;
                }
            },
        )?;
        self.gather(
            &layout::pack_stored_all(id),
            |_, key, bytes| {
                let pack = layout::called_pack(key).ok_or_else(|| StoreError::corrupt("key of a counter", key))?;
                Ok((pack, decode_counter(key, Some(bytes))?))
            },
            |check, (pack, counted)| {
                let bytes = there.remove(&pack).unwrap_or(0);
                if bytes != counted {
                    check.findings.push(differs(&pack, bytes, counted));
                }
            },
        )?;
        self.findings.extend(there.iter().map(|(pack, bytes)| differs(pack, *bytes, 0)));
        Ok(())
    }
}

fn differs(pack: &Code, bytes: i64, counted: i64) -> String {
    format!("`{pack}` has stored {bytes} bytes, and {counted} are counted")
}
