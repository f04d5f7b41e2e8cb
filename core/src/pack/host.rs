//! The host's side of the contract's imports: each function acts on the caller's transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::bindings::punchcard::pack::{assets, kv, log, members, settings, types};
use super::call::LogLine;
use super::error::cut;
use super::grant::allows_writing;
use super::limits::Meter;
use super::{Grant, Limits};
use crate::domain::{Code, IdSource, Label, Member, MemberId, MerchantId, PostingId, StoreId, Unit};
use crate::ledger::{Book, Cause, House, LedgerError, Move, NewPosting, Posting, Terms};
use crate::store::{Direction, KeyRange, StoreError, Tx, layout, member_of};

/// Entries that one `scan` or `get-many` may ask for.
const SCAN_MAX: u32 = 1000;
const GET_MANY_MAX: usize = 100;
const KEY_MAX_BYTES: usize = 256;
const VALUE_MAX_BYTES: usize = 32 << 10;
const LOG_LINES_MAX: usize = 100;
const LOG_LINE_MAX_BYTES: usize = 1 << 10;

type Answer<T> = wasmtime::Result<Result<T, types::HostError>>;

/// The state of one call: what its store holds.
pub(super) struct Call {
    pub(super) meter: Meter,
    pub(super) desk: Option<Desk>,
    pub(super) settings: Arc<str>,
    pub(super) lines: Vec<LogLine>,
    pub(super) host_calls: u64,
    pub(super) host_calls_max: u64,
    /// The store's failure that ended the call, to be passed on.
    pub(super) store_error: Option<StoreError>,
}

/// What a call may act on. A call of `describe` has none.
pub(super) struct Desk {
    pub(super) tx: Tx,
    pub(super) ids: IdSource,
    pub(super) merchant: MerchantId,
    pub(super) pack: Code,
    pub(super) own_units: Arc<BTreeSet<Code>>,
    pub(super) grants: Arc<BTreeSet<Grant>>,
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
    pub(super) store: Option<StoreId>,
}

/// The trap that ends a call with too many host calls; the outcome is told from the count.
#[derive(Debug, thiserror::Error)]
#[error("the pack made too many host calls")]
struct TooManyHostCalls;

/// The trap that ends a call whose store has failed; the outcome is told from [`Call::store_error`].
#[derive(Debug, thiserror::Error)]
#[error("the host's store failed")]
struct StoreFailed;

/// Why a host function does not do what it was asked.
enum No {
    Answer(types::HostError),
    Store(StoreError),
}

impl From<StoreError> for No {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<types::HostError> for No {
    fn from(error: types::HostError) -> Self {
        Self::Answer(error)
    }
}

impl From<LedgerError> for No {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => Self::Store(error),
            LedgerError::Insufficient { available, .. } => types::HostError::Insufficient(available).into(),
            LedgerError::UnknownUnit(_)
            | LedgerError::UnknownPosting(_)
            | LedgerError::UnknownHold(_)
            | LedgerError::UnknownPending(_) => not_found(&error),
            LedgerError::Inconsistent(_) => types::HostError::Unavailable(error.to_string()).into(),
            LedgerError::Empty
            | LedgerError::ExistsDifferent(_)
            | LedgerError::AmountZero
            | LedgerError::AmountTooLarge(_)
            | LedgerError::NotReversible(_)
            | LedgerError::AlreadyReversed { .. }
            | LedgerError::PartlyReversed(_)
            | LedgerError::PartTooLarge { .. }
            | LedgerError::IsCoupon(_)
            | LedgerError::NotCoupon(_)
            | LedgerError::TooManyCoupons(_)
            | LedgerError::NotTransferable(_)
            | LedgerError::SameMember(_)
            | LedgerError::HoldExists(_)
            | LedgerError::HoldOver(_)
            | LedgerError::HoldPosted { .. }
            | LedgerError::HoldVoided { .. }
            | LedgerError::HoldLapsed { .. }
            | LedgerError::HoldNotLapsed { .. }
            | LedgerError::HoldTooSmall { .. }
            | LedgerError::PendingClosed(_)
            | LedgerError::CouponEndless(_)
            | LedgerError::CouponTooEarly { .. }
            | LedgerError::CouponOver { .. }
            | LedgerError::CouponMemberMax { .. }
            | LedgerError::CouponTotalMax { .. }
            | LedgerError::CouponOutOfStock { .. }
            | LedgerError::EarnLimit { .. }
            | LedgerError::SpendLimit { .. }
            | LedgerError::BalanceLimit { .. }
            | LedgerError::Shortfall { .. }
            | LedgerError::BalanceTooLarge(_) => invalid(&error),
        }
    }
}

