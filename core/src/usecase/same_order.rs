//! Whether an order that is sent is the one that is recorded under its reference.

use jiff::Timestamp;

use super::other_clocks::whole_millis;
use super::redeem_coupons::Choice;
use super::settle_order::{Pay, SettleOrder};
use super::spend_stored_value::stored_value_units;
use crate::domain::{Code, HoldId, Line, Member, MerchantId, Order, Payment, PostingId};
use crate::ledger::{Hold, HoldState};
use crate::store::{StoreError, Tx, layout, member_of};

/// What an order says of itself when it is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// All of it, as a till does.
    All,
    /// All but how it was paid and which coupons it had, as a row of a file does. Its lines are those before
    /// packs and coupons took something off, or what they have left, as an export has them.
    NothingOfPayment,
}

/// Whether what is sent is what is recorded: store, buyer, lines, time and who served if it is said, what was to be paid,
/// coupons and payments.
pub(super) fn is_same(
    tx: &mut Tx,
    merchant: MerchantId,
    recorded: &Order,
    (sent, says): (&SettleOrder, Says),
    buyer: Option<&Member>,
) -> Result<bool, StoreError> {
    let of = match recorded.member {
        Some(member) => member_of(tx, merchant, member)?.map(|member| member.id),
        None => None,
    };
    // A buyer who claimed the order later was not named when it was sent first.
    let is_same = recorded.store == sent.store
        && (of == buyer.map(|buyer| buyer.id) || (buyer.is_none() && recorded.claimed_at.is_some()))
        && sent.served_by.is_none_or(|staff| recorded.served_by.as_ref().is_some_and(|served| served.staff == staff))
        && (same_lines(&recorded.lines_as_sent(), &sent.lines)
            || says == Says::NothingOfPayment && same_lines(&recorded.lines, &sent.lines))
        && sent.ordered_at.is_none_or(|at: Timestamp| whole_millis(at) == recorded.ordered_at);
    Ok(is_same
        && (says == Says::NothingOfPayment
            || same_due(recorded, sent)
                && same_coupons(tx, merchant, recorded, &sent.coupons)?
                && same_payments(tx, merchant, &recorded.payments, &sent.payments)?))
}

/// Whether these are the lines that were sent: what a line does not say was taken from the catalogue as it was then.
fn same_lines(recorded: &[Line], sent: &[Line]) -> bool {
    let same = |(recorded, sent): (&Line, &Line)| {
        recorded.sku == sent.sku
            && (recorded.quantity, recorded.amount_minor) == (sent.quantity, sent.amount_minor)
            && (sent.category.is_none() || recorded.category == sent.category)
            && (sent.brand.is_none() || recorded.brand == sent.brand)
    };
    recorded.len() == sent.len() && recorded.iter().zip(sent).all(same)
}

/// Whether this is what was to be paid: who does not say it has charged prices of their own.
fn same_due(recorded: &Order, sent: &SettleOrder) -> bool {
    sent.due_minor.map_or(recorded.discounts.is_empty(), |due| due == recorded.total_minor)
}

/// Whether these are the coupons that were redeemed, in this order.
fn same_coupons(tx: &mut Tx, merchant: MerchantId, recorded: &Order, sent: &[Choice]) -> Result<bool, StoreError> {
    let Some(used) = &recorded.coupons else { return Ok(sent.is_empty()) };
    let mut types: Vec<Code> = Vec::new();
    for choice in sent {
        match choice {
            Choice::OfType(unit) => types.push(unit.clone()),
            Choice::Reserved(hold) => match posted(tx, merchant, *hold, used.posting)? {
                // It was redeemed then, so these are few.
                Some(hold) => types.extend((0..hold.amount).map(|_| hold.unit.clone())),
                None => return Ok(false),
            },
        }
    }
    Ok(used.discounts.iter().map(|discount| &discount.coupon).eq(&types))
}

/// Whether this is how it was paid, in this order.
fn same_payments(tx: &mut Tx, merchant: MerchantId, recorded: &[Payment], sent: &[Pay]) -> Result<bool, StoreError> {
    for (recorded, sent) in recorded.iter().zip(sent) {
        let is_same_way = match (sent, recorded.posting) {
            (Pay::StoredValue { .. }, Some(_)) => recorded.method == stored_value_units().0,
            (Pay::Hold { hold, .. }, Some(posting)) => posted(tx, merchant, *hold, posting)?.is_some(),
            (Pay::Other { method, .. }, None) => recorded.method == *method,
            _ => false,
        };
        if !is_same_way || recorded.amount_minor != sent.amount_minor() {
            return Ok(false);
        }
    }
    Ok(recorded.len() == sent.len())
}

/// A hold, if it was spent by this posting.
fn posted(tx: &mut Tx, merchant: MerchantId, hold: HoldId, by: PostingId) -> Result<Option<Hold>, StoreError> {
    let found = tx.load::<Hold>(&layout::hold(merchant, hold))?;
    Ok(found.filter(|hold| matches!(hold.state, HoldState::Posted { posting, .. } if posting == by)))
}
