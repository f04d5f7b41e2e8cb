//! What a member has bought, added up, and on which days: for who is new, who comes back, who was not seen for long, and
//! who is worth how much.

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Act;
use super::figures::Figure;
use crate::domain::{MemberId, Merchant, MerchantId, Minor, Order, OrderState};
use crate::store::{Direction, Key, Record, StoreError, Tx, layout, whole};

/// What a member has bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visits {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
    /// On how many days.
    pub days: u32,
    /// How many orders, but for those that were given back as a whole.
    pub orders: u64,
    /// For how much, but for what was given back.
    pub spent_minor: Minor,
}

impl Record for Visits {
    const VERSION: u8 = 2;
    const NAME: &'static str = "purchases of a member";

    /// Version 1 did not add up orders; a migration does.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        let (first, last, days) = (version == 1).then(|| whole(body))??;
        Some(Self { first, last, days, orders: 0, spent_minor: 0 })
    }
}

/// Notes that a member has bought for so much on a day, and says which figures that moves.
pub(super) fn note_visit(
    tx: &mut Tx,
    act: &Act<'_>,
    member: MemberId,
    day: Date,
    total_minor: Minor,
) -> Result<Vec<(Figure, u64)>, StoreError> {
    let key = layout::visits_of(act.merchant, member);
    let earlier = tx.load::<Visits>(&key)?;
    let on_day = layout::visit(act.merchant, day, member);
    let is_new_day = match &earlier {
        None => true,
        Some(earlier) => earlier.last != day && tx.get(&on_day)?.is_none(),
    };
    let mut visits = earlier.clone().unwrap_or(Visits { first: day, last: day, days: 0, orders: 0, spent_minor: 0 });
    visits.orders = visits.orders.saturating_add(1);
    visits.spent_minor = visits.spent_minor.saturating_add(total_minor);
    if is_new_day {
        (visits.first, visits.last) = (day.min(visits.first), day.max(visits.last));
        visits.days = visits.days.saturating_add(1);
        tx.put(&on_day, Vec::new())?;
    }
    tx.save(&key, &visits)?;
    if !is_new_day {
        return Ok(Vec::new());
    }
    let mut moves = vec![(Figure::MembersActive, 1)];
    if earlier.is_some_and(|earlier| earlier.first < day) {
        moves.push((Figure::MembersReturning, 1));
    }
    let reached = match visits.days {
        1 => Some(Figure::FirstDays),
        2 => Some(Figure::SecondDays),
        3 => Some(Figure::ThirdDays),
        5 => Some(Figure::FifthDays),
        10 => Some(Figure::TenthDays),
        _ => None,
    };
    moves.extend(reached.map(|figure| (figure, 1)));
    Ok(moves)
}

/// Notes that a part of what a member bought was given back, the last of an order or not. The days stay: they came.
pub(super) fn note_return(
    tx: &mut Tx,
    merchant: MerchantId,
    member: MemberId,
    amount_minor: Minor,
    completes: bool,
) -> Result<(), StoreError> {
    let key = layout::visits_of(merchant, member);
    let Some(mut visits) = tx.load::<Visits>(&key)? else { return Ok(()) };
    visits.orders = visits.orders.saturating_sub(completes.into());
    visits.spent_minor = visits.spent_minor.saturating_sub(amount_minor);
    tx.save(&key, &visits)
}

/// Adds up what some of the members have bought, for stores that an older version of the host has written.
pub(super) fn add_up_next(tx: &mut Tx, after: Option<&[u8]>) -> Result<Option<Key>, StoreError> {
    for_next_members(tx, after, add_up)
}

/// Does something for some of all members, those behind the last that was come to. Returns the last of them.
pub(super) fn for_next_members(
    tx: &mut Tx,
    after: Option<&[u8]>,
    mut each: impl FnMut(&mut Tx, &Merchant, MemberId) -> Result<(), StoreError>,
) -> Result<Option<Key>, StoreError> {
    const PAGE: usize = 50;
    let all = layout::all_members();
    let rest = after.map_or(all.clone(), |after| all.after(after));
    let page = tx.scan(&rest, Direction::Forward, PAGE)?;
    for (key, _) in &page {
        let corrupt = || StoreError::corrupt("key of a member", key);
        let merchant = layout::merchant_of(key).ok_or_else(corrupt)?;
        let member = layout::listed_member(key).ok_or_else(corrupt)?;
        let of_merchant = layout::merchant(merchant);
        let record = tx.load::<Merchant>(&of_merchant)?;
        let record = record.ok_or_else(|| StoreError::corrupt("merchant (missing)", &of_merchant))?;
        each(tx, &record, member)?;
    }
    Ok(page.into_iter().next_back().map(|(key, _)| key))
}

