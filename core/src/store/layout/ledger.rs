//! The keys of holds, pending grants, coupons, and of what the ledger counts and indexes by time.

use jiff::Timestamp;

use super::{Code, HoldId, Key, KeyRange, LotId, MemberId, MerchantId, Name, Reference, after, millis};

/// A hold or a pending grant that falls due at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timed {
    /// A hold lapses.
    Hold(HoldId),
    /// A pending grant is released; it is known by the lot that it becomes.
    Pending(LotId),
}

/// Something that falls due at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// An open lot expires.
    Lot {
        /// Whose.
        member: MemberId,
        /// Of what.
        unit: Code,
        /// Which.
        lot: LotId,
    },
    /// A hold lapses or a pending grant is released.
    Timed(Timed),
}

/// A month of the merchant's calendar, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Month {
    /// A month of a year.
    Of {
        /// The year.
        year: i16,
        /// From 1 to 12.
        month: i8,
    },
    /// What never expires.
    Never,
}

const LOT: u8 = b'l';
const HOLD: u8 = b'h';
const PENDING: u8 = b'p';

impl Timed {
    fn kind(self) -> u8 {
        match self {
            Self::Hold(_) => HOLD,
            Self::Pending(_) => PENDING,
        }
    }

    fn id(&self) -> &[u8; 16] {
        match self {
            Self::Hold(hold) => hold.as_bytes(),
            Self::Pending(lot) => lot.as_bytes(),
        }
    }

    fn of(kind: u8, id: [u8; 16]) -> Option<Self> {
        match kind {
            HOLD => Some(Self::Hold(HoldId::from_bytes(id))),
            PENDING => Some(Self::Pending(LotId::from_bytes(id))),
            _ => None,
        }
    }
}

fn timed_prefix(merchant: MerchantId, member: MemberId, unit: &Code) -> Name {
    Name::of(b't', merchant).bytes(member.as_bytes()).text(unit.as_str())
}

/// That something falls due on an account.
pub fn timed(merchant: MerchantId, member: MemberId, unit: &Code, at: Timestamp, what: Timed) -> Key {
    timed_at(merchant, member, unit, millis(at), what)
}

/// The same by the instant in milliseconds.
pub fn timed_at(merchant: MerchantId, member: MemberId, unit: &Code, at: u64, what: Timed) -> Key {
    timed_prefix(merchant, member, unit).bytes(&at.to_be_bytes()).bytes(&[what.kind()]).bytes(what.id()).0
}

/// All that falls due on an account.
pub fn timed_of(merchant: MerchantId, member: MemberId, unit: &Code) -> KeyRange {
    timed_prefix(merchant, member, unit).range()
}

/// What is due on an account at `now`, in the order of the instants.
pub fn timed_until(merchant: MerchantId, member: MemberId, unit: &Code, now: Timestamp) -> KeyRange {
    let start = timed_prefix(merchant, member, unit);
    let end = timed_prefix(merchant, member, unit).bytes(&after(now));
    KeyRange { start: start.0, end: end.0 }
}

/// All that falls due on the accounts of a merchant's members.
pub fn timed_all(merchant: MerchantId) -> KeyRange {
    Name::of(b't', merchant).range()
}

/// The instant in milliseconds and what falls due then, at the end of the key of an account's or a merchant's due.
pub fn timed_parts(key: &[u8]) -> Option<(u64, Timed)> {
    let tail: &[u8; 25] = key.last_chunk()?;
    let (at, rest) = tail.split_first_chunk::<8>()?;
    let (kind, id) = rest.split_first()?;
    Some((u64::from_be_bytes(*at), Timed::of(*kind, id.try_into().ok()?)?))
}

/// That something falls due at a merchant's.
pub fn due(merchant: MerchantId, at: Timestamp, what: &Due) -> Key {
    let name = Name::of(b'd', merchant).bytes(&millis(at).to_be_bytes());
    match what {
        Due::Lot { member, unit, lot } => {
            name.bytes(&[LOT]).bytes(member.as_bytes()).text(unit.as_str()).bytes(lot.as_bytes()).0
        }
        Due::Timed(timed) => name.bytes(&[timed.kind()]).bytes(timed.id()).0,
    }
}

