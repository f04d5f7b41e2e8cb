//! What a member has bought of each category and brand, added up: what segments ask for, and what a portrait shows.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;

use super::visits::{for_next_members, orders_of};
use crate::domain::{BoughtOf, Line, MemberId, MerchantId, Minor, Order, OrderState, Ware};
use crate::store::{Direction, Key, StoreError, Tx, layout};

/// What an order adds to what its buyer has bought of a kind of goods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    /// Whether any piece of it is left.
    pub(super) orders: u64,
    /// How many pieces are left.
    pub(super) pieces: u64,
    /// For how much.
    pub(super) spent_minor: Minor,
}

impl fmt::Display for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { orders, pieces, spent_minor } = self;
        write!(f, "{pieces} pieces in {orders} orders for {spent_minor}")
    }
}

impl Amounts {
    /// Adds what another order has.
    pub(super) fn add(&mut self, other: Self) {
        self.orders = self.orders.saturating_add(other.orders);
        self.pieces = self.pieces.saturating_add(other.pieces);
        self.spent_minor = self.spent_minor.saturating_add(other.spent_minor);
    }
}

/// What an order has of each kind of goods, but for what was given back.
pub(super) fn amounts_of(order: &Order) -> BTreeMap<Ware, Amounts> {
    let is_there = !matches!(order.state(), OrderState::Refunded { .. });
    let mut amounts: BTreeMap<Ware, Amounts> = BTreeMap::new();
    for (line, (pieces_back, minor_back)) in order.lines.iter().zip(order.given_back()) {
        for ware in wares(line) {
            let amount = amounts.entry(ware).or_default();
            if is_there {
                let pieces = u64::from(line.quantity.saturating_sub(pieces_back));
                amount.orders = amount.orders.max(pieces.min(1));
                amount.pieces = amount.pieces.saturating_add(pieces);
                amount.spent_minor = amount.spent_minor.saturating_add(line.amount_minor.saturating_sub(minor_back));
            }
        }
    }
    amounts
}

fn wares(line: &Line) -> impl Iterator<Item = Ware> {
    let category = line.category.clone().map(Ware::Category);
    category.into_iter().chain(line.brand.clone().map(Ware::Brand))
}

/// Notes what a member has bought of each kind of goods on a day. Costs a read and a write for each kind in the order, all
/// beside when they have bought, which the order changes too.
pub(super) fn note_bought(
    tx: &mut Tx,
    merchant: MerchantId,
    member: MemberId,
    day: Date,
    order: &Order,
) -> Result<(), StoreError> {
    for (ware, Amounts { orders, pieces, spent_minor }) in amounts_of(order) {
        add(tx, &layout::bought_of(merchant, member, &ware), BoughtOf { orders, pieces, spent_minor, last: day })?;
    }
    Ok(())
}

fn add(tx: &mut Tx, key: &Key, more: BoughtOf) -> Result<(), StoreError> {
    let sum = match tx.load::<BoughtOf>(key)? {
        None => more,
        Some(had) => BoughtOf {
            orders: had.orders.saturating_add(more.orders),
            pieces: had.pieces.saturating_add(more.pieces),
            spent_minor: had.spent_minor.saturating_add(more.spent_minor),
            last: had.last.max(more.last),
        },
    };
    tx.save(key, &sum)
}

/// Notes that a part of an order was given back, from what it came to before. The day stays: they came.
pub(super) fn note_given_back(
    tx: &mut Tx,
    merchant: MerchantId,
    member: MemberId,
    mut before: BTreeMap<Ware, Amounts>,
    order: &Order,
) -> Result<(), StoreError> {
    for (ware, after) in amounts_of(order) {
        let before = before.remove(&ware).unwrap_or_default();
        let key = layout::bought_of(merchant, member, &ware);
        if before == after {
            continue;
        }
        let Some(mut sum) = tx.load::<BoughtOf>(&key)? else { continue };
        sum.orders = sum.orders.saturating_sub(before.orders.saturating_sub(after.orders));
        sum.pieces = sum.pieces.saturating_sub(before.pieces.saturating_sub(after.pieces));
        sum.spent_minor = sum.spent_minor.saturating_sub(before.spent_minor.saturating_sub(after.spent_minor));
        tx.save(&key, &sum)?;
    }
    Ok(())
}

