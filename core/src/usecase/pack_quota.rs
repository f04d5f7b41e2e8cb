//! What all packs of a merchant may use together: fuel on a day, so that what they cost is bounded; fuel a second and
//! bytes that they write a second, so that processor and disk are there for the other merchants, too. One pack may use
//! half of that, so that something is left for the others of the merchant. Answers to partners are as if they were of
//! one pack more, and get half of the day at most, too: whoever asks uses up nothing that the merchant's packs need
//! otherwise. What a light call uses is not counted in what is used a second when people are behind it: a merchant with
//! many orders is no burden, calls that each keep others waiting are, and those that packs bring about themselves. And
//! what each of them may have stored, which is counted in the store alone.
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

/// What packs may use at once after a while of quiet is what they may use in this time.
const BURST: SignedDuration = SignedDuration::from_secs(8);

/// What the packs of each merchant may use, and what they have used.
#[derive(Default)]
pub struct Quotas {
    /// Units of fuel on a day; 0 for as much as they want.
    fuel_of_day: AtomicU64,
    /// Units of fuel a second; 0 for as much as they want.
    fuel_a_second: AtomicU64,
    /// Bytes written a second; 0 for as many as they want.
    written_a_second: AtomicU64,
    /// Bytes that one of them may have stored; 0 for as many as it wants.
    stored: AtomicU64,
    used: Mutex<HashMap<MerchantId, Used>>,
}

/// What the packs of a merchant have used.
#[derive(Default)]
struct Used {
    /// Fuel on a day of UTC.
    fuel_of_day: Option<(u32, u64)>,
    /// What of that was used to answer partners, as far as it is known since the start.
    answers_of_day: (u32, u64),
    of_all: Pace,
    /// Of answers to partners.
    of_answers: Pace,
    /// Of those that have used something lately.
    of_packs: HashMap<Code, Pace>,
}

/// Who has used something.
#[derive(Clone, Copy, Debug)]
pub(super) enum User<'c> {
    /// A pack, for its own merchant, because somebody did something.
    Pack(&'c Code),
    /// A pack that is called because of a timer, or of what packs did before. There is no end to that, so that none of these
    /// calls is light.
    Itself(&'c Code),
    /// Packs that answer partners.
    Answers,
}

/// How far packs are ahead of what they may use a second.
#[derive(Clone, Copy, Default)]
struct Pace {
    fuel: Evenly,
    written: Evenly,
}

/// When all that was used would be used if it were used evenly.
#[derive(Clone, Copy, Default)]
struct Evenly(Timestamp);

impl Evenly {
    fn add(&mut self, now: Timestamp, used: u64, a_second: u64) {
        if a_second == 0 {
            return;
        }
        let nanoseconds = u128::from(used).saturating_mul(1_000_000_000) / u128::from(a_second);
        let takes = SignedDuration::from_nanos(i64::try_from(nanoseconds).unwrap_or(i64::MAX));
        self.0 = self.0.max(now).checked_add(takes).unwrap_or(Timestamp::MAX);
    }

    /// From when more may be used, if that is not now.
    fn waits_until(self, now: Timestamp) -> Option<Timestamp> {
        self.0.checked_sub(BURST).ok().filter(|until| *until > now)
    }
}

/// What one call has used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Units of fuel.
    pub(super) fuel: u64,
    /// Bytes that it has left to be written.
    pub(super) written: u64,
}

impl Usage {
    /// What a call may use without being counted in what is used a second: about a millisecond, and some entries.
    const LIGHT: Self = Self { fuel: 2_000_000, written: 16 << 10 };

    fn beyond_light(self) -> Self {
        let fuel = self.fuel.saturating_sub(Self::LIGHT.fuel);
        Self { fuel, written: self.written.saturating_sub(Self::LIGHT.written) }
    }
}

impl Pace {
    fn add(&mut self, now: Timestamp, used: Usage, a_second: Usage) {
        self.fuel.add(now, used.fuel, a_second.fuel);
        self.written.add(now, used.written, a_second.written);
    }