/// What is due at a merchant's at `now`, in the order of the instants.
pub fn due_until(merchant: MerchantId, now: Timestamp) -> KeyRange {
    KeyRange { start: Name::of(b'd', merchant).0, end: Name::of(b'd', merchant).bytes(&after(now)).0 }
}

/// All that falls due at a merchant's.
pub fn all_due(merchant: MerchantId) -> KeyRange {
    Name::of(b'd', merchant).range()
}

/// The instant in milliseconds and what falls due then, from the key of a merchant's due.
pub fn due_parts(key: &[u8]) -> Option<(u64, Due)> {
    let (at, rest) = key.get(17..)?.split_first_chunk::<8>()?;
    let (kind, rest) = rest.split_first()?;
    let due = if *kind == LOT {
        let (member, rest) = rest.split_first_chunk::<16>()?;
        let (unit, lot) = rest.split_last_chunk::<16>()?;
        let unit = std::str::from_utf8(unit.strip_suffix(&[0])?).ok()?;
        Due::Lot { member: MemberId::from_bytes(*member), unit: Code::new(unit).ok()?, lot: LotId::from_bytes(*lot) }
    } else {
        Due::Timed(Timed::of(*kind, rest.try_into().ok()?)?)
    };
    Some((u64::from_be_bytes(*at), due))
}

/// A hold.
pub fn hold(merchant: MerchantId, hold: HoldId) -> Key {
    Name::of(b'H', merchant).bytes(hold.as_bytes()).0
}

/// All holds of a merchant.
pub fn holds(merchant: MerchantId) -> KeyRange {
    Name::of(b'H', merchant).range()
}

/// A pending grant, by the lot that it becomes.
pub fn pending(merchant: MerchantId, lot: LotId) -> Key {
    Name::of(b'P', merchant).bytes(lot.as_bytes()).0
}

/// All pending grants of a merchant.
pub fn pendings(merchant: MerchantId) -> KeyRange {
    Name::of(b'P', merchant).range()
}

/// That a pending grant waits for an event.
pub fn waiting(merchant: MerchantId, event: &Reference, lot: LotId) -> Key {
    Name::of(b'w', merchant).text(event.as_str()).bytes(lot.as_bytes()).0
}

/// The pending grants that wait for an event.
pub fn waiting_for(merchant: MerchantId, event: &Reference) -> KeyRange {
    Name::of(b'w', merchant).text(event.as_str()).range()
}

/// All pending grants that wait for events.
pub fn waiting_all(merchant: MerchantId) -> KeyRange {
    Name::of(b'w', merchant).range()
}

/// The pending grant at the end of the key of one that waits.
pub fn waiting_lot(key: &[u8]) -> Option<LotId> {
    key.last_chunk().copied().map(LotId::from_bytes)
}

/// A type of coupon.
pub fn coupon_type(merchant: MerchantId, unit: &Code) -> Key {
    Name::of(b'C', merchant).bytes(unit.as_str().as_bytes()).0
}

/// All types of coupons of a merchant.
pub fn coupon_types(merchant: MerchantId) -> KeyRange {
    Name::of(b'C', merchant).range()
}

/// How many coupons of a type a member was issued.
pub fn coupons_issued(merchant: MerchantId, member: MemberId, unit: &Code) -> Key {
    Name::of(b'y', merchant).bytes(member.as_bytes()).bytes(unit.as_str().as_bytes()).0
}

/// How many coupons of each type a member was issued.
pub fn coupons_issued_to(merchant: MerchantId, member: MemberId) -> KeyRange {
    Name::of(b'y', merchant).bytes(member.as_bytes()).range()
}

/// All counters of issued coupons.
pub fn coupons_issued_all(merchant: MerchantId) -> KeyRange {
    Name::of(b'y', merchant).range()
}

/// What is left of a unit in lots that expire in a month.
pub fn liability(merchant: MerchantId, unit: &Code, month: Month) -> Key {
    let month = match month {
        Month::Of { year, month } => {
            let [high, low] = u16::try_from(year).unwrap_or(0).to_be_bytes();
            [high, low, month.unsigned_abs()]
        }
        Month::Never => [u8::MAX; 3],
    };
    Name::of(b'L', merchant).text(unit.as_str()).bytes(&month).0
}

/// All that is left in lots of a merchant's members, by unit and month.
pub fn liabilities(merchant: MerchantId) -> KeyRange {
    Name::of(b'L', merchant).range()
}

