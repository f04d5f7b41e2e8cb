//! The host's side of the contract's imports: each function acts on the caller's transaction. One file for each interface.

mod agreements;
mod assets;
mod events;
pub(super) mod function;
mod kv;
mod log;
mod members;
mod messages;
mod orders;
mod settings;
mod stores;
mod timers;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasmtime::Trap;

use self::function::{Answered, Function};
use super::bindings::punchcard::pack::types;
use super::call::LogLine;
use super::grant::allows_writing;
use super::limits::Meter;
use super::recording::{Player, Recorder};
use super::{Errand, Grant, Limits, ServiceError, Services};
use crate::clock::Stopwatch;
use crate::domain::{Code, Currency, IdSource, Label, Member, MemberId, MerchantId, Source, StoreId};
use crate::ledger::{Book, Cause, LedgerError, Move, NewPosting, Terms};
use crate::store::{StoreError, Tx, member_of};

type Answer<T> = wasmtime::Result<Result<T, types::HostError>>;

/// The state of one call: what its store holds.
pub(super) struct Call {
    pub(super) meter: Meter,
    pub(super) desk: Option<Desk>,
    pub(super) settings: Arc<str>,
    pub(super) lines: Vec<LogLine>,
    pub(super) host_calls: u64,
    pub(super) host_calls_max: u64,
    /// When it began.
    pub(super) began: Stopwatch,
    /// How long it may last.
    pub(super) wall_max: Duration,
    /// Units of fuel that it used, once it is over.
    pub(super) fuel: u64,
    /// Whether it was answered and has written more than it may.
    pub(super) moved_too_much: bool,
    /// Whether it has written more than it may.
    pub(super) wrote_too_much: bool,
    /// Whether it has read more than it may.
    pub(super) read_too_much: bool,
    /// The store's failure that ended the call, to be passed on.
    pub(super) store_error: Option<StoreError>,
    /// Writes down what is asked and answered.
    pub(super) recorder: Option<Recorder>,
    /// Answers in place of the host, from a recording.
    pub(super) player: Option<Player>,
}

/// What a call may act on. A call of `describe` has none.
pub(super) struct Desk {
    pub(super) tx: Tx,
    pub(super) ids: IdSource,
    pub(super) merchant: MerchantId,
    pub(super) pack: Code,
    /// In whose name the call is made.
    pub(super) by: Source,
    pub(super) own_units: Arc<BTreeSet<Code>>,
    pub(super) grants: Arc<BTreeSet<Grant>>,
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
    pub(super) store: Option<StoreId>,
    /// The kinds of facts that the manifest says the pack emits.
    pub(super) emits: Arc<BTreeSet<Code>>,
    /// How many handlings of events have led to this call.
    pub(super) depth: u8,
    /// How many facts it has told.
    pub(super) told: u32,
    /// Whether the pack can be called at a time.
    pub(super) rings: bool,
    /// Whether this is such a call.
    pub(super) in_timer: bool,
    /// How many timers it has set.
    pub(super) timers_set: u32,
    /// How much it was answered and has written, in bytes.
    pub(super) moved: usize,
    /// What may have been written in the transaction when the call is over, in bytes as [`Tx::written`] counts them.
    pub(super) written_max: usize,
    /// What may have been read in the transaction when the call is over, as [`Tx::reads_len`] counts it.
    pub(super) reads_max: usize,
    pub(super) currency: Currency,
    pub(super) services: Arc<dyn Services>,
    /// How many messages the call has sent.
    pub(super) messages: u32,
    /// Whether it answers a partner.
    pub(super) is_asked: bool,
    /// How often it has asked partners.
    pub(super) asks: u32,
    /// What partners have left to be written in answering it, in bytes.
    pub(super) of_partners: usize,
    /// Under which number what entries were before is kept.
    pub(super) undo: Option<u32>,
    /// By how many bytes the call has made the pack's storage larger: it is counted when the call ends well.
    pub(super) stored: i64,
    /// How many bytes the pack may have stored.
    pub(super) stored_max: u64,
}

/// The trap that ends a call with too many host calls; the outcome is told from the count.
#[derive(Debug, thiserror::Error)]
#[error("the pack made too many host calls")]
struct TooManyHostCalls;

/// The trap that ends a call whose store has failed; the outcome is told from [`Call::store_error`].
#[derive(Debug, thiserror::Error)]
#[error("the host's store failed")]
struct StoreFailed;

/// The trap that ends a call which has read or written too much; the outcome is told from [`Call::moved_too_much`],
/// [`Call::wrote_too_much`] and [`Call::read_too_much`].
#[derive(Debug, thiserror::Error)]
#[error("the pack moved too many bytes")]
struct TooMuchMoved;

