//! A merchant sets goals for months, and sees how far they are reached.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Act;
use super::figures::{Figure, read_figures, read_sellers};
use super::host::has_store;
use super::teams::{Team, stores_of};
use crate::domain::{Code, MerchantId, Seller, StaffId, StoreId};
use crate::store::{Direction, Record, StoreError, Tx, layout};

/// A goal as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Target(u64);

impl Record for Target {
    const VERSION: u8 = 1;
    const NAME: &'static str = "goal";
}

/// Whose goal it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoalOf {
    /// Of all stores together.
    All,
    /// Of a store.
    Store(StoreId),
    /// Of one of the staff or a team.
    Seller(Seller),
}

/// A goal for a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// A day of the month.
    pub month: Date,
    /// Whose it is.
    pub of: GoalOf,
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
    /// Neither a user nor an API key of the merchant.
    #[error("there is no user or API key {0}")]
    UnknownStaff(StaffId),
    /// Not a team of the merchant.
    #[error("there is no team `{0}`")]
    UnknownTeam(Code),
    /// Not what is counted for staff.
    #[error("`{}` is not counted for staff and teams: {} are", .0.name(), sellers_figures())]
    NotOfSellers(Figure),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sets a goal in place of the one that there is; a target of 0 takes it away.
///
/// # Errors
/// The first refusal in the order of [`GoalError`]'s variants.
pub fn set_goal(tx: &mut Tx, act: &mut Act<'_>, goal: &Goal) -> Result<(), GoalError> {
    let (merchant, month, figure) = (act.merchant, goal.month.first_of_month(), goal.figure.letter());
    let (key, whose) = match &goal.of {
        GoalOf::All => (layout::goal(merchant, month, None, figure), "all".to_owned()),
        GoalOf::Store(store) if !has_store(tx, merchant, *store)? => return Err(GoalError::UnknownStore(*store)),
        GoalOf::Store(store) => (layout::goal(merchant, month, Some(*store), figure), store.to_string()),
        GoalOf::Seller(seller) => {
            check_seller(tx, merchant, seller)?;
            if !goal.figure.is_of_sellers() {
                return Err(GoalError::NotOfSellers(goal.figure));
            }
            (layout::seller_goal(merchant, month, seller, figure), seller.to_string())
        }
    };
    let before = tx.load::<Target>(&key)?;
    let after = (goal.target > 0).then_some(Target(goal.target));
    if before == after {
        return Ok(());
    }
    match &after {
        Some(target) => tx.save(&key, target)?,
        None => tx.delete(&key),
    }
    let month = goal.month.strftime("%Y-%m");
    let name = format!("{month} {whose} {}", goal.figure.name());
    act.record(tx, "goal", &name, before.as_ref(), after.as_ref())?;
    Ok(())
}

fn check_seller(tx: &mut Tx, merchant: MerchantId, seller: &Seller) -> Result<(), GoalError> {
    match seller {
        Seller::Staff(staff) => stores_of(tx, merchant, *staff)?.map(drop).ok_or(GoalError::UnknownStaff(*staff)),
        Seller::Team(team) => {
            let found = tx.load::<Team>(&layout::team(merchant, team))?;
            found.map(drop).ok_or_else(|| GoalError::UnknownTeam(team.clone()))
        }
    }
}

/// The names of the figures that are counted for staff and teams.
fn sellers_figures() -> String {
    let names: Vec<_> = Figure::ALL.iter().filter(|figure| figure.is_of_sellers()).map(|one| one.name()).collect();
    names.join(", ")
}

/// The goals for a month, with how far they are reached: those of all stores together first, then those of stores, of
/// staff and of teams.
///
/// # Errors
/// The store's failures.
pub fn list_goals(tx: &mut Tx, merchant: MerchantId, month: Date) -> Result<Vec<GoalProgress>, StoreError> {
    let (month, days) = (month.first_of_month(), (month.first_of_month(), month.last_of_month()));
    let kept = tx.load_scan::<Target>(&layout::goals(merchant, month), Direction::Forward, usize::MAX)?;
    let figures = if kept.is_empty() { Default::default() } else { read_figures(tx, merchant, days, None)? };
    let of_sellers = tx.load_scan::<Target>(&layout::seller_goals(merchant, month), Direction::Forward, usize::MAX)?;
    let sold: BTreeMap<_, _> = match of_sellers.is_empty() {
        true => BTreeMap::new(),
        false => read_sellers(tx, merchant, days, None)?.into_iter().collect(),
    };
    let corrupt = |key: &[u8]| StoreError::corrupt("key of a goal", key);
    let goal = |of, figure, target| Goal { month, of, figure, target };
    let mut all = Vec::new();
    for (key, Target(target)) in kept {
        let (_, store, letter) = layout::figure_parts(&key).ok_or_else(|| corrupt(&key))?;
        let figure = Figure::of(letter).ok_or_else(|| corrupt(&key))?;
        let of_store = |store| figures.stores.get(&Some(store)).and_then(|counts| counts.get(&figure)).copied();
        let reached = store.map_or_else(|| figures.total(figure), |store| of_store(store).unwrap_or(0));
        all.push(GoalProgress { goal: goal(store.map_or(GoalOf::All, GoalOf::Store), figure, target), reached });
    }
    for (key, Target(target)) in of_sellers {
        let (_, seller, letter) = layout::seller_goal_parts(&key).ok_or_else(|| corrupt(&key))?;
        let figure = Figure::of(letter).ok_or_else(|| corrupt(&key))?;
        let reached = sold.get(&seller).and_then(|counts| counts.get(&figure)).copied().unwrap_or(0);
        all.push(GoalProgress { goal: goal(GoalOf::Seller(seller), figure, target), reached });
    }
    Ok(all)
}

/// The goals for the first month behind one that has any, with how far they are reached; none when no more has.
///
/// # Errors
/// The store's failures.
pub fn export_goals(
    tx: &mut Tx,
    merchant: MerchantId,
    after: Option<Date>,
) -> Result<Option<(Date, Vec<GoalProgress>)>, StoreError> {
    let from = match after.map(Date::tomorrow) {
        None => Date::ZERO,
        Some(Ok(next)) => next,
        Some(Err(_)) => return Ok(None),
    };
    let corrupt = |key: &[u8]| StoreError::corrupt("key of a goal", key);
    let mut months = Vec::new();
    for (key, _) in tx.scan(&layout::goals_since(merchant, from), Direction::Forward, 1)? {
        months.push(layout::figure_parts(&key).ok_or_else(|| corrupt(&key))?.0);
    }
    for (key, _) in tx.scan(&layout::seller_goals_since(merchant, from), Direction::Forward, 1)? {
        months.push(layout::seller_goal_parts(&key).ok_or_else(|| corrupt(&key))?.0);
    }
    match months.into_iter().min() {
        Some(month) => Ok(Some((month, list_goals(tx, merchant, month)?))),
        None => Ok(None),
    }
}
