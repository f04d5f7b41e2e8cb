//! Another revision comes into force.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Before, ChangeProgress, Stage, read_progress};
use crate::domain::{Code, Event, Label};
use crate::pack::{CallError, LoadedPack, Manifest, Migrated, Timer, TimerKind, Verdict, put_timer};
use crate::store::{StoreError, Tx, layout};
use crate::usecase::health::CallKind;
use crate::usecase::{Act, Active, Enablement, Revision};

/// For how many days the earlier revision can be had back.
const KEPT_DAYS: i64 = 30;

/// Why another revision does not come into force.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// An earlier change is under way.
    #[error("the pack `{pack}` is {}: try again when that is done", .stage.name())]
    UnderWay {
        /// The pack.
        pack: Code,
        /// What is under way.
        stage: Stage,
    },
    /// It is older than what is in force.
    #[error(
        "version {wanted} is older than {current}, which is in force: what was before an upgrade is had back by rolling it back"
    )]
    Older {
        /// The version that was wanted.
        wanted: semver::Version,
        /// The version that is in force.
        current: semver::Version,
    },
    /// It calls itself compatible and is not.
    #[error(
        "version {wanted} calls itself compatible with {current} by its number, but does not have any more: {}; its vendor has \
         to raise the first number of the version",
        .missing.join(", ")
    )]
    Breaking {
        /// The version that was wanted.
        wanted: semver::Version,
        /// The version that is in force.
        current: semver::Version,
        /// What it lacks.
        missing: Vec<String>,
    },
    /// It asks for more than what the merchant has been asked for.
    #[error("the new version asks for more than the earlier one: say which of it you grant")]
    ConsentNeeded {
        /// The grants with the reasons, in English.
        grants: Vec<String>,
    },
    /// The pack does not take over what is there, or does not want to be switched on.
    #[error(transparent)]
    Call(CallError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was in force, and what comes.
pub(in crate::usecase) struct Changing<'a> {
    pub(in crate::usecase) before: &'a Enablement,
    pub(in crate::usecase) revision: &'a Revision,
    pub(in crate::usecase) pack: &'a Arc<LoadedPack>,
}

/// Sees that a revision may follow another one, and says what was in force before.
pub(in crate::usecase) fn check_change(
    tx: &mut Tx,
    act: &Act<'_>,
    changing: &Changing<'_>,
) -> Result<Before, ChangeError> {
    let Changing { before, revision, pack } = changing;
    let key = layout::revision(act.merchant, before.revision);
    let earlier = tx.load::<Revision>(&key)?.ok_or_else(|| StoreError::corrupt("pack revision (missing)", &key))?;
    let (wanted, current) = (&revision.version, &earlier.version);
    if wanted.cmp_precedence(current).is_lt() {
        return Err(ChangeError::Older { wanted: wanted.clone(), current: current.clone() });
    }
    // One that does not load any more can be replaced by anything.
    if let Ok(loaded) = act.programme.revision(tx, &earlier.pack, earlier.id)
        && is_compatible(current, wanted)
    {
        let missing = missing(&loaded.manifest, &pack.manifest);
        if !missing.is_empty() {
            return Err(ChangeError::Breaking { wanted: wanted.clone(), current: current.clone(), missing });
        }
    }
    Ok(Before {
        revision: before.revision,
        version: earlier.version,
        stores: before.stores.clone(),
        grants: before.grants.clone(),
        settings: before.settings.clone(),
        store_settings: before.store_settings.clone(),
        changed_at: act.now,
    })
}

/// Whether a version says by its number that it can take the place of another one.
fn is_compatible(current: &semver::Version, wanted: &semver::Version) -> bool {
    let same = |version: &semver::Version| (version.major, if version.major == 0 { version.minor } else { 0 });
    same(current) == same(wanted) && current.pre.is_empty()
}

/// What others rely on of a manifest, and another one has not.
fn missing(current: &Manifest, wanted: &Manifest) -> Vec<String> {
    let names = |manifest: &Manifest| -> BTreeSet<String> {
        let units = manifest.units.iter().map(|unit| format!("the unit `{}`", unit.code));
        let commands = manifest.commands.iter().map(|command| format!("the command `{}`", command.name));
        let facts = manifest.emits.iter().map(|fact| format!("the fact `{}`", fact.kind));
        let pages = manifest.pages.iter().map(|page| format!("the page `{}`", page.name));
        units.chain(commands).chain(facts).chain(pages).collect()
    };
    names(current).difference(&names(wanted)).cloned().collect()
}

