//! A merchant sets goals for months, and sees how far they are reached.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Act;
use super::figures::{Figure, read_figures};
use super::host::has_store;
use crate::domain::{MerchantId, StoreId};
use crate::store::{Direction, Record, StoreError, Tx, layout};

/// A goal as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Target(u64);

impl Record for Target {
    const VERSION: u8 = 1;
    const NAME: &'static str = "goal";
}

/// A goal for a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// A day of the month.
    pub month: Date,
    /// For which store; none for all together.
    pub store: Option<StoreId>,
    /// Of which figure.
    pub figure: Figure,
    /// How much it is to be.
    pub target: u64,
}

/// How far a goal is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalProgress {
    /// The goal.
    pub goal: Goal,
    /// How much it is by now.
    pub reached: i64,
}

/// Why a goal is not set.
#[derive(Debug, thiserror::Error)]
pub enum GoalError {
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sets a goal in place of the one that there is; a target of 0 takes it away.
///
/// # Errors
/// The first refusal in the order of [`GoalError`]'s variants.
pub fn set_goal(tx: &mut Tx, act: &mut Act<'_>, goal: &Goal) -> Result<(), GoalError> {
    if let Some(store) = goal.store
        && !has_store(tx, act.merchant, store)?
    {
        return Err(GoalError::UnknownStore(store));
    }
    let key = layout::goal(act.merchant, goal.month.first_of_month(), goal.store, goal.figure.letter());
    let before = tx.load::<Target>(&key)?;
    let after = (goal.target > 0).then_some(Target(goal.target));
    if before == after {
        return Ok(());
    }
    match &after {
        Some(target) => tx.save(&key, target)?,
        None => tx.delete(&key),
    }
    let whose = goal.store.map_or_else(|| "all".to_owned(), |store| store.to_string());
    let month = goal.month.strftime("%Y-%m");
    let name = format!("{month} {whose} {}", goal.figure.name());
    act.record(tx, "goal", &name, before.as_ref(), after.as_ref())?;
    Ok(())
}

/// The goals for a month, with how far they are reached: those of all stores together first.
///
/// # Errors
/// The store's failures.
pub fn list_goals(tx: &mut Tx, merchant: MerchantId, month: Date) -> Result<Vec<GoalProgress>, StoreError> {
    let (first, last) = (month.first_of_month(), month.last_of_month());
    let kept = tx.load_scan::<Target>(&layout::goals(merchant, first), Direction::Forward, usize::MAX)?;
    let figures = if kept.is_empty() { Default::default() } else { read_figures(tx, merchant, (first, last), None)? };
    kept.into_iter()
        .map(|(key, Target(target))| {
            let parts = layout::figure_parts(&key);
            let known = parts.and_then(|(_, store, letter)| Some((store, Figure::of(letter)?)));
            let (store, figure) = known.ok_or_else(|| StoreError::corrupt("key of a goal", &key))?;
            let of_store = |store| figures.stores.get(&Some(store)).and_then(|counts| counts.get(&figure)).copied();
            let reached = store.map_or_else(|| figures.total(figure), |store| of_store(store).unwrap_or(0));
            Ok(GoalProgress { goal: Goal { month: first, store, figure, target }, reached })
        })
        .collect()
}
