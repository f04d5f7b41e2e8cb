//! An order is given back as a whole.

use serde::{Deserialize, Serialize};

use super::figures::{Figure, count};
use super::settle_order::log;
use super::{Act, Reply};
use crate::domain::{Event, Label, Member, MerchantId, Order, OrderId, OrderState, PackResult, PostingId};
use crate::ledger::{Cause, LedgerError, Move, NewPosting};
use crate::pack::CallError;
use crate::store::{Key, Order1, Record, StoreError, Tx, layout, whole};

/// What is given back.
#[derive(Clone, Debug)]
pub struct RefundOrder {
    /// The order.
    pub order: OrderId,
    /// Why, for people.
    pub reason: Option<Label>,
}

/// An order that was given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunded {
    /// The order, refunded.
    pub order: Order,
}

impl Record for Refunded {
    const VERSION: u8 = 2;
    const NAME: &'static str = "refunded order";

    /// Before lines had a brand.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        let order = (version == 1).then(|| whole::<Order1>(body))??;
        Some(Self { order: order.into() })
    }
}

impl Reply for Refunded {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::order(merchant, self.order.id))
    }
}

/// Why an order is not given back.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    /// Not an order of the merchant.
    #[error("there is no order {0}")]
    UnknownOrder(OrderId),
    /// It was given back before.
    #[error("order {0} is refunded already")]
    AlreadyRefunded(OrderId),
    /// The ledger refuses: its records are wrong.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes back what the order earned, in the reverse order, and lets the packs that took part know. What was spent
/// already becomes a debt. A pack that fails here is left out, and its failure is among the events.
///
/// # Errors
/// The first refusal in the order of [`RefundError`]'s variants.
pub fn refund_order(tx: &mut Tx, act: &mut Act<'_>, refund: &RefundOrder) -> Result<Refunded, RefundError> {
    let key = layout::order(act.merchant, refund.order);
    let mut order = tx.load::<Order>(&key)?.ok_or(RefundError::UnknownOrder(refund.order))?;
    if let OrderState::Refunded { .. } = order.state {
        return Err(RefundError::AlreadyRefunded(order.id));
    }
    act.store = Some(order.store);
    let reversals = reverse_postings(tx, act, &order, refund.reason.as_ref())?;
    order.state = OrderState::Refunded { at: act.now, reason: refund.reason.clone(), reversals };
    tell_packs(tx, act, &order)?;
    tx.save(&key, &order)?;
    let zone = act.merchant(tx)?.time_zone.zone();
    let moves = [(Figure::Refunds, 1), (Figure::RefundedMinor, order.total_minor)];
    count(tx, act.merchant, &zone, act.now, Some(order.store), &moves)?;
    act.tell(tx, &Event::OrderRefunded { order: order.id, member: order.member, at: act.now })?;
    Ok(Refunded { order })
}

fn reverse_postings(
    tx: &mut Tx,
    act: &mut Act<'_>,
    order: &Order,
    reason: Option<&Label>,
) -> Result<Vec<PostingId>, LedgerError> {
    let mut reversals = Vec::new();
    for outcome in order.outcomes.iter().rev() {
        let PackResult::Done { posting: Some(posting), .. } = outcome.result else { continue };
        let id = act.ids.posting();
        let moves = vec![Move::Reverse { posting }];
        let pack = Some(outcome.pack.clone());
        act.book(tx)?.post(&NewPosting { id, cause: Cause::Refund(order.id), pack, reason: reason.cloned(), moves })?;
        reversals.push(id);
    }
    Ok(reversals)
}

fn tell_packs(tx: &mut Tx, act: &mut Act<'_>, order: &Order) -> Result<(), StoreError> {
    let merchant = act.merchant(tx)?;
    let zone = merchant.time_zone.zone();
    let buyer = match order.member {
        Some(id) => tx.load::<Member>(&layout::member(merchant.id, id))?,
        None => None,
    };
    for outcome in &order.outcomes {
        let PackResult::Done { .. } = outcome.result else { continue };
        let Some(active) = act.programme.find(tx, merchant.id, &outcome.pack)? else { continue };
        let Ok(pack) = &active.loaded else { continue };
        let scene = active.scene(&merchant, &zone, Some(order.store), act.now, act.now, act.ids.bits());
        let verdict = pack.refunded(tx, &scene, order, buyer.as_ref());
        log(&active, &verdict.lines);
        match verdict.result {
            Ok(()) | Err(CallError::NotExported { .. }) => {}
            Err(CallError::Store(error)) => return Err(error),
            Err(error) => {
                let code = error.code().to_owned();
                tracing::warn!(pack = %active.code, order = %order.id, code, "a pack failed in its part of a refund");
                act.tell(tx, &Event::PackFailed { pack: active.code, order: order.id, code, at: act.now })?;
            }
        }
    }
    Ok(())
}
