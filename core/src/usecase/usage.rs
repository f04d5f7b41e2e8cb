//! What packs have used, by day: counters in the transactions of the calls, so that what is billed is what was kept. Days are
//! those of UTC, the same for all merchants.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Enablement, Revision};
use crate::domain::{Code, MerchantId, RevisionId};
use crate::store::layout::{self, PackUse, day_of_usage};
use crate::store::{Direction, StoreError, Tx, decode_counter, records};

/// What a pack has used on a day of UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackUsage {
    /// Which day.
    pub day: Date,
    /// Which pack.
    pub pack: Code,
    /// Who had signed what was in force of it last on that day; none when nobody had.
    pub vendor: Option<Code>,
    /// How many calls were kept.
    pub calls: u64,
    /// Units of fuel that they have used.
    pub fuel: u64,
}

/// When the day after an instant begins.
pub(super) fn day_after(at: Timestamp) -> Timestamp {
    let next = (i64::from(day_of_usage(at)) + 1).saturating_mul(86_400);
    Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
}

/// Counts a call.
pub(super) fn count_usage(
    tx: &mut Tx,
    merchant: MerchantId,
    pack: &Code,
    now: Timestamp,
    fuel: u64,
) -> Result<(), StoreError> {
    let day = day_of_usage(now);
    tx.add(&layout::pack_usage(merchant, day, pack, PackUse::Calls), 1)?;
    tx.add(&layout::pack_usage(merchant, day, pack, PackUse::Fuel), i64::try_from(fuel).unwrap_or(i64::MAX))
}

/// How many messages a pack sends at a merchant on a day of UTC.
pub const MESSAGES_OF_DAY_MAX: u64 = 10_000;

/// Counts a message that a pack sends; whether it may, on the day of an instant. What is under way at the same time does not
/// count.
pub(super) fn count_message(
    tx: &mut Tx,
    merchant: MerchantId,
    pack: &Code,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let key = layout::pack_usage(merchant, day_of_usage(now), pack, PackUse::Messages);
    let sent = tx.counter_about(&key)?.unwrap_or(0);
    if u64::try_from(sent).is_ok_and(|sent| sent >= MESSAGES_OF_DAY_MAX) {
        return Ok(false);
    }
    tx.add(&key, 1)?;
    Ok(true)
}

/// The fuel that all packs of a merchant have used on the day of an instant.
pub(super) fn fuel_on_day(tx: &mut Tx, merchant: MerchantId, now: Timestamp) -> Result<u64, StoreError> {
    let mut fuel = 0_u64;
    for (key, value) in tx.scan(&layout::pack_usages_on(merchant, day_of_usage(now)), Direction::Forward, usize::MAX)? {
        if let Some((_, _, PackUse::Fuel)) = layout::pack_usage_parts(&key) {
            fuel = fuel.saturating_add(u64::try_from(decode_counter(&key, Some(&value))?).unwrap_or(0));
        }
    }
    Ok(fuel)
}

/// What the packs of a merchant have used on the days after one, whole days until there are `limit` lines or more; and the last
/// day, when there may be more.
///
/// # Errors
/// The store's failures.
pub fn read_usage(
    tx: &mut Tx,
    merchant: MerchantId,
    mut after: Option<u32>,
    limit: usize,
) -> Result<(Vec<PackUsage>, Option<u32>), StoreError> {
    let mut found = Vec::new();
    while found.len() < limit {
        let next = tx.scan(&layout::pack_usages_after(merchant, after), Direction::Forward, 1)?;
        let Some((key, _)) = next.first() else { return Ok((found, None)) };
        let corrupt = |key: &[u8]| StoreError::corrupt("key of a pack's usage", key);
        let (day, ..) = layout::pack_usage_parts(key).ok_or_else(|| corrupt(key))?;
        let mut packs: BTreeMap<Code, (u64, u64)> = BTreeMap::new();
        for (key, value) in tx.scan(&layout::pack_usages_on(merchant, day), Direction::Forward, usize::MAX)? {
            let (_, pack, what) = layout::pack_usage_parts(&key).ok_or_else(|| corrupt(&key))?;
            let value = u64::try_from(decode_counter(&key, Some(&value))?).unwrap_or(0);
            let (calls, fuel) = packs.entry(pack).or_default();
            match what {
                PackUse::Calls => *calls = value,
                PackUse::Fuel => *fuel = value,
                PackUse::Facts | PackUse::Messages => {}
            }
        }
        for (pack, (calls, fuel)) in packs {
            let vendor = vendor_on(tx, merchant, &pack, day)?;
            found.push(PackUsage { day: date(day), pack, vendor, calls, fuel });
        }
        after = Some(day);
    }
    Ok((found, after))
}

