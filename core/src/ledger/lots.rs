//! Lots: the parts of what a member holds. An open lot lives under its expiry, a closed one under its id.
//!
//! Whatever opens, changes or closes a lot also moves what is counted and indexed of it: what the merchant owes by
//! month of expiry, and what falls due when.

use jiff::Timestamp;

use super::book::{minus, plus};
use super::merge::merged_into;
use super::{Allocation, Book, LedgerError, Lot};
use crate::domain::{Code, LotId, MemberId, Minor, PostingId};
use crate::store::layout::{self, Due};
use crate::store::{Direction, KeyRange};

/// How many lots one read takes; most accounts have fewer.
const PAGE: usize = 16;

/// How many lots one posting of an expiry closes: it has to fit into one value of the store.
const LAPSED_MAX: usize = 500;

/// Opens a lot with an amount in it.
pub(super) fn open(
    book: &mut Book<'_>,
    id: LotId,
    source: PostingId,
    member: MemberId,
    unit: &Code,
    amount: Minor,
    expires_at: Option<Timestamp>,
) -> Result<Allocation, LedgerError> {
    let mut lot = Lot { id, source, granted: amount, remaining: 0, expired: 0, forgiven: 0, expires_at };
    put(book, member, unit, &mut lot, amount, true)
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

/// Moves open lots from one member to another, at most `max` of them, those that expire first.
pub(super) fn rehome(
    book: &mut Book<'_>,
    gone: MemberId,
    survivor: MemberId,
    unit: &Code,
    max: usize,
) -> Result<Vec<Allocation>, LedgerError> {
    let range = layout::open_lots(book.merchant, gone, unit);
    let mut moved = Vec::new();
    for (key, lot) in book.tx.load_scan::<Lot>(&range, Direction::Forward, max)? {
        let Lot { id: lot_id, expires_at, remaining: amount, .. } = lot;
        book.tx.delete(&key);
        book.tx.save(&layout::open_lot(book.merchant, survivor, unit, expires_at, lot_id), &lot)?;
        if let Some(at) = expires_at {
            let due = |member| Due::Lot { member, unit: unit.clone(), lot: lot_id };
            book.redirect(&due(gone), &due(survivor), at)?;
        }
        moved.push(Allocation { lot: lot_id, expires_at, amount });
    }
    Ok(moved)
}

/// How much is left in lots that have lapsed but are not booked as expired.
pub(super) fn lapsed(book: &mut Book<'_>, member: MemberId, unit: &Code) -> Result<Minor, LedgerError> {
    let mut range = layout::lapsed_lots(book.merchant, member, unit, book.now);
    let mut sum: Minor = 0;
    loop {
        let page = book.tx.load_scan::<Lot>(&range, Direction::Forward, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(sum) };
        range = range.after(last);
        let full = page.len() == PAGE;
        for (_, lot) in page {
            sum = sum.checked_add(lot.remaining).ok_or_else(|| LedgerError::BalanceTooLarge(unit.clone()))?;
        }
        if !full {
            return Ok(sum);
        }
    }
}

/// Whether there are lots that have lapsed but are not booked as expired.
pub(super) fn has_lapsed(book: &mut Book<'_>, member: MemberId, unit: &Code) -> Result<bool, LedgerError> {
    let range = layout::lapsed_lots(book.merchant, member, unit, book.now);
    Ok(!book.tx.scan(&range, Direction::Forward, 1)?.is_empty())
}

/// Closes lots that have lapsed, as many as one posting holds, and returns what was left in them.
pub(super) fn close_lapsed(book: &mut Book<'_>, member: MemberId, unit: &Code) -> Result<Vec<Allocation>, LedgerError> {
    let range = layout::lapsed_lots(book.merchant, member, unit, book.now);
    let mut closed = Vec::new();
    while closed.len() < LAPSED_MAX {
        let page = page(book, &range)?;
        if page.is_empty() {
            break;
        }
        for mut lot in page {
            let left = lot.remaining;
            lot.expired = lot.expired.checked_add(left).ok_or_else(|| LedgerError::BalanceTooLarge(unit.clone()))?;
            closed.push(take(book, member, unit, &mut lot, left)?);
        }
    }
    Ok(closed)
}

/// Takes back a part of what was granted in a lot, or all of it, as far as it is left. Returns that, if there is any, and
/// how much had lapsed: what of the lot was `told` to have lapsed before does not count again.
pub(super) fn take_back(
    book: &mut Book<'_>,
    member: MemberId,
    unit: &Code,
    granted: &Allocation,
    told: Minor,
) -> Result<(Option<Allocation>, Minor), LedgerError> {
    let mut lot = claim(book, member, unit, granted)?;
    let lapsed = minus(lot.expired, told.min(lot.expired))?.min(granted.amount);
    let part = lot.remaining.min(minus(granted.amount, lapsed)?);
    let taken = if part > 0 { Some(take(book, member, unit, &mut lot, part)?) } else { None };
    Ok((taken, lapsed))
}

/// Puts spent parts back into their lots.
pub(super) fn give_back(
    book: &mut Book<'_>,
    member: MemberId,
    unit: &Code,
    back: &[Allocation],
) -> Result<(), LedgerError> {
    for part in back {
        let mut lot = claim(book, member, unit, part)?;
        put(book, member, unit, &mut lot, part.amount, false)?;
    }
    Ok(())
}

/// Remembers that so much of what was spent of a lot is forgiven.
pub(super) fn forgive(
    book: &mut Book<'_>,
    member: MemberId,
    unit: &Code,
    spent: &Allocation,
    amount: Minor,
) -> Result<(), LedgerError> {
    let mut lot = claim(book, member, unit, spent)?;
    lot.forgiven = plus(lot.forgiven, amount)?;
    save(book, member, unit, &lot)
}

/// Of spent parts that come back, tells how much had been forgiven, and forgets it; and what is left of the parts.
pub(super) fn split_forgiven(
    book: &mut Book<'_>,
    member: MemberId,
    unit: &Code,
    spent: &[Allocation],
) -> Result<(Minor, Vec<Allocation>), LedgerError> {
    let (mut forgiven, mut rest) = (0, Vec::new());
    for part in spent {
        let mut lot = claim(book, member, unit, part)?;
        let borne = lot.forgiven.min(part.amount);
        if borne > 0 {
            lot.forgiven = minus(lot.forgiven, borne)?;
            save(book, member, unit, &lot)?;
            forgiven = plus(forgiven, borne)?;
        }
        let amount = minus(part.amount, borne)?;
        rest.extend((amount > 0).then_some(Allocation { amount, ..*part }));
    }
    Ok((forgiven, rest))
}

fn save(book: &mut Book<'_>, member: MemberId, unit: &Code, lot: &Lot) -> Result<(), LedgerError> {
    let key = if lot.remaining > 0 {
        layout::open_lot(book.merchant, member, unit, lot.expires_at, lot.id)
    } else {
        layout::closed_lot(book.merchant, member, unit, lot.id)
    };
    Ok(book.tx.save(&key, lot)?)
}

/// The first `amount` of some parts of lots, and the rest of them.
pub(super) fn split(parts: &[Allocation], amount: Minor) -> Result<(Vec<Allocation>, Vec<Allocation>), LedgerError> {
    let mut left = amount;
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for part in parts {
        let before = part.amount.min(left);
        let after = minus(part.amount, before)?;
        left = minus(left, before)?;
        first.extend((before > 0).then_some(Allocation { amount: before, ..*part }));
        rest.extend((after > 0).then_some(Allocation { amount: after, ..*part }));
    }
    Ok((first, rest))
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
    let open = layout::open_lot(book.merchant, member, unit, lot.expires_at, lot.id);
    if lot.remaining > 0 {
        book.tx.save(&open, lot)?;
    } else {
        book.tx.delete(&open);
        book.tx.save(&layout::closed_lot(book.merchant, member, unit, lot.id), lot)?;
        if let Some(at) = lot.expires_at {
            book.tx.delete(&due(book, member, unit, at, lot.id));
        }
    }
    book.owe_less(unit, lot.expires_at, amount)?;
    Ok(Allocation { lot: lot.id, expires_at: lot.expires_at, amount })
}

fn put(
    book: &mut Book<'_>,
    member: MemberId,
    unit: &Code,
    lot: &mut Lot,
    amount: Minor,
    is_new: bool,
) -> Result<Allocation, LedgerError> {
    let was_open = lot.remaining > 0;
    lot.remaining = lot
        .remaining
        .checked_add(amount)
        .filter(|sum| *sum <= lot.granted)
        .ok_or_else(|| LedgerError::Inconsistent(format!("{} would hold more than it was granted", lot.id)))?;
    book.tx.save(&layout::open_lot(book.merchant, member, unit, lot.expires_at, lot.id), lot)?;
    if !was_open {
        if !is_new {
            book.tx.delete(&layout::closed_lot(book.merchant, member, unit, lot.id));
        }
        if let Some(at) = lot.expires_at {
            let key = due(book, member, unit, at, lot.id);
            book.tx.put(&key, Vec::new())?;
        }
    }
    book.owe_more(unit, lot.expires_at, amount)?;
    Ok(Allocation { lot: lot.id, expires_at: lot.expires_at, amount })
}

fn due(book: &Book<'_>, member: MemberId, unit: &Code, at: Timestamp, lot: LotId) -> Vec<u8> {
    layout::due(book.merchant, at, &Due::Lot { member, unit: unit.clone(), lot })
}

/// A lot of a member, wherever it is: one that was closed before another member was merged into them is still where it
/// was.
pub(super) fn find(book: &mut Book<'_>, member: MemberId, unit: &Code, part: &Allocation) -> Result<Lot, LedgerError> {
    Ok(place(book, member, unit, part)?.1)
}

/// The same, to be changed: afterwards it is where the member's own are.
fn claim(book: &mut Book<'_>, member: MemberId, unit: &Code, part: &Allocation) -> Result<Lot, LedgerError> {
    let (owner, lot) = place(book, member, unit, part)?;
    if owner != member {
        book.tx.delete(&layout::closed_lot(book.merchant, owner, unit, lot.id));
        book.tx.save(&layout::closed_lot(book.merchant, member, unit, lot.id), &lot)?;
    }
    Ok(lot)
}

fn place(
    book: &mut Book<'_>,
    member: MemberId,
    unit: &Code,
    part: &Allocation,
) -> Result<(MemberId, Lot), LedgerError> {
    let open = layout::open_lot(book.merchant, member, unit, part.expires_at, part.lot);
    if let Some(lot) = book.tx.load(&open)? {
        return Ok((member, lot));
    }
    if let Some(lot) = book.tx.load(&layout::closed_lot(book.merchant, member, unit, part.lot))? {
        return Ok((member, lot));
    }
    for gone in merged_into(book.tx, book.merchant, member)? {
        if let Some(lot) = book.tx.load(&layout::closed_lot(book.merchant, gone, unit, part.lot))? {
            return Ok((gone, lot));
        }
    }
    Err(LedgerError::Inconsistent(format!("{} of {member} is missing", part.lot)))
}
