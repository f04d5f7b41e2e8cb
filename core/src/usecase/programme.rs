//! A merchant's programme: which packs are enabled in which stores, loaded and ready to be called.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use super::Act;
use super::health::Health;
use super::pack_life::{Before, Stage, merged};
use super::pack_quota::Quotas;
use super::pack_turns::Turns;
use crate::domain::{Code, Merchant, MerchantId, RevisionId, StoreId};
use crate::pack::{Grant, LoadError, LoadedPack, Packs, Scene, SignedBy, revision_of};
use crate::store::{Direction, Record, StoreError, Tx, layout, whole};

/// One uploaded version of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Its id: it follows from the component's bytes.
    pub id: RevisionId,
    /// The pack.
    pub pack: Code,
    /// The version that its manifest tells.
    pub version: semver::Version,
    /// The component's size.
    pub bytes: u64,
    /// When it came.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub uploaded_at: Timestamp,
    /// Who has signed it; nobody when it came to a host for development, or to one of before there were signatures.
    pub signed: Option<SignedBy>,
}

impl Record for Revision {
    const VERSION: u8 = 2;
    const NAME: &'static str = "pack revision";

    /// Version 1 knew no signatures.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        if version != 1 {
            return None;
        }
        let (id, pack, version, bytes, at) = whole::<(RevisionId, Code, semver::Version, u64, i64)>(body)?;
        Some(Self { id, pack, version, bytes, uploaded_at: Timestamp::from_millisecond(at).ok()?, signed: None })
    }
}

/// A pack revision switched on for stores of a merchant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enablement {
    /// The pack.
    pub pack: Code,
    /// In which revision.
    pub revision: RevisionId,
    /// In which stores; none means that it is switched off.
    pub stores: BTreeSet<StoreId>,
    /// What the merchant allowed.
    pub grants: BTreeSet<Grant>,
    /// The settings, as JSON that fulfils the manifest's schema.
    pub settings: String,
    /// When it was last changed.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub changed_at: Timestamp,
    /// What is different in the settings of single stores: JSON merge patches (RFC 7396).
    pub store_settings: BTreeMap<StoreId, String>,
    /// Whether it is called, or why it is not.
    pub stage: Stage,
    /// What was in force before the last change of revisions, while that can be had back.
    pub before: Option<Before>,
    /// How often its revision was changed.
    pub changes: u32,
    /// Whether something is kept that nobody wants back any more.
    pub has_stale: bool,
}

impl Enablement {
    /// The stores that it names: where it is in force, and for which it has settings.
    pub(super) fn named_stores(&self) -> impl Iterator<Item = &StoreId> {
        self.stores.iter().chain(self.store_settings.keys())
    }
}

impl Record for Enablement {
    const VERSION: u8 = 2;
    const NAME: &'static str = "enablement";

    /// Version 1 knew no settings of stores, and forgot what was before.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        type Enablement1 = (Code, RevisionId, BTreeSet<StoreId>, BTreeSet<Grant>, String, i64);
        let (pack, revision, stores, grants, settings, at) = (version == 1).then(|| whole::<Enablement1>(body))??;
        Some(Self {
            pack,
            revision,
            stores,
            grants,
            settings,
            changed_at: Timestamp::from_millisecond(at).ok()?,
            store_settings: BTreeMap::new(),
            stage: Stage::InForce,
            before: None,
            changes: 0,
            has_stale: false,
        })
    }
}

/// Why a programme can not be used.
#[derive(Debug, thiserror::Error)]
pub enum ProgrammeError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored component does not load.
    #[error("the stored revision {revision} of `{pack}` does not load: {source}")]
    Load {
        /// The pack.
        pack: Code,
        /// Which revision.
        revision: RevisionId,
        /// Why.
        source: Arc<LoadError>,
    },
}

/// An enabled pack, loaded.
#[derive(Clone)]
pub struct Active {
    /// The pack.
    pub code: Code,
    /// The loaded revision, or why there is none.
    pub loaded: Result<Arc<LoadedPack>, Arc<LoadError>>,
    /// In which stores.
    pub stores: BTreeSet<StoreId>,
    /// Whether it is called, or why it is not.
    pub stage: Stage,
    /// Whether a change of revisions has left something to be done.
    pub has_upkeep: bool,
    grants: Arc<BTreeSet<Grant>>,
    settings: Arc<str>,
    store_settings: Arc<BTreeMap<StoreId, Arc<str>>>,
    undo: Option<u32>,
}