/// What a member has bought, by kinds of goods. It costs how many kinds they have bought, not how often.
///
/// # Errors
/// The store's failures.
pub fn read_bought_of(
    tx: &mut Tx,
    merchant: MerchantId,
    member: MemberId,
) -> Result<BTreeMap<Ware, BoughtOf>, StoreError> {
    let all = layout::bought_of_member(merchant, member);
    let found = tx.load_scan::<BoughtOf>(&all, Direction::Forward, usize::MAX)?;
    let ware = |key: &[u8]| layout::purchases_parts(key).and_then(|(_, ware)| ware);
    let corrupt = |key: &[u8]| StoreError::corrupt("kind of goods", key);
    found.into_iter().map(|(key, bought)| Ok((ware(&key).ok_or_else(|| corrupt(&key))?, bought))).collect()
}

/// Adds what somebody has bought to what another member has.
pub(super) fn merge_bought_of(
    tx: &mut Tx,
    merchant: MerchantId,
    gone: MemberId,
    survivor: MemberId,
) -> Result<(), StoreError> {
    for (ware, theirs) in read_bought_of(tx, merchant, gone)? {
        tx.delete(&layout::bought_of(merchant, gone, &ware));
        add(tx, &layout::bought_of(merchant, survivor, &ware), theirs)?;
    }
    Ok(())
}

/// Adds up what some of the members have bought, for stores that an older version of the host has written.
pub(super) fn add_up_next(tx: &mut Tx, after: Option<&[u8]>) -> Result<Option<Key>, StoreError> {
    for_next_members(tx, after, |tx, merchant, member| {
        let zone = merchant.time_zone.zone();
        for order in orders_of(tx, merchant.id, member)? {
            let day = zone.to_datetime(order.ordered_at).date();
            note_bought(tx, merchant.id, member, day, &order)?;
        }
        Ok(())
    })
}

/// Puts some of what members have bought beside when they have, for stores of version 7.
pub(super) fn move_next(tx: &mut Tx, _: Option<&[u8]>) -> Result<Option<Key>, StoreError> {
    const PAGE: usize = 500;
    let page = tx.scan(&layout::bought_of_apart(), Direction::Forward, PAGE)?;
    let is_all = page.len() < PAGE;
    let mut last = None;
    for (key, value) in page {
        tx.put(&layout::bought_of_moved(&key), value.to_vec())?;
        tx.delete(&key);
        last = Some(key);
    }
    Ok(last.filter(|_| !is_all))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::Label;
    use crate::store::Store;

    #[test]
    fn what_was_apart_comes_beside_the_visits() {
        let store = Store::in_memory();
        let (merchant, member) = (MerchantId::from_bytes([1; 16]), MemberId::from_bytes([2; 16]));
        let ware = |number: u32| Ware::Brand(Label::new(format!("brand {number}")).unwrap());
        let bought =
            |number: u32| BoughtOf { orders: number.into(), pieces: 1, spent_minor: 2, last: date(2026, 3, 1) };
        let was = |number: u32| {
            let mut key = layout::bought_of(merchant, member, &ware(number));
            key[0] = b'=';
            key
        };
        let count = 501;
        store.write(|tx| (0..count).try_for_each(|number| tx.save(&was(number), &bought(number)))).unwrap();
        let first = store.write(|tx| move_next(tx, None)).unwrap();
        assert_eq!(store.write(|tx| move_next(tx, first.as_deref())).unwrap(), None);
        assert!(first.is_some());
        let found = store.read(|tx| read_bought_of(tx, merchant, member)).unwrap();
        assert_eq!(found, (0..count).map(|number| (ware(number), bought(number))).collect());
        let left = store.read(|tx| tx.scan(&layout::bought_of_apart(), Direction::Forward, 1)).unwrap();
        assert!(left.is_empty());
    }
}
