//! Lots: the parts of what a member holds. An open lot lives under its expiry, a closed one under its id.

use jiff::Timestamp;

use super::book::{Book, LedgerError, minus};
use super::{Allocation, Lot};
use crate::domain::{Code, MemberId, Minor, PostingId};
use crate::store::{Direction, KeyRange, layout};

/// How many lots one read takes; most accounts have fewer.
const PAGE: usize = 16;

/// Opens a lot with an amount in it.
pub(super) fn open(
    book: &mut Book<'_>,
    source: PostingId,
    member: MemberId,
    unit: &Code,
    amount: Minor,
    expires_at: Option<Timestamp>,
) -> Result<Allocation, LedgerError> {
    let lot = Lot { id: book.ids.lot(), source, granted: amount, remaining: amount, expired: 0, expires_at };
    save(book, member, unit, &lot)?;
    Ok(Allocation { lot: lot.id, expires_at, amount })
}

/// Takes an amount from the lots that expire first. The caller knows that there is enough.
pub(super) fn take_first_expiring(
    book: &mut Book<'_>,
    member: MemberId,
    unit: &Code,
    amount: Minor,
) -> Result<Vec<Allocation>, LedgerError> {
    let range = layout::open_lots(book.merchant, member, unit);
    let mut taken = Vec::new();
    let mut wanted = amount;
    while wanted > 0 {
        // A lot that is emptied leaves the range, so each page starts where the last one ended.
        let page = page(book, &range)?;
        if page.is_empty() {
            return Err(LedgerError::Inconsistent(format!("the lots of {member} hold {wanted} less than the balance")));
        }
        for mut lot in page {
            let part = lot.remaining.min(wanted);
            wanted = minus(wanted, part)?;
            taken.push(take(book, member, unit, &mut lot, part)?);
            if wanted == 0 {
                break;
            }
        }
    }
    Ok(taken)
}

/// How much is left in lots that have lapsed but are not booked as expired.
pub(super) fn lapsed(book: &mut Book<'_>, member: MemberId, unit: &Code) -> Result<Minor, LedgerError> {
    let mut range = layout::lapsed_lots(book.merchant, member, unit, book.now);
    let mut sum: Minor = 0;
    loop {
        let page = book.tx.load_scan::<Lot>(&range, Direction::Forward, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(sum) };
        range.start = [last.as_slice(), &[0]].concat();
        let full = page.len() == PAGE;
        for (_, lot) in page {
            sum = sum.checked_add(lot.remaining).ok_or_else(|| LedgerError::BalanceTooLarge(unit.clone()))?;
        }
        if !full {
            return Ok(sum);
        }
    }
}

/// Closes the lots that have lapsed and returns what was left in them.
pub(super) fn close_lapsed(book: &mut Book<'_>, member: MemberId, unit: &Code) -> Result<Vec<Allocation>, LedgerError> {
    let range = layout::lapsed_lots(book.merchant, member, unit, book.now);
    let mut closed = Vec::new();
    loop {
        let page = page(book, &range)?;
        if page.is_empty() {
            return Ok(closed);
        }
        for mut lot in page {
            let left = lot.remaining;
            lot.expired = lot.expired.checked_add(left).ok_or_else(|| LedgerError::BalanceTooLarge(unit.clone()))?;
            closed.push(take(book, member, unit, &mut lot, left)?);
        }
    }
}

/// Takes what is left of a granted lot back. Returns it, if there is any, and how much of the lot had lapsed.
pub(super) fn take_back(
    book: &mut Book<'_>,
    member: MemberId,
    unit: &Code,
    granted: &Allocation,
) -> Result<(Option<Allocation>, Minor), LedgerError> {
    let mut lot = find(book, member, unit, granted)?;
    let lapsed = lot.expired.min(granted.amount);
    let part = lot.remaining.min(granted.amount);
    let taken = if part > 0 { Some(take(book, member, unit, &mut lot, part)?) } else { None };
    Ok((taken, lapsed))
}

/// Puts spent parts back into their lots, but for the first `skip` of the amount.
pub(super) fn give_back(
    book: &mut Book<'_>,
    member: MemberId,
    unit: &Code,
    spent: &[Allocation],
    skip: Minor,
) -> Result<Vec<Allocation>, LedgerError> {
    let mut skip = skip;
    let mut returned = Vec::new();
    for part in spent {
        let skipped = skip.min(part.amount);
        skip = minus(skip, skipped)?;
        let amount = minus(part.amount, skipped)?;
        if amount == 0 {
            continue;
        }
        let mut lot = find(book, member, unit, part)?;
        if lot.remaining == 0 {
            book.tx.delete(&layout::closed_lot(book.merchant, member, unit, lot.id));
        }
        lot.remaining = lot
            .remaining
            .checked_add(amount)
            .filter(|sum| *sum <= lot.granted)
            .ok_or_else(|| LedgerError::Inconsistent(format!("{} would hold more than it was granted", lot.id)))?;
        save(book, member, unit, &lot)?;
        returned.push(Allocation { amount, ..*part });
    }
    Ok(returned)
}

fn page(book: &mut Book<'_>, range: &KeyRange) -> Result<Vec<Lot>, LedgerError> {
    Ok(book.tx.load_scan::<Lot>(range, Direction::Forward, PAGE)?.into_iter().map(|(_, lot)| lot).collect())
}

fn take(
    book: &mut Book<'_>,
    member: MemberId,
    unit: &Code,
    lot: &mut Lot,
    amount: Minor,
) -> Result<Allocation, LedgerError> {
    lot.remaining = minus(lot.remaining, amount)?;
    save(book, member, unit, lot)?;
    Ok(Allocation { lot: lot.id, expires_at: lot.expires_at, amount })
}

fn save(book: &mut Book<'_>, member: MemberId, unit: &Code, lot: &Lot) -> Result<(), LedgerError> {
    let open = layout::open_lot(book.merchant, member, unit, lot.expires_at, lot.id);
    if lot.remaining > 0 {
        book.tx.save(&open, lot)?;
    } else {
        book.tx.delete(&open);
        book.tx.save(&layout::closed_lot(book.merchant, member, unit, lot.id), lot)?;
    }
    Ok(())
}

fn find(book: &mut Book<'_>, member: MemberId, unit: &Code, part: &Allocation) -> Result<Lot, LedgerError> {
    let open = layout::open_lot(book.merchant, member, unit, part.expires_at, part.lot);
    if let Some(lot) = book.tx.load(&open)? {
        return Ok(lot);
    }
    let closed = layout::closed_lot(book.merchant, member, unit, part.lot);
    book.tx.load(&closed)?.ok_or_else(|| LedgerError::Inconsistent(format!("{} of {member} is missing", part.lot)))
}
