//! Figures: how much of what happened on which day in which store. Counters that the transaction moves which causes
//! them, so reading them costs the same at any number of orders.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::{MerchantId, StoreId};
use crate::store::{Direction, StoreError, Tx, layout};

/// What is counted for each day and store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Orders settled.
    Orders,
    /// Their totals, in minor units.
    RevenueMinor,
    /// Orders refunded.
    Refunds,
    /// Their totals, in minor units.
    RefundedMinor,
    /// Members who joined.
    MembersNew,
}

impl Figure {
    const ALL: [Self; 5] = [Self::Orders, Self::RevenueMinor, Self::Refunds, Self::RefundedMinor, Self::MembersNew];

    const fn letter(self) -> u8 {
        match self {
            Self::Orders => b'o',
            Self::RevenueMinor => b'r',
            Self::Refunds => b'g',
            Self::RefundedMinor => b'b',
            Self::MembersNew => b'm',
        }
    }

    fn of(letter: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.letter() == letter)
    }
}

/// The store of what happened in none.
const NO_STORE: StoreId = StoreId::from_bytes([0; 16]);

/// Moves figures of the day on which `at` falls in the merchant's zone.
pub(super) fn count(
    tx: &mut Tx,
    merchant: MerchantId,
    zone: &TimeZone,
    at: Timestamp,
    store: Option<StoreId>,
    moves: &[(Figure, u64)],
) -> Result<(), StoreError> {
    let day = zone.to_datetime(at).date();
    for (figure, by) in moves {
        let key = layout::figure(merchant, day, store.unwrap_or(NO_STORE), figure.letter());
        tx.add(&key, i64::try_from(*by).unwrap_or(i64::MAX))?;
    }
    Ok(())
}

/// Sums of figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// By store; what happened in none is under no store.
    pub stores: BTreeMap<Option<StoreId>, BTreeMap<Figure, i64>>,
}

impl Figures {
    /// The sum of a figure over all stores.
    pub fn total(&self, figure: Figure) -> i64 {
        self.stores.values().filter_map(|figures| figures.get(&figure)).sum()
    }
}

/// The figures of a merchant from one day to another, both included.
///
/// # Errors
/// The store's failures.
pub fn read_figures(tx: &mut Tx, merchant: MerchantId, from: Date, to: Date) -> Result<Figures, StoreError> {
    let mut figures = Figures::default();
    let range = layout::figures(merchant, from, to);
    for (key, value) in tx.scan(&range, Direction::Forward, usize::MAX)? {
        let known = layout::figure_parts(&key).and_then(|(store, letter)| Some((store, Figure::of(letter)?)));
        let (Some((store, figure)), Ok(value)) = (known, <[u8; 8]>::try_from(value)) else {
            return Err(StoreError::corrupt("figure", &key));
        };
        let store = (store != NO_STORE).then_some(store);
        *figures.stores.entry(store).or_default().entry(figure).or_default() += i64::from_le_bytes(value);
    }
    Ok(figures)
}
