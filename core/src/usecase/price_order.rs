//! What packs take off an order before its coupons count.

use super::health::CallKind;
use super::pack_decisions::Failure;
use super::{Act, Active};
use crate::domain::{Code, Event, Member, Merchant, Minor, Order, PackDiscount};
use crate::pack::{Finding, Grant, LoadedPack, Offered};
use crate::store::{StoreError, Tx};

/// What packs are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PriceFor {
    /// A quote, of which nothing is kept.
    Quote,
    /// An order that is being recorded: what packs write is kept with it.
    Order,
}

/// What one pack says.
pub(super) struct PackPrice {
    pub(super) pack: Code,
    pub(super) said: Result<Taken, NoPrice>,
}

/// What one pack has taken off.
pub(super) struct Taken {
    pub(super) discounts: Vec<PackDiscount>,
    /// Which of its rules take nothing off.
    pub(super) skipped: Vec<Finding>,
}

/// Why a pack takes nothing off, though it may.
pub(super) struct NoPrice {
    pub(super) code: String,
    pub(super) message: String,
}

/// Asks the packs of the order's store one after the other what the order costs less, and takes it off. Each sees what those
/// before it have left. One that fails takes nothing off, and nothing that it wrote is kept; of an order that is recorded all
/// the same it is told among the events.
pub(super) fn price_order(
    tx: &mut Tx,
    act: &mut Act<'_>,
    merchant: &Merchant,
    (order, buyer): (&mut Order, Option<&Member>),
    purpose: PriceFor,
) -> Result<Vec<PackPrice>, StoreError> {
    let (mut prices, store) = (Vec::new(), order.store);
    let all = act.programme.active(tx, act.merchant)?;
    for active in all.iter().filter(|active| active.stores.contains(&store)) {
        let before = tx.savepoint();
        let asked = match &active.loaded {
            _ if !active.has_grant(&Grant::Discount(1)) => continue,
            Ok(pack) if !pack.prices() => continue,
            Ok(pack) => ask(tx, act, merchant, (active, pack), (order, buyer), purpose),
            Err(error) => {
                Err(Failure::Pack { code: error.code().to_owned(), message: error.to_string(), may_pass: true })
            }
        };
        let said = match asked {
            Ok(offered) => take(order, &active.code, offered),
            Err(Failure::Store(error)) => return Err(error),
            Err(Failure::Pack { code, message, .. }) => Err(NoPrice { code, message }),
        };
        if let Err(NoPrice { code, .. }) = &said {
            tx.rollback_to(before);
            tracing::warn!(pack = %active.code, order = %order.reference, code, "a pack takes nothing off an order");
            if purpose == PriceFor::Order {
                let (pack, code) = (active.code.clone(), code.clone());
                act.tell(tx, &Event::PackFailed { pack, order: order.id, code, at: act.now })?;
            }
        }
        prices.push(PackPrice { pack: active.code.clone(), said });
    }
    Ok(prices)
}

fn ask(
    tx: &mut Tx,
    act: &mut Act<'_>,
    merchant: &Merchant,
    (active, pack): (&Active, &LoadedPack),
    (order, buyer): (&Order, Option<&Member>),
    purpose: PriceFor,
) -> Result<Offered, Failure> {
    let zone = merchant.time_zone.zone();
    let scene = active.scene(act, merchant, &zone, Some(order.store), order.ordered_at);
    let offered = match purpose {
        PriceFor::Quote => {
            act.call_for_show(tx, active, CallKind::Price, |tx| pack.quote_price(tx, &scene, order, buyer))
        }
        PriceFor::Order => act.call(tx, active, CallKind::Price, |tx| pack.price(tx, &scene, order, buyer)),
    };
    Ok(offered?)
}

/// Takes off an order what a pack takes off, if there is room for it.
fn take(order: &mut Order, pack: &Code, offered: Offered) -> Result<Taken, NoPrice> {
    let (most, most_lines) = Order::DISCOUNTS_MAX;
    let lines = |discounts: &[PackDiscount]| discounts.iter().map(|discount| discount.lines.len()).sum::<usize>();
    let discounts: Vec<_> = offered
        .discounts
        .into_iter()
        .map(|off| PackDiscount { pack: pack.clone(), rule: off.rule, title: off.title, lines: off.lines })
        .collect();
    if order.discounts.len() + discounts.len() > most || lines(&order.discounts) + lines(&discounts) > most_lines {
        let message = format!("an order has at most {most} discounts, with {most_lines} reductions of lines in all");
        return Err(NoPrice { code: "too-many-discounts".to_owned(), message });
    }
    for (place, off) in discounts.iter().flat_map(|discount| &discount.lines) {
        if let Some(line) = order.lines.get_mut(usize::from(*place)) {
            line.amount_minor = line.amount_minor.saturating_sub(*off);
        }
    }
    let off: Minor = discounts.iter().map(PackDiscount::total_minor).sum();
    order.total_minor = order.total_minor.saturating_sub(off);
    order.discounts.extend(discounts.iter().cloned());
    Ok(Taken { discounts, skipped: offered.skipped })
}
