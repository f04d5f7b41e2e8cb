//! Figures: how much of what happened on which day in which store. Counters that the transaction moves which causes
//! them, so reading them costs the same at any number of orders.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Act;
use crate::domain::{Code, Label, Line, MerchantId, Minor, Seller, Served, StoreId};
use crate::ledger::House;
use crate::store::layout::{self, Selling, Side};
use crate::store::{Direction, Key, KeyRange, StoreError, Tx, decode_counter};

macro_rules! figures {
    ($($(#[$doc:meta])* $figure:ident $letter:literal $name:literal;)*) => {
        /// What is counted for each day and store.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Figure {$(
            $(#[$doc])*
            $figure,
        )*}

        impl Figure {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$figure,)*];

            /// Its letter in keys.
            pub(super) const fn letter(self) -> u8 {
                match self {
                    $(Self::$figure => $letter,)*
                }
            }

            /// Its name in interfaces.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$figure => $name,)*
                }
            }
        }
    };
}

figures! {
    /// Orders settled.
    Orders b'o' "orders";
    /// Their totals, in minor units.
    RevenueMinor b'r' "revenue_minor";
    /// Refunds, of whole orders or parts.
    Refunds b'g' "refunds";
    /// What was refunded, in minor units.
    RefundedMinor b'b' "refunded_minor";
    /// Members who joined.
    MembersNew b'm' "members_new";
    /// Of these, members whom others brought.
    MembersReferred b'k' "members_referred";
    /// Orders of members.
    MemberOrders b'p' "member_orders";
    /// Their totals, in minor units.
    MemberRevenueMinor b'v' "member_revenue_minor";
    /// Members who bought, each once a day, in the store of their first order of the day that was recorded.
    MembersActive b'a' "members_active";
    /// Of these, members who had bought on an earlier day.
    MembersReturning b'e' "members_returning";
    /// Members who bought on a first day.
    FirstDays b'1' "first_days";
    /// Members who bought on a second day.
    SecondDays b'2' "second_days";
    /// Members who bought on a third day.
    ThirdDays b'3' "third_days";
    /// Members who bought on a fifth day.
    FifthDays b'5' "fifth_days";
    /// Members who bought on a tenth day.
    TenthDays b't' "tenth_days";
}

impl Figure {
    pub(super) fn of(letter: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|figure| figure.letter() == letter)
    }

    /// Whether it is counted for staff and teams, too.
    pub fn is_of_sellers(self) -> bool {
        OF_SELLERS.contains(&self)
    }

    /// The figure of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|figure| figure.name() == name)
    }
}

/// How many pieces were sold, as a figure of a SKU or category; the other one is [`Figure::RevenueMinor`].
const PIECES: u8 = b'q';

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
        tx.add(&layout::figure(merchant, day, store, figure.letter()), signed(*by))?;
    }
    Ok(())
}

/// The figures that are counted for whoever served as well.
const OF_SELLERS: [Figure; 6] = [
    Figure::Orders,
    Figure::RevenueMinor,
    Figure::Refunds,
    Figure::RefundedMinor,
    Figure::MemberOrders,
    Figure::MemberRevenueMinor,
];

/// Moves figures of whoever served, and of their team.
pub(super) fn count_sellers(
    tx: &mut Tx,
    merchant: MerchantId,
    zone: &TimeZone,
    at: Timestamp,
    (store, served_by): (StoreId, Option<&Served>),
    moves: &[(Figure, u64)],
) -> Result<(), StoreError> {
    let day = zone.to_datetime(at).date();
    for seller in served_by.iter().flat_map(|served| served.sellers()) {
        for (figure, by) in moves.iter().filter(|(figure, _)| figure.is_of_sellers()) {
            tx.add(&layout::seller_figure(merchant, day, store, &seller, figure.letter()), signed(*by))?;
        }
    }
    Ok(())
}

/// Counts an order for its hour, and its lines for their SKUs and categories.
pub(super) fn count_order(
    tx: &mut Tx,
    act: &Act<'_>,
    zone: &TimeZone,
    at: Timestamp,
    store: StoreId,
    (lines, total_minor): (&[Line], Minor),
) -> Result<(), StoreError> {
    let (merchant, local, store) = (act.merchant, zone.to_datetime(at), Some(store));
    let (day, hour) = (local.date(), local.hour().unsigned_abs());
    for (figure, by) in [(Figure::Orders, 1), (Figure::RevenueMinor, total_minor)] {
        tx.add(&layout::hour_figure(merchant, day, store, hour, figure.letter()), signed(by))?;
    }
    for line in lines {
        let category = line.category.as_ref().map(|category| (Selling::Category, category));
        for (kind, name) in category.into_iter().chain([(Selling::Sku, &line.sku)]) {
            for (figure, by) in [(PIECES, u64::from(line.quantity)), (Figure::RevenueMinor.letter(), line.amount_minor)]
            {
                tx.add(&layout::selling(merchant, day, store, kind, name, figure), signed(by))?;
            }
        }
    }
    Ok(())
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// Sums of figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// By store; what happened in none is under no store.
    pub stores: BTreeMap<Option<StoreId>, Counts>,
    /// By day, all stores together.
    pub days: BTreeMap<Date, Counts>,
}

