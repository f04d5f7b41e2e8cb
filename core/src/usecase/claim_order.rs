//! A member claims an order that was recorded without one: from a receipt, an hour or a week later.

use super::bought_of::note_bought;
use super::figures::{Figure, count, count_sellers};
use super::pack_decisions::ask_packs;
use super::visits::note_visit;
use super::{Act, Reply};
use serde::{Deserialize, Serialize};

use crate::domain::{Event, MemberId, MerchantId, Order, OrderId, OrderState};
use crate::store::{Key, Order3, Order4, Record, StoreError, Tx, layout, member_of, whole};

/// An order that was claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// The order, the member's.
    pub order: Order,
}

impl Record for Claimed {
    const VERSION: u8 = 3;
    const NAME: &'static str = "claimed order";

    /// Before orders said who acted, and before packs took something off.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        let order = match version {
            1 => whole::<Order3>(body)?.into(),
            2 => whole::<Order4>(body)?.into(),
            _ => return None,
        };
        Some(Self { order })
    }
}

impl Reply for Claimed {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::order(merchant, self.order.id))
    }
}

/// Why an order is not claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Not an order of the merchant.
    #[error("there is no order {0}")]
    UnknownOrder(OrderId),
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// It is somebody's.
    #[error("order {0} is a member's already")]
    HasMember(OrderId),
    /// Something of it was given back.
    #[error("order {0} was given back, or parts of it")]
    Refunded(OrderId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes an order a member's, and asks the packs of its store again what it gives, now that there is a buyer: at the time
/// at which it was made, by the rules that are in force now. What packs that are not asked any more had a part in stays with
/// the order.
///
/// # Errors
/// The first refusal in the order of [`ClaimError`]'s variants.
pub fn claim_order(tx: &mut Tx, act: &mut Act<'_>, id: OrderId, member: MemberId) -> Result<Claimed, ClaimError> {
    let key = layout::order(act.merchant, id);
    let mut order = tx.load::<Order>(&key)?.ok_or(ClaimError::UnknownOrder(id))?;
    let buyer = member_of(tx, act.merchant, member)?.ok_or(ClaimError::UnknownMember(member))?;
    let member = buyer.id;
    if order.member.is_some() {
        return Err(ClaimError::HasMember(id));
    }
    if order.state() != OrderState::Settled {
        return Err(ClaimError::Refunded(id));
    }
    let merchant = act.merchant(tx)?;
    act.store = Some(order.store);
    (order.member, order.claimed_by, order.claimed_at) = (Some(member), Some(act.source()), Some(act.now));
    let asked = ask_packs(tx, act, &merchant, &order, Some(&buyer))?;
    // Who had a part in it and is not asked any more still hears of it when it is given back.
    order.outcomes.retain(|earlier| asked.iter().all(|outcome| outcome.pack != earlier.pack));
    order.outcomes.extend(asked);
    tx.save(&key, &order)?;
    tx.put(&layout::member_order(act.merchant, member, id), Vec::new())?;
    let zone = merchant.time_zone.zone();
    let mut moves = vec![(Figure::MemberOrders, 1), (Figure::MemberRevenueMinor, order.total_minor)];
    let day = zone.to_datetime(order.ordered_at).date();
    moves.extend(note_visit(tx, act, member, day, order.total_minor)?);
    note_bought(tx, act.merchant, member, day, &order)?;
    count(tx, act.merchant, &zone, order.ordered_at, Some(order.store), &moves)?;
    count_sellers(tx, act.merchant, &zone, order.ordered_at, (order.store, order.served_by.as_ref()), &moves)?;
    act.tell(tx, &Event::OrderClaimed { order: id, member, at: act.now })?;
    Ok(Claimed { order })
}
