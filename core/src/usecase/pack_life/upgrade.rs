//! A pack is upgraded: all stays as the merchant has set it, but for what the new version asks.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ChangeError;
use crate::domain::{Code, RevisionId};
use crate::pack::Grant;
use crate::store::{Tx, layout};
use crate::usecase::{Act, EnableError, EnablePack, Enablement, Revision, enable_pack};

/// To what a pack is to be upgraded.
#[derive(Clone, Debug)]
pub struct UpgradePack {
    /// The pack.
    pub pack: Code,
    /// The revision that is to be in force.
    pub revision: RevisionId,
    /// What the merchant allows; without it what they allow already, if the new version asks for no more than the old one.
    pub grants: Option<BTreeSet<Grant>>,
    /// The settings; without them those that are in force.
    pub settings: Option<Value>,
}

/// Why a pack is not upgraded.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// It was never enabled.
    #[error("the pack `{0}` was never enabled: enable it first")]
    NotEnabled(Code),
    /// The new revision does not come into force.
    #[error(transparent)]
    Enable(#[from] EnableError),
}

impl From<crate::store::StoreError> for UpgradeError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Enable(error.into())
    }
}

/// Puts another revision in force where the pack is enabled. One that asks for more than what was asked for waits for the
/// merchant to say what of it they grant.
///
/// # Errors
/// The first refusal in the order of [`UpgradeError`]'s variants.
pub fn upgrade_pack(tx: &mut Tx, act: &mut Act<'_>, wanted: &UpgradePack) -> Result<Enablement, UpgradeError> {
    let found = tx.load::<Enablement>(&layout::enablement(act.merchant, &wanted.pack))?;
    let current = found.ok_or_else(|| UpgradeError::NotEnabled(wanted.pack.clone()))?;
    let grants = match &wanted.grants {
        Some(grants) => grants.clone(),
        None => grants_kept(tx, act, wanted, &current)?,
    };
    let settings = match &wanted.settings {
        Some(settings) => settings.clone(),
        None => serde_json::from_str(&current.settings).unwrap_or(Value::Null),
    };
    let read = |patch: &String| serde_json::from_str(patch).unwrap_or(Value::Null);
    let store_settings = current.store_settings.iter().map(|(store, patch)| (*store, read(patch))).collect();
    let (pack, revision, stores) = (wanted.pack.clone(), wanted.revision, current.stores);
    let wanted = EnablePack { pack, revision, stores, grants, settings, store_settings, follow_from: None };
    Ok(enable_pack(tx, act, &wanted)?)
}

/// What the merchant allows already, of what the new revision asks for.
fn grants_kept(
    tx: &mut Tx,
    act: &Act<'_>,
    wanted: &UpgradePack,
    current: &Enablement,
) -> Result<BTreeSet<Grant>, UpgradeError> {
    let unknown = EnableError::UnknownRevision(wanted.revision);
    let revision = tx.load::<Revision>(&layout::revision(act.merchant, wanted.revision))?.ok_or(unknown)?;
    let load = |tx: &mut Tx, id| act.programme.revision(tx, &revision.pack, id).map_err(EnableError::from);
    let new = load(tx, revision.id)?.manifest.clone();
    // One that does not load any more has asked for what was granted.
    let asked_before =
        load(tx, current.revision).map_or_else(|_| current.grants.clone(), |pack| pack.manifest.grants_asked());
    let more = new.grants.iter().filter(|asked| !asked.grant.is_within(&asked_before));
    let more: Vec<String> =
        more.map(|asked| format!("{}: {}", asked.grant, asked.reason.get("en").map_or("", String::as_str))).collect();
    if !more.is_empty() {
        return Err(EnableError::from(ChangeError::ConsentNeeded { grants: more }).into());
    }
    let asked = new.grants_asked();
    Ok(current.grants.iter().filter_map(|grant| grant.cut_to(&asked)).collect())
}