/// Figures with their values.
pub type Counts = BTreeMap<Figure, i64>;

/// The figures of a store's day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCounts {
    /// The day, in the merchant's time zone.
    pub day: Date,
    /// The store; none for what happened in none.
    pub store: Option<StoreId>,
    /// The figures.
    pub counts: Counts,
}

impl Figures {
    /// The sum of a figure over all stores.
    pub fn total(&self, figure: Figure) -> i64 {
        self.stores.values().filter_map(|figures| figures.get(&figure)).sum()
    }
}

/// The figures of a merchant from one day to another, both included; of one store only, if one is named.
///
/// # Errors
/// The store's failures.
pub fn read_figures(
    tx: &mut Tx,
    merchant: MerchantId,
    (from, to): (Date, Date),
    only: Option<StoreId>,
) -> Result<Figures, StoreError> {
    let mut figures = Figures::default();
    each(tx, &layout::figures(merchant, from, to), |key, value| {
        let (day, store, letter) = layout::figure_parts(key)?;
        let figure = Figure::of(letter)?;
        if only.is_none() || store == only {
            for counts in [figures.stores.entry(store).or_default(), figures.days.entry(day).or_default()] {
                *counts.entry(figure).or_default() += value;
            }
        }
        Some(())
    })?;
    Ok(figures)
}

/// The figures of whole days, by day and store, of the first days behind one on which anything happened: of so many that
/// there are `limit` lines, or a day more. The last day of them, when there may be more.
///
/// # Errors
/// The store's failures.
pub fn export_figures(
    tx: &mut Tx,
    merchant: MerchantId,
    mut after: Option<Date>,
    limit: usize,
) -> Result<(Vec<DayCounts>, Option<Date>), StoreError> {
    let mut lines = Vec::new();
    while lines.len() < limit {
        let from = match after {
            None => Date::ZERO,
            Some(after) => match after.tomorrow() {
                Ok(next) => next,
                Err(_) => return Ok((lines, None)),
            },
        };
        let next = tx.scan(&layout::figures(merchant, from, Date::MAX), Direction::Forward, 1)?;
        let Some((key, _)) = next.first() else { return Ok((lines, None)) };
        let (day, ..) = layout::figure_parts(key).ok_or_else(|| StoreError::corrupt("figure", key))?;
        let stores = read_figures(tx, merchant, (day, day), None)?.stores;
        lines.extend(stores.into_iter().map(|(store, counts)| DayCounts { day, store, counts }));
        after = Some(day);
    }
    Ok((lines, after))
}

/// Orders and revenue by the hour of the merchant's day, from one day to another, both included.
///
/// # Errors
/// The store's failures.
pub fn read_hours(
    tx: &mut Tx,
    merchant: MerchantId,
    (from, to): (Date, Date),
    only: Option<StoreId>,
) -> Result<[Counts; 24], StoreError> {
    let mut hours: [Counts; 24] = std::array::from_fn(|_| Counts::new());
    each(tx, &layout::hour_figures(merchant, from, to), |key, value| {
        let (_, store, hour, letter) = layout::hour_figure_parts(key)?;
        let (figure, counts) = (Figure::of(letter)?, hours.get_mut(usize::from(hour))?);
        if only.is_none() || store == only {
            *counts.entry(figure).or_default() += value;
        }
        Some(())
    })?;
    Ok(hours)
}

/// What was sold of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sold {
    /// The SKU or category.
    pub name: Label,
    /// How many pieces.
    pub pieces: i64,
    /// For how much, in minor units.
    pub revenue_minor: i64,
}

/// What sold best from one day to another, both included: by revenue, then by name. It costs what was sold of different
/// things on different days, so the range should be short.
///
/// # Errors
/// The store's failures.
pub fn read_best_sellers(
    tx: &mut Tx,
    merchant: MerchantId,
    (from, to): (Date, Date),
    only: Option<StoreId>,
    kind: Selling,
    limit: usize,
) -> Result<Vec<Sold>, StoreError> {
    let mut sold: BTreeMap<Label, (i64, i64)> = BTreeMap::new();
    each(tx, &layout::sellings(merchant, from, to), |key, value| {
        let (_, store, found, name, letter) = layout::selling_parts(key)?;
        if found == kind && (only.is_none() || store == only) {
            let (pieces, revenue) = sold.entry(name).or_default();
            *(if letter == PIECES { pieces } else { revenue }) += value;
        }
        Some(())
    })?;
    let sold = sold.into_iter().map(|(name, (pieces, revenue_minor))| Sold { name, pieces, revenue_minor });
    let mut sold: Vec<Sold> = sold.collect();
    sold.sort_by(|one, other| other.revenue_minor.cmp(&one.revenue_minor).then_with(|| one.name.cmp(&other.name)));
    sold.truncate(limit);
    Ok(sold)
}

