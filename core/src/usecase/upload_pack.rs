//! A vendor's component comes to a merchant: checked, compiled, and kept as a revision.

use std::sync::Arc;

use super::programme::save_component;
use super::{Host, Revision};
use crate::domain::{Actor, MerchantId};
use crate::pack::{LoadError, LoadedPack};
use crate::store::{StoreError, Tx, layout};

/// Why a component is not kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It is no pack.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks and keeps a component. The same component again is the same revision, and nothing happens. Compiling takes
/// a second or so, happens before the transaction, and only when nobody has sent the component since the start.
///
/// # Errors
/// What is wrong with the component.
pub fn upload_pack(host: &Host, actor: &Actor, wasm: &[u8]) -> Result<(Revision, Arc<LoadedPack>), UploadError> {
    let loaded = host.programme.load(wasm)?;
    let revision = host.act(actor, |tx, act| {
        let key = layout::revision(act.merchant, loaded.revision);
        if let Some(earlier) = tx.load::<Revision>(&key)? {
            return Ok(earlier);
        }
        let revision = Revision {
            id: loaded.revision,
            pack: loaded.manifest.id.clone(),
            version: loaded.manifest.version.clone(),
            bytes: u64::try_from(wasm.len()).unwrap_or(u64::MAX),
            uploaded_at: act.now,
        };
        save_component(tx, revision.id, wasm)?;
        tx.save(&key, &revision)?;
        act.record(tx, "pack-revision", &revision.id.to_string(), None, Some(&revision))?;
        Ok::<_, StoreError>(revision)
    })?;
    Ok((revision, loaded))
}

/// The revisions that a merchant has, newest pack versions last.
///
/// # Errors
/// The store's failures.
pub fn list_packs(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Revision>, StoreError> {
    let mut revisions = Vec::new();
    tx.each::<Revision>(&layout::revisions(merchant), |_, revision| revisions.push(revision))?;
    revisions.sort_by(|a, b| (&a.pack, &a.version).cmp(&(&b.pack, &b.version)));
    Ok(revisions)
}