/// Why a host function does not do what it was asked.
enum No {
    Answer(types::HostError),
    /// More was answered and written than a call may: it ends.
    TooMuch,
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

impl From<ServiceError> for No {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotFound(what) => types::HostError::NotFound(what).into(),
            ServiceError::Invalid(what) => types::HostError::Invalid(what).into(),
            ServiceError::Limit(what) => types::HostError::Limit(what).into(),
            ServiceError::Unavailable(what) => types::HostError::Unavailable(what).into(),
            ServiceError::Store(error) => Self::Store(error),
        }
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

fn limit(what: &impl ToString) -> No {
    types::HostError::Limit(what.to_string()).into()
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
            began: Stopwatch::start(),
            wall_max: Duration::from_millis(limits.wall_max_ms),
            fuel: 0,
            moved_too_much: false,
            wrote_too_much: false,
            read_too_much: false,
            store_error: None,
            recorder: None,
            player: None,
        }
    }

    /// Counts a host call, and ends a call that makes too many of them or has lasted too long: no tick of the engine's clock
    /// comes while a host function is under way.
    fn count(&mut self) -> wasmtime::Result<()> {
        self.host_calls += 1;
        if self.host_calls > self.host_calls_max {
            return Err(TooManyHostCalls.into());
        }
        self.in_time()
    }

    fn in_time(&self) -> wasmtime::Result<()> {
        if self.time_left().is_zero() { Err(Trap::Interrupt.into()) } else { Ok(()) }
    }

    /// How long the call may still last.
    fn time_left(&self) -> Duration {
        self.wall_max.saturating_sub(self.began.elapsed())
    }

    /// Counts the call, runs it, writes it down, looks at the clock, and keeps a failure of the store apart from an answer to
    /// the pack. In a call that is played the recording answers instead.
    fn serve<A, T>(
        &mut self,
        function: &Function<A, T>,
        arguments: A,
        act: impl FnOnce(&mut Desk, A) -> Result<T, No>,
    ) -> Answer<T>
    where
        A: Serialize,
        T: Serialize + DeserializeOwned,
    {
        self.count()?;
        if let Some(recorder) = &mut self.recorder {
            recorder.asked(function.name, &arguments);
        }
        let answered = match (&mut self.player, &mut self.desk) {
            (Some(player), _) => player.answer(function, &arguments)?,
            (None, None) => Answered::Refused(types::HostError::Denied("describe runs without host functions".into())),
            (None, Some(desk)) => match act(desk, arguments).and_then(|value| desk.answers(value)) {
                Err(No::Store(error)) => {
                    self.store_error = Some(error);
                    return Err(StoreFailed.into());
                }
                Err(No::TooMuch) => Answered::TooMuchMoved,
                _ if desk.tx.written() > desk.written_max => Answered::TooMuchWritten,
                _ if desk.tx.reads_len() > desk.reads_max => Answered::TooMuchRead,
                Ok(value) => Answered::Done(value),
                Err(No::Answer(error)) => Answered::Refused(error),
            },
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.answered(&answered);
        }
        match answered {
            Answered::Done(value) => self.in_time().map(|()| Ok(value)),
            Answered::Refused(error) => self.in_time().map(|()| Err(error)),
            Answered::TooMuchMoved => {
                self.moved_too_much = true;
                Err(TooMuchMoved.into())
            }
            Answered::TooMuchWritten => {
                self.wrote_too_much = true;
                Err(TooMuchMoved.into())
            }
            Answered::TooMuchRead => {
                self.read_too_much = true;
                Err(TooMuchMoved.into())
            }
        }
    }

    /// Counts and writes down a call whose answer follows from the call itself, and so is the same whenever it is played.
    fn note<A: Serialize>(&mut self, function: &Function<A, ()>, arguments: A) -> wasmtime::Result<A> {
        self.count()?;
        if let Some(recorder) = &mut self.recorder {
            recorder.asked(function.name, &arguments);
            recorder.answered(&Answered::Done(()));
        }
        if let Some(player) = &mut self.player {
            player.answer(function, &arguments)?;
        }
        Ok(arguments)
    }
}

impl Desk {
    /// Counts what a host function answers.
    fn answers<T: Serialize>(&mut self, value: T) -> Result<T, No> {
        self.moves(function::size(&value))?;
        Ok(value)
    }

    /// Counts what is answered or written.
    fn moves(&mut self, bytes: usize) -> Result<(), No> {
        self.moved = self.moved.saturating_add(bytes);
        if self.moved > Limits::MOVED_MAX_BYTES { Err(No::TooMuch) } else { Ok(()) }
    }

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
        let (merchant, zone, by) = (self.merchant, self.zone.clone(), self.by.clone());
        let terms = Terms { merchant, zone, now: self.now, store: self.store, by };
        Book::new(&mut self.tx, &mut self.ids, terms)
    }

    /// Who does what takes more than the store and the ledger, and what they need to know.
    fn errand(&mut self) -> (Arc<dyn Services>, Errand<'_>) {
        let errand = Errand {
            tx: &mut self.tx,
            ids: &mut self.ids,
            merchant: self.merchant,
            pack: &self.pack,
            now: self.now,
            store: self.store,
            depth: self.depth,
        };
        (Arc::clone(&self.services), errand)
    }

    fn post(&mut self, cause: Cause, reason: &str, wanted: Move) -> Result<String, No> {
        let reason = if reason.is_empty() { None } else { Some(Label::new(reason).map_err(|error| invalid(&error))?) };
        let id = self.ids.posting();
        let new = NewPosting { id, cause, pack: Some(self.pack.clone()), reason, moves: vec![wanted] };
        Ok(self.book().post(&new)?.id.to_string())
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

/// Milliseconds since 1970.
pub(super) fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::bindings::punchcard::pack::{kv, settings};

    #[test]
    fn a_host_function_ends_a_call_that_has_lasted_too_long() {
        let asked = |wall_max_ms| {
            let mut call = Call::new(&Limits { wall_max_ms, ..Limits::DEFAULT }, None, "{}".into());
            let told = kv::Host::get(&mut call, "k".to_owned());
            told.map_err(|error| error.downcast_ref::<Trap>().copied())
        };
        assert!(matches!(asked(60_000), Ok(Err(types::HostError::Denied(_)))), "describe runs without any");
        assert!(matches!(asked(0), Err(Some(Trap::Interrupt))), "which is told as timed-out");
        let mut call = Call::new(&Limits { wall_max_ms: 0, ..Limits::DEFAULT }, None, "{}".into());
        assert!(settings::Host::get(&mut call).is_err(), "also of what follows from the call itself");
    }

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
