//! A pre-order: what it costs when it is placed, and what can become of it. Pure.

use std::num::NonZeroU32;

use punchcard_sdk::{Clock, LocalDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    rejection::Rejection,
    settings::Settings,
    slots::{Moment, check_capacity, check_time},
};

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "SKU", "zh-CN": "SKU"}))]
    pub(crate) sku: String,
    #[schemars(extend("x-title" = {"en": "Quantity", "zh-CN": "数量"}))]
    pub(crate) quantity: NonZeroU32,
}

/// A wish with the price that it had when it was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: NonZeroU32,
    /// The price of one.
    pub(crate) price_minor: u64,
}

/// A pre-order as it is stored. Prices and policy are those of the day when it was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preorder {
    pub(crate) code: String,
    pub(crate) member: String,
    pub(crate) reference: String,
    pub(crate) date: LocalDate,
    pub(crate) start: Clock,
    pub(crate) end: Clock,
    pub(crate) lines: Vec<Line>,
    pub(crate) capacity_units: u64,
    pub(crate) total_minor: u64,
    pub(crate) deposit: Option<Deposit>,
    pub(crate) cancel_free_hours: u32,
    /// Older pre-orders do not say: they were placed when no deposit went back.
    #[serde(default = "yes")]
    pub(crate) keep_deposit_if_missed: bool,
    pub(crate) placed_at: u64,
    pub(crate) state: State,
}

fn yes() -> bool {
    true
}

/// What was taken from stored value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deposit {
    pub(crate) amount_minor: u64,
    pub(crate) posting: String,
}

/// What became of a pre-order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Placed,
    Cancelled {
        at: u64,
        returned_minor: u64,
        reason: Option<String>,
    },
    PickedUp {
        at: u64,
    },
    /// Nobody picked it up on its day.
    Missed {
        at: u64,
        returned_minor: u64,
    },
}

/// What a wish list comes to, before anything is taken or stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) end: Clock,
    pub(crate) lines: Vec<Line>,
    pub(crate) capacity_units: u64,
    pub(crate) total_minor: u64,
    pub(crate) deposit_minor: u64,
}

impl Plan {
    /// Checks wishes for a slot of which `taken` units are gone.
    ///
    /// Refuses, in this order: `unknown-product`, `too-large`, `unknown-slot`, `too-late`, `too-early`, `slot-full`.
    pub(crate) fn new(
        settings: &Settings,
        now: Moment,
        slot: Moment,
        taken: u64,
        wishes: &[Wish],
    ) -> Result<Self, Rejection> {
        let mut lines = Vec::with_capacity(wishes.len());
        let (mut capacity_units, mut total_minor) = (0_u64, 0_u64);
        for Wish { sku, quantity } in wishes {
            let product = settings.product(sku).ok_or_else(|| Rejection::UnknownProduct { sku: sku.clone() })?;
            let units = u64::from(product.capacity_units.get()) * u64::from(quantity.get());
            let price = product.price_minor.checked_mul(quantity.get().into()).ok_or(Rejection::TooLarge)?;
            capacity_units = capacity_units.checked_add(units).ok_or(Rejection::TooLarge)?;
            total_minor = total_minor.checked_add(price).ok_or(Rejection::TooLarge)?;
            lines.push(Line { sku: sku.clone(), quantity: *quantity, price_minor: product.price_minor });
        }
        let found = settings
            .slot(slot.date, slot.clock)
            .ok_or(Rejection::UnknownSlot { date: slot.date, start: slot.clock })?;
        check_time(settings, now, slot)?;
        check_capacity(found, taken, capacity_units)?;
        let deposit_minor = deposit(total_minor, settings.deposit_percent);
        Ok(Self { end: found.end, lines, capacity_units, total_minor, deposit_minor })
    }
}

/// That part of a total, rounded up to a minor unit, and never more than the total.
fn deposit(total_minor: u64, percent: u8) -> u64 {
    let rounded_up = (u128::from(total_minor) * u128::from(percent)).div_ceil(100);
    u64::try_from(rounded_up).map_or(total_minor, |deposit| deposit.min(total_minor))
}

impl Preorder {
    /// What callers name it by; unique in its store.
    pub(crate) fn id(&self) -> String {
        format!("{}-{}", self.date, self.code)
    }

    /// The day and code in an id.
    pub(crate) fn parse_id(id: &str) -> Option<(LocalDate, &str)> {
        let (date, code) = id.split_at_checked(10)?;
        Some((date.parse().ok()?, code.strip_prefix('-')?))
    }

