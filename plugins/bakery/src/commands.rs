//! The operations of the pack: each loads, decides by the pure rules, writes and replies.

use punchcard_sdk::{Clock, LocalDate, prelude::*, shortened};

use crate::{
    STORED_VALUE, closing,
    preorder::{Deposit, Line, Plan, Preorder, State, Wish, codes},
    rejection::Rejection,
    settings::{Settings, Slot},
    sheet::DaySheet,
    slots::{Moment, SlotOffer},
    storage::Storage,
};

/// As much of a reason as a posting keeps, in bytes.
const POSTING_REASON_BYTES: usize = 128;

/// Shows the pickup slots of a day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slots {
    #[schemars(extend("x-title" = {"en": "Day", "zh-CN": "日期"}))]
    date: LocalDate,
}

#[derive(Debug, Serialize)]
pub(crate) struct SlotsOfDay {
    date: LocalDate,
    slots: Vec<SlotOffer>,
}

impl Command for Slots {
    const NAME: &'static str = "slots";
    const TITLE: Text = Text::new("Pickup slots of a day", "当日取货时段");
    type Output = SlotsOfDay;

    fn run(self, ctx: &CallContext) -> Result<SlotsOfDay, Refusal> {
        let counter = Counter::open(ctx)?;
        let settings = settings::<Settings>()?;
        let taken = counter.storage.taken_of(self.date)?;
        let offer = |slot: &Slot| {
            let taken = taken.iter().find(|(start, _)| *start == slot.start).map_or(0, |(_, units)| *units);
            SlotOffer::new(&settings, counter.now, self.date, slot, taken, counter.language)
        };
        Ok(SlotsOfDay { date: self.date, slots: settings.slots_on(self.date).into_iter().map(offer).collect() })
    }
}

/// Places a pre-order and takes its deposit. The same reference with the same content gives the first result again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Member", "zh-CN": "会员"}))]
    member: String,
    #[schemars(extend("x-title" = {"en": "Day", "zh-CN": "日期"}))]
    date: LocalDate,
    /// When the slot starts.
    #[schemars(extend("x-title" = {"en": "Slot", "zh-CN": "取货时段"}))]
    slot: Clock,
    #[schemars(length(min = 1, max = 50), extend("x-title" = {"en": "Products", "zh-CN": "商品"}))]
    lines: Vec<Wish>,
    /// The caller's own id for this pre-order: visible ASCII.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[!-~]+$"), extend("x-title" = {"en": "Reference", "zh-CN": "外部编号"}))]
    reference: String,
}

/// A pre-order as it was placed.
#[derive(Debug, Serialize)]
pub(crate) struct Placed {
    preorder: String,
    code: String,
    date: LocalDate,
    start: Clock,
    end: Clock,
    lines: Vec<Line>,
    total_minor: u64,
    deposit_minor: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    deposit_posting: Option<String>,
    balance_due_minor: u64,
}

impl From<Preorder> for Placed {
    fn from(preorder: Preorder) -> Self {
        Self {
            preorder: preorder.id(),
            deposit_minor: preorder.deposit_minor(),
            balance_due_minor: preorder.balance_due_minor(),
            code: preorder.code,
            date: preorder.date,
            start: preorder.start,
            end: preorder.end,
            lines: preorder.lines,
            total_minor: preorder.total_minor,
            deposit_posting: preorder.deposit.map(|deposit| deposit.posting),
        }
    }
}

impl Command for Place {
    const NAME: &'static str = "place";
    const TITLE: Text = Text::new("Place a pre-order", "下预订单");
    type Output = Placed;

    fn run(self, ctx: &CallContext) -> Result<Placed, Refusal> {
        let counter = Counter::open(ctx)?;
        let slot = Moment { date: self.date, clock: self.slot };
        if let Some(first) = counter.storage.by_reference(&self.reference)? {
            return if first.is_for(&self.member, slot, &self.lines) {
                Ok(first.into())
            } else {
                Err(counter.no(&Rejection::ReferenceReused { reference: self.reference }))
            };
        }

        let settings = settings::<Settings>()?;
        let taken = counter.storage.taken(self.date, self.slot)?;
        let plan = Plan::new(&settings, counter.now, slot, taken, &self.lines).map_err(|no| counter.no(&no))?;
        counter.check_member(&self.member)?;
        let code = counter.free_code(self.date, ctx.seed)?;
        let deposit = counter.take_deposit(&self.member, plan.deposit_minor, &code)?;

        let preorder = Preorder {
            code,
            member: self.member,
            reference: self.reference,
            date: self.date,
            start: self.slot,
            end: plan.end,
            lines: plan.lines,
            capacity_units: plan.capacity_units,
            total_minor: plan.total_minor,
            deposit,
            cancel_free_hours: settings.cancel_free_hours,
            keep_deposit_if_missed: settings.keep_deposit_if_missed,
            placed_at: ctx.now,
            state: State::Placed,
        };
        counter.storage.put_taken(self.date, self.slot, taken.saturating_add(plan.capacity_units))?;
        counter.storage.put_reference(&preorder)?;
        counter.storage.put_preorder(&preorder)?;
        closing::expect(ctx, preorder.date)?;
        Ok(preorder.into())
    }
}