/// Brings another revision into force: what the earlier one has stored is migrated, as much as fits into one part now.
pub(in crate::usecase) fn change_revision(
    tx: &mut Tx,
    act: &mut Act<'_>,
    enablement: &mut Enablement,
    earlier: &Enablement,
    before: Before,
    (revision, pack): (&Revision, &Arc<LoadedPack>),
) -> Result<(), ChangeError> {
    let mut progress = ChangeProgress {
        stale: read_progress(tx, act.merchant, &enablement.pack)?.stale,
        then_enabled: earlier.stores.is_empty() && !enablement.stores.is_empty(),
        ..ChangeProgress::default()
    };
    if earlier.before.is_some() {
        progress.stale.push(earlier.changes);
        enablement.has_stale = true;
    }
    enablement.changes = earlier.changes.saturating_add(1);
    let migrates = pack.has_lifecycle() && before.version != revision.version;
    let from = before.version.clone();
    enablement.before = Some(before);
    remember_to_forget(tx, act, enablement)?;
    if migrates {
        match migrate_part(tx, act, enablement, pack, &from, None)?.result {
            Ok(Migrated::Whole) => {}
            Ok(Migrated::UpTo(cursor)) => {
                enablement.stage = Stage::Migrating;
                (progress.cursor, progress.parts) = (Some(cursor), 1);
            }
            Err(CallError::Store(error)) => return Err(error.into()),
            Err(error) => return Err(ChangeError::Call(error)),
        }
    }
    if enablement.stage == Stage::InForce {
        let (merchant, code, id, at) = (act.merchant, enablement.pack.clone(), revision.id, act.now);
        if std::mem::take(&mut progress.then_enabled) {
            tell_enabled(tx, act, enablement, pack)?;
        }
        act.tell(tx, &Event::PackUpgraded { pack: code, revision: id, at })?;
        tracing::info!(%merchant, pack = %enablement.pack, version = %revision.version, "a pack has another revision");
    }
    Ok(tx.save(&layout::change_of_pack(act.merchant, &enablement.pack), &progress)?)
}

/// Sets the day on which what was before is forgotten: a timer, so that until then it costs nothing.
fn remember_to_forget(tx: &mut Tx, act: &Act<'_>, enablement: &Enablement) -> Result<(), StoreError> {
    let at = act.now.checked_add(jiff::SignedDuration::from_hours(24 * KEPT_DAYS)).unwrap_or(jiff::Timestamp::MAX);
    let name = Label::new("before").expect("a word is a label");
    let payload = enablement.changes.to_string();
    let rule = String::new();
    let timer = Timer { kind: TimerKind::Forget, name, due: at, at, payload, store: None, attempts: 0, rule, depth: 0 };
    put_timer(tx, act.merchant, &enablement.pack, &timer)
}

/// Has a pack migrate a part of what is stored, by the terms that are to be in force.
pub(super) fn migrate_part(
    tx: &mut Tx,
    act: &mut Act<'_>,
    enablement: &Enablement,
    pack: &Arc<LoadedPack>,
    from: &semver::Version,
    cursor: Option<&str>,
) -> Result<Verdict<Migrated>, StoreError> {
    let active = Active::new(enablement.clone(), Ok(Arc::clone(pack)));
    let merchant = act.merchant(tx)?;
    let scene = active.scene(act, &merchant, &merchant.time_zone.zone(), None, act.now);
    act.call_anyway(tx, &active.code, CallKind::Lifecycle, |tx| pack.migrate(tx, &scene, from, cursor))
}

/// Tells a pack that it is being switched on.
pub(in crate::usecase) fn tell_enabled(
    tx: &mut Tx,
    act: &mut Act<'_>,
    enablement: &Enablement,
    pack: &Arc<LoadedPack>,
) -> Result<(), ChangeError> {
    if !pack.has_lifecycle() {
        return Ok(());
    }
    let active = Active::new(enablement.clone(), Ok(Arc::clone(pack)));
    let merchant = act.merchant(tx)?;
    let scene = active.scene(act, &merchant, &merchant.time_zone.zone(), None, act.now);
    match act.call_anyway(tx, &active.code, CallKind::Lifecycle, |tx| pack.enabled(tx, &scene))?.result {
        Ok(()) => Ok(()),
        Err(CallError::Store(error)) => Err(error.into()),
        Err(error) => Err(ChangeError::Call(error)),
    }
}

/// Tells a pack that it is being switched off. What it says to that stops nothing.
pub(in crate::usecase) fn tell_disabled(
    tx: &mut Tx,
    act: &mut Act<'_>,
    earlier: &Enablement,
) -> Result<(), StoreError> {
    let Ok(pack) = act.programme.revision(tx, &earlier.pack, earlier.revision) else { return Ok(()) };
    if !pack.has_lifecycle() {
        return Ok(());
    }
    let active = Active::new(earlier.clone(), Ok(Arc::clone(&pack)));
    let merchant = act.merchant(tx)?;
    let scene = active.scene(act, &merchant, &merchant.time_zone.zone(), None, act.now);
    match act.call_anyway(tx, &active.code, CallKind::Lifecycle, |tx| pack.disabled(tx, &scene))?.result {
        Ok(()) => Ok(()),
        Err(CallError::Store(error)) => Err(error),
        Err(error) => {
            tracing::warn!(pack = %active.code, code = error.code(), "a pack refuses to be switched off, and is");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_calls_itself_compatible_by_the_rules_of_semver() {
        let version = |text: &str| semver::Version::parse(text).unwrap();
        for (current, wanted, expected) in [
            ("1.2.3", "1.3.0", true),
            ("1.2.3", "1.2.4", true),
            ("1.2.3", "2.0.0", false),
            ("0.1.0", "0.1.9", true),
            ("0.1.0", "0.2.0", false),
            ("1.0.0-rc.1", "1.0.0", false),
        ] {
            assert_eq!(is_compatible(&version(current), &version(wanted)), expected, "{current} {wanted}");
        }
    }
}
