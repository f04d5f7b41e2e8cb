//! A pack for tests of the host: its settings say what it takes off orders, and what goes wrong. A test makes another version
//! of it, or one that asks for more, by writing another text of that length into its bytes.

use punchcard_sdk::{
    kv::Entry,
    order::{Reduction, Skipped},
    prelude::*,
};

/// The version.
const VERSION: &str = "1.0.0";
/// How much it asks for, at the end.
const ASKS: &str = "percent: 40";

struct Prices;

/// What this pack is asked to do.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// What it takes off.
    discounts: Vec<Off>,
    /// So many times.
    times: Option<usize>,
    /// The rules that it says take nothing off.
    skips: Vec<String>,
    /// What goes wrong, after writing.
    fails: Fails,
    /// Refuses to decide on orders that are recorded.
    decides_nothing: bool,
}

/// Something that it takes off.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Off {
    rule: String,
    title: String,
    /// Which lines, from 0, and how much each.
    lines: Vec<(u32, u64)>,
}

/// How a call goes wrong.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Fails {
    /// It does not.
    #[default]
    Never,
    /// It refuses.
    Refuses,
    /// It panics.
    Panics,
    /// It never returns.
    Loops,
}

impl Pack for Prices {
    fn manifest() -> Manifest {
        // It is read when it is asked for, so that another text counts.
        let asks = std::hint::black_box(ASKS).rsplit(' ').next().and_then(|percent| percent.parse().ok());
        Manifest::new("prices", VERSION)
            .title(Text::new("Prices", "价格"))
            .grant(Capability::OrdersDiscount(asks.unwrap_or_default()), Text::new("to take something off", "用于减价"))
            .settings::<Settings>()
            .commands(Self::ALL)
    }
}

impl Pricing for Prices {
    fn price(ctx: &CallContext, order: &Order) -> Result<Offer, Refusal> {
        let Settings { discounts, times, skips, fails, .. } = settings()?;
        let amounts: Vec<_> = order.lines.iter().map(|line| line.amount).collect();
        let buyer = order.buyer.as_ref().map(|buyer| &buyer.id);
        let seen = serde_json::json!({ "at": ctx.now, "total": order.total, "lines": amounts, "buyer": buyer });
        kv::put_json(&format!("order-{}", order.id), &seen)?;
        match fails {
            Fails::Never => {}
            Fails::Refuses => return Err(Refusal::refused("not-today", "nothing comes off today")),
            Fails::Panics => panic!("prices: trapped on purpose, after writing"),
            Fails::Loops => loop {
                std::hint::black_box(());
            },
        }
        let discounts = discounts.into_iter().map(|Off { rule, title, lines }| Discount {
            rule,
            title,
            reductions: lines.into_iter().map(|(line, amount)| Reduction { line, amount }).collect(),
        });
        let discounts: Vec<_> = discounts.collect();
        let skipped = skips.into_iter().map(|rule| Skipped { rule, explanation: "not this one".to_owned() });
        Ok(Offer { discounts: vec![discounts; times.unwrap_or(1)].concat(), skipped: skipped.collect() })
    }
}

impl Checkout for Prices {
    fn decide(_: &CallContext, order: &Order) -> Result<Decision, Refusal> {
        let seen = kv::get(&format!("order-{}", order.id))?;
        let rule = if seen.is_some() { Finding::applied } else { Finding::skipped };
        Ok(Decision { earnings: Vec::new(), findings: vec![rule("priced", "whether it was priced")] })
    }

    fn settled(ctx: &CallContext, order: &Order) -> Result<Decision, Refusal> {
        if settings::<Settings>()?.decides_nothing {
            return Err(Refusal::refused("not-today", "nothing is decided today"));
        }
        Self::decide(ctx, order)
    }

    fn refunded(_: &CallContext, refund: &Refund) -> Result<(), Refusal> {
        Ok(kv::delete(&format!("order-{}", refund.order.id))?)
    }
}

/// Shows the orders at whose recording it was asked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Seen {}

impl Command for Seen {
    const NAME: &'static str = "seen";
    const TITLE: Text = Text::new("Orders that were seen", "查看订单");
    type Output = serde_json::Map<String, serde_json::Value>;

    fn run(self, _: &CallContext) -> Result<Self::Output, Refusal> {
        let found = kv::scan("order-", "order-~", kv::SCAN_MAX)?;
        let seen = |Entry { key, value }| {
            (key["order-".len()..].to_owned(), serde_json::from_slice(&value).unwrap_or_default())
        };
        Ok(found.into_iter().map(seen).collect())
    }
}

impl Commands for Prices {
    const ALL: &'static [Operation] = &[Operation::of::<Seen>()];
}

punchcard_sdk::pack!(Prices: checkout, pricing, commands);