/// What staff and teams have sold from one day to another, both included: by revenue, the most first, then by who they
/// are. It costs what there are staff on different days, so the range should be short.
///
/// # Errors
/// The store's failures.
pub fn read_sellers(
    tx: &mut Tx,
    merchant: MerchantId,
    (from, to): (Date, Date),
    only: Option<StoreId>,
) -> Result<Vec<(Seller, Counts)>, StoreError> {
    let mut sold: BTreeMap<Seller, Counts> = BTreeMap::new();
    each(tx, &layout::seller_figures(merchant, from, to), |key, value| {
        let (store, seller, letter) = layout::seller_figure_parts(key)?;
        let figure = Figure::of(letter)?;
        if only.is_none_or(|only| only == store) {
            *sold.entry(seller).or_default().entry(figure).or_default() += value;
        }
        Some(())
    })?;
    let mut sold: Vec<_> = sold.into_iter().collect();
    let revenue = |counts: &Counts| counts.get(&Figure::RevenueMinor).copied().unwrap_or(0);
    sold.sort_by_key(|(_, counts)| Reverse(revenue(counts)));
    Ok(sold)
}

/// What became of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitFlow {
    /// Given to members.
    pub issued: i64,
    /// Taken back from what was given.
    pub taken_back: i64,
    /// Paid in by members, for stored value.
    pub paid_in: i64,
    /// Spent by members.
    pub spent: i64,
    /// Given back of what was spent.
    pub given_back: i64,
    /// Expired.
    pub expired: i64,
}

/// What became of units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    /// By store; what was done in none is under no store.
    pub stores: BTreeMap<Option<StoreId>, UnitFlows>,
    /// By day, all stores together.
    pub days: BTreeMap<Date, UnitFlows>,
    /// All together.
    pub total: UnitFlows,
}

/// What became of each unit, but for those of which nothing did.
pub type UnitFlows = BTreeMap<Code, UnitFlow>;

impl UnitFlow {
    /// Adds what went through a house account.
    fn add(&mut self, house: House, side: Side, value: i64) {
        match (house, side) {
            (House::Issued, Side::Debits) => self.issued += value,
            (House::Issued, Side::Credits) => self.taken_back += value,
            (House::Cash, Side::Debits) => self.paid_in += value,
            (House::Cash, Side::Credits) => self.paid_in -= value,
            (House::Redeemed, Side::Credits) => self.spent += value,
            (House::Redeemed, Side::Debits) => self.given_back += value,
            (House::Expired, Side::Credits) => self.expired += value,
            (House::Expired, Side::Debits) => self.expired -= value,
            (
                House::Debt
                | House::Held
                | House::Pending
                | House::Forgiven
                | House::Transit
                | House::Partners
                | House::Dealings,
                _,
            ) => {}
        }
    }
}

/// What became of each unit from one day to another, both included. What was booked before these were counted by day is
/// not in it.
///
/// # Errors
/// The store's failures.
pub fn read_flows(
    tx: &mut Tx,
    merchant: MerchantId,
    (from, to): (Date, Date),
    only: Option<StoreId>,
) -> Result<Flows, StoreError> {
    let mut flows = Flows::default();
    each(tx, &layout::flows(merchant, from, to), |key, value| {
        let (day, store, flow) = layout::flow_parts(key)?;
        if only.is_some() && store != only {
            return Some(());
        }
        let house = House::ALL.into_iter().find(|house| house.letter() == flow.house)?;
        let Flows { stores, days, total } = &mut flows;
        for units in [stores.entry(store).or_default(), days.entry(day).or_default(), total] {
            units.entry(flow.unit.clone()).or_default().add(house, flow.side, value);
        }
        Some(())
    })?;
    for units in flows.stores.values_mut().chain(flows.days.values_mut()) {
        units.retain(|_, flow| *flow != UnitFlow::default());
    }
    Ok(flows)
}

/// Hands every counter of a range to `take`, which answers nothing when it can not read the key.
fn each(tx: &mut Tx, range: &KeyRange, mut take: impl FnMut(&Key, i64) -> Option<()>) -> Result<(), StoreError> {
    for (key, value) in tx.scan(range, Direction::Forward, usize::MAX)? {
        let value = decode_counter(&key, Some(&value))?;
        take(&key, value).ok_or_else(|| StoreError::corrupt("figure", &key))?;
    }
    Ok(())
}