impl Active {
    /// A pack as it is enabled.
    pub(super) fn new(enablement: Enablement, loaded: Result<Arc<LoadedPack>, Arc<LoadError>>) -> Self {
        let settings: Arc<str> = enablement.settings.into();
        let of_store = |(store, patch): (StoreId, String)| (store, merged(&settings, &patch).into());
        Self {
            code: enablement.pack,
            loaded,
            stores: enablement.stores,
            stage: enablement.stage,
            has_upkeep: enablement.stage != Stage::InForce || enablement.has_stale,
            grants: Arc::new(enablement.grants),
            store_settings: Arc::new(enablement.store_settings.into_iter().map(of_store).collect()),
            settings,
            undo: enablement.before.map(|_| enablement.changes),
        }
    }

    /// The settings that are in force in a store, or for the merchant.
    fn settings(&self, store: Option<StoreId>) -> &Arc<str> {
        store.and_then(|store| self.store_settings.get(&store)).unwrap_or(&self.settings)
    }

    /// Whether the merchant has allowed this: of what is measured, as much or more.
    pub fn has_grant(&self, grant: &Grant) -> bool {
        grant.is_within(&self.grants)
    }

    /// The surroundings of a call of this pack.
    pub fn scene(
        &self,
        act: &mut Act<'_>,
        merchant: &Merchant,
        zone: &TimeZone,
        store: Option<StoreId>,
        at: Timestamp,
    ) -> Scene {
        Scene {
            merchant: merchant.id,
            by: act.source(),
            store,
            at,
            now: act.now,
            zone: zone.clone(),
            zone_name: merchant.time_zone.clone(),
            currency: merchant.currency,
            locale: merchant.locale.as_str().into(),
            seed: act.ids.bits(),
            depth: 0,
            asked: None,
            undo: self.undo,
            grants: Arc::clone(&self.grants),
            settings: Arc::clone(self.settings(store)),
            stored_max: act.programme.quotas.stored_max(),
            services: Arc::clone(act.services),
            is_recorded: act.records(),
        }
    }
}

/// What was enabled for a merchant at a version of its enablements.
type Snapshot = (i64, Arc<[Active]>);

/// The packs of all merchants, loaded when they are first needed and kept.
pub struct Programme {
    packs: Packs,
    loaded: RwLock<HashMap<RevisionId, Arc<LoadedPack>>>,
    /// Revisions that somebody is loading; others wait for it.
    loading: Mutex<HashMap<RevisionId, Arc<Mutex<()>>>>,
    active: RwLock<HashMap<MerchantId, Snapshot>>,
    /// How they do.
    pub health: Health,
    /// What they may use.
    pub quotas: Quotas,
    /// Who may run.
    pub(super) turns: Turns,
}

/// From so many loaded revisions on those that nobody has enabled are let go: refused uploads, earlier and removed ones.
const IDLE_MAX: usize = 64;

/// A component lies in the store in parts of this size.
const PART_BYTES: usize = 60 << 10;

impl Programme {
    pub(super) fn new(packs: Packs) -> Self {
        let (loaded, loading, active) = (RwLock::default(), Mutex::default(), RwLock::default());
        Self {
            packs,
            loaded,
            loading,
            active,
            health: Health::default(),
            quotas: Quotas::default(),
            turns: Turns::default(),
        }
    }

    /// The runtime.
    pub fn packs(&self) -> &Packs {
        &self.packs
    }

    /// The packs that a merchant has enabled, in the order of their codes. One read when nothing has changed.
    ///
    /// # Errors
    /// The store's failures. A pack that does not load is in the list, with the reason.
    pub fn active(&self, tx: &mut Tx, merchant: MerchantId) -> Result<Arc<[Active]>, StoreError> {
        let version = tx.counter(&layout::enablements_version(merchant))?;
        if version == 0 {
            return Ok(Arc::from([]));
        }
        if let Some((known, active)) = self.active.read().get(&merchant)
            && *known == version
        {
            return Ok(Arc::clone(active));
        }
        let mut enablements = Vec::new();
        tx.each::<Enablement>(&layout::enablements(merchant), |_, enablement| enablements.push(enablement))?;
        let active = enablements
            .into_iter()
            .map(|enablement| {
                let loaded = match self.revision(tx, &enablement.pack, enablement.revision) {
                    Ok(pack) => Ok(pack),
                    Err(ProgrammeError::Load { source, .. }) => Err(source),
                    Err(ProgrammeError::Store(error)) => return Err(error),
                };
                Ok(Active::new(enablement, loaded))
            })
            .collect::<Result<Arc<[Active]>, StoreError>>()?;
        // What was read may turn out stale at the commit; then the version is another one, and this is not used.
        self.active.write().insert(merchant, (version, Arc::clone(&active)));
        Ok(active)
    }

