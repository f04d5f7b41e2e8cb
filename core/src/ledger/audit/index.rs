//! Whether holds, pending grants and lots are where they fall due, and nothing else is.

use std::collections::HashMap;

use jiff::Timestamp;

use super::facts::{Tallies, of_hold, of_pending, read_hold, read_pending};
use super::fold::{Fold, NOT_DUE, Owner};
use super::{Audit, each};
use crate::domain::{LotId, MerchantId, Reference};
use crate::ledger::{HoldState, PendingState};
use crate::store::layout::{self, Due, Timed};
use crate::store::{StoreError, Tx};

/// What must be found in the indexes by time and by event.
#[derive(Default)]
pub(super) struct Expected {
    /// With the instant in milliseconds, and in how many of the two indexes by time it was found.
    timed: HashMap<Timed, (u64, Owner, u8)>,
    waiting: HashMap<LotId, Reference>,
}

pub(super) fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}

impl Audit {
    /// Adds up what is open of holds and pending grants, and what they say of postings.
    pub(super) fn read_timed(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        fold: &mut Fold,
        tallies: &mut Tallies,
    ) -> Result<Expected, StoreError> {
        let mut expected = Expected::default();
        each(tx, &layout::holds(merchant), |_, key, bytes| {
            self.holds = self.holds.saturating_add(1);
            let Some(hold) = self.legible(read_hold(merchant, key, &bytes))? else { return Ok(()) };
            of_hold(&hold).iter().for_each(|fact| tallies.told_by_record(fact));
            if hold.state == HoldState::Open {
                let owner = fold.owner(hold.member, &hold.unit);
                let holding = fold.holding(owner);
                holding.in_holds = holding.in_holds.saturating_add(i64::try_from(hold.amount).unwrap_or(i64::MAX));
                expected.timed.insert(Timed::Hold(hold.id), (millis(hold.lapses_at), owner, 0));
            }
            let parts: u128 = hold.lots.iter().map(|part| u128::from(part.amount)).sum();
            if parts != u128::from(hold.amount) {
                self.find(format!("{} is of {}, but taken from lots as {parts}", hold.id, hold.amount));
            }
            Ok(())
        })?;
        each(tx, &layout::pendings(merchant), |_, key, bytes| {
            self.pending = self.pending.saturating_add(1);
            let Some(pending) = self.legible(read_pending(merchant, key, &bytes))? else { return Ok(()) };
            of_pending(&pending).iter().for_each(|fact| tallies.told_by_record(fact));
            if pending.state != PendingState::Waiting {
                return Ok(());
            }
            let owner = fold.owner(pending.member, &pending.unit);
            let holding = fold.holding(owner);
            holding.in_pending = holding.in_pending.saturating_add(i64::try_from(pending.amount).unwrap_or(i64::MAX));
            if let Some(at) = pending.release.at() {
                expected.timed.insert(Timed::Pending(pending.lot), (millis(at), owner, 0));
            }
            if let Some(event) = pending.release.event() {
                expected.waiting.insert(pending.lot, event.clone());
            }
            Ok(())
        })?;
        Ok(expected)
    }

    /// Compares the indexes with what must be in them.
    pub(super) fn compare_indexes(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        fold: &mut Fold,
        mut expected: Expected,
    ) -> Result<(), StoreError> {
        each(tx, &layout::all_due(merchant), |_, key, _| {
            let parts = layout::due_parts(key).ok_or_else(|| StoreError::corrupt("key of what is due", key));
            let Some((at, what)) = self.legible(parts)? else { return Ok(()) };
            match what {
                Due::Lot { member, unit, lot } => {
                    let owner = (member, fold.number(&unit));
                    let due = fold.due(owner, at);
                    match fold.lots.get_mut(&lot) {
                        Some(found) if found.due == due => found.due = NOT_DUE,
                        _ => self.find(format!("{lot} is to expire at {at}, but no such lot is open until then")),
                    }
                }
                Due::Timed(timed) => self.see(&mut expected, at, timed, None),
            }
            Ok(())
        })?;
        each(tx, &layout::timed_all(merchant), |_, key, _| {
            let parts = layout::timed_parts(key).zip(layout::owner(key));
            let parts = parts.ok_or_else(|| StoreError::corrupt("key of what is due", key));
            let Some(((at, what), (member, unit))) = self.legible(parts)? else { return Ok(()) };
            self.see(&mut expected, at, what, Some((member, fold.number(&unit))));
            Ok(())
        })?;
        for (lot, found) in &fold.lots {
            if found.due != NOT_DUE {
                self.find(format!("{lot} is open and expires, but is not among what falls due"));
            }
        }
        for (what, (at, _, times)) in expected.timed {
            if times != 2 {
                self.find(format!("{what:?} is due at {at}, but is not found by that instant"));
            }
        }
        each(tx, &layout::waiting_all(merchant), |_, key, _| {
            let lot = layout::waiting_lot(key).ok_or_else(|| StoreError::corrupt("key of a pending grant", key));
            let Some(lot) = self.legible(lot)? else { return Ok(()) };
            let event = expected.waiting.remove(&lot);
            if event.is_none_or(|event| layout::waiting(merchant, &event, lot) != *key) {
                self.find(format!("the pending grant {lot} is said to wait for an event for which it does not"));
            }
            Ok(())
        })?;
        for (lot, event) in expected.waiting {
            self.find(format!("the pending grant {lot} waits for `{event}`, but is not found by that"));
        }
        Ok(())
    }

    /// Sees that something is said to be due, of an account if the index tells that.
    fn see(&mut self, expected: &mut Expected, at: u64, what: Timed, of: Option<Owner>) {
        match expected.timed.get_mut(&what) {
            Some((due, owner, times)) if *due == at && of.is_none_or(|of| of == *owner) => {
                *times = times.saturating_add(1);
            }
            _ => self.find(format!("{what:?} is due at {at}, but is closed or due at another instant")),
        }
    }
}