fn add_up(tx: &mut Tx, merchant: &Merchant, member: MemberId) -> Result<(), StoreError> {
    let zone = merchant.time_zone.zone();
    let mut visits: Option<Visits> = None;
    for order in orders_of(tx, merchant.id, member)? {
        let day = zone.to_datetime(order.ordered_at).date();
        let on_day = layout::visit(merchant.id, day, member);
        let sum = visits.get_or_insert(Visits { first: day, last: day, days: 0, orders: 0, spent_minor: 0 });
        (sum.first, sum.last) = (day.min(sum.first), day.max(sum.last));
        let (orders, spent_minor) = bought(&order);
        sum.orders = sum.orders.saturating_add(orders);
        sum.spent_minor = sum.spent_minor.saturating_add(spent_minor);
        tx.put(&on_day, Vec::new())?;
    }
    let Some(mut visits) = visits else { return Ok(()) };
    for day in visits.first.series(Span::new().days(1)).take_while(|day| *day <= visits.last) {
        visits.days = visits.days.saturating_add(tx.get(&layout::visit(merchant.id, day, member))?.is_some().into());
    }
    tx.save(&layout::visits_of(merchant.id, member), &visits)
}

/// All orders of a member.
pub(super) fn orders_of(tx: &mut Tx, merchant: MerchantId, member: MemberId) -> Result<Vec<Order>, StoreError> {
    let mut orders = Vec::new();
    for (key, _) in tx.scan(&layout::orders_of(merchant, member), Direction::Forward, usize::MAX)? {
        let missing = || StoreError::corrupt("member's orders (one is not there)", &key);
        let order = layout::listed_order(&key).ok_or_else(missing)?;
        orders.push(tx.load(&layout::order(merchant, order))?.ok_or_else(missing)?);
    }
    Ok(orders)
}

/// What an order adds to what its buyer has bought: as an order, and in money.
pub(super) fn bought(order: &Order) -> (u64, Minor) {
    let back: Minor = order.refunds.iter().map(|refund| refund.amount_minor).sum();
    let is_there = !matches!(order.state(), OrderState::Refunded { .. });
    (is_there.into(), order.total_minor.saturating_sub(back))
}

/// What a member has bought; none when nothing ever.
///
/// # Errors
/// The store's failures.
pub fn read_visits(tx: &mut Tx, merchant: MerchantId, member: MemberId) -> Result<Option<Visits>, StoreError> {
    tx.load(&layout::visits_of(merchant, member))
}

/// Makes the days on which somebody has bought those of another member too. Costs a read for each day between their first
/// and their last.
pub(super) fn merge_visits(
    tx: &mut Tx,
    merchant: MerchantId,
    gone: MemberId,
    survivor: MemberId,
) -> Result<(), StoreError> {
    let Some(theirs) = tx.load::<Visits>(&layout::visits_of(merchant, gone))? else { return Ok(()) };
    let key = layout::visits_of(merchant, survivor);
    let own = tx.load::<Visits>(&key)?;
    let (orders, spent_minor) = own.as_ref().map_or((0, 0), |own| (own.orders, own.spent_minor));
    let mut days = own.as_ref().map_or(0, |own| own.days);
    for day in theirs.first.series(Span::new().days(1)).take_while(|day| *day <= theirs.last) {
        let visit = layout::visit(merchant, day, gone);
        if tx.get(&visit)?.is_some() {
            tx.delete(&visit);
            let visit = layout::visit(merchant, day, survivor);
            if tx.get(&visit)?.is_none() {
                tx.put(&visit, Vec::new())?;
                days = days.saturating_add(1);
            }
        }
    }
    let (first, last) = own.map_or((theirs.first, theirs.last), |own| (own.first, own.last));
    let visits = Visits {
        first: first.min(theirs.first),
        last: last.max(theirs.last),
        days,
        orders: orders.saturating_add(theirs.orders),
        spent_minor: spent_minor.saturating_add(theirs.spent_minor),
    };
    tx.delete(&layout::visits_of(merchant, gone));
    tx.save(&key, &visits)
}
