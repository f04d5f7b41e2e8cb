//! What a member holds, at a glance.

use jiff::Timestamp;

use crate::domain::{Code, IdSource, MemberId, Merchant, MerchantId, Minor, Source, Unit, UnitKind};
use crate::ledger::{Account, Balance, Book, House, LedgerError, Lot, Terms};
use crate::store::layout::Side;
use crate::store::{Direction, StoreError, Tx, layout, member_of};

/// What a member holds of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Of what.
    pub unit: Unit,
    /// Spendable now.
    pub available: Minor,
    /// Set aside in holds.
    pub held: Minor,
    /// Granted, but not released yet.
    pub pending: Minor,
    /// What the member owes.
    pub debt: Minor,
    /// What expires next: when, and how much of it is in that lot.
    pub expires_next: Option<(Timestamp, Minor)>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// The ledger's records are wrong.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All that a member holds: the units that they have or once had, and the coupons that they have. Its cost grows with
/// those, not with what the merchant has defined.
///
/// # Errors
/// The first refusal in the order of [`AssetsError`]'s variants.
pub fn read_assets(
    tx: &mut Tx,
    merchant: MerchantId,
    now: Timestamp,
    member: MemberId,
) -> Result<Vec<Asset>, AssetsError> {
    let member = member_of(tx, merchant, member)?.ok_or(AssetsError::UnknownMember(member))?.id;
    let key = layout::merchant(merchant);
    let record = tx.load::<Merchant>(&key)?.ok_or_else(|| StoreError::corrupt("merchant (missing)", &key))?;
    let zone = record.time_zone.zone();
    let mut accounts = Vec::new();
    tx.each::<Account>(&layout::accounts_of(merchant, member), |key, account| accounts.push((key.to_vec(), account)))?;
    let mut assets = Vec::new();
    for (key, account) in accounts {
        let terms = Terms { merchant, zone: zone.clone(), now, store: None, by: Source::Host };
        assets.extend(asset_of(tx, terms, &key, &account)?.map(|(_, asset)| asset));
    }
    Ok(assets)
}

/// Whose an account is and what is in it, by its key and its record; none when it is of coupons and has none.
pub(super) fn asset_of(
    tx: &mut Tx,
    terms: Terms,
    key: &[u8],
    account: &Account,
) -> Result<Option<(MemberId, Asset)>, AssetsError> {
    let Some((member, code)) = layout::owner(key) else {
        return Err(StoreError::corrupt("key of an account", key).into());
    };
    let (merchant, now) = (terms.merchant, terms.now);
    let of_unit = layout::unit(merchant, &code);
    let unit = tx.load::<Unit>(&of_unit)?.ok_or_else(|| StoreError::corrupt("unit (missing)", &of_unit))?;
    if unit.kind == UnitKind::Coupon && account.is_empty() {
        return Ok(None);
    }
    // Reading makes no ids.
    let balance = Book::new(tx, &mut IdSource::new(now, 0), terms).balance(member, &code)?;
    if unit.kind == UnitKind::Coupon && balance == Balance::default() {
        return Ok(None);
    }
    let expires_next = expires_next(tx, merchant, now, member, &code)?;
    let Balance { available, held, pending, debt } = balance;
    Ok(Some((member, Asset { unit, available, held, pending, debt, expires_next })))
}

fn expires_next(
    tx: &mut Tx,
    merchant: MerchantId,
    now: Timestamp,
    member: MemberId,
    unit: &Code,
) -> Result<Option<(Timestamp, Minor)>, StoreError> {
    let mut range = layout::open_lots(merchant, member, unit);
    range.start = layout::lapsed_lots(merchant, member, unit, now).end;
    let first = tx.load_scan::<Lot>(&range, Direction::Forward, 1)?.into_iter().next();
    Ok(first.and_then(|(_, lot)| Some((lot.expires_at?, lot.remaining))))
}

/// All that ever left or came to one of the merchant's own accounts in a unit: the debits of [`House::Issued`] are all
/// that was ever granted, before what was taken back.
///
/// # Errors
/// The store's failures.
pub fn house_total(
    tx: &mut Tx,
    merchant: MerchantId,
    house: House,
    side: Side,
    unit: &Code,
) -> Result<i64, StoreError> {
    tx.counter(&layout::house(merchant, house.letter(), side, unit))
}