    pub(crate) fn deposit_minor(&self) -> u64 {
        self.deposit.as_ref().map_or(0, |deposit| deposit.amount_minor)
    }

    /// What is to be paid at pickup.
    pub(crate) fn balance_due_minor(&self) -> u64 {
        self.total_minor.saturating_sub(self.deposit_minor())
    }

    /// Whether it is on the sheet: made for its day, picked up or not.
    pub(crate) fn is_confirmed(&self) -> bool {
        match self.state {
            State::Placed | State::PickedUp { .. } | State::Missed { .. } => true,
            State::Cancelled { .. } => false,
        }
    }

    /// Whether this is what somebody asked for.
    pub(crate) fn is_for(&self, member: &str, slot: Moment, wishes: &[Wish]) -> bool {
        self.member == member
            && self.date == slot.date
            && self.start == slot.clock
            && self
                .lines
                .iter()
                .map(|line| (&line.sku, line.quantity))
                .eq(wishes.iter().map(|wish| (&wish.sku, wish.quantity)))
    }

    /// The same pre-order cancelled. Its deposit is returned whole until so many hours before the slot as the policy
    /// said when it was placed, and kept later.
    pub(crate) fn cancelled(self, now: Moment, at: u64, reason: Option<String>) -> Result<Self, Rejection> {
        self.check_placed()?;
        let slot = Moment { date: self.date, clock: self.start };
        let is_free = now.is_hours_before(self.cancel_free_hours, slot);
        let returned_minor = if is_free { self.deposit_minor() } else { 0 };
        Ok(Self { state: State::Cancelled { at, returned_minor, reason }, ..self })
    }

    /// The same pre-order picked up.
    pub(crate) fn picked_up(self, at: u64) -> Result<Self, Rejection> {
        self.check_placed()?;
        Ok(Self { state: State::PickedUp { at }, ..self })
    }

    /// The same pre-order after its day, if nobody has picked it up.
    pub(crate) fn missed(self, at: u64) -> Result<Self, Rejection> {
        self.check_placed()?;
        let returned_minor = if self.keep_deposit_if_missed { 0 } else { self.deposit_minor() };
        Ok(Self { state: State::Missed { at, returned_minor }, ..self })
    }

    fn check_placed(&self) -> Result<(), Rejection> {
        match self.state {
            State::Placed => Ok(()),
            State::Cancelled { .. } => Err(Rejection::AlreadyCancelled { code: self.code.clone() }),
            State::PickedUp { .. } => Err(Rejection::AlreadyPickedUp { code: self.code.clone() }),
            State::Missed { .. } => Err(Rejection::Missed { code: self.code.clone() }),
        }
    }
}

/// Digits and letters that nobody mistakes for one another.
const CODE_ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
const CODE_LENGTH: usize = 5;

/// Pickup codes to try one after the other, drawn from the random bits of a call.
pub(crate) fn codes(seed: u64) -> impl Iterator<Item = String> {
    (0..8).map(move |attempt| {
        let mut bits = mixed(seed.wrapping_add(attempt));
        (0..CODE_LENGTH)
            .map(|_| {
                let letter = char::from(CODE_ALPHABET[(bits % 31) as usize]);
                bits /= 31;
                letter
            })
            .collect()
    })
}