fn not_found(what: &impl ToString) -> No {
    types::HostError::NotFound(what.to_string()).into()
}

fn invalid(what: &impl ToString) -> No {
    types::HostError::Invalid(what.to_string()).into()
}

fn denied(what: &impl ToString) -> No {
    types::HostError::Denied(what.to_string()).into()
}

impl Call {
    pub(super) fn new(limits: &Limits, desk: Option<Desk>, settings: Arc<str>) -> Self {
        Self {
            meter: Meter::new(limits),
            desk,
            settings,
            lines: Vec::new(),
            host_calls: 0,
            host_calls_max: limits.host_calls_max,
            store_error: None,
        }
    }

    fn count(&mut self) -> wasmtime::Result<()> {
        self.host_calls += 1;
        if self.host_calls > self.host_calls_max { Err(TooManyHostCalls.into()) } else { Ok(()) }
    }

    /// Counts the call, runs it, and keeps a failure of the store apart from an answer to the pack.
    fn serve<T>(&mut self, act: impl FnOnce(&mut Desk) -> Result<T, No>) -> Answer<T> {
        self.count()?;
        let Some(desk) = &mut self.desk else {
            return Ok(Err(types::HostError::Denied("describe runs without host functions".into())));
        };
        match act(desk) {
            Ok(value) => Ok(Ok(value)),
            Err(No::Answer(error)) => Ok(Err(error)),
            Err(No::Store(error)) => {
                self.store_error = Some(error);
                Err(StoreFailed.into())
            }
        }
    }
}

impl Desk {
    fn need(&self, grant: &Grant) -> Result<(), No> {
        if self.grants.contains(grant) { Ok(()) } else { Err(denied(grant)) }
    }

    fn need_writing(&self, unit: &Code) -> Result<(), No> {
        if allows_writing(&self.grants, &self.own_units, unit) {
            Ok(())
        } else if self.own_units.contains(unit) {
            Err(denied(&Grant::WriteOwnUnits))
        } else {
            Err(denied(&Grant::WriteUnit(unit.clone())))
        }
    }

    fn member(&mut self, id: &str) -> Result<Member, No> {
        let id: MemberId = id.parse().map_err(|error| not_found(&error))?;
        member_of(&mut self.tx, self.merchant, id)?.ok_or_else(|| not_found(&format!("there is no member {id}")))
    }

    fn book(&mut self) -> Book<'_> {
        let terms = Terms { merchant: self.merchant, zone: self.zone.clone(), now: self.now, store: self.store };
        Book::new(&mut self.tx, &mut self.ids, terms)
    }

    fn post(&mut self, reason: &str, wanted: Move) -> Result<String, No> {
        let reason = if reason.is_empty() { None } else { Some(Label::new(reason).map_err(|error| invalid(&error))?) };
        let id = self.ids.posting();
        let new = NewPosting { id, cause: Cause::Pack, pack: Some(self.pack.clone()), reason, moves: vec![wanted] };
        Ok(self.book().post(&new)?.id.to_string())
    }

    fn entry_key(&self, key: &str) -> Result<Vec<u8>, No> {
        if key.is_empty() || key.len() > KEY_MAX_BYTES {
            return Err(invalid(&format!("a key has 1 to {KEY_MAX_BYTES} bytes, but this one has {}", key.len())));
        }
        Ok(layout::pack_entry(self.merchant, &self.pack, key.as_bytes()))
    }
}

