//! What both sides do: payments, statements, and whether the two agree.

use punchcard_sdk::{agreements::question, prelude::*};

use crate::deal::{Deal, signed};
use crate::protocol::{Ask, Noted, Told};
use crate::rejection::Rejection;
use crate::statement::{self, Kind, Line, Totals};

/// Lines of a statement that are told at once.
const LINES_MAX: u64 = 100;

/// Notes that the partner has paid what they owed. Whoever is owed says so.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paid {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Agreement", "zh-CN": "联盟协议"}))]
    agreement: String,
    /// In minor units.
    #[schemars(range(min = 1), extend("x-title" = {"en": "Amount", "zh-CN": "金额"}))]
    amount_minor: u64,
    /// The bank's id of it: visible ASCII.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[!-~]+$"), extend("x-title" = {"en": "Reference", "zh-CN": "外部编号"}))]
    reference: String,
}

/// How the two stand.
#[derive(Debug, Serialize)]
pub(crate) struct Balance {
    /// How much more the partner owes than is owed to them, in minor units.
    balance_minor: i64,
}

impl Command for Paid {
    const NAME: &'static str = "paid";
    const TITLE: Text = Text::new("The partner has paid", "登记伙伴付款");
    type Output = Balance;

    fn run(self, ctx: &CallContext) -> Result<Balance, Refusal> {
        let deal = Deal::open(ctx, &self.agreement)?;
        let due_minor = u64::try_from(deal.balance_minor).unwrap_or(0);
        if self.amount_minor > due_minor {
            return Err(Rejection::NotDue { due_minor }.refusal(ctx));
        }
        deal.owe(ctx, self.amount_minor, "paid")?;
        let paid = signed(ctx, self.amount_minor)?;
        // When it is over nobody is asked any more, and what is owed is still paid.
        if deal.in_force {
            let ask = Ask::Paid { amount_minor: self.amount_minor, reference: self.reference.clone() };
            let Noted {} = question(&deal.id, &ask)?;
        }
        let (kind, reference) = (Kind::Paid, self.reference);
        let line = Line { at: ctx.now, kind, due_minor: -paid, points: 0, reference, redemption: None };
        statement::write(ctx, &deal.id, &line)?;
        Ok(Balance { balance_minor: deal.balance_minor - paid })
    }
}

/// Shows the statement of a month.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadStatement {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Agreement", "zh-CN": "联盟协议"}))]
    agreement: String,
    /// A month of UTC, as `2026-11`.
    #[schemars(length(equal = 7), extend("x-title" = {"en": "Month", "zh-CN": "月份"}))]
    month: String,
    /// From which line on, the first being 0.
    #[serde(default)]
    #[schemars(range(max = 1_000_000_000_u64), extend("x-title" = {"en": "From line", "zh-CN": "起始行"}))]
    from: u64,
}

/// A statement.
#[derive(Debug, Serialize)]
pub(crate) struct StatementOf {
    totals: Totals,
    lines: Vec<Line>,
    /// From which line on there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

impl Command for ReadStatement {
    const NAME: &'static str = "statement";
    const TITLE: Text = Text::new("Statement of a month", "月度对账单");
    type Output = StatementOf;

    fn run(self, ctx: &CallContext) -> Result<StatementOf, Refusal> {
        let deal = Deal::open(ctx, &self.agreement)?;
        let month = statement::read_month(ctx, &self.month)?;
        let totals = statement::totals(&deal.id, &month)?;
        let lines = statement::lines(&deal.id, &month, self.from, LINES_MAX)?;
        let next = self.from + LINES_MAX;
        Ok(StatementOf { totals, lines, next: (next < totals.lines).then_some(next) })
    }
}

/// Compares a month with the partner's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reconcile {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Agreement", "zh-CN": "联盟协议"}))]
    agreement: String,
    /// A month of UTC, as `2026-11`.
    #[schemars(length(equal = 7), extend("x-title" = {"en": "Month", "zh-CN": "月份"}))]
    month: String,
}

/// Whether both say the same of a month.
#[derive(Debug, Serialize)]
pub(crate) struct Reconciled {
    same: bool,
    ours: Totals,
    /// Seen from here.
    theirs: Totals,
}

impl Command for Reconcile {
    const NAME: &'static str = "reconcile";
    const TITLE: Text = Text::new("Compare a month with the partner's", "与伙伴对账");
    type Output = Reconciled;

    fn run(self, ctx: &CallContext) -> Result<Reconciled, Refusal> {
        let deal = Deal::open(ctx, &self.agreement)?;
        let month = statement::read_month(ctx, &self.month)?;
        let ours = statement::totals(&deal.id, &month)?;
        let Told { totals } = question(&deal.id, &Ask::Totals { month })?;
        let theirs = totals.mirrored();
        Ok(Reconciled { same: ours == theirs, ours, theirs })
    }
}
