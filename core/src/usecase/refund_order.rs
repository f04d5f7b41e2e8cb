//! An order is given back, as a whole or in parts.
//!
//! Of what the order earned, as much is undone as the part is of the order's total, rounded down; what it was paid with goes
//! back in proportion, so that what goes back by all payments is what is given back, and of one payment all units together
//! as much as goes back by it. The last part undoes the rest. So any number of parts comes to the same as the whole at once.

use serde::{Deserialize, Serialize};

use super::bought_of::{amounts_of, note_given_back};
use super::figures::{Figure, count, count_sellers};
use super::health::CallKind;
use super::pack_calls::refund_later;
use super::pack_life::Stage;
use super::visits::note_return;
use super::{Act, Reply};
use crate::domain::{
    self, Code, Event, Label, Line, MerchantId, Minor, Order, OrderId, OrderState, PackOutcome, PackResult, PostingId,
    Refund, RefundedLine,
};
use crate::ledger::{Cause, LedgerError, Move, NewPosting, Reversible};
use crate::pack::CallError;
use crate::store::{Key, Order1, Order2, Order3, Order4, Record, StoreError, Tx, layout, member_of, whole};

/// What is given back.
#[derive(Clone, Debug)]
pub struct RefundOrder {
    /// The order.
    pub order: OrderId,
    /// Why, for people.
    pub reason: Option<Label>,
    /// What of it; none for all that is left.
    pub lines: Option<Vec<RefundLine>>,
}

/// What is given back of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundLine {
    /// Which line, from 1.
    pub line: usize,
    /// How many pieces; none for no piece, when only money is given back.
    pub quantity: Option<u32>,
    /// How much; none for what those pieces cost.
    pub amount_minor: Option<Minor>,
}

/// An order that was given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunded {
    /// The order, refunded.
    pub order: Order,
}

impl Record for Refunded {
    const VERSION: u8 = 5;
    const NAME: &'static str = "refunded order";

    /// Before lines had a brand, before there were parts, before orders said who acted, and before packs took something off.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        let order = match version {
            1 => whole::<Order1>(body)?.into(),
            2 => whole::<Order2>(body)?.into(),
            3 => whole::<Order3>(body)?.into(),
            4 => whole::<Order4>(body)?.into(),
            _ => return None,
        };
        Some(Self { order })
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
    /// In too many parts.
    #[error("an order is given back in at most {max} parts; give back all that is left", max = Order::REFUNDS_MAX)]
    TooManyParts,
    /// No line is named.
    #[error("no line is named; leave `lines` out to give back all that is left")]
    NoLines,
    /// The order has no such line.
    #[error("the order has lines 1 to {lines}, but {given} is named")]
    UnknownLine {
        /// Which was named.
        given: usize,
        /// How many there are.
        lines: usize,
    },
    /// A line is named twice.
    #[error("line {0} is named twice")]
    LineTwice(usize),
    /// Nothing of a line is given back.
    #[error("line {0}: say how many pieces, or how much money")]
    Nothing(usize),
    /// More pieces than are left.
    #[error("line {line}: {wanted} pieces are given back, but {left} are left")]
    TooManyPieces {
        /// Which line, from 1.
        line: usize,
        /// How many were named.
        wanted: u32,
        /// How many could be.
        left: u32,
    },
    /// More money than is left.
    #[error("line {line}: {wanted} are given back, but {left} are left")]
    TooMuch {
        /// Which line, from 1.
        line: usize,
        /// How much was named.
        wanted: Minor,
        /// How much could be.
        left: Minor,
    },
    /// The ledger refuses: what was earned is spent, and the unit's rules do not let it be owed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives an order or a part of it back: takes back what it earned, gives back what the member paid with, and lets the
