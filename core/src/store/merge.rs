//! Scanning through newer writes that lie over older entries.

use std::collections::BTreeMap;

use super::error::StoreError;
use super::key::{Direction, Key, KeyRange, Value};

/// Writes that lie over what is below them.
pub(super) trait Overlay {
    /// Whether there is any write in the range, a delete included.
    fn touches(&self, range: &KeyRange) -> bool;

    /// Carries the writes of the range out on `entries`.
    fn lay_over(&self, range: &KeyRange, entries: &mut BTreeMap<Key, Value>) -> Result<(), StoreError>;
}

/// Up to `limit` entries of `range` as they are with `overlay` over `below`, which scans a range up to a limit.
pub(super) fn scan_through(
    overlay: &impl Overlay,
    mut below: impl FnMut(&KeyRange, usize) -> Result<Vec<(Key, Value)>, StoreError>,
    range: &KeyRange,
    direction: Direction,
    limit: usize,
) -> Result<Vec<(Key, Value)>, StoreError> {
    let mut found = Vec::new();
    let mut rest = range.clone();
    while found.len() < limit && !rest.is_empty() {
        let wanted = limit - found.len();
        let mut part = below(&rest, wanted)?;
        let last = (part.len() >= wanted).then(|| part.last().map(|(key, _)| key.clone())).flatten();
        let Some(covered) = rest.covered(direction, wanted, part.len(), last.as_deref()) else { break };
        if overlay.touches(&covered) {
            let mut merged: BTreeMap<Key, Value> = part.into_iter().collect();
            overlay.lay_over(&covered, &mut merged)?;
            part = match direction {
                Direction::Forward => merged.into_iter().collect(),
                Direction::Backward => merged.into_iter().rev().collect(),
            };
        }
        if found.is_empty() {
            found = part;
        } else {
            found.append(&mut part);
        }
        let Some(last) = last else { break };
        rest = match direction {
            Direction::Forward => rest.after(&last),
            Direction::Backward => rest.before(&last),
        };
    }
    found.truncate(limit);
    Ok(found)
}
