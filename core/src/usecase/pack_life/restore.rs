//! The earlier revision is had back, with its storage as it was; or is not wanted back any more.

use std::collections::BTreeSet;

use super::{Before, ChangeError, ChangeProgress, Stage, read_progress, save_enablement, tell_disabled, tell_enabled};
use crate::domain::{Code, Event, StoreId};
use crate::pack::{Grant, storage};
use crate::store::{Direction, StoreError, Tx, layout};
use crate::usecase::enable_pack::{NotTrusted, check_trust};
use crate::usecase::pack_calls::{Failure, FollowFrom, start_following};
use crate::usecase::{Act, Enablement, ProgrammeError, Revision};

/// How many entries are put back or dropped in one transaction: of the largest, half of what it may write.
pub(super) const ENTRIES_MAX: usize = 200;

/// Why nothing is had back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It was never enabled.
    #[error("the pack `{0}` was never enabled")]
    NotEnabled(Code),
    /// It is, or would be, in force in stores of others.
    #[error("whoever is limited to stores changes packs that are in force in these only")]
    BeyondOwn,
    /// There is nothing to be had back.
    #[error("of the pack `{0}` no earlier revision is kept: it was not changed, or longer ago than that is kept")]
    NothingBefore(Code),
    /// A change is under way.
    #[error("the pack `{pack}` is {}: try again when that is done", .stage.name())]
    UnderWay {
        /// The pack.
        pack: Code,
        /// What is under way.
        stage: Stage,
    },
    /// Whoever has signed what was before is not trusted any more.
    #[error(transparent)]
    NotTrusted(#[from] NotTrusted),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Brings the earlier revision back into force, with settings and storage as they were before the change. What was stored
/// since is dropped; what was booked stays booked, and timers that were set since stay. Small storage is put back at once,
/// large storage in the background.
///
/// What the merchant has taken from the pack since does not come back: it is in force in the stores in which it is now, off
/// where it was switched off, and has of its earlier grants those that were not withheld from the later revision.
///
/// # Errors
/// The first refusal in the order of [`RestoreError`]'s variants.
pub fn restore_before(tx: &mut Tx, act: &mut Act<'_>, pack: &Code) -> Result<Enablement, RestoreError> {
    let (found, before) = find(tx, act, pack)?;
    let key = layout::revision(act.merchant, before.revision);
    let revision = tx.load::<Revision>(&key)?.ok_or_else(|| StoreError::corrupt("revision (it is missing)", &key))?;
    check_trust(act, &revision)?;
    let mut enablement = found.clone();
    begin_restoring(tx, act, &mut enablement, None)?;
    act.record(tx, "enablement", pack.as_str(), Some(&found), Some(&enablement))?;
    Ok(enablement)
}

/// Drops what was before the last change of revisions: it can not be had back any more.
///
/// # Errors
/// The first refusal in the order of [`RestoreError`]'s variants.
pub fn forget_before(tx: &mut Tx, act: &mut Act<'_>, pack: &Code) -> Result<Enablement, RestoreError> {
    let (mut enablement, _) = find(tx, act, pack)?;
    let found = enablement.clone();
    forget(tx, act, &mut enablement)?;
    act.record(tx, "enablement", pack.as_str(), Some(&found), Some(&enablement))?;
    Ok(enablement)
}

fn find(tx: &mut Tx, act: &Act<'_>, pack: &Code) -> Result<(Enablement, Before), RestoreError> {
    let found = tx.load::<Enablement>(&layout::enablement(act.merchant, pack))?;
    let enablement = found.ok_or_else(|| RestoreError::NotEnabled(pack.clone()))?;
    let before = enablement.before.iter().flat_map(|before| before.stores.iter().chain(before.store_settings.keys()));
    if !act.may_in(enablement.named_stores().chain(before)) {
        return Err(RestoreError::BeyondOwn);
    }
    if enablement.stage != Stage::InForce {
        return Err(RestoreError::UnderWay { pack: pack.clone(), stage: enablement.stage });
    }
    let before = enablement.before.clone().ok_or_else(|| RestoreError::NothingBefore(pack.clone()))?;
    Ok((enablement, before))
}

/// From now on nothing is kept of what was before, and what is kept goes, a part now and the rest in the background.
pub(in crate::usecase) fn forget(
    tx: &mut Tx,
    act: &mut Act<'_>,
    enablement: &mut Enablement,
) -> Result<(), StoreError> {
    enablement.before = None;
    let mut progress = read_progress(tx, act.merchant, &enablement.pack)?;
    progress.stale.push(enablement.changes);
    enablement.has_stale = drop_stale(tx, act, &enablement.pack, &mut progress)?;
    save_enablement(tx, act, enablement)?;
    tx.save(&layout::change_of_pack(act.merchant, &enablement.pack), &progress)
}

/// Drops a part of what nobody wants back any more; whether there is more.
pub(super) fn drop_stale(
    tx: &mut Tx,
    act: &Act<'_>,
    pack: &Code,
    progress: &mut ChangeProgress,
) -> Result<bool, StoreError> {
    let Some(number) = progress.stale.last() else { return Ok(false) };
    let entries = tx.scan(&layout::pack_undos(act.merchant, pack, *number), Direction::Forward, ENTRIES_MAX)?;
    for (key, _) in &entries {
        tx.delete(key);
    }
    if entries.len() < ENTRIES_MAX {
        progress.stale.pop();
    }
    Ok(!progress.stale.is_empty())
}

/// Begins to put back what was, because somebody wants it or because a migration has failed.
pub(super) fn begin_restoring(
    tx: &mut Tx,
    act: &mut Act<'_>,
    enablement: &mut Enablement,
    failure: Option<Failure>,
) -> Result<(), StoreError> {
    enablement.stage = Stage::Restoring;
    let mut progress = read_progress(tx, act.merchant, &enablement.pack)?;
    progress = ChangeProgress { failure, stale: progress.stale, ..ChangeProgress::default() };
    save_enablement(tx, act, enablement)?;
    restore_part(tx, act, enablement, &mut progress)?;
    tx.save(&layout::change_of_pack(act.merchant, &enablement.pack), &progress)
}

/// Puts back a part of the entries; with the last one, the earlier revision is in force. Whether there is more.
pub(super) fn restore_part(
    tx: &mut Tx,
    act: &mut Act<'_>,
    enablement: &mut Enablement,
    progress: &mut ChangeProgress,
) -> Result<bool, StoreError> {
    let undos = layout::pack_undos(act.merchant, &enablement.pack, enablement.changes);
    let kept = tx.scan(&undos, Direction::Forward, ENTRIES_MAX)?;
    let mut grown = 0;
    for (undo, value) in &kept {
        let corrupt = || StoreError::corrupt("what an entry of a pack was", undo);
        let name = layout::pack_undo_entry(undo).ok_or_else(corrupt)?;
        let entry = layout::pack_entry(act.merchant, &enablement.pack, name);
        let before = match value.split_first() {
            None => None,
            Some((1, before)) => Some(before),
            Some(_) => return Err(corrupt()),
        };
        grown += storage::growth(name, tx.get(&entry)?.as_deref(), before);
        match before {
            None => tx.delete(&entry),
            Some(before) => tx.put(&entry, before)?,
        }
        tx.delete(undo);
    }
    storage::count(tx, act.merchant, &enablement.pack, grown)?;
    if kept.len() == ENTRIES_MAX {
        return Ok(true);
    }
    let key = layout::enablement(act.merchant, &enablement.pack);
    let corrupt = || StoreError::corrupt("enablement (what was before is missing)", &key);
    let before = enablement.before.take().ok_or_else(corrupt)?;
    let (grants, mut stores) = (grants_left(tx, act, enablement, &before)?, enablement.stores.clone());
    if progress.failure.is_some() {
        // The change is given up as a whole: what it would have switched on stays off.
        stores.retain(|store| before.stores.contains(store));
    }
    if grants.contains(&Grant::ReadEvents) && !enablement.grants.contains(&Grant::ReadEvents) {
        // The later revision heard of nothing that happened.
        start_following(tx, act, &enablement.pack, Some(FollowFrom::Now))?;
    }
    let Before { revision, stores: stores_before, settings, store_settings, .. } = before;
    *enablement = Enablement {
        pack: enablement.pack.clone(),
        revision,
        stores,
        grants,
        settings,
        store_settings,
        changed_at: act.now,
        stage: Stage::InForce,
        before: None,
        changes: enablement.changes,
        has_stale: !progress.stale.is_empty(),
    };
    if progress.failure.is_none() {
        tell_switched(tx, act, enablement, stores_before)?;
    }
    save_enablement(tx, act, enablement)?;
    let code = progress.failure.as_ref().map(|failure| failure.code.clone());
    act.tell(tx, &Event::PackRestored { pack: enablement.pack.clone(), revision, code, at: act.now })?;
    Ok(false)
}

/// The grants of before, without those that the merchant has taken away: what the later revision asks for and has not. What
/// only the earlier one asks for was never taken from it.
fn grants_left(tx: &mut Tx, act: &Act<'_>, now: &Enablement, before: &Before) -> Result<BTreeSet<Grant>, StoreError> {
    let asked = match act.programme.revision(tx, &now.pack, now.revision) {
        Ok(pack) => Some(pack.manifest.grants_asked()),
        Err(ProgrammeError::Store(error)) => return Err(error),
        // Nobody knows what one that does not load any more has asked for.
        Err(ProgrammeError::Load { .. }) => None,
    };
    let is_whole = |grant: &Grant| {
        asked.as_ref().is_some_and(|asked| grant.cut_to(asked).is_none_or(|part| part.is_within(&now.grants)))
    };
    let left = |grant: &Grant| if is_whole(grant) { Some(grant.clone()) } else { grant.cut_to(&now.grants) };
    Ok(before.grants.iter().filter_map(left).collect())
}

/// Tells a revision that comes back what has become of it since: its storage knows nothing of that. One that refuses to be
/// switched on stays off.
fn tell_switched(
    tx: &mut Tx,
    act: &mut Act<'_>,
    enablement: &mut Enablement,
    stores_before: BTreeSet<StoreId>,
) -> Result<(), StoreError> {
    match (stores_before.is_empty(), enablement.stores.is_empty()) {
        (false, true) => tell_disabled(tx, act, &Enablement { stores: stores_before, ..enablement.clone() }),
        (true, false) => {
            let pack = match act.programme.revision(tx, &enablement.pack, enablement.revision) {
                Ok(pack) => pack,
                Err(ProgrammeError::Store(error)) => return Err(error),
                Err(ProgrammeError::Load { .. }) => return Ok(()),
            };
            match tell_enabled(tx, act, enablement, &pack) {
                Ok(()) => Ok(()),
                Err(ChangeError::Store(error)) => Err(error),
                Err(error) => {
                    tracing::warn!(pack = %enablement.pack, "what comes back does not want to be switched on: {error}");
                    enablement.stores.clear();
                    Ok(())
                }
            }
        }
        (true, true) | (false, false) => Ok(()),
    }
}