/// Cancels a pre-order. The deposit goes back if it is early enough.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Pre-order", "zh-CN": "预订单"}))]
    preorder: String,
    /// Why. The statement shows as much of it as fits.
    #[serde(default)]
    #[schemars(length(max = 500), extend("x-title" = {"en": "Reason", "zh-CN": "原因"}))]
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Cancelled {
    preorder: String,
    returned_minor: u64,
    kept_minor: u64,
}

impl Command for Cancel {
    const NAME: &'static str = "cancel";
    const TITLE: Text = Text::new("Cancel a pre-order", "取消预订");
    type Output = Cancelled;

    fn run(self, ctx: &CallContext) -> Result<Cancelled, Refusal> {
        let counter = Counter::open(ctx)?;
        let placed = match Preorder::parse_id(&self.preorder) {
            Some((date, code)) => counter.preorder(date, code, &self.preorder)?,
            None => return Err(counter.no(&Rejection::UnknownPreorder { preorder: self.preorder })),
        };
        let cancelled = placed.cancelled(counter.now, ctx.now, self.reason).map_err(|no| counter.no(&no))?;
        let returned_minor = match (&cancelled.state, &cancelled.deposit) {
            (State::Cancelled { returned_minor, reason, .. }, Some(deposit)) if *returned_minor > 0 => {
                let reason = reason.clone().unwrap_or_else(|| cancelled.id());
                assets::reverse(&deposit.posting, shortened(&reason, POSTING_REASON_BYTES))?;
                *returned_minor
            }
            _ => 0,
        };
        let taken = counter.storage.taken(cancelled.date, cancelled.start)?;
        let still_taken = taken.saturating_sub(cancelled.capacity_units);
        counter.storage.put_taken(cancelled.date, cancelled.start, still_taken)?;
        counter.storage.put_preorder(&cancelled)?;
        Ok(Cancelled {
            preorder: cancelled.id(),
            returned_minor,
            kept_minor: cancelled.deposit_minor().saturating_sub(returned_minor),
        })
    }
}

/// Hands a pre-order over. Once only.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PickUp {
    /// What the member shows, in upper or lower case.
    #[schemars(length(min = 1, max = 16), extend("x-title" = {"en": "Pickup code", "zh-CN": "取货码"}))]
    code: String,
    /// The day of the slot.
    #[schemars(extend("x-title" = {"en": "Day", "zh-CN": "日期"}))]
    date: LocalDate,
}

#[derive(Debug, Serialize)]
pub(crate) struct PickedUp {
    preorder: String,
    member: String,
    lines: Vec<Line>,
    total_minor: u64,
    deposit_minor: u64,
    balance_due_minor: u64,
}

impl Command for PickUp {
    const NAME: &'static str = "pick-up";
    const TITLE: Text = Text::new("Pick up", "取货");
    type Output = PickedUp;

    fn run(self, ctx: &CallContext) -> Result<PickedUp, Refusal> {
        let counter = Counter::open(ctx)?;
        let code = self.code.trim().to_ascii_uppercase();
        let placed = counter.preorder(self.date, &code, &code)?;
        let picked_up = placed.picked_up(ctx.now).map_err(|no| counter.no(&no))?;
        counter.storage.put_preorder(&picked_up)?;
        Ok(PickedUp {
            preorder: picked_up.id(),
            deposit_minor: picked_up.deposit_minor(),
            balance_due_minor: picked_up.balance_due_minor(),
            member: picked_up.member,
            lines: picked_up.lines,
            total_minor: picked_up.total_minor,
        })
    }
}

/// Shows what has to be made for a day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sheet {
    #[schemars(extend("x-title" = {"en": "Day", "zh-CN": "日期"}))]
    date: LocalDate,
}

