//! What all packs of a merchant may use together: fuel on a day, so that what they cost is bounded; and bytes that they write a
//! second, so that the disk is there for the other merchants, too. One pack may write half of that, so that something is left
//! for the others of the merchant.
//!
//! It is kept in memory. The day's fuel is also in the counters of the store, from where it comes after a start.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::Act;
use super::usage::{day_after, fuel_on_day};
use crate::domain::{Code, MerchantId};
use crate::pack::{CallError, Quota};
use crate::store::layout::day_of_usage;
use crate::store::{StoreError, Tx};

/// What packs may write at once after a while of quiet is what they may write in this time.
const BURST: SignedDuration = SignedDuration::from_secs(8);

/// What the packs of each merchant may use, and what they have used.
#[derive(Default)]
pub struct Quotas {
    /// Units of fuel on a day; 0 for as much as they want.
    fuel_of_day: AtomicU64,
    /// Bytes a second; 0 for as many as they want.
    written_a_second: AtomicU64,
    used: Mutex<HashMap<MerchantId, Used>>,
}

/// What the packs of a merchant have used.
#[derive(Default)]
struct Used {
    /// Fuel on a day of UTC.
    fuel: Option<(u32, u64)>,
    /// What all of them have written.
    written: Written,
    /// What each has written.
    written_by: HashMap<Code, Written>,
}

/// When all that was written would be written if it were written evenly.
#[derive(Clone, Copy, Default)]
struct Written(Timestamp);

impl Written {
    fn add(&mut self, now: Timestamp, bytes: usize, a_second: u64) {
        let nanoseconds = (bytes as u128).saturating_mul(1_000_000_000) / u128::from(a_second.max(1));
        let takes = SignedDuration::from_nanos(i64::try_from(nanoseconds).unwrap_or(i64::MAX));
        self.0 = self.0.max(now).checked_add(takes).unwrap_or(Timestamp::MAX);
    }

    /// From when more may be written, if that is not now.
    fn up_until(self, now: Timestamp) -> Option<Timestamp> {
        self.0.checked_sub(BURST).ok().filter(|until| *until > now)
    }
}

/// A quota that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spent {
    quota: Quota,
    /// From when packs are called again.
    pub(super) until: Timestamp,
}

impl From<Spent> for CallError {
    fn from(Spent { quota, until }: Spent) -> Self {
        Self::QuotaUsedUp { quota, until }
    }
}

impl Quotas {
    /// What all packs of a merchant may write a second unless the operator says something else, in bytes.
    pub const WRITTEN_A_SECOND: u64 = 512 << 10;

    /// Sets what all packs of a merchant may use on a day of UTC, in units of fuel; 0 for as much as they want.
    pub fn set_fuel_of_day(&self, fuel_max: u64) {
        self.fuel_of_day.store(fuel_max, Ordering::Relaxed);
    }

    /// Sets what all packs of a merchant may write a second, in bytes; 0 for as many as they want.
    pub fn set_written_a_second(&self, bytes_max: u64) {
        self.written_a_second.store(bytes_max, Ordering::Relaxed);
    }

    /// Adds to the fuel that all packs of a merchant have used today.
    pub(super) fn add_fuel(&self, merchant: MerchantId, now: Timestamp, used: u64) {
        if let Some(Used { fuel: Some((day, fuel)), .. }) = self.used.lock().get_mut(&merchant)
            && *day == day_of_usage(now)
        {
            *fuel = fuel.saturating_add(used);
        }
    }

    /// Adds to the bytes that a pack of a merchant has written.
    pub(super) fn add_written(&self, merchant: MerchantId, pack: &Code, now: Timestamp, bytes: usize) {
        let a_second = self.written_a_second.load(Ordering::Relaxed);
        if a_second == 0 || bytes == 0 {
            return;
        }
        let mut used = self.used.lock();
        let Used { written, written_by, .. } = used.entry(merchant).or_default();
        written.add(now, bytes, a_second);
        match written_by.get_mut(pack) {
            Some(written) => written.add(now, bytes, a_second / 2),
            None => {
                // Who has written little is as who has written nothing.
                written_by.retain(|_, written| written.0 > now);
                written_by.entry(pack.clone()).or_default().add(now, bytes, a_second / 2);
            }
        }
    }

