//! What people see: the partners, and the statement of a month.

use punchcard_sdk::{
    page::{Column, Figure, Link, Table},
    prelude::*,
};
use serde_json::Map;

use crate::deal::Deal;
use crate::statement::{self, Kind, Line};

/// Partners on one page.
const PARTNERS_MAX: u32 = 50;
/// Lines on one page.
const LINES_MAX: u64 = 100;

/// The partners, and how each stands.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Partners {
    /// The agreement after which it goes on.
    after: Option<String>,
}

impl PageView for Partners {
    const NAME: &'static str = "partners";
    const TITLE: Text = Text::new("Partners", "联盟伙伴");

    fn render(self, ctx: &CallContext) -> Result<Page, Refusal> {
        let language = Language::of(ctx);
        let word = |en, zh| Text::new(en, zh).wording(language);
        let found = agreements::all(self.after.as_deref(), PARTNERS_MAX)?;
        let next = found.last().filter(|_| found.len() == PARTNERS_MAX as usize);
        let next = next.map(|last| Map::from_iter([("after".to_owned(), last.id.clone().into())]));
        let mut rows = Vec::with_capacity(found.len());
        for agreement in found {
            let deal = Deal::of(agreement)?;
            let side = if deal.is_issuer {
                word("their till, your points", "伙伴门店兑换本店积分")
            } else {
                word("your till, their points", "本店兑换伙伴积分")
            };
            let state = if deal.in_force { word("in force", "生效中") } else { word("ended", "已终止") };
            let query = Map::from_iter([("agreement".to_owned(), deal.id.into())]);
            let statement = Link { text: deal.partner, page: StatementPage::NAME, query };
            rows.push(vec![
                Cell::Page(statement),
                Cell::text(side),
                Cell::text(state),
                Cell::Money(deal.balance_minor),
            ]);
        }
        let columns = [("Partner", "伙伴"), ("What", "方向"), ("State", "状态"), ("Owes you", "应收")];
        let columns = columns.map(|(en, zh)| Column::new(word(en, zh))).into();
        let table = Table { title: None, columns, rows, next };
        Ok(Page::new(Self::TITLE.wording(language)).with(Block::Table(table)))
    }
}

/// The statement of a month under an agreement.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StatementPage {
    /// Which agreement; without it the first.
    agreement: Option<String>,
    /// A month of UTC, as `2026-11`; without it the present one.
    month: Option<String>,
    /// From which line on.
    from: u64,
}

impl PageView for StatementPage {
    const NAME: &'static str = "statement";
    const TITLE: Text = Text::new("Statement", "对账单");

    fn render(self, ctx: &CallContext) -> Result<Page, Refusal> {
        let language = Language::of(ctx);
        let word = |en, zh| Text::new(en, zh).wording(language).to_owned();
        let deal = match &self.agreement {
            Some(agreement) => Deal::open(ctx, agreement)?,
            None => match agreements::all(None, 1)?.pop() {
                Some(first) => Deal::of(first)?,
                None => {
                    let nobody = word("There is no agreement with a partner yet.", "尚无联盟协议。");
                    return Ok(Page::new(Self::TITLE.wording(language)).with(Block::Text { text: nobody }));
                }
            },
        };
        let month = match &self.month {
            Some(month) => statement::read_month(ctx, month)?,
            None => statement::month(ctx.now),
        };
        let totals = statement::totals(&deal.id, &month)?;
        let lines = statement::lines(&deal.id, &month, self.from, LINES_MAX)?;
        let next = self.from.saturating_add(LINES_MAX);
        let next = (next < totals.lines).then(|| {
            let (agreement, month) = (deal.id.clone().into(), month.clone().into());
            Map::from_iter([
                ("agreement".to_owned(), agreement),
                ("month".to_owned(), month),
                ("from".to_owned(), next.into()),
            ])
        });
        let figure = |label: String, value| Figure { label, value };
        let whole = |number: u64| Cell::Number(i64::try_from(number).unwrap_or(i64::MAX));
        let figures = vec![
            figure(word("Owes you in all", "应收余额"), Cell::Money(deal.balance_minor)),
            figure(word("This month", "本月净额"), Cell::Money(totals.due_minor)),
            figure(word("Points redeemed", "兑换积分"), whole(totals.redeemed_points)),
            figure(word("Points taken back", "撤销积分"), whole(totals.cancelled_points)),
            figure(word("Points earned", "返积分"), whole(totals.earned_points)),
        ];
        let row = |line: Line| {
            let kind = match line.kind {
                Kind::Redeemed => word("redeemed", "兑换"),
                Kind::Cancelled => word("taken back", "撤销"),
                Kind::Earned => word("earned", "返积分"),
                Kind::Paid => word("paid", "付款"),
            };
            vec![
                Cell::Instant(line.at),
                Cell::text(kind),
                whole(line.points),
                Cell::Money(line.due_minor),
                Cell::text(line.reference),
            ]
        };
        let columns =
            [("When", "时间"), ("What", "类型"), ("Points", "积分"), ("Owes you", "应收"), ("Reference", "编号")];
        let columns = columns.map(|(en, zh)| Column::new(word(en, zh))).into();
        let table = Table { title: None, columns, rows: lines.into_iter().map(row).collect(), next };
        let title = format!("{} · {month}", deal.partner);
        Ok(Page::new(title).with(Block::Figures { figures }).with(Block::Table(table)))
    }
}