    /// Whether all of it lies back, so that it need not be known.
    fn is_over(&self, now: Timestamp) -> bool {
        self.fuel.0.max(self.written.0) <= now
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
    /// What all packs of a merchant may use a second in calls that are not light, unless the operator says something else, in
    /// units of fuel: a fifth of what a core of 2.6 GHz gives.
    pub const FUEL_A_SECOND: u64 = 500_000_000;
    /// The same of what they write, in bytes.
    pub const WRITTEN_A_SECOND: u64 = 512 << 10;
    /// What one pack may have stored at a merchant, unless the operator says something else, in bytes.
    pub const STORED: u64 = 1 << 30;

    /// Sets what all packs of a merchant may use on a day of UTC, in units of fuel; 0 for as much as they want.
    pub fn set_fuel_of_day(&self, fuel_max: u64) {
        self.fuel_of_day.store(fuel_max, Ordering::Relaxed);
    }

    /// Sets what all packs of a merchant may use a second, in units of fuel; 0 for as much as they want.
    pub fn set_fuel_a_second(&self, fuel_max: u64) {
        self.fuel_a_second.store(fuel_max, Ordering::Relaxed);
    }

    /// Sets what all packs of a merchant may write a second, in bytes; 0 for as many as they want.
    pub fn set_written_a_second(&self, bytes_max: u64) {
        self.written_a_second.store(bytes_max, Ordering::Relaxed);
    }

    /// Sets what one pack may have stored at a merchant, in bytes; 0 for as many as it wants.
    pub fn set_stored(&self, bytes_max: u64) {
        self.stored.store(bytes_max, Ordering::Relaxed);
    }

    /// What one pack may have stored, in bytes.
    pub(super) fn stored_max(&self) -> u64 {
        match self.stored.load(Ordering::Relaxed) {
            0 => u64::MAX,
            bytes_max => bytes_max,
        }
    }

    /// Adds what a call of a merchant's pack has used.
    pub(super) fn add(&self, merchant: MerchantId, user: User<'_>, now: Timestamp, used: Usage) {
        let fuel = self.fuel_a_second.load(Ordering::Relaxed);
        let written = self.written_a_second.load(Ordering::Relaxed);
        let mut of_merchants = self.used.lock();
        let Used { fuel_of_day, answers_of_day, of_all, of_answers, of_packs } =
            of_merchants.entry(merchant).or_default();
        let today = day_of_usage(now);
        if let Some((day, fuel)) = fuel_of_day
            && *day == today
        {
            *fuel = fuel.saturating_add(used.fuel);
        }
        if matches!(user, User::Answers) {
            let before = if answers_of_day.0 == today { answers_of_day.1 } else { 0 };
            *answers_of_day = (today, before.saturating_add(used.fuel));
        }
        let used = if matches!(user, User::Itself(_)) { used } else { used.beyond_light() };
        if (used.fuel, used.written) == (0, 0) {
            return;
        }
        of_all.add(now, used, Usage { fuel, written });
        let of_user = match user {
            User::Answers => of_answers,
            User::Pack(pack) | User::Itself(pack) => match of_packs.get_mut(pack) {
                Some(of_pack) => of_pack,
                None => {
                    of_packs.retain(|_, pace| !pace.is_over(now));
                    of_packs.entry(pack.clone()).or_default()
                }
            },
        };
        of_user.add(now, used, Usage { fuel: fuel / 2, written: written / 2 });
    }

    /// From when a pack may be called again, if it, or all packs of the merchant together, have used more than what they may a
    /// second.
    fn ahead(&self, merchant: MerchantId, pack: &Code, now: Timestamp) -> Option<Spent> {
        let of_merchants = self.used.lock();
        let Used { of_all, of_packs, .. } = of_merchants.get(&merchant)?;
        let of_pack = of_packs.get(pack).copied().unwrap_or_default();
        let fuel_max = self.fuel_a_second.load(Ordering::Relaxed);
        let bytes_max = self.written_a_second.load(Ordering::Relaxed);
        let waits = [
            (of_all.fuel, Quota::Fuel { fuel_max }, fuel_max),
            (of_all.written, Quota::Written { bytes_max }, bytes_max),
            (of_pack.fuel, Quota::FuelOfPack { fuel_max: fuel_max / 2 }, fuel_max),
            (of_pack.written, Quota::WrittenByPack { bytes_max: bytes_max / 2 }, bytes_max),
        ];
        latest(waits, now)
    }

    /// From when partners may be answered again, if answers have used more than half of what the merchant's packs may.
    pub(super) fn answers_ahead(&self, merchant: MerchantId, now: Timestamp) -> Option<Spent> {
        let of_merchants = self.used.lock();
        let Used { answers_of_day: (day, fuel), of_answers, .. } = of_merchants.get(&merchant)?;
        let of_day = self.fuel_of_day.load(Ordering::Relaxed);
        if of_day > 0 && *day == day_of_usage(now) && *fuel >= of_day.div_ceil(2) {
            return Some(Spent { quota: Quota::FuelOfDay { fuel_max: of_day }, until: day_after(now) });
        }
        let fuel_max = self.fuel_a_second.load(Ordering::Relaxed);
        let bytes_max = self.written_a_second.load(Ordering::Relaxed);
        let waits = [
            (of_answers.fuel, Quota::FuelOfPack { fuel_max: fuel_max / 2 }, fuel_max),
            (of_answers.written, Quota::WrittenByPack { bytes_max: bytes_max / 2 }, bytes_max),
        ];
        latest(waits, now)
    }

    /// When the next day begins, if the fuel of this one is used up: refused and broken calls included, since the start, and
    /// before that what `kept` says.
    fn day_over(
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
        let known = self.used.lock().get(&merchant).and_then(|used| used.fuel_of_day);
        let used = match known.filter(|(day, _)| *day == today) {
            Some((_, fuel)) => fuel,
            None => {
                let fuel = kept()?;
                self.used.lock().entry(merchant).or_default().fuel_of_day = Some((today, fuel));
                fuel
            }
        };
        Ok((used >= fuel_max).then(|| Spent { quota: Quota::FuelOfDay { fuel_max }, until: day_after(now) }))
    }
}

/// What is to be waited for the longest, of what is used and the quota of each, where there is one.
fn latest(waits: impl IntoIterator<Item = (Evenly, Quota, u64)>, now: Timestamp) -> Option<Spent> {
    let waits = waits.into_iter().filter(|(.., a_second)| *a_second > 0);
    let spent = waits.filter_map(|(used, quota, _)| Some(Spent { quota, until: used.waits_until(now)? }));
    spent.max_by_key(|spent| spent.until)
}

impl Act<'_> {
    /// What the merchant's packs have used up, so that this one is not called for a while.
    pub(super) fn spent(&self, tx: &mut Tx, pack: &Code) -> Result<Option<Spent>, StoreError> {
        let quotas = &self.programme.quotas;
        let day_over = quotas.day_over(self.merchant, self.now, || fuel_on_day(tx, self.merchant, self.now))?;
        Ok(day_over.or_else(|| quotas.ahead(self.merchant, pack, self.now)))
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
    fn who_uses_more_than_a_burst_waits_until_it_is_what_may_be_used_by_then() {
        let fuel = |units: u64| Usage { fuel: units.saturating_add(Usage::LIGHT.fuel), ..Usage::LIGHT };
        let written = |bytes: u64| Usage { written: bytes.saturating_add(Usage::LIGHT.written), ..Usage::LIGHT };
        let quotas = Quotas::default();
        quotas.set_fuel_a_second(2_000);
        let all = |fuel_max| Quota::Fuel { fuel_max };
        waits(&quotas, fuel, all(2_000), Quota::FuelOfPack { fuel_max: 1_000 });
        let quotas = Quotas::default();
        quotas.set_written_a_second(2_000);
        let all = |bytes_max| Quota::Written { bytes_max };
        waits(&quotas, written, all(2_000), Quota::WrittenByPack { bytes_max: 1_000 });
    }

    fn waits(quotas: &Quotas, used: impl Fn(u64) -> Usage, of_all: Quota, of_pack: Quota) {
        let [one, other, third] = ["one", "other", "third"].map(|code| Code::new(code).unwrap());
        let add = |pack, second, amount| quotas.add(OURS, User::Pack(pack), at(second), used(amount));
        let waits = |merchant, pack, second| {
            quotas.ahead(merchant, pack, at(second)).map(|spent| (spent.until.as_second(), spent.quota))
        };
        for second in 100..200 {
            add(&one, second, 1_000);
            assert_eq!(waits(OURS, &one, second), None);
        }
        (0..100).for_each(|_| add(&one, 200, 0));
        add(&one, 200, 8_000);
        assert_eq!(waits(OURS, &one, 200), None, "a burst");
        add(&one, 200, 3_000);
        let of_one = Some((203, of_pack));
        assert_eq!([200, 202, 203].map(|second| waits(OURS, &one, second)), [of_one, of_one, None]);
        assert_eq!((waits(OURS, &other, 200), waits(THEIRS, &one, 200)), (None, None));
        add(&other, 200, 8_000);
        let of_all = Some((201, of_all));
        assert_eq!([200, 201, 202].map(|second| waits(OURS, &third, second)), [of_all, of_all, None]);
        add(&one, 1_000, 8_000);
        assert_eq!(waits(OURS, &one, 1_000), None, "what was used before is forgotten");
        add(&one, 1_000, u64::MAX);
        add(&one, 1_000, u64::MAX);
        assert!(waits(OURS, &one, 1_000).is_some());
        quotas.set_fuel_a_second(0);
        quotas.set_written_a_second(0);
        assert_eq!(waits(OURS, &one, 1_000), None, "without a quota nobody waits");
    }

    #[test]
    fn what_packs_bring_about_is_never_light() {
        let quotas = Quotas::default();
        quotas.set_fuel_a_second(2_000);
        let pack = Code::new("one").unwrap();
        let until = |user: User<'_>| {
            (0..100).for_each(|_| quotas.add(OURS, user, at(100), Usage { fuel: 100, written: 0 }));
            quotas.ahead(OURS, &pack, at(100)).map(|spent| spent.until.as_second())
        };
        assert_eq!(until(User::Pack(&pack)), None);
        assert_eq!(
            until(User::Itself(&pack)),
            Some(102),
            "ten seconds of what one pack may, of which eight may be at once"
        );
    }