    /// From when a pack may write again, if it, or all packs of the merchant together, have written too much.
    fn written_up(&self, merchant: MerchantId, pack: &Code, now: Timestamp) -> Option<Spent> {
        let a_second = self.written_a_second.load(Ordering::Relaxed);
        if a_second == 0 {
            return None;
        }
        let used = self.used.lock();
        let used = used.get(&merchant)?;
        let of_pack =
            || Some((used.written_by.get(pack)?.up_until(now)?, Quota::WrittenByPack { bytes_max: a_second / 2 }));
        let of_all = used.written.up_until(now).map(|until| (until, Quota::Written { bytes_max: a_second }));
        let (until, quota) = of_all.or_else(of_pack)?;
        Some(Spent { quota, until })
    }

    /// When the next day begins, if the fuel of this one is used up: refused and broken calls included, since the start, and
    /// before that what `kept` says.
    fn fuel_up(
        &self,
        merchant: MerchantId,
        now: Timestamp,
        kept: impl FnOnce() -> Result<u64, StoreError>,
    ) -> Result<Option<Spent>, StoreError> {
        let fuel_max = self.fuel_of_day.load(Ordering::Relaxed);
        if fuel_max == 0 {
            return Ok(None);
        }
        let today = day_of_usage(now);
        let known = self.used.lock().get(&merchant).and_then(|used| used.fuel).filter(|(day, _)| *day == today);
        let used = match known {
            Some((_, fuel)) => fuel,
            None => {
                let fuel = kept()?;
                self.used.lock().entry(merchant).or_default().fuel = Some((today, fuel));
                fuel
            }
        };
        Ok((used >= fuel_max).then(|| Spent { quota: Quota::FuelOfDay { fuel_max }, until: day_after(now) }))
    }
}

impl Act<'_> {
    /// What the merchant's packs have used up, so that this one is not called for a while.
    pub(super) fn spent(&self, tx: &mut Tx, pack: &Code) -> Result<Option<Spent>, StoreError> {
        let quotas = &self.programme.quotas;
        let fuel_up = quotas.fuel_up(self.merchant, self.now, || fuel_on_day(tx, self.merchant, self.now))?;
        Ok(fuel_up.or_else(|| quotas.written_up(self.merchant, pack, self.now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: MerchantId = MerchantId::from_bytes([1; 16]);
    const THEIRS: MerchantId = MerchantId::from_bytes([2; 16]);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn who_writes_more_than_a_burst_waits_until_it_is_what_may_be_written_by_then() {
        let (quotas, [one, other, third]) =
            (Quotas::default(), ["one", "other", "third"].map(|code| Code::new(code).unwrap()));
        let add = |pack, second, bytes| quotas.add_written(OURS, pack, at(second), bytes);
        let waits = |merchant, pack, second| {
            quotas.written_up(merchant, pack, at(second)).map(|spent| (spent.until.as_second(), spent.quota))
        };
        add(&one, 0, usize::MAX);
        assert_eq!(waits(OURS, &one, 0), None, "without a quota nothing is counted");
        quotas.set_written_a_second(2_000);
        for second in 100..200 {
            add(&one, second, 1_000);
            assert_eq!(waits(OURS, &one, second), None);
        }
        add(&one, 200, 8_000);
        assert_eq!(waits(OURS, &one, 200), None, "a burst");
        add(&one, 200, 3_000);
        let of_one = Some((203, Quota::WrittenByPack { bytes_max: 1_000 }));
        assert_eq!([200, 202, 203].map(|second| waits(OURS, &one, second)), [of_one, of_one, None]);
        assert_eq!((waits(OURS, &other, 200), waits(THEIRS, &one, 200)), (None, None));
        add(&other, 200, 8_000);
        let of_all = Some((202, Quota::Written { bytes_max: 2_000 }));
        assert_eq!([200, 201, 202].map(|second| waits(OURS, &third, second)), [of_all, of_all, None]);
        add(&one, 1_000, 8_000);
        assert_eq!(waits(OURS, &one, 1_000), None, "what was written before is forgotten");
        add(&one, 1_000, usize::MAX);
        add(&one, 1_000, usize::MAX);
        assert!(waits(OURS, &one, 1_000).is_some());
    }

    #[test]
    fn the_fuel_of_a_day_is_for_that_day() {
        let quotas = Quotas::default();
        quotas.set_fuel_of_day(100);
        let waits = |second, kept| quotas.fuel_up(OURS, at(second), || Ok(kept)).unwrap().map(|spent| spent.until);
        assert_eq!(waits(0, 60), None);
        quotas.add_fuel(OURS, at(0), 30);
        assert_eq!(waits(1, 1_000), None, "what was kept is read once");
        quotas.add_fuel(OURS, at(2), 10);
        assert_eq!((waits(2, 0), waits(86_399, 0), waits(86_400, 0)), (Some(at(86_400)), Some(at(86_400)), None));
    }
}