/// Unit and month of the key of a liability.
pub fn liability_parts(key: &[u8]) -> Option<(Code, Month)> {
    let (unit, month) = key.get(17..)?.split_last_chunk::<3>()?;
    let unit = std::str::from_utf8(unit.strip_suffix(&[0])?).ok()?;
    let month = match *month {
        [u8::MAX, u8::MAX, u8::MAX] => Month::Never,
        [high, low, month] => {
            Month::Of { year: i16::try_from(u16::from_be_bytes([high, low])).ok()?, month: i8::try_from(month).ok()? }
        }
    };
    Some((Code::new(unit).ok()?, month))
}

/// The id of the member into whom a member was merged.
pub fn survivor(merchant: MerchantId, gone: MemberId) -> Key {
    Name::of(b'&', merchant).bytes(b"i").bytes(gone.as_bytes()).0
}

/// The ids of those into whom members were merged.
pub fn survivors(merchant: MerchantId) -> KeyRange {
    Name::of(b'&', merchant).bytes(b"i").range()
}

/// That a member was merged into another one.
pub fn merged(merchant: MerchantId, survivor: MemberId, gone: MemberId) -> Key {
    Name::of(b'&', merchant).bytes(b"o").bytes(survivor.as_bytes()).bytes(gone.as_bytes()).0
}

/// The members who were merged into one.
pub fn merged_into(merchant: MerchantId, survivor: MemberId) -> KeyRange {
    Name::of(b'&', merchant).bytes(b"o").bytes(survivor.as_bytes()).range()
}

/// All members who were merged, by those into whom they were.
pub fn merged_all(merchant: MerchantId) -> KeyRange {
    Name::of(b'&', merchant).bytes(b"o").range()
}

/// Who was merged into whom, from the key which says it.
pub fn merged_parts(key: &[u8]) -> Option<(MemberId, MemberId)> {
    let (survivor, gone) = key.get(18..)?.split_first_chunk::<16>()?;
    Some((MemberId::from_bytes(*survivor), MemberId::from_bytes(gone.try_into().ok()?)))
}

/// The posting by which something came in under a name of a file.
pub fn imported(merchant: MerchantId, reference: &Reference) -> Key {
    Name::of(b'+', merchant).bytes(reference.as_str().as_bytes()).0
}

/// All that came in under names of files.
pub fn imported_all(merchant: MerchantId) -> KeyRange {
    Name::of(b'+', merchant).range()
}

/// The digests of a merchant's postings, in the order in which they were committed.
pub fn ledger_log(merchant: MerchantId) -> Key {
    Name::of(b'j', merchant).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_due_reads_back_from_its_keys() {
        let merchant = MerchantId::from_bytes([1; 16]);
        let member = MemberId::from_bytes([0; 16]);
        let unit = Code::new("points").unwrap();
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let lot = LotId::from_bytes([b'h'; 16]);
        let timed_hold = Timed::Hold(HoldId::from_bytes([0; 16]));
        for what in
            [Due::Lot { member, unit: unit.clone(), lot }, Due::Timed(timed_hold), Due::Timed(Timed::Pending(lot))]
        {
            let key = due(merchant, at, &what);
            assert_eq!(due_parts(&key), Some((1_700_000_000_000, what)));
            assert!(due_until(merchant, at).contains(&key));
            assert!(!due_until(merchant, Timestamp::from_second(1_699_999_999).unwrap()).contains(&key));
        }
        let key = timed(merchant, member, &unit, at, timed_hold);
        assert_eq!(timed_parts(&key), Some((1_700_000_000_000, timed_hold)));
        assert!(timed_until(merchant, member, &unit, at).contains(&key));
    }

    #[test]
    fn months_sort_as_they_come_and_never_comes_last() {
        let merchant = MerchantId::from_bytes([1; 16]);
        let unit = Code::new("points").unwrap();
        let months = [
            Month::Of { year: 2026, month: 2 },
            Month::Of { year: 2026, month: 11 },
            Month::Of { year: 2027, month: 1 },
            Month::Never,
        ];
        let keys = months.map(|month| liability(merchant, &unit, month));
        assert!(keys.is_sorted());
        assert_eq!(keys.map(|key| liability_parts(&key)), months.map(|month| Some((unit.clone(), month))));
    }
}
