//! `POST /v1/quotes`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, Label, LineFault, MemberId, Order, StoreId};
use crate::http::caller::Caller;
use crate::http::sent::Sent;
use crate::http::wire::{AmountMinor, CouponChoice, CouponDiscountOut, DiscountOut, EarnedOut, FailedOut, LineOut};
use crate::http::{App, Problem, at_store};
use crate::pack::Finding;
use crate::usecase::{self, PackQuote, QuoteLine, QuotedCoupon, SoughtCoupons};

/// A basket.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"store": "sto_0198f2a4c1d07e3b9a5c6d7e8f901234", "member": "mem_0198f2a4c1d07e3b9a5c6d7e8f901234", "lines": [{"sku": "croissant", "quantity": 2, "amount_minor": 2400}]}))]
pub(super) struct Basket {
    #[schema(value_type = String)]
    store: StoreId,
    /// Who buys, if it is known.
    #[schema(value_type = Option<String>)]
    member: Option<MemberId>,
    lines: Vec<QuoteLineIn>,
    /// Which of the buyer's coupons are looked at; none if it is left out. Nothing is redeemed.
    coupons: Option<CouponsSought>,
    /// Whether packs take something off, as far as the merchant lets them. Then an order at these prices says its `due_minor`.
    #[serde(default)]
    discounts: bool,
}

/// A line of a basket.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QuoteLineIn {
    /// The merchant's name for the thing.
    #[schema(value_type = String, example = "croissant", max_length = 128)]
    sku: Label,
    /// Its category; what the catalogue says if it is left out.
    #[schema(value_type = Option<String>, example = "pastry", max_length = 128)]
    category: Option<Label>,
    /// Its brand; what the catalogue says if it is left out.
    #[schema(value_type = Option<String>, example = "Maison", max_length = 128)]
    brand: Option<Label>,
    /// How many.
    #[schema(example = 2, minimum = 1)]
    quantity: u32,
    /// The line's total after its discounts, in minor units. If it is left out, what the catalogue says: the price for
    /// members when `member` is there and the catalogue has one, the price otherwise.
    #[schema(value_type = Option<u64>, example = 2400)]
    amount_minor: Option<AmountMinor>,
}

impl From<QuoteLineIn> for QuoteLine {
    fn from(line: QuoteLineIn) -> Self {
        let QuoteLineIn { sku, category, brand, quantity, amount_minor } = line;
        Self { sku, category, brand, quantity, amount_minor: amount_minor.map(|amount| amount.0) }
    }
}

/// Which coupons are looked at: `"best"` for all that the buyer has, of which the best count (several of one type as far as
/// they go together), or a list of those that are to count, as in an order.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum CouponsSought {
    /// All that the buyer has.
    Word(BestWord),
    /// These.
    Named(Vec<CouponChoice>),
}

/// The word for the best coupons.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BestWord {
    /// Those that give most.
    Best,
}

/// What a basket would get.
#[derive(Serialize, ToSchema)]
pub(super) struct QuoteOut {
    /// The lines with what they cost, before packs and coupons take something off: as an order is to have them.
    lines: Vec<LineOut>,
    /// The sum of the lines.
    total_minor: u64,
    /// What is left to be paid when what packs take off, if that was asked for, and the coupons that count are taken off.
    due_minor: u64,
    /// Each coupon that was looked at, those that count first, in the order in which they do. An order with these lines
    /// and those that count in this order (by `hold` where there is one, by type otherwise) comes to `due_minor`; it has to say
    /// so when packs were asked for `discounts`.
    coupons: Vec<QuotedCouponOut>,
    /// What each pack says, in the order they are asked.
    packs: Vec<PackQuoteOut>,
}

/// A coupon that was looked at, or all that a hold has reserved, of which all count or none.
#[derive(Serialize, ToSchema)]
pub(super) struct QuotedCouponOut {
    coupon: String,
    /// What people read on it; null when there is no such type.
    title: Option<String>,
    /// The reservation that it is in, when it was named by that.
    hold: Option<String>,
    /// How many they are: more than 1 only when so many are reserved together.
    count: u64,
    /// Whether it counts.
    applied: bool,
    /// What it would take off, or give; all of them together.
    discount: Option<CouponDiscountOut>,
    /// Why it does not count.
    skipped: Option<SkippedOut>,
}