/// packs that took part know when nothing is left of it. What was spent already becomes a debt. A pack that fails here
/// is left out, and its failure is among the events.
///
/// # Errors
/// The first refusal in the order of [`RefundError`]'s variants.
pub fn refund_order(tx: &mut Tx, act: &mut Act<'_>, refund: &RefundOrder) -> Result<Refunded, RefundError> {
    let key = layout::order(act.merchant, refund.order);
    let mut order = tx.load::<Order>(&key)?.ok_or(RefundError::UnknownOrder(refund.order))?;
    if let OrderState::Refunded { .. } = order.state() {
        return Err(RefundError::AlreadyRefunded(order.id));
    }
    if refund.lines.is_some() && order.refunds.len() + 1 >= Order::REFUNDS_MAX {
        return Err(RefundError::TooManyParts);
    }
    let lines = parts(&order, refund.lines.as_deref())?;
    act.store = Some(order.store);
    let before: Minor = order.refunds.iter().map(|refund| refund.amount_minor).sum();
    let amount_minor: Minor = lines.iter().map(|part| part.amount_minor).sum();
    let had = amounts_of(&order);
    order.refunds.push(Refund {
        at: act.now,
        by: act.source(),
        reason: refund.reason.clone(),
        lines,
        amount_minor,
        completes: false,
        reversals: Vec::new(),
    });
    let completes = order.lines.iter().zip(order.given_back()).all(|(line, (_, back))| back == line.amount_minor)
        && (order.total_minor > 0 || all_pieces(&order));
    let share = Share { before, after: before + amount_minor, total: order.total_minor, completes };
    let reversals = undo(tx, act, &order, share, refund.reason.as_ref())?;
    if let Some(last) = order.refunds.last_mut() {
        (last.completes, last.reversals) = (completes, reversals);
    }
    if completes {
        tell_packs(tx, act, &order)?;
    }
    tx.save(&key, &order)?;
    let zone = act.merchant(tx)?.time_zone.zone();
    let moves = [(Figure::Refunds, 1), (Figure::RefundedMinor, amount_minor)];
    count(tx, act.merchant, &zone, act.now, Some(order.store), &moves)?;
    count_sellers(tx, act.merchant, &zone, act.now, (order.store, order.served_by.as_ref()), &moves)?;
    if let Some(member) = order.member {
        let buyer = member_of(tx, act.merchant, member)?.map_or(member, |member| member.id);
        note_return(tx, act.merchant, buyer, amount_minor, completes)?;
        note_given_back(tx, act.merchant, buyer, had, &order)?;
    }
    let (id, member, at) = (order.id, order.member, act.now);
    let event = if completes {
        Event::OrderRefunded { order: id, member, at }
    } else {
        Event::OrderPartlyRefunded { order: id, member, amount_minor, at }
    };
    act.tell(tx, &event)?;
    Ok(Refunded { order })
}

fn all_pieces(order: &Order) -> bool {
    order.lines.iter().zip(order.given_back()).all(|(line, (back, _))| back == line.quantity)
}

/// What is given back of which lines.
fn parts(order: &Order, wanted: Option<&[RefundLine]>) -> Result<Vec<RefundedLine>, RefundError> {
    let back = order.given_back();
    let left = |index: usize, line: &Line| {
        let (pieces, amount) = back.get(index).copied().unwrap_or_default();
        (line.quantity.saturating_sub(pieces), line.amount_minor.saturating_sub(amount))
    };
    let number = |index: usize| u16::try_from(index).unwrap_or(u16::MAX);
    let Some(wanted) = wanted else {
        let rest = order.lines.iter().enumerate().map(|(index, line)| {
            let (quantity, amount_minor) = left(index, line);
            RefundedLine { line: number(index), quantity, amount_minor }
        });
        return Ok(rest.filter(|part| part.quantity > 0 || part.amount_minor > 0).collect());
    };
    if wanted.is_empty() {
        return Err(RefundError::NoLines);
    }
    let mut parts: Vec<RefundedLine> = Vec::new();
    for RefundLine { line: given, quantity, amount_minor } in wanted.iter().copied() {
        let lines = order.lines.len();
        let index = given.checked_sub(1).filter(|index| *index < lines);
        let index = index.ok_or(RefundError::UnknownLine { given, lines })?;
        if parts.iter().any(|part| part.line == number(index)) {
            return Err(RefundError::LineTwice(given));
        }
        let line = &order.lines[index];
        let (pieces_left, amount_left) = left(index, line);
        let pieces = quantity.unwrap_or(0);
        if pieces > pieces_left {
            return Err(RefundError::TooManyPieces { line: given, wanted: pieces, left: pieces_left });
        }
        let amount = match amount_minor {
            Some(amount) if amount > amount_left => {
                return Err(RefundError::TooMuch { line: given, wanted: amount, left: amount_left });
            }
            Some(amount) => amount,
            None => cost(line, line.quantity - pieces_left, pieces).min(amount_left),
        };
        if pieces == 0 && amount == 0 {
            return Err(RefundError::Nothing(given));
        }
        parts.push(RefundedLine { line: number(index), quantity: pieces, amount_minor: amount });
    }
    Ok(parts)
}