/// The instant from which something is not spendable any more.
pub(super) fn expires_at(expiry: &types::Expiry, zone: &TimeZone) -> Result<Option<Timestamp>, String> {
    let instant = match expiry {
        types::Expiry::Never => return Ok(None),
        types::Expiry::At(millis) => i64::try_from(*millis).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        types::Expiry::EndOfDay(date) => i8::try_from(date.month)
            .ok()
            .zip(i8::try_from(date.day).ok())
            .and_then(|(month, day)| Date::new(date.year, month, day).ok())
            .and_then(|day| day.tomorrow().ok())
            .and_then(|next| zone.to_zoned(next.to_datetime(jiff::civil::Time::midnight())).ok())
            .map(|start| start.timestamp()),
    };
    instant.map(Some).ok_or_else(|| format!("{expiry:?} is no day or instant of the calendar"))
}

impl types::Host for Call {}

impl members::Host for Call {
    fn get(&mut self, member: String) -> Answer<members::Member> {
        self.serve(|desk| {
            desk.need(&Grant::ReadMembers)?;
            let member = desk.member(&member)?;
            Ok(members::Member {
                id: member.id.to_string(),
                tags: member.tags_at(desk.now).map(ToString::to_string).collect(),
                enrolled_at: millis(member.enrolled_at),
                home_store: member.home_store.map(|store| store.to_string()),
            })
        })
    }
}

impl assets::Host for Call {
    fn balance_of(&mut self, member: String, unit: String) -> Answer<assets::Balance> {
        self.serve(|desk| {
            desk.need(&Grant::ReadAssets)?;
            let member = desk.member(&member)?.id;
            let unit = Code::new(unit).map_err(|error| not_found(&error))?;
            if desk.tx.load::<Unit>(&layout::unit(desk.merchant, &unit))?.is_none() {
                return Err(not_found(&format!("there is no unit `{unit}`")));
            }
            let balance = desk.book().balance(member, &unit)?;
            Ok(assets::Balance { available: balance.available, debt: balance.debt })
        })
    }

    fn earn(&mut self, credit: assets::Credit) -> Answer<String> {
        self.serve(|desk| {
            let unit = Code::new(&credit.unit).map_err(|error| not_found(&error))?;
            desk.need_writing(&unit)?;
            let member = desk.member(&credit.member)?.id;
            let expires_at = expires_at(&credit.expires, &desk.zone).map_err(|error| invalid(&error))?;
            let wanted = Move::Grant { member, unit, amount: credit.amount, expires_at, from: House::Issued };
            desk.post(&credit.reason, wanted)
        })
    }

    fn spend(&mut self, debit: assets::Debit) -> Answer<String> {
        self.serve(|desk| {
            let unit = Code::new(&debit.unit).map_err(|error| not_found(&error))?;
            desk.need_writing(&unit)?;
            let member = desk.member(&debit.member)?.id;
            desk.post(&debit.reason, Move::Spend { member, unit, amount: debit.amount, to: House::Redeemed })
        })
    }

    fn reverse(&mut self, posting: String, reason: String) -> Answer<String> {
        self.serve(|desk| {
            let id: PostingId = posting.parse().map_err(|error| not_found(&error))?;
            let found = desk.tx.load::<Posting>(&layout::posting(desk.merchant, id))?;
            // What another pack or the host booked is, for this pack, not there.
            let original = found
                .filter(|posting| posting.pack.as_ref() == Some(&desk.pack) && posting.cause == Cause::Pack)
                .ok_or_else(|| not_found(&format!("this pack made no posting {id}")))?;
            for transfer in original.transfers() {
                desk.need_writing(&transfer.unit)?;
            }
            desk.post(&reason, Move::Reverse { posting: id })
        })
    }
}