#[derive(Debug, Serialize)]
pub(crate) struct SheetOfDay {
    date: LocalDate,
    #[serde(flatten)]
    sheet: DaySheet,
}

impl Command for Sheet {
    const NAME: &'static str = "sheet";
    const TITLE: Text = Text::new("Production sheet", "生产单");
    type Output = SheetOfDay;

    fn run(self, ctx: &CallContext) -> Result<SheetOfDay, Refusal> {
        let counter = Counter::open(ctx)?;
        let preorders = counter.storage.preorders_of(self.date)?;
        Ok(SheetOfDay { date: self.date, sheet: DaySheet::new(&settings()?, &preorders) })
    }
}

/// Where a call happens.
struct Counter {
    storage: Storage,
    now: Moment,
    language: Language,
}

impl Counter {
    fn open(ctx: &CallContext) -> Result<Self, Refusal> {
        let language = Language::of(ctx);
        match &ctx.store {
            Some(store) => Ok(Self { storage: Storage::of(store), now: Moment::from(&ctx.local), language }),
            None => Err(Rejection::StoreRequired.refusal(language)),
        }
    }

    fn no(&self, rejection: &Rejection) -> Refusal {
        rejection.refusal(self.language)
    }

    fn preorder(&self, date: LocalDate, code: &str, named: &str) -> Result<Preorder, Refusal> {
        let unknown = || self.no(&Rejection::UnknownPreorder { preorder: named.to_owned() });
        // A code that cannot be one must not become a key that cannot be one.
        if code.is_empty() || !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(unknown());
        }
        self.storage.preorder(date, code)?.ok_or_else(unknown)
    }

    /// Refuses a member that does not exist. Where the merchant does not let us look, a deposit will tell.
    fn check_member(&self, member: &str) -> Result<(), Refusal> {
        match members::get(member) {
            Ok(_) | Err(HostError::Denied(_)) => Ok(()),
            Err(HostError::NotFound(_)) => Err(self.no(&Rejection::UnknownMember { member: member.to_owned() })),
            Err(error) => Err(error.into()),
        }
    }

    fn free_code(&self, date: LocalDate, seed: u64) -> Result<String, Refusal> {
        for code in codes(seed) {
            if self.storage.preorder(date, &code)?.is_none() {
                return Ok(code);
            }
        }
        Err(self.no(&Rejection::NoCodeLeft))
    }

    fn take_deposit(&self, member: &str, amount_minor: u64, code: &str) -> Result<Option<Deposit>, Refusal> {
        if amount_minor == 0 {
            return Ok(None);
        }
        let reason = match self.language {
            Language::English => format!("deposit {code}"),
            Language::Chinese => format!("定金 {code}"),
        };
        let debit = Debit { member: member.to_owned(), unit: STORED_VALUE.to_owned(), amount: amount_minor, reason };
        match assets::spend(&debit) {
            Ok(posting) => Ok(Some(Deposit { amount_minor, posting })),
            Err(HostError::Insufficient(available)) => {
                Err(self.no(&Rejection::InsufficientStoredValue { available, needed: amount_minor }))
            }
            Err(HostError::NotFound(_)) => Err(self.no(&Rejection::UnknownMember { member: debit.member })),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_read_and_nonsense_is_not() {
        let place = r#"{"member":"alice","date":"2026-10-03","slot":"10:00","lines":[{"sku":"cake","quantity":1}],"reference":"r1"}"#;
        assert!(serde_json::from_str::<Place>(place).is_ok());
        for (from, to) in [
            ("2026-10-03", "2026-10-32"),
            ("10:00", "10"),
            (r#""quantity":1"#, r#""quantity":0"#),
            (r#""quantity":1"#, r#""quantity":1,"size":8"#),
        ] {
            assert!(serde_json::from_str::<Place>(&place.replace(from, to)).is_err(), "{to}");
        }
        assert!(serde_json::from_str::<Cancel>(r#"{"preorder":"2026-10-03-K7QFM"}"#).is_ok());
    }

    #[test]
    fn a_call_without_a_store_is_refused() {
        let mut ctx = punchcard_sdk::testing::context("2026-10-01", "10:00");
        ctx.store = None;
        let refusal = Sheet { date: "2026-10-03".parse().expect("a day") }.run(&ctx).expect_err("there is no store");
        assert_eq!(refusal.problem().code, "store-required");
    }
}