/// What so many pieces of a line cost, after those that went before: all pieces together cost the line's amount.
fn cost(line: &Line, before: u32, pieces: u32) -> Minor {
    let up_to = |pieces: u32| portion(line.amount_minor, pieces.into(), line.quantity.into());
    up_to(before.saturating_add(pieces)) - up_to(before)
}

/// `part` of `whole` of an amount, rounded down.
fn portion(amount: Minor, part: Minor, whole: Minor) -> Minor {
    let exact = u128::from(amount) * u128::from(part) / u128::from(whole.max(1));
    Minor::try_from(exact).unwrap_or(amount).min(amount)
}

/// Which part of an order, or of a payment of it, is given back.
#[derive(Clone, Copy)]
struct Share {
    /// How much of the order was given back before.
    before: Minor,
    /// How much is, after this.
    after: Minor,
    /// The total.
    total: Minor,
    /// Whether nothing is left.
    completes: bool,
}

impl Share {
    /// Whether it is the whole order at once.
    fn is_whole(self) -> bool {
        self.completes && self.before == 0
    }

    /// How much of each goes with it of what was booked as one amount, besides what is undone already: all of them together
    /// as much as it is of the amount, rounded down, in proportion to what is left of each.
    fn of(self, booked: &[Reversible]) -> Vec<Minor> {
        let all: Minor = booked.iter().map(|part| part.booked).sum();
        let left: Vec<Minor> = booked.iter().map(|part| part.left).collect();
        let after = if self.completes { all } else { portion(all, self.after, self.total) };
        let undone = all.saturating_sub(left.iter().sum());
        domain::shares(after.saturating_sub(undone), &left)
    }
}

/// Undoes the share of all that was booked for an order, what was booked last first.
fn undo(
    tx: &mut Tx,
    act: &mut Act<'_>,
    order: &Order,
    share: Share,
    reason: Option<&Label>,
) -> Result<Vec<PostingId>, LedgerError> {
    let mut reversals = Vec::new();
    let earned = order.outcomes.iter().rev().filter_map(|outcome| match &outcome.result {
        PackResult::Done { posting: Some(posting), .. } => Some((*posting, Some(outcome.pack.clone()), share)),
        _ => None,
    });
    let back = order.back_by_payment();
    let paid = order.payments.iter().enumerate().rev().filter_map(|(place, payment)| {
        let after: Minor = back.iter().filter_map(|parts| parts.get(place)).sum();
        let share = Share { after, total: payment.amount_minor, ..share };
        payment.posting.map(|posting| (posting, None, share))
    });
    for (posting, pack, share) in earned.chain(paid).collect::<Vec<_>>() {
        reversals.extend(undo_share(tx, act, order.id, (posting, pack), share, reason)?);
    }
    // Coupons are whole things: they come back with the last of the order.
    if let Some(coupons) = order.coupons.as_ref().filter(|_| share.completes) {
        let (id, moves) = (act.ids.posting(), vec![Move::Reverse { posting: coupons.posting }]);
        let (cause, reason) = (Cause::Refund(order.id), reason.cloned());
        act.book(tx)?.post(&NewPosting { id, cause, pack: None, reason, moves })?;
        reversals.push(id);
    }
    Ok(reversals)
}

/// Takes of what a pack has given for an order only now back what goes with the parts that came back before, as if it had
/// given it in time. Tells by which posting, if there is anything to take back.
pub(super) fn take_back_share(
    tx: &mut Tx,
    act: &mut Act<'_>,
    order: &Order,
    posting: PostingId,
    pack: &Code,
) -> Result<Option<PostingId>, LedgerError> {
    let back: Minor = order.refunds.iter().map(|refund| refund.amount_minor).sum();
    let share = Share { before: back, after: back, total: order.total_minor, completes: false };
    undo_share(tx, act, order.id, (posting, Some(pack.clone())), share, None)
}

/// Undoes the share of what one posting booked: of what a pack gave, each unit by itself; of a payment, all units as one
/// amount. Tells by which posting, if there is anything to undo.
fn undo_share(
    tx: &mut Tx,
    act: &mut Act<'_>,
    order: OrderId,
    (posting, pack): (PostingId, Option<Code>),
    share: Share,
    reason: Option<&Label>,
) -> Result<Option<PostingId>, LedgerError> {
    let moves = if share.is_whole() {
        vec![Move::Reverse { posting }]
    } else {
        let (units, booked): (Vec<Code>, Vec<Reversible>) =
            act.book(tx)?.reversible_parts(posting)?.into_iter().unzip();
        let amounts: Vec<Minor> = match &pack {
            Some(_) => booked.iter().flat_map(|part| share.of(&[*part])).collect(),
            None => share.of(&booked),
        };
        let parts = units.into_iter().zip(amounts).filter(|(_, amount)| *amount > 0);
        parts.map(|(unit, amount)| Move::ReversePart { posting, unit, amount }).collect()
    };
    if moves.is_empty() {
        return Ok(None);
    }
    let id = act.ids.posting();
    act.book(tx)?.post(&NewPosting { id, cause: Cause::Refund(order), pack, reason: reason.cloned(), moves })?;
    Ok(Some(id))
}

