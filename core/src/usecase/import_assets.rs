//! What members had elsewhere comes in from a file: balances and coupons, a row each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Act, find_member};
use crate::domain::{Code, ExternalId, Label, MemberId, Minor, PostingId, Reference};
use crate::ledger::{Cause, House, LedgerError, Move, NewPosting, Posting};
use crate::store::{Record, StoreError, Tx, layout, member_of};

/// One row of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetRow {
    /// The file's name for it: the same again is the same thing.
    pub reference: Reference,
    /// Whose it is.
    pub owner: Owner,
    /// Of what.
    pub unit: Code,
    /// What it is.
    pub what: Holding,
    /// What people read on the statement.
    pub reason: Option<Label>,
}

/// By what a member is known in a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A reference or a card.
    Number(Reference),
    /// What another system calls them.
    External(ExternalId),
}

/// What a member had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// An amount.
    Balance {
        /// How much, at least 1.
        amount: Minor,
        /// From when on it can not be spent any more; none for never.
        expires_at: Option<Timestamp>,
    },
    /// Coupons. They count as issued now, and for as long as their type says.
    Coupons {
        /// How many, at least 1.
        count: Minor,
    },
}

/// That something came in under a name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Brought(PostingId);

impl Record for Brought {
    const VERSION: u8 = 1;
    const NAME: &'static str = "imported asset";
}

/// What came of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetBrought {
    /// Whether it was there before.
    pub is_known: bool,
}

/// Why a row does not come in.
#[derive(Debug, thiserror::Error)]
pub enum ImportAssetError {
    /// Nobody is known by what the row says.
    #[error("there is no member with this reference, card or external id; bring in members first")]
    UnknownMember,
    /// Something else came in under the same name.
    #[error("reference: something else came in under this name before, in {0}")]
    Taken(PostingId),
    /// It has expired.
    #[error("expires_at: {0} has passed")]
    Expired(Timestamp),
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ImportAssetError {
    /// The store's failure, when it is one: then it says nothing about the row.
    pub fn of_the_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) | Self::Ledger(LedgerError::Store(error)) => Some(error),
            _ => None,
        }
    }
}

/// Gives a member what they had elsewhere. It counts as issued, and goes by the unit's limits.
///
/// # Errors
/// The first refusal in the order of [`ImportAssetError`]'s variants.
pub fn import_asset(tx: &mut Tx, act: &mut Act<'_>, row: &AssetRow) -> Result<AssetBrought, ImportAssetError> {
    let member = owner(tx, act, &row.owner)?.ok_or(ImportAssetError::UnknownMember)?;
    let unit = row.unit.clone();
    let wanted = match row.what {
        Holding::Balance { amount, expires_at } => {
            Move::Grant { member, unit, amount, expires_at, from: House::Issued }
        }
        Holding::Coupons { count } => Move::Issue { member, unit, count },
    };
    let marker = layout::imported(act.merchant, &row.reference);
    if let Some(Brought(id)) = tx.load::<Brought>(&marker)? {
        let key = layout::posting(act.merchant, id);
        let earlier: Posting = tx.load(&key)?.ok_or_else(|| StoreError::corrupt("posting (missing)", &key))?;
        return match earlier.entries.as_slice() {
            [entry] if is_same(tx, act, &entry.wanted, &wanted)? => Ok(AssetBrought { is_known: true }),
            _ => Err(ImportAssetError::Taken(id)),
        };
    }
    if let Holding::Balance { expires_at: Some(end), .. } = row.what
        && end <= act.now
    {
        return Err(ImportAssetError::Expired(end));
    }
    let id = act.ids.posting();
    let (cause, reason) = (Cause::Adjustment, row.reason.clone());
    act.book(tx)?.post(&NewPosting { id, cause, pack: None, reason, moves: vec![wanted] })?;
    tx.save(&marker, &Brought(id))?;
    Ok(AssetBrought { is_known: false })
}

fn owner(tx: &mut Tx, act: &Act<'_>, owner: &Owner) -> Result<Option<MemberId>, StoreError> {
    match owner {
        Owner::Number(number) => find_member(tx, act.merchant, number),
        Owner::External(external) => tx.load(&layout::member_by_external_id(act.merchant, external)),
    }
}

/// Whether what was booked is what a row says, even if its member has been merged into another one since.
fn is_same(tx: &mut Tx, act: &Act<'_>, booked: &Move, wanted: &Move) -> Result<bool, StoreError> {
    let mut booked = booked.clone();
    if let Move::Grant { member, .. } | Move::Issue { member, .. } = &mut booked
        && let Some(survivor) = member_of(tx, act.merchant, *member)?
    {
        *member = survivor.id;
    }
    Ok(booked == *wanted)
}
