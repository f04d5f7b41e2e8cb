//! Reading what a member's spendable assets consist of.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::{Book, LedgerError, Lot};
use crate::domain::{Code, LotId, MemberId};
use crate::store::{Direction, layout};

/// The place of a lot among those of an account. Its text is for who reads on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LotPlace {
    expires_at: Option<Timestamp>,
    lot: LotId,
}

/// A text that is no place of a lot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not where a page of lots said to go on")]
pub struct NotAPlace;

impl From<&Lot> for LotPlace {
    fn from(lot: &Lot) -> Self {
        Self { expires_at: lot.expires_at, lot: lot.id }
    }
}

impl fmt::Display for LotPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expires_at {
            Some(at) => write!(f, "{}-{}", self.lot, at.as_millisecond()),
            None => write!(f, "{}", self.lot),
        }
    }
}

impl FromStr for LotPlace {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (lot, expires_at) = match text.split_once('-') {
            Some((lot, millis)) => {
                let at = millis.parse().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
                (lot, Some(at.ok_or(NotAPlace)?))
            }
            None => (text, None),
        };
        Ok(Self { expires_at, lot: lot.parse().map_err(|_| NotAPlace)? })
    }
}

impl Book<'_> {
    /// The open lots of an account that have not expired, those that are spent first before the others, at most `limit`
    /// of them, from the beginning or behind a place. What has fallen due but is not booked is not in them.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub fn spendable_lots(
        &mut self,
        member: MemberId,
        unit: &Code,
        after: Option<LotPlace>,
        limit: usize,
    ) -> Result<Vec<Lot>, LedgerError> {
        let mut range = layout::open_lots(self.merchant, member, unit);
        range.start = layout::lapsed_lots(self.merchant, member, unit, self.now).end;
        if let Some(LotPlace { expires_at, lot }) = after {
            let behind = range.after(&layout::open_lot(self.merchant, member, unit, expires_at, lot));
            // A place among lots that have expired is before all that can be spent.
            range.start = range.start.max(behind.start);
        }
        let found = self.tx.load_scan::<Lot>(&range, Direction::Forward, limit)?;
        Ok(found.into_iter().map(|(_, lot)| lot).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_from_its_text() {
        for expires_at in [None, Some(Timestamp::from_millisecond(1_773_792_000_123).unwrap())] {
            let place = LotPlace { expires_at, lot: LotId::from_bytes([7; 16]) };
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for bad in ["", "lot_", "lot_07-x", "7"] {
            assert_eq!(bad.parse::<LotPlace>(), Err(NotAPlace), "{bad}");
        }
    }
}