    #[test]
    fn the_fuel_of_a_day_is_for_that_day() {
        let quotas = Quotas::default();
        quotas.set_fuel_of_day(100);
        let waits = |second, kept| quotas.day_over(OURS, at(second), || Ok(kept)).unwrap().map(|spent| spent.until);
        let one = Code::new("one").unwrap();
        let add = |second, fuel| quotas.add(OURS, User::Pack(&one), at(second), Usage { fuel, written: 0 });
        assert_eq!(waits(0, 60), None);
        add(0, 30);
        assert_eq!(waits(1, 1_000), None, "what was kept is read once");
        add(2, 10);
        assert_eq!((waits(2, 0), waits(86_399, 0), waits(86_400, 0)), (Some(at(86_400)), Some(at(86_400)), None));
    }

    #[test]
    fn answers_to_partners_use_half_of_what_a_merchant_has_and_leave_its_packs_the_other_half() {
        let one = Code::new("one").unwrap();
        let quotas = Quotas::default();
        quotas.set_fuel_a_second(2_000);
        let used = |units: u64| Usage { fuel: units + Usage::LIGHT.fuel, written: 0 };
        let answered = |second, units| quotas.add(OURS, User::Answers, at(second), used(units));
        let answers = |second| quotas.answers_ahead(OURS, at(second)).map(|spent| spent.until.as_second());
        let pack = |second| quotas.ahead(OURS, &one, at(second)).map(|spent| spent.until.as_second());
        assert_eq!(answers(100), None);
        answered(100, 8_000);
        assert_eq!(answers(100), None, "a burst");
        answered(100, 3_000);
        assert_eq!((answers(100), answers(102), answers(103)), (Some(103), Some(103), None));
        assert_eq!(pack(100), None, "the pack's own calls go on");
        quotas.add(OURS, User::Pack(&one), at(100), used(5_000));
        assert_eq!((pack(100), quotas.answers_ahead(THEIRS, at(100))), (None, None));
        quotas.add(OURS, User::Pack(&Code::new("other").unwrap()), at(100), used(8_000));
        assert_eq!(pack(100), Some(104), "what answers have used counts for all together");

        let quotas = Quotas::default();
        quotas.set_fuel_of_day(101);
        let day = |second| quotas.day_over(OURS, at(second), || Ok(0)).unwrap().map(|spent| spent.until);
        let answered = |second, fuel| quotas.add(OURS, User::Answers, at(second), Usage { fuel, written: 0 });
        let answers = |second| quotas.answers_ahead(OURS, at(second)).map(|spent| spent.until);
        assert_eq!(day(0), None);
        answered(0, 50);
        assert_eq!(answers(1), None);
        answered(1, 1);
        assert_eq!((answers(1), day(1), answers(86_400)), (Some(at(86_400)), None, None));
        answered(86_400, 50);
        assert_eq!(answers(86_400), None, "another day");
    }
}
