//! The keys of what packs are to be called with: how far each has come in the log, what waits for another try, timers, and
//! what was parked.

use jiff::Timestamp;

use super::webhooks::Subject;
use super::{CallId, Code, Key, KeyRange, MerchantId, Name, after, millis};

/// How far a lane of a pack has come in the log.
pub fn pack_progress(merchant: MerchantId, pack: &Code, lane: u8) -> Key {
    part(merchant, b'c', pack).bytes(&[lane]).0
}

/// How far all lanes of all packs of a merchant have come.
pub fn pack_progresses(merchant: MerchantId) -> KeyRange {
    Name::of(b'@', merchant).bytes(b"c").range()
}

/// How far a change of a pack's revisions has come.
pub fn change_of_pack(merchant: MerchantId, pack: &Code) -> Key {
    part(merchant, b'u', pack).0
}

/// An event that waits at a pack for another try, or behind one that does.
pub fn pack_waiting(merchant: MerchantId, pack: &Code, subject: Subject, sequence: u64) -> Key {
    part(merchant, b'w', pack).bytes(&subject.bytes()).bytes(&sequence.to_be_bytes()).0
}

/// The subject and number at the end of the key of an event that waits.
pub fn pack_waiting_parts(key: &[u8]) -> Option<(Subject, u64)> {
    let (rest, sequence) = key.split_last_chunk::<8>()?;
    let (_, subject) = rest.split_last_chunk::<17>()?;
    Some((Subject::from_bytes(subject)?, u64::from_be_bytes(*sequence)))
}

/// All that waits at a pack for one subject, in order.
pub fn pack_waiting_of(merchant: MerchantId, pack: &Code, subject: Subject) -> KeyRange {
    part(merchant, b'w', pack).bytes(&subject.bytes()).range()
}

/// All that waits at a pack.
pub fn pack_waiting_of_pack(merchant: MerchantId, pack: &Code) -> KeyRange {
    part(merchant, b'w', pack).range()
}

/// All events that wait at packs of a merchant.
pub fn pack_waiting_all(merchant: MerchantId) -> KeyRange {
    Name::of(b'@', merchant).bytes(b"w").range()
}

/// When the first of what waits for a subject is to be tried again.
pub fn pack_due(
    merchant: MerchantId,
    pack: &Code,
    lane: u8,
    at: Timestamp,
    (subject, sequence): (Subject, u64),
) -> Key {
    let name = part(merchant, b's', pack).bytes(&[lane]).bytes(&millis(at).to_be_bytes());
    name.bytes(&subject.bytes()).bytes(&sequence.to_be_bytes()).0
}

/// What is to be tried again in a lane, soonest first.
pub fn pack_dues(merchant: MerchantId, pack: &Code, lane: u8) -> KeyRange {
    part(merchant, b's', pack).bytes(&[lane]).range()
}

/// What is to be tried again in a lane by `now`.
pub fn pack_dues_until(merchant: MerchantId, pack: &Code, lane: u8, now: Timestamp) -> KeyRange {
    let start = part(merchant, b's', pack).bytes(&[lane]).0;
    KeyRange { start, end: part(merchant, b's', pack).bytes(&[lane]).bytes(&after(now)).0 }
}

/// When all that waits at packs of a merchant is to be tried again.
pub fn pack_dues_all(merchant: MerchantId) -> KeyRange {
    Name::of(b'@', merchant).bytes(b"s").range()
}

/// The instant, subject and number at the end of the key that says when something is to be tried again.
pub fn pack_due_parts(key: &[u8]) -> Option<(Timestamp, Subject, u64)> {
    let (rest, sequence) = key.split_last_chunk::<8>()?;
    let (rest, subject) = rest.split_last_chunk::<17>()?;
    let at = i64::from_be_bytes(*rest.last_chunk()?);
    let at = Timestamp::from_millisecond(at).ok()?;
    Some((at, Subject::from_bytes(subject)?, u64::from_be_bytes(*sequence)))
}

/// A timer, by the place among its pack's timers that its own name gives it.
pub fn pack_timer(merchant: MerchantId, pack: &Code, place: &[u8]) -> Key {
    part(merchant, b't', pack).bytes(place).0
}

/// All timers of a pack.
pub fn pack_timers(merchant: MerchantId, pack: &Code) -> KeyRange {
    part(merchant, b't', pack).range()
}

/// All timers of a merchant's packs.
pub fn pack_timers_all(merchant: MerchantId) -> KeyRange {
    Name::of(b'@', merchant).bytes(b"t").range()
}

/// When a timer is to fire.
pub fn pack_timer_due(merchant: MerchantId, pack: &Code, at: Timestamp, place: &[u8]) -> Key {
    part(merchant, b'd', pack).bytes(&millis(at).to_be_bytes()).bytes(place).0
}

/// When the timers of a pack are to fire, soonest first.
pub fn pack_timer_dues(merchant: MerchantId, pack: &Code) -> KeyRange {
    part(merchant, b'd', pack).range()
}

/// What is to fire by `now`.
pub fn pack_timer_dues_until(merchant: MerchantId, pack: &Code, now: Timestamp) -> KeyRange {
    let start = part(merchant, b'd', pack).0;
    KeyRange { start, end: part(merchant, b'd', pack).bytes(&after(now)).0 }
}

