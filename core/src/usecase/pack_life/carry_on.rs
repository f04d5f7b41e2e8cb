//! What a change of revisions has left to be done in the background, part by part: each is a transaction of its own.

use jiff::SignedDuration;

use super::change_revision::{migrate_part, tell_enabled};
use super::remove::remove_part;
use super::restore::{begin_restoring, drop_stale, restore_part};
use super::{ChangeError, ChangeProgress, Stage, read_progress, save_enablement};
use crate::domain::{Code, Event};
use crate::pack::{CallError, Migrated};
use crate::store::{StoreError, Tx, layout};
use crate::usecase::pack_calls::{Failure, Round};
use crate::usecase::{Act, Enablement, ProgrammeError};

/// How many parts a migration may have: it ends.
const PARTS_MAX: u32 = 10_000;
/// How long after each failure a part is tried again; after the last one the earlier revision is put back.
const TRIES_AFTER: [SignedDuration; 2] = [SignedDuration::from_secs(10), SignedDuration::from_mins(1)];

/// Does the next part of what is left to be done about a pack.
///
/// # Errors
/// The store's failures. What the pack refuses is none: the earlier revision comes back.
pub fn carry_on(tx: &mut Tx, act: &mut Act<'_>, pack: &Code) -> Result<Round, StoreError> {
    if !act.programme.find(tx, act.merchant, pack)?.is_some_and(|active| active.has_upkeep) {
        return Ok(Round::default());
    }
    let Some(mut enablement) = tx.load::<Enablement>(&layout::enablement(act.merchant, pack))? else {
        return Ok(Round::default());
    };
    let mut progress = read_progress(tx, act.merchant, pack)?;
    let before = progress.clone();
    let is_unfinished = match enablement.stage {
        Stage::InForce => {
            let is_unfinished = drop_stale(tx, act, pack, &mut progress)?;
            if enablement.has_stale && !is_unfinished {
                enablement.has_stale = false;
                save_enablement(tx, act, &enablement)?;
            }
            is_unfinished
        }
        Stage::Removing => return Ok(Round { is_unfinished: remove_part(tx, act, &enablement)?, ..Round::default() }),
        Stage::Restoring => restore_part(tx, act, &mut enablement, &mut progress)? || !progress.stale.is_empty(),
        Stage::Migrating => return migrate(tx, act, enablement, progress),
    };
    if progress != before {
        tx.save(&layout::change_of_pack(act.merchant, pack), &progress)?;
    }
    Ok(Round { is_unfinished, ..Round::default() })
}

fn migrate(
    tx: &mut Tx,
    act: &mut Act<'_>,
    mut enablement: Enablement,
    mut progress: ChangeProgress,
) -> Result<Round, StoreError> {
    let over = act.spent(tx, &enablement.pack)?.map(|spent| spent.until);
    if let Some(at) = progress.due_at.filter(|at| *at > act.now).max(over) {
        return Ok(Round { due_at: Some(at), ..Round::default() });
    }
    let key = layout::change_of_pack(act.merchant, &enablement.pack);
    let savepoint = tx.savepoint();
    let failure = match part(tx, act, &enablement, &mut progress) {
        Ok(true) => {
            enablement.stage = Stage::InForce;
            save_enablement(tx, act, &enablement)?;
            let (pack, revision) = (enablement.pack.clone(), enablement.revision);
            act.tell(tx, &Event::PackUpgraded { pack, revision, at: act.now })?;
            tx.save(&key, &ChangeProgress { stale: progress.stale, ..ChangeProgress::default() })?;
            return Ok(Round { done: 1, is_unfinished: true, ..Round::default() });
        }
        Ok(false) => {
            tx.save(&key, &progress)?;
            return Ok(Round { done: 1, is_unfinished: true, ..Round::default() });
        }
        Err(ChangeError::Store(error)) => return Err(error),
        Err(ChangeError::Call(CallError::Host(reason))) => return Err(StoreError::Unavailable { reason }),
        Err(error) => error,
    };
    tx.rollback_to(savepoint);
    let failure = match failure {
        ChangeError::Call(error) => {
            // Its own no is for ever; what broke off may go well the next time.
            let again = TRIES_AFTER.get(usize::from(progress.attempts)).filter(|_| error.is_fault());
            let failure = Failure { code: error.code().to_owned(), message: error.to_string() };
            if let Some(after) = again {
                let due_at = Some(act.now.checked_add(*after).unwrap_or(jiff::Timestamp::MAX));
                let attempts = progress.attempts.saturating_add(1);
                tx.save(&key, &ChangeProgress { attempts, due_at, failure: Some(failure), ..progress })?;
                return Ok(Round { failed: 1, due_at, ..Round::default() });
            }
            failure
        }
        other => Failure { code: "migration-failed".to_owned(), message: other.to_string() },
    };
    tracing::warn!(pack = %enablement.pack, code = failure.code, "a migration is given up, the earlier revision comes back");
    begin_restoring(tx, act, &mut enablement, Some(failure))?;
    Ok(Round { parked: 1, is_unfinished: true, ..Round::default() })
}

/// Migrates one part; whether it was the last.
fn part(
    tx: &mut Tx,
    act: &mut Act<'_>,
    enablement: &Enablement,
    progress: &mut ChangeProgress,
) -> Result<bool, ChangeError> {
    let never_ends = |message: String| ChangeError::Call(CallError::BadReply { message });
    let key = layout::enablement(act.merchant, &enablement.pack);
    let corrupt = || StoreError::corrupt("enablement (what was before is missing)", &key);
    let from = enablement.before.as_ref().ok_or_else(corrupt)?.version.clone();
    let pack = match act.programme.revision(tx, &enablement.pack, enablement.revision) {
        Ok(pack) => pack,
        Err(ProgrammeError::Store(error)) => return Err(error.into()),
        Err(error @ ProgrammeError::Load { .. }) => return Err(never_ends(error.to_string())),
    };
    let verdict = migrate_part(tx, act, enablement, &pack, &from, progress.cursor.as_deref())?;
    match verdict.result {
        Ok(Migrated::Whole) => {
            if progress.then_enabled {
                tell_enabled(tx, act, enablement, &pack)?;
            }
            Ok(true)
        }
        Ok(Migrated::UpTo(cursor)) if progress.cursor.as_ref() == Some(&cursor) => {
            Err(never_ends(format!("a migration that goes on where it was, at `{}`", cursor.escape_debug())))
        }
        Ok(Migrated::UpTo(_)) if progress.parts >= PARTS_MAX => {
            Err(never_ends(format!("a migration of more than {PARTS_MAX} parts")))
        }
        Ok(Migrated::UpTo(cursor)) => {
            *progress = ChangeProgress {
                cursor: Some(cursor),
                parts: progress.parts.saturating_add(1),
                attempts: 0,
                due_at: None,
                failure: None,
                then_enabled: progress.then_enabled,
                stale: std::mem::take(&mut progress.stale),
            };
            Ok(false)
        }
        Err(CallError::Store(error)) => Err(error.into()),
        Err(error) => Err(ChangeError::Call(error)),
    }
}
