//! A vendor's component comes to a merchant: checked, compiled, and kept as a revision.

use std::sync::Arc;

use super::programme::save_component;
use super::usage::{note_owner, owner_of};
use super::{EventKind, Host, Revision, UnknownKind};
use crate::domain::{Actor, Code, MerchantId, RevisionId};
use crate::pack::{LoadError, LoadedPack, Manifest, SignedBy};
use crate::store::{StoreError, Tx, layout};

/// Why a component is not kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It is no pack, or not one that this host takes.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The pack is another vendor's.
    #[error(
        "the pack `{pack}` came from the vendor `{owner}`, and what is sent now is {}: a vendor's pack goes on with that vendor \
         only; another vendor's has a name of its own", signer(.by.as_ref())
    )]
    OtherVendor {
        /// The pack.
        pack: Code,
        /// Whose it is.
        owner: Code,
        /// Who has signed what was sent.
        by: Option<Code>,
    },
    /// There is other content under the same version.
    #[error(
        "version {version} of the pack `{pack}` is here with other content, as revision {revision}: what is different is \
         another version, so raise it in the manifest"
    )]
    VersionTaken {
        /// The pack.
        pack: Code,
        /// The version.
        version: semver::Version,
        /// What has it.
        revision: RevisionId,
    },
    /// It follows something that never happens.
    #[error("the manifest follows a kind of event that there is not: {0}")]
    UnknownEvent(#[from] UnknownKind),
    /// It follows a fact of its own that it does not tell.
    #[error(
        "the manifest follows `{0}`, which is a fact of the pack's own, but does not say under `emits` that it tells it"
    )]
    UnknownFact(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn signer(by: Option<&Code>) -> String {
    by.map_or_else(|| "signed by nobody".to_owned(), |vendor| format!("signed by `{vendor}`"))
}

/// Checks and keeps a component. The same component again is the same revision, and nothing happens. Compiling takes
/// a second or so, happens before the transaction, and only when nobody has sent the component since the start.
///
/// A pack is the vendor's who first brought it signed, also after it was removed, and each version of it is one component for
/// as long as it is there. What nobody has signed, which only hosts for development take, owns neither a name nor a version:
/// it may be sent again and again under one version, and a vendor's signed pack follows it.
///
/// # Errors
/// The first refusal in the order of [`UploadError`]'s variants.
pub fn upload_pack(host: &Host, actor: &Actor, wasm: &[u8]) -> Result<(Revision, Arc<LoadedPack>), UploadError> {
    let signed = host.trust.judge(wasm)?;
    let loaded = host.programme.load(wasm)?;
    check_follows(&loaded.manifest)?;
    let revision = host.act(actor, |tx, act| {
        let key = layout::revision(act.merchant, loaded.revision);
        if let Some(earlier) = tx.load::<Revision>(&key)? {
            return Ok(earlier);
        }
        let (pack, version) = (&loaded.manifest.id, &loaded.manifest.version);
        check_free(tx, act.merchant, pack, version, signed.as_ref())?;
        if let Some(by) = &signed {
            note_owner(tx, act.merchant, pack, &by.vendor)?;
        }
        let revision = Revision {
            id: loaded.revision,
            pack: loaded.manifest.id.clone(),
            version: loaded.manifest.version.clone(),
            bytes: u64::try_from(wasm.len()).unwrap_or(u64::MAX),
            uploaded_at: act.now,
            signed: signed.clone(),
        };
        save_component(tx, revision.id, wasm)?;
        tx.save(&key, &revision)?;
        act.record(tx, "pack-revision", &revision.id.to_string(), None, Some(&revision))?;
        Ok::<_, UploadError>(revision)
    })?;
    Ok((revision, loaded))
}

/// Sees that what a pack follows can happen. Of other packs' facts nobody knows: they may come later.
fn check_follows(manifest: &Manifest) -> Result<(), UploadError> {
    for followed in &manifest.follows {
        match followed.split_once(':') {
            None => {
                let _: EventKind = followed.parse()?;
            }
            Some((pack, fact)) if pack == manifest.id.as_str() => {
                if !manifest.emits.iter().any(|told| told.kind.as_str() == fact) {
                    return Err(UploadError::UnknownFact(followed.clone()));
                }
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Sees that a merchant's pack of this name may go on with this version, by this signature.
fn check_free(
    tx: &mut Tx,
    merchant: MerchantId,
    pack: &Code,
    version: &semver::Version,
    signed: Option<&SignedBy>,
) -> Result<(), UploadError> {
    let mut owned = owner_of(tx, merchant, pack)?;
    let mut taken = None;
    tx.each::<Revision>(&layout::revisions(merchant), |_, revision| {
        if let Some(by) = revision.signed.filter(|_| revision.pack == *pack) {
            owned.get_or_insert(by.vendor);
            if revision.version == *version {
                taken = Some(revision.id);
            }
        }
    })?;
    let by = signed.map(|signed| signed.vendor.clone());
    if let Some(owner) = owned.filter(|owner| by.as_ref() != Some(owner)) {
        return Err(UploadError::OtherVendor { pack: pack.clone(), owner, by });
    }
    match taken {
        Some(revision) => Err(UploadError::VersionTaken { pack: pack.clone(), version: version.clone(), revision }),
        None => Ok(()),
    }
}