/// When all timers of a merchant's packs are to fire.
pub fn pack_timer_dues_all(merchant: MerchantId) -> KeyRange {
    Name::of(b'@', merchant).bytes(b"d").range()
}

/// A counter of the timers of a pack that wait.
pub fn pack_timer_count(merchant: MerchantId, pack: &Code) -> Key {
    part(merchant, b'n', pack).0
}

/// The counters of the timers of a merchant's packs.
pub fn pack_timer_counts(merchant: MerchantId) -> KeyRange {
    Name::of(b'@', merchant).bytes(b"n").range()
}

/// The instant and the timer's place in the key that says when it is to fire.
pub fn pack_timer_due_parts<'k>(key: &'k [u8], pack: &Code) -> Option<(Timestamp, &'k [u8])> {
    let (at, place) = key.get(18 + pack.as_str().len() + 1..)?.split_first_chunk::<8>()?;
    Some((Timestamp::from_millisecond(i64::from_be_bytes(*at)).ok()?, place))
}

/// A call that was parked.
pub fn parked_call(merchant: MerchantId, pack: &Code, call: CallId) -> Key {
    part(merchant, b'x', pack).bytes(call.as_bytes()).0
}

/// All calls of a pack that were parked, in the order of that.
pub fn parked_calls(merchant: MerchantId, pack: &Code) -> KeyRange {
    part(merchant, b'x', pack).range()
}

/// All calls of a merchant's packs that were parked.
pub fn parked_calls_all(merchant: MerchantId) -> KeyRange {
    Name::of(b'@', merchant).bytes(b"x").range()
}

/// The day of UTC on which an instant falls, by the days since 1970.
pub fn day_of_usage(at: Timestamp) -> u32 {
    u32::try_from(at.as_second().div_euclid(86_400)).unwrap_or(0)
}

/// A counter of what a pack has used on a day of UTC, by the days since 1970.
pub fn pack_usage(merchant: MerchantId, day: u32, pack: &Code, what: PackUse) -> Key {
    usage_day(merchant, day).text(pack.as_str()).bytes(&[what.letter()]).0
}

/// What the packs of a merchant have used on a day of UTC.
pub fn pack_usages_on(merchant: MerchantId, day: u32) -> KeyRange {
    usage_day(merchant, day).range()
}

/// What the packs of a merchant have used after a day of UTC.
pub fn pack_usages_after(merchant: MerchantId, day: Option<u32>) -> KeyRange {
    let whole = Name::of(b'@', merchant).bytes(b"m").range();
    match day.map(|day| day.checked_add(1)) {
        None => whole,
        Some(Some(next)) => KeyRange { start: usage_day(merchant, next).0, ..whole },
        Some(None) => KeyRange { start: whole.end.clone(), end: whole.end },
    }
}

/// The day, the pack and what is counted, from the key of a counter of usage.
pub fn pack_usage_parts(key: &[u8]) -> Option<(u32, Code, PackUse)> {
    let (day, rest) = key.get(18..)?.split_first_chunk::<4>()?;
    let (letter, pack) = rest.split_last()?;
    let pack = std::str::from_utf8(pack.strip_suffix(&[0])?).ok()?;
    let all = [PackUse::Calls, PackUse::Fuel, PackUse::Facts, PackUse::Messages];
    let what = all.into_iter().find(|what| what.letter() == *letter)?;
    Some((u32::from_be_bytes(*day), Code::new(pack).ok()?, what))
}

/// What is counted of what a pack uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackUse {
    /// Calls.
    Calls,
    /// Units of fuel.
    Fuel,
    /// Facts that it has told.
    Facts,
    /// Messages that it has had sent.
    Messages,
}

impl PackUse {
    const fn letter(self) -> u8 {
        match self {
            Self::Calls => b'c',
            Self::Fuel => b'f',
            Self::Facts => b'e',
            Self::Messages => b's',
        }
    }
}

fn usage_day(merchant: MerchantId, day: u32) -> Name {
    Name::of(b'@', merchant).bytes(b"m").bytes(&day.to_be_bytes())
}

/// Who has signed what was in force of a pack, from a day of UTC on.
pub fn pack_signer(merchant: MerchantId, pack: &Code, day: u32) -> Key {
    part(merchant, b'v', pack).bytes(&day.to_be_bytes()).0
}

/// Those up to a day of UTC.
pub fn pack_signers_until(merchant: MerchantId, pack: &Code, day: u32) -> KeyRange {
    let whole = part(merchant, b'v', pack).range();
    KeyRange { end: [pack_signer(merchant, pack, day).as_slice(), &[0]].concat(), ..whole }
}

/// All of them.
pub fn pack_signers(merchant: MerchantId, pack: &Code) -> KeyRange {
    part(merchant, b'v', pack).range()
}

/// Whose a pack is, also when it is removed.
pub fn pack_owner(merchant: MerchantId, pack: &Code) -> Key {
    part(merchant, b'o', pack).0
}

/// The pack in the key of one of these.
pub fn called_pack(key: &[u8]) -> Option<Code> {
    let rest = key.get(18..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Code::new(std::str::from_utf8(&rest[..end]).ok()?).ok()
}

fn part(merchant: MerchantId, letter: u8, pack: &Code) -> Name {
    Name::of(b'@', merchant).bytes(&[letter]).text(pack.as_str())
}