/// The packs that gave something for an order, or took something off, each once.
fn had_a_part(order: &Order) -> Vec<&Code> {
    let done = |outcome: &&PackOutcome| matches!(outcome.result, PackResult::Done { .. });
    let mut packs: Vec<&Code> = order.outcomes.iter().filter(done).map(|outcome| &outcome.pack).collect();
    for discount in &order.discounts {
        if !packs.contains(&&discount.pack) {
            packs.push(&discount.pack);
        }
    }
    packs
}

fn tell_packs(tx: &mut Tx, act: &mut Act<'_>, order: &Order) -> Result<(), StoreError> {
    let merchant = act.merchant(tx)?;
    let zone = merchant.time_zone.zone();
    let buyer = match order.member {
        Some(id) => member_of(tx, merchant.id, id)?,
        None => None,
    };
    for code in had_a_part(order) {
        let Some(active) = act.programme.find(tx, merchant.id, code)? else { continue };
        let Ok(pack) = &active.loaded else { continue };
        // One that is off is not called for anything: it hears of it when it is switched on again.
        let is_off = active.stores.is_empty();
        if is_off || active.stage != Stage::InForce || act.spent(tx, &active.code)?.is_some() {
            refund_later(tx, act, &active.code, order)?;
            continue;
        }
        let scene = active.scene(act, &merchant, &zone, Some(order.store), act.now);
        // Also when it rests: it has to hear of it.
        match act
            .call_anyway(tx, &active.code, CallKind::Refunded, |tx| pack.refunded(tx, &scene, order, buyer.as_ref()))?
            .result
        {
            Ok(()) | Err(CallError::NotExported { .. }) => {}
            Err(CallError::Store(error)) => return Err(error),
            Err(error) => {
                let code = error.code().to_owned();
                tracing::warn!(pack = %active.code, order = %order.id, code, "a pack failed in its part of a refund");
                if error.may_pass() {
                    refund_later(tx, act, &active.code, order)?;
                }
                act.tell(tx, &Event::PackFailed { pack: active.code, order: order.id, code, at: act.now })?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_any_size_come_to_the_whole() {
        let cases: [(&[Minor], Minor, &[Minor]); 8] = [
            (&[7], 100, &[1, 33, 66, 99]),
            (&[1], 3, &[1, 2]),
            (&[1_000], 7, &[1, 2, 3, 4, 5, 6]),
            (&[5], 5, &[]),
            (&[200, 100], 300, &[100]),
            (&[200, 100], 300, &[1, 2, 3, 100, 101, 299]),
            (&[3, 3, 1], 1_000, &[1, 333, 500, 501, 999]),
            (&[0, 4], 4, &[1, 3]),
        ];
        for (amounts, total, cuts) in cases {
            let all: Minor = amounts.iter().sum();
            let mut booked: Vec<_> =
                amounts.iter().map(|amount| Reversible { booked: *amount, left: *amount }).collect();
            let mut before = 0;
            for after in cuts.iter().copied().chain([total]) {
                let undone = Share { before, after, total, completes: after == total }.of(&booked);
                booked.iter_mut().zip(undone).for_each(|(part, undone)| part.left -= undone);
                let left: Minor = booked.iter().map(|part| part.left).sum();
                assert_eq!(all - left, portion(all, after, total), "{amounts:?} up to {after} of {total}");
                before = after;
            }
            assert!(booked.iter().all(|part| part.left == 0), "{amounts:?}");
        }
    }

    #[test]
    fn the_pieces_of_a_line_cost_what_the_line_does() {
        let line =
            Line { sku: Label::new("bun").unwrap(), category: None, brand: None, quantity: 3, amount_minor: 1_000 };
        let costs: Vec<_> = (0..3).map(|before| cost(&line, before, 1)).collect();
        assert_eq!(costs, [333, 333, 334]);
    }
}