    /// A pack that a merchant has enabled.
    ///
    /// # Errors
    /// The store's failures.
    pub fn find(&self, tx: &mut Tx, merchant: MerchantId, pack: &Code) -> Result<Option<Active>, StoreError> {
        Ok(self.active(tx, merchant)?.iter().find(|active| active.code == *pack).cloned())
    }

    /// A pack that a merchant has enabled in this store, or in any when none is named.
    ///
    /// # Errors
    /// The store's failures.
    pub fn enabled(
        &self,
        tx: &mut Tx,
        merchant: MerchantId,
        pack: &Code,
        store: Option<StoreId>,
    ) -> Result<Option<Active>, StoreError> {
        let found = self.find(tx, merchant, pack)?;
        let is_here = |active: &Active| match store {
            Some(store) => active.stores.contains(&store),
            None => !active.stores.is_empty(),
        };
        Ok(found.filter(is_here))
    }

    /// A stored revision, loaded.
    ///
    /// # Errors
    /// When the store fails or the component does not load.
    pub fn revision(&self, tx: &mut Tx, pack: &Code, revision: RevisionId) -> Result<Arc<LoadedPack>, ProgrammeError> {
        self.load_once(revision, || {
            let parts = tx.scan(&layout::component_parts(revision), Direction::Forward, usize::MAX)?;
            let wasm: Vec<u8> = parts.into_iter().flat_map(|(_, part)| part).collect();
            self.packs.load(&wasm).map_err(|source| ProgrammeError::Load {
                pack: pack.clone(),
                revision,
                source: Arc::new(source),
            })
        })
    }

    /// Checks and compiles a component that somebody sends, unless the very same is loaded already.
    ///
    /// # Errors
    /// What is wrong with the component.
    pub(super) fn load(&self, wasm: &[u8]) -> Result<Arc<LoadedPack>, LoadError> {
        self.load_once(revision_of(wasm), || self.packs.load(wasm))
    }

    /// Loads a revision, unless it is loaded. Compiling takes a second or so of all processors, so of many who want
    /// the same one at the same time (the first orders after a start) one does it and the others wait.
    fn load_once<E>(
        &self,
        revision: RevisionId,
        load: impl FnOnce() -> Result<LoadedPack, E>,
    ) -> Result<Arc<LoadedPack>, E> {
        let find = || self.loaded.read().get(&revision).cloned();
        if let Some(pack) = find() {
            return Ok(pack);
        }
        let turn = Arc::clone(self.loading.lock().entry(revision).or_default());
        let _turn = turn.lock();
        if let Some(pack) = find() {
            return Ok(pack);
        }
        let pack = load().map(Arc::new);
        if let Ok(pack) = &pack {
            let mut loaded = self.loaded.write();
            if loaded.len() >= IDLE_MAX {
                loaded.retain(|_, pack| Arc::strong_count(pack) > 1);
            }
            loaded.insert(revision, Arc::clone(pack));
        }
        self.loading.lock().remove(&revision);
        pack
    }
}

/// Stores a component in parts.
pub(super) fn save_component(tx: &mut Tx, revision: RevisionId, wasm: &[u8]) -> Result<(), StoreError> {
    for (number, part) in (0..).zip(wasm.chunks(PART_BYTES)) {
        tx.put(&layout::component_part(revision, number), part)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    #[test]
    fn a_revision_of_before_there_were_signatures_is_one_that_nobody_has_signed() {
        let (id, at) = (RevisionId::from_bytes([3; 16]), Timestamp::from_second(9).unwrap());
        let (pack, version) = (Code::new("points").unwrap(), semver::Version::new(0, 1, 0));
        let older = (id, &pack, &version, 7_u64, at.as_millisecond());
        let read: Revision = store::decode(b"k", &postcard::to_extend(&older, vec![1]).unwrap()).unwrap();
        assert_eq!(read, Revision { id, pack, version, bytes: 7, uploaded_at: at, signed: None });
        let signed = Revision {
            signed: Some(SignedBy {
                vendor: Code::new("acme").unwrap(),
                key: "0011223344556677".to_owned().try_into().unwrap(),
            }),
            ..read
        };
        assert_eq!(store::decode::<Revision>(b"k", &store::encode(&signed)).unwrap(), signed);
    }
}