/// Spreads the bits of neighbouring numbers (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use super::*;

    pub(crate) fn moment(date: &str, clock: &str) -> Moment {
        Moment { date: date.parse().expect("a day"), clock: clock.parse().expect("a time") }
    }

    fn settings() -> Settings {
        serde_json::from_str(
            r#"{"slots":[{"start":"10:00","end":"12:00","capacity":10}],"lead_hours":24,"horizon_days":7,
                "cancel_free_hours":24,"deposit_percent":30,
                "products":[{"sku":"tart","price_minor":3333},
                            {"sku":"cake","price_minor":19900,"capacity_units":4},
                            {"sku":"gold","price_minor":18446744073709551615}]}"#,
        )
        .expect("they are settings")
    }

    fn wishes(wishes: &[(&str, u32)]) -> Vec<Wish> {
        let wish = |&(sku, quantity): &(&str, u32)| Wish {
            sku: sku.to_owned(),
            quantity: NonZeroU32::new(quantity).expect("not zero"),
        };
        wishes.iter().map(wish).collect()
    }

    pub(crate) fn preorder(start: &str, lines: &[(&str, u32)], deposit_minor: u64) -> Preorder {
        Preorder {
            code: "K7QFM".to_owned(),
            member: "alice".to_owned(),
            reference: "r1".to_owned(),
            date: "2026-10-03".parse().expect("a day"),
            start: start.parse().expect("a time"),
            end: "12:00".parse().expect("a time"),
            lines: wishes(lines)
                .into_iter()
                .map(|wish| Line { sku: wish.sku, quantity: wish.quantity, price_minor: 1000 })
                .collect(),
            capacity_units: 1,
            total_minor: 1000,
            deposit: (deposit_minor > 0).then(|| Deposit { amount_minor: deposit_minor, posting: "p1".to_owned() }),
            cancel_free_hours: 24,
            keep_deposit_if_missed: true,
            placed_at: 1,
            state: State::Placed,
        }
    }

    #[track_caller]
    fn plan(slot: (&str, &str), taken: u64, wanted: &[(&str, u32)]) -> Result<Plan, Rejection> {
        let slot = moment(slot.0, slot.1);
        Plan::new(&settings(), moment("2026-10-01", "10:00"), slot, taken, &wishes(wanted))
    }

    const SATURDAY_TEN: (&str, &str) = ("2026-10-03", "10:00");

    #[test]
    fn a_plan_adds_up_prices_and_capacity() {
        let plan = plan(SATURDAY_TEN, 0, &[("cake", 1), ("tart", 2)]).expect("it is possible");
        assert_eq!((plan.capacity_units, plan.total_minor), (6, 26_566));
        // 30 percent are 7969.8.
        assert_eq!(plan.deposit_minor, 7_970);
        assert_eq!(plan.end.to_string(), "12:00");
    }

    #[test]
    fn a_plan_is_refused_in_a_fixed_order() {
        let full = |free, needed| Rejection::SlotFull { free, needed };
        let nine = "09:00".parse().expect("a time");
        for (slot, taken, wanted, expected) in [
            (("2026-10-01", "09:00"), 99, &[("bun", 1)][..], Rejection::UnknownProduct { sku: "bun".to_owned() }),
            (("2026-10-01", "09:00"), 99, &[("gold", 2)], Rejection::TooLarge),
            (("2026-10-01", "09:00"), 99, &[("gold", 1), ("tart", 1)], Rejection::TooLarge),
            (
                ("2026-10-03", "09:00"),
                99,
                &[("tart", 1)],
                Rejection::UnknownSlot { date: "2026-10-03".parse().expect("a day"), start: nine },
            ),
            (("2026-10-01", "10:00"), 99, &[("tart", 1)], Rejection::TooLate { lead_hours: 24 }),
            (("2026-10-09", "10:00"), 99, &[("tart", 1)], Rejection::TooEarly { horizon_days: 7 }),
            (SATURDAY_TEN, 10, &[("tart", 1)], full(0, 1)),
            (SATURDAY_TEN, 7, &[("cake", 1)], full(3, 4)),
            (SATURDAY_TEN, 0, &[("cake", u32::MAX)], full(10, 4 * u64::from(u32::MAX))),
        ] {
            assert_eq!(plan(slot, taken, wanted), Err(expected), "{slot:?} {taken} {wanted:?}");
        }
        assert!(plan(SATURDAY_TEN, 6, &[("cake", 1)]).is_ok());
    }

    #[test]
    fn a_deposit_is_rounded_up_and_never_more_than_the_total() {
        for (total, percent, expected) in [
            (0, 100, 0),
            (1, 1, 1),
            (1000, 0, 0),
            (1000, 30, 300),
            (1001, 30, 301),
            (u64::MAX, 100, u64::MAX),
            (u64::MAX, 255, u64::MAX),
        ] {
            assert_eq!(deposit(total, percent), expected, "{percent}% of {total}");
        }
    }

    #[test]
    fn cancelling_in_time_returns_the_deposit_and_late_keeps_it() {
        for (now, returned_minor) in [
            (moment("2026-10-01", "10:00"), 300),
            (moment("2026-10-02", "10:00"), 300),
            (moment("2026-10-02", "10:01"), 0),
            (moment("2026-10-04", "10:00"), 0),
        ] {
            let cancelled = preorder("10:00", &[("tart", 1)], 300).cancelled(now, 9, None).expect("it is placed");
            assert_eq!(cancelled.state, State::Cancelled { at: 9, returned_minor, reason: None }, "{now:?}");
        }
    }

    #[test]
    fn what_is_over_stays_over() {
        let now = moment("2026-10-01", "10:00");
        let placed = preorder("10:00", &[("tart", 1)], 300);
        let picked_up = placed.clone().picked_up(5).expect("it is placed");
        let cancelled = placed.cancelled(now, 5, None).expect("it is placed");
        let code = || "K7QFM".to_owned();
        assert_eq!(picked_up.clone().picked_up(6), Err(Rejection::AlreadyPickedUp { code: code() }));
        assert_eq!(picked_up.cancelled(now, 6, None), Err(Rejection::AlreadyPickedUp { code: code() }));
        assert_eq!(cancelled.clone().picked_up(6), Err(Rejection::AlreadyCancelled { code: code() }));
        assert_eq!(cancelled.cancelled(now, 6, None), Err(Rejection::AlreadyCancelled { code: code() }));
    }

    #[test]
    fn the_same_wishes_are_recognised() {
        let placed = preorder("10:00", &[("tart", 1), ("cake", 2)], 0);
        let slot = moment("2026-10-03", "10:00");
        let same = wishes(&[("tart", 1), ("cake", 2)]);
        assert!(placed.is_for("alice", slot, &same));
        assert!(!placed.is_for("bob", slot, &same));
        assert!(!placed.is_for("alice", moment("2026-10-03", "11:00"), &same));
        assert!(!placed.is_for("alice", moment("2026-10-04", "10:00"), &same));
        assert!(!placed.is_for("alice", slot, &wishes(&[("tart", 1)])));
        assert!(!placed.is_for("alice", slot, &wishes(&[("tart", 1), ("cake", 3)])));
    }

    #[test]
    fn an_id_names_day_and_code() {
        let id = preorder("10:00", &[("tart", 1)], 0).id();
        assert_eq!(id, "2026-10-03-K7QFM");
        assert_eq!(Preorder::parse_id(&id), Some(("2026-10-03".parse().expect("a day"), "K7QFM")));
        for id in ["", "K7QFM", "2026-10-03", "2026-10-03K7QFM", "2026-02-30-K7QFM", "二〇二六年十月三日"] {
            assert_eq!(Preorder::parse_id(id), None, "{id}");
        }
    }

    #[test]
    fn a_stored_preorder_is_read_back() {
        for state in [
            State::Placed,
            State::PickedUp { at: 5 },
            State::Cancelled { at: 6, returned_minor: 300, reason: Some("rain".to_owned()) },
        ] {
            let stored = Preorder { state, ..preorder("10:00", &[("tart", 1)], 300) };
            let json = serde_json::to_string(&stored).expect("it is JSON");
            assert_eq!(serde_json::from_str::<Preorder>(&json).expect("it is a pre-order"), stored);
        }
    }

    #[test]
    fn codes_are_short_readable_and_spread() {
        let drawn: Vec<String> = (0..1000).flat_map(codes).collect();
        assert!(drawn.iter().all(|code| code.len() == 5 && code.bytes().all(|byte| CODE_ALPHABET.contains(&byte))));
        // Neighbouring seeds share seven of their eight attempts.
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 1007);
        assert_eq!(codes(7).collect::<Vec<_>>(), codes(7).collect::<Vec<_>>());
    }

    #[test]
    fn what_nobody_picks_up_keeps_or_returns_its_deposit_by_the_policy_of_its_day() {
        let returned = |keep_deposit_if_missed| {
            let missed = Preorder { keep_deposit_if_missed, ..preorder("10:00", &[("tart", 1)], 300) }.missed(9);
            let missed = missed.expect("it was placed");
            assert_eq!(missed.clone().picked_up(10), Err(Rejection::Missed { code: missed.code.clone() }));
            assert!(missed.is_confirmed(), "it was made");
            missed.state
        };
        assert_eq!(returned(true), State::Missed { at: 9, returned_minor: 0 });
        assert_eq!(returned(false), State::Missed { at: 9, returned_minor: 300 });
        let older = serde_json::to_value(preorder("10:00", &[("tart", 1)], 300)).expect("it is JSON");
        let mut older = older.as_object().expect("an object").clone();
        older.remove("keep_deposit_if_missed");
        let older: Preorder = serde_json::from_value(older.into()).expect("an older one is read");
        assert!(older.keep_deposit_if_missed);
    }
}