impl kv::Host for Call {
    fn get(&mut self, key: String) -> Answer<Option<Vec<u8>>> {
        self.serve(|desk| {
            let key = desk.entry_key(&key)?;
            Ok(desk.tx.get(&key)?)
        })
    }

    fn get_many(&mut self, keys: Vec<String>) -> Answer<Vec<Option<Vec<u8>>>> {
        self.serve(|desk| {
            if keys.len() > GET_MANY_MAX {
                return Err(invalid(&format!("get-many takes at most {GET_MANY_MAX} keys, not {}", keys.len())));
            }
            keys.iter()
                .map(|key| {
                    let key = desk.entry_key(key)?;
                    Ok(desk.tx.get(&key)?)
                })
                .collect()
        })
    }

    fn put(&mut self, key: String, value: Vec<u8>) -> Answer<()> {
        self.serve(|desk| {
            let key = desk.entry_key(&key)?;
            if value.len() > VALUE_MAX_BYTES {
                let bytes = value.len();
                return Err(invalid(&format!("a value has at most {VALUE_MAX_BYTES} bytes, but this one has {bytes}")));
            }
            Ok(desk.tx.put(&key, value)?)
        })
    }

    fn delete(&mut self, key: String) -> Answer<()> {
        self.serve(|desk| {
            let key = desk.entry_key(&key)?;
            desk.tx.delete(&key);
            Ok(())
        })
    }

    fn scan(&mut self, start: String, end: String, limit: u32) -> Answer<Vec<kv::Entry>> {
        self.serve(|desk| {
            if start.len() > KEY_MAX_BYTES || end.len() > KEY_MAX_BYTES || limit > SCAN_MAX {
                return Err(invalid(&format!(
                    "scan takes keys of at most {KEY_MAX_BYTES} bytes and a limit of at most {SCAN_MAX}"
                )));
            }
            let name = |key: &str| layout::pack_entry(desk.merchant, &desk.pack, key.as_bytes());
            let range = KeyRange::new(name(&start), name(&end));
            let own = layout::pack_entry_prefix_len(&desk.pack);
            let found = desk.tx.scan(&range, Direction::Forward, usize::try_from(limit).unwrap_or(0))?;
            Ok(found
                .into_iter()
                .map(|(key, value)| kv::Entry { key: String::from_utf8_lossy(&key[own..]).into_owned(), value })
                .collect())
        })
    }
}

impl settings::Host for Call {
    fn get(&mut self) -> wasmtime::Result<String> {
        self.count()?;
        Ok(self.settings.to_string())
    }
}

impl log::Host for Call {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.count()?;
        if self.lines.len() < LOG_LINES_MAX {
            let level = match level {
                log::Level::Debug => tracing::Level::DEBUG,
                log::Level::Info => tracing::Level::INFO,
                log::Level::Warn => tracing::Level::WARN,
                log::Level::Error => tracing::Level::ERROR,
            };
            self.lines.push(LogLine { level, text: cut(&message, LOG_LINE_MAX_BYTES) });
        }
        Ok(())
    }
}

/// Milliseconds since 1970.
pub(super) fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_day_is_midnight_in_the_merchants_zone() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let day = types::LocalDate { year: 2026, month: 11, day: 1 };
        // The day on which daylight saving ends has 25 hours.
        let end = expires_at(&types::Expiry::EndOfDay(day), &zone).unwrap().unwrap();
        assert_eq!(end.to_string(), "2026-11-02T05:00:00Z");
        let no_day = types::LocalDate { year: 2026, month: 2, day: 30 };
        assert!(expires_at(&types::Expiry::EndOfDay(no_day), &zone).is_err());
        assert!(expires_at(&types::Expiry::At(u64::MAX), &zone).is_err());
    }
}
