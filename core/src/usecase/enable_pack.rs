//! A merchant switches a pack on for chosen stores, with settings and grants; or changes them; or switches it off.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::host::has_store;
use super::pack_calls::{FollowFrom, start_following};
use super::pack_life::{
    ChangeError, Changing, Stage, change_revision, check_change, merged, save_enablement, tell_disabled, tell_enabled,
};
use super::{Act, Enablement, ProgrammeError, Revision};
use crate::domain::{Code, Event, MerchantId, RevisionId, StoreId, Unit, UnitKind};
use crate::pack::{Grant, LoadedPack, Manifest, SignedBy};
use crate::store::{StoreError, Tx, layout};

/// What is to be in force.
#[derive(Clone, Debug)]
pub struct EnablePack {
    /// The pack.
    pub pack: Code,
    /// In which revision.
    pub revision: RevisionId,
    /// In which stores; none switches it off.
    pub stores: BTreeSet<StoreId>,
    /// What the merchant allows, of what the manifest asks for.
    pub grants: BTreeSet<Grant>,
    /// The settings.
    pub settings: Value,
    /// What is different in the settings of single stores: JSON merge patches (RFC 7396).
    pub store_settings: BTreeMap<StoreId, Value>,
    /// From where on it follows what happens. Without that it goes on where it was, and begins now the first time, and when it
    /// may follow again what it was not allowed to for a while.
    pub follow_from: Option<FollowFrom>,
}

