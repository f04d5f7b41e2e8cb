//! Whether holds, pending grants and lots are where they fall due, and nothing else is.

use std::collections::HashMap;

use jiff::Timestamp;

use super::fold::{Fold, NOT_DUE, Owner};
use super::{Audit, each};
use crate::domain::{LotId, MerchantId, Reference};
use crate::ledger::{Hold, HoldState, PendingGrant, PendingState};
use crate::store::layout::{self, Due, Timed};
use crate::store::{StoreError, Tx, decode};

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
    /// Adds up what is open of holds and pending grants.
    pub(super) fn read_timed(
        &mut self,
        tx: &mut Tx,
        merchant: MerchantId,
        fold: &mut Fold,
    ) -> Result<Expected, StoreError> {
        let mut expected = Expected::default();
        tx.each::<Hold>(&layout::holds(merchant), |_, hold| {
            self.holds = self.holds.saturating_add(1);
            if hold.state == HoldState::Open {
                let owner = (hold.member, fold.number(&hold.unit));
                let holding = fold.holding(owner);
                holding.in_holds = holding.in_holds.saturating_add(i64::try_from(hold.amount).unwrap_or(i64::MAX));
                expected.timed.insert(Timed::Hold(hold.id), (millis(hold.lapses_at), owner, 0));
            }
            let parts: u128 = hold.lots.iter().map(|part| u128::from(part.amount)).sum();
            if parts != u128::from(hold.amount) {
                self.find(format!("{} is of {}, but taken from lots as {parts}", hold.id, hold.amount));
            }
        })?;
        tx.each::<PendingGrant>(&layout::pendings(merchant), |_, pending| {
            self.pending = self.pending.saturating_add(1);
            if pending.state != PendingState::Waiting {
                return;
            }
            let owner = (pending.member, fold.number(&pending.unit));
            let holding = fold.holding(owner);
            holding.in_pending = holding.in_pending.saturating_add(i64::try_from(pending.amount).unwrap_or(i64::MAX));
            if let Some(at) = pending.release.at() {
                expected.timed.insert(Timed::Pending(pending.lot), (millis(at), owner, 0));
            }
            if let Some(event) = pending.release.event() {
                expected.waiting.insert(pending.lot, event.clone());
            }
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
        each(tx, &layout::all_due(merchant), |key, _| {
            let (at, what) = layout::due_parts(key).ok_or_else(|| StoreError::corrupt("key of what is due", key))?;
            match what {
                Due::Lot { lot, .. } => match fold.lots.get_mut(&lot) {
                    Some(found) if found.due == at && at != NOT_DUE => found.due = NOT_DUE,
                    _ => {
                        self.find(format!("{lot} is to expire at {at}, but is not open or expires at another instant"));
                    }
                },
                Due::Timed(timed) => self.see(&mut expected, at, timed),
            }
            Ok(())
        })?;
        each(tx, &layout::timed_all(merchant), |key, _| {
            let (at, what) = layout::timed_parts(key).ok_or_else(|| StoreError::corrupt("key of what is due", key))?;
            self.see(&mut expected, at, what);
            Ok(())
        })?;
        for (lot, found) in &fold.lots {
            if found.due != NOT_DUE {
                self.find(format!("{lot} expires at {}, but is not among what falls due", found.due));
            }
        }
        for (what, (at, _, times)) in expected.timed {
            if times != 2 {
                self.find(format!("{what:?} is due at {at}, but is not found by that instant"));
            }
        }
        each(tx, &layout::waiting_all(merchant), |key, _| {
            let lot = layout::waiting_lot(key).ok_or_else(|| StoreError::corrupt("key of a pending grant", key))?;
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

    fn see(&mut self, expected: &mut Expected, at: u64, what: Timed) {
        match expected.timed.get_mut(&what) {
            Some((due, _, times)) if *due == at => *times = times.saturating_add(1),
            _ => self.find(format!("{what:?} is due at {at}, but is closed or due at another instant")),
        }
    }
}

/// What a lot's record says it must have in the index.
pub(super) fn due_of(expires_at: Option<Timestamp>, is_open: bool) -> u64 {
    expires_at.filter(|_| is_open).map_or(NOT_DUE, millis)
}

/// Reads the lots of a merchant, open ones first.
pub(super) fn each_lot(
    tx: &mut Tx,
    merchant: MerchantId,
    mut take: impl FnMut(&[u8], crate::ledger::Lot, bool),
) -> Result<(), StoreError> {
    for (range, is_open) in [(layout::all_open_lots(merchant), true), (layout::all_closed_lots(merchant), false)] {
        each(tx, &range, |key, bytes| {
            take(key, decode(key, &bytes)?, is_open);
            Ok(())
        })?;
    }
    Ok(())
}
