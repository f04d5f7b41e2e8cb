//! Codes by which people join: printed for a store or a campaign, so that how and where somebody came is known.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Act;
use super::host::has_store;
use crate::domain::{Code, JoinCodeId, Label, MerchantId, StoreId, Way};
use crate::store::{Direction, Record, StoreError, Tx, decode_counter, layout};

/// How many join codes a merchant has at most, those that are switched off included.
const JOIN_CODES_MAX: usize = 10_000;

/// A code by which people join. Its id is what the QR code holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinCode {
    /// Its id.
    pub id: JoinCodeId,
    /// What people call it.
    pub title: Label,
    /// How those come who join by it: the campaign, the poster at the door.
    pub channel: Code,
    /// Where they join, if it is for one store.
    pub store: Option<StoreId>,
    /// When it was made.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub made_at: Timestamp,
    /// Whether nobody joins by it for the time being.
    pub is_off: bool,
}

impl Record for JoinCode {
    const VERSION: u8 = 1;
    const NAME: &'static str = "join code";
}

/// A join code that is to be made.
#[derive(Clone, Debug)]
pub struct NewJoinCode {
    /// What people call it.
    pub title: Label,
    /// How those come who join by it.
    pub channel: Code,
    /// Where they join, if it is for one store.
    pub store: Option<StoreId>,
}

/// What is to be another way; what is not named stays. Channel and store stay what was printed for.
#[derive(Clone, Debug, Default)]
pub struct ChangeJoinCode {
    /// What people call it.
    pub title: Option<Label>,
    /// Whether nobody joins by it for the time being.
    pub is_off: Option<bool>,
}

/// Why a join code is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum JoinCodeError {
    /// Not a join code of the merchant.
    #[error("there is no join code {0}")]
    Unknown(JoinCodeId),
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// More than a merchant may have.
    #[error("a merchant has at most {JOIN_CODES_MAX} join codes: use one again that is switched off")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a join code.
///
/// # Errors
/// The first refusal in the order of [`JoinCodeError`]'s variants.
pub fn make_join_code(tx: &mut Tx, act: &mut Act<'_>, new: &NewJoinCode) -> Result<JoinCode, JoinCodeError> {
    if let Some(store) = new.store
        && !has_store(tx, act.merchant, store)?
    {
        return Err(JoinCodeError::UnknownStore(store));
    }
    let count = layout::join_code_count(act.merchant);
    if tx.counter(&count)? >= i64::try_from(JOIN_CODES_MAX).unwrap_or(i64::MAX) {
        return Err(JoinCodeError::TooMany);
    }
    tx.add(&count, 1)?;
    let NewJoinCode { title, channel, store } = new.clone();
    let code = JoinCode { id: act.ids.join_code(), title, channel, store, made_at: act.now, is_off: false };
    tx.save(&layout::join_code(act.merchant, code.id), &code)?;
    act.record(tx, "join-code", &code.id.to_string(), None, Some(&code))?;
    Ok(code)
}

/// Changes a join code.
///
/// # Errors
/// [`JoinCodeError::Unknown`], and the store's failures.
pub fn change_join_code(
    tx: &mut Tx,
    act: &mut Act<'_>,
    id: JoinCodeId,
    change: &ChangeJoinCode,
) -> Result<JoinCode, JoinCodeError> {
    let before = read_join_code(tx, act.merchant, id)?.ok_or(JoinCodeError::Unknown(id))?;
    let mut after = before.clone();
    if let Some(title) = &change.title {
        after.title = title.clone();
    }
    after.is_off = change.is_off.unwrap_or(after.is_off);
    if after != before {
        tx.save(&layout::join_code(act.merchant, id), &after)?;
        act.record(tx, "join-code", &id.to_string(), Some(&before), Some(&after))?;
    }
    Ok(after)
}

/// A join code of the merchant, if there is one with this id.
///
/// # Errors
/// The store's failures.
pub fn read_join_code(tx: &mut Tx, merchant: MerchantId, id: JoinCodeId) -> Result<Option<JoinCode>, StoreError> {
    tx.load(&layout::join_code(merchant, id))
}

/// Join codes of a merchant before one of them, those that were made last first.
///
/// # Errors
/// The store's failures.
pub fn list_join_codes(
    tx: &mut Tx,
    merchant: MerchantId,
    before: Option<JoinCodeId>,
    limit: usize,
) -> Result<Vec<JoinCode>, StoreError> {
    let mut range = layout::join_codes(merchant);
    if let Some(before) = before {
        range.end = layout::join_code(merchant, before);
    }
    Ok(tx.load_scan(&range, Direction::Backward, limit)?.into_iter().map(|(_, code)| code).collect())
}

/// Counts somebody who has joined, by how they came.
pub(super) fn count_join(
    tx: &mut Tx,
    act: &Act<'_>,
    day: Date,
    store: Option<StoreId>,
    ways: impl IntoIterator<Item = Way>,
) -> Result<(), StoreError> {
    ways.into_iter().try_for_each(|way| tx.add(&layout::joins(act.merchant, day, store, &way), 1))
}

/// How many members came by which way from one day to another, both included: the most first. Who came by no channel that
/// was named is not in it. It costs what there are ways on different days, so the range should be short.
///
/// # Errors
/// The store's failures.
pub fn read_joins(
    tx: &mut Tx,
    merchant: MerchantId,
    (from, to): (Date, Date),
    only: Option<StoreId>,
) -> Result<Vec<(Way, i64)>, StoreError> {
    let mut joins: BTreeMap<Way, i64> = BTreeMap::new();
    for (key, value) in tx.scan(&layout::joins_between(merchant, from, to), Direction::Forward, usize::MAX)? {
        let (store, way) = layout::joins_parts(&key).ok_or_else(|| StoreError::corrupt("figure of joins", &key))?;
        if only.is_none() || store == only {
            *joins.entry(way).or_default() += decode_counter(&key, Some(&value))?;
        }
    }
    let mut joins: Vec<_> = joins.into_iter().collect();
    joins.sort_by_key(|(_, count)| Reverse(*count));
    Ok(joins)
}