/// Why nothing changes.
#[derive(Debug, thiserror::Error)]
pub enum EnableError {
    /// Not a revision that the merchant has.
    #[error("there is no pack revision {0}")]
    UnknownRevision(RevisionId),
    /// The revision is another pack's.
    #[error("revision {revision} is one of the pack `{actual}`, not of `{wanted}`")]
    OtherPack {
        /// The revision.
        revision: RevisionId,
        /// Whose it is.
        actual: Code,
        /// Whose it was said to be.
        wanted: Code,
    },
    /// Whoever has signed it is not trusted.
    #[error(transparent)]
    NotTrusted(#[from] NotTrusted),
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// It is, or would be, in force in stores of others.
    #[error("whoever is limited to stores changes packs that are in force in these only")]
    BeyondOwn,
    /// The pack does not ask for it.
    #[error("the pack does not ask for the grant `{0}`")]
    GrantNotAsked(Grant),
    /// The settings do not fulfil the manifest's schema.
    #[error("the settings do not fulfil the pack's schema: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The settings are too long.
    #[error("the settings have {bytes} bytes, at most {SETTINGS_MAX_BYTES} are allowed")]
    SettingsTooLong {
        /// How long they are.
        bytes: usize,
    },
    /// The settings of a store do not fulfil the manifest's schema.
    #[error("the settings of the store {store} do not fulfil the pack's schema: {}", .faults.join("; "))]
    StoreSettings {
        /// Which store.
        store: StoreId,
        /// What is wrong with them.
        faults: Vec<String>,
    },
    /// A unit that it declares is somebody else's.
    #[error("the unit `{0}` is declared by another pack or by the merchant")]
    UnitTaken(Code),
    /// It can not take the place of what is in force.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The revision can not be used.
    #[error(transparent)]
    Programme(ProgrammeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ProgrammeError> for EnableError {
    fn from(error: ProgrammeError) -> Self {
        match error {
            ProgrammeError::Store(error) => Self::Store(error),
            other @ ProgrammeError::Load { .. } => Self::Programme(other),
        }
    }
}

/// A revision that this host would not take any more.
#[derive(Debug, thiserror::Error)]
#[error(
    "revision {revision} is {}, whom this host does not trust ({trusted}): it runs on where it is in force, and can be \
     narrowed or switched off, but not be enabled anew",
    .signed.as_ref().map_or_else(|| "signed by nobody".to_owned(), |by| format!("signed by the key {} of `{}`", by.key, by.vendor))
)]
pub struct NotTrusted {
    /// The revision.
    pub revision: RevisionId,
    /// Who has signed it.
    pub signed: Option<SignedBy>,
    /// Whom this host trusts.
    pub trusted: String,
}

/// Whether a revision may come into force where it is not.
pub(super) fn check_trust(act: &Act<'_>, revision: &Revision) -> Result<(), NotTrusted> {
    if act.trust.still_takes(revision.signed.as_ref()) {
        return Ok(());
    }
    Err(NotTrusted { revision: revision.id, signed: revision.signed.clone(), trusted: act.trust.names() })
}

const SETTINGS_MAX_BYTES: usize = 32 << 10;

/// Puts a pack in force as wanted, from the next call on.
///
/// A revision whose vendor is not trusted any more, or that nobody has signed on a host that is not for development, stays in
/// force: a merchant's till does not stop for a change of the configuration. What it has may be taken from it (stores,
/// grants), and its settings may be changed; more it does not get.
///
/// # Errors
/// The first refusal in the order of [`EnableError`]'s variants.
pub fn enable_pack(tx: &mut Tx, act: &mut Act<'_>, wanted: &EnablePack) -> Result<Enablement, EnableError> {
    let revision = revision_of(tx, act.merchant, &wanted.pack, wanted.revision)?;
    let key = layout::enablement(act.merchant, &wanted.pack);
    let before = tx.load::<Enablement>(&key)?;
    if let Some(before) = before.as_ref().filter(|before| before.stage != Stage::InForce) {
        return Err(ChangeError::UnderWay { pack: before.pack.clone(), stage: before.stage }.into());
    }
    if !before.as_ref().is_some_and(|before| narrows(wanted, before)) {
        check_trust(act, &revision)?;
    }
    for store in wanted.stores.iter().chain(wanted.store_settings.keys()) {
        if !has_store(tx, act.merchant, *store)? {
            return Err(EnableError::UnknownStore(*store));
        }
    }
    // Grants, settings and revision are those of all its stores.
    let in_force = before.iter().flat_map(Enablement::named_stores);
    if !act.may_in(wanted.stores.iter().chain(wanted.store_settings.keys()).chain(in_force)) {
        return Err(EnableError::BeyondOwn);
    }
    let pack = act.programme.revision(tx, &revision.pack, revision.id)?;
    let asked = pack.manifest.grants_asked();
    if let Some(grant) = wanted.grants.iter().find(|grant| !grant.is_within(&asked)) {
        return Err(EnableError::GrantNotAsked(grant.clone()));
    }
    pack.check_settings(&wanted.settings).map_err(EnableError::Settings)?;
    let settings = wanted.settings.to_string();
    if settings.len() > SETTINGS_MAX_BYTES {
        return Err(EnableError::SettingsTooLong { bytes: settings.len() });
    }
    let store_settings = check_store_settings(&pack, &settings, &wanted.store_settings)?;
    for code in pack.manifest.unit_codes() {
        declare_unit(tx, act, &revision.pack, code)?;
    }
    let mut enablement = Enablement {
        pack: wanted.pack.clone(),
        revision: revision.id,
        stores: wanted.stores.clone(),
        grants: wanted.grants.clone(),
        settings,
        changed_at: act.now,
        store_settings,
        stage: Stage::InForce,
        before: before.as_ref().and_then(|before| before.before.clone()),
        changes: before.as_ref().map_or(0, |before| before.changes),
        has_stale: before.as_ref().is_some_and(|before| before.has_stale),
    };
    put_in_force(tx, act, &mut enablement, before.as_ref(), (&revision, &pack))?;
    // What happened while it was not allowed to hear of it is not for it.
    let regained = enablement.grants.contains(&Grant::ReadEvents)
        && before.as_ref().is_some_and(|before| !before.grants.contains(&Grant::ReadEvents));
    if pack.follows() && (regained || !enablement.stores.is_empty()) {
        let from = wanted.follow_from.or(regained.then_some(FollowFrom::Now));
        start_following(tx, act, &enablement.pack, from)?;
    }
    save_enablement(tx, act, &enablement)?;
    act.record(tx, "enablement", enablement.pack.as_str(), before.as_ref(), Some(&enablement))?;
    if let Some(actor) = &act.actor {
        let event =
            Event::PackEnabled { pack: enablement.pack.clone(), revision: revision.id, by: actor.staff, at: act.now };
        act.tell(tx, &event)?;
    }
    Ok(enablement)
}

/// Changes the revision, if it is another one, and tells the pack that it is switched on or off.
fn put_in_force(
    tx: &mut Tx,
    act: &mut Act<'_>,
    enablement: &mut Enablement,
    before: Option<&Enablement>,
    (revision, pack): (&Revision, &Arc<LoadedPack>),
) -> Result<(), EnableError> {
    let was_on = before.is_some_and(|before| !before.stores.is_empty());
    if let Some(before) = before.filter(|_| was_on && enablement.stores.is_empty()) {
        tell_disabled(tx, act, before)?;
    }
    match before.filter(|before| before.revision != revision.id) {
        Some(before) => {
            let kept = check_change(tx, act, &Changing { before, revision, pack })?;
            Ok(change_revision(tx, act, enablement, before, kept, (revision, pack))?)
        }
        None if !was_on && !enablement.stores.is_empty() => Ok(tell_enabled(tx, act, enablement, pack)?),
        None => Ok(()),
    }
}

/// The settings of stores as they are kept, each checked as it will be in force.
fn check_store_settings(
    pack: &LoadedPack,
    settings: &str,
    wanted: &BTreeMap<StoreId, Value>,
) -> Result<BTreeMap<StoreId, String>, EnableError> {
    let mut kept = BTreeMap::new();
    let mut bytes = 0;
    for (store, patch) in wanted {
        let wrong = |faults| EnableError::StoreSettings { store: *store, faults };
        if !patch.is_object() {
            return Err(wrong(vec!["/: what is different in a store is a JSON object".to_owned()]));
        }
        let patch = patch.to_string();
        bytes += patch.len();
        if bytes > SETTINGS_MAX_BYTES {
            return Err(EnableError::SettingsTooLong { bytes });
        }
        let in_force: Value = serde_json::from_str(&merged(settings, &patch)).unwrap_or(Value::Null);
        pack.check_settings(&in_force).map_err(wrong)?;
        kept.insert(*store, patch);
    }
    Ok(kept)
}

/// Whether nothing is wanted of a revision but what is in force of it.
fn narrows(wanted: &EnablePack, before: &Enablement) -> bool {
    wanted.revision == before.revision
        && wanted.stores.is_subset(&before.stores)
        && wanted.grants.iter().all(|grant| grant.is_within(&before.grants))
}

/// A revision of a pack, and what it says of itself.
///
/// # Errors
/// Those of [`enable_pack`] about the revision.
pub fn read_manifest(
    tx: &mut Tx,
    act: &Act<'_>,
    pack: &Code,
    revision: RevisionId,
) -> Result<(Revision, Manifest), EnableError> {
    let (revision, loaded) = find_revision(tx, act, pack, revision)?;
    Ok((revision, loaded.manifest.clone()))
}

/// A revision of a pack, loaded.
///
/// # Errors
/// As [`read_manifest`].
pub(super) fn find_revision(
    tx: &mut Tx,
    act: &Act<'_>,
    pack: &Code,
    revision: RevisionId,
) -> Result<(Revision, Arc<LoadedPack>), EnableError> {
    let revision = revision_of(tx, act.merchant, pack, revision)?;
    let loaded = act.programme.revision(tx, &revision.pack, revision.id)?;
    Ok((revision, loaded))
}

fn revision_of(
    tx: &mut Tx,
    merchant: MerchantId,
    wanted: &Code,
    revision: RevisionId,
) -> Result<Revision, EnableError> {
    let found = tx.load::<Revision>(&layout::revision(merchant, revision))?;
    let found = found.ok_or(EnableError::UnknownRevision(revision))?;
    if found.pack != *wanted {
        return Err(EnableError::OtherPack { revision, actual: found.pack, wanted: wanted.clone() });
    }
    Ok(found)
}

/// What is in force of a pack, if it was ever enabled.
///
/// # Errors
/// The store's failures.
pub fn read_enablement(tx: &mut Tx, merchant: MerchantId, pack: &Code) -> Result<Option<Enablement>, StoreError> {
    tx.load(&layout::enablement(merchant, pack))
}

fn declare_unit(tx: &mut Tx, act: &Act<'_>, pack: &Code, code: Code) -> Result<(), EnableError> {
    let key = layout::unit(act.merchant, &code);
    match tx.load::<Unit>(&key)? {
        Some(unit) if unit.declared_by.as_ref() == Some(pack) => Ok(()),
        Some(_) => Err(EnableError::UnitTaken(code)),
        None => {
            let unit = Unit::new(code, UnitKind::Count, Some(pack.clone()));
            Ok(tx.save(&key, &unit)?)
        }
    }
}
