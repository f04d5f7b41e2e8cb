//! Teams of staff: who sells together. Figures and goals are by staff and by team.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Act;
use super::api_key::ListedKey;
use super::users::User;
use crate::domain::{Code, Label, MerchantId, StaffId, StoreScope};
use crate::store::{Direction, Record, StoreError, Tx, layout};

/// How many teams a merchant has at most.
const TEAMS_MAX: usize = 200;
/// How many people and keys a team has at most.
pub const TEAM_STAFF_MAX: usize = 200;

/// A team of the merchant. Nobody is in two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// Its code.
    pub code: Code,
    /// What people call it.
    pub title: Label,
    /// Who is in it.
    pub staff: BTreeSet<StaffId>,
}

impl Record for Team {
    const VERSION: u8 = 1;
    const NAME: &'static str = "team";
}

/// Why a team is not made, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum TeamError {
    /// Not a team of the merchant.
    #[error("there is no team `{0}`")]
    Unknown(Code),
    /// More than a team may have.
    #[error("a team has at most {TEAM_STAFF_MAX} of the staff, but {0} are named")]
    TooManyStaff(usize),
    /// More than a merchant may have.
    #[error("a merchant has at most {TEAMS_MAX} teams: remove those that are not used any more")]
    TooMany,
    /// Neither a user nor an API key of the merchant.
    #[error("there is no user or API key {0}")]
    UnknownStaff(StaffId),
    /// Nobody is counted twice.
    #[error("{staff} is in the team `{team}`: take them out of it first")]
    InOtherTeam {
        /// Who.
        staff: StaffId,
        /// The team that they are in.
        team: Code,
    },
    /// Nobody decides about staff of other stores.
    #[error("whoever is limited to stores makes and changes teams of staff of these only")]
    BeyondOwn,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a team, or changes it from now on: orders stay with the team in which whoever served was then.
///
/// # Errors
/// The first refusal in the order of [`TeamError`]'s variants.
pub fn put_team(tx: &mut Tx, act: &mut Act<'_>, new: &Team) -> Result<(), TeamError> {
    if new.staff.len() > TEAM_STAFF_MAX {
        return Err(TeamError::TooManyStaff(new.staff.len()));
    }
    let key = layout::team(act.merchant, &new.code);
    let before = tx.load::<Team>(&key)?;
    if before.is_none() && tx.scan(&layout::teams(act.merchant), Direction::Forward, TEAMS_MAX)?.len() >= TEAMS_MAX {
        return Err(TeamError::TooMany);
    }
    if before.as_ref() == Some(new) {
        return Ok(());
    }
    for staff in &new.staff {
        let stores = stores_of(tx, act.merchant, *staff)?.ok_or(TeamError::UnknownStaff(*staff))?;
        match team_of(tx, act.merchant, *staff)? {
            Some(team) if team != new.code => return Err(TeamError::InOtherTeam { staff: *staff, team }),
            _ => check_own(act, &stores)?,
        }
    }
    let gone: Vec<_> = before.iter().flat_map(|team| team.staff.difference(&new.staff)).copied().collect();
    for staff in gone {
        check_own(act, &stores_of(tx, act.merchant, staff)?.unwrap_or_default())?;
        tx.delete(&layout::team_of_staff(act.merchant, staff));
    }
    for staff in &new.staff {
        tx.save(&layout::team_of_staff(act.merchant, *staff), &new.code)?;
    }
    tx.save(&key, new)?;
    Ok(act.record(tx, "team", new.code.as_str(), before.as_ref(), Some(new))?)
}

/// Removes a team. What it sold stays counted for it.
///
/// # Errors
/// [`TeamError::Unknown`], [`TeamError::BeyondOwn`], and the store's failures.
pub fn drop_team(tx: &mut Tx, act: &mut Act<'_>, code: &Code) -> Result<(), TeamError> {
    let key = layout::team(act.merchant, code);
    let before = tx.load::<Team>(&key)?.ok_or_else(|| TeamError::Unknown(code.clone()))?;
    for staff in &before.staff {
        check_own(act, &stores_of(tx, act.merchant, *staff)?.unwrap_or_default())?;
        tx.delete(&layout::team_of_staff(act.merchant, *staff));
    }
    tx.delete(&key);
    Ok(act.record(tx, "team", code.as_str(), Some(&before), None)?)
}

/// Teams of a merchant after a code, in the order of their codes.
///
/// # Errors
/// The store's failures.
pub fn list_teams(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Team>, StoreError> {
    let all = layout::teams(merchant);
    let rest = after.map_or(all.clone(), |after| all.after(&[all.start.as_slice(), after].concat()));
    Ok(tx.load_scan(&rest, Direction::Forward, limit)?.into_iter().map(|(_, team)| team).collect())
}

/// Takes somebody who leaves out of their team.
pub(super) fn leave_team(tx: &mut Tx, act: &mut Act<'_>, staff: StaffId) -> Result<(), StoreError> {
    let Some(code) = team_of(tx, act.merchant, staff)? else { return Ok(()) };
    let key = layout::team(act.merchant, &code);
    let before = tx.load::<Team>(&key)?.ok_or_else(|| StoreError::corrupt("team (missing)", &key))?;
    let mut after = before.clone();
    after.staff.remove(&staff);
    tx.delete(&layout::team_of_staff(act.merchant, staff));
    tx.save(&key, &after)?;
    act.record(tx, "team", code.as_str(), Some(&before), Some(&after))
}

/// The team that somebody is in.
pub(super) fn team_of(tx: &mut Tx, merchant: MerchantId, staff: StaffId) -> Result<Option<Code>, StoreError> {
    tx.load(&layout::team_of_staff(merchant, staff))
}

/// In which stores somebody works; `None` when they are neither a user of the merchant nor an API key in force.
pub(super) fn stores_of(tx: &mut Tx, merchant: MerchantId, staff: StaffId) -> Result<Option<StoreScope>, StoreError> {
    if let Some(user) = tx.load::<User>(&layout::user(merchant, staff))? {
        return Ok(Some(user.stores));
    }
    let key = tx.load::<ListedKey>(&layout::listed_key(merchant, staff))?;
    Ok(key.filter(|key| key.revoked_at.is_none()).map(|key| key.stores))
}

fn check_own(act: &Act<'_>, stores: &StoreScope) -> Result<(), TeamError> {
    let is_own = act.actor.as_ref().is_none_or(|actor| actor.stores.includes(stores));
    if is_own { Ok(()) } else { Err(TeamError::BeyondOwn) }
}