/// Why something does not count.
#[derive(Serialize, ToSchema)]
pub(super) struct SkippedOut {
    /// Stable name of the reason: `not-held`, `not-stackable`, `others-give-more`, `coupon-below-threshold` and so on.
    code: String,
    explanation: String,
}

impl From<QuotedCoupon> for QuotedCouponOut {
    fn from(quoted: QuotedCoupon) -> Self {
        let (discount, skipped) = match quoted.says {
            Ok(discount) => (Some(discount.into()), None),
            Err(unused) => (None, Some(SkippedOut { code: unused.code.to_owned(), explanation: unused.explanation })),
        };
        Self {
            coupon: quoted.coupon.into(),
            title: quoted.title.map(Into::into),
            hold: quoted.hold.map(|hold| hold.to_string()),
            count: quoted.count,
            applied: discount.is_some(),
            discount,
            skipped,
        }
    }
}

/// What one pack says to a basket.
#[derive(Serialize, ToSchema)]
pub(super) struct PackQuoteOut {
    pack: String,
    /// What it takes off, before coupons.
    discounts: Vec<DiscountOut>,
    /// What the buyer would earn.
    earnings: Vec<EarnedOut>,
    /// What it would be more if the units had no limits.
    kept_back: Vec<EarnedOut>,
    /// Which rules were looked at, and why they count or not.
    findings: Vec<FindingOut>,
    /// Why the pack does not say all or says nothing, when it failed.
    failed: Option<FailedOut>,
}

impl From<PackQuote> for PackQuoteOut {
    fn from(quote: PackQuote) -> Self {
        let PackQuote { pack, discounts, earnings, kept_back, findings, failed } = quote;
        let earnings = earnings.into_iter().map(|earning| EarnedOut {
            unit: earning.unit.into(),
            amount: earning.amount,
            expires_at: earning.expires_at.map(|at| at.to_string()),
        });
        let kept_back = kept_back.into_iter();
        let kept_back = kept_back.map(|(unit, amount)| EarnedOut { unit: unit.into(), amount, expires_at: None });
        Self {
            pack: pack.into(),
            discounts: discounts.into_iter().map(Into::into).collect(),
            earnings: earnings.collect(),
            kept_back: kept_back.collect(),
            findings: findings.into_iter().map(Into::into).collect(),
            failed: failed.map(|(code, message)| FailedOut { code, message }),
        }
    }
}

/// A rule that was looked at.
#[derive(Serialize, ToSchema)]
pub(super) struct FindingOut {
    /// Whether it counts for this basket.
    applied: bool,
    rule: String,
    explanation: String,
}

impl From<Finding> for FindingOut {
    fn from(finding: Finding) -> Self {
        let Finding { applied, rule, explanation } = finding;
        Self { applied, rule, explanation }
    }
}

/// What a basket would get, and why. Nothing is recorded.
#[utoipa::path(post, path = "/v1/quotes", tag = "orders",
    extensions(("x-needs" = json!("serve"))), request_body = Basket,
    responses((status = 200, body = QuoteOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn quote_order(
    State(app): State<App>,
    caller: Caller,
    sent: Sent<Basket>,
) -> Result<Json<QuoteOut>, Problem> {
    let Basket { store, member, lines: basket, coupons, discounts } = sent.body;
    let coupons = match coupons {
        None => SoughtCoupons::None,
        Some(CouponsSought::Word(BestWord::Best)) => SoughtCoupons::Best,
        Some(CouponsSought::Named(named)) => SoughtCoupons::Named(named.into_iter().map(Into::into).collect()),
    };
    if basket.len() > Order::LINES_MAX {
        return Err(LineFault::TooManyLines { given: basket.len() }.into());
    }
    let lines = basket.into_iter().map(Into::into).collect();
    let new = usecase::QuoteOrder { store, member, lines, coupons, discounts };
    let quote = app
        .serve(caller, Action::Serve, move |host, actor| {
            at_store(actor, new.store)?;
            Ok::<_, Problem>(host.act(actor, |tx, act| usecase::quote_order(tx, act, &new))?)
        })
        .await?;
    let packs = quote.packs.into_iter().map(Into::into).collect();
    let coupons = quote.coupons.into_iter().map(Into::into).collect();
    let lines = quote.lines.into_iter().map(Into::into).collect();
    Ok(Json(QuoteOut { lines, total_minor: quote.total_minor, due_minor: quote.due_minor, coupons, packs }))
}