fn date(day: u32) -> Date {
    let midnight = Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_hours(24 * i64::from(day)));
    midnight.map_or(Date::MAX, |midnight| jiff::tz::TimeZone::UTC.to_datetime(midnight).date())
}

/// Who has signed what is in force of a pack, kept from the day on which that changes: what was used is told by vendor also when
/// the pack is another's now, or nobody's.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signer(Option<Code>);

/// Whose a pack is at a merchant: the vendor's who first brought it signed. It stays when the pack is removed, as do the units,
/// postings and tags that are known by the pack's name.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner(Code);

records! {
    Signer, 1, "signer of a pack";
    Owner, 1, "owner of a pack";
}

/// Keeps whose a pack is, if that is not known.
pub(super) fn note_owner(tx: &mut Tx, merchant: MerchantId, pack: &Code, vendor: &Code) -> Result<(), StoreError> {
    let key = layout::pack_owner(merchant, pack);
    if tx.get(&key)?.is_some() { Ok(()) } else { tx.save(&key, &Owner(vendor.clone())) }
}

/// Whose a pack is, or was. Before that was kept it was who had first signed what was in force of it.
pub(super) fn owner_of(tx: &mut Tx, merchant: MerchantId, pack: &Code) -> Result<Option<Code>, StoreError> {
    if let Some(Owner(vendor)) = tx.load(&layout::pack_owner(merchant, pack))? {
        return Ok(Some(vendor));
    }
    let signers = tx.load_scan::<Signer>(&layout::pack_signers(merchant, pack), Direction::Forward, usize::MAX)?;
    Ok(signers.into_iter().find_map(|(_, Signer(vendor))| vendor))
}

/// Keeps who has signed what is in force of a pack from now on.
pub(super) fn note_signer(
    tx: &mut Tx,
    merchant: MerchantId,
    pack: &Code,
    revision: RevisionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    // What is being removed has no revision any more, and is used no more.
    let Some(revision) = tx.load::<Revision>(&layout::revision(merchant, revision))? else { return Ok(()) };
    let signer = Signer(revision.signed.map(|signed| signed.vendor));
    let day = day_of_usage(now);
    if signer_on(tx, merchant, pack, day)?.as_ref() == Some(&signer) {
        return Ok(());
    }
    tx.save(&layout::pack_signer(merchant, pack, day), &signer)
}

fn signer_on(tx: &mut Tx, merchant: MerchantId, pack: &Code, day: u32) -> Result<Option<Signer>, StoreError> {
    let found = tx.load_scan(&layout::pack_signers_until(merchant, pack, day), Direction::Backward, 1)?;
    Ok(found.into_iter().next().map(|(_, signer)| signer))
}

/// Who had signed what was in force of a pack on a day. Before that was kept it was who has signed what is in force now.
fn vendor_on(tx: &mut Tx, merchant: MerchantId, pack: &Code, day: u32) -> Result<Option<Code>, StoreError> {
    if let Some(Signer(vendor)) = signer_on(tx, merchant, pack, day)? {
        return Ok(vendor);
    }
    let Some(enablement) = tx.load::<Enablement>(&layout::enablement(merchant, pack))? else { return Ok(None) };
    let revision = tx.load::<Revision>(&layout::revision(merchant, enablement.revision))?;
    Ok(revision.and_then(|revision| revision.signed).map(|signed| signed.vendor))
}
